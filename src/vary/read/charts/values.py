"""The values of a chart with axes: the numbers that are written beside its marks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vary.read.charts.axes import Names
from vary.read.charts.legend import Entry, nearest_entry
from vary.read.charts.numbers import Number, agreed
from vary.read.charts.surfaces import Canvas
from vary.read.charts.texts import Text
from vary.read.cutting.layout import Box

_REACH_EM = 2.2


@dataclass(frozen=True)
class Cell:
    """A value of the table.

    Attributes:
        series: number of its series.
        name: number of its category.
        number: the value, as it is shown.
        confidence: 0 to 1.
        box: where the value is written.
        size_px: of its letters.
    """

    series: int
    name: int
    number: Number
    confidence: float
    box: Box = (0, 0, 0, 0)
    size_px: float = 12.0


def in_one_form(cells: Sequence[Cell], ticks: Sequence[Number] = ()) -> list[Cell]:
    """Return the cells with the numbers of each series in the form that most of them have."""
    out = list(cells)
    for series in {cell.series for cell in cells}:
        members = [index for index, cell in enumerate(cells) if cell.series == series]
        numbers = agreed([cells[index].number for index in members], ticks)
        for index, number in zip(members, numbers, strict=True):
            out[index] = replace(cells[index], number=number)
    return out


def written_values(
    canvas: Canvas,
    numbers: Sequence[Text],
    names: Names,
    entries: Sequence[Entry],
    *,
    horizontal: bool,
) -> list[Cell]:
    """Return the cells whose values are written.

    Args:
        canvas: the picture.
        numbers: texts that are numbers and neither ticks nor names.
        names: of the categories.
        entries: of the legend; none where there is one series.
        horizontal: whether the categories run from top to bottom.
    """
    slots: dict[int, list[Text]] = {}
    for text in numbers:
        slot = _slot(text, names, horizontal)
        if slot is not None:
            slots.setdefault(slot, []).append(text)
    cells: list[Cell] = []
    for slot, found in slots.items():
        for series, text in _by_series(canvas, found, entries, horizontal):
            if text.number is not None:
                cells.append(
                    Cell(series, slot, text.number, text.confidence, text.box, text.size_px)
                )
    return cells


def _slot(text: Text, names: Names, horizontal: bool) -> int | None:
    place = text.y if horizontal else text.x
    far = np.abs(np.array(names.places) - place)
    best = int(far.argmin())
    return best if far[best] <= 0.6 * names.step else None


def _by_series(
    canvas: Canvas, found: Sequence[Text], entries: Sequence[Entry], horizontal: bool
) -> list[tuple[int, Text]]:
    """Return the values of one category with the series of each."""
    if len(entries) < 2:
        best = max(found, key=lambda text: text.confidence)
        return [(0, best)]
    along = sorted(found, key=lambda text: text.y if horizontal else text.x)
    series = [series_of(canvas, text, entries, horizontal) for text in along]
    known = [number for number in series if number is not None]
    if len(along) == len(entries) and (len(set(known)) < len(entries)):
        spread = [text.y if horizontal else text.x for text in along]
        if min(np.diff(spread), default=0) > 0.25 * along[0].size_px:
            return list(enumerate(along))
    out: dict[int, Text] = {}
    for number, text in zip(series, along, strict=True):
        if number is not None and (number not in out or out[number].confidence < text.confidence):
            out[number] = text
    return list(out.items())


def series_of(canvas: Canvas, text: Text, entries: Sequence[Entry], horizontal: bool) -> int | None:
    """Return the series that a value belongs to: that of the mark it stands on, or nearest to."""
    ground = canvas.colors[text.ground] if text.ground >= 0 else None
    if ground is not None and text.ground != canvas.paper:
        number = nearest_entry(entries, ground)
        if number is not None:
            return number
    own = nearest_entry(entries, text.color)
    if own is not None and max(text.color) - min(text.color) > 40:
        return own
    return _nearest_mark(canvas, text, entries, horizontal)


def _nearest_mark(
    canvas: Canvas, text: Text, entries: Sequence[Entry], horizontal: bool
) -> int | None:
    """Return the series whose colour is met first from the text along the value axis."""
    x0, y0, x1, y1 = text.box
    reach = round(_REACH_EM * max(9.0, text.size_px))
    width, height = canvas.size
    colors = np.array([entry.color for entry in entries])
    best: tuple[int, int] | None = None
    for step in range(1, reach):
        strips = (
            [(slice(y0, y1), x0 - step), (slice(y0, y1), x1 - 1 + step)]
            if horizontal
            else [(y1 - 1 + step, slice(x0, x1)), (y0 - step, slice(x0, x1))]
        )
        for rows, columns in strips:
            at = columns if horizontal else rows
            if not isinstance(at, int) or not 0 <= at < (width if horizontal else height):
                continue
            pixels = canvas.rgb[rows, columns].reshape(-1, 3).astype(float)
            # The middle of the text counts: beside it others' marks may stand.
            third = len(pixels) // 4
            pixels = pixels[third : len(pixels) - third] if third else pixels
            far = np.linalg.norm(pixels[:, None] - colors[None], axis=-1)
            hits = np.bincount(far.argmin(1)[far.min(1) <= 40], minlength=len(entries))
            if hits.max() >= 1 and (best is None or hits.max() > best[1]):
                best = (int(hits.argmax()), int(hits.max()))
        if best is not None:
            return best[0]
    return None
