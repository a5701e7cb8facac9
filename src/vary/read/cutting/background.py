"""Page pixels -> dark ink on white: paper flattened, filled boxes emptied, light text turned."""

import numpy as np
from PIL import Image

from vary.read.cutting.layout import Box
from vary.read.cutting.raster import Components, Runs, close_dark, running_max

_DARK_SHARE = 0.72
"""Darker than this share of the paper counts as filled, when filled boxes are searched."""
_CONTENT_LEVELS = 36
"""Grey levels by which content differs from the fill it stands on."""
_MAX_CONTENT = 0.55
"""A box that holds more deviating pixels than this is a picture, not a fill."""
_SHARP_EDGE = 40
"""Grey levels by which the paper's level jumps at the edge of a dark shape."""
_MIN_SPREAD = 1.1
"""White level kept above the paper's noise when the page is normalised."""


def to_grey(image: Image.Image | np.ndarray) -> np.ndarray:
    """Return (H, W) uint8: the mean of luminance and the darkest channel.

    Luminance alone nearly loses yellow or orange text on white; the darkest channel alone loses
    black text on yellow.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    if image.mode in ("L", "1", "I;16", "I", "F"):
        return np.asarray(image.convert("L"))
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    rgb = image.convert("RGB")
    luminance = np.asarray(rgb.convert("L"), np.uint16)
    red, green, blue = (np.asarray(band) for band in rgb.split())
    darkest = np.minimum(np.minimum(red, green), blue)
    return ((luminance + darkest + 1) // 2).astype(np.uint8)


def _without_thin_lines(mask: np.ndarray, thick_px: int, long_px: int) -> np.ndarray:
    """Return the mask without thin long lines, so that a fill parts from the grid around it."""
    out = mask.copy()
    for turn in (False, True):
        view = mask.T if turn else mask
        target = out.T if turn else out
        runs = Runs.of(view)
        long = runs.x1 - runs.x0 >= long_px
        lines = Runs(runs.row[long], runs.x0[long], runs.x1[long])
        if not len(lines.row):
            continue
        rows, columns, _ = lines.pixels()
        up = np.zeros(len(rows), np.int64)
        for direction in (-1, 1):
            reach = np.ones(len(rows), bool)
            for step in range(1, thick_px + 1):
                at = rows + direction * step
                reach &= (at >= 0) & (at < view.shape[0])
                reach &= view[np.clip(at, 0, view.shape[0] - 1), columns]
                up += reach
        thin = up < thick_px
        target[rows[thin], columns[thin]] = False
    return out


def _is_filled_box(mask: np.ndarray, box: Box) -> bool:
    """Return whether all four borders of the box are solid (letters' are not)."""
    x0, y0, x1, y1 = box
    borders = (
        mask[y0 + 1, x0:x1],
        mask[y1 - 2, x0:x1],
        mask[y0:y1, x0 + 1],
        mask[y0:y1, x1 - 2],
    )
    return all(border.mean() >= 0.75 for border in borders)


def _empty_box(grey: np.ndarray, parts: Components, index: int) -> bool:
    """Turn one filled box to dark content on white, in place; False where it is a picture."""
    y0, y1 = int(parts.y0[index]), int(parts.y1[index])
    mine = parts.label == index
    row, left, right = parts.runs.row[mine], parts.runs.x0[mine], parts.runs.x1[mine]
    first = np.full(y1 - y0, grey.shape[1])
    last = np.zeros(y1 - y0, np.int64)
    np.minimum.at(first, row - y0, left)
    np.maximum.at(last, row - y0, right)
    x0, x1 = int(first.min()), int(last.max())
    columns = np.arange(x0, x1)
    inside = (columns >= first[:, None]) & (columns < last[:, None])
    region = grey[y0:y1, x0:x1]
    rows, cols, _ = Runs(row, left, right).pixels()
    fill = int(np.median(grey[rows, cols]))
    deviation = np.abs(region.astype(np.int16) - fill)
    content = inside & (deviation > _CONTENT_LEVELS)
    share = content.sum() / max(1, inside.sum())
    if share > _MAX_CONTENT:
        return False
    span = np.percentile(deviation[content], 90) if share > 0 else 255.0
    turned = 255 - np.minimum(255, deviation * (255.0 / max(span, _CONTENT_LEVELS)))
    region[inside] = turned.astype(np.uint8)[inside]
    _wipe_rim(grey, (x0, y0, x1, y1))
    return True


def _wipe_rim(grey: np.ndarray, box: Box) -> None:
    """Whiten the blurred pixel frame around an emptied box, in place."""
    x0, y0, x1, y1 = box
    top, left = max(0, y0 - 1), max(0, x0 - 1)
    for rows, columns in (
        (slice(top, y0 + 1), slice(left, x1 + 1)),
        (slice(y1 - 1, y1 + 1), slice(left, x1 + 1)),
        (slice(top, y1 + 1), slice(left, x0 + 1)),
        (slice(top, y1 + 1), slice(x1 - 1, x1 + 1)),
    ):
        grey[rows, columns] = 255


def empty_filled_boxes(grey: np.ndarray, em_px: float) -> np.ndarray:
    """Return the page with filled boxes emptied: their content dark, whatever its polarity.

    Args:
        grey: (H, W) uint8.
        em_px: body text size; a box is wider than any letter (2.2 times its height, or 3 em).
    """
    paper = float(np.percentile(grey, 98))
    mask = grey < paper * _DARK_SHARE
    if not mask.any():
        return grey
    mask = _without_thin_lines(mask, thick_px=max(3, round(em_px / 4)), long_px=round(3 * em_px))
    parts = Components.of(mask)
    height, width = parts.height, parts.width
    wide = (width >= 2.2 * height) & (height >= 0.75 * em_px) & (width >= 3 * em_px)
    large = (width >= 3 * em_px) & (height >= 3 * em_px)
    fill = parts.area / np.maximum(1, width * height)
    out = grey
    for index in np.flatnonzero((wide | large) & (fill >= 0.45) & (height >= 6)):
        if _is_filled_box(mask, parts.box(int(index))):
            out = grey.copy() if out is grey else out
            _empty_box(out, parts, int(index))
    return out


def flatten(grey: np.ndarray, em_px: float) -> np.ndarray:
    """Return the page on white paper: light fills, gradients and paper tone taken out.

    A grey closing wider than any stroke gives the paper at every pixel and keeps the sharp
    edges of light boxes.
    """
    stroke = max(7, round(1.0 * em_px))
    paper = close_dark(grey, 2 * stroke, stroke).astype(np.float32)
    ink = (paper - grey) * (255.0 / np.maximum(paper, 96.0))
    noise = _noise(ink)
    ink = np.clip((ink - noise) * (255.0 / (255.0 - noise)), 0, 255)
    return _without_shapes((255 - ink).astype(np.uint8), grey, paper)


def _without_shapes(flat: np.ndarray, grey: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Return the page without what the closing leaves at the tips and edges of dark shapes.

    A shape is dark where no text stroke is that wide, and its edge is sharp (a shadow's is not).
    """
    dark = float(np.percentile(grey, 98)) * _DARK_SHARE
    if not (paper < dark).any():
        return flat
    level = paper.astype(np.uint8)
    high, low = level, 255 - level
    for axis in (0, 1):
        high, low = running_max(high, 3, axis), running_max(low, 3, axis)
    sharp = high.astype(np.int16) + low > 255 + _SHARP_EDGE
    parts = Components.of(grey < dark)
    rows, columns, run = parts.runs.pixels()
    label = parts.label[run]
    core = np.bincount(label, weights=paper[rows, columns] < dark, minlength=len(parts))
    edge = np.bincount(label, weights=sharp[rows, columns], minlength=len(parts))
    out = flat.copy()
    for index in np.flatnonzero((core > 0) & (edge > 0.25 * (parts.width + parts.height))):
        mine = label == index
        y, x = rows[mine], columns[mine]
        values = grey[y, x].astype(np.int16)
        fill = np.median(values[paper[y, x] < dark])
        same = np.abs(values - fill) < _CONTENT_LEVELS
        out[y[same], x[same]] = 255
        _wipe_fringe(out, parts, int(index))
    return out


def _wipe_fringe(flat: np.ndarray, parts: Components, index: int) -> None:
    """Whiten the blurred pixels at both ends of a shape's runs, in place."""
    mine = parts.label == index
    row = parts.runs.row[mine]
    for step in (-1, 0):
        flat[row, np.clip(parts.runs.x0[mine] + step, 0, flat.shape[1] - 1)] = 255
        flat[row, np.clip(parts.runs.x1[mine] + step, 0, flat.shape[1] - 1)] = 255


def _noise(ink: np.ndarray) -> float:
    """Return the paper's grain in grey levels: most of a page is paper."""
    sample = ink[::3, ::3]
    middle = float(np.median(sample))
    if middle < _MIN_SPREAD:
        return 0.0
    return min(90.0, float(np.percentile(sample, 75)) + middle)


def dark_page(grey: np.ndarray) -> bool:
    """Return whether the page is light text on dark: most pixels lie near the dark end."""
    low, middle, high = (float(value) for value in np.percentile(grey, (1, 50, 99.5)))
    return high - low > 60 and middle < 140 and middle - low < 0.3 * (high - low)


def ink_mask(flat: np.ndarray, level: int = 222) -> np.ndarray:
    """Return (H, W) bool, True at ink of a flattened page; thin grey strokes included."""
    return flat < level
