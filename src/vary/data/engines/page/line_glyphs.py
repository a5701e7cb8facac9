"""Glyphs of lines: each is drawn once at one size and kept, lines are put together from them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from vary.data.engines.page.breaking import is_cjk
from vary.data.engines.page.glyphs import FontLoader
from vary.data.font_tables import font_tables
from vary.data.fonts import FontFace

# Of all faces together; Chinese ones alone would fill any memory in time.
_MOST_BYTES = 96 << 20
_OVERHEAD_BYTES = 300
LINES_BETWEEN_LOOKS = 256
# A face that moves none of these has no table of kerning that Pillow's basic layout knows of.
_KERNED_PAIRS = ("AV", "To", "VA", "P,", "LT", "Ty", "fi", "r.")


# A glyph's coverage (H, W) uint8, its left edge, and its upper edge from the baseline downwards. (A
# tuple, since a line has a hundred of them.)
PlacedInk = tuple[np.ndarray, int, int]


class FaceGlyphs:
    """The glyphs of a face at one size, drawn as they are asked for.

    Args:
        fonts: loads the face.
        face: whose glyphs these are.
        size_px: of its em.
    """

    def __init__(self, fonts: FontLoader, face: FontFace, size_px: float) -> None:
        self._scaled = fonts.scaled(face, size_px)
        self._glyphs: dict[str, tuple[float, np.ndarray | None, int, int]] = {}
        self.num_bytes = 0
        self._kerns: dict[str, float] = {}
        self._reaches: dict[str, tuple[int, int]] = {}
        may_kern = font_tables(face.path, face.index).has_kern
        self._has_kerning = may_kern and any(map(self._scaled.kern, _KERNED_PAIRS))

    def place(self, text: str, x: float, tracking: float = 0.0) -> tuple[list[PlacedInk], float]:
        """Return the ink of a text that begins at `x`, and where it ends.

        Args:
            text: without line breaks.
            x: where the pen stands, px.
            tracking: px more after each character but the last.
        """
        placed: list[PlacedInk] = []
        known, kern = self._glyphs, self._has_kerning
        before = ""
        for character in text:
            advance, ink, left, top = known.get(character) or self._draw(character)
            if kern and before:
                x += self._kern(before + character)
            if ink is not None:
                placed.append((ink, round(x) + left, top))
            x += advance + tracking
            before = character
        return placed, x - tracking if text else x

    def advance(self, text: str) -> float:
        """Return how far a text takes the pen on, px."""
        return self.place(text, 0.0)[1]

    def reach(self, text: str) -> tuple[int, int]:
        """Return the top and the bottom of a text's ink against the baseline, px downwards."""
        known = self._glyphs
        drawn = [known.get(character) or self._draw(character) for character in set(text)]
        return reach_of([(ink, left, top) for _, ink, left, top in drawn if ink is not None])

    def usual_reach(self, text: str) -> tuple[int, int]:
        """Return the `reach` of a text that is asked for with every line."""
        reach = self._reaches.get(text)
        if reach is None:
            reach = self._reaches[text] = self.reach(text)
        return reach

    def _kern(self, pair: str) -> float:
        kern = self._kerns.get(pair)
        if kern is None:
            # Chinese is set without, and its pairs are without number.
            if is_cjk(pair[0]) or is_cjk(pair[1]):
                return 0.0
            kern = self._kerns[pair] = self._scaled.kern(pair)
            self.num_bytes += _OVERHEAD_BYTES
        return kern

    def _draw(self, character: str) -> tuple[float, np.ndarray | None, int, int]:
        advance, bitmap = self._scaled.mask(character)
        ink, left, top = (None, 0, 0) if bitmap is None else bitmap
        self._glyphs[character] = advance, ink, left, top
        self.num_bytes += (0 if ink is None else ink.size) + _OVERHEAD_BYTES
        return advance, ink, left, top


def reach_of(placed: Sequence[PlacedInk]) -> tuple[int, int]:
    """Return the top and the bottom of ink; 0 and 0 where there is none."""
    top = min((y for _, _, y in placed), default=0)
    return top, max((y + ink.shape[0] for ink, _, y in placed), default=0)


class GlyphShelf:
    """The glyphs of many faces; those that were not asked for the longest give way.

    It pickles empty. What it gives does not depend on what it gave before.

    Args:
        fonts: loads faces.
        most_bytes: of all glyphs, about.
    """

    def __init__(self, fonts: FontLoader, most_bytes: int = _MOST_BYTES) -> None:
        self._fonts = fonts
        self._most_bytes = most_bytes
        self._faces: OrderedDict[tuple[FontFace, float], FaceGlyphs] = OrderedDict()
        self._num_calls = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without glyphs."""
        return {**vars(self), "_faces": OrderedDict()}

    def face(self, face: FontFace, size_px: float) -> FaceGlyphs:
        """Return the glyphs of a face at a size."""
        key = (face, size_px)
        if key not in self._faces:
            self._faces[key] = FaceGlyphs(self._fonts, face, size_px)
        self._faces.move_to_end(key)
        return self._faces[key]

    def tidy(self) -> None:
        """Let glyphs go where there are too many; called for each line, looks now and then."""
        self._num_calls += 1
        if self._num_calls % LINES_BETWEEN_LOOKS:
            return
        total = sum(glyphs.num_bytes for glyphs in self._faces.values())
        while total > self._most_bytes and len(self._faces) > 1:
            total -= self._faces.popitem(last=False)[1].num_bytes


def ink_canvas(
    canvas: np.ndarray,
    placed: Sequence[PlacedInk],
    baseline: float,
    slope: float = 0.0,
    *,
    blank: bool = False,
) -> None:
    """Ink a canvas with glyphs, in place; what lies beyond its edges is cut off.

    Args:
        canvas: (H, W) uint8, coverage.
        placed: the glyphs.
        baseline: px from the top, in the middle of the canvas.
        slope: px that the baseline falls for each px to the right.
        blank: nothing is on the canvas yet.
    """
    high, wide = canvas.shape
    middle = wide / 2
    end = 0 if blank else wide
    for whole, left, offset in placed:
        ink, x = whole, left
        height, width = ink.shape
        y = round(baseline + slope * (x + width / 2 - middle)) + offset
        right, bottom = x + width, y + height
        if y < 0 or x < 0 or bottom > high or right > wide:
            ink = ink[max(0, -y) : max(0, high - y), max(0, -x) : max(0, wide - x)]
            if not ink.size:
                continue
            x, y, right, bottom = max(0, x), max(0, y), min(right, wide), min(bottom, high)
        place = canvas[y:bottom, x:right]
        if x >= end:
            place[:] = ink
        else:
            np.maximum(place, ink, out=place)
        end = max(end, right)
