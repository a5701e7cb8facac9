"""The plot and what stands around it: ticks, their texts, names of axes, frame and grid."""

from typing import Any

import numpy as np

from vary.data.engines.chart.furniture import Room
from vary.data.engines.chart.pen import Pen
from vary.data.engines.chart.sheet import Crowded, Sheet, Tick
from vary.data.engines.chart.style import band_color
from vary.data.engines.chart.text import Rect, Text

# In ems: length of ticks, between them and their texts, between those and an axis' name.
TICK_EM, TICK_GAP_EM, NAME_GAP_EM = 0.3, 0.35, 0.45


def lay_axes(sheet: Sheet, room: Room) -> None:
    """Put plot, ticks and names of axes into the room that is left.

    Raises:
        Crowded: too little is left for the plot, or for a category's name.
    """
    shown = sheet.style.axes.values_shown
    for axis in sheet.spec.axes:
        places = axis.ticks if shown else []
        sheet.value_ticks.append([Tick(p, sheet.text(axis.form.format(p))) for p in places])
    _name_categories(sheet, room)
    around = room.left
    inner = around
    for _ in range(2):
        x0, y0, x1, y1 = inner
        if x1 - x0 < 10 * sheet.em or y1 - y0 < 7 * sheet.em:
            raise Crowded("no room for the plot")
        sheet.plot = inner
        outer = _put_texts(sheet)
        inner = (
            around[0] + x0 - outer[0],
            around[1] + y0 - outer[1],
            around[2] + x1 - outer[2],
            around[3] + y1 - outer[3],
        )
    # Where numbers stand depends on the plot; it is final only now.


def _name_categories(sheet: Sheet, room: Room) -> None:
    """Write the categories' names, broken to the room that each has."""
    spec, font = sheet.spec, sheet.font()
    num = len(spec.categories)
    margin = _margin(sheet)
    sheet.category_ends = (-margin, num - 1 + margin)
    rotation = sheet.style.text.category_rotation
    width, most = 0.84 * (room.x1 - room.x0) / num * 0.94, 3
    if spec.horizontal:
        width, most = 0.32 * (room.x1 - room.x0), 2
    elif rotation:
        width, most = 0.42 * (room.y1 - room.y0), 1
    turned: dict[str, Any] = {"across": "center", "align": "center"}
    if spec.horizontal:
        turned = {"align": "right"}
    elif rotation not in {0, 90}:
        turned = {"across": "right", "anchored": True}
    if not spec.horizontal:
        turned["degrees"] = rotation
    for number, name in enumerate(spec.categories):
        text = sheet.text(sheet.wrap(name, width, font, most), **turned)
        sheet.category_ticks.append(Tick(float(number), text))


def _margin(sheet: Sheet) -> float:
    """Return how far the axis reaches beyond its first and last category, in categories."""
    spec = sheet.spec
    if spec.kind in {"area", "stacked-area"}:
        return 0.4 if spec.labels else 0.0
    if spec.kind in {"line", "lines"}:
        return 0.5 if spec.labels else 0.3
    return 0.5 if any(not series.line for series in spec.series) else 0.35


def _put_texts(sheet: Sheet) -> Rect:
    """Put all texts around the plot, and return the box that holds them and it."""
    spec = sheet.spec
    far = _gap(sheet)
    extents = [sheet.plot]
    x0, _, x1, y1 = sheet.plot
    sides: list[tuple[list[Tick], Any, str, str]] = []
    value_sides = ("bottom",) if spec.horizontal else ("left", "right")
    for number, (ticks, side) in enumerate(zip(sheet.value_ticks, value_sides, strict=False)):
        sides.append((ticks, sheet.values(number), side, spec.axes[number].title))
    beside = "left" if spec.horizontal else "bottom"
    sides.append((sheet.category_ticks, sheet.categories, beside, spec.category_title))
    sheet.axis_names = []
    for ticks, scale, side, title in sides:
        for tick in ticks:
            text, at = tick.text, float(scale.px(tick.place))
            if side == "bottom":
                text.x, text.y, text.along = at, y1 + far, "top"
                text.across = text.across if text.anchored else "center"
            else:
                text.x, text.y = (x0 - far, at) if side == "left" else (x1 + far, at)
                text.across, text.along = ("right" if side == "left" else "left"), "middle"
        texts = [tick.text.extent() for tick in ticks]
        extents += texts
        if title:
            name = _axis_name(sheet, title, side, texts)
            sheet.axis_names.append(name)
            extents.append(name.extent())
    around = np.array(extents)
    low, high = around.min(axis=0), around.max(axis=0)
    return float(low[0]), float(low[1]), float(high[2]), float(high[3])


