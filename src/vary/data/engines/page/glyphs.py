"""Words put together from glyphs that are drawn once each: what FreeType takes longest for.

The result is, to the last bit, what Pillow's basic layout draws for the whole word: advances and
kerning add up, each glyph stands on a whole pixel, and ink over ink is blended.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import ImageFont

from vary.data.font_tables import UNKNOWN, font_tables
from vary.data.fonts import pixels

# Coverage of a glyph or word, (H, W) uint8, and where its left and upper edge lie to the origin.
Bitmap = tuple[np.ndarray, int, int]


class Advances:
    """How far single characters advance: to measure it takes long, and hundreds have the same.

    Args:
        font: the face, with basic layout.

    Attributes:
        tables: what the face's file says.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._font = font
        path = font.path
        self.tables = font_tables(Path(path), font.index) if isinstance(path, str) else UNKNOWN
        self._by_units: dict[int, float] = {}

    def of(self, character: str) -> float:
        """Return what the font itself tells for a character, px."""
        units = self.tables.advance_units(character)
        if units is None:
            return self._font.getlength(character)
        if units not in self._by_units:
            self._by_units[units] = self._font.getlength(character)
        return self._by_units[units]


class GlyphSet:
    """The glyphs of a face at one size, drawn as they are asked for.

    Args:
        font: the face, with basic layout.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self.font = font
        self._advances: dict[str, float] = {}
        self._kerns: dict[str, float] = {}
        # FreeType kerns by the table `kern` alone; most newer fonts have none.
        self._measured = Advances(font)
        self._is_kerned = self._measured.tables.has_kern
        self._bitmaps: dict[str, Bitmap | None] = {}

    def advance(self, text: str) -> float:
        """Return how far a text advances, px: what the font itself tells for the whole text."""
        x = 0.0
        before = ""
        for character in text:
            x += self._advance(character)
            if before and self._is_kerned:
                x += self._kern(before + character)
            before = character
        return x

    def word(self, text: str) -> Bitmap | None:
        """Return the coverage of a text in one go, cut to its ink; None where it has none."""
        return self.letter(text) if len(text) == 1 else merge(self._placed(text))

    def letter(self, character: str) -> Bitmap | None:
        """Return the coverage of one character; None where it is blank."""
        if character not in self._bitmaps:
            self._bitmaps[character] = self._draw(character)
        return self._bitmaps[character]

    def _placed(self, text: str) -> list[Bitmap]:
        placed = []
        x = 0.0
        before = ""
        for character in text:
            if before and self._is_kerned:
                x += self._kern(before + character)
            bitmap = self.letter(character)
            if bitmap is not None:
                placed.append((bitmap[0], bitmap[1] + math.floor(x + 0.5), bitmap[2]))
            x += self._advance(character)
            before = character
        return placed

    def _advance(self, character: str) -> float:
        known = self._advances.get(character)
        if known is None:
            known = self._advances[character] = self._measured.of(character)
        return known

    def _kern(self, pair: str) -> float:
        """Return how much farther apart than by their advances the two of a pair stand."""
        kern = self._kerns.get(pair)
        if kern is None:
            apart = self._advance(pair[0]) + self._advance(pair[1])
            kern = self._kerns[pair] = self.font.getlength(pair) - apart
        return kern

    def _draw(self, character: str) -> Bitmap | None:
        mask, (left, top) = self.font.getmask2(character, mode="L", anchor="ls")
        box = mask.getbbox()
        if box is None:
            return None
        x0, y0, x1, y1 = box
        return pixels(mask)[y0:y1, x0:x1], left + x0, top + y0


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
