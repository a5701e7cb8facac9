"""Whole runs of a tiny recipe: what they leave, stopping, going on, and what they refuse."""

import io
import json
import math
import resource
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import vary.train.run
import vary.train.trainer
from vary.data.schema import EncodedImage, Sample, write_samples
from vary.errors import VaryError
from vary.train.averaging import AVERAGES_NAME
from vary.train.build import load
from vary.train.guard import RunDiverged
from vary.train.measure import Measure
from vary.train.objective import ReadingObjective
from vary.train.recipe import load_recipe
from vary.train.run import model_room, train

pytestmark = pytest.mark.usefixtures("log_every_step")


def folders_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def whole(runs, tiny, tmp_path_factory, log_every_step):
    """Return the recipe of a finished run, its folder and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    recipe = tiny(f"out={folder}")
    console = runs.quiet()
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


def test_a_run_leaves_losses_and_errors(runs, whole):
    _, folder, _ = whole
    told = [(e["stage"], e["step"]) for e in runs.entries(folder, "loss")]
    assert told == [("draft", step) for step in (1, 2, 3, 4)] + [("read", n) for n in (1, 2, 3)]
    assert all(math.isfinite(e["loss"]) for e in runs.entries(folder, "loss"))
    rates = [e["learning_rate"] for e in runs.entries(folder, "loss")]
    assert rates == pytest.approx([0, 1e-3, 1e-3, 1e-3, 0, 1e-3, 5e-4])
    assert all(e["samples_per_second"] > 0 for e in runs.entries(folder, "loss"))
    measured = runs.entries(folder, "ctc_error")
    assert [(e["stage"], e["step"]) for e in measured] == [("draft", 4), ("read", 3)]
    assert "text_error" not in measured[0]
    assert measured[1]["text_error"] > 0 and measured[1]["draft_error"] > 0


def test_a_run_leaves_a_picture(whole):
    with Image.open(whole[1] / "metrics.png") as picture:
        picture.load()
        assert picture.format == "PNG" and min(picture.size) > 500


def test_a_run_leaves_checkpoints_that_load(runs, whole):
    recipe, folder, _ = whole
    for stage in recipe.stages:
        model, processor = load(folder / stage.name / "final")
        assert model.config.tasks == ["ocr"]
        assert processor.encode(["a"]) == [[processor.tokenizer.convert_tokens_to_ids("a")]]
    folders = [folder / stage.name / "final" for stage in recipe.stages]
    assert not runs.same_weights(*folders)
    assert folders_in(folder / "draft") == ["checkpoint-4", "final"]
    written = [path for path in (folder / "draft").rglob("*") if path.is_file()]
    usual = stat.S_IMODE((folder / "metrics.jsonl").stat().st_mode)
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {usual}


def test_the_terminal_shows_parameters_losses_and_errors(whole, capsys):
    _, _, printed = whole
    assert "text held out: 2 of 5 paragraphs" in printed
    assert "fonts held out: " in printed
    assert "parameters trained" in printed
    assert "draft 4/4  loss" in printed
    assert "held out: ctc_error" in printed
    assert "train_runtime" not in printed + "".join(capsys.readouterr())


def test_a_finished_run_is_not_done_again(runs, whole):
    recipe, folder, _ = whole
    before = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    console = runs.quiet()
    assert train(recipe, console=console) == folder / "read" / "final"
    assert "draft: done before" in console.file.getvalue()
    assert (folder / "metrics.jsonl").read_text(encoding="utf-8") == before


def test_stopped_after_each_step_the_run_is_the_same(runs, whole, tiny, tmp_path):
    """Weights, moments, the place in the schedule and the order of batches all go on."""
    recipe = tiny(f"out={tmp_path / 'run'}")
    for calls in range(1, 20):
        console = runs.quiet()
        finished = train(recipe, max_minutes=0, console=console)
        if calls == 1:
            assert (tmp_path / "run" / "draft" / "checkpoint-1" / "optimizer.pt").is_file()
            assert "time is used up; the same command goes on" in console.file.getvalue()
        if finished.name == "final":
            break
    assert finished == tmp_path / "run" / "read" / "final"
    assert calls == 8  # one for each of 4 + 3 steps, and one that finds the last stage done
    assert runs.losses(tmp_path / "run") == runs.losses(whole[1])
    for stage in ("draft", "read"):
        folders = [folder / stage / "final" for folder in (tmp_path / "run", whole[1])]
        assert runs.same_weights(*folders)


def test_a_kill_while_a_checkpoint_is_written_costs_its_steps_alone(runs, whole, tiny, tmp_path):
    """Neither the torn checkpoint nor the torn line of the log stands in the way."""
    folder = tmp_path / "run"
    train(tiny(f"out={folder}"), max_minutes=0, console=runs.quiet())
    torn = folder / "draft" / "checkpoint-2"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"stage": "draft", "st')
    train(tiny(f"out={folder}"), max_minutes=0, console=runs.quiet())
    assert (torn / "trainer_state.json").is_file()
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[1] == '{"stage": "draft", "st'
    assert json.loads(lines[2])["step"] == 2


def test_going_on_takes_the_pieces_that_were_trained_on(runs, tiny, tmp_path, monkeypatch):
    train(tiny(f"out={tmp_path}"), max_minutes=0, console=runs.quiet())
    monkeypatch.setattr(vary.train.run, "build", None)
    train(tiny(f"out={tmp_path}"), max_minutes=0, console=runs.quiet())


@pytest.mark.parametrize(
    ("module", "told", "left"),
    [
        ("matplotlib", "no picture of the run", "metrics.png"),
        ("tensorboard", "no TensorBoard of the run", "tensorboard"),
    ],
)
def test_what_is_not_installed_is_told_once_and_done_without(
    runs, tiny, tmp_path, monkeypatch, module, told, left
):
    monkeypatch.setitem(sys.modules, module, None)
    console = runs.quiet()
    train(tiny(f"out={tmp_path}", "stages.draft.steps=1"), console=console)
    assert console.file.getvalue().count(f"{told}: {module} is not installed") == 1
    assert not (tmp_path / left).exists()
    assert len(runs.entries(tmp_path, "loss")) == 4


def test_training_needs_little():
    """What machines for training need not have is not imported on the way."""
    others = ("matplotlib", "tensorboard", "pyarrow", "rapidfuzz", "pypdfium2", "fontTools")
    code = f"import sys; sys.modules.update(dict.fromkeys({others}))\nimport vary.train.run"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_workers_make_no_difference(runs, whole, tiny, tmp_path):
    train(tiny(f"out={tmp_path / 'run'}", "num_workers=2"), console=runs.quiet())
    assert runs.losses(tmp_path / "run") == runs.losses(whole[1])


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=4", "another seed"),
        ("model.text.hidden_size=64", "another model"),
        ("data.line.ruled=0.5", "another data"),
    ],
)
def test_another_run_in_the_folder_is_refused(runs, whole, tiny, override, told):
    _, folder, _ = whole
    before = (folder / "recipe.yaml").read_text(encoding="utf-8")
    with pytest.raises(VaryError, match=told) as error:
        train(tiny(f"out={folder}", override), console=runs.quiet())
    assert str(folder) in str(error.value) and "out=FOLDER" in str(error.value)
    assert (folder / "recipe.yaml").read_text(encoding="utf-8") == before


@pytest.fixture
def poisoned(monkeypatch):
    """Make the loss of one batch no number."""
    kept = ReadingObjective._losses

    def lose(self, batch):
        made = kept(self, batch)
        factor = math.nan if batch["index"] == 2 else 1.0
        return {name: loss * factor for name, loss in made.items()}

    with monkeypatch.context() as patch:
        patch.setattr(ReadingObjective, "_losses", lose)
        yield patch


def test_a_loss_that_is_no_number_stops_the_run(runs, poisoned, whole, tiny, tmp_path, batches_of):
    """Before the step is taken: the weights kept are those that step 2 left."""
    for save_steps in (1, 250):
        folder = tmp_path / str(save_steps)
        recipe = tiny(f"out={folder}", f"stages.draft.save_steps={save_steps}")
        with pytest.raises(RunDiverged, match="stage draft, step 3: the loss is nan") as error:
            train(recipe, console=runs.quiet())
        assert "checkpoint-2 holds the weights from before" in str(error.value)
        assert [e["step"] for e in runs.entries(folder, "loss")] == [1, 2]
        told = json.loads((folder / "diverged.json").read_text(encoding="utf-8"))
        ids = batches_of(recipe)[2]["ids"]
        assert told == {"stage": "draft", "step": 3, "fault": "the loss is nan", "ids": ids}
        assert ids[0] in str(error.value)
    runs_of = [tmp_path / str(n) / "draft" / "checkpoint-2" for n in (1, 250)]
    assert runs.same_weights(*runs_of)
    assert all(t.isfinite().all() for t in runs.weights(runs_of[1]).values())
    # What the message advises works: the lower rate counts, not that of the checkpoint.
    poisoned.undo()
    folder = tmp_path / "250"
    train(tiny(f"out={folder}", "stages.draft.learning_rate=1.0e-4"), console=runs.quiet())
    told = [e for e in runs.entries(folder, "loss") if e["stage"] == "draft"]
    assert [e["learning_rate"] for e in told][2:] == pytest.approx([1e-4, 1e-4])
    # The third step sees the very weights and samples that it would have seen undisturbed.
    third = next(e for e in runs.entries(whole[1], "loss") if e["step"] == 3)
    assert told[2]["loss"] == third["loss"]
    assert yaml.safe_load((folder / "recipe.yaml").read_text())["stages"][0]["steps"] == 4


def test_a_first_step_that_cannot_be_taken_leaves_nothing(runs, tiny, tmp_path, monkeypatch):
    lose = ReadingObjective._losses
    monkeypatch.setattr(
        ReadingObjective, "_losses", lambda *a: {n: v * math.inf for n, v in lose(*a).items()}
    )
    with pytest.raises(RunDiverged, match=r"step 1: the loss is inf.* nothing was learned yet"):
        train(tiny(f"out={tmp_path}"), console=runs.quiet())
    assert not list((tmp_path / "draft").glob("checkpoint-*"))


def test_a_stage_may_be_made_longer(runs, whole, tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny(f"out={folder}"), max_minutes=0, console=runs.quiet())
    train(tiny(f"out={folder}", "stages.draft.steps=6"), console=runs.quiet())
    steps = [e["step"] for e in runs.entries(folder, "loss") if e["stage"] == "draft"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert runs.losses(folder)[:4] == runs.losses(whole[1])[:4]


def test_the_board_shows_what_the_log_has(runs, whole):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = accumulator.EventAccumulator(str(whole[1] / "tensorboard"))
    board.Reload()
    names = ("loss", "ctc", "grad_norm", "samples_per_second", "learning_rate", "ctc_error")
    assert {f"draft/{name}" for name in names} <= set(board.Tags()["scalars"])
    for name in ("loss", "grad_norm", "ctc_error"):
        shown = [(point.step, point.value) for point in board.Scalars(f"read/{name}")]
        told = [(e["step"], e[name]) for e in runs.entries(whole[1], name) if e["stage"] == "read"]
        assert [step for step, _ in shown] == [step for step, _ in told]
        assert [v for _, v in shown] == pytest.approx([v for _, v in told], rel=1e-5)


def test_the_log_counts_samples(runs, whole, batches_of):
    recipe, folder, _ = whole
    for place, stage in enumerate(recipe.stages):
        batches = batches_of(recipe, place)
        sizes = [len(batches[number]["texts"]) for number in range(stage.steps)]
        told = [e for e in runs.entries(folder, "loss") if e["stage"] == stage.name]
        assert [e["samples"] for e in told] == np.cumsum(sizes).tolist()
        assert all(e["grad_norm"] > 0 and e["rejected"] == 0 for e in told)


AVERAGED = ("stages.draft.average_decay=0.5", "stages.draft.save_steps=2")


@pytest.fixture(scope="module")
def averaged(runs, tiny, tmp_path_factory, log_every_step):
    """Return the folder of a run with averaged weights, and the weights that were measured."""
    folder = tmp_path_factory.mktemp("runs") / "averaged"
    seen = []
    measure = Measure.__call__

    def look(self, objective):
        seen.append({name: p.detach().clone() for name, p in objective.model.named_parameters()})
        return measure(self, objective)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Measure, "__call__", look)
        train(tiny(f"out={folder}", *AVERAGED), console=runs.quiet())
    return folder, seen


def test_a_stage_ends_with_its_averages(runs, averaged):
    folder, _ = averaged
    final, _ = load(folder / "draft" / "final")
    last, _ = load(folder / "draft" / "checkpoint-4")
    averages = load_file(folder / "draft" / "checkpoint-4" / AVERAGES_NAME)
    assert averages.pop("num_averaged").item() == 4
    trained = dict(final.named_parameters())
    assert averages and all(torch.equal(trained[name], a) for name, a in averages.items())
    moved = [not torch.equal(a, last.get_parameter(name)) for name, a in averages.items()]
    assert sum(moved) > len(moved) // 2
    frozen = [name for name in trained if name not in averages]
    assert frozen and all(torch.equal(trained[n], last.get_parameter(n)) for n in frozen)


def test_averages_are_measured_and_the_weights_are_put_back(runs, averaged, whole):
    folder, seen = averaged
    averages = load_file(folder / "draft" / "checkpoint-4" / AVERAGES_NAME)
    assert averages.pop("num_averaged").item() == 4
    assert all(torch.equal(seen[0][name], a) for name, a in averages.items())
    # Averages take no part in training itself.
    assert runs.losses(folder)[:4] == runs.losses(whole[1])[:4]


def test_averages_go_on(runs, averaged, tiny, tmp_path):
    recipe = tiny(f"out={tmp_path}", *AVERAGED, "stages.read.steps=1")
    for _ in range(4):
        train(recipe, max_minutes=0, console=runs.quiet())
    checkpoints = [folder / "draft" / "checkpoint-4" for folder in (tmp_path, averaged[0])]
    one, other = (load_file(folder / AVERAGES_NAME) for folder in checkpoints)
    assert one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@contextmanager
def full_disk(most_bytes):
    """Let no file grow beyond so many bytes, as a disk that is full."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt"])
