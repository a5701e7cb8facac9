"""A chart's picture -> its pieces of text as strips, before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from vary.read.charts.blobs import find_letters
from vary.read.charts.marks import find_bars, upright_slots
from vary.read.charts.pieces import Piece, find_pieces, split_at_slots
from vary.read.charts.strips import piece_strip
from vary.read.charts.surfaces import Canvas, find_surfaces
from vary.read.charts.texts import Reading, Text, as_text

MOST_PIECES = 400
"""A picture with more pieces than that is no chart, but a page of text or a photograph."""
_LARGEST_PX = 2000
_LEAST_CONFIDENCE = 0.15


@dataclass(frozen=True)
class SeenChart:
    """A picture that is ready to be read.

    Attributes:
        canvas: its surfaces.
        pieces: its texts, in no order.
        strips: what the recogniser reads, one for each piece.
        scale: by which the picture was made smaller.
    """

    canvas: Canvas
    pieces: tuple[Piece, ...]
    strips: tuple[np.ndarray, ...]
    scale: float

    def texts(self, found: Sequence[Reading]) -> list[Text]:
        """Return what was read on the pieces, without what is no text."""
        texts = [as_text(piece, reading) for piece, reading in zip(self.pieces, found, strict=True)]
        return [text for text in texts if text.text and text.confidence >= _LEAST_CONFIDENCE]


def see_chart(image: Image.Image, strip_size: tuple[int, int]) -> SeenChart:
    """Return the surfaces of a picture and the strips of its texts.

    Args:
        image: of any mode; transparency lies on white.
        strip_size: height of the recogniser's strips, and width of the widest.
    """
    rgb = _on_white(image)
    scale = max(rgb.size) / _LARGEST_PX
    if scale > 1:
        size = (round(rgb.width / scale), round(rgb.height / scale))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    canvas = find_surfaces(np.asarray(rgb))
    letters = find_letters(canvas)
    pieces = find_pieces(canvas, letters)
    if len(pieces) > MOST_PIECES:
        pieces = []
    slots = upright_slots(find_bars(canvas))
    if slots is not None:
        pieces = split_at_slots(pieces, letters, *slots)
    strips = [piece_strip(canvas, letters, piece, strip_size) for piece in pieces]
    return SeenChart(canvas, tuple(pieces), tuple(strips), max(1.0, scale))


def _on_white(image: Image.Image) -> Image.Image:
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image.convert("RGB")
