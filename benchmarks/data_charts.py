"""How many charts per second matplotlib draws here and by a bare savefig, PNG encoding included.

CPU time of the engine, from the choice of names to the checked PNG, beside that of a bare figure of
the same chart as one would write it: built, and saved by `savefig` as PNG; then saved once more,
when matplotlib has kept how wide its texts are.

    python benchmarks/data_charts.py TEXT_FOLDER [--language en] [--count 100]
"""

import argparse
import io
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontPath, FontProperties

from vary.data.engines.base import Reject, make_sample, sample_rng
from vary.data.engines.chart.engine import ChartConfig, ChartEngine, build_chart_engine
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import Rgb
from vary.data.engines.chart.texts import ChartTexts

SEED = 1


def matplotlib_rates(text: Path, language: str, count: int) -> dict[str, float]:
    """Return charts per second of CPU time of the engine and of bare figures of the same charts.

    Each chart is drawn by both, one after the other; a first round loads fonts and is not counted.
    """
    engine = build_chart_engine(ChartConfig(text, language=language))
    spent = {"engine": 0.0, "build": 0.0, "savefig": 0.0, "again": 0.0}
    made = 0
    for counted in (False, True):
        for index in range(count):
            start = time.process_time()
            try:
                make_sample(engine, SEED, index)
            except Reject:
                continue
            ours = time.process_time()
            figure = bare_figure(_spec(engine, index))
            built = time.process_time()
            figure.savefig(io.BytesIO(), format="png")
            saved = time.process_time()
            figure.savefig(io.BytesIO(), format="png")
            again = time.process_time()
            if counted:
                made += 1
                spent["engine"] += ours - start
                spent["build"] += built - ours
                spent["savefig"] += saved - built
                spent["again"] += again - saved
    bare = spent["build"] + spent["savefig"]
    return {
        "made": made,
        "charts_per_cpu_s": made / spent["engine"],
        "savefig_per_cpu_s": made / spent["savefig"],
        "figure_per_cpu_s": made / bare,
        "% of savefig": 100 * spent["savefig"] / spent["engine"],
        "% of a second one": 100 * spent["again"] / spent["engine"],
        "% of figure": 100 * bare / spent["engine"],
        "python_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def bare_figure(spec: ChartSpec) -> Figure:
    """Return a chart as a figure of matplotlib, its texts not measured and nothing checked."""
    style, look = spec.style, spec.style.text
    size = style.width_px / 72, style.height_px / 72
    figure = Figure(figsize=size, dpi=72, facecolor=_unit(style.background))
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=_unit(style.plot))
    font = _font(look.face, look.size_px)
    words: dict[str, Any] = {
        "fontproperties": font,
        "color": _unit(look.color),
        "parse_math": False,
    }
    if spec.round:
        _bare_pie(axes, spec, words)
    else:
        _bare_axes(axes, spec, words)
        handles = [_bare_marks(axes, spec, words, number) for number in range(len(spec.series))]
        if len(spec.series) > 1:
            names = [series.name for series in spec.series]
            axes.legend(handles, names, prop=font, labelcolor=_unit(look.color))
    large = _font(look.title_face, look.size_px * look.title_scale)
    if spec.title:
        axes.set_title(spec.title, **words | {"fontproperties": large})
    if spec.note:
        figure.text(0.02, 0.02, spec.note, **words)
    return figure


def _bare_axes(axes: Any, spec: ChartSpec, words: dict[str, Any]) -> None:
    look, num = spec.style.axes, len(spec.categories)
    value, category = ("x", "y") if spec.horizontal else ("y", "x")
    turn: dict[str, Any] = (
        {} if spec.horizontal else {"rotation": spec.style.text.category_rotation}
    )
    getattr(axes, f"set_{category}ticks")(range(num), spec.categories, **turn, **words)
    getattr(axes, f"set_{category}label")(spec.category_title, **words)
    for axis, on in zip(
        spec.axes, (axes, axes.twinx() if len(spec.axes) > 1 else None), strict=False
    ):
        told = [axis.form.format(tick) for tick in axis.ticks] if look.values_shown else []
        getattr(on, f"set_{value}lim")(axis.low, axis.high)
        getattr(on, f"set_{value}ticks")(axis.ticks if told else [], told, **words)
        getattr(on, f"set_{value}label")(axis.title, **words)
    sides = {"values": value, "categories": category, "both": "both"}
    if look.grid:
        color = _unit(spec.style.grid_color)
        axes.grid(axis=sides[look.grid], linewidth=look.grid_px, color=color)
    for letter, side in {"l": "left", "b": "bottom", "r": "right", "t": "top"}.items():
        axes.spines[side].set_visible(letter in look.frame)


