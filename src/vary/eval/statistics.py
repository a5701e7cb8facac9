"""How sure a value is: totals, bootstrap intervals, and the comparison of two systems.

Pages of one document are not independent, so whole documents are drawn, not pages. A resample
draws as many documents as there are, with replacement; the interval goes from the 2.5th to the
97.5th percentile of the resamples' totals (the percentile bootstrap: B. Efron, "Bootstrap methods:
another look at the jackknife", Annals of Statistics 7, 1979; B. Efron and R. Tibshirani, "An
introduction to the bootstrap", 1993, chapter 13). With a mean over groups, documents are drawn
within each group, so that every resample has the groups' true sizes.

Two systems are compared on the same resamples (paired bootstrap: P. Koehn, "Statistical
significance tests for machine translation evaluation", EMNLP 2004; for error rates, which are
ratios of sums: M. Bisani and H. Ney, "Bootstrap estimates for confidence intervals in ASR
performance evaluation", ICASSP 2004). The p-value is that of a randomisation test: were the systems
alike, their answers to a document could be exchanged (E. Noreen, "Computer-intensive methods for
testing hypotheses", 1989).

All draws come from a fixed seed: the same scores give the same numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

NUM_RESAMPLES = 10_000
SEED = 0
# Documents that can be exchanged or not in no more ways than there would be random draws.
MAX_EXACT_UNITS = 13
# Entries of a block of drawn numbers: stays within a processor's cache.
_BLOCK = 1_000_000
# Sums in another order differ in their last digits: a tie with the observed value is a tie still.
_TOLERANCE = 1e-9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """What one prompt gives to the sums.

    Attributes:
        unit: what is drawn together, a document.
        groups: the groups whose means are averaged; one, ("",) say, for a mean over all.
        cells: column -> (numerator, denominator); a column that does not apply is absent.
    """

    unit: str
    groups: tuple[str, ...]
    cells: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """A total and how sure it is.

    Attributes:
        value: the total; None where nothing has the metric, or all denominators are 0.
        num: prompts that have the metric.
        num_units: documents that have it.
        low, high: ends of the 95 % interval; None where there are fewer than two documents, in all
            or in a group whose mean is averaged.
    """

    value: float | None
    num: int
    num_units: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """One column less another, over the same prompts.

    Attributes:
        value: the difference of the totals; None where one of them is none.
        low, high: ends of its 95 % interval, by paired resamples; None as in `Estimate`.
        p_value: two-sided, by the randomisation test; None with fewer than two documents.
        is_exact: whether all ways of exchanging were tried, not a random part of them.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    is_exact: bool = False


