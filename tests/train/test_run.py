"""Whole runs of a tiny recipe: what they leave, stopping, going on, and what they refuse."""

import functools
import io
import json
import math
import subprocess
import sys

import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file

import vary.train.run
from vary.errors import VaryError
from vary.train.build import load
from vary.train.guard import RunDiverged
from vary.train.log import Log
from vary.train.objective import ReadingObjective
from vary.train.recipe import load_recipe
from vary.train.run import train

LOSSES = ("loss", "ctc", "text")


@pytest.fixture(scope="module", autouse=True)
def log_every_step():
    patch = pytest.MonkeyPatch()
    patch.setattr(vary.train.run, "Log", functools.partial(Log, every=1))
    yield
    patch.undo()


def quiet():
    return Console(file=io.StringIO(), width=200)


def entries(folder, *names):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [json.loads(line) for line in lines]
    return [entry for entry in kept if all(name in entry for name in names)]


def losses(folder):
    return [
        (e["stage"], e["step"], e["learning_rate"], *(e.get(name) for name in LOSSES))
        for e in entries(folder, "loss")
    ]


def weights(folder):
    return load_file(folder / "model.safetensors")


def same_weights(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """Return the recipe of a finished run, its folder and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    recipe = tiny(f"out={folder}")
    console = quiet()
    assert train(recipe, console=console) == folder / "read" / "final"
    return recipe, folder, console.file.getvalue()


def test_a_run_leaves_what_it_depended_on(whole):
    recipe, folder, _ = whole
    assert load_recipe(folder / "recipe.yaml") == recipe
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert set(facts["libraries"]) >= {"torch", "transformers", "accelerate", "tokenizers"}
    assert facts["vary"] == vary.__version__
    assert list(facts["fonts"]) == ["learned.ttf"]
    assert list(facts["fonts_held_out"]) == ["held.ttf"]
    assert list(facts["texts"]) == ["held.txt", "learned.txt"]
    kinds = ("fonts", "fonts_held_out", "texts")
    assert all(len(digest) == 64 for kind in kinds for digest in facts[kind].values())


def test_a_run_leaves_losses_and_errors(whole):
    _, folder, _ = whole
    told = [(e["stage"], e["step"]) for e in entries(folder, "loss")]
    assert told == [("draft", step) for step in (1, 2, 3, 4)] + [("read", n) for n in (1, 2, 3)]
    assert all(math.isfinite(e["loss"]) for e in entries(folder, "loss"))
    rates = [e["learning_rate"] for e in entries(folder, "loss")]
    assert rates == pytest.approx([0, 1e-3, 1e-3, 1e-3, 0, 1e-3, 5e-4])
    assert all(e["samples_per_second"] > 0 for e in entries(folder, "loss"))
    measured = entries(folder, "ctc_error")
    assert [(e["stage"], e["step"]) for e in measured] == [("draft", 4), ("read", 3)]
    assert "text_error" not in measured[0]
    assert measured[1]["text_error"] > 0 and measured[1]["draft_error"] > 0


def test_a_run_leaves_a_picture(whole):
    with Image.open(whole[1] / "metrics.png") as picture:
        picture.load()
        assert picture.format == "PNG" and min(picture.size) > 500


def test_a_run_leaves_checkpoints_that_load(whole):
    recipe, folder, _ = whole
    for stage in recipe.stages:
        model, processor = load(folder / stage.name / "final")
        assert model.config.tasks == ["ocr"]
        assert processor.encode(["a"]) == [[processor.tokenizer.convert_tokens_to_ids("a")]]
    first, last = (weights(folder / stage.name / "final") for stage in recipe.stages)
    assert not same_weights(first, last)
    assert sorted(p.name for p in (folder / "draft").iterdir()) == ["checkpoint-4", "final"]


def test_the_terminal_shows_parameters_losses_and_errors(whole, capsys):
    _, _, printed = whole
    assert "text held out: 2 of 5 paragraphs" in printed
    assert "fonts held out: " in printed
    assert "parameters trained" in printed
    assert "draft 4/4  loss" in printed
    assert "held out: ctc_error" in printed
    assert "train_runtime" not in printed + "".join(capsys.readouterr())


def test_a_finished_run_is_not_done_again(whole):
    recipe, folder, _ = whole
    before = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    console = quiet()
    assert train(recipe, console=console) == folder / "read" / "final"
    assert "draft: done before" in console.file.getvalue()
    assert (folder / "metrics.jsonl").read_text(encoding="utf-8") == before


def test_stopped_after_each_step_the_run_is_the_same(whole, tiny, tmp_path):
    """Weights, moments, the place in the schedule and the order of batches all go on."""
    recipe = tiny(f"out={tmp_path / 'run'}")
    for calls in range(1, 20):
        console = quiet()
        finished = train(recipe, max_minutes=0, console=console)
        if calls == 1:
            assert (tmp_path / "run" / "draft" / "checkpoint-1" / "optimizer.pt").is_file()
            assert "time is used up; the same command goes on" in console.file.getvalue()
        if finished.name == "final":
            break
    assert finished == tmp_path / "run" / "read" / "final"
    assert calls == 8  # one for each of 4 + 3 steps, and one that finds the last stage done
    assert losses(tmp_path / "run") == losses(whole[1])
    for stage in ("draft", "read"):
        parts = (weights(folder / stage / "final") for folder in (tmp_path / "run", whole[1]))
        assert same_weights(*parts)


def test_a_kill_while_a_checkpoint_is_written_costs_its_steps_alone(whole, tiny, tmp_path):
    """Neither the torn checkpoint nor the torn line of the log stands in the way."""
    folder = tmp_path / "run"
    train(tiny(f"out={folder}"), max_minutes=0, console=quiet())
    torn = folder / "draft" / "checkpoint-2"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"stage": "draft", "st')
    train(tiny(f"out={folder}"), max_minutes=0, console=quiet())
    assert (torn / "trainer_state.json").is_file()
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[1] == '{"stage": "draft", "st'
    assert json.loads(lines[2])["step"] == 2


def test_going_on_takes_the_pieces_that_were_trained_on(tiny, tmp_path, monkeypatch):
    train(tiny(f"out={tmp_path}"), max_minutes=0, console=quiet())
    monkeypatch.setattr(vary.train.run, "build", None)
    train(tiny(f"out={tmp_path}"), max_minutes=0, console=quiet())


def test_without_matplotlib_there_is_no_picture_and_the_log_says_so_once(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    console = quiet()
    train(tiny(f"out={tmp_path}", "stages.draft.steps=1"), console=console)
    assert console.file.getvalue().count("no picture of the run: matplotlib is not installed") == 1
    assert not (tmp_path / "metrics.png").exists()


def test_training_needs_little():
    """What machines for training need not have is not imported on the way."""
    others = ("matplotlib", "pyarrow", "rapidfuzz", "pypdfium2", "fontTools")
    code = f"import sys; sys.modules.update(dict.fromkeys({others}))\nimport vary.train.run"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_workers_make_no_difference(whole, tiny, tmp_path):
    train(tiny(f"out={tmp_path / 'run'}", "num_workers=2"), console=quiet())
    assert losses(tmp_path / "run") == losses(whole[1])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=4", "another seed"),
        ("model.text.hidden_size=64", "another model"),
        ("data.line.ruled=0.5", "another data"),
    ],
)
def test_another_run_in_the_folder_is_refused(whole, tiny, override, told):
    _, folder, _ = whole
    before = (folder / "recipe.yaml").read_text(encoding="utf-8")
    with pytest.raises(VaryError, match=told) as error:
        train(tiny(f"out={folder}", override), console=quiet())
    assert str(folder) in str(error.value) and "out=FOLDER" in str(error.value)
    assert (folder / "recipe.yaml").read_text(encoding="utf-8") == before


@pytest.fixture
def poisoned(monkeypatch):
    """Make the loss of one batch no number."""
    kept = ReadingObjective._losses

    def lose(self, pixels, texts, index):
        made = kept(self, pixels, texts, index)
        return {name: loss * math.nan for name, loss in made.items()} if index == 2 else made

    with monkeypatch.context() as patch:
        patch.setattr(ReadingObjective, "_losses", lose)
        yield patch


def test_a_loss_that_is_no_number_stops_the_run(poisoned, tiny, tmp_path):
    one_each = "stages.draft.save_steps=1"
    with pytest.raises(RunDiverged, match=r"step 3 is nan \(batch 2 of stage draft\)"):
        train(tiny(f"out={tmp_path}", one_each), console=quiet())
    assert [e["step"] for e in entries(tmp_path, "loss")] == [1, 2]
    kept = sorted(p.name for p in (tmp_path / "draft").iterdir())
    assert kept == ["checkpoint-1", "checkpoint-2"]
    assert all(t.isfinite().all() for t in weights(tmp_path / "draft" / kept[-1]).values())
    # What the message advises works: the lower rate counts, not that of the checkpoint.
    poisoned.undo()
    lower = tiny(f"out={tmp_path}", one_each, "stages.draft.learning_rate=1.0e-4")
    train(lower, console=quiet())
    rates = [e["learning_rate"] for e in entries(tmp_path, "loss") if e["stage"] == "draft"]
    assert rates[2:] == pytest.approx([1e-4, 1e-4])
    assert yaml.safe_load((tmp_path / "recipe.yaml").read_text())["stages"][0]["steps"] == 4


def test_a_stage_may_be_made_longer(whole, tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny(f"out={folder}"), max_minutes=0, console=quiet())
    train(tiny(f"out={folder}", "stages.draft.steps=6"), console=quiet())
    steps = [e["step"] for e in entries(folder, "loss") if e["stage"] == "draft"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert losses(folder)[:4] == losses(whole[1])[:4]
