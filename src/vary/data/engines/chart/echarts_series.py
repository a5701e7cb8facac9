"""Bars and lines as ECharts draws them, each value with its own label."""

from typing import Any

from vary.data.engines.chart.echarts_look import EchartsLook
from vary.data.engines.chart.echarts_text import css, font_style
from vary.data.engines.chart.labels import LEAST_CONTRAST, readable_on
from vary.data.engines.chart.spec import ChartSpec, Series
from vary.data.engines.chart.style import Rgb, contrast

_DASHES: dict[str, Any] = {"-": "solid", "--": "dashed", ":": "dotted", "-.": [9, 4, 2, 4]}
# Patterns over bars: after the hatches that the style names.
_DECALS: dict[str, dict[str, Any]] = {
    "//": {"dashArrayX": [1, 0], "dashArrayY": [2, 6], "rotation": 0.785},
    "\\\\": {"dashArrayX": [1, 0], "dashArrayY": [2, 6], "rotation": -0.785},
    "xx": {"dashArrayX": [[2, 5], [5, 2]], "dashArrayY": [3, 3], "rotation": 0.785},
    "..": {"symbol": "circle", "dashArrayX": [[8, 8], [0, 8, 8, 0]], "dashArrayY": [6, 0],
           "symbolSize": 0.6},
    "--": {"dashArrayX": [1, 0], "dashArrayY": [2, 5], "rotation": 0},
    "++": {"symbol": "rect", "dashArrayX": [8, 6], "dashArrayY": [8, 6], "symbolSize": 0.5},
    "oo": {"symbol": "circle", "dashArrayX": [9, 5], "dashArrayY": [9, 5], "symbolSize": 0.8},
}  # fmt: skip


def bar_data(spec: ChartSpec, look: EchartsLook, number: int) -> list[dict[str, Any]]:
    """Return the values of a series of bars with their colours and labels."""
    series, marks = spec.series[number], spec.style.marks
    items = []
    for category, value in enumerate(series.values):
        color = look.colors[category if marks.by_category else number]
        item: dict[str, Any] = {"color": css(color)}
        if marks.edge_px:
            item |= {"borderColor": css(spec.style.text.color), "borderWidth": marks.edge_px}
        if look.radius_px and not spec.stacked:
            item["borderRadius"] = _corners(spec, look.radius_px, value)
        hatch = marks.hatches[number % len(marks.hatches)]
        if hatch:
            ink = readable_on(color)
            item["decal"] = {"color": css(ink, 0.45), **_DECALS[hatch]}
        items.append(
            {"value": value, "itemStyle": item, "label": _bar_label(spec, series, value, color)}
        )
    return items


def line_data(spec: ChartSpec, look: EchartsLook, number: int) -> list[dict[str, Any]]:
    """Return the values of a line with their labels."""
    series = spec.series[number]
    text = spec.style.text
    color = look.colors[number]
    shown = color if text.label_colored and _readable(spec, color) else text.color
    items = []
    for category, value in enumerate(series.values):
        label: dict[str, Any] = {"show": spec.labels}
        if spec.labels:
            label |= font_style(spec, text.label_scale, color=shown) | {
                "position": "bottom" if _under(spec, number, category) else "top",
                "distance": round(0.35 * text.size_px, 1),
                "formatter": {"$text": series.form.format(value)},
            }
            # Lines run through numbers unless these stand on a plate.
            if series.line or spec.kind in {"area", "lines"} or text.label_boxed:
                label |= {"backgroundColor": css(spec.style.plot), "padding": 1}
        items.append({"value": value, "label": label})
    return items


def line_options(spec: ChartSpec, look: EchartsLook, number: int) -> dict[str, Any]:
    """Return how a line runs, its points, and the area under it."""
    marks = spec.style.marks
    at = number % len(marks.lines)
    marked = bool(marks.markers[number % len(marks.markers)])
    color = look.colors[number]
    # Where lines stand on each other, curves would not: areas have straight sides.
    plain = spec.kind == "stacked-area"
    options: dict[str, Any] = {
        "smooth": look.smooth and not plain,
        "smoothMonotone": "x",
        "step": False if plain or not look.step else look.step,
        "symbol": look.symbol if marked else "circle",
        "symbolSize": round(max(marks.marker_px, 3.0), 1) if marked else 0.1,
        "showSymbol": True,
        "showAllSymbol": True,
        "lineStyle": {
            "width": round(max(marks.line_px, 1.0), 2),
            "type": "solid" if "area" in spec.kind else _DASHES[marks.lines[at]],
            "color": css(color),
        },
        "itemStyle": {"color": css(color)},
        "z": 3,
    }
    if spec.kind in {"area", "stacked-area"}:
        options["areaStyle"] = {"color": css(color), "opacity": round(marks.alpha, 2)}
    return options


def _corners(spec: ChartSpec, radius: float, value: float) -> list[float]:
    """Return the radii of a bar's corners: round at its end alone."""
    size = round(radius, 1)
    if spec.horizontal:
        return [0, size, size, 0] if value >= 0 else [size, 0, 0, size]
    return [size, size, 0, 0] if value >= 0 else [0, 0, size, size]


def _bar_label(spec: ChartSpec, series: Series, value: float, fill: Rgb) -> dict[str, Any]:
    if not spec.labels:
        return {"show": False}
    text = spec.style.text
    hatched = any(spec.style.marks.hatches)
    place = text.label_place if spec.stacked or not hatched else "end"
    ahead, back = ("right", "left") if spec.horizontal else ("top", "bottom")
    side = ahead if value >= 0 else back
    position = {
        "end": side,
        "inside": f"inside{side.capitalize()}",
        "center": "inside",
    }[place]
    color = text.color if place == "end" else readable_on(fill)
    if place == "end" and text.label_colored and _readable(spec, fill):
        color = fill
    label = font_style(spec, text.label_scale, color=color) | {
        "show": True,
        "position": position,
        "distance": round(0.35 * text.size_px, 1),
        "formatter": {"$text": series.form.format(value)},
    }
    if spec.kind == "composite" and place == "end":
        label |= {"backgroundColor": css(spec.style.plot), "padding": 1}
    if text.label_rotation and not spec.horizontal and place == "end":
        label |= {"rotate": 90, "align": "left" if value >= 0 else "right",
                  "verticalAlign": "middle"}  # fmt: skip
    return label


def _under(spec: ChartSpec, number: int, category: int) -> bool:
    """Whether a value stands under its point: where another line comes from above."""
    lines = [
        at for at, series in enumerate(spec.series) if series.line or spec.kind in {"line", "lines"}
    ]
    series = spec.series[number]
    value = series.values[category]
    others = [spec.series[other].values[category] for other in lines if other != number]
    if others:
        return value < max(others) or (value == max(others) and number != lines[0])
    around = series.values[max(category - 1, 0) : category + 2]
    return spec.kind == "line" and value < sum(around) / len(around)


def _readable(spec: ChartSpec, color: Rgb) -> bool:
    return contrast(color, spec.style.plot) >= LEAST_CONTRAST
