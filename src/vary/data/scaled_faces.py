"""Faces at a size: what their glyphs look like, by FreeType or by Pillow, to the same bits."""

import mmap
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakValueDictionary

import numpy as np
from PIL import ImageFont

from vary.data.freetype import (
    GREY,
    PIXEL,
    FontFile,
    FreeType,
    FreeTypeFace,
    FreeTypeSize,
    LoadedGlyph,
    freetype_of_pillow,
    whole,
)
from vary.data.image_memory import pixels

# Coverage of a glyph or word, (H, W) uint8, and where its left and upper edge lie to the origin.
Bitmap = tuple[np.ndarray, int, int]

_PROBED = "g@f"
_PROBED_PX = 37.3


class Glyph(NamedTuple):
    """What a character looks like at a size.

    Attributes:
        advance: px to the next one's origin.
        bitmap: what is drawn; None where that is nothing.
    """

    advance: float
    bitmap: Bitmap | None


class ScaledFace(Protocol):
    """A face at a size.

    Attributes:
        extent: how far it reaches above and below the baseline by its own word, px.
    """

    extent: tuple[int, int]

    def glyph(self, character: str) -> Glyph:
        """Return a character's glyph, cut to its ink.

        Raises:
            OSError: it cannot be loaded.
        """
        ...

    def mask(self, character: str) -> Glyph:
        """Return a character's glyph as Pillow gives it: from its origin or ink to its advance.

        Raises:
            OSError: it cannot be loaded.
        """
        ...

    def kern(self, pair: str) -> float:
        """Return how much farther apart than by their advances two characters stand, px."""
        ...


class PillowScaled:
    """A face at a size, drawn by Pillow: see `ScaledFace`.

    Args:
        font: with basic layout.
    """

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        self._font = font
        self.extent = font.getmetrics()

    def glyph(self, character: str) -> Glyph:
        """Return a character's glyph, cut to its ink."""
        mask, (left, top) = self._font.getmask2(character, mode="L", anchor="ls")
        advance = self._font.getlength(character)
        box = mask.getbbox()
        if box is None:
            return Glyph(advance, None)
        x0, y0, x1, y1 = box
        return Glyph(advance, (pixels(mask)[y0:y1, x0:x1], left + x0, top + y0))

    def mask(self, character: str) -> Glyph:
        """Return a character's glyph as Pillow gives it."""
        mask, (left, top) = self._font.getmask2(character, mode="L", anchor="ls")
        bitmap = (pixels(mask), left, top) if all(mask.size) else None
        return Glyph(self._font.getlength(character), bitmap)

    def kern(self, pair: str) -> float:
        """Return how much farther apart than by their advances two characters stand, px."""
        return self._font.getlength(pair) - sum(map(self._font.getlength, pair))


class FreeTypeScaled:
    """A face at a size, drawn by FreeType: see `ScaledFace`.

    Args:
        face: the face.
        size_px: of the em.
        by_pillow: returns the same, drawn by Pillow, for glyphs that are no grey outlines.
    """

    def __init__(
        self, face: FreeTypeFace, size_px: float, by_pillow: Callable[[], PillowScaled]
    ) -> None:
        self._size = FreeTypeSize(face, size_px)
        self._by_pillow = by_pillow
        self.extent = self._size.extent

    def glyph(self, character: str) -> Glyph:
        """Return a character's glyph, cut to its ink."""
        loaded = self._size.load(character)
        if loaded.rows and not _is_plain(loaded):
            return self._by_pillow().glyph(character)
        return Glyph(loaded.advance / PIXEL, _ink(loaded))

    def mask(self, character: str) -> Glyph:
        """Return a character's glyph as Pillow gives it."""
        loaded = self._size.load(character)
        if loaded.rows and not _is_plain(loaded):
            return self._by_pillow().mask(character)
        return Glyph(loaded.advance / PIXEL, _mask(loaded))

    def kern(self, pair: str) -> float:
        """Return how much farther apart than by their advances two characters stand, px."""
        # Pillow adds the pixels that it should stand apart to an advance in 1/64 px.
        return whole(self._size.kern(pair)) / PIXEL


