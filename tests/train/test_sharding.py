"""Two processes under torchrun against one: the same losses, in copies (DDP) and in shares (FSDP2).

Each run of two takes about ten seconds to start; most are marked slow.
"""

import json
import shutil

import pytest
import torch

from vary.train.averaging import AVERAGES_NAME
from vary.train.run import train
from vary.train.sharding import transformer_blocks

pytestmark = pytest.mark.usefixtures("log_every_step")
# Of fp32: losses in nats, norms of gradients as a share. The log has six decimals.
BOUND = 1e-4
SHARDED = "sharding=fsdp2"
TWENTY = (
    "stages.read.steps=20",
    "stages.read.micro_batches=4",
    "stages.read.average_decay=0.9",
    "stages.read.max_grad_norm=2.0",
)
# Strips of several widths: a process may have one size of images in a step, the other three.
STRIPS = (
    "stages.draft.steps=8",
    "stages.read.steps=12",
    "stages.draft.micro_batches=2",
    "stages.read.micro_batches=2",
    "stages.read.average_decay=0.9",
    "stages.read.batch_px=768",
)


def same(runs, one, other, bound=1e-4):
    """Return whether two checkpoints hold the same weights, but for rounding."""
    ours, theirs = runs.weights(one), runs.weights(other)
    return ours.keys() == theirs.keys() and all(
        (ours[name] - theirs[name]).abs().max() < bound for name in ours
    )


@pytest.fixture(scope="module")
def alone(runs, base, tmp_path_factory, log_every_step):
    """Return the folder of twenty steps in one process."""
    folder = tmp_path_factory.mktemp("runs") / "alone"
    train(base(f"out={folder}", *TWENTY), console=runs.quiet())
    return folder


@pytest.fixture(scope="module")
def strips_alone(runs, tiny, tmp_path_factory, log_every_step):
    """Return the folder of twenty steps on strips in one process."""
    folder = tmp_path_factory.mktemp("runs") / "strips"
    train(tiny(f"out={folder}", *STRIPS), console=runs.quiet())
    return folder


