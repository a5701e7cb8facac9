"""Texts and surfaces of a chart -> its title, names and values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.read.charts.axes import Names, ValueAxis, find_names, find_value_axes
from vary.read.charts.legend import Entry, find_legend
from vary.read.charts.marks import find_bars, is_horizontal
from vary.read.charts.measures import with_measures, with_points
from vary.read.charts.numbers import mend_names
from vary.read.charts.pie import Pie, find_pie, in_one_form_of, read_slices
from vary.read.charts.surfaces import Canvas
from vary.read.charts.texts import Text, join_units, joined
from vary.read.charts.values import Cell, in_one_form, written_values

_NOTES = ("source", "sources", "note", "notes", "data", "来源", "来源：", "数据来源", "注")


@dataclass(frozen=True)
class Table:
    """What a chart says.

    Attributes:
        title: empty where it has none.
        data: name -> value, or series -> name -> value.
        confidence: 0 to 1, the mean of the cells'.
        reason: why there is no data, or what else to know.
        kind: pie, bar-horizontal or upright.
    """

    title: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    confidence: float = 0.0
    reason: str = ""
    kind: str = ""

    @property
    def dict(self) -> dict[str, Any]:
        """Title and data, as the paper writes them."""
        return {"title": self.title, "data": dict(self.data)}


def read_table(canvas: Canvas, texts: Sequence[Text]) -> Table:
    """Return the table of a chart from its texts, as they were read."""
    if not texts:
        return Table(reason="no text found")
    texts = join_units(texts)
    pie = find_pie(canvas)
    if pie is not None:
        table = _pie_table(canvas, pie, texts)
        if table.data:
            return table
    return _axes_table(canvas, texts)


def _pie_table(canvas: Canvas, pie: Pie, texts: Sequence[Text]) -> Table:
    entries = find_legend(canvas, texts)
    slices, used = read_slices(pie, texts, entries)
    slices = in_one_form_of(slices)
    data: dict[str, str] = {}
    sureness: list[float] = []
    missing = 0
    said = iter(mend_names([part.name.text for part in slices if part.name is not None]))
    for part in slices:
        name = "" if part.name is None else next(said)
        if not name or part.value is None:
            missing += 1
            continue
        data[_free_name(name, data)] = part.value.text
        sureness.append(part.confidence)
    rest = [text for text in texts if id(text) not in used]
    outside = [text for text in rest if pie.distance_of(text.x, text.y) > 1]
    title = find_title(canvas, outside)
    reason = f"{missing} sectors without name or value" if missing else ""
    return Table(title, data, _mean(sureness), reason, "pie")


def _axes_table(canvas: Canvas, texts: Sequence[Text]) -> Table:
    bars = find_bars(canvas)
    entries = find_legend(canvas, texts)
    in_legend = {id(entry.text) for entry in entries}
    free = [text for text in texts if id(text) not in in_legend]
    horizontal, axes = _orientation(free, is_horizontal(bars))
    ticks = {id(tick) for axis in axes for tick in axis.ticks}
    rest = [text for text in free if id(text) not in ticks]
    names = find_names(rest, horizontal=horizontal, base=_base(axes, bars, horizontal))
    if names is None:
        return Table(reason="no names of categories found", kind="none")
    boxes = [name.box for name in names.texts]
    rest = [text for text in rest if not _is_within(text, boxes)]
    numbers = [text for text in rest if text.number is not None]
    cells = written_values(canvas, numbers, names, entries, horizontal=horizontal)
    told = [text for text in rest if text.number is None]
    title = find_title(canvas, told)
    if not cells:
        return Table(title, {}, 0.0, "no values found", "none")
    ticks_say = [tick.number for axis in axes[:1] for tick in axis.ticks if tick.number]
    cells = in_one_form(cells, ticks_say)
    cells = with_measures(cells, names, bars, axes, horizontal=horizontal)
    if not bars and axes:
        cells = with_points(cells, axes[0])
    data = _nested(cells, names, entries)
    kind = "bar-horizontal" if horizontal else "upright"
    return Table(title, data, _mean([cell.confidence for cell in cells]), "", kind)


def _orientation(texts: Sequence[Text], by_bars: bool | None) -> tuple[bool, list[ValueAxis]]:
    """Return whether the values run to the side, and the value axes."""
    upright = find_value_axes(texts, horizontal=False)
    if by_bars is False:
        return False, upright
    lying = find_value_axes(texts, horizontal=True)
    if by_bars and (lying or not upright):
        return True, lying
    if lying and not upright:
        # Years below a line stand like ticks; they are none where names would be missing.
        names = find_names(texts, horizontal=True, base=None)
        ticks = {id(tick) for axis in lying for tick in axis.ticks}
        if names and sum(id(text) not in ticks for text in names.texts) >= 2:
            others = [text for text in names.texts if text.number is None]
            if len(others) >= 2:
                return True, lying
    return False, upright


def _base(axes: Sequence[ValueAxis], bars: Sequence[Any], horizontal: bool) -> float | None:
    """Return where the plot ends towards the names: the last tick, or the bars' feet."""
    if axes:
        ticks = axes[0].ticks
        if horizontal:
            return None if not bars else float(np.median([bar.box[0] for bar in bars]))
        return max(tick.y for tick in ticks)
    if bars and not horizontal:
        return float(np.median([(bar.box[1] + bar.box[3]) / 2 for bar in bars]))
    if bars:
        return float(np.median([bar.box[0] for bar in bars])) + 4
    return None


