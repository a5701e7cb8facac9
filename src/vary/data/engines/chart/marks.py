"""Bars, lines, areas and sectors of a sheet as they are drawn, and the values read back."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.chart.pen import Pen, sector_path
from vary.data.engines.chart.sheet import Sheet
from vary.data.engines.chart.spec import Series
from vary.data.engines.chart.style import Rgb
from vary.data.engines.chart.text import Rect

# Marks are pixels; what is read back from them must be right to this part of a pixel.
EXACT_PX = 1e-6


@dataclass
class Marks:
    """What a series is drawn as, in pixels: its pictures and its values both come from this.

    Attributes:
        colors: of its bars or sectors, by category; else the series' own, once.
        look: of fills: outline and pattern, as `Pen.shape` takes them.
        rectangles: category -> bar.
        points: (N, 2) of a line.
        upper, lower: (N, 2) edges of an area.
        sectors: begin and end in degrees, and the circle's centre.
        radius: of the circle.
        tops: category -> where a label belongs.
    """

    colors: tuple[Rgb, ...]
    look: dict[str, Any] = field(default_factory=dict)
    rectangles: dict[int, Rect] = field(default_factory=dict)
    points: np.ndarray | None = None
    upper: np.ndarray | None = None
    lower: np.ndarray | None = None
    sectors: list[tuple[float, float, tuple[float, float]]] = field(default_factory=list)
    radius: float = 0.0
    tops: dict[int, tuple[float, float]] = field(default_factory=dict)


def lay_marks(sheet: Sheet) -> list[Marks]:
    """Return the marks of each series, on the plot of a sheet."""
    spec = sheet.spec
    below = np.zeros(len(spec.categories))
    marks: list[Marks] = []
    bars = [series for series in spec.series if not series.line]
    for number, series in enumerate(spec.series):
        if spec.kind in {"area", "stacked-area"}:
            marks.append(_area(sheet, series, number, below))
        elif spec.kind in {"line", "lines"} or series.line:
            marks.append(_line(sheet, series, number))
        else:
            at = (number, 1 if spec.stacked else len(bars))
            marks.append(_bars(sheet, series, at, below))
        if spec.stacked:
            below = below + np.array(series.values)
    return marks


def _bars(sheet: Sheet, series: Series, at: tuple[int, int], below: np.ndarray) -> Marks:
    """Return the bars of a series: number `at[0]` of `at[1]` that stand side by side."""
    spec, look = sheet.spec, sheet.style.marks
    number, beside = at
    num = len(series.values)
    by_category = look.by_category and len(spec.series) == 1
    colors = look.colors[:num] if by_category else (look.colors[number],) * num
    shift = (number - (beside - 1) / 2) * look.bar_share / beside if beside > 1 else 0.0
    half = look.bar_share / beside / 2
    places, values = sheet.categories, sheet.values(series.axis)
    marks = Marks(tuple(colors), _look_of(sheet, number))
    for category, value in enumerate(series.values):
        ends = sorted(places.px(category + shift + side) for side in (-half, half))
        base, end = values.px(below[category]), values.px(below[category] + value)
        middle = (ends[0] + ends[1]) / 2
        low, high = min(base, end), max(base, end)
        if spec.horizontal:
            marks.rectangles[category] = (low, ends[0], high, ends[1])
            marks.tops[category] = (end, middle)
        else:
            marks.rectangles[category] = (ends[0], low, ends[1], high)
            marks.tops[category] = (middle, end)
    return marks


def _look_of(sheet: Sheet, number: int) -> dict[str, Any]:
    look = sheet.style.marks
    edge = sheet.style.text.color if look.edge_px else None
    return {"edge": edge, "edge_px": look.edge_px, "hatch": look.hatches[number]}


def _line(sheet: Sheet, series: Series, number: int) -> Marks:
    points = _points(sheet, series, np.array(series.values))
    marks = Marks((sheet.style.marks.colors[number],), points=points)
    marks.tops = {at: (float(x), float(y)) for at, (x, y) in enumerate(points)}
    return marks


def _area(sheet: Sheet, series: Series, number: int, below: np.ndarray) -> Marks:
    look = sheet.style.marks
    upper = _points(sheet, series, below + np.array(series.values))
    lower = _points(sheet, series, below)
    edge = {"edge": sheet.style.plot, "edge_px": look.edge_px}
    if not sheet.spec.stacked:
        edge = {"alpha": look.alpha}
    marks = Marks((look.colors[number],), edge, upper=upper, lower=lower)
    if not sheet.spec.stacked:
        marks.tops = {at: (float(x), float(y)) for at, (x, y) in enumerate(upper)}
    return marks


def _points(sheet: Sheet, series: Series, values: np.ndarray) -> np.ndarray:
    across = sheet.categories.px(np.arange(len(values)))
    return np.stack([across, sheet.values(series.axis).px(values)], axis=1)


def lay_sectors(sheet: Sheet, reach: float) -> Marks:
    """Return the sectors of a pie or a donut, around the middle of the plot.

    Args:
        sheet: with its plot.
        reach: from the centre to the nearest edge of the plot, in radii.
    """
    look, series = sheet.style.marks, sheet.spec.series[0]
    x0, y0, x1, y1 = sheet.plot
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    radius = min(x1 - x0, y1 - y0) / 2 / reach
    sign = -1.0 if look.pie_clockwise else 1.0
    edges = look.pie_start + sign * 360 * np.cumsum([0.0, *series.values]) / sum(series.values)
    edge = {"edge": sheet.style.plot if look.edge_px else None, "edge_px": look.edge_px}
    marks = Marks(look.colors, edge, radius=radius)
    for number in range(len(series.values)):
        low, high = sorted((float(edges[number]), float(edges[number + 1])))
        angle = np.radians((low + high) / 2)
        out = float(np.cos(angle)), -float(np.sin(angle))
        apart = look.pie_apart * radius
        centre = middle[0] + apart * out[0], middle[1] + apart * out[1]
        marks.sectors.append((low, high, centre))
        marks.tops[number] = (middle[0] + radius * out[0], middle[1] + radius * out[1])
    return marks


def draw_fills(sheet: Sheet, marks: list[Marks], pen: Pen) -> None:
    """Draw bars, areas and sectors."""
    hole = sheet.style.marks.pie_hole
    for mark in marks:
        for category, box in mark.rectangles.items():
            pen.rectangle(box, mark.colors[category], **mark.look)
        if mark.upper is not None and mark.lower is not None:
            around = np.concatenate([mark.upper, mark.lower[::-1]])
            pen.shape(around, mark.colors[0], **mark.look)
        for number, (low, high, middle) in enumerate(mark.sectors):
            points, codes = sector_path(middle, mark.radius, hole, (low, high))
            pen.shape(points, mark.colors[number], codes=codes, **mark.look)


def draw_lines(sheet: Sheet, marks: list[Marks], pen: Pen) -> None:
    """Draw lines with their markers, and the upper edges of areas."""
    for number, mark in enumerate(marks):
        if mark.points is not None:
            line_of_points(sheet, pen, number, mark.points)
        if mark.upper is not None and not sheet.spec.stacked:
            pen.line(mark.upper, mark.colors[0], sheet.style.marks.line_px)


def line_of_points(
    sheet: Sheet, pen: Pen, number: int, points: np.ndarray, *, middle: bool = False
) -> None:
    """Draw a series' line through points, its markers at them or only half way."""
    look = sheet.style.marks
    pen.line(points, look.colors[number], look.line_px, look.lines[number])
    if look.markers[number]:
        at = points.mean(axis=0, keepdims=True) if middle else points
        inner = sheet.style.plot if look.hollow else look.colors[number]
        pen.markers(at, look.markers[number], (look.colors[number], inner), look.marker_px)


