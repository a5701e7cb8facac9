"""The angle at which a page lies, from the feet of its letters."""

import numpy as np
from PIL import Image

from vary.read.cutting.raster import Components

_MIN_LETTERS = 25
"""Fewer letters give no reliable angle."""


def _sharpness(x: np.ndarray, y: np.ndarray, angle_deg: float) -> float:
    """Return how sharply feet fall on common lines when the page is turned by the angle."""
    level = y + x * np.tan(np.radians(angle_deg))
    histogram = np.bincount(np.round(level - level.min()).astype(np.int64)).astype(np.float64)
    return float((histogram**2).sum())


def find_skew(parts: Components, max_deg: float, min_deg: float) -> float:
    """Return the angle (degrees, counter-clockwise) that makes the text lines level; often 0.

    Letters' bottom centres lie on baselines: the angle whose rows hold them most densely is the
    page's. An angle under `min_deg`, or one hardly better than none, counts as 0.
    """
    usual = np.median(parts.height) if len(parts) else 0
    letters = (parts.height > 0.5 * usual) & (parts.height < 3 * usual)
    letters &= (parts.width < 6 * usual) & (parts.height >= 4)
    if letters.sum() < _MIN_LETTERS:
        return 0.0
    x = (parts.x0 + parts.x1)[letters] / 2.0
    y = parts.y1[letters].astype(np.float64)
    coarse = np.arange(-max_deg, max_deg + 1e-6, 0.1)
    best = coarse[int(np.argmax([_sharpness(x, y, angle) for angle in coarse]))]
    fine = best + np.arange(-0.1, 0.1001, 0.02)
    best = float(fine[int(np.argmax([_sharpness(x, y, angle) for angle in fine]))])
    if abs(best) < min_deg or _sharpness(x, y, best) < 1.15 * _sharpness(x, y, 0.0):
        return 0.0
    return round(best, 3)


def turn(image: np.ndarray, angle_deg: float) -> np.ndarray:
    """Return the page turned clockwise by the skew, same size, corners in the paper's tone."""
    page = Image.fromarray(image)
    paper = int(np.percentile(image, 98))
    return np.asarray(page.rotate(-angle_deg, Image.Resampling.BICUBIC, fillcolor=paper))
