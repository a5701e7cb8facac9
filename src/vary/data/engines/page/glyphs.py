"""Words put together from glyphs that are drawn once each: what FreeType takes longest for.

The result is, to the last bit, what Pillow's basic layout draws for the whole word: advances and
kerning add up, each glyph stands on a whole pixel, and ink over ink is blended.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import ImageFont

# Coverage of a glyph or word, (H, W) uint8, and where its left and upper edge lie to the origin.
Bitmap = tuple[np.ndarray, int, int]


class GlyphSet:
    """The glyphs of a face at one size, drawn as they are asked for.

    Args:
        font: the face, with basic layout.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self.font = font
        self._advances: dict[str, float] = {}
        self._steps: dict[str, float] = {}
        self._bitmaps: dict[str, Bitmap | None] = {}

    def advance(self, text: str) -> float:
        """Return how far a text advances, px: what the font itself tells for the whole text."""
        x = self._advance(text[0]) if text else 0.0
        for at in range(1, len(text)):
            x += self._step(text[at - 1 : at + 1])
        return x

    def word(self, text: str) -> Bitmap | None:
        """Return the coverage of a text in one go, cut to its ink; None where it has none."""
        return merge(self._placed(text))

    def letter(self, character: str) -> Bitmap | None:
        """Return the coverage of one character; None where it is blank."""
        if character not in self._bitmaps:
            self._bitmaps[character] = self._draw(character)
        return self._bitmaps[character]

    def _placed(self, text: str) -> list[Bitmap]:
        placed = []
        x = 0.0
        for at, character in enumerate(text):
            if at:
                x += self._step(text[at - 1 : at + 1]) + self._advances[text[at - 1]]
                x -= self._advances[character]
            bitmap = self.letter(character)
            if bitmap is not None:
                placed.append((bitmap[0], bitmap[1] + math.floor(x + 0.5), bitmap[2]))
        return placed

    def _advance(self, character: str) -> float:
        if character not in self._advances:
            self._advances[character] = self.font.getlength(character)
        return self._advances[character]

    def _step(self, pair: str) -> float:
        """Return how far the second of a pair takes the pen on: its advance, and kerning."""
        step = self._steps.get(pair)
        if step is None:
            self._advance(pair[1])
            step = self.font.getlength(pair) - self._advance(pair[0])
            self._steps[pair] = step
        return step

    def _draw(self, character: str) -> Bitmap | None:
        mask, (left, top) = self.font.getmask2(character, mode="L", anchor="ls")
        width, height = mask.size
        if not width or not height:
            return None
        ink = np.frombuffer(bytes(mask), np.uint8).reshape(height, width)
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        if not len(rows):
            return None
        x0, y0 = int(columns[0]), int(rows[0])
        return ink[y0 : int(rows[-1]) + 1, x0 : int(columns[-1]) + 1], left + x0, top + y0


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
