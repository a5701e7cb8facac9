"""A chart's pixels -> its flat surfaces, and the ink that stands on them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vary.read.cutting.raster import Runs, join_pairs, running_max

CORE_PX = 7
"""A surface holds a square of this side; no stroke of a letter is that wide."""
FLAT_LEVELS = 10
"""Levels by which a surface's colour may vary in such a square."""
SAME_LEVELS = 14
"""Levels, in any channel, by which pixels of one surface differ at most."""
INK_LEVELS = 24
"""Levels by which ink differs from the ground that it stands on."""
_COUNTER_PX = 44
"""The inside of a letter is no wider or higher than that."""


@dataclass(frozen=True)
class Canvas:
    """A chart's picture, parted in surfaces and ink.

    Attributes:
        rgb: (H, W, 3) uint8.
        ground: (H, W) int32, the surface that a pixel belongs to or, of ink, stands on.
        colors: (N, 3) uint8 of the surfaces.
        boxes: (N, 4) x0, y0, x1, y1 of the surfaces.
        areas: (N,) pixels of the surfaces.
        is_surface: (H, W) bool, False for what stands on them.
        contrast: (H, W, 3) float32, a pixel's colour less that of its ground.
        tones: (N,) for each surface the first of about its colour, which a grid's cells share.
    """

    rgb: np.ndarray
    ground: np.ndarray
    colors: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    is_surface: np.ndarray
    contrast: np.ndarray
    tones: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @cached_property
    def depth(self) -> np.ndarray:
        """(H, W) float32: the largest channel of the contrast."""
        return np.abs(self.contrast).max(-1)

    @cached_property
    def ink(self) -> np.ndarray:
        """(H, W) bool: where something stands on a surface."""
        return ~self.is_surface & (self.depth > INK_LEVELS)

    @cached_property
    def paper(self) -> int:
        """The surface on which the chart lies: the one that has most of the picture's rim."""
        rim = np.concatenate(
            [self.ground[0], self.ground[-1], self.ground[:, 0], self.ground[:, -1]]
        )
        return int(np.bincount(rim).argmax())


def find_surfaces(rgb: np.ndarray) -> Canvas:
    """Return the surfaces of a picture and the ground of each pixel.

    Args:
        rgb: (H, W, 3) uint8.
    """
    is_core = _cores(rgb)
    if not is_core.any():
        is_core = np.ones(rgb.shape[:2], bool)
    values = _nearest_colors(rgb, is_core)
    label = label_regions(values)
    has_core = np.zeros(int(label.max()) + 1, bool)
    has_core[label[is_core & (label > 0)]] = True
    has_core[0] = False
    number = np.cumsum(has_core) - 1
    ground = np.where(has_core[label], number[label], -1).astype(np.int32)
    is_surface = ground >= 0
    spread_labels(ground)
    colors, boxes, areas = _measure(rgb, np.where(is_surface, ground, -1), int(has_core.sum()))
    merged = _without_counters(ground, colors, boxes)
    if (merged != np.arange(len(merged))).any():
        ground = merged[ground]
        colors, boxes, areas = _measure(rgb, np.where(is_surface, ground, -1), len(colors))
    local = colors[ground].astype(np.float32)
    contrast = rgb.astype(np.float32) - local
    return Canvas(rgb, ground, colors, boxes, areas, is_surface, contrast, _tones(colors))


