"""`vary train`, with the tiny recipe written out, in a process as a person starts it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import vary.train.run
from vary.cli.main import app
from vary.train.callbacks import RunDiverged

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"
RUN_VARY = "import sys; from vary.cli.main import main; sys.argv[0] = 'vary'; main()"
SMALL = {
    "model": {
        "vocabulary": {
            "image_size": [48, 256],
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "window_size": [3, 8],
            "global_blocks": [1],
            "out_channels": 32,
            "merge_channels": [32, 48],
        },
        "text": {
            "hidden_size": 96,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
        },
        "image": {"width": 256},
        "tokenizer": {"vocabulary_size": 700},
    },
}


def vary_train(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return a folder of texts and fonts, of each a file to learn from and one held out."""
    matplotlib = pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("sources")
    for name in ("text", "fonts"):
        (folder / name).mkdir()
    brought = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in ("DejaVuSans.ttf", "DejaVuSerif.ttf"):
        (folder / "fonts" / name).write_bytes((brought / name).read_bytes())
    for name in ("learned", "held"):
        line = f"Seventeen lanterns hung above the market square, {name} by nobody.\n"
        (folder / "text" / f"{name}.txt").write_text(line, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def recipe(sources, tmp_path_factory):
    """Return nano's recipe made small: two stages of two steps."""
    fields = yaml.safe_load(NANO.read_text(encoding="utf-8"))
    for part, values in SMALL["model"].items():
        fields["model"][part] |= values
    fields["data"] = {
        "text": str(sources / "text"),
        "text_exclude": ["held.txt"],
        "fonts": [str(sources / "fonts")],
        "font_held_out": ["DejaVu Serif"],
    }
    fields |= {"precision": "fp32", "num_workers": 0}
    fields["stages"] = [
        {**fields["stages"][0], "steps": 2, "widths_px": [128], "batch_px": 256},
        {**fields["stages"][-1], "steps": 2, "widths_px": [256], "batch_px": 512},
    ]
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return path


def test_stopping_and_going_on(recipe, tmp_path):
    run = [sys.executable, "-c", RUN_VARY, "train", str(recipe), f"out={tmp_path / 'run'}"]
    stopped = subprocess.run(
        [*run, "--max-minutes", "0"], capture_output=True, text=True, check=False, timeout=300
    )
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == f"{tmp_path / 'run'}\n"
    assert "time is used up; the same command goes on" in stopped.stderr
    gone_on = vary_train(recipe, run[-1])
    assert gone_on.exit_code == 0, gone_on.stderr
    last = yaml.safe_load(recipe.read_text(encoding="utf-8"))["stages"][-1]["name"]
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
def test_a_slip_is_told(recipe, tmp_path, override, told):
    result = vary_train(recipe, f"out={tmp_path / 'run'}", override)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "run").exists()


def test_nano_asks_for_a_text():
    result = vary_train(NANO)
    assert result.exit_code == 2
    assert "data.text=FOLDER" in result.stderr


def test_a_run_that_diverged_is_told_without_a_trace(recipe, monkeypatch):
    def diverge(*_):
        raise RunDiverged("the loss of step 3 is nan")

    monkeypatch.setattr(vary.train.run, "train", diverge)
    result = vary_train(recipe)
    assert result.exit_code == 1
    assert result.stderr == "vary train: the loss of step 3 is nan\n"


def test_less_than_no_time_is_refused(recipe):
    assert vary_train(recipe, "--max-minutes", "-1").exit_code == 2
