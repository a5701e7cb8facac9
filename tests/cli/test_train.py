"""`vary train`, in a process as a person starts it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import vary.train.run
from vary.cli.main import app
from vary.train.guard import RunDiverged

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"
RUN_VARY = "import sys; from vary.cli.main import main; sys.argv[0] = 'vary'; main()"


def vary_train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_stopping_and_going_on(recipe_file, tmp_path):
    run = [sys.executable, "-c", RUN_VARY, "train", str(recipe_file), f"out={tmp_path / 'run'}"]
    stopped = subprocess.run(
        [*run, "--max-minutes", "0"], capture_output=True, text=True, check=False, timeout=300
    )
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == f"{tmp_path / 'run'}\n"
    assert "time is used up; the same command goes on" in stopped.stderr
    gone_on = vary_train(recipe_file, run[-1])
    assert gone_on.exit_code == 0, gone_on.stderr
    last = yaml.safe_load(recipe_file.read_text(encoding="utf-8"))["stages"][-1]["name"]
    assert gone_on.stdout == f"{tmp_path / 'run' / last / 'final'}\n"
    assert (tmp_path / "run" / "metrics.png").is_file()
    assert (tmp_path / "run" / last / "final" / "model.safetensors").is_file()
    for noise in ("train_runtime", "Loading weights", "Writing model"):
        assert noise not in stopped.stderr + gone_on.stderr


def test_a_missing_recipe_is_told_in_one_line(tmp_path):
    result = vary_train(tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "none.yaml" in result.stderr


@pytest.mark.parametrize(
    ("override", "told"),
    [("sede=1", "did you mean seed?"), ("data.text=''", "data.text=FOLDER"), ("seed", "key=value")],
)
def test_a_slip_is_told(recipe_file, tmp_path, override, told):
    result = vary_train(recipe_file, f"out={tmp_path / 'run'}", override)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "run").exists()


def test_nano_asks_for_a_text():
    result = vary_train(NANO)
    assert result.exit_code == 2
    assert "data.text=FOLDER" in result.stderr


def test_a_run_that_diverged_is_told_without_a_trace(recipe_file, monkeypatch):
    def diverge(*_):
        raise RunDiverged("the loss of step 3 is nan")

    monkeypatch.setattr(vary.train.run, "train", diverge)
    result = vary_train(recipe_file)
    assert result.exit_code == 1
    assert result.stderr == "vary: the loss of step 3 is nan\n"


def test_less_than_no_time_is_refused(recipe_file):
    assert vary_train(recipe_file, "--max-minutes", "-1").exit_code == 2
