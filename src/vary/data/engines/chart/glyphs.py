"""Letters of a face at a size: how wide texts are, and the ink of each glyph."""

import importlib
import math
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from vary.data.fonts import FontFace
from vary.extras import require

# A canvas of 72 dots per inch: a point is a pixel, so all lengths are pixels.
DPI = 72
# A line is this many times as high as letters with their room above and below.
LINE_SPACING = 1.2
# Some faces tell heights that have nothing to do with their letters: of the em size.
LEAST_LINE, MOST_LINE = 1.15, 1.45
# Files that are kept open.
OPEN_FACES = 64


@dataclass(frozen=True)
class Glyph:
    """A character as it is drawn.

    Attributes:
        mask: (H, W) uint8, its ink; None where it has none.
        left, top: of the mask, from the pen to the right and from the base line upwards.
        advance: how far the pen moves.
        index: of the glyph in its face.
    """

    mask: np.ndarray | None
    left: int
    top: int
    advance: float
    index: int


class Source:
    """An open face, with the size that it was set to last."""

    def __init__(self, face: FontFace) -> None:
        module = require("matplotlib.ft2font", extra="data")
        # Collections by number need matplotlib 3.11; the engine leaves them out before.
        at = {"face_index": face.index} if face.index else {}
        self.font = module.FT2Font(str(face.path), **at)
        flags, kerning = getattr(module, "LoadFlags", None), getattr(module, "Kerning", None)
        self.flags = flags.FORCE_AUTOHINT if flags else module.LOAD_FORCE_AUTOHINT
        self.kerning = kerning.DEFAULT if kerning else module.KERNING_DEFAULT
        self._size = 0.0

    def at(self, size_px: float) -> Any:
        """Return the face at a size."""
        if size_px != self._size:
            self.font.set_size(size_px, DPI)
            self._size = size_px
        return self.font


@lru_cache(maxsize=OPEN_FACES)
def open_face(face: FontFace) -> Source:
    """Return a face, opened once; its glyphs are drawn alike however often it was used."""
    return Source(face)


class Font:
    """A face at a size.

    Args:
        face: what to draw with.
        size_px: em size.
    """

    def __init__(self, face: FontFace, size_px: float) -> None:
        self.face, self.size_px = face, size_px
        self._source = open_face(face)
        self._glyphs: dict[str, Glyph] = {}
        self._kerns: dict[tuple[int, int], float] = {}
        self._pens: dict[str, tuple[float, ...]] = {}
        self.line_px = size_px * min(max(_line_share(face), LEAST_LINE), MOST_LINE)
        stem, tail = self.glyph("l"), self.glyph("p")
        self.ascent = float(stem.top)
        self.descent = float(0 if tail.mask is None else tail.mask.shape[0] - tail.top)

    @property
    def baseline(self) -> float:
        """How far the base line lies under the upper edge of a line."""
        return (self.line_px + self.ascent - self.descent) / 2

    def width(self, text: str) -> float:
        """Return how wide a line is."""
        return self.pens(text)[-1]

    def pens(self, text: str) -> tuple[float, ...]:
        """Return where each character begins, and where the last one ends."""
        found = self._pens.get(text)
        if found is None:
            found = self._pens[text] = self._walk(text)
        return found

    def glyph(self, character: str) -> Glyph:
        """Return a character's ink and advance."""
        found = self._glyphs.get(character)
        if found is None:
            found = self._glyphs[character] = self._draw(character)
        return found

    def turned(self, text: str, degrees: float) -> tuple[np.ndarray, int, int]:
        """Return the ink of a line turned counterclockwise, and its lower left corner.

        Returns:
            (H, W) uint8, and how far that corner lies right of the line's begin and under it.
        """
        font, flags = self._source.at(self.size_px), self._source.flags
        font.set_text(text, degrees, flags=flags)
        font.draw_glyphs_to_bitmap(antialiased=True)
        mask = np.array(font.get_image())
        left, top = _corner(font)
        return mask, left, mask.shape[0] - top

    def _walk(self, text: str) -> tuple[float, ...]:
        pens, x, before = [], 0.0, -1
        for character in text:
            glyph = self.glyph(character)
            if before >= 0:
                x += self._kern(before, glyph.index)
            pens.append(x)
            x += glyph.advance
            before = glyph.index
        pens.append(x)
        return tuple(pens)

    def _kern(self, left: int, right: int) -> float:
        pair = (left, right)
        if pair not in self._kerns:
            font = self._source.at(self.size_px)
            self._kerns[pair] = font.get_kerning(left, right, self._source.kerning) / 64
        return self._kerns[pair]

    def _draw(self, character: str) -> Glyph:
        font, flags = self._source.at(self.size_px), self._source.flags
        font.set_text(character, 0.0, flags=flags)
        width = font.get_width_height()[0] / 64
        index = font.get_char_index(ord(character))
        font.draw_glyphs_to_bitmap(antialiased=True)
        mask = np.array(font.get_image())
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return Glyph(None, 0, 0, width, index)
        left, top = _corner(font)
        left, top = left + int(columns[0]), top - int(rows[0])
        ink = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return Glyph(np.ascontiguousarray(ink), left, top, width, index)


class Lettering:
    """The fonts of one chart, with all glyphs that were drawn: layouts are tried over and over."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[FontFace, float], Font] = {}

    def font(self, face: FontFace, size_px: float) -> Font:
        """Return a face at a size."""
        # FreeType takes sizes in parts of 64 anyway.
        size = math.floor(size_px * 64 + 0.5) / 64
        if (face, size) not in self._fonts:
            self._fonts[face, size] = Font(face, size)
        return self._fonts[face, size]


def _corner(font: Any) -> tuple[int, int]:
    """Return the upper left corner of a drawn text's bitmap, right of and above its begin."""
    over = (font.get_width_height()[1] - font.get_descent()) / 64
    return math.floor(font.get_bitmap_offset()[0] / 64), math.floor(over) + 1


@lru_cache(maxsize=4096)
def _line_share(face: FontFace) -> float:
    """Return the height of a line as the face wants it, over the em size."""
    font = open_face(face).font
    head = font.get_sfnt_table("head")
    for table, above, below in (
        ("OS/2", "sTypoAscender", "sTypoDescender"),
        ("hhea", "ascent", "descent"),
    ):
        found = font.get_sfnt_table(table)
        if found and head:
            return float(LINE_SPACING * (found[above] - found[below]) / head["unitsPerEm"])
    return LINE_SPACING


@lru_cache(maxsize=4096)
def largest_bitmap_px(face: FontFace) -> int:
    """Return the em size of the largest bitmaps that a face brings, 0 if none.

    Some Chinese faces draw small sizes as bitmaps. Matplotlib takes them and draws nothing of use,
    so their outlines must be drawn larger than this.
    """
    if not open_face(face).font.num_fixed_sizes:
        return 0
    tables = importlib.import_module("fontTools.ttLib")  # matplotlib, which is there, brings it
    number = face.index if face.path.suffix.lower() in {".ttc", ".otc"} else -1
    largest = 0
    with tables.TTFont(str(face.path), fontNumber=number, lazy=True) as opened:
        for name in ("EBLC", "CBLC"):
            if name not in opened:
                continue
            # The whole table holds every glyph's place; sizes stand at its front.
            table = opened.reader[name]
            (strikes,) = struct.unpack(">I", table[4:8])
            largest = max(largest, *(table[8 + 48 * at + 45] for at in range(strikes)), 0)
    return largest
