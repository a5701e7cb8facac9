"""Charts written as dicts: how much of the table behind a chart an answer gives."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from vary.eval.metrics.chart_literals import parse_dict
from vary.eval.metrics.edit_distance import collapse_white_space, edit_distance
from vary.eval.metrics.quantities import is_within, number_within
from vary.eval.metrics.relaxed_accuracy import exact_match
from vary.extras import require

TITLES = ("title", "source", "x_title", "y_title")
_TABLES = ("data", "values")
# A name may be misread by one letter in five; a digit in it never.
_NAME_SLACK = 5


class Cell(NamedTuple):
    """One number of a chart: series (empty where there is one without a name), key, value."""

    series: str
    key: str
    value: str


@dataclass(frozen=True)
class ChartDict:
    """What a dict says of a chart.

    Attributes:
        titles: of `TITLES` those that are there and not empty.
        cells: of the table, in order.
    """

    titles: dict[str, str] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()

    @classmethod
    def from_dict(cls, chart: Mapping[str, Any]) -> "ChartDict":
        """Return the chart of a dict of texts and numbers.

        The table stands under ``data`` (the paper) or ``values`` (OneChart); without either it
        is all that is no title. One series is ``{key: value}``, several are one dict each.
        """
        named = {name: chart[name] for name in TITLES if isinstance(chart.get(name), str)}
        titles = {name: text for name, text in named.items() if text.strip() not in {"", "None"}}
        table = next((chart[name] for name in _TABLES if isinstance(chart.get(name), dict)), None)
        if table is None:
            table = {name: value for name, value in chart.items() if name not in named}
        return cls(titles, tuple(_cells(table)))


def parse_chart(text: str) -> ChartDict | None:
    """Return the chart of an answer, None where the answer holds no whole dict.

    A dict that breaks off is none: half a chart is counted as unparsed.
    """
    chart = parse_dict(text)
    return None if chart is None else ChartDict.from_dict(chart)


def cell_accuracy(
    prediction: ChartDict | None, truth: ChartDict, tolerance: Decimal = Decimal("0.05")
) -> float:
    """Return the share of the truth's cells whose value an answer gives.

    Cells meet by the names of series and key, without case, runs of white space as one; a name
    may differ in one letter of five, but not in its digits. Each cell of the answer serves once;
    what it has beyond the truth is not punished (that is what the triples do). Series and keys
    may be exchanged as a whole, and where both sides have one series its name does not count.

    Args:
        prediction: the answer; None where it could not be parsed.
        truth: the chart.
        tolerance: how far a number may be off, as a share of the truth's. The number is the only
            one in the value's text, so that ``$5``, ``5 %`` and ``5`` are the same; other texts
            must be equal.

    Returns: 0 to 1, higher is better; a truth without cells gives 1 for an answer without, else
        0; no dict gives 0.
    """
    if prediction is None:
        return 0.0
    if not truth.cells:
        return float(not prediction.cells)
    turned = tuple(Cell(cell.key, cell.series, cell.value) for cell in prediction.cells)
    right = max(
        sum(_same_value(read.value, cell.value, tolerance) for read, cell in _meet(cells, truth))
        for cells in (prediction.cells, turned)
    )
    return right / len(truth.cells)


def title_similarity(prediction: ChartDict | None, truth: ChartDict) -> dict[str, float]:
    """Return for each title that the truth has how near the answer's comes: 0 to 1, 1 is equal.

    1 less the normalised edit distance, without case, runs of white space as one space. A title
    that the truth lacks is left out, one that the answer lacks gives 0.

    Raises:
        MissingExtraError: rapidfuzz is not installed.

    Source: `ocr_eval` of OneChart's ChartSE.
    """
    read = prediction.titles if prediction else {}
    return {
        name: 1 - edit_distance(_plain(read.get(name, "")), _plain(text))
        for name, text in truth.titles.items()
    }


def without_single_series(
    prediction: Iterable[Cell], truth: Iterable[Cell]
) -> tuple[list[Cell], list[Cell]]:
    """Return the cells of both, without names of series where both have one series each."""
    sides = list(prediction), list(truth)
    if all(len({cell.series for cell in cells}) <= 1 for cells in sides):
        sides = (
            [cell._replace(series="") for cell in sides[0]],
            [cell._replace(series="") for cell in sides[1]],
        )
    return sides


def _cells(table: Mapping[str, Any]) -> Iterator[Cell]:
    for name, value in table.items():
        if isinstance(value, dict | list):
            for path, text in _leaves(value):
                yield Cell(name, " ".join(path), text)
        else:
            yield Cell("", name, _text(value))


def _leaves(value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield path and text of all values in nested dicts and lists; lists count from 1."""
    if not isinstance(value, dict | list):
        yield (), _text(value)
        return
    items = value.items() if isinstance(value, dict) else enumerate(value, start=1)
    for name, part in items:
        for path, text in _leaves(part):
            yield (str(name), *path), text


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _meet(prediction: Iterable[Cell], truth: ChartDict) -> Iterator[tuple[Cell, Cell]]:
    """Yield cells of the answer and of the truth that are of the same name, each at most once."""
    read, cells = without_single_series(prediction, truth.cells)
    by_name: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in read:
        by_name[_name(cell)].append(cell)
    rest: list[Cell] = []
    for cell in cells:
        if same := by_name.get(_name(cell)):
            yield same.pop(0), cell
        else:
            rest.append(cell)
    left = [cell for same in by_name.values() for cell in same]
    yield from _meet_nearly(left, rest)


def _meet_nearly(prediction: list[Cell], truth: list[Cell]) -> Iterator[tuple[Cell, Cell]]:
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval").distance
    names = [_name(cell) for cell in prediction]
    by_digits: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        by_digits[_digits(name)].append(index)
    pairs: list[tuple[int, int, int]] = []
    for number, cell in enumerate(truth):
        name = _name(cell)
        for index in by_digits.get(_digits(name), ()):
            distance = _name_distance(names[index], name, levenshtein)
            if distance is not None:
                pairs.append((distance, number, index))
    used_truth: set[int] = set()
    used: set[int] = set()
    for _, number, index in sorted(pairs):
        if number not in used_truth and index not in used:
            used_truth.add(number)
            used.add(index)
            yield prediction[index], truth[number]


def _name_distance(
    read: tuple[str, str], name: tuple[str, str], levenshtein: Callable[..., int]
) -> int | None:
    """Return how many letters of two names differ, None where they are too many for one part."""
    total = 0
    for part, right in zip(read, name, strict=True):
        slack = len(right) // _NAME_SLACK
        # Told by the lengths alone for most pairs of a runaway answer.
        if abs(len(part) - len(right)) > slack or (not slack and part != right):
            return None
        distance = levenshtein(part, right, score_cutoff=slack)
        if distance > slack:
            return None
        total += distance
    return total


def _name(cell: Cell) -> tuple[str, str]:
    return _plain(cell.series), _plain(cell.key)


def _digits(name: tuple[str, str]) -> str:
    # The bar keeps the digits of the two names apart.
    return "".join(letter for letter in "|".join(name) if letter.isdigit() or letter == "|")


def _plain(text: str) -> str:
    return collapse_white_space(text).lower()


def _same_value(read: str, truth: str, tolerance: Decimal) -> bool:
    number, right = number_within(read), number_within(truth)
    if number is not None and right is not None:
        return is_within(number, right, tolerance)
    return bool(exact_match(read, truth))