class Sums:
    """Numerators and denominators, summed by document, group and column.

    Args:
        rows: one for each prompt.
        columns: names of the columns; those of two systems stand side by side.
    """

    def __init__(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        self.columns = {name: index for index, name in enumerate(columns)}
        units = {unit: index for index, unit in enumerate(dict.fromkeys(r.unit for r in rows))}
        names = dict.fromkeys(group for row in rows for group in row.groups)
        groups = {group: index for index, group in enumerate(names)}
        shape = (len(units), len(groups), len(columns))
        # (units, groups, columns) each
        self.numerators, self.denominators = np.zeros(shape), np.zeros(shape)
        self.present = np.zeros(shape, dtype=bool)
        self.counts = np.zeros(len(columns), dtype=int)
        for row in rows:
            unit = units[row.unit]
            for name, (numerator, denominator) in row.cells.items():
                column = self.columns[name]
                self.counts[column] += 1
                for group in row.groups:
                    place = (unit, groups[group], column)
                    self.numerators[place] += numerator
                    self.denominators[place] += denominator
                    self.present[place] = True
        self._samples: Floats | None = None

    def estimate(self, name: str) -> Estimate:
        """Return the total of a column and its interval."""
        column = self.columns[name]
        total = _ratio(self.numerators[..., column].sum(0), self.denominators[..., column].sum(0))
        low, high = self._interval(self.samples[:, column], (column,))
        return Estimate(
            value=_number(total),
            num=int(self.counts[column]),
            num_units=int(self.present[..., column].any(1).sum()),
            low=low,
            high=high,
        )

    def compare(self, name: str, other: str) -> Difference:
        """Return the first column less the other one, whose rows must have both or neither."""
        first, second = self.columns[name], self.columns[other]
        totals = [
            _ratio(self.numerators[..., column].sum(0), self.denominators[..., column].sum(0))
            for column in (first, second)
        ]
        value = _number(totals[0] - totals[1])
        differences = self.samples[:, first] - self.samples[:, second]
        low, high = self._interval(differences, (first, second))
        if value is None or self.present[..., first].any(1).sum() < 2:
            return Difference(value)
        sides = [
            np.stack([self.numerators[..., column], self.denominators[..., column]])
            for column in (first, second)
        ]
        p_value, is_exact = randomisation_test(sides[0], sides[1])
        return Difference(value, low, high, p_value, is_exact)

    @property
    def samples(self) -> Floats:
        """(NUM_RESAMPLES, columns): the totals of the resamples, NaN where one has none."""
        if self._samples is None:
            self._samples = self._resample()
        return self._samples

    def _resample(self) -> Floats:
        num_units, num_groups, num_columns = self.numerators.shape
        if num_units < 2:
            return np.full((NUM_RESAMPLES, num_columns), np.nan)
        flat = np.concatenate([self.numerators, self.denominators], axis=1).reshape(num_units, -1)
        # Denominators are mostly the same ones: each is summed once.
        distinct, inverse = np.unique(flat, axis=1, return_inverse=True)
        found = []
        for draws in _draw(self._strata()):
            sums = (draws @ distinct)[:, inverse.reshape(-1)]
            sums = sums.reshape(len(draws), 2, num_groups, num_columns)
            found.append(_ratio(sums[:, 0], sums[:, 1], axis=1))
        return np.concatenate(found)

    def _strata(self) -> list[NDArray[np.intp]]:
        """Return units that are drawn among themselves: those of the same groups.

        A unit that is alone with its set of groups joins the largest stratum: drawn among itself it
        would never vary.
        """
        kinds = self.present.any(axis=2)
        _, labels = np.unique(kinds, axis=0, return_inverse=True)
        labels = labels.reshape(-1)
        sizes = np.bincount(labels)
        labels = np.where(sizes[labels] < 2, int(sizes.argmax()), labels)
        return [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def _interval(
        self, samples: Floats, columns: tuple[int, ...]
    ) -> tuple[float | None, float | None]:
        for column in columns:
            # By group: how many units have the column. Groups without any take no part.
            counts = self.present[..., column].sum(0)
            counts = counts[counts > 0]
            if not len(counts) or counts.min() < 2:
                return None, None
        samples = samples[np.isfinite(samples)]
        if not len(samples):
            return None, None
        low, high = np.percentile(samples, [2.5, 97.5])
        return float(low), float(high)


def randomisation_test(first: Floats, second: Floats) -> tuple[float, bool]:
    """Return the two-sided p-value of the difference of two totals, and whether it is exact.

    The share of ways to exchange the two systems' sums, document by document, whose difference is
    as large as the observed one. With more than `MAX_EXACT_UNITS` documents that differ, random
    ways are drawn, and the observed one is counted among them.

    Args:
        first: (2, units, groups) sums of numerators and denominators.
        second: the other system's.
    """
    differs = (first != second).any(axis=(0, 2))
    num_units = int(differs.sum())
    if not num_units:
        return 1.0, True
    shape = (2, first.shape[2])
    whole_first, whole_second = first.sum(axis=1), second.sum(axis=1)
    # What goes over from one side to the other when a document is exchanged: (units, 2 * groups)
    change = (second - first)[:, differs].transpose(1, 0, 2).reshape(num_units, -1)
    observed = abs(_ratio(*whole_first) - _ratio(*whole_second))

    def as_large(swaps: NDArray[np.bool_]) -> int:
        moved = (swaps.astype(float) @ change).reshape(-1, *shape)
        left, right = whole_first + moved, whole_second - moved
        found = np.abs(_ratio(left[:, 0], left[:, 1], 1) - _ratio(right[:, 0], right[:, 1], 1))
        return int((found >= observed * (1 - _TOLERANCE) - 1e-15).sum())

    if num_units <= MAX_EXACT_UNITS:
        ways = np.arange(2**num_units)[:, None] >> np.arange(num_units) & 1
        return as_large(ways.astype(bool)) / len(ways), True
    rng = np.random.default_rng(SEED)
    hits = sum(
        as_large(rng.integers(2, size=(size, num_units), dtype=np.int8).astype(bool))
        for size in _block_sizes(num_units)
    )
    return (hits + 1) / (NUM_RESAMPLES + 1), False


def _draw(strata: list[NDArray[np.intp]]) -> Iterator[Floats]:
    """Yield blocks of (resamples, units): how often each unit is drawn."""
    rng = np.random.default_rng(SEED)
    num_units = sum(map(len, strata))
    for size in _block_sizes(num_units):
        draws = np.zeros((size, num_units))
        for members in strata:
            picks = rng.integers(len(members), size=(size, len(members)))
            picks += np.arange(size)[:, None] * len(members)
            counts = np.bincount(picks.reshape(-1), minlength=size * len(members))
            draws[:, members] = counts.reshape(size, len(members))
        yield draws


def _block_sizes(num_units: int) -> list[int]:
    size = max(1, min(NUM_RESAMPLES, _BLOCK // num_units))
    return [b - a for a, b in pairwise([*range(0, NUM_RESAMPLES, size), NUM_RESAMPLES])]


def _ratio(numerators: Floats, denominators: Floats, axis: int = 0) -> Floats:
    """Return the mean of the groups' ratios along an axis; groups that divide by 0 are left out."""
    holds = denominators > 0
    ratios = np.divide(numerators, denominators, out=np.zeros_like(numerators), where=holds)
    num = holds.sum(axis=axis)
    return np.where(num > 0, ratios.sum(axis=axis) / np.maximum(num, 1), np.nan)


def _number(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