def test_two_devices_learn_what_one_does(runs, strips_alone, recipe_file, command_file, tmp_path):
    done = runs.command(command_file, recipe_file, f"out={tmp_path}", *STRIPS, devices=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count(str(tmp_path / "read" / "final")) >= 1
    assert len(runs.losses(tmp_path)) == 20
    assert max(runs.farthest(tmp_path, strips_alone)) < BOUND
    assert same(runs, *(folder / "read" / "final" for folder in (tmp_path, strips_alone)))


def test_two_devices_in_shares_learn_what_one_does(
    runs, alone, base_recipe_file, command_file, tmp_path
):
    """Two frozen vocabularies, linears and a language model that are trained, clipped gradients.

    Each process holds half of everything, and measuring writes answers with both.
    """
    given = (base_recipe_file, f"out={tmp_path / 'run'}", *TWENTY, SHARDED)
    done = runs.command(command_file, *given, devices=2, LOOK=str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert "each of 2 devices holds its share of all weights" in done.stderr
    assert "vocabularies.1: all 39,904 parameters frozen, in evaluation mode" in done.stderr
    both = [json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]
    for seen in both:
        assert not seen["whole"]
        assert any(name.startswith("vocabularies.1.") for name in seen["shared"])
        assert not any(name.startswith("vocabularies.") for name in seen["trained"])
        assert 0.4 < seen["held"] / seen["numbers"] < 0.6
        assert 0.4 < seen["moments_held"] / seen["moments"] < 0.6
    assert sum(seen["held"] for seen in both) == both[0]["numbers"]
    assert max(runs.farthest(tmp_path / "run", alone)) < BOUND
    norms = [entry["grad_norm"] for entry in runs.entries(alone, "grad_norm")]
    assert len(norms) == 20 and max(norms) > 2 > min(norms)  # some are clipped, some are not
    assert same(runs, tmp_path / "run" / "read" / "final", alone / "read" / "final")
    measured = [runs.entries(folder, "text_error") for folder in (tmp_path / "run", alone)]
    assert measured[0][0]["text_error"] == pytest.approx(measured[1][0]["text_error"])


@pytest.mark.slow
def test_copies_of_two_frozen_vocabularies(runs, alone, base_recipe_file, command_file, tmp_path):
    given = (base_recipe_file, f"out={tmp_path / 'run'}", *TWENTY)
    done = runs.command(command_file, *given, devices=2, LOOK=str(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert not json.loads((tmp_path / "0.json").read_text("utf-8"))["shared"]
    assert max(runs.farthest(tmp_path / "run", alone)) < BOUND
    assert same(runs, tmp_path / "run" / "read" / "final", alone / "read" / "final")


@pytest.mark.slow
def test_strips_of_several_sizes_in_shares(runs, strips_alone, recipe_file, command_file, tmp_path):
    """Each process calls its vocabulary as often as it has sizes; what they gather is alike."""
    given = (recipe_file, f"out={tmp_path}", *STRIPS, SHARDED)
    done = runs.command(command_file, *given, devices=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert max(runs.farthest(tmp_path, strips_alone)) < BOUND
    for stage in ("draft", "read"):
        assert same(runs, *(folder / stage / "final" for folder in (tmp_path, strips_alone)))


@pytest.mark.slow
def test_a_device_without_samples_takes_part(runs, base, base_recipe_file, command_file, tmp_path):
    """One sample in a step and two parts: the second process never has any."""
    few = ("stages.read.batch_size=1", "stages.read.micro_batches=2", "stages.read.steps=6")
    train(base(f"out={tmp_path / 'one'}", *few), console=runs.quiet())
    for name, more in (("ddp", ()), ("fsdp", (SHARDED,))):
        given = (base_recipe_file, f"out={tmp_path / name}", *few, *more)
        done = runs.command(command_file, *given, devices=2)
        assert done.returncode == 0, done.stderr[-3000:]
        assert max(runs.farthest(tmp_path / name, tmp_path / "one")) < BOUND


@pytest.mark.slow
@pytest.mark.parametrize(
    "adapters", [(), ("stages.read.lora={rank: 4, alpha: 8, dropout: 0.1}",)], ids=["all", "lora"]
)
def test_a_checkpoint_goes_from_layout_to_layout(
    runs, base, base_recipe_file, command_file, tmp_path, adapters
):
    """One process, two with copies, two with shares, one again: each goes on from the last."""
    steps = ("stages.read.steps=8", *TWENTY[1:], "stages.read.save_steps=2", *adapters)
    alone, moved = tmp_path / "alone", tmp_path / "moved"
    train(base(f"out={alone}", *steps), console=runs.quiet())
    ways = ((1, 2, ()), (2, 4, ()), (2, 6, (SHARDED,)), (1, 8, ()))
    for devices, last, more in ways:
        given = (base_recipe_file, f"out={moved}", *steps, *more)
        stop = {"STEP": f"read/{last}", "SIGNAL": "SIGINT"} if last < 8 else {}
        done = runs.command(command_file, *given, devices=devices, **stop)
        assert (done.returncode != 0) == (last < 8), done.stderr[-3000:]
        reached = max(row[1] for row in runs.losses(moved))
        assert reached in (last, last + 1)
        if more:
            written = moved / "read" / f"checkpoint-{reached}"
            shapes = shapes_of_moments(written)
            assert (written / AVERAGES_NAME).is_file()
    # What processes wrote that hold shares is what one alone has.
    assert shapes == shapes_of_moments(alone / "read" / "checkpoint-8")
    assert max(runs.farthest(moved, alone)) < BOUND
    assert same(runs, moved / "read" / "final", alone / "read" / "final")


def shapes_of_moments(checkpoint):
    state = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]
    return {number: of_one["exp_avg"].shape for number, of_one in state.items()}


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), (SHARDED,)], ids=["ddp", "fsdp2"])
def test_a_device_that_dies_ends_the_run_and_its_samples_come_again(
    runs, alone, base_recipe_file, command_file, tmp_path, more
):
    """The second process is killed behind step 13, whose last checkpoint is that of step 10."""
    given = (base_recipe_file, f"out={tmp_path}", *TWENTY, *more)
    done = runs.command(command_file, *given, devices=2, STEP="read/13", SIGNAL="SIGKILL", BY="1")
    assert done.returncode not in (0, None)
    cause = done.stderr.split("Root Cause")[1]
    assert "rank      : 1" in cause and "Signal 9 (SIGKILL)" in cause
    assert not (tmp_path / "read" / "final").exists()
    assert runs.losses(tmp_path)[-1][1] in (12, 13, 14)
    done = runs.command(command_file, *given, devices=2)
    assert done.returncode == 0, done.stderr[-3000:]
    steps = [entry["step"] for entry in runs.entries(tmp_path, "loss")]
    assert steps.count(11) == 2 and steps.count(10) == 1
    by_step = {}
    for entry in runs.entries(tmp_path, "loss"):
        by_step.setdefault(entry["step"], set()).add((entry["samples"], entry["loss"]))
    assert all(len(told) == 1 for told in by_step.values())  # the very same samples and losses
    expected = {entry["step"]: entry["loss"] for entry in runs.entries(alone, "loss")}
    for step, told in by_step.items():
        assert abs(next(iter(told))[1] - expected[step]) < BOUND


@pytest.mark.slow
def test_a_source_that_fails_on_one_device_is_told(runs, base_recipe_file, command_file, tmp_path):
    """The set of the second process is gone as it starts to read: its reason is in the output."""
    shutil.copytree(base_recipe_file.parent, tmp_path / "base")
    recipe = tmp_path / "base" / base_recipe_file.name
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace(str(base_recipe_file.parent), str(tmp_path / "base")))
    code = (
        "import os, shutil\n"
        "from vary.train.batches import StageBatches\n"
        "from vary.errors import VaryError\n"
        "get = StageBatches.batch\n"
        "def batch(self, index):\n"
        "    if index == 9:\n"
        "        raise VaryError('the disk of this machine is gone')\n"
        "    return get(self, index)\n"
        "StageBatches.batch = batch\n"
    )
    failing = tmp_path / "failing.py"
    failing.write_text(code + command_file.read_text(encoding="utf-8"), encoding="utf-8")
    given = (recipe, f"out={tmp_path / 'run'}", *TWENTY, SHARDED)
    done = runs.command(failing, *given, devices=2)
    assert done.returncode != 0
    assert "vary: the disk of this machine is gone" in done.stderr


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_all_devices(runs, base_recipe_file, command_file, tmp_path):
    """Before the step is taken, with the weights of before, whole."""
    code = (
        "import math\n"
        "from vary.train.objective import ReadingObjective\n"
        "kept = ReadingObjective._losses\n"
        "def lose(self, batch):\n"
        "    made = kept(self, batch)\n"
        "    factor = math.nan if batch['index'] == 13 else 1.0\n"
        "    return {name: loss * factor for name, loss in made.items()}\n"
        "ReadingObjective._losses = lose\n"
    )
    poisoned = tmp_path / "poisoned.py"
    poisoned.write_text(code + command_file.read_text(encoding="utf-8"), encoding="utf-8")
    given = (base_recipe_file, f"out={tmp_path / 'run'}", *TWENTY, SHARDED)
    done = runs.command(poisoned, *given, devices=2)
    assert done.returncode != 0
    assert "vary: stage read, step 4: the loss is nan" in done.stderr
    weights = runs.weights(tmp_path / "run" / "read" / "checkpoint-3")
    assert all(value.isfinite().all() for value in weights.values())
    told = json.loads((tmp_path / "run" / "diverged.json").read_text(encoding="utf-8"))
    assert told["step"] == 4 and len(told["ids"]) == 4


