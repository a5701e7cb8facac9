"""The bars of a chart, and which way they grow."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vary.read.charts.surfaces import Canvas
from vary.read.cutting.layout import Box
from vary.read.cutting.raster import Components

_SAME_COLOR = 24.0
_LEAST_ENDS = 4
"""Two bars of different lengths, at two places."""


@dataclass(frozen=True)
class Bar:
    """A rectangle of one colour.

    Attributes:
        box: x0, y0, x1, y1.
        color: RGB.
        surface: its number, -1 of one that is hatched.
    """

    box: Box
    color: tuple[float, float, float]
    surface: int


def find_bars(canvas: Canvas) -> list[Bar]:
    """Return the rectangles that may be bars: neither ground nor grid."""
    grounds = plot_colors(canvas)
    width, height = canvas.size
    bars: list[Bar] = []
    for number, (x0, y0, x1, y1) in enumerate(canvas.boxes.tolist()):
        color = canvas.colors[number].astype(float)
        if number == canvas.paper or min(x1 - x0, y1 - y0) < 5:
            continue
        if any(np.abs(color - ground).max() <= _SAME_COLOR / 2 for ground in grounds):
            continue
        # Values in a bar are holes in it.
        fill = canvas.areas[number] / ((x1 - x0) * (y1 - y0))
        if fill < 0.55 or (x1 - x0 > 0.9 * width and y1 - y0 > 0.9 * height):
            continue
        red, green, blue = (float(value) for value in color)
        bars.append(Bar((x0, y0, x1, y1), (red, green, blue), number))
    return bars + _hatched(canvas)


def _hatched(canvas: Canvas) -> list[Bar]:
    """Return the bars that hold no flat square: hatched ones, and those narrower than that."""
    thick = canvas.ink.copy()
    # Lines of frame and grid tie bars together; they are thin.
    for axis in (0, 1):
        up, down = np.roll(thick, 2, axis), np.roll(thick, -2, axis)
        thick &= up | down
    parts = Components.of(thick)
    sides = (parts.width >= 4) & (parts.height >= 4)
    big = sides & (parts.area >= 0.6 * parts.width * parts.height) & (parts.area >= 260)
    bars: list[Bar] = []
    for index in np.flatnonzero(big):
        x0, y0, x1, y1 = parts.box(int(index))
        patch = canvas.rgb[y0:y1, x0:x1].reshape(-1, 3)
        red, green, blue = (float(value) for value in np.median(patch, axis=0))
        bars.append(Bar((x0, y0, x1, y1), (red, green, blue), -1))
    return bars


def plot_colors(canvas: Canvas) -> list[np.ndarray]:
    """Return the colours of the grounds: the paper's, the plot's, those of bands and panels."""
    paper = canvas.colors[canvas.paper].astype(float)
    found = [paper]
    width, height = canvas.size
    packed = (canvas.colors.astype(int) // 6) @ np.array([1 << 16, 1 << 8, 1])
    for key in np.unique(packed):
        members = np.flatnonzero(packed == key)
        x0, y0 = canvas.boxes[members, :2].min(0)
        x1, y1 = canvas.boxes[members, 2:].max(0)
        if x1 - x0 < 0.4 * width or y1 - y0 < 0.35 * height:
            continue
        mine = np.isin(canvas.ground, members)
        inset = 3
        top, bottom = mine[y0 + inset, x0:x1].mean(), mine[y1 - 1 - inset, x0:x1].mean()
        left, right = mine[y0:y1, x0 + inset].mean(), mine[y0:y1, x1 - 1 - inset].mean()
        if sorted((top, bottom, left, right))[1] >= 0.42 and top >= 0.3:
            found.append(canvas.colors[members[0]].astype(float))
    return found


def is_horizontal(bars: Sequence[Bar]) -> bool | None:
    """Return whether bars grow to the side, None where they do not tell.

    Bars stand on one line and end at others.
    """
    upright = _shared(bars, (1, 3))
    lying = _shared(bars, (0, 2))
    if max(upright, lying) < _LEAST_ENDS or upright == lying:
        return None
    return lying > upright


def _shared(bars: Sequence[Bar], sides: tuple[int, int]) -> int:
    """Return how many ends bars have that begin at one line."""
    best = 0
    across = 1 - sides[0] % 2
    for base, end in (sides, sides[::-1]):
        for bar in bars:
            fellows = [other for other in bars if abs(other.box[base] - bar.box[base]) <= 2]
            wide = bar.box[across + 2] - bar.box[across]
            fellows = [
                other
                for other in fellows
                if abs((other.box[across + 2] - other.box[across]) - wide) <= max(3, 0.12 * wide)
            ]
            ends = {round(other.box[end] / 3) for other in fellows}
            places = {other.box[across] for other in fellows}
            if len(places) >= 2:
                best = max(best, min(len(ends), len(places)) * 2 + (len(places) >= 3))
    return best


def upright_slots(bars: Sequence[Bar]) -> tuple[list[float], float] | None:
    """Return the middles of standing bars that share a foot at even distances, and that foot.

    None where there are fewer than two, where they lie, or where they stand in groups.
    """
    if is_horizontal(bars) is not False:
        return None
    best: list[Bar] = []
    for bar in bars:
        wide = bar.box[2] - bar.box[0]
        fellows = [
            other
            for other in bars
            if abs(other.box[3] - bar.box[3]) <= 2
            and abs((other.box[2] - other.box[0]) - wide) <= max(3, 0.12 * wide)
        ]
        if len(fellows) > len(best):
            best = fellows
    middles = sorted({round((bar.box[0] + bar.box[2]) / 2, 1) for bar in best})
    if len(middles) < 2:
        return None
    gaps = np.diff(middles)
    if float(np.abs(gaps - np.median(gaps)).max()) > 0.1 * float(np.median(gaps)):
        return None
    return middles, float(max(bar.box[3] for bar in best))
