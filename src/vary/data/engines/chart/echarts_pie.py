"""Pies, donuts and roses as ECharts draws them."""

from typing import Any

from vary.data.engines.chart.echarts_look import EchartsLook
from vary.data.engines.chart.echarts_text import css, font_style, wrap
from vary.data.engines.chart.labels import readable_on
from vary.data.engines.chart.spec import ChartSpec

# Of the room: names beside the pie need some of it.
OUTSIDE_RADIUS, INSIDE_RADIUS = 58.0, 88.0
_CLEAR = "rgba(0,0,0,0)"


def rose_of(spec: ChartSpec, look: EchartsLook) -> str:
    """Return how sectors differ in radius; where numbers stand in them they do not."""
    marks = spec.style.marks
    return look.rose if (marks.pie_names, marks.pie_values) == ("outside", "beside") else ""


def pie_series(spec: ChartSpec, look: EchartsLook, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a pie's series: one for sectors, and a clear one over it for numbers inside.

    Args:
        spec: what it shows.
        look: how.
        made: the series as pyecharts makes it.
    """
    style, marks = spec.style, spec.style.marks
    outside = marks.pie_names == "outside"
    reach = OUTSIDE_RADIUS if outside else INSIDE_RADIUS
    hole = marks.pie_hole * reach if spec.kind == "donut" else 0.0
    made |= {
        "radius": [f"{hole:.1f}%", f"{reach:.1f}%"],
        "center": ["50%", "50%"],
        "startAngle": round(marks.pie_start, 1),
        "clockwise": marks.pie_clockwise,
        "padAngle": round(60 * marks.pie_apart, 2),
        "roseType": rose_of(spec, look) or False,
        "minShowLabelAngle": 0,
        "avoidLabelOverlap": outside,
        "labelLine": {
            "show": outside,
            "length": round(style.text.size_px),
            "length2": round(style.text.size_px * 0.8),
            "lineStyle": {"color": css(style.text.color), "width": 1},
        },
        "itemStyle": {
            "borderRadius": round(look.sector_radius_px, 1),
            "borderColor": css(style.background),
            "borderWidth": round(marks.edge_px, 2),
        },
    }
    made.pop("label", None)
    told_inside = marks.pie_values == "inside"
    if not outside:
        return [made | {"data": _data(spec, look, names=False, values=True, place="inside")}]
    if not told_inside:
        return [made | {"data": _data(spec, look, names=True, values=True, place="outside")}]
    over = made | {
        "data": _data(spec, look, names=False, values=True, place="inside", clear=True),
        "labelLine": {"show": False},
        "avoidLabelOverlap": False,
        "silent": True,
        "itemStyle": {"color": _CLEAR, "borderWidth": 0},
    }
    return [made | {"data": _data(spec, look, names=True, values=False, place="outside")}, over]


def _data(
    spec: ChartSpec,
    look: EchartsLook,
    *,
    names: bool,
    values: bool,
    place: str,
    clear: bool = False,
) -> list[dict[str, Any]]:
    series, text = spec.series[0], spec.style.text
    items = []
    for number, (name, value) in enumerate(zip(spec.categories, series.values, strict=True)):
        color = look.colors[number]
        told = series.form.format(value)
        shown = wrap(text.face, text.size_px, name, 0.22 * spec.style.width_px) if names else ""
        if names and values:
            shown = f"{shown}{look.separator}{told}"
        elif values:
            shown = told
        ink = text.color if place == "outside" else readable_on(color)
        scale = 1.0 if names else text.label_scale
        items.append(
            {
                "name": name,
                "value": value,
                "itemStyle": {"color": _CLEAR if clear else css(color)},
                "label": font_style(spec, scale, color=ink)
                | {
                    "show": True,
                    "position": place,
                    "overflow": "none",
                    "formatter": {"$text": shown},
                },
            }
        )
    return items
