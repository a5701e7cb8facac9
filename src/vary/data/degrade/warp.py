"""Geometry: an image and its word boxes, moved alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from vary.data.schema import Word

# Points along a box's sides at which a displacement field is looked up.
STEP_PX = 6
# How often a point's place is refined; displacements change slowly, so that three are enough.
REFINEMENTS = 3
Fill = int | tuple[int, int, int]


@dataclass(frozen=True)
class Affine:
    """A turn, slant, scale and shift: the point (x, y) goes to (ax + by + c, dx + ey + f), px."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where points go."""
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f

    def inverse(self) -> "Affine":
        """Return the map that takes every point back."""
        det = self.a * self.e - self.b * self.d
        a, b, d, e = self.e / det, -self.b / det, -self.d / det, self.a / det
        return Affine(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f))


@dataclass(frozen=True)
class Field:
    """A displacement field: the pixel at (x, y) is taken from (x + dx, y + dy).

    Attributes:
        dx, dy: (H, W) float32, px.
    """

    dx: np.ndarray
    dy: np.ndarray

    def scaled(self, share: float) -> "Field":
        """Return the field with so much of its displacements."""
        return Field(self.dx * np.float32(share), self.dy * np.float32(share))


Warp = Affine | Field


def about_middle(
    size: tuple[int, int],
    *,
    degrees: float = 0.0,
    scale: float = 1.0,
    shear_degrees: tuple[float, float] = (0.0, 0.0),
    shift_px: tuple[float, float] = (0.0, 0.0),
) -> Affine:
    """Return a turn (clockwise), scale and slant about the middle of an image, then a shift."""
    x, y = size[0] / 2, size[1] / 2
    cos, sin = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    slant_x, slant_y = (math.tan(math.radians(angle)) for angle in shear_degrees)
    a, b = cos - sin * slant_y, cos * slant_x - sin
    d, e = sin + cos * slant_y, sin * slant_x + cos
    return Affine(
        a, b, x - a * x - b * y + shift_px[0],
        d, e, y - d * x - e * y + shift_px[1],
    )  # fmt: skip


def warp_image(image: Image.Image, warp: Warp, fill: Fill) -> Image.Image:
    """Return an image of the same size and mode, warped; what comes from outside is `fill`."""
    if isinstance(warp, Affine):
        back = warp.inverse()
        data = (back.a, back.b, back.c, back.d, back.e, back.f)
        return image.transform(
            image.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC, fillcolor=fill
        )
    return Image.fromarray(_remap(np.asarray(image), warp, fill))


def warp_words(words: Sequence[Word], warp: Warp) -> list[Word]:
    """Return words with boxes around where their ink goes; they may reach beyond the image."""
    if not words:
        return []
    boxes = np.array([(word.x0, word.y0, word.x1, word.y1) for word in words], float)
    longest = float((boxes[:, 2:] - boxes[:, :2]).max())
    x, y = _outlines(boxes, 2 if isinstance(warp, Affine) else 2 + int(longest // STEP_PX))
    x, y = warp.apply(x, y) if isinstance(warp, Affine) else _forward(x, y, warp)
    # Interpolation spreads ink over half a pixel, and rounding must not cost any.
    low = [np.floor(side.min(1) - 0.5).astype(int) for side in (x, y)]
    high = [np.ceil(side.max(1) + 0.5).astype(int) for side in (x, y)]
    moved = np.stack([*low, *high], axis=1).tolist()
    return [
        replace(word, x0=x0, y0=y0, x1=x1, y1=y1)
        for word, (x0, y0, x1, y1) in zip(words, moved, strict=True)
    ]


def _outlines(boxes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of so many points on each side of (N, 4) boxes, each (N, 4 * count)."""
    part = np.linspace(0, 1, count)
    x0, y0, x1, y1 = (boxes[:, at : at + 1] for at in range(4))
    across, down = x0 + (x1 - x0) * part, y0 + (y1 - y0) * part
    still = np.ones_like(part)
    x = np.concatenate([across, across, x0 * still, x1 * still], axis=1)
    y = np.concatenate([y0 * still, y1 * still, down, down], axis=1)
    return x, y


def _forward(x: np.ndarray, y: np.ndarray, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return where the field takes points: the p with p + d(p) = (x, y)."""
    height, width = field.dx.shape
    to_x, to_y = x, y
    for _ in range(REFINEMENTS):
        column = np.clip(np.rint(to_x), 0, width - 1).astype(int)
        row = np.clip(np.rint(to_y), 0, height - 1).astype(int)
        to_x, to_y = x - field.dx[row, column], y - field.dy[row, column]
    return to_x, to_y


def _remap(pixels: np.ndarray, field: Field, fill: Fill) -> np.ndarray:
    """Return pixels taken from where a field points, between the four nearest."""
    height, width = pixels.shape[:2]
    padded = np.empty((height + 2, width + 2, *pixels.shape[2:]), np.float32)
    padded[:] = fill
    padded[1:-1, 1:-1] = pixels
    x = np.arange(width, dtype=np.float32)[None, :] + field.dx + 1
    y = np.arange(height, dtype=np.float32)[:, None] + field.dy + 1
    np.clip(x, 0, width + 0.999, out=x)
    np.clip(y, 0, height + 0.999, out=y)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x -= left
    y -= top
    if pixels.ndim == 3:
        x, y = x[:, :, None], y[:, :, None]
    flat = padded.reshape((height + 2) * (width + 2), *pixels.shape[2:])
    at = top * (width + 2) + left
    upper = flat[at] * (1 - x) + flat[at + 1] * x
    at += width + 2
    lower = flat[at] * (1 - x) + flat[at + 1] * x
    return np.rint(upper * (1 - y) + lower * y).astype(np.uint8)


def smooth_field(
    rng: np.random.Generator, size: tuple[int, int], wave_px: float, deviation_px: float
) -> Field:
    """Return a random field that varies over a length, with a standard deviation of about so much.

    Random numbers on a coarse grid, drawn out by cubic interpolation.
    """
    return Field(
        *(smooth_noise(rng, size, wave_px) * np.float32(1.4 * deviation_px) for _ in range(2))
    )


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], wave_px: float) -> np.ndarray:
    """Return (H, W) float32 noise that varies over a length, with a deviation of about 0.7."""
    width, height = size
    grid = (max(2, round(height / wave_px) + 1), max(2, round(width / wave_px) + 1))
    coarse = Image.fromarray(rng.standard_normal(grid, np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32)


def grid_field(rng: np.random.Generator, size: tuple[int, int], limit: float) -> Field:
    """Return a field that stretches the 5 rows and 5 columns of a grid, each by its own factor."""
    dx, dy = (_stretched(rng, side, limit) for side in size)
    width, height = size
    return Field(
        np.broadcast_to(dx[None, :], (height, width)).astype(np.float32),
        np.broadcast_to(dy[:, None], (height, width)).astype(np.float32),
    )


def _stretched(rng: np.random.Generator, side: int, limit: float) -> np.ndarray:
    """Return how far each place of a side is displaced; the ends stay where they are."""
    steps = 1 + rng.uniform(-limit, limit, 5)
    ends = np.concatenate([[0.0], np.cumsum(steps) / steps.sum()]) * side
    even = np.linspace(0, side, 6)
    places = np.arange(side)
    return np.interp(places, even, ends) - places
