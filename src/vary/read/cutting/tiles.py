"""Visual lines -> tiles with the boxes that are scaled to strips, and the strips themselves."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image

from vary.read.cutting.background import ink_mask
from vary.read.cutting.layout import Box, CuttingConfig, PageLayout, Tile
from vary.read.cutting.lines import Segment
from vary.read.cutting.raster import Components, running_max

_DEFAULT = CuttingConfig()
_SAME_FONT = 0.12
"""Lines whose median letter height differs by less than this share are taken for one font."""
_MIN_LIKES = 3
_PALE_LEVEL = 64
"""Strips whose darkest ink is lighter than this are stretched to it."""


@dataclass(frozen=True)
class LineMeasure:
    """Vertical measures of a visual line in pixels; `base` is where most letters stand."""

    top: float
    bottom: float
    base: float
    letter: float
    """Median height of the letters: the x-height in most Latin lines."""

    @property
    def height(self) -> float:
        """Height of the line's ink."""
        return self.bottom - self.top


def measure(parts: Components, line: list[Segment]) -> LineMeasure:
    """Return the measures of a visual line."""
    ids = np.concatenate([segment.ids for segment in line])
    height = parts.height[ids]
    letters = ids[height >= 0.3 * height.max()]
    return LineMeasure(
        float(parts.y0[ids].min()),
        float(parts.y1[ids].max()),
        float(np.median(parts.y1[letters])),
        float(np.median(parts.height[letters])),
    )


def line_zones(measures: list[LineMeasure], regions: list[int]) -> list[tuple[float, float]]:
    """Return each line's zone from ascender to descender, (top, bottom) in pixels.

    A line's own ink gives it where it holds ascenders and descenders. Lines of the same letter
    height lend theirs to a line without, the region's lines to one of dots or dashes alone, so
    that these are not blown up; nor does a superscript shrink its line.
    """
    letter = np.array([m.letter for m in measures])
    height = np.array([m.height for m in measures])
    above = np.array([m.base - m.top for m in measures])
    below = np.array([m.bottom - m.base for m in measures])
    region = np.array(regions)
    zones = []
    for index, own in enumerate(measures):
        alike = np.abs(letter - own.letter) <= _SAME_FONT * own.letter
        if alike.sum() < _MIN_LIKES:
            near = region == region[index]
            usual = float(np.median(height[near]))
            alike = near & (height >= 0.7 * usual) if own.height < 0.45 * usual else near[:0]
        if alike.sum() < 1:
            zones.append((own.top, own.bottom))
            continue
        usual = float(np.median(height[alike]))
        if own.height >= 0.93 * usual:
            spare = min(max(0.0, own.height - usual), 0.2 * usual) / 2
            zones.append((own.top + spare, own.bottom - spare))
            continue
        top = min(own.top, own.base - float(np.median(above[alike])))
        bottom = max(own.bottom, own.base + float(np.median(below[alike])))
        zones.append((top, bottom))
    return zones


def _joined(line: list[Segment], gap_px: float) -> list[np.ndarray]:
    """Return the parts of a line's segments, near segments together."""
    groups = [line[0].ids]
    for left, right in pairwise(line):
        if right.x0 - left.x1 <= gap_px:
            groups[-1] = np.concatenate([groups[-1], right.ids])
        else:
            groups.append(right.ids)
    return groups


def _cut_long(parts: Components, ids: np.ndarray, limit_px: float) -> list[np.ndarray]:
    """Return the parts of a long line in pieces of at most `limit_px`, cut at word gaps."""
    left, right = int(parts.x0[ids].min()), int(parts.x1[ids].max())
    if right - left <= limit_px or len(ids) < 2:
        return [ids]
    order = ids[np.argsort(parts.x0[ids], kind="stable")]
    reach = np.maximum.accumulate(parts.x1[order])[:-1]
    gap = parts.x0[order][1:] - reach
    count = int(np.ceil((right - left) / (0.94 * limit_px)))
    target = left + (right - left) / count
    fits = reach - left <= limit_px
    if not fits.any():
        fits[0] = True
    near = 1 - np.minimum(1, np.abs(reach - target) / (0.3 * limit_px))
    best = int(np.argmax(np.where(fits & (gap > 0), (gap + 0.5) * (0.2 + near), -1)))
    return [order[: best + 1], *_cut_long(parts, order[best + 1 :], limit_px)]


