"""The cutting of a page, step by step."""

from dataclasses import replace

import numpy as np
from PIL import Image

from vary.read.cutting.background import dark_page, empty_filled_boxes, flatten, ink_mask, to_grey
from vary.read.cutting.columns import find_regions
from vary.read.cutting.layout import Box, CuttingConfig, PageLayout, Tile
from vary.read.cutting.lines import Segment, region_lines
from vary.read.cutting.paragraphs import paragraph_starts
from vary.read.cutting.raster import Components
from vary.read.cutting.rules import body_size, horizontal_rules, vertical_rules, without_pictures
from vary.read.cutting.skew import find_skew, turn
from vary.read.cutting.tiles import line_tiles, line_zones, measure, owner_map

_DEFAULT = CuttingConfig()


def _clean(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the page as dark ink on white paper, and its body text size in px."""
    paper = float(np.percentile(grey, 98))
    em_px = body_size(Components.of(grey < 0.8 * paper))
    for _ in range(2):
        emptied = empty_filled_boxes(grey, em_px)
        if emptied is grey:
            break
        grey = emptied
    return flatten(grey, em_px), em_px


def _analysed(full: np.ndarray, config: CuttingConfig) -> tuple[np.ndarray, float]:
    """Return the grey page at the size at which it is analysed, dark on light, and its scale."""
    height, width = full.shape
    scale = max(1.0, max(height, width) / config.analysis_max_px)
    grey = full
    if scale > 1:
        size = (max(1, round(width / scale)), max(1, round(height / scale)))
        grey = np.asarray(Image.fromarray(full).resize(size, Image.Resampling.BOX))
    return (255 - grey if dark_page(grey) else grey), scale


def has_ink(image: Image.Image | np.ndarray, config: CuttingConfig = _DEFAULT) -> bool:
    """Tell whether anything but specks is darker than the paper, be it text, rules or pictures.

    The pages without are those that `cut_page` calls blank; this is quicker where there is ink.

    Args:
        image: any PIL mode, or (H, W), (H, W, 3) uint8.
        config: only `analysis_max_px` counts here.
    """
    grey, _ = _analysed(to_grey(image), config)
    return _is_inked(_dark_mask(grey)) or _is_inked(ink_mask(_clean(grey)[0]))


def _dark_mask(grey: np.ndarray) -> np.ndarray:
    return grey < 0.8 * float(np.percentile(grey, 98))


def _is_inked(mask: np.ndarray) -> bool:
    return bool((Components.of(mask).area >= 2).any())


def _text_parts(flat: np.ndarray) -> tuple[np.ndarray, Components, float, list[Box]]:
    """Return the page without rules, its parts that may be text, body text size, upright rules."""
    mask = ink_mask(flat)
    em_px = body_size(Components.of(mask))
    rules = vertical_rules(mask, em_px)
    upright = Components.of(rules)
    dividers = [upright.box(index) for index in range(len(upright))]
    if rules.any():
        mask &= ~rules
    level = horizontal_rules(mask, em_px)
    mask &= ~level
    rules |= level
    if rules.any():
        flat = np.where(rules, np.uint8(255), flat)
    parts = Components.of(mask)
    em_px = body_size(parts) if len(parts) else em_px
    parts = without_pictures(parts, em_px)
    return flat, parts.select(parts.area >= 2), em_px, dividers


def _layout(
    parts: Components, em_px: float, dividers: list[Box], config: CuttingConfig
) -> tuple[Components, list[tuple[Tile, np.ndarray]]]:
    """Return the tiles in reading order with their parts' indices."""
    blocks: list[list[list[Segment]]] = []
    for ids in find_regions(parts, np.arange(len(parts)), em_px, config, (), dividers):
        parts, lines = region_lines(parts, ids, em_px, config)
        blocks.append(lines)
    lines = [line for block in blocks for line in block]
    regions = [number for number, block in enumerate(blocks) for _ in block]
    zones = line_zones([measure(parts, line) for line in lines], regions)
    tiles: list[tuple[Tile, np.ndarray]] = []
    number, paragraph = 0, -1
    for block, block_lines in enumerate(blocks):
        mine = zones[number : number + len(block_lines)]
        starts = paragraph_starts(parts, block_lines, mine)
        for line, zone, start in zip(block_lines, mine, starts, strict=True):
            paragraph += start
            tiles += line_tiles(parts, line, zone, (block, paragraph, number), config)
            number += 1
    return parts, tiles


def _scaled(box: Box, scale: float) -> Box:
    """Return a box of the analysed page in pixels of the full page."""
    x0, y0, x1, y1 = box
    return (
        int(np.floor(x0 * scale)),
        int(np.floor(y0 * scale)),
        int(np.ceil(x1 * scale)),
        int(np.ceil(y1 * scale)),
    )


def cut_page(image: Image.Image | np.ndarray, config: CuttingConfig = _DEFAULT) -> PageLayout:
    """Return the single-line tiles of a page in reading order, from its pixels alone.

    Args:
        image: any PIL mode, or (H, W), (H, W, 3) uint8.
        config: lengths of the cutting.

    Source: recursive cutting at blank rows and gutters after Nagy and Seth 1984 (XY cut), over
        connected components instead of pixels.
    """
    full = to_grey(image)
    height, width = full.shape
    grey, scale = _analysed(full, config)
    flat, _ = _clean(grey)
    angle = find_skew(Components.of(ink_mask(flat)), config.max_skew_deg, config.min_skew_deg)
    if angle:
        # Cleaned again, because filled boxes are only found when they lie straight.
        flat, _ = _clean(turn(grey, angle))
    cleaned = flat
    flat, parts, em_px, dividers = _text_parts(cleaned)
    if not len(parts):
        # Cleaning empties dark shapes, so the page is looked at before and after.
        blank = not (_is_inked(_dark_mask(grey)) or _is_inked(ink_mask(cleaned)))
        return PageLayout((), (width, height), blank, angle, np.full_like(full, 255))
    parts, tiles = _layout(parts, em_px, dividers, config)
    owner = owner_map(parts, tiles, flat.shape)
    cut = [tile for tile, _ in tiles]
    if scale > 1:
        sharp = np.asarray(Image.fromarray(flat).resize((width, height), Image.Resampling.BICUBIC))
        cut = [replace(t, box=_scaled(t.box, scale), ink=_scaled(t.ink, scale)) for t in cut]
        flat = sharp
    return PageLayout(tuple(cut), (width, height), False, angle, flat, owner)
