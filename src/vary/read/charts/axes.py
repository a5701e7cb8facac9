"""The axes of a chart: ticks with their numbers, and the names of its categories."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np

from vary.read.charts.texts import Text, joined

Turned = list[Text]


@dataclass(frozen=True)
class ValueAxis:
    """The ticks of a value axis.

    Attributes:
        ticks: their texts.
        slope, offset: value = slope * place + offset.
    """

    ticks: tuple[Text, ...]
    slope: float
    offset: float

    def value(self, place: float) -> float:
        """Return the value at a place along the axis."""
        return self.slope * place + self.offset


@dataclass(frozen=True)
class Names:
    """The names of the categories, in their order along the axis.

    Attributes:
        texts: the names, broken ones joined.
        places: where each belongs along the axis.
    """

    texts: tuple[Text, ...]
    places: tuple[float, ...]

    @property
    def step(self) -> float:
        """Usual distance of neighbours."""
        return float(np.median(np.diff(self.places))) if len(self.places) > 1 else 1e9


def transposed(text: Text) -> Text:
    """Return a text as it stands after x and y are exchanged."""
    x0, y0, x1, y1 = text.box
    return replace(text, box=(y0, x0, y1, x1))


def find_value_axes(texts: Sequence[Text], *, horizontal: bool) -> list[ValueAxis]:
    """Return the value axes: numbers in one column (or row) whose values grow evenly.

    Args:
        texts: all that may be ticks.
        horizontal: whether the values run from left to right.
    """
    numbers = [text for text in texts if text.number is not None and not text.angle_deg]
    axes: list[ValueAxis] = []
    while True:
        best: list[Text] = []
        for group in _columns(numbers, horizontal):
            inliers = _even(group, horizontal)
            if len(inliers) > len(best):
                best = inliers
        if len(best) < 3:
            return axes
        axes.append(_axis(best, horizontal))
        numbers = [text for text in numbers if text not in best]
        if len(axes) == 2:
            return axes


def place_of(text: Text, horizontal: bool) -> float:
    """Return where a text stands along the value axis."""
    return text.x if horizontal else text.y


def _columns(numbers: Sequence[Text], horizontal: bool) -> list[list[Text]]:
    """Return groups of numbers that stand below one another, or in one row."""
    groups = []
    for edge in (1, 3, 4) if horizontal else (2, 0, 5):
        for text in numbers:
            here = _edge(text, edge)
            slack = max(2.5, 0.28 * text.size_px)
            group = [other for other in numbers if abs(_edge(other, edge) - here) <= slack]
            if len(group) >= 3:
                groups.append(group)
    return groups


def _edge(text: Text, edge: int) -> float:
    if edge < 4:
        return float(text.box[edge])
    return text.y if edge == 4 else text.x


def _even(group: Sequence[Text], horizontal: bool) -> list[Text]:
    """Return the largest part of a group whose values lie on a line over their places."""
    group = sorted(group, key=lambda text: place_of(text, horizontal))
    places = np.array([place_of(text, horizontal) for text in group])
    values = np.array([text.number.value if text.number else 0.0 for text in group])
    best = np.zeros(len(group), bool)
    for first, last in combinations(range(len(group)), 2):
        run = places[last] - places[first]
        slope = (values[last] - values[first]) / run if run > 4 else 0.0
        # Upwards values grow; to the side they do too.
        if not slope or (slope > 0) != horizontal:
            continue
        off = np.abs(values[first] + slope * (places - places[first]) - values) / abs(slope)
        near = off <= max(2.0, 0.012 * run)
        if near.sum() > best.sum():
            best = near
    chosen = [text for text, keep in zip(group, best, strict=True) if keep]
    if len(chosen) < 3 or len(chosen) < 0.5 * len(group):
        return []
    gaps = np.diff([place_of(text, horizontal) for text in chosen])
    return chosen if _multiples(gaps) else []


def _multiples(gaps: np.ndarray) -> bool:
    """Return whether gaps are whole multiples of the least of them."""
    share = gaps / max(1.0, float(gaps.min()))
    return bool((np.abs(share - np.round(share)) <= 0.12 * np.maximum(1, share)).all())


def _axis(ticks: Sequence[Text], horizontal: bool) -> ValueAxis:
    places = np.array([place_of(text, horizontal) for text in ticks])
    values = np.array([text.number.value if text.number else 0.0 for text in ticks])
    slope, offset = np.polyfit(places, values, 1)
    return ValueAxis(tuple(ticks), float(slope), float(offset))


def find_names(texts: Sequence[Text], *, horizontal: bool, base: float | None) -> Names | None:
    """Return the names of the categories, None where no row (or column) of names is found.

    Args:
        texts: all that may be names.
        horizontal: whether the categories run from top to bottom.
        base: where the plot ends towards the names (its bottom, or its left side); None: unknown.
    """
    if horizontal:
        return _name_column(texts, base)
    return _name_row(texts, base)


def _name_row(texts: Sequence[Text], base: float | None) -> Names | None:
    rows = _rows([text for text in texts if base is None or text.y > base - 0.8 * text.size_px])
    if not rows:
        return None
    main_rows = sorted(rows, key=_row_rank)
    best = main_rows[-1]
    # Values of like height make rows too, which stand above the names.
    large = [
        row
        for row in rows
        if _evenness(row) >= _evenness(best) - 0.2 and len(row) >= 0.7 * len(best)
    ]
    lowest = max(large, key=lambda row: float(np.median([text.box[1] for text in row])))
    main = _with_second_lines(lowest, texts)
    main.sort(key=lambda text: text.anchor_x)
    return Names(tuple(main), tuple(text.anchor_x for text in main))


def _row_rank(row: Sequence[Text]) -> float:
    """Return how much a row looks like names: evenly spaced, and many."""
    return _evenness(row) * min(len(row), 12)


def _evenness(row: Sequence[Text]) -> float:
    """Return 1 for texts at equal distances, less for others, one half for two texts."""
    if len(row) < 3:
        return 0.5
    gaps = np.diff(sorted(text.anchor_x for text in row))
    off = np.abs(gaps - np.median(gaps)) / max(1.0, float(np.median(gaps)))
    return float((off <= 0.12).mean())


def _rows(texts: Sequence[Text]) -> list[Turned]:
    """Return the texts that begin at one height and have one angle, in groups of two and more."""
    rows: list[Turned] = []
    used: set[int] = set()
    for text in sorted(texts, key=lambda text: text.box[1]):
        if id(text) in used:
            continue
        row = [
            other
            for other in texts
            if id(other) not in used and other.angle_deg == text.angle_deg and _level(text, other)
        ]
        if len(row) >= 2:
            used.update(map(id, row))
            rows.append(row)
    return rows


def _level(one: Text, other: Text) -> bool:
    """Return whether two texts stand in one row: on one line, or their upper ends do."""
    slack = 0.45 * max(8.0, min(one.size_px, other.size_px))
    if one.angle_deg:
        return abs(one.box[1] - other.box[1]) <= 1.4 * slack
    lower = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return abs(one.y - other.y) <= slack and lower > 0


def _with_second_lines(row: Sequence[Text], texts: Sequence[Text]) -> list[Text]:
    """Return the names of a row, with the lines above and below that belong to them."""
    if row[0].angle_deg:
        return list(row)
    size = float(np.median([text.size_px for text in row]))
    names = [[text] for text in sorted(row, key=lambda text: text.x)]
    step = min(np.diff([lines[0].x for lines in names]), default=1e9)
    members = {id(text) for text in row}
    rest = [
        text
        for text in texts
        if id(text) not in members
        and not text.angle_deg
        and text.box[2] - text.box[0] <= 1.1 * step
    ]
    is_busy = True
    while is_busy:
        is_busy = False
        for text in sorted(rest, key=lambda text: text.y):
            for lines in names:
                if _continues(lines, text, size):
                    lines.append(text)
                    lines.sort(key=lambda line: line.y)
                    rest.remove(text)
                    is_busy = True
                    break
    return [joined(lines) for lines in names]


def _continues(lines: Sequence[Text], text: Text, size: float) -> bool:
    """Return whether a text is the next line of a name, above or below it."""
    top, bottom = lines[0], lines[-1]
    if abs(text.size_px - top.size_px) > 0.3 * size or len(lines) >= 4:
        return False
    middle = (min(line.box[0] for line in lines) + max(line.box[2] for line in lines)) / 2
    wide = max(line.box[2] - line.box[0] for line in lines)
    if abs(text.x - middle) > max(0.35 * size, 0.08 * wide):
        return False
    below = -0.2 * size <= text.box[1] - bottom.box[3] <= 0.75 * size
    above = -0.2 * size <= top.box[1] - text.box[3] <= 0.75 * size
    return below or above


def _name_column(texts: Sequence[Text], base: float | None) -> Names | None:
    left = [
        text
        for text in texts
        if not text.angle_deg and (base is None or text.box[2] <= base + 0.6 * text.size_px)
    ]
    best: list[Text] = []
    for edge in (2, 0, 5):
        for text in left:
            slack = max(3.0, 0.45 * text.size_px)
            group = [
                other for other in left if abs(_edge(other, edge) - _edge(text, edge)) <= slack
            ]
            if len(group) > len(best):
                best = group
    if len(best) < 2:
        return None
    names = _blocks(sorted(best, key=lambda text: text.y))
    return Names(tuple(names), tuple(text.y for text in names))


def _blocks(lines: Sequence[Text]) -> list[Text]:
    """Return names of a column, lines that are nearer than others joined."""
    if len(lines) < 3:
        return list(lines)
    gaps = np.diff([line.y for line in lines])
    size = float(np.median([line.size_px for line in lines]))
    near = gaps <= 1.5 * size
    if near.all() or gaps.max() <= 1.25 * gaps.min():
        return list(lines)
    out: list[list[Text]] = [[lines[0]]]
    for (_, line), is_near in zip(pairwise(lines), near, strict=True):
        if is_near:
            out[-1].append(line)
        else:
            out.append([line])
    return [joined(block) for block in out]
