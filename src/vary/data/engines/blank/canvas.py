"""Pictures as arrays: smooth noise, shading, and drawing with soft edges.

Only additions, products and square roots are used, which all processors round alike: a set then has
the same pixels everywhere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# (H, W, 3) float32, 0-255.
Canvas = np.ndarray
Color = tuple[int, int, int]
# Lines are drawn so much larger and reduced: no stairs.
OVERSAMPLE = 2


def new_canvas(size: tuple[int, int], color: Color) -> Canvas:
    """Return a canvas of one colour.

    Args:
        size: width and height, px.
        color: of all of it.
    """
    width, height = size
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = np.asarray(color, np.float32)
    return canvas


def size_of(canvas: Canvas) -> tuple[int, int]:
    """Return width and height, px."""
    return canvas.shape[1], canvas.shape[0]


def to_image(canvas: Canvas) -> Image.Image:
    """Return a canvas as an RGB image."""
    return Image.fromarray(np.clip(np.rint(canvas), 0, 255).astype(np.uint8))


def from_image(image: Image.Image) -> Canvas:
    """Return an image as a canvas."""
    return np.asarray(image.convert("RGB"), np.float32).copy()


def smooth_noise(
    rng: np.random.Generator, size: tuple[int, int], scale_px: float, octaves: int = 1
) -> np.ndarray:
    """Return (H, W) float32 noise that varies over a length, mostly between -2 and 2.

    Args:
        rng: where it comes from.
        size: width and height, px.
        scale_px: length of its waves.
        octaves: so many more are added, each half as long and half as strong.
    """
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        step = max(1.0, scale_px / 2**octave)
        grid = (max(2, round(height / step) + 1), max(2, round(width / step) + 1))
        coarse = rng.standard_normal(grid, np.float32)
        wide = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(wide, np.float32) * np.float32(0.5**octave)
    return total


def tint(canvas: Canvas, coverage: np.ndarray, color: Color) -> None:
    """Lay transparent colour over a canvas, as ink or coffee does: it only darkens.

    Args:
        canvas: changed in place.
        coverage: (H, W), 0 for none, 1 for all.
        color: of full coverage on white.
    """
    share = np.clip(coverage, 0, 1)[:, :, None].astype(np.float32)
    canvas *= 1 - share * (1 - np.asarray(color, np.float32) / 255)


def shade(canvas: Canvas, light: np.ndarray) -> None:
    """Multiply a canvas by (H, W) light, 1 for as it is; changed in place."""
    canvas *= light[:, :, None].astype(np.float32)


def draw_on(
    canvas: Canvas, color: Color, draw: Callable[[Any, int], None], opacity: float = 1.0
) -> None:
    """Draw with a pen of one colour, with soft edges; changed in place.

    Args:
        canvas: what is drawn on.
        color: of the pen.
        draw: gets an `ImageDraw` of mode L on which 255 is ink, and how much larger it is.
        opacity: 0 to 1.
    """
    width, height = size_of(canvas)
    mask = Image.new("L", (width * OVERSAMPLE, height * OVERSAMPLE), 0)
    draw(ImageDraw.Draw(mask), OVERSAMPLE)
    coverage = np.asarray(mask.reduce(OVERSAMPLE), np.float32)[:, :, None] * (opacity / 255)
    canvas += (np.asarray(color, np.float32) - canvas) * coverage.astype(np.float32)


def blurred(canvas: Canvas, radius_px: float) -> Canvas:
    """Return a canvas out of focus."""
    return from_image(to_image(canvas).filter(ImageFilter.GaussianBlur(radius_px)))


def grid_of(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return x as (1, W) and y as (H, 1), px, float32."""
    width, height = size
    return np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number by lot."""
    return float(rng.uniform(low, high))
