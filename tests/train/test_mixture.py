"""One order of samples whatever shares the work out, and steps of samples that are alike."""

import pickle
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from vary.train.mixture import Mixture, StepPlan
from vary.train.recipe import StageRecipe
from vary.train.sources import Example

WEIGHTS = {"lines": 3.0, "pages": 1.0, "set": 0.5}


@dataclass
class Numbered:
    """Examples whose length is drawn from their index."""

    name: str
    num_examples: int | None = None

    def length_hint(self, index):
        return int(np.random.default_rng(index).choice([128, 192, 256]))

    def example(self, index):
        return Example(f"{self.name}/{index}", (np.zeros((8, 8), np.uint8),), "a")


def mixture(weights=WEIGHTS, seed=3, stage="read", size=40):
    sources = {name: Numbered(name, size if name == "set" else None) for name in weights}
    return Mixture(sources, weights, seed, stage)


def stage_of(**changes):
    fields = {"name": "read", "objective": "text", "steps": 50, "learning_rate": 1e-3}
    return StageRecipe(**(fields | {"widths_px": (128, 192, 256)} | changes))


def test_the_order_is_a_function_of_seed_and_stage():
    first = [mixture().place(number) for number in range(300)]
    assert first == [mixture().place(number) for number in range(300)]
    for other in (mixture(seed=4), mixture(stage="other"), mixture(weights={**WEIGHTS, "set": 2})):
        assert first != [other.place(number) for number in range(300)]


def test_jumping_to_a_number_is_walking_there():
    walked = mixture()
    places = [walked.place(number) for number in range(6000)]
    for number in (5999, 3, 1023, 1024, 4097):
        assert mixture().place(number) == places[number]


def test_no_index_is_left_out_or_comes_twice():
    """Of a source without an end each index comes once, in order, across all blocks."""
    mixed = mixture()
    places = [mixed.place(number) for number in range(4000)]
    for name in ("lines", "pages"):
        indices = [index for source, index in places if source == name]
        assert indices == list(range(len(indices))) and indices


def test_weights_are_kept():
    mixed = mixture()
    names = [mixed.place(number)[0] for number in range(20_000)]
    for name, weight in WEIGHTS.items():
        share = weight / sum(WEIGHTS.values())
        spread = 4 * np.sqrt(share * (1 - share) / len(names))
        assert names.count(name) / len(names) == pytest.approx(share, abs=spread)


@pytest.mark.parametrize("size", [1, 40, 1300])
def test_a_set_is_seen_once_an_epoch_in_another_order_each(size):
    alone = mixture({"set": 1.0}, size=size)
    epochs = [[alone.place(e * size + n)[1] for n in range(size)] for e in range(3)]
    assert all(sorted(epoch) == list(range(size)) for epoch in epochs)
    if size > 1:
        assert len({tuple(epoch) for epoch in epochs}) == 3


def test_rows_of_a_set_that_stand_together_are_read_together():
    """Else each sample of a large set would cost the reading of a row group."""
    alone = mixture({"set": 1.0}, size=5000)
    rows = [alone.place(number)[1] for number in range(512)]
    assert max(rows) - min(rows) < 2 * 512


def test_a_mixture_goes_to_other_processes():
    one = mixture()
    one.place(5000)
    other = pickle.loads(pickle.dumps(one))
    assert [other.place(n) for n in range(4000, 6000)] == [one.place(n) for n in range(4000, 6000)]
    plan = StepPlan(one, stage_of(batch_px=1024))
    plan.step(40)
    assert pickle.loads(pickle.dumps(plan)).step(41) == plan.step(41)


@pytest.mark.parametrize("size", [{"batch_size": 6}, {"batch_px": 1024}])
def test_steps_share_out_all_samples(size):
    plan = StepPlan(mixture(), stage_of(group_steps=4, **size))
    steps = [plan.step(number) for number in range(60)]
    numbers = [number for step in steps for number in step]
    assert len(set(numbers)) == len(numbers)
    groups = plan.samples_before(60) // plan.group_size
    assert set(range(groups * plan.group_size)) <= set(numbers)
    assert all(steps)


@pytest.mark.parametrize("size", [{"batch_size": 6}, {"batch_px": 1024}])
def test_jumping_to_a_step_is_walking_there(size):
    stage = stage_of(group_steps=4, **size)
    plan = StepPlan(mixture(), stage)
    steps, before = [], 0
    for number in range(60):
        assert plan.samples_before(number) == before
        steps.append(plan.step(number))
        before += len(steps[-1])
    for number in (59, 0, 17):
        fresh = StepPlan(mixture(), stage)
        assert fresh.samples_before(number) == sum(map(len, steps[:number]))
        assert fresh.step(number) == steps[number]


def test_a_budget_of_pixels_is_kept_and_used():
    plan = StepPlan(mixture(), stage_of(batch_px=1024, group_steps=8))
    widths = [[plan.mixture.length_hint(n) for n in plan.step(s)] for s in range(200)]
    totals = [max(step) * len(step) for step in widths]
    assert max(totals) <= 1.5 * 1024  # what is left over of a group may join a step
    assert sum(total <= 1024 for total in totals) > 0.7 * len(totals)
    assert np.mean(totals) > 0.85 * 1024


def test_what_is_left_over_joins_no_step_that_it_would_make_much_wider(monkeypatch):
    """One wide strip beside many narrow ones would be paid for by all of them."""
    monkeypatch.setattr(Numbered, "length_hint", lambda _, index: 1280 if index % 16 == 3 else 128)
    plan = StepPlan(mixture({"lines": 1.0}), stage_of(batch_px=4096, widths_px=(128, 1280)))
    steps = [[plan.mixture.length_hint(n) for n in plan.step(s)] for s in range(60)]
    assert max(max(step) * len(step) for step in steps) <= 1.5 * 4096


def test_a_step_has_at_least_one_sample_though_it_is_over_the_budget():
    plan = StepPlan(mixture(), stage_of(batch_px=1, group_steps=2))
    assert [len(plan.step(number)) for number in range(6)] == [1] * 6


def test_a_step_has_the_asked_number_of_samples():
    plan = StepPlan(mixture(), stage_of(batch_size=6, group_steps=3))
    assert {len(plan.step(number)) for number in range(50)} == {6}


def padding(plan, num_steps):
    """Return the share of a batch that is padding."""
    lengths = [[plan.mixture.length_hint(n) for n in plan.step(s)] for s in range(num_steps)]
    whole = sum(max(step) * len(step) for step in lengths)
    return 1 - sum(map(sum, lengths)) / whole


def test_samples_of_a_step_are_alike():
    sorted_together, alone = (
        padding(StepPlan(mixture(), stage_of(batch_size=6, group_steps=group)), 96)
        for group in (16, 1)
    )
    assert sorted_together < 0.25 * alone


def test_long_and_short_steps_come_mixed():
    """Sorted steps would be a curriculum that nobody asked for."""
    plan = StepPlan(mixture(), stage_of(batch_size=6, group_steps=16))
    longest = [max(map(plan.mixture.length_hint, plan.step(step))) for step in range(64)]
    falls = sum(after < before for before, after in pairwise(longest))
    assert falls > 10
