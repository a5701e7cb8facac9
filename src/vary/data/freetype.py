"""FreeType's own calls, to the very library that Pillow was built with.

To draw and to measure one character, Pillow loads its glyph five times and draws it twice: most of
what a page costs whose characters are all new, as in Chinese. Here each is loaded and drawn once,
by the same library and so to the last bit as Pillow draws it. Builds of Pillow that do not show
their library's functions (on Windows) have none of this: `freetype_of_pillow` says so.

Source: FreeType's API reference; its public structures have been laid out alike since 2.0.
"""

import ctypes
import itertools
import mmap
import threading
import weakref
from collections.abc import Callable
from ctypes import POINTER, c_int, c_long, c_short, c_uint, c_ulong, c_ushort, c_void_p
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

# One pixel of FreeType's fixed point numbers, 26.6.
PIXEL = 64
GREY = 2
_LOAD_RENDER = 1 << 2
_KERNING_DEFAULT = 0


class _Generic(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("finalizer", c_void_p))


class Vector(ctypes.Structure):
    """FT_Vector."""

    _fields_ = (("x", c_long), ("y", c_long))


class Bitmap(ctypes.Structure):
    """FT_Bitmap."""

    _fields_ = (
        ("rows", c_uint),
        ("width", c_uint),
        ("pitch", c_int),
        ("buffer", c_void_p),
        ("num_grays", c_ushort),
        ("pixel_mode", ctypes.c_ubyte),
        ("palette_mode", ctypes.c_ubyte),
        ("palette", c_void_p),
    )


class Slot(ctypes.Structure):
    """FT_GlyphSlotRec, as far as is needed."""

    _fields_ = (
        ("library", c_void_p),
        ("face", c_void_p),
        ("next", c_void_p),
        ("glyph_index", c_uint),
        ("generic", _Generic),
        ("width", c_long),
        ("height", c_long),
        ("bearing", Vector),
        ("advance", c_long),
        ("vertical", c_long * 3),
        ("linear_advances", c_long * 2),
        ("pen", Vector),
        ("format", c_int),
        ("bitmap", Bitmap),
        ("left", c_int),
        ("top", c_int),
    )


class _Size(ctypes.Structure):
    """FT_SizeRec, as far as is needed."""

    _fields_ = (
        ("face", c_void_p),
        ("generic", _Generic),
        ("ppem", c_ushort * 2),
        ("scales", c_long * 2),
        ("ascender", c_long),
        ("descender", c_long),
    )


class _Face(ctypes.Structure):
    """FT_FaceRec, as far as is needed."""

    _fields_ = (
        ("counts", c_long * 5),
        ("names", c_void_p * 2),
        ("num_fixed_sizes", c_int),
        ("available_sizes", c_void_p),
        ("num_charmaps", c_int),
        ("charmaps", c_void_p),
        ("generic", _Generic),
        ("box", c_long * 4),
        ("units_per_em", c_ushort),
        ("extents", c_short * 7),
        ("slot", POINTER(Slot)),
        ("size", POINTER(_Size)),
    )


_FacePointer, _SizePointer = POINTER(_Face), POINTER(_Size)
# What is called, and with what.
_CALLS: dict[str, tuple[Any, ...]] = {
    "FT_Init_FreeType": (POINTER(c_void_p),),
    "FT_New_Memory_Face": (c_void_p, c_void_p, c_long, c_long, POINTER(_FacePointer)),
    "FT_Done_Face": (_FacePointer,),
    "FT_New_Size": (_FacePointer, POINTER(_SizePointer)),
    "FT_Activate_Size": (_SizePointer,),
    "FT_Done_Size": (_SizePointer,),
    "FT_Set_Char_Size": (_FacePointer, c_long, c_long, c_uint, c_uint),
    "FT_Get_Char_Index": (_FacePointer, c_ulong),
    "FT_Load_Glyph": (_FacePointer, c_uint, ctypes.c_int32),
    "FT_Get_Kerning": (_FacePointer, c_uint, c_uint, c_uint, POINTER(Vector)),
}


class LoadedGlyph(NamedTuple):
    """A glyph as FreeType has drawn it.

    Attributes:
        advance: to the next one's origin, 1/64 px.
        pixels: its rows from the upper one on, `pitch` bytes each.
        rows, width, pitch: of the bitmap; a pitch below 0: its rows are not told.
        mode: of its pixels, such as `GREY`.
        left, top: its edges, px from the origin to the right and upwards.
    """

    advance: int
    pixels: bytes
    rows: int
    width: int
    pitch: int
    mode: int
    left: int
    top: int