def test_a_full_disk_costs_the_checkpoint_alone(runs, whole, tiny, tmp_path, name):
    """The one before it is whole, and the same command goes on from there to the same end."""
    recipe = tiny(f"out={tmp_path}", "stages.draft.save_steps=1")
    train(recipe, max_minutes=0, console=runs.quiet())
    first = tmp_path / "draft" / "checkpoint-1"
    before = {path.name: path.read_bytes() for path in first.iterdir() if path.is_file()}
    with full_disk(len(before[name]) - 1000), pytest.raises(VaryError) as error:
        train(recipe, console=runs.quiet())
    assert "checkpoint-2 could not be written (" in str(error.value)
    assert "make room, and the same command goes on from there" in str(error.value)
    assert folders_in(tmp_path / "draft") == ["checkpoint-1"]
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    train(recipe, console=runs.quiet())
    assert runs.losses(tmp_path) == runs.losses(whole[1])


def test_a_disk_that_is_full_at_the_end_of_a_stage(runs, whole, tiny, tmp_path, monkeypatch):
    save = vary.train.trainer.save_checkpoint

    def save_on_full_disk(*given):
        with full_disk(100_000):
            save(*given)

    with monkeypatch.context() as patch:
        patch.setattr(vary.train.trainer, "save_checkpoint", save_on_full_disk)
        with pytest.raises(VaryError, match="final could not be written") as error:
            train(tiny(f"out={tmp_path}"), console=runs.quiet())
    assert "the stage's last checkpoint is whole" in str(error.value)
    assert folders_in(tmp_path / "draft") == ["checkpoint-4"]
    train(tiny(f"out={tmp_path}"), console=runs.quiet())
    assert runs.losses(tmp_path) == runs.losses(whole[1])