def read_values(sheet: Sheet, marks: list[Marks], number: int) -> dict[int, float]:
    """Return the values that a series' marks show by where they lie, by category.

    Raises:
        Reject: a bar or an area does not stand on what is under it.
    """
    series, mark = sheet.spec.series[number], marks[number]
    if mark.sectors:
        total = sum(series.values)
        return {at: (high - low) / 360 * total for at, (low, high, _) in enumerate(mark.sectors)}
    scale = sheet.values(series.axis)
    if mark.points is not None:
        return _by_place(sheet, mark.points, scale.value(mark.points[:, 1]))
    if mark.upper is not None and mark.lower is not None:
        tops, bases = scale.value(mark.upper[:, 1]), scale.value(mark.lower[:, 1])
        under = marks[number - 1].upper if sheet.spec.stacked and number else None
        floor = scale.px(0.0) if under is None else under[:, 1]
        if np.abs(mark.lower[:, 1] - floor).max() > EXACT_PX:
            raise Reject("an area does not stand on the one below", series.name)
        return _by_place(sheet, mark.upper, tops - bases)
    return _bar_values(sheet, marks, number)


def _bar_values(sheet: Sheet, marks: list[Marks], number: int) -> dict[int, float]:
    """Return the values of bars; each must stand on nothing or on the bar below."""
    spec, series = sheet.spec, sheet.spec.series[number]
    scale, places = sheet.values(series.axis), sheet.categories
    first, last = (0, 2) if spec.horizontal else (3, 1)
    values: dict[int, float] = {}
    for category, box in marks[number].rectangles.items():
        start, end = box[first], box[last]
        floor = float(scale.px(0.0))
        if spec.stacked and number:
            floor = marks[number - 1].rectangles[category][last]
        elif abs(end - floor) < abs(start - floor):
            start, end = end, start
        if abs(start - floor) > EXACT_PX:
            raise Reject("a bar does not stand on the one below", f"{start} for {floor}")
        middle = (box[1] + box[3]) / 2 if spec.horizontal else (box[0] + box[2]) / 2
        beside = round(float(places.value(middle)))
        values[beside] = float(scale.value(end) - scale.value(start))
    return values


def _by_place(sheet: Sheet, points: np.ndarray, values: np.ndarray) -> dict[int, float]:
    across = np.rint(sheet.categories.value(points[:, 0])).astype(int)
    return {int(at): float(value) for at, value in zip(across, values, strict=True)}
