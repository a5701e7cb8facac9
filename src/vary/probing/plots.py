"""Pictures of a report and of a probe."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vary.extras import require

_COLOURS = ("#0068a8", "#c14f00", "#007a5a", "#a8478c", "#8a6a00", "#555555")
_MARKS = ("o", "s", "^", "D", "v", "P")
_ROW_INCHES, _WIDTH_INCHES = 0.42, 8.2


@dataclass(frozen=True)
class Mark:
    """A value with its interval, in a row and a series."""

    row: str
    series: str
    value: float
    low: float | None
    high: float | None


def interval_plot(
    marks: Sequence[Mark], title: str, axis: str, bounds: Sequence[tuple[float, str]] = ()
) -> dict[str, bytes]:
    """Return a plot of values and intervals, a line for each row, as ``png`` and ``svg``.

    Args:
        marks: what is drawn, rows and series in the order of their first.
        title: above it.
        axis: below it.
        bounds: thresholds, drawn as lines with a name each.
    """
    require("matplotlib", extra="data")
    figures = require("matplotlib.figure", extra="data")
    rows = list(dict.fromkeys(mark.row for mark in marks))
    series = list(dict.fromkeys(mark.series for mark in marks))
    height = 1.5 + _ROW_INCHES * len(rows) * max(1.0, len(series) / 3)
    figure = figures.Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    for number, name in enumerate(series):
        _draw_series(
            axes, [mark for mark in marks if mark.series == name], rows, number, len(series)
        )
    for place, name in bounds:
        axes.axvline(place, color="#999999", linewidth=0.8, linestyle=":")
        axes.text(place, -0.75, name, fontsize=7, color="#666666", ha="center")
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.9)
    axes.set_xlabel(axis)
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if marks:
        figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=8)
    else:
        axes.text(0.5, -0.25, "nothing could be measured", ha="center", color="#666666")
    return {form: _saved(figure, form) for form in ("png", "svg")}


def _draw_series(
    axes: Any, marks: Sequence[Mark], rows: Sequence[str], number: int, total: int
) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    shift = (number - (total - 1) / 2) * min(0.22, 0.7 / total)
    places = [rows.index(mark.row) + shift for mark in marks]
    for mark, place in zip(marks, places, strict=True):
        if mark.low is not None and mark.high is not None:
            axes.plot([mark.low, mark.high], [place, place], color=colour, linewidth=2)
    axes.plot(
        [mark.value for mark in marks],
        places,
        _MARKS[number % len(_MARKS)],
        color=colour,
        label=marks[0].series if marks else None,
        markersize=5,
        linestyle="none",
    )


def _saved(figure: Any, form: str) -> bytes:
    buffer = io.BytesIO()
    # No date, so that the same figures give the same bytes.
    metadata = {"Date": None} if form == "svg" else {}
    figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()