def test_a_run_goes_on_in_another_place(runs, whole, tiny, sources, tmp_path):
    """As on another machine: the run's folder, the texts and the fonts lie elsewhere."""
    here, there = tmp_path / "here", tmp_path / "there"
    train(tiny(f"out={here / 'run'}"), max_minutes=0, console=runs.quiet())
    shutil.copytree(sources, there)
    shutil.move(here / "run", there / "run")
    places = [f"out={there / 'run'}", f"data.text={there / 'text'}", f"data.fonts=[{there}/fonts]"]
    assert train(tiny(*places), console=runs.quiet()) == there / "run" / "read" / "final"
    assert runs.losses(there / "run") == runs.losses(whole[1])
    assert runs.same_weights(*(f / "read" / "final" for f in (there / "run", whole[1])))
    assert not (here / "run").exists()


def test_samples_that_could_not_be_made_are_listed(runs, tiny, tmp_path):
    """A set with one sample in three that cannot be learned from."""
    pixels = np.random.default_rng(0).integers(256, size=(48, 128)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    good = EncodedImage(file.getvalue(), "a.png", 128, 48)
    broken = EncodedImage(file.getvalue()[:900], "a.png", 128, 48)
    samples = [
        Sample(f"s/{n}", (broken if n % 3 == 1 else good,), "document", "en", "text", "harbour")
        for n in range(60)
    ]
    (tmp_path / "set").mkdir()
    write_samples(samples, tmp_path / "set" / "part-00000.parquet")
    recipe = tiny(
        f"data.sources=[{{name: mine, kind: shards, path: '{tmp_path / 'set'}'}}]",
        "stages.draft.objective=text",
        "stages.read.objective=text",
        "stages.draft.batch_px=0",
        "stages.draft.batch_size=32",
        "stages.read.batch_px=0",
        "stages.read.batch_size=2",
        f"out={tmp_path / 'run'}",
    )
    console = runs.quiet()
    train(recipe, console=console)
    lines = (tmp_path / "run" / "rejects.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    names = {line["reason"].split(": ")[1] for line in told}
    assert names and names <= {f"s/{n}" for n in range(1, 60, 3)}
    assert all(line["reason"].startswith("image cannot be read: s/") for line in told)
    counts = [e["rejected"] for e in runs.entries(tmp_path / "run", "loss")]
    assert counts[3] + counts[6] == len(told) and "rejected" in console.file.getvalue()
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert list(facts["set mine"]) == ["part-00000.parquet"]


def test_a_language_model_may_write_what_no_head_knows(tiny, built):
    """Of strips, where the language model alone is trained; the head is asked for nothing then."""
    stages = tiny("stages.read.objective=text").stages
    assert model_room(*built, stages[0]).alphabet == model_room(*built).alphabet != ""
    assert model_room(*built, stages[1]).alphabet == ""
