import struct

import pytest
from PIL import ImageFont

from vary.data.font_tables import UNKNOWN, font_tables
from vary.data.fonts import FontFace, FontLibrary
from vary.data.image_memory import pixels


def font_with_map(tmp_path, *maps, tables=()):
    """Write a font file that has nothing but a `cmap` (and empty tables)."""
    head = struct.pack(">HH", 0, len(maps))
    at = 4 + 8 * len(maps)
    body = b""
    for platform, encoding, data in maps:
        head += struct.pack(">HHL", platform, encoding, at + len(body))
        body += data
    cmap = head + body
    names = [b"cmap", *tables]
    start = 12 + 16 * len(names)
    entries = b"".join(
        struct.pack(">4sLLL", name, 0, start, len(cmap) if name == b"cmap" else 0) for name in names
    )
    path = tmp_path / "made.ttf"
    path.write_bytes(
        b"\x00\x01\x00\x00" + struct.pack(">HHHH", len(names), 0, 0, 0) + entries + cmap
    )
    return path


def segments(*ranges):
    """A map of format 4."""
    ranges = (*ranges, (0xFFFF, 0xFFFF))
    count = len(ranges)
    ends = b"".join(struct.pack(">H", high) for _, high in ranges)
    lows = b"".join(struct.pack(">H", low) for low, _ in ranges)
    return struct.pack(">HHHHHHH", 4, 16 + 8 * count, 0, 2 * count, 0, 0, 0) + (
        ends + b"\0\0" + lows + bytes(4 * count)
    )


def groups(*ranges, form=12):
    body = b"".join(struct.pack(">LLL", low, high, 1) for low, high in ranges)
    return struct.pack(">HHLLL", form, 0, 16 + len(body), 0, len(ranges)) + body


def has(path, text):
    tables = font_tables(path, 0)
    return "".join(character for character in text if tables.may_have(character))


def test_a_map_of_segments(tmp_path):
    path = font_with_map(tmp_path, (3, 1, segments((0x41, 0x43), (0x4E2D, 0x4E2D))))
    assert has(path, "@ABCD中丮") == "ABC中"


def test_groups_reach_beyond_the_first_plane(tmp_path):
    path = font_with_map(tmp_path, (3, 10, groups((0x61, 0x62), (0x20000, 0x20001))))
    assert has(path, "abc\U00020000\U00020001\U00020002") == "ab\U00020000\U00020001"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (struct.pack(">HHH", 0, 262, 0) + bytes(256), "ABÿ"),
        (struct.pack(">HHHHH", 6, 12, 0, 0x41, 1) + bytes(2), "A"),
        (struct.pack(">HHLLLL", 10, 0, 22, 0, 0x42, 1) + bytes(2), "B"),
        (groups((0x42, 0x42), form=13), "B"),
    ],
)
def test_other_forms(tmp_path, data, expected):
    assert has(font_with_map(tmp_path, (0, 3, data)), "ABÿ中") == expected


def test_what_any_map_has_may_be_there(tmp_path):
    """Which one FreeType takes is its own affair."""
    path = font_with_map(
        tmp_path, (0, 3, segments((0x41, 0x45), (0x60, 0x62))), (3, 10, groups((0x43, 0x61)))
    )
    assert has(path, "@AECab") == "AECab"
    assert font_tables(path, 0).starts == [0x41, 0xFFFF]


@pytest.mark.parametrize(
    "maps",
    [
        [(3, 0, segments((0x41, 0x43)))],  # symbols
        [(1, 0, struct.pack(">HHH", 0, 262, 0) + bytes(256))],  # Macintosh
        [(3, 1, struct.pack(">HHH", 2, 0, 0))],  # a form that no Unicode map has
        [(3, 10, struct.pack(">HHLLL", 12, 0, 16, 0, 1 << 30))],  # damaged
    ],
)
def test_what_the_file_does_not_tell_is_left_to_drawing(tmp_path, maps):
    tables = font_tables(font_with_map(tmp_path, *maps), 0)
    assert tables.may_have("A")
    assert tables.may_have("\U0010ffff")


def test_kerning_is_told_by_its_table(tmp_path):
    font = segments((0x41, 0x43))
    assert not font_tables(font_with_map(tmp_path, (3, 1, font)), 0).has_kern
    (tmp_path / "k").mkdir()
    assert font_tables(font_with_map(tmp_path / "k", (3, 1, font), tables=(b"kern",)), 0).has_kern


@pytest.mark.parametrize(
    "content", [b"", b"%!PS", b"\x00\x01\x00\x00\xff\xff", b"ttcf" + bytes(20), None]
)
def test_other_files_tell_nothing(tmp_path, content):
    path = tmp_path / "other.ttf"
    if content is not None:
        path.write_bytes(content)
    assert font_tables(path, 0) == UNKNOWN


def test_a_face_of_a_collection(font_folder, tmp_path):
    font = (font_folder / "aileron.ttf").read_bytes()
    (count,) = struct.unpack(">H", font[4:6])
    start = 12 + 8
    moved = bytearray(font)
    for at in range(12, 12 + 16 * count, 16):
        offset = struct.unpack_from(">L", font, at + 8)[0]
        struct.pack_into(">L", moved, at + 8, offset + start)
    path = tmp_path / "two.ttc"
    path.write_bytes(b"ttcf" + struct.pack(">LLLL", 0x10000, 2, start, start) + bytes(moved))
    alone = font_tables(font_folder / "aileron.ttf", 0)
    assert font_tables(path, 1) == alone
    assert alone.may_have("A")
    assert not alone.may_have("中")
    assert font_tables(path, 2) == UNKNOWN


def test_no_glyph_is_drawn_for_what_the_file_lacks(font_folder):
    """All that the file lacks draws as a missing glyph, so that nothing is lost by not drawing."""
    face = FontFace(font_folder / "aileron.ttf", 0, "Aileron", "Regular")
    font = ImageFont.truetype(str(face.path), 24, layout_engine=ImageFont.Layout.BASIC)
    absent = pixels(font.getmask("\U0010ffff"))
    tables = font_tables(face.path, 0)
    lacking = [chr(code) for code in range(0x21, 0x2000) if not tables.may_have(chr(code))]
    assert len(lacking) > 1000
    assert all((pixels(font.getmask(character)) == absent).all() for character in lacking[::50])
    library = FontLibrary([face])
    assert library.has_all(face, frozenset("Text 12"))
    assert not library.has_all(face, frozenset("Text 中"))
    assert not library.has_all(face, frozenset("Text 中"))
    assert library.missing(face, "Text 中") == {"中"}
