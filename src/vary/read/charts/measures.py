"""What bars show, measured against the ticks or against one another."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vary.read.charts.axes import Names, ValueAxis
from vary.read.charts.marks import Bar
from vary.read.charts.numbers import mended_by
from vary.read.charts.values import Cell

_SLACK = 0.07
_LEAST_PX = 12


def with_measures(
    cells: Sequence[Cell],
    names: Names,
    bars: Sequence[Bar],
    axes: Sequence[ValueAxis],
    *,
    horizontal: bool,
) -> list[Cell]:
    """Return the cells with the values that contradict their bars mended.

    Only where one bar stands at each name, and most values agree with the bars' lengths.
    """
    if len({cell.series for cell in cells}) != 1 or len(cells) < 3:
        return list(cells)
    foot, ends = _ends(names, bars, horizontal)
    pairs = [(ends[cell.name], cell.number.value) for cell in cells if cell.name in ends]
    scale = _scale(pairs, axes, foot)
    if scale is None:
        return list(cells)
    slope, offset = scale
    out = []
    for cell in cells:
        if cell.name not in ends:
            out.append(cell)
            continue
        measure = slope * ends[cell.name] + offset
        # What a pixel or two are worth cannot be told.
        unsure = 2.0 * abs(slope) / max(abs(measure), 1e-9)
        number = mended_by(cell.number, measure, _SLACK + unsure)
        sure = cell.confidence if number is cell.number else 0.7 * cell.confidence
        out.append(replace(cell, number=number, confidence=sure))
    return out


def _ends(names: Names, bars: Sequence[Bar], horizontal: bool) -> tuple[float, dict[int, float]]:
    """Return where bars begin, and where the bar of each name ends; names with one bar alone."""
    low, high = (0, 2) if horizontal else (1, 3)
    across = 1 if horizontal else 0
    step = names.step
    at: dict[int, list[Bar]] = {}
    for bar in bars:
        middle = (bar.box[across] + bar.box[across + 2]) / 2
        far = np.abs(np.array(names.places) - middle)
        slot = int(far.argmin())
        wide = bar.box[across + 2] - bar.box[across]
        if far[slot] <= 0.12 * step and 0.08 * step <= wide <= 1.02 * step:
            at.setdefault(slot, []).append(bar)
    single = {slot: found[0] for slot, found in at.items() if len(found) == 1}
    if len(single) < 2 or len(single) < 0.6 * len(names.places):
        return 0.0, {}
    feet = [bar.box[low if horizontal else high] for bar in single.values()]
    foot = float(np.median(feet))
    ends: dict[int, float] = {}
    for slot, bar in single.items():
        first, last = float(bar.box[low]), float(bar.box[high])
        # The foot is the end that most bars share; the other end tells the value.
        ends[slot] = last if abs(first - foot) < abs(last - foot) else first
    return foot, ends


def _scale(
    pairs: Sequence[tuple[float, float]], axes: Sequence[ValueAxis], foot: float
) -> tuple[float, float] | None:
    """Return slope and offset of value over place that most values agree with, None if none do.

    Tried are the axes, and for each value that it is right and its bar begins at nought.
    """
    if len(pairs) < 3:
        return None
    places = np.array([place for place, _ in pairs])
    values = np.array([value for _, value in pairs])
    scales = [(axis.slope, axis.offset) for axis in axes]
    for place, value in pairs:
        if abs(place - foot) >= _LEAST_PX and value:
            slope = value / (place - foot)
            scales.append((slope, -slope * foot))
    best: tuple[int, tuple[float, float]] = (0, (0.0, 0.0))
    for slope, offset in scales:
        off = np.abs(slope * places + offset - values)
        agree = int((off <= 0.03 * np.abs(values) + 1.5 * abs(slope)).sum())
        if agree > best[0]:
            best = (agree, (slope, offset))
    by_axis = any(best[1] == (axis.slope, axis.offset) for axis in axes)
    enough = max(2, 0.25 * len(pairs)) if by_axis else max(3, 0.5 * len(pairs))
    return best[1] if best[0] >= enough else None


def with_points(cells: Sequence[Cell], axis: ValueAxis) -> list[Cell]:
    """Return the cells of a line with the values mended that cannot stand where they are written.

    A value is written right above its point or right below it. One that agrees with neither is
    what it may have been mistaken for, if that agrees; else it stays as it was read.
    """
    out = []
    for cell in cells:
        _, y0, _, y1 = cell.box
        gap = 0.5 * cell.size_px
        shown = (axis.value(y0 - gap), axis.value(y1 + gap))
        room = abs(axis.slope) * max(6.0, 0.75 * cell.size_px)
        off = min(abs(cell.number.value - value) for value in shown)
        if off <= 1.5 * room or min(map(abs, shown)) < 1e-9:
            out.append(cell)
            continue
        found = [mended_by(cell.number, value, room / max(abs(value), 1e-9)) for value in shown]
        figures = [number for number in found if _is_alike(number.text, cell.number.text)]
        number = figures[0] if figures else cell.number
        out.append(replace(cell, number=number, confidence=0.7 * cell.confidence))
    return out


def _is_alike(one: str, other: str) -> bool:
    """Return whether two numbers differ in a figure or their points alone."""
    a, b = (text.replace(".", "").replace(",", "") for text in (one, other))
    if len(a) != len(b):
        return abs(len(a) - len(b)) == 1 and (a in b or b in a)
    return sum(x != y for x, y in zip(a, b, strict=True)) <= 1
