"""One order of samples out of several sources, and the steps that it is cut into.

Both are functions of the seed and a number alone: workers and devices only share the work out.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from vary.data.caches import WithCaches
from vary.data.engines.base import sample_rng
from vary.train.recipe import StageRecipe
from vary.train.sources import Source

_BLOCK = 1024
# Rows of a set that are shuffled together: neighbours on disk, so that reading them is cheap.
_CHUNK = 512

Place = tuple[str, int]


class Mixture(WithCaches):
    """Samples of several sources by number.

    Args:
        sources: by name.
        weights: how often each is drawn, in relation to the others.
        seed: of the run.
        stage: part of the seed.
    """

    def __init__(
        self, sources: Mapping[str, Source], weights: Mapping[str, float], seed: int, stage: str
    ) -> None:
        self.sources = dict(sources)
        self.names = sorted(self.sources)
        shares = np.array([weights[name] for name in self.names])
        self.shares = shares / shares.sum()
        self.seed = seed
        self.stage = stage
        # How often each source was drawn before each block.
        self._before = [np.zeros(len(self.names), dtype=np.int64)]
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._block = lru_cache(maxsize=64)(self._draw_block)
        self._order = lru_cache(maxsize=8)(self._draw_order)

    def place(self, number: int) -> Place:
        """Return a sample's source and its index there."""
        block, within = divmod(number, _BLOCK)
        drawn = self._block(block)
        source = int(drawn[within])
        turn = int(self._count_before(block)[source] + np.count_nonzero(drawn[:within] == source))
        name = self.names[source]
        size = self.sources[name].num_examples
        if size is None:
            return name, turn
        epoch, position = divmod(turn, size)
        return name, int(self._order(name, epoch)[position])

    def length_hint(self, number: int) -> int:
        """Return about how much a sample costs, in its source's unit."""
        name, index = self.place(number)
        return self.sources[name].length_hint(index)

    def _draw_block(self, block: int) -> np.ndarray:
        rng = sample_rng(self.seed, f"mixture/{self.stage}", block)
        return rng.choice(len(self.names), size=_BLOCK, p=self.shares)

    def _count_before(self, block: int) -> np.ndarray:
        while len(self._before) <= block:
            drawn = self._draw_block(len(self._before) - 1)
            counts = np.bincount(drawn, minlength=len(self.names))
            self._before.append(self._before[-1] + counts)
        return self._before[block]

    def _draw_order(self, name: str, epoch: int) -> np.ndarray:
        """Return a set's rows in the order of an epoch: chunks shuffled, and rows within each."""
        size = self.sources[name].num_examples
        assert size is not None
        rng = sample_rng(self.seed, f"order/{self.stage}/{name}", epoch)
        starts = rng.permutation(np.arange(0, size, _CHUNK))
        chunks = [rng.permutation(np.arange(at, min(at + _CHUNK, size))) for at in starts]
        return np.concatenate(chunks)


class StepPlan(WithCaches):
    """Which samples make up each step of a stage.

    The samples of `group_steps` steps are sorted by their length hints, cut into steps, and the
    steps shuffled: samples of a step are alike, and padding is small.

    Args:
        mixture: the samples.
        stage: batch size.
    """

    def __init__(self, mixture: Mixture, stage: StageRecipe) -> None:
        self.mixture = mixture
        self.stage = stage
        per_step = stage.batch_size or max(1, stage.batch_px // max(stage.widths_px))
        self.group_size = per_step * stage.group_steps
        # Number of the first step of each group: with `batch_px` a group's steps vary in number.
        self._starts = [0]
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._group = lru_cache(maxsize=4)(self._cut_group)

    def step(self, number: int) -> list[int]:
        """Return the numbers of a step's samples, by rising length."""
        group, within = self._locate(number)
        return list(self._group(group)[within])

    def samples_before(self, number: int) -> int:
        """Return how many samples all steps before this one have."""
        if self.stage.batch_size:
            return number * self.stage.batch_size
        group, within = self._locate(number)
        steps = self._group(group)[:within]
        return group * self.group_size + sum(map(len, steps))

    def _locate(self, number: int) -> tuple[int, int]:
        if self.stage.batch_size:
            return divmod(number, self.stage.group_steps)
        while self._starts[-1] <= number:
            group = len(self._starts) - 1
            self._starts.append(self._starts[-1] + len(self._cut_group(group)))
        group = int(np.searchsorted(self._starts, number, side="right")) - 1
        return group, number - self._starts[group]

    def _cut_group(self, group: int) -> list[list[int]]:
        first = group * self.group_size
        numbers = range(first, first + self.group_size)
        hints = {number: self.mixture.length_hint(number) for number in numbers}
        steps = self._cut(sorted(numbers, key=lambda number: (hints[number], number)), hints)
        rng = sample_rng(self.mixture.seed, f"steps/{self.stage.name}", group)
        return [steps[place] for place in rng.permutation(len(steps))]

    def _cut(self, numbers: Sequence[int], hints: Mapping[int, int]) -> list[list[int]]:
        size, budget = self.stage.batch_size, self.stage.batch_px
        steps: list[list[int]] = [[]]
        for number in numbers:
            step = steps[-1]
            full = len(step) == size if size else (len(step) + 1) * hints[number] > budget
            if step and full:
                steps.append([])
            steps[-1].append(number)
        # What is left over joins the step before where it would make a noisy little step alone.
        if budget and len(steps) > 1:
            joined = (len(steps[-2]) + len(steps[-1])) * hints[steps[-1][-1]]
            if joined <= 1.5 * budget:
                left_over = steps.pop()
                steps[-1] += left_over
        return steps