class FreeType:
    """An instance of the library.

    Its calls keep Python's lock, as Pillow's do: threads do not meet within them.

    Args:
        file: a shared library that is FreeType or is linked to it.

    Raises:
        OSError: the file cannot be loaded, or FreeType does not start.
        AttributeError: it does not show FreeType's functions.
    """

    def __init__(self, file: str) -> None:
        calls = ctypes.PyDLL(file)
        for name, arguments in _CALLS.items():
            call = getattr(calls, name)
            call.argtypes, call.restype = arguments, c_int
        calls.FT_Get_Char_Index.restype = c_uint
        self.index: Callable[..., int] = calls.FT_Get_Char_Index
        self._calls = calls
        self.handle = c_void_p()
        self.call("FT_Init_FreeType", ctypes.byref(self.handle))

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function.

        Raises:
            OSError: it returned an error.
        """
        error = getattr(self._calls, name)(*arguments)
        if error:
            raise OSError(f"{name}: FreeType error {error}")

    def release(self, name: str, pointer: Any, _kept: object) -> None:
        """Give something back; what it needs is kept until then."""
        getattr(self._calls, name)(pointer)


class FontFile:
    """The bytes of a font file, for all of its faces.

    Args:
        content: the file, mapped or read.
    """

    def __init__(self, content: mmap.mmap | bytes) -> None:
        self._content = content
        self._bytes = np.frombuffer(content, np.uint8)
        self.address: int = self._bytes.ctypes.data
        self.size = len(self._bytes)

    def rest(self) -> None:
        """Let go of the memory that the file was mapped to; what is needed is mapped again."""
        if isinstance(self._content, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._content.madvise(mmap.MADV_DONTNEED)


class FreeTypeFace:
    """A face of a font file; one glyph of it is loaded at a time.

    Args:
        freetype: the library.
        file: where the face is; it stays as long as the face does.
        index: the face's number there.

    Raises:
        OSError: there is no such face.
    """

    def __init__(self, freetype: FreeType, file: FontFile, index: int) -> None:
        self.freetype = freetype
        self.lock = threading.Lock()
        self.active = 0
        self.pointer = _FacePointer()
        freetype.call(
            "FT_New_Memory_Face",
            freetype.handle,
            file.address,
            file.size,
            index,
            ctypes.byref(self.pointer),
        )
        end = weakref.finalize(self, freetype.release, "FT_Done_Face", self.pointer, file)
        end.atexit = False
        self.slot: Slot = self.pointer.contents.slot.contents


class FreeTypeSize:
    """A face at a size.

    Args:
        face: the face.
        size_px: of the em.

    Attributes:
        extent: how far it reaches above and below the baseline by its own word, px.

    Raises:
        OSError: the face has no such size.
    """

    _numbers = itertools.count(1)

    def __init__(self, face: FreeTypeFace, size_px: float) -> None:
        self._face = face
        self._number = next(self._numbers)
        self._size = _SizePointer()
        with face.lock:
            face.freetype.call("FT_New_Size", face.pointer, ctypes.byref(self._size))
            # The face, which this is part of, stays until it is given back.
            end = weakref.finalize(self, face.freetype.release, "FT_Done_Size", self._size, face)
            end.atexit = False
            self._activate()
            # Pillow reckons in single precision.
            units = int(ctypes.c_float(size_px).value * PIXEL)
            face.freetype.call("FT_Set_Char_Size", face.pointer, 0, units, 0, 0)
            size = self._size.contents
            self.extent = whole(size.ascender), -whole(size.descender)

    def load(self, character: str) -> LoadedGlyph:
        """Load and draw a character's glyph.

        Raises:
            OSError: it cannot be.
        """
        face = self._face
        freetype = face.freetype
        with face.lock:
            self._activate()
            index = freetype.index(face.pointer, ord(character))
            freetype.call("FT_Load_Glyph", face.pointer, index, _LOAD_RENDER)
            slot = face.slot
            bitmap = slot.bitmap
            rows, pitch = bitmap.rows, bitmap.pitch
            pixels = ctypes.string_at(bitmap.buffer, rows * pitch) if rows and pitch > 0 else b""
            return LoadedGlyph(
                slot.advance,
                pixels,
                rows,
                bitmap.width,
                pitch,
                bitmap.pixel_mode,
                slot.left,
                slot.top,
            )

    def kern(self, pair: str) -> int:
        """Return what the face itself says of how far two characters stand apart, 1/64 px."""
        face = self._face
        kern = Vector()
        with face.lock:
            self._activate()
            first, second = (face.freetype.index(face.pointer, ord(c)) for c in pair)
            if first and second:
                face.freetype.call(
                    "FT_Get_Kerning",
                    face.pointer,
                    first,
                    second,
                    _KERNING_DEFAULT,
                    ctypes.byref(kern),
                )
        return kern.x

    def _activate(self) -> None:
        if self._face.active != self._number:
            self._face.freetype.call("FT_Activate_Size", self._size)
            self._face.active = self._number


@lru_cache(maxsize=1)
def freetype_of_pillow() -> FreeType | None:
    """Return the library that Pillow draws with; None where Pillow does not show it."""
    try:
        from PIL import _imagingft  # noqa: PLC0415 - a build of Pillow may lack it

        return FreeType(_imagingft.__file__)
    except (ImportError, OSError, AttributeError):
        return None


def whole(units: int) -> int:
    """Return 1/64 px as whole px, rounded as FreeType and Pillow do."""
    return (units + PIXEL // 2) // PIXEL