def _gap(sheet: Sheet) -> float:
    """Return how far from the plot texts of ticks stand."""
    out = sheet.style.axes.ticks == "out"
    return (TICK_GAP_EM + (TICK_EM if out else 0.0)) * sheet.em


def _axis_name(sheet: Sheet, title: str, side: str, texts: list[Rect]) -> Text:
    x0, y0, x1, y1 = sheet.plot
    gap = NAME_GAP_EM * sheet.em
    if side == "bottom":
        low = max([y1, *(box[3] for box in texts)])
        return sheet.text(title, x=(x0 + x1) / 2, y=low + gap, across="center", along="top")
    if side == "left":
        edge, across = min([x0, *(box[0] for box in texts)]) - gap, "right"
    else:
        edge, across = max([x1, *(box[2] for box in texts)]) + gap, "left"
    return sheet.text(title, x=edge, y=(y0 + y1) / 2, across=across, along="center", degrees=90)


def draw_ground(sheet: Sheet, pen: Pen) -> None:
    """Draw what lies under the marks: the plot, its grid, and ticks."""
    spec, look, style = sheet.spec, sheet.style.axes, sheet.style
    pen.rectangle(sheet.plot, style.plot)
    if look.bands:
        _draw_bands(sheet, pen)
    across = sheet.categories.px(np.arange(len(spec.categories)))
    sides = {"both": ("values", "categories")}.get(look.grid, (look.grid,))
    ticks = [np.array([tick.place for tick in own]) for own in sheet.value_ticks]
    lines: list[tuple[np.ndarray, bool]] = []
    if "values" in sides:
        lines.append((sheet.values(0).px(ticks[0]), spec.horizontal))
    if "categories" in sides:
        lines.append((across, not spec.horizontal))
    x0, y0, x1, y1 = sheet.plot
    for places, upright in lines:
        for at in places:
            ends = [(at, y0), (at, y1)] if upright else [(x0, at), (x1, at)]
            pen.line(np.array(ends), style.grid_color, look.grid_px, look.grid_line)
    if look.ticks == "none":
        return
    _draw_ticks(sheet, pen, across, "left" if spec.horizontal else "bottom")
    value_sides = ("bottom",) if spec.horizontal else ("left", "right")
    for number, side in enumerate(value_sides[: len(ticks)]):
        _draw_ticks(sheet, pen, sheet.values(number).px(ticks[number]), side)


def _draw_bands(sheet: Sheet, pen: Pen) -> None:
    """Draw the ground of every other category."""
    x0, y0, x1, y1 = sheet.plot
    first, last = (y0, y1) if sheet.spec.horizontal else (x0, x1)
    for number in range(1, len(sheet.spec.categories), 2):
        ends = [float(sheet.categories.px(number + side)) for side in (-0.5, 0.5)]
        low, high = max(min(ends), first), min(max(ends), last)
        box = (x0, low, x1, high) if sheet.spec.horizontal else (low, y0, high, y1)
        pen.rectangle(box, band_color(sheet.style))


def _draw_ticks(sheet: Sheet, pen: Pen, places: np.ndarray, side: str) -> None:
    look = sheet.style.axes
    x0, _, x1, y1 = sheet.plot
    length = TICK_EM * sheet.em * (1 if look.ticks == "out" else -1)
    edge = {"left": x0, "right": x1, "bottom": y1}[side]
    end = edge - length if side == "left" else edge + length
    for at in places:
        ends = [(at, edge), (at, end)] if side == "bottom" else [(edge, at), (end, at)]
        pen.line(np.array(ends), sheet.style.frame_color, look.frame_px)


def draw_frame(sheet: Sheet, pen: Pen) -> None:
    """Draw the sides of the plot that have a line."""
    x0, y0, x1, y1 = sheet.plot
    sides = {
        "l": [(x0, y0), (x0, y1)],
        "r": [(x1, y0), (x1, y1)],
        "b": [(x0, y1), (x1, y1)],
        "t": [(x0, y0), (x1, y0)],
    }
    shown = sheet.style.axes.frame + ("r" if len(sheet.spec.axes) > 1 else "")
    for side, ends in sides.items():
        if side in shown:
            pen.line(np.array(ends), sheet.style.frame_color, sheet.style.axes.frame_px)
