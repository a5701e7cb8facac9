"""What is frozen through a whole run: no gradient, no moments, evaluation mode, not a byte."""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from vary.errors import VaryError
from vary.train.averaging import AVERAGES_NAME
from vary.train.build import load
from vary.train.objective import ReadingObjective
from vary.train.run import train
from vary.train.trainer import VaryTrainer

STEPS = 10


class Seen:
    """What each step found."""

    def __init__(self):
        self.modes, self.gradients = [], []


def parts_of(names):
    return {".".join(name.split(".")[: 2 if name.startswith("voc") else 1]) for name in names}


@pytest.fixture(scope="module")
def finished(base, runs, tmp_path_factory):
    """Return the recipe of a run of ten steps, what its steps found, and what it printed."""
    recipe = base(
        f"out={tmp_path_factory.mktemp('runs') / 'base'}", "stages.read.average_decay=0.5"
    )
    seen, console = Seen(), runs.quiet()
    lose, clip = ReadingObjective._losses, VaryTrainer._clip_grad_norm

    def look_at_modes(self, batch):
        seen.modes.append({name: m.training for name, m in self.model.named_modules() if name})
        return lose(self, batch)

    def look_at_gradients(self, model):
        named = self.objective.model.named_parameters()
        seen.gradients.append({name for name, p in named if p.grad is not None})
        return clip(self, model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReadingObjective, "_losses", look_at_modes)
        patch.setattr(VaryTrainer, "_clip_grad_norm", look_at_gradients)
        train(recipe, console=console)
    return recipe, seen, console.file.getvalue()


def test_no_byte_of_a_frozen_vocabulary_changes(finished, runs):
    recipe, _, _ = finished
    before = runs.weights(recipe.run_folder.parent / recipe.init)
    after = runs.weights(recipe.run_folder / "read" / "final")
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert parts_of(changed) == {"projector", "language_model"}
    trained = {name for name in before if not name.startswith("vocabularies.")}
    assert changed == trained


def test_nothing_frozen_has_a_gradient(finished):
    _, seen, _ = finished
    assert len(seen.gradients) == STEPS
    for names in seen.gradients:
        assert parts_of(names) == {"projector", "language_model"}


def test_frozen_vocabularies_stay_in_evaluation_mode(finished):
    """CLIP of these tests drops half of its attention in training mode."""
    _, seen, _ = finished
    assert len(seen.modes) == STEPS
    for modes in seen.modes:
        training = {name for name, mode in modes.items() if mode}
        assert parts_of(training) >= {"projector", "language_model"}
        assert not any(name.startswith("vocabularies.") for name in training)


def test_the_optimizer_and_the_averages_hold_what_is_trained(finished):
    recipe, _, _ = finished
    folder = recipe.run_folder / "read"
    model, _ = load(folder / "final")
    trained = {n: p for n, p in model.named_parameters() if not n.startswith("vocabularies.")}
    kept = torch.load(folder / "checkpoint-10" / "optimizer.pt", weights_only=True)
    assert sum(len(group["params"]) for group in kept["param_groups"]) == len(trained)
    moments = [state["exp_avg"].numel() for state in kept["state"].values()]
    assert sum(moments) == sum(p.numel() for p in trained.values())
    averages = load_file(folder / "checkpoint-10" / AVERAGES_NAME)
    assert averages.keys() == {*trained, "num_averaged"}


def test_the_log_tells_each_part(finished):
    recipe, _, printed = finished
    model, _ = load(recipe.run_folder / "read" / "final")
    first, second = (sum(p.numel() for p in v.parameters()) for v in model.vocabularies)
    assert f"vocabularies.0: all {first:,} parameters frozen, in evaluation mode" in printed
    assert f"vocabularies.1: all {second:,} parameters frozen, in evaluation mode" in printed
    linears = sum(p.numel() for p in model.projector.parameters())
    assert f"projector: all {linears:,} parameters trained" in printed
    assert f"language_model: all {model.language_model.num_parameters():,} param" in printed


def test_a_write_past_the_optimizer_ends_the_run(base, runs, tmp_path, monkeypatch):
    """In the seventh step something adds 1e-6 to one weight of CLIP."""
    lose = ReadingObjective._losses

    def lose_and_write(self, batch):
        if batch["index"] == 6:
            self.model.vocabularies[1].get_parameter(name).data.view(-1)[3] += 1e-6
        return lose(self, batch)

    name = "network.embeddings.patch_embedding.weight"
    monkeypatch.setattr(ReadingObjective, "_losses", lose_and_write)
    with pytest.raises(VaryError, match="stage read: frozen tensors changed") as error:
        train(base(f"out={tmp_path / 'run'}"), console=runs.quiet())
    assert f"vocabularies.1.{name}. " in str(error.value)
    assert not (tmp_path / "run" / "read" / "final").exists()


def test_statistics_of_a_frozen_part_do_not_run(built, tiny, batches_of):
    """Batch normalisation is in training mode only where something of its part is trained."""
    model, processor = built
    model.vocabularies[0].neck.append(nn.BatchNorm2d(32))
    batch = batches_of(tiny("stages.read.draft_share=0"), 1)[0]
    for frozen, moves in ((("vocabularies.*",), False), (("language_model.*",), True)):
        recipe = tiny(f"stages.read.frozen={list(frozen)}", "stages.read.draft_share=0")
        objective = ReadingObjective(model, processor, recipe.stages[1], "fp32", 1).train()
        before = model.vocabularies[0].neck[-1].running_mean.clone()
        objective(batch)["loss"].backward()
        after = model.vocabularies[0].neck[-1].running_mean
        assert torch.equal(before, after) is not moves