def _bare_marks(axes: Any, spec: ChartSpec, words: dict[str, Any], number: int) -> Any:
    """Draw a series with its values, and return what stands for it in the legend."""
    series, look = spec.series[number], spec.style.marks
    places, values = np.arange(len(series.values)), np.array(series.values)
    on = axes.figure.axes[series.axis]
    under = [np.array(other.values) for other in spec.series[:number]]
    below = np.sum(under, axis=0) if under and spec.stacked else np.zeros(len(values))
    color, told = _unit(look.colors[number]), [series.form.format(v) for v in series.values]
    labels = words | {"fontproperties": _font(spec.style.text.face, 0.9 * spec.style.text.size_px)}
    if spec.kind in {"area", "stacked-area"}:
        drawn = on.fill_between(places, below, below + values, color=color)
    elif series.line or spec.kind in {"line", "lines"}:
        style = {"linestyle": look.lines[number], "linewidth": look.line_px}
        marker = {"marker": look.markers[number] or None, "markersize": look.marker_px}
        (drawn,) = on.plot(places, values, color=color, **style, **marker)
    else:
        beside = 1 if spec.stacked else sum(not other.line for other in spec.series)
        width = look.bar_share / beside
        shift = (number - (beside - 1) / 2) * width if beside > 1 else 0.0
        edge = {"hatch": look.hatches[number] or None, "linewidth": look.edge_px}
        draw = on.barh if spec.horizontal else on.bar
        drawn = draw(places + shift, values, width, below, color=color, **edge)
        if spec.labels:
            on.bar_label(drawn, told, **labels)
        return drawn
    if spec.labels:
        for place, value, text in zip(places, values, told, strict=True):
            on.annotate(text, (place, value), (0, 4), textcoords="offset points", **labels)
    return drawn


def _bare_pie(axes: Any, spec: ChartSpec, words: dict[str, Any]) -> None:
    series, look = spec.series[0], spec.style.marks
    colors = [_unit(color) for color in look.colors]
    wedges, *_ = axes.pie(series.values, colors=colors, startangle=look.pie_start)
    angles = np.radians([(wedge.theta1 + wedge.theta2) / 2 for wedge in wedges])
    for value, angle in zip(series.values, angles, strict=True):
        place = 0.7 * np.cos(angle), 0.7 * np.sin(angle)
        axes.text(*place, series.form.format(value), ha="center", va="center", **words)
    if look.pie_names == "legend":
        axes.legend(wedges, spec.categories, prop=words["fontproperties"])
        return
    for name, angle in zip(spec.categories, angles, strict=True):
        place = 1.1 * np.cos(angle), 1.1 * np.sin(angle)
        axes.text(*place, name, ha="left" if place[0] > 0 else "right", va="center", **words)


def _font(face: Any, size_px: float) -> FontProperties:
    path = FontPath(str(face.path), face.index) if face.index else face.path
    return FontProperties(fname=path, size=size_px)


def _unit(color: Rgb) -> tuple[float, float, float]:
    return color[0] / 255, color[1] / 255, color[2] / 255


def _spec(engine: ChartEngine, index: int) -> ChartSpec:
    rng = sample_rng(SEED, engine.name, index)
    texts = ChartTexts(engine.corpus, engine.options.language, rng)
    return engine.compose(index, rng, texts)


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    for name, value in matplotlib_rates(given.text, given.language, given.count).items():
        print(f"{name:18} {value:8.1f}")


if __name__ == "__main__":
    main()
