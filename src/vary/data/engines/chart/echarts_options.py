"""ECharts options of a chart: made by pyecharts, with what it has no words for put in after it."""

import json
from typing import Any

from vary.data.engines.chart.echarts_look import EchartsLook
from vary.data.engines.chart.echarts_pie import pie_series
from vary.data.engines.chart.echarts_series import bar_data, line_data, line_options
from vary.data.engines.chart.echarts_text import css, font_style, fonts_of, width_of, wrap
from vary.data.engines.chart.spec import ChartSpec, Series, ValueAxis
from vary.data.engines.chart.style import band_color, contrast
from vary.extras import require

NOTE_SCALE = 0.85
_DASHES = {"-": "solid", "--": "dashed", ":": "dotted", "-.": [8, 3, 2, 3]}


def chart_request(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    """Return what the worker is asked for: size, fonts, options as plain JSON, and their order.

    Raises:
        Crowded: a name fits nowhere.
    """
    option = _round(spec, look) if spec.round else _cartesian(spec, look)
    style = spec.style
    option |= {
        "animation": False,
        "stateAnimation": {"duration": 0},
        "backgroundColor": css(style.background),
        "color": [css(color) for color in look.colors],
        "title": _titles(spec),
        "legend": [_legend(spec, look)],
    }
    option.pop("tooltip", None)
    return {
        "width": style.width_px,
        "height": style.height_px,
        "fonts": fonts_of(spec),
        "option": option,
        "layout": _layout(spec, look),
    }


def has_legend(spec: ChartSpec) -> bool:
    """Return whether names stand in a legend."""
    return spec.style.marks.pie_names == "legend" if spec.round else len(spec.series) > 1


def _layout(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    """Return what stands on which side, from the edge inwards."""
    style = spec.style
    sides: dict[str, list[str]] = {"top": [], "bottom": [], "left": [], "right": []}
    if spec.note:
        sides["bottom"].append("note")
    if spec.title:
        sides["bottom" if style.text.title_below else "top"].append("title")
    if has_legend(spec):
        side = {"inside": "top", "right": look.legend_side}.get(style.legend, style.legend)
        sides[side].append("legend")
    return {
        **sides,
        "note": 1 if spec.title else 0,
        "padding": round(max(style.padding_px, 3.0)),
        "gap": round(style.text.size_px * 0.9),
        "round": spec.round,
    }


def _titles(spec: ChartSpec) -> list[dict[str, Any]]:
    style = spec.style
    room = style.width_px - 2 * style.padding_px - 8
    text, titles = style.text, []
    padding = round(max(style.padding_px, 3.0))
    if spec.title:
        size = text.size_px * text.title_scale
        centre = text.title_align == "center"
        titles.append(
            {
                "text": wrap(text.title_face, size, spec.title, room),
                "left": "center" if centre else padding,
                "textStyle": font_style(spec, text.title_scale, text.title_face),
                "padding": 0,
            }
        )
    if spec.note:
        size = text.size_px * NOTE_SCALE
        titles.append(
            {
                "text": wrap(text.face, size, spec.note, room),
                text.note_align: padding,
                "textStyle": font_style(spec, NOTE_SCALE),
                "padding": 0,
            }
        )
    return titles


def _legend(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    style, text = spec.style, spec.style.text
    beside = style.legend == "right"
    names = spec.categories if spec.round else [series.name for series in spec.series]
    em = text.size_px
    legend: dict[str, Any] = {
        "show": has_legend(spec),
        "data": list(names),
        "orient": "vertical" if beside else "horizontal",
        "textStyle": font_style(spec),
        "itemWidth": round(em * 1.6),
        "itemHeight": round(em * 0.9),
        "itemGap": round(em * (0.6 if beside else 1.0)),
        "padding": round(em * 0.4) if style.legend_framed else 0,
    }
    if not any(series.line or "line" in spec.kind for series in spec.series):
        legend["icon"] = look.icon
    if style.legend_framed:
        legend |= {"borderColor": css(style.grid_color), "borderWidth": 1}
    if not beside:
        # A legend that is drawn inside elsewhere stands to one side here.
        place = "center" if style.legend != "inside" else look.legend_side
        padding = round(max(style.padding_px, 3.0))
        places: dict[str, dict[str, Any]] = {
            "left": {"left": padding},
            "right": {"right": padding, "left": "auto"},
        }
        legend |= places.get(place, {"left": place})
        legend["width"] = round(style.width_px - 2 * style.padding_px - 2 * em)
    return legend


def _round(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    charts = require("pyecharts.charts", extra="data")
    pie = charts.Pie()
    pie.add("", list(zip(spec.categories, spec.series[0].values, strict=True)))
    option = _options_of(pie)
    option["series"] = pie_series(spec, look, option["series"][0])
    return option


def _cartesian(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    """Return axes and series."""
    option = _options_of(_pyechart(spec))
    option["series"] = [
        _series(spec, look, number, made) for number, made in enumerate(option["series"])
    ]
    category = _category_axis(spec, look)
    values = [_value_axis(spec, look, axis, number) for number, axis in enumerate(spec.axes)]
    option["xAxis"], option["yAxis"] = (
        (values, [category]) if spec.horizontal else ([category], values)
    )
    plot, style = spec.style.plot, spec.style
    # Only a frame on all sides is the grid's; others are lines of axes.
    framed = {"l", "b", "r", "t"} <= set(style.axes.frame)
    option["grid"] = [
        {
            "show": True,
            "backgroundColor": css(plot),
            "borderColor": css(style.frame_color),
            "borderWidth": style.axes.frame_px if framed else 0,
            "outerBoundsMode": "same",
            "outerBoundsContain": "all",
        }
    ]
    return option


def _pyechart(spec: ChartSpec) -> Any:
    """Return the chart by pyecharts, its series named and their values in place."""
    charts = require("pyecharts.charts", extra="data")
    lines = [series for series in spec.series if _is_line(spec, series)]
    bars = [series for series in spec.series if not _is_line(spec, series)]
    names = list(spec.categories)
    made = []
    for kind, members in ((charts.Bar, bars), (charts.Line, lines)):
        if not members:
            continue
        chart = kind()
        chart.add_xaxis(names)
        for series in members:
            at = {"yaxis_index": series.axis} if series.line else {}
            chart.add_yaxis(series.name, list(series.values), **at)
        made.append(chart)
    if len(made) == 2:
        made[0].overlap(made[1])
    return made[0]


def _options_of(chart: Any) -> dict[str, Any]:
    """Return what pyecharts would write into its page, as plain JSON."""
    options: dict[str, Any] = json.loads(chart.dump_options_with_quotes())
    return {"series": options["series"]}


def _is_line(spec: ChartSpec, series: Series) -> bool:
    return series.line or spec.kind in {"line", "lines", "area", "stacked-area"}


def _series(
    spec: ChartSpec, look: EchartsLook, number: int, made: dict[str, Any]
) -> dict[str, Any]:
    series = spec.series[number]
    if _is_line(spec, series):
        made |= line_options(spec, look, number)
        made["data"] = line_data(spec, look, number)
    else:
        share = spec.style.marks.bar_share
        made |= {
            "barCategoryGap": f"{100 * (1 - share):.1f}%",
            "barGap": "0%" if spec.kind != "bar" else "10%",
            "showBackground": look.background_bars and not spec.stacked,
            "data": bar_data(spec, look, number),
        }
    for name in ("label", "hoverAnimation"):  # the one is each value's own, the other outdated
        made.pop(name, None)
    if spec.stacked:
        made["stack"] = "all"
    which = "xAxisIndex" if spec.horizontal else "yAxisIndex"
    made[which] = series.axis
    return made


def _category_axis(spec: ChartSpec, look: EchartsLook) -> dict[str, Any]:
    style, text = spec.style, spec.style.text
    side = "l" if spec.horizontal else "b"
    joined = spec.kind in {"area", "stacked-area", "line", "lines"} and not look.axis_pad
    axis = _axis(spec, side, spec.category_title)
    axis |= {
        "type": "category",
        "data": _wrapped(spec),
        "inverse": spec.horizontal and style.axes.reversed,
        "boundaryGap": not joined,
        "splitLine": _lines(spec, shown=style.axes.grid in {"categories", "both"}),
    }
    if style.axes.bands:
        grounds = [css(style.plot), css(band_color(style))]
        axis["splitArea"] = {"show": True, "areaStyle": {"color": grounds}}
    axis["axisLabel"] |= {
        "interval": 0,
        "rotate": text.category_rotation,
        "hideOverlap": False,
    }
    if spec.category_title:
        axis["nameLocation"] = _category_name_place(spec, look)
    return axis


def _category_name_place(spec: ChartSpec, look: EchartsLook) -> str:
    """Return where the category axis' title stands: beside the axis' end only if it is short."""
    style = spec.style
    width = width_of(style.text.face, style.text.size_px, spec.category_title)
    if look.name_place == "middle" or width > 0.16 * style.width_px:
        return "middle"
    # The upper end of a vertical axis: its first category is there or at the bottom.
    return "start" if spec.horizontal and style.axes.reversed else "end"


def _wrapped(spec: ChartSpec) -> list[str]:
    """Return the categories' names, broken to the room that each has."""
    style, text = spec.style, spec.style.text
    if spec.horizontal:
        room = 0.3 * style.width_px
    elif text.category_rotation:
        room = 0.36 * style.height_px
    else:
        # What axis, legend and padding leave is known after the layout: a guess will do here.
        room = 0.84 * style.width_px / len(spec.categories) - 0.4 * text.size_px
    most = 2 if text.category_rotation else 3
    return [wrap(text.face, text.size_px, name, room, most) for name in spec.categories]


def _value_axis(spec: ChartSpec, look: EchartsLook, axis: ValueAxis, number: int) -> dict[str, Any]:
    style = spec.style
    side = ("t" if number else "b") if spec.horizontal else ("r" if number else "l")
    ticks = axis.ticks
    made = _axis(spec, side, axis.title, always=bool(number))
    grid = style.axes.grid in {"values", "both"} and not number
    made |= {
        "type": "value",
        "min": axis.low,
        "max": axis.high,
        "interval": axis.step,
        "splitLine": _lines(spec, shown=grid) | {"customValues": ticks},
    }
    made["axisTick"] |= {"customValues": ticks}
    made["axisLabel"] |= {
        "show": style.axes.values_shown,
        "customValues": ticks,
        "formatter": {"$ticks": [[tick, axis.form.format(tick)] for tick in ticks]},
    }
    if axis.title:
        middle = look.name_place == "middle" or number
        made["nameLocation"] = "middle" if middle else "end"
        if not middle and not spec.horizontal:
            # Above the axis it may reach as far to the left as the ticks do.
            made["nameTextStyle"]["align"] = "left"
    return made


def _axis(spec: ChartSpec, side: str, title: str, *, always: bool = False) -> dict[str, Any]:
    style = spec.style
    line = {"color": css(style.frame_color), "width": style.axes.frame_px}
    shown = side in style.axes.frame or always
    em = style.text.size_px
    axis: dict[str, Any] = {
        "axisLine": {"show": shown, "lineStyle": line, "onZero": False},
        "axisTick": {
            "show": shown and style.axes.ticks != "none",
            "inside": style.axes.ticks == "in",
            "lineStyle": line,
            "length": round(em * 0.35),
        },
        "axisLabel": font_style(spec) | {"margin": round(em * 0.55), "showMinLabel": True,
                                         "showMaxLabel": True},
    }  # fmt: skip
    if title:
        axis |= {
            "name": title,
            "nameGap": round(em * 0.7),
            "nameTextStyle": font_style(spec),
            "nameMoveOverlap": True,
        }
    return axis


def _lines(spec: ChartSpec, *, shown: bool) -> dict[str, Any]:
    style = spec.style
    if contrast(style.grid_color, style.plot) < 4:
        shown = False
    return {
        "show": shown,
        "lineStyle": {
            "color": css(style.grid_color),
            "width": style.axes.grid_px,
            "type": _DASHES[style.axes.grid_line],
        },
    }
