"""What the Trainer is told: rates by step, what is optimised, and how devices share a step."""

import math

import pytest

from vary.errors import VaryError
from vary.train.objective import ReadingObjective
from vary.train.trainer import VaryTrainer, training_arguments


@pytest.fixture
def trainer_of(tiny, built, tmp_path):
    """Return a function that gives the trainer of a stage with overrides."""

    def make(*overrides, place=0):
        recipe = tiny(*overrides)
        stage = recipe.stages[place]
        objective = ReadingObjective(*built, stage, "fp32", recipe.seed)
        return VaryTrainer(objective, args=training_arguments(recipe, stage, tmp_path))

    return make


@pytest.mark.parametrize("kind", ["ctc", "text", "both"])
def test_only_what_is_trained_is_in_the_optimizer(trainer_of, kind):
    stage = {"objective": kind, "vocabulary_rate": 0.1, "weight_decay": 0.5, "adam_beta2": 0.9}
    trainer = trainer_of(*(f"stages.draft.{key}={value}" for key, value in stage.items()))
    module, optimizer = trainer.objective, trainer.create_optimizer()
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(id(p) for p in module.parameters() if p.requires_grad)
    vocabulary = {id(p) for p in module.model.vocabularies.parameters()}
    for group in optimizer.param_groups:
        assert group["betas"] == (0.9, 0.9)
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.5 if parameter.ndim > 1 else 0.0)
            rate = 1e-4 if id(parameter) in vocabulary else 1e-3
            assert group["lr"] == pytest.approx(rate)


def test_a_pattern_keeps_parameters_out_of_the_optimizer(trainer_of):
    trainer = trainer_of('stages.read.frozen=["*", "!*.neck.*"]', place=1)
    held = {id(p) for group in trainer.create_optimizer().param_groups for p in group["params"]}
    names = {name for name, p in trainer.objective.model.named_parameters() if id(p) in held}
    assert names and all(".neck." in name for name in names)


def rates(trainer):
    """Return the learning rate of each step."""
    stage = trainer.objective.stage
    optimizer = trainer.create_optimizer()
    schedule = trainer.create_scheduler(stage.steps, optimizer)
    found = []
    for _ in range(stage.steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def shaped(**stage):
    return [f"stages.draft.{key}={value}" for key, value in {"learning_rate": 1.0, **stage}.items()]


def half_cosine(share):
    return 0.5 * (1 + math.cos(math.pi * share))


def test_cosine_falls_to_zero_over_the_whole_stage(trainer_of):
    found = rates(trainer_of(*shaped(schedule="cosine", steps=12, warmup_steps=4, decay_steps=3)))
    assert found[:5] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert found[4:] == pytest.approx([half_cosine(step / 8) for step in range(8)])


def test_the_stable_rate_stays_and_falls_at_the_end(trainer_of):
    found = rates(trainer_of(*shaped(steps=12, warmup_steps=4, decay_steps=4)))
    assert found[:4] == pytest.approx([0, 0.25, 0.5, 0.75])
    assert found[4:9] == [1.0] * 5
    assert found[8:] == pytest.approx([half_cosine(step / 4) for step in range(4)])


def test_without_a_fall_the_rate_stays(trainer_of):
    assert rates(trainer_of(*shaped(steps=9, warmup_steps=2)))[2:] == [1.0] * 7


def test_a_fall_longer_than_the_stage_begins_behind_the_rise(trainer_of):
    found = rates(trainer_of(*shaped(steps=6, warmup_steps=2, decay_steps=50)))
    assert found == pytest.approx([0, 0.5, *(half_cosine(step / 4) for step in range(4))])


def test_micro_batches_are_shared_by_the_devices(tiny, tmp_path):
    recipe = tiny("stages.draft.micro_batches=6")
    for devices, each in ((1, 6), (2, 3), (3, 2), (6, 1)):
        arguments = training_arguments(recipe, recipe.stages[0], tmp_path, devices)
        assert arguments.gradient_accumulation_steps == each
    with pytest.raises(VaryError, match="stage draft: micro_batches 6 cannot be shared by 4") as e:
        training_arguments(recipe, recipe.stages[0], tmp_path, 4)
    assert "make it a multiple of 4" in str(e.value)
