import struct

import numpy as np
import pytest
from PIL import ImageFont

from vary.data.font_outlines import Outlines, read_outlines
from vary.data.font_tables import font_tables
from vary.data.fonts import FontLibrary

CHARACTERS = "".join(map(chr, range(0x20, 0x250))) + "\u2013\u2026\u4e00\uffff\U0001f600"


def outlines() -> Outlines:
    """Of A-C (glyphs 1-3, the second blank) and of Z, which is drawn as a missing glyph is."""
    columns = ([65, 90], [67, 90], [1, 4], [40, 80, 3, 90, 40])
    return Outlines(*(np.array(column, np.int32) for column in columns))


def test_only_outlines_of_their_own_count():
    expected = [True, False, True, False, False, False]
    assert outlines().surely_has("ABCZ@D") == expected
    assert [outlines().surely_has(character) for character in "ABCZ@D"] == [[e] for e in expected]


def test_what_is_told_is_drawn(font_folder):
    """Faces tell of no character that they would not draw, and of nearly all that they do."""
    (face,) = FontLibrary.discover([font_folder]).faces
    told = font_tables(face.path, face.index).surely_has(CHARACTERS)
    font = ImageFont.truetype(str(face.path), 24, layout_engine=ImageFont.Layout.BASIC)
    missing = bytes(font.getmask("\U0010ffff"))
    drawn = {c for c in CHARACTERS if bytes(font.getmask(c)) not in (missing, b"")}
    inked = {c for c in drawn if font.getmask(c).getbbox() is not None}
    assert told <= inked
    assert len(told) > 0.9 * len(inked) > 60


def test_libraries_know_the_same_with_and_without_the_files_word(font_folder):
    (face,) = FontLibrary.discover([font_folder]).faces
    together, apart = (FontLibrary.discover([font_folder]) for _ in range(2))
    known = {c for c in CHARACTERS if apart.has(face, c)}
    assert together.has(face, "a")
    assert together.missing(face, CHARACTERS) == set(CHARACTERS) - known


def test_damaged_files_tell_nothing(tmp_path):
    path = tmp_path / "cut.ttf"
    path.write_bytes(bytes(64))
    with path.open("rb") as file, pytest.raises((ValueError, struct.error)):
        read_outlines(file, {b"CFF ": (0, 64)}, bytes(4))
    assert font_tables(path, 0).surely_has("abc") == set()
