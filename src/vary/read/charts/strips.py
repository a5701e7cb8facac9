"""A piece of a chart's text -> the strip that the recogniser reads: dark, upright, on white."""

import numpy as np
from PIL import Image

from vary.read.charts.blobs import Letters
from vary.read.charts.pieces import Piece
from vary.read.charts.surfaces import Canvas
from vary.read.cutting.raster import running_max

_INK_SHARE = 2 / 3
_MARGIN_SHARE = 1 / 4


def piece_strip(
    canvas: Canvas, letters: Letters, piece: Piece, size: tuple[int, int] = (48, 1536)
) -> np.ndarray:
    """Return (H, W) uint8: the piece's own ink, upright, dark on white.

    Args:
        canvas: the picture.
        letters: its letters.
        piece: some of them.
        size: height of strips, and width of the widest.
    """
    shade = _own_ink(canvas, letters, piece)
    if piece.angle_deg == 90:
        shade = np.rot90(shade, -1)
    elif piece.angle_deg == -90:
        shade = np.rot90(shade, 1)
    elif piece.angle_deg:
        turned = Image.fromarray(shade).rotate(
            -piece.angle_deg, Image.Resampling.BICUBIC, expand=True
        )
        shade = np.asarray(turned)
    rows, columns = np.flatnonzero((shade > 96).any(1)), np.flatnonzero((shade > 96).any(0))
    if not len(rows):
        return np.full((size[0], 8), 255, np.uint8)
    shade = shade[:, columns[0] : columns[-1] + 1]
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    height = max(3, round((bottom - top) / _INK_SHARE))
    margin = round(_MARGIN_SHARE * height)
    y0 = round((top + bottom - height) / 2)
    out = np.zeros((height, shade.shape[1] + 2 * margin), np.uint8)
    first, last = max(0, y0), min(len(shade), y0 + height)
    out[first - y0 : last - y0, margin : margin + shade.shape[1]] = shade[first:last]
    width = int(np.clip(round(out.shape[1] * size[0] / height), 1, size[1]))
    strip = Image.fromarray(255 - out).resize((width, size[0]), Image.Resampling.BICUBIC)
    return np.asarray(strip)


def _own_ink(canvas: Canvas, letters: Letters, piece: Piece) -> np.ndarray:
    """Return (h, w) uint8 around the piece: 255 where its ink is strongest, 0 where it has none."""
    width, height = canvas.size
    x0, y0, x1, y1 = piece.box
    pad = 2
    left, top = max(0, x0 - pad), max(0, y0 - pad)
    right, bottom = min(width, x1 + pad), min(height, y1 + pad)
    parts = letters.parts
    mine = np.zeros(len(parts), bool)
    mine[piece.letters] = True
    runs = mine[parts.label]
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for row, start, end in zip(
        parts.runs.row[runs], parts.runs.x0[runs], parts.runs.x1[runs], strict=True
    ):
        mask[row - top, start - left : end - left] = 1
    near = running_max(running_max(mask, 3, 0), 3, 1).astype(bool)
    depth = canvas.depth[top:bottom, left:right]
    full = max(40.0, float(np.percentile(depth[mask.astype(bool)], 92)))
    shade = np.where(near, np.clip(depth / full, 0, 1) * 255, 0)
    return shade.astype(np.uint8)