def _without_counters(ground: np.ndarray, colors: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the surface that each is part of: the inside of an O is the paper around it."""
    merged = np.arange(len(colors))
    side = (boxes[:, 2:] - boxes[:, :2]).max(1)
    for index in np.flatnonzero(side <= _COUNTER_PX):
        x0, y0, x1, y1 = boxes[index]
        reach = 9
        near = ground[max(0, y0 - reach) : y1 + reach, max(0, x0 - reach) : x1 + reach]
        # What is all around it: the rim of the window.
        rim = np.concatenate([near[0], near[-1], near[:, 0], near[:, -1]])
        rim = rim[rim != index]
        if not len(rim):
            continue
        values, counts = np.unique(rim, return_counts=True)
        around = int(values[counts.argmax()])
        alike = np.abs(colors[around].astype(int) - colors[index]).max() <= SAME_LEVELS
        if alike and counts.max() >= 0.6 * len(rim) and side[around] > side[index]:
            merged[index] = around
    return merged


def _tones(colors: np.ndarray) -> np.ndarray:
    """Return (N,) the first surface of about the same colour as each."""
    tones = np.arange(len(colors))
    levels = colors.astype(int)
    for index in range(len(colors)):
        like = np.flatnonzero(np.abs(levels[:index] - levels[index]).max(-1) <= SAME_LEVELS)
        if len(like):
            tones[index] = tones[like[0]]
    return tones


def _cores(rgb: np.ndarray) -> np.ndarray:
    """Return (H, W) bool: where a square of one colour is centred."""
    flat = np.ones(rgb.shape[:2], bool)
    for channel in range(3):
        high = low = rgb[..., channel]
        low = 255 - low
        for axis in (0, 1):
            high, low = running_max(high, CORE_PX, axis), running_max(low, CORE_PX, axis)
        flat &= high.astype(np.int16) + low - 255 <= FLAT_LEVELS
    return flat


def _nearest_colors(rgb: np.ndarray, is_core: np.ndarray) -> np.ndarray:
    """Return (H, W) int32: 1 + the colour of the palette that a pixel has, 0 for none.

    The palette is what the cores show. A pixel of a gradient takes the next step of it.
    """
    packed = (rgb.astype(np.int32) * np.array([1 << 16, 1 << 8, 1])).sum(-1)
    shades, counts = np.unique(packed[is_core], return_counts=True)
    palette: list[np.ndarray] = []
    for shade in shades[np.argsort(-counts, kind="stable")]:
        color = np.array([shade >> 16, shade >> 8 & 255, shade & 255])
        if not palette or np.abs(np.array(palette) - color).max(-1).min() > SAME_LEVELS // 2:
            palette.append(color)
        if len(palette) == 250:
            break
    colors = np.array(palette)
    every, inverse = np.unique(packed, return_inverse=True)
    shades3 = np.stack([every >> 16, every >> 8 & 255, every & 255], -1)
    nearest = np.zeros(len(every), np.int32)
    for start in range(0, len(every), 4096):
        part = shades3[start : start + 4096]
        distance = np.abs(part[:, None] - colors[None]).max(-1)
        best = distance.argmin(-1)
        near = distance[np.arange(len(part)), best] <= SAME_LEVELS
        nearest[start : start + 4096] = np.where(near, best + 1, 0)
    return nearest[inverse.reshape(packed.shape)]


def label_regions(values: np.ndarray) -> np.ndarray:
    """Return (H, W) int32: the 4-connected region of equal value that a pixel is in, from 1.

    Args:
        values: (H, W) int; where it is 0 there is no region, and the label is 0.
    """
    height, width = values.shape
    breaks = np.ones((height, width + 1), bool)
    breaks[:, 1:-1] = values[:, 1:] != values[:, :-1]
    start_row, start = np.nonzero(breaks[:, :-1])
    end = np.nonzero(breaks[:, 1:])[1] + 1
    value = values[start_row, start]
    keep = value > 0
    row, x0, x1, value = start_row[keep], start[keep], end[keep], value[keep]
    upper, lower = _below(row, x0, x1, width)
    same = value[upper] == value[lower]
    label = join_pairs(len(row), upper[same], lower[same])
    out = np.zeros((height, width), np.int32)
    rows, columns, run = Runs(row, x0, x1).pixels()
    out[rows, columns] = label[run] + 1
    return out


def _below(
    row: np.ndarray, x0: np.ndarray, x1: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of runs (upper, lower) that share a side."""
    stride = width + 2
    start, end = row * stride + x0, row * stride + x1
    low = np.searchsorted(end, start + stride, side="right")
    high = np.searchsorted(start, end + stride, side="left")
    count = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(start)), count)
    offset = np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count)
    return upper, low[upper] + offset


def spread_labels(ground: np.ndarray) -> None:
    """Give every pixel of -1 the label of the nearest one that has any, in place."""
    height, width = ground.shape
    rows, columns = np.nonzero(ground < 0)
    while len(rows):
        found = np.full(len(rows), -1, ground.dtype)
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            y, x = np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)
            found = np.where(found < 0, ground[y, x], found)
        done = found >= 0
        if not done.any():
            return
        ground[rows[done], columns[done]] = found[done]
        rows, columns = rows[~done], columns[~done]


def _measure(
    rgb: np.ndarray, label: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return colours, boxes and areas of the surfaces 0..count-1."""
    rows, columns = np.nonzero(label >= 0)
    mine = label[rows, columns]
    areas = np.bincount(mine, minlength=count)
    colors = np.stack(
        [
            np.bincount(mine, weights=rgb[rows, columns, channel], minlength=count)
            for channel in range(3)
        ],
        -1,
    )
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = np.iinfo(np.int32).max
    np.minimum.at(boxes[:, 0], mine, columns)
    np.minimum.at(boxes[:, 1], mine, rows)
    np.maximum.at(boxes[:, 2], mine, columns + 1)
    np.maximum.at(boxes[:, 3], mine, rows + 1)
    return np.round(colors / np.maximum(areas, 1)[:, None]).astype(np.uint8), boxes, areas