def _is_within(text: Text, boxes: Sequence[tuple[int, int, int, int]]) -> bool:
    x0, y0, x1, y1 = text.box
    return any(
        x0 >= box[0] - 1 and y0 >= box[1] - 1 and x1 <= box[2] + 1 and y1 <= box[3] + 1
        for box in boxes
    )


def _nested(cells: Sequence[Cell], names: Names, entries: Sequence[Entry]) -> dict[str, Any]:
    """Return name -> value, or series -> name -> value where there are several series."""
    series: dict[int, dict[int, str]] = {}
    for cell in cells:
        series.setdefault(cell.series, {})[cell.name] = cell.number.text
    said: list[str] = []
    for name in mend_names([text.text for text in names.texts]):
        said.append(_free_name(name, said))
    flat = {
        number: {said[name]: values[name] for name in sorted(values)}
        for number, values in sorted(series.items())
    }
    if len(entries) < 2:
        return flat[min(flat)]
    out: dict[str, Any] = {}
    for number, values in flat.items():
        out[_free_name(entries[number].text.text, out)] = values
    return out


def _free_name(name: str, taken: Any) -> str:
    """Return the name, numbered where it stands twice: no cell may be lost."""
    if name not in taken:
        return name
    number = 2
    while f"{name} ({number})" in taken:
        number += 1
    return f"{name} ({number})"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def find_title(canvas: Canvas, texts: Sequence[Text]) -> str:
    """Return the title: of the upright texts that are neither names nor values the largest.

    Of several of like size it is the one at the top, else at the foot; lines below it go with it.
    """
    height = canvas.size[1]
    lines = [
        text
        for text in _whole_lines([text for text in texts if not text.angle_deg])
        if len(text.text) >= 2
        and text.text.casefold().split(":")[0].split("：")[0] not in _NOTES
        and (text.y < 0.3 * height or text.y > 0.7 * height)
    ]
    if not lines:
        return ""
    size = max(line.size_px for line in lines)
    large = [line for line in lines if line.size_px >= 0.86 * size]
    first = min(large, key=lambda line: line.y)
    title = [first]
    for line in sorted(lines, key=lambda line: line.y):
        gap = line.box[1] - title[-1].box[3]
        like = abs(line.size_px - first.size_px) <= 0.15 * first.size_px
        if line is not first and like and 0 <= gap <= 0.7 * first.size_px:
            title.append(line)
    return joined(title).text


def _whole_lines(texts: Sequence[Text]) -> list[Text]:
    """Return texts of one line and size joined, where no more than a wide space parts them."""
    lines: list[list[Text]] = []
    for text in sorted(texts, key=lambda text: text.box[0]):
        for line in lines:
            last = line[-1]
            gap = text.box[0] - last.box[2]
            like = abs(text.size_px - last.size_px) <= 0.5 * last.size_px
            if abs(text.y - last.y) <= 0.35 * last.size_px and like and gap <= 1.3 * last.size_px:
                line.append(text)
                break
        else:
            lines.append([text])
    return [joined(line) for line in lines]
