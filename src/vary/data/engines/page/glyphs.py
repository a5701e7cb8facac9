"""Words put together from glyphs that are drawn once each: what FreeType takes longest for.

The result is, to the last bit, what Pillow's basic layout draws for the whole word: advances and
kerning add up, each glyph stands on a whole pixel, and ink over ink is blended.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from vary.data.font_tables import font_tables
from vary.data.fonts import FontFace
from vary.data.scaled_faces import Bitmap, Glyph, ScaledFace


class FontLoader(Protocol):
    """The part of `FontLibrary` that drawing needs."""

    def scaled(self, face: FontFace, size_px: float) -> ScaledFace:
        """Return a face at a size."""
        ...


class GlyphSet:
    """The glyphs of a face at one size, drawn as they are asked for.

    Args:
        fonts: loads the face.
        face: whose glyphs these are.
        size_px: of its em.
    """

    def __init__(self, fonts: FontLoader, face: FontFace, size_px: float) -> None:
        self._scaled = fonts.scaled(face, size_px)
        # FreeType kerns by the table `kern` alone; most newer fonts have none.
        self._is_kerned = font_tables(face.path, face.index).has_kern
        self._glyphs: dict[str, Glyph] = {}
        self._kerns: dict[str, float] = {}

    @property
    def extent(self) -> tuple[int, int]:
        """How far the face reaches above and below the baseline by its own word, px."""
        return self._scaled.extent

    def advance(self, text: str) -> float:
        """Return how far a text advances, px: what the font itself tells for the whole text."""
        x = 0.0
        before = ""
        for character in text:
            x += self._glyph(character).advance
            if before and self._is_kerned:
                x += self._kern(before + character)
            before = character
        return x

    def word(self, text: str) -> Bitmap | None:
        """Return the coverage of a text in one go, cut to its ink; None where it has none."""
        return self.letter(text) if len(text) == 1 else merge(self._placed(text))

    def letter(self, character: str) -> Bitmap | None:
        """Return the coverage of one character; None where it is blank."""
        return self._glyph(character).bitmap

    def _placed(self, text: str) -> list[Bitmap]:
        placed = []
        x = 0.0
        before = ""
        for character in text:
            if before and self._is_kerned:
                x += self._kern(before + character)
            advance, bitmap = self._glyph(character)
            if bitmap is not None:
                placed.append((bitmap[0], bitmap[1] + math.floor(x + 0.5), bitmap[2]))
            x += advance
            before = character
        return placed

    def _glyph(self, character: str) -> Glyph:
        known = self._glyphs.get(character)
        if known is None:
            known = self._glyphs[character] = self._scaled.glyph(character)
        return known

    def _kern(self, pair: str) -> float:
        """Return how much farther apart than by their advances the two of a pair stand."""
        kern = self._kerns.get(pair)
        if kern is None:
            kern = self._kerns[pair] = self._scaled.kern(pair)
        return kern


def merge(bitmaps: Sequence[Bitmap]) -> Bitmap | None:
    """Return bitmaps, each cut to its ink, as one; None where there is none."""
    if len(bitmaps) < 2:
        return bitmaps[0] if bitmaps else None
    left = min(part[1] for part in bitmaps)
    top = min(part[2] for part in bitmaps)
    right = max(part[1] + part[0].shape[1] for part in bitmaps)
    bottom = max(part[2] + part[0].shape[0] for part in bitmaps)
    canvas = np.zeros((bottom - top, right - left), np.uint8)
    lay_on(canvas, ((part[0], part[1] - left, part[2] - top) for part in bitmaps))
    return canvas, left, top


def lay_on(canvas: np.ndarray, bitmaps: Iterable[Bitmap]) -> None:
    """Ink a canvas with bitmaps, all of which lie within it; changed in place."""
    end = 0
    for ink, x, y in bitmaps:
        height, width = ink.shape
        place = canvas[y : y + height, x : x + width]
        if x >= end:
            place[:] = ink
        else:
            # As Pillow blends: what is still white is inked by the new glyph's coverage.
            product = (255 - place.astype(np.uint16)) * ink + 128
            place += (((product >> 8) + product) >> 8).astype(np.uint8)
        end = max(end, x + width)
