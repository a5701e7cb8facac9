"""Ruling lines, underlines and pictures: found among the ink and taken out of the page."""

import numpy as np

from vary.read.cutting.layout import Box
from vary.read.cutting.raster import Components, Runs

_RULE_EM = 2.0
"""Shortest underline that is taken out; single dashes are shorter."""
_LONE_RULE_EM = 4.0
"""Shortest rule that is taken out where no text touches it."""
_VERTICAL_RULE_EM = 3.0
_PICTURE_EM = 5.0
"""A connected part taller and wider than this is a picture, unless its like stand beside it."""


def body_size(parts: Components) -> float:
    """Return the body text's size in px: 1.3 times the 80th percentile of the parts' heights."""
    height = parts.height[(parts.height >= 3) & (parts.area >= 4)]
    if not len(height):
        return float(max(parts.height, default=12))
    usual = float(np.percentile(height, 80))
    letters = height[height <= 3 * usual]
    return max(6.0, 1.3 * float(np.percentile(letters, 80)))


def _ink_beyond(mask: np.ndarray, rule: Box, reach_px: int) -> float:
    """Return the share of a horizontal rule's columns with ink close above it."""
    x0, y0, x1, _ = rule
    above = mask[max(0, y0 - 1 - reach_px) : max(0, y0 - 1), x0:x1]
    return float(above.any(axis=0).mean()) if above.size else 0.0


def _is_dash(mask: np.ndarray, rule: Box, em_px: float) -> bool:
    """Return whether text stands beside the rule at its own height: a long dash in a line."""
    x0, y0, x1, y1 = rule
    reach = round(min(1.2 * em_px, 0.35 * (x1 - x0)))
    half = round(0.2 * em_px)
    for side in (slice(max(0, x0 - reach), max(0, x0 - 1)), slice(x1 + 1, x1 + reach)):
        above = mask[max(0, y0 - 3 * half) : max(0, y0 - half), side]
        below = mask[y1 + half : y1 + 3 * half, side]
        if above.any() and below.any():
            return True
    return False


def horizontal_rules(mask: np.ndarray, em_px: float) -> np.ndarray:
    """Return (H, W) bool, True at the pixels of horizontal ruling lines and underlines.

    Strokes that cross a rule keep their pixels.
    """
    thick = max(3, round(em_px / 5))
    found = np.zeros_like(mask)
    runs = Runs.of(mask)
    long = runs.x1 - runs.x0 >= _RULE_EM * em_px
    if not long.any():
        return found
    lines = Runs(runs.row[long], runs.x0[long], runs.x1[long])
    rows, columns, _ = lines.pixels()
    found[rows, columns] = True
    parts = Components.of(found)
    found[:] = False
    for index in range(len(parts)):
        rule = parts.box(index)
        x0, y0, x1, y1 = rule
        if y1 - y0 > thick:
            continue
        lone = _ink_beyond(mask, rule, round(em_px / 2)) < 0.4
        if lone and (x1 - x0 < _LONE_RULE_EM * em_px or _is_dash(mask, rule, em_px)):
            continue
        _mark_rule(mask, found, rule)
    return found


def _mark_rule(mask: np.ndarray, found: np.ndarray, rule: Box) -> None:
    """Mark a rule's pixels, those of crossing strokes left out, in place."""
    x0, y0, x1, y1 = rule
    above = mask[y0 - 1, x0:x1] if y0 else np.zeros(x1 - x0, bool)
    below = mask[y1, x0:x1] if y1 < len(mask) else np.zeros(x1 - x0, bool)
    found[y0:y1, x0:x1] |= mask[y0:y1, x0:x1] & ~(above & below)


def vertical_rules(mask: np.ndarray, em_px: float) -> np.ndarray:
    """Return (H, W) bool, True at the pixels of vertical ruling lines and box sides."""
    thick = max(3, round(em_px / 5))
    turned = mask.T
    found = np.zeros_like(turned)
    runs = Runs.of(turned)
    long = runs.x1 - runs.x0 >= _VERTICAL_RULE_EM * em_px
    if not long.any():
        return found.T
    lines = Runs(runs.row[long], runs.x0[long], runs.x1[long])
    rows, columns, _ = lines.pixels()
    found[rows, columns] = True
    parts = Components.of(found)
    thin = (parts.height <= thick) & (parts.width >= 10 * parts.height)
    found[:] = False
    for index in np.flatnonzero(thin):
        _mark_rule(turned, found, parts.box(int(index)))
    return found.T


def _has_likes(parts: Components, index: int) -> bool:
    """Return whether two parts of the same height stand in a row with this one: a huge title."""
    same = np.abs(parts.height - parts.height[index]) < 0.25 * parts.height[index]
    same &= np.abs(parts.y1 - parts.y1[index]) < 0.25 * parts.height[index]
    return int(same.sum()) >= 3


def without_pictures(parts: Components, em_px: float) -> Components:
    """Return the parts without those that certainly hold no text: pictures, bars, plot lines."""
    limit = _PICTURE_EM * em_px
    big = (parts.height > limit) & (parts.width > limit)
    big |= (parts.height > 2 * limit) | ((parts.width > 4 * limit) & (parts.height > 2 * em_px))
    solid = parts.area > 0.92 * parts.width * parts.height
    elongated = np.maximum(parts.width, parts.height) > 6 * np.minimum(parts.width, parts.height)
    drop = solid & elongated & (np.maximum(parts.width, parts.height) > 4 * em_px)
    drop &= np.minimum(parts.width, parts.height) > em_px / 5
    for index in np.flatnonzero(big):
        if _has_likes(parts, int(index)):
            continue
        drop[index] = True
        dense = parts.area[index] > 0.35 * parts.width[index] * parts.height[index]
        if dense:
            drop |= (
                (parts.x0 >= parts.x0[index])
                & (parts.x1 <= parts.x1[index])
                & (parts.y0 >= parts.y0[index])
                & (parts.y1 <= parts.y1[index])
            )
    return parts.select(~drop) if drop.any() else parts


def is_dotted_rule(parts: Components, ids: np.ndarray, em_px: float) -> bool:
    """Return whether a line is a dotted or dashed rule: many alike specks, wide, and no letter."""
    height, width = parts.height[ids], parts.width[ids]
    if len(ids) < 12 or height.max() > 0.35 * em_px:
        return False
    alike = width.max() <= 1.5 * width.min() + 2
    span = parts.x1[ids].max() - parts.x0[ids].min()
    return bool(alike and span > 8 * em_px)