def line_tiles(
    parts: Components,
    line: list[Segment],
    zone: tuple[float, float],
    numbers: tuple[int, int, int],
    config: CuttingConfig,
) -> list[tuple[Tile, np.ndarray]]:
    """Return the tiles of a visual line with the indices of their parts.

    Args:
        parts: the page's ink.
        line: the line's segments from left to right.
        zone: top and bottom of the line from ascender to descender.
        numbers: block, paragraph and line.
        config: the strip's measures.
    """
    top, bottom = zone
    height = max(3.0, (bottom - top) / config.ink_share)
    margin = config.margin_share * height
    limit = height * config.strip_max_width_px / config.strip_height_px - 2 * margin - 1
    y0 = round((top + bottom - height) / 2)
    tiles = []
    for group in _joined(line, config.tile_gap_em * (bottom - top)):
        for ids in _cut_long(parts, group, limit):
            ink = Segment.of(parts, ids)
            x0, x1 = round(ink.x0 - margin), round(ink.x1 + margin)
            box = (x0, y0, x1, y0 + round(height))
            tile = Tile(box, (ink.x0, ink.y0, ink.x1, ink.y1), *numbers)
            tiles.append((tile, ids))
    return tiles


def owner_map(
    parts: Components, tiles: list[tuple[Tile, np.ndarray]], shape: tuple[int, ...]
) -> np.ndarray:
    """Return (H, W) int32: 1 + the index of the tile that a pixel's ink belongs to, else 0."""
    of_part = np.zeros(len(parts) + 1, np.int32)
    for number, (_, ids) in enumerate(tiles):
        of_part[ids] = number + 1
    owner = np.zeros(shape, np.int32)
    rows, columns, run = parts.runs.pixels()
    owner[rows, columns] = of_part[parts.label[run]]
    return owner


def _crop(image: np.ndarray, box: Box, fill: int) -> np.ndarray:
    """Return the box cut out, filled where it reaches beyond the image."""
    x0, y0, x1, y1 = box
    out = np.full((y1 - y0, x1 - x0), fill, image.dtype)
    left, top = max(0, x0), max(0, y0)
    right, bottom = min(image.shape[1], x1), min(image.shape[0], y1)
    if right > left and bottom > top:
        out[top - y0 : bottom - y0, left - x0 : right - x0] = image[top:bottom, left:right]
    return out


def _owners(layout: PageLayout, tile: Tile) -> tuple[np.ndarray, float]:
    """Return whose ink each pixel of a tile's box is (see `PageLayout`), and the map's scale."""
    assert layout.owner is not None
    scale = layout.image.shape[0] / layout.owner.shape[0]
    if scale == 1:
        return _crop(layout.owner, tile.box, 0), scale
    x0, y0, x1, y1 = tile.box
    rows = np.clip(((np.arange(y0, y1) + 0.5) / scale).astype(int), 0, len(layout.owner) - 1)
    columns = ((np.arange(x0, x1) + 0.5) / scale).astype(int)
    columns = np.clip(columns, 0, layout.owner.shape[1] - 1)
    return layout.owner[np.ix_(rows, columns)], scale


def _own_ink(layout: PageLayout, tile: Tile, crop: np.ndarray) -> np.ndarray:
    """Return the crop with the ink of other tiles whitened."""
    if layout.owner is None or tile not in layout.numbers:
        return crop
    owner, scale = _owners(layout, tile)
    mine = owner == layout.numbers[tile] + 1
    near = mine
    reach = 2 * int(np.ceil(scale)) + 1
    for axis in (0, 1):
        near = running_max(near, reach, axis)
    return np.where(near & (mine | (owner == 0)), crop, 255).astype(np.uint8)


def tile_ink(layout: PageLayout, tile: Tile) -> np.ndarray:
    """Return (H, W) bool of a tile's box: where its own ink is."""
    if layout.owner is None or tile not in layout.numbers:
        return ink_mask(_crop(layout.image, tile.box, 255))
    return _owners(layout, tile)[0] == layout.numbers[tile] + 1


def tile_strip(layout: PageLayout, tile: Tile, config: CuttingConfig = _DEFAULT) -> np.ndarray:
    """Return the tile as the strip that the recogniser reads: dark ink on white.

    Only the tile's own ink shows; descenders of the line above are whitened. Pale text is
    stretched to full contrast.

    Args:
        layout: the page as cut.
        tile: one of its tiles.
        config: the strip's height and largest width; that which the page was cut by.
    Returns: (H, W) uint8; ink from ascender to descender takes 2/3 of the height.
    """
    crop = _own_ink(layout, tile, _crop(layout.image, tile.box, 255))
    darkest = int(np.percentile(crop[crop < 222], 5)) if (crop < 222).any() else 0
    if darkest > _PALE_LEVEL:
        gain = (255 - _PALE_LEVEL) / (255 - darkest)
        crop = np.clip(255 - (255 - crop.astype(np.float32)) * gain, 0, 255).astype(np.uint8)
    height_px = config.strip_height_px
    width = round(crop.shape[1] * height_px / crop.shape[0])
    width = int(np.clip(width, 1, config.strip_max_width_px))
    strip = Image.fromarray(crop).resize((width, height_px), Image.Resampling.BICUBIC)
    return np.asarray(strip)
