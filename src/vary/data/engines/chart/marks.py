"""Bars, lines, areas and sectors on a sheet, and the values that their artists truly have."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.chart.sheet import Sheet, pyplot_free, unit
from vary.data.engines.chart.spec import Series
from vary.data.engines.chart.style import Rgb


@dataclass(frozen=True)
class Marks:
    """The artists of a series.

    Attributes:
        handle: for the legend.
        color: RGB.
        values: category -> value, read from the artists.
        tops: category -> x, y of where a label belongs, in data coordinates.
        rectangles: category -> artist, of bars; empty for all else.
    """

    handle: Any
    color: Rgb
    values: Callable[[], dict[int, float]]
    tops: dict[int, tuple[float, float]]
    rectangles: dict[int, Any]


def draw_marks(sheet: Sheet) -> list[Marks]:
    """Return the marks of each series, drawn on the sheet."""
    spec = sheet.spec
    if spec.kind == "stacked-area":
        return _stacked_areas(sheet)
    bars = [series for series in spec.series if not series.line]
    is_bars = spec.kind.split("-")[0] in {"bar", "grouped", "stacked", "composite"}
    marks: list[Marks] = []
    below = np.zeros(len(spec.categories))
    for number, series in enumerate(spec.series):
        if is_bars and not series.line:
            at = (number, 1 if spec.stacked else len(bars))
            marks.append(_bars(sheet, series, at, below if spec.stacked else None))
            below = below + np.array(series.values)
        elif spec.kind == "area":
            marks.append(_area(sheet, series))
        else:
            marks.append(_line(sheet, series, number))
    return marks


def _bars(sheet: Sheet, series: Series, at: tuple[int, int], below: np.ndarray | None) -> Marks:
    """Return the bars of a series: number `at[0]` of `at[1]` that stand side by side."""
    spec, look = sheet.spec, sheet.style.marks
    number, beside = at
    colors = [look.colors[number]] * len(series.values)
    if look.by_category and len(spec.series) == 1:
        colors = list(look.colors[: len(series.values)])
    width = look.bar_share / beside
    shift = (number - (beside - 1) / 2) * width if beside > 1 else 0.0
    places = np.arange(len(series.values)) + shift
    edge = unit(sheet.style.text.color)
    options: dict[str, Any] = {
        "color": [unit(color) for color in colors],
        "edgecolor": edge if look.edge_px else "none",
        "linewidth": look.edge_px,
        "hatch": look.hatches[number] or None,
        "zorder": 2.5,
    }
    axes = sheet.axis_of(series.axis)
    if spec.horizontal:
        drawn = axes.barh(places, series.values, height=width, left=below, **options)
    else:
        drawn = axes.bar(places, series.values, width=width, bottom=below, **options)
    rectangles = dict(enumerate(drawn.patches))

    def read() -> dict[int, float]:
        values = {}
        for category, patch in rectangles.items():
            start, length = patch.get_y(), patch.get_height()
            middle = patch.get_x() + patch.get_width() / 2
            if spec.horizontal:
                start, length = patch.get_x(), patch.get_width()
                middle = patch.get_y() + patch.get_height() / 2
            base = 0.0 if below is None else below[category]
            if abs(start - base) > 1e-9 * max(1.0, abs(base)):
                raise Reject("a bar does not stand on the one below", f"{start} for {base}")
            values[round(middle - shift)] = float(length)
        return values

    tops = {}
    for category, value in enumerate(series.values):
        end = value + (0.0 if below is None else float(below[category]))
        place = float(places[category])
        tops[category] = (end, place) if spec.horizontal else (place, end)
    return Marks(drawn, look.colors[number], read, tops, rectangles)


def _line(sheet: Sheet, series: Series, number: int) -> Marks:
    look, spec = sheet.style.marks, sheet.spec
    places = np.arange(len(series.values))
    (drawn,) = sheet.axis_of(series.axis).plot(
        places,
        series.values,
        color=unit(look.colors[number]),
        linestyle=look.lines[number],
        linewidth=look.line_px,
        marker=look.markers[number] or None,
        markersize=look.marker_px,
        zorder=3,
        clip_on=False,
    )

    def read() -> dict[int, float]:
        return {round(x): float(y) for x, y in drawn.get_xydata()}

    tops = {at: (float(at), value) for at, value in enumerate(series.values)}
    assert len(tops) == len(spec.categories)
    return Marks(drawn, look.colors[number], read, tops, {})


def _area(sheet: Sheet, series: Series) -> Marks:
    look = sheet.style.marks
    places = np.arange(len(series.values))
    color = unit(look.colors[0])
    drawn = sheet.axes.fill_between(
        places, series.values, color=color, alpha=look.alpha, linewidth=0, zorder=2.5
    )
    sheet.axes.plot(places, series.values, color=color, linewidth=look.line_px, zorder=3)
    tops = {at: (float(at), value) for at, value in enumerate(series.values)}
    return Marks(drawn, look.colors[0], lambda: _heights(drawn), tops, {})


def _stacked_areas(sheet: Sheet) -> list[Marks]:
    spec, look = sheet.spec, sheet.style.marks
    drawn = sheet.axes.stackplot(
        np.arange(len(spec.categories)),
        *(series.values for series in spec.series),
        colors=[unit(color) for color in look.colors],
        edgecolor=unit(sheet.style.plot),
        linewidth=look.edge_px,
        zorder=2.5,
    )
    return [
        Marks(area, color, lambda area=area: _heights(area), {}, {})  # type: ignore[misc]
        for area, color in zip(drawn, look.colors, strict=True)
    ]


def _heights(area: Any) -> dict[int, float]:
    """Return how high a filled area is over each category."""
    points = area.get_paths()[0].vertices
    heights: dict[int, float] = {}
    for place in np.unique(np.rint(points[:, 0])):
        there = points[np.abs(points[:, 0] - place) < 1e-6, 1]
        heights[int(place)] = float(there.max() - there.min())
    return heights


def draw_sectors(sheet: Sheet) -> Marks:
    """Return the sectors of a pie or a donut, in a circle of radius 1 around the origin."""
    spec, look = sheet.spec, sheet.style.marks
    series = spec.series[0]
    total = sum(series.values)
    sign = -1.0 if look.pie_clockwise else 1.0
    edges = look.pie_start + sign * 360 * np.cumsum([0.0, *series.values]) / total
    wedges = []
    tops: dict[int, tuple[float, float]] = {}
    for number in range(len(series.values)):
        low, high = sorted((float(edges[number]), float(edges[number + 1])))
        middle = np.radians((low + high) / 2)
        apart = (look.pie_apart * np.cos(middle), look.pie_apart * np.sin(middle))
        wedge = pyplot_free("patches").Wedge(
            apart,
            1.0,
            low,
            high,
            width=1 - look.pie_hole if look.pie_hole else None,
            facecolor=unit(look.colors[number]),
            edgecolor=unit(sheet.style.plot) if look.edge_px else "none",
            linewidth=look.edge_px,
        )
        sheet.axes.add_patch(wedge)
        wedges.append(wedge)
        tops[number] = (float(np.cos(middle)), float(np.sin(middle)))

    def read() -> dict[int, float]:
        shares = [(wedge.theta2 - wedge.theta1) / 360 for wedge in wedges]
        return {number: share * total for number, share in enumerate(shares)}

    return Marks(wedges, look.colors[0], read, tops, {})