@pytest.mark.slow
def test_bf16_in_shares_stays_near_bf16_in_copies(runs, base_recipe_file, command_file, tmp_path):
    """Blocks are gathered in bf16, gradients summed in fp32: the weights stay fp32."""
    for name, more in (("ddp", ()), ("fsdp", (SHARDED,))):
        given = (base_recipe_file, f"out={tmp_path / name}", *TWENTY, "precision=bf16", *more)
        done = runs.command(command_file, *given, devices=2)
        assert done.returncode == 0, done.stderr[-3000:]
    assert 0 < max(runs.farthest(tmp_path / "fsdp", tmp_path / "ddp")) < 0.1
    weights = runs.weights(tmp_path / "fsdp" / "read" / "final")
    assert all(value.dtype == torch.float32 for value in weights.values())


def test_the_blocks_of_a_language_model(built):
    model, _ = built
    blocks = transformer_blocks(model.language_model)
    assert [type(block).__name__ for block in blocks] == ["LlamaDecoderLayer"]
    model.language_model._no_split_modules = None
    assert transformer_blocks(model.language_model) == list(model.language_model.model.layers)
    assert transformer_blocks(torch.nn.Linear(1, 1)) == []


def test_one_device_alone_holds_all(runs, base, tmp_path):
    console = runs.quiet()
    train(base(f"out={tmp_path}", SHARDED, "stages.read.steps=1"), console=console)
    assert "holds its share" not in console.file.getvalue()
