"""Triples of charts: SCRM, the measure of StructChart and OneChart."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from vary.eval.metrics.chart_dict import Cell, ChartDict, without_single_series
from vary.eval.metrics.quantities import is_within, number_within
from vary.extras import require

ScrmRule = Literal["structchart", "onechart"]
SCRM_RULES: tuple[ScrmRule, ...] = ("structchart", "onechart")


class Tolerance(NamedTuple):
    """How far a triple may be off: letters of its names together, a share of its number."""

    letters: int
    share: Decimal


TOLERANCES = {
    "strict": Tolerance(0, Decimal(0)),
    "slight": Tolerance(2, Decimal("0.05")),
    "high": Tolerance(5, Decimal("0.1")),
}
_NUM_STEPS = 10  # the overlap is held against 0.50, 0.55, ... 0.95


class _Triple(NamedTuple):
    names: tuple[str, str]
    value: str
    number: Decimal | None


# As the published script has it: two names, and a float or a text.
_Published = tuple[str, str, float | str]


def scrm(
    prediction: ChartDict | None, truth: ChartDict, rule: ScrmRule = "structchart"
) -> dict[str, float]:
    """Return for ``strict``, ``slight`` and ``high`` tolerance the precision of a chart's triples.

    A chart is the set of its triples {series, key}, value, without case. The overlap is their
    intersection over their union; the precision is the share of the bars 0.50, 0.55, ... 0.95
    that it reaches. The mean over charts is the published mAP. Two triples are the same where
    the names, series and key as one text in alphabetical order, differ by at most 0 / 2 / 5
    letters and the numbers by 0 / 5 / 10 % of the truth's.

    Args:
        prediction: the answer; None where it could not be parsed.
        truth: the chart.
        rule: ``structchart`` is the definition: a triple serves once, a number is never a text,
            and where both sides have one series its name does not count. ``onechart`` does what
            OneChart's script does: a name also fits where it is part of the other, series and
            keys are put in order only as far as both lists reach, several triples of the answer
            may meet one of the truth, of a value only digits, points and hyphens count, and
            floats decide at the bounds.

    Returns: level -> 0 to 1, higher is better. Two charts without triples give 1, no dict gives 0.

    Raises:
        MissingExtraError: rapidfuzz is not installed.

    Source: Xia et al. 2023 (StructChart), 4; `SCRM.py` of OneChart's ChartSE, its ``easy`` levels.
    """
    if prediction is None:
        return dict.fromkeys(TOLERANCES, 0.0)
    overlap = _overlap if rule == "structchart" else _published_overlap
    bars = _bars if rule == "structchart" else _published_bars
    return {
        level: bars(*overlap(prediction, truth, tolerance))
        for level, tolerance in TOLERANCES.items()
    }


def _bars(common: int, union: int) -> float:
    # In whole numbers, so that an overlap of 3/5 reaches the bar of 0.60.
    return sum(20 * common >= step * union for step in range(10, 10 + _NUM_STEPS)) / _NUM_STEPS


def _overlap(prediction: ChartDict, truth: ChartDict, tolerance: Tolerance) -> tuple[int, int]:
    """Return the sizes of intersection and union.

    Both 1 where there is nothing on either side; 0 and 1 where they cannot be half as large.
    """
    read, right = without_single_series(prediction.cells, truth.cells)
    triples, truths = (
        list({_triple(cell) for cell in read}),
        list({_triple(cell) for cell in right}),
    )
    if not triples and not truths:
        return 1, 1
    if max(len(triples), len(truths)) > 2 * min(len(triples), len(truths)):
        # No matching reaches the lowest bar: a runaway answer is not compared at length.
        return 0, 1
    fits = _name_test()
    neighbours = [
        [index for index, triple in enumerate(triples) if _same(triple, goal, tolerance, fits)]
        for goal in truths
    ]
    common = largest_matching(neighbours)
    return common, len(triples) + len(truths) - common


def _triple(cell: Cell) -> _Triple:
    first, second = sorted((cell.series.strip().lower(), cell.key.strip().lower()))
    number = number_within(cell.value)
    return _Triple((first, second), "" if number is not None else cell.value.lower(), number)


def _same(
    triple: _Triple, goal: _Triple, tolerance: Tolerance, fits: Callable[[str, str, int], bool]
) -> bool:
    if triple.number is not None and goal.number is not None:
        is_near = is_within(triple.number, goal.number, tolerance.share)
        return is_near and fits("".join(triple.names), "".join(goal.names), tolerance.letters)
    if triple.number is not None or goal.number is not None:
        return False
    name, right = "".join(triple.names) + triple.value, "".join(goal.names) + goal.value
    return fits(name, right, tolerance.letters)


def _name_test() -> Callable[[str, str, int], bool]:
    """Return a function that tells whether two texts differ by at most so many letters."""
    distance = require("rapidfuzz.distance.Levenshtein", extra="eval").distance
    return lambda left, right, most: distance(left, right, score_cutoff=most) <= most


def largest_matching(neighbours: Sequence[Sequence[int]]) -> int:
    """Return how many of the left can have one of the right each, by augmenting paths.

    Args:
        neighbours: for each of the left the numbers of those on the right that it may have.
    """
    owner: dict[int, int] = {}
    mate: dict[int, int] = {}
    for start in range(len(neighbours)):
        came_from: dict[int, int] = {}
        free: int | None = None
        queue = [start]
        for left in queue:  # grows while it is walked
            for right in neighbours[left]:
                if right in came_from:
                    continue
                came_from[right] = left
                if right not in owner:
                    free = right
                    break
                queue.append(owner[right])
            if free is not None:
                break
        while free is not None:
            left = came_from[free]
            owner[free], mate[left], free = left, free, mate.get(left)
    return len(mate)


def _published_bars(common: int, union: int) -> float:
    # `np.arange(0.5, 1, 0.05)`: its 0.6 is a little more than 0.6, and 3/5 does not reach it.
    step = (0.5 + 0.05) - 0.5
    return sum(common / union >= 0.5 + index * step for index in range(_NUM_STEPS)) / _NUM_STEPS


def _published_overlap(
    prediction: ChartDict, truth: ChartDict, tolerance: Tolerance
) -> tuple[int, int]:
    """Return the sizes of intersection and union as OneChart's script counts them."""
    read = [_published_triple(cell) for cell in prediction.cells]
    right = [_published_triple(cell) for cell in truth.cells]
    for index in range(min(len(read), len(right))):
        first, second, value = read[index]
        if right[index][1] == "value" and "value" not in {first, second}:
            second = "value"
        read[index] = (*_in_order(first, second), value)
        right[index] = (*_in_order(*right[index][:2]), right[index][2])
    triples, truths = set(read), set(right)
    if not triples and not truths:
        return 1, 1
    fits = _name_test()
    common = {
        triple
        for triple in triples
        if any(_published_same(triple, goal, tolerance, fits) for goal in truths)
    }
    return len(common), len((triples | truths) - (common - (triples & truths)))


def _in_order(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)


def _published_triple(cell: Cell) -> _Published:
    names = (cell.series, cell.key) if cell.series else (cell.key, "value")
    value = re.sub(r"[^\d.-]", "", cell.value)
    try:
        return names[0].lower(), names[1].lower(), float(value)
    except ValueError:
        return names[0].lower(), names[1].lower(), value


def _published_same(
    triple: _Published,
    goal: _Published,
    tolerance: Tolerance,
    fits: Callable[[str, str, int], bool],
) -> bool:
    is_number = isinstance(triple[2], float) and isinstance(goal[2], float)
    if is_number and _published_share(triple, goal) > float(tolerance.share):
        return False
    name, right = triple[0] + triple[1], goal[0] + goal[1]
    if is_number:
        return fits(name, right, tolerance.letters) or name in right or right in name
    return fits(f"{name}{triple[2]}", f"{right}{goal[2]}", tolerance.letters)


def _published_share(triple: _Published, goal: _Published) -> float:
    number, right = float(triple[2]), float(goal[2])
    return abs(number - right) / (abs(right) + 0.000001)