class OpenFace:
    """A face of a font file, to be scaled.

    Args:
        path: the file; it is mapped once for all of its faces.
        index: the face's number there.

    Raises:
        OSError: the file cannot be read, or has no such face.
    """

    def __init__(self, path: Path, index: int) -> None:
        self._path, self._index = path, index
        freetype = _freetype()
        self._face = None if freetype is None else FreeTypeFace(freetype, _mapped(path), index)

    def scaled(self, size_px: float) -> ScaledFace:
        """Return the face at an em size, px.

        Raises:
            OSError: it has no such size.
        """
        by_pillow = partial(_by_pillow, self._path, self._index, size_px)
        return by_pillow() if self._face is None else FreeTypeScaled(self._face, size_px, by_pillow)


def load_font(path: Path, index: int, size_px: float) -> ImageFont.FreeTypeFont:
    """Return a face as Pillow has it, with basic layout.

    Raises:
        OSError: the file cannot be read, or has no such face.
    """
    layout = ImageFont.Layout.BASIC
    return ImageFont.truetype(str(path), size_px, index=index, layout_engine=layout)


@lru_cache(maxsize=16)
def _by_pillow(path: Path, index: int, size_px: float) -> PillowScaled:
    return PillowScaled(load_font(path, index, size_px))


_files: WeakValueDictionary[Path, FontFile] = WeakValueDictionary()


def _mapped(path: Path) -> FontFile:
    """Return a font file's bytes, mapped once as long as any face of it is open."""
    file = _files.get(path)
    if file is None:
        with path.open("rb") as opened:
            try:
                content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise OSError(f"{path} is empty") from error
        file = _files[path] = FontFile(content)
    return file


def rest_files() -> None:
    """Let go of the memory that font files are mapped to: large ones would fill gigabytes."""
    for file in list(_files.values()):
        file.rest()


@lru_cache(maxsize=1)
def _freetype() -> FreeType | None:
    """Return Pillow's FreeType if it can be called and draws here what Pillow draws."""
    freetype = freetype_of_pillow()
    font = ImageFont.load_default(_PROBED_PX)
    if freetype is None or not isinstance(font, ImageFont.FreeTypeFont):
        return None
    font = font.font_variant(layout_engine=ImageFont.Layout.BASIC)
    expected = PillowScaled(font)
    try:
        face = FreeTypeFace(freetype, FontFile(font.font_bytes), 0)
        found = FreeTypeScaled(face, _PROBED_PX, lambda: expected)
        is_alike = found.extent == expected.extent and all(
            are_alike(found.mask(character), expected.mask(character)) for character in _PROBED
        )
    except OSError:
        return None
    return freetype if is_alike else None


def are_alike(one: Glyph, other: Glyph) -> bool:
    """Return whether two glyphs are the same in every pixel, place and advance."""
    if one.bitmap is None or other.bitmap is None:
        return one == other
    places = one.bitmap[1:] == other.bitmap[1:]
    return (
        one.advance == other.advance and places and np.array_equal(one.bitmap[0], other.bitmap[0])
    )


def _is_plain(loaded: LoadedGlyph) -> bool:
    """Return whether a bitmap has a byte of coverage for each pixel, row behind row."""
    return loaded.mode == GREY and loaded.pitch == loaded.width


def _ink(loaded: LoadedGlyph) -> Bitmap | None:
    """Return what is drawn, cut to its ink."""
    raw, rows, width = loaded.pixels, loaded.rows, loaded.width
    if not any(raw):
        return None
    # Nearly all bitmaps end where their ink does: bytes are compared quicker than arrays.
    blank = bytes(max(rows, width))
    first, last, left, right = 0, rows, 0, width
    while raw[first * width : (first + 1) * width] == blank[:width]:
        first += 1
    while raw[(last - 1) * width : last * width] == blank[:width]:
        last -= 1
    while raw[left::width] == blank[:rows]:
        left += 1
    while raw[right - 1 :: width] == blank[:rows]:
        right -= 1
    coverage = np.frombuffer(raw, np.uint8).reshape(rows, width)[first:last, left:right]
    return coverage, loaded.left + left, first - loaded.top


def _mask(loaded: LoadedGlyph) -> Bitmap | None:
    """Return what is drawn, with what lies between it, the origin and the advance."""
    rows, width = loaded.rows, loaded.width
    left, top = min(0, loaded.left), max(0, loaded.top)
    right = max(0, whole(loaded.advance), loaded.left + width)
    bottom = min(0, loaded.top - rows)
    if right == left or top == bottom:
        return None
    coverage = np.zeros((top - bottom, right - left), np.uint8)
    y, x = top - loaded.top, loaded.left - left
    drawn = np.frombuffer(loaded.pixels, np.uint8).reshape(rows, width)
    coverage[y : y + rows, x : x + width] = drawn
    return coverage, left, -top
