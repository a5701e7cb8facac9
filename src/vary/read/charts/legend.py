"""The legend of a chart: names, each beside a sample of its mark's colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vary.read.charts.surfaces import Canvas
from vary.read.charts.texts import Text

Color = tuple[float, float, float]
_LEAST_CONTRAST = 26.0


@dataclass(frozen=True)
class Entry:
    """A name of the legend.

    Attributes:
        text: the name.
        color: RGB of its sample.
        x0: where the sample begins.
    """

    text: Text
    color: Color
    x0: int


def find_legend(canvas: Canvas, texts: Sequence[Text]) -> list[Entry]:
    """Return the entries of the legend in reading order, none where there is no legend.

    An entry has a sample to its left, on the same line, that is no text itself; the samples of a
    legend are of like size, and their colours differ.
    """
    found: list[tuple[Text, Color, tuple[int, int]]] = []
    for text in texts:
        if text.angle_deg or text.confidence < 0.45 or not any(map(str.isalnum, text.text)):
            continue
        sample = _sample(canvas, text, texts)
        if sample is not None:
            found.append((text, sample[0], sample[1]))
    entries = _alike(found)
    entries.sort(key=lambda entry: (round(entry.text.y / max(4.0, entry.text.size_px)), entry.x0))
    return entries


def _sample(
    canvas: Canvas, text: Text, texts: Sequence[Text]
) -> tuple[Color, tuple[int, int]] | None:
    """Return colour and extent (x0, x1) of what stands left of a text, None if nothing does."""
    em = max(8.0, text.size_px)
    x1 = text.box[0] - 1
    x0 = max(0, round(x1 - 5.2 * em))
    others = [
        other.box[2]
        for other in texts
        if other is not text
        and other.box[2] <= text.box[0]
        and other.box[1] < text.y < other.box[3]
    ]
    x0 = max([x0, *others])
    y0, y1 = round(text.y - 0.3 * em), round(text.y + 0.3 * em) + 1
    if x1 - x0 < 4 or y0 < 0:
        return None
    region = canvas.rgb[y0:y1, x0:x1].astype(np.float32)
    paper = canvas.colors[text.ground].astype(np.float32)
    differs = np.abs(region - paper).max(-1) > _LEAST_CONTRAST
    columns = np.flatnonzero(differs.any(0))
    if not len(columns):
        return None
    # The run of columns nearest to the text.
    last = int(columns[-1])
    breaks = np.flatnonzero(np.diff(columns) > 0.25 * em)
    first = int(columns[breaks[-1] + 1]) if len(breaks) else int(columns[0])
    if (x1 - x0) - last > 1.6 * em or last - first < 0.3 * em or last - first > 4.4 * em:
        return None
    patch, mask = region[:, first : last + 1], differs[:, first : last + 1]
    return _main_color(patch[mask], paper), (x0 + first, x0 + last + 1)


def _main_color(pixels: np.ndarray, paper: np.ndarray) -> Color:
    """Return the colour that most of the strongest pixels have."""
    depth = np.abs(pixels - paper).max(-1)
    strong = pixels[depth >= 0.6 * depth.max()]
    keys = (strong // 12).astype(int)
    _, inverse, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    usual = strong[inverse.reshape(-1) == counts.argmax()]
    red, green, blue = (float(value) for value in np.median(usual, axis=0))
    return red, green, blue


def _alike(found: Sequence[tuple[Text, Color, tuple[int, int]]]) -> list[Entry]:
    """Return the largest set of entries whose samples have the same width and distance."""
    best: list[Entry] = []
    for text, _, (x0, x1) in found:
        width, gap = x1 - x0, text.box[0] - x1
        members = [
            Entry(other, color, left)
            for other, color, (left, right) in found
            if abs((right - left) - width) <= max(3.0, 0.25 * width)
            and abs((other.box[0] - right) - gap) <= max(4.0, 0.35 * text.size_px)
            and abs(other.size_px - text.size_px) <= 0.35 * text.size_px
        ]
        if len(members) > len(best):
            best = members
    if len(best) < 2 or not _placed(best) or not _told_apart(best):
        return []
    return best


def _told_apart(entries: Sequence[Entry]) -> bool:
    """Return whether the samples' colours differ, as those of ticks and outlines do not."""
    pairs = combinations(entries, 2)
    return all(color_distance(one.color, other.color) >= 14 for one, other in pairs)


def _placed(entries: Sequence[Entry]) -> bool:
    """Return whether entries stand in rows or columns, as those of a legend do."""
    ys = np.array([entry.text.y for entry in entries])
    xs = np.array([entry.x0 for entry in entries])
    size = float(np.median([entry.text.size_px for entry in entries]))
    beside = [
        bool(((np.abs(ys - y) <= 0.5 * size) | (np.abs(xs - x) <= 0.6 * size)).sum() >= 2)
        for x, y in zip(xs, ys, strict=True)
    ]
    return sum(beside) >= 0.7 * len(entries)


def color_distance(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Return how far two colours are apart: 0 to 441."""
    return float(np.linalg.norm(np.asarray(one, float) - np.asarray(other, float)))


def nearest_entry(entries: Sequence[Entry], color: Sequence[float] | np.ndarray) -> int | None:
    """Return which entry has a colour, None where none is near it."""
    if not entries:
        return None
    far = [color_distance(entry.color, color) for entry in entries]
    best = int(np.argmin(far))
    return best if far[best] <= 48 else None
