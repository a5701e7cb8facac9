"""What a font file tells of itself before anything is drawn: its characters, and whether it kerns.

Source: the OpenType specification, `cmap`, formats 0, 4, 6, 10, 12 and 13, and TTC headers.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vary.data.font_outlines import Outlines, read_outlines

_SFNT_TAGS = {b"\x00\x01\x00\x00", b"OTTO", b"true"}
# Unicode says which characters a map is of: (platform, encoding), None for any encoding.
_UNICODE_MAPS = {(3, 1), (3, 10), (2, 1)}
_UNICODE_PLATFORM = 0
# Variation sequences, which lie beside the maps and are none.
_VARIATIONS = 14
_MOST_FACES, _MOST_TABLES, _MOST_GROUPS = 256, 512, 1 << 20

Range = tuple[int, int]


@dataclass(frozen=True)
class FontTables:
    """What a face's file says.

    Attributes:
        starts, ends: ranges of characters, both ends in them, that some map of the face has; all
            others it lacks for certain. None: it cannot be told without drawing.
        has_kern: false if no two glyphs can be kerned by FreeType.
        outlines: its glyphs by their characters; None: they have to be drawn to be known.
    """

    starts: list[int] | None
    ends: list[int] | None
    has_kern: bool
    outlines: Outlines | None = field(default=None, compare=False)

    def may_have(self, character: str) -> bool:
        """Return false if the face surely has no glyph for a character."""
        if self.starts is None or self.ends is None:
            return True
        code = ord(character)
        at = bisect_right(self.starts, code) - 1
        return at >= 0 and code <= self.ends[at]

    def surely_has(self, characters: str) -> set[str]:
        """Return those of some characters that the face surely has a glyph for, not a blank one."""
        if self.outlines is None or not characters:
            return set()
        return {*compress(characters, self.outlines.surely_has(characters))}


UNKNOWN = FontTables(None, None, has_kern=True)


@lru_cache(maxsize=4096)
def font_tables(path: Path, index: int) -> FontTables:
    """Return what a face's file says; for files of other forms, or broken ones, `UNKNOWN`."""
    try:
        with path.open("rb") as file:
            return _read(file, index)
    except (OSError, ValueError, struct.error):
        return UNKNOWN


def _read(file: BinaryIO, index: int) -> FontTables:
    tables = _directory(file, index)
    has_kern = b"kern" in tables
    if b"cmap" not in tables:
        return FontTables(None, None, has_kern)
    offset, length = tables[b"cmap"]
    file.seek(offset)
    cmap = file.read(length)
    ranges = _character_ranges(cmap)
    if ranges is None:
        return FontTables(None, None, has_kern)
    return FontTables(*_joined(ranges), has_kern, _outlines(file, tables, cmap))


def _outlines(file: BinaryIO, tables: dict[bytes, Range], cmap: bytes) -> Outlines | None:
    try:
        return read_outlines(file, tables, cmap)
    except (ValueError, IndexError, struct.error):
        return None


def _directory(file: BinaryIO, index: int) -> dict[bytes, Range]:
    """Return the offset and length of each table of a face.

    Raises:
        ValueError: the file is no OpenType or TrueType font.
    """
    start = 0
    head = file.read(12)
    if head[:4] == b"ttcf":
        (count,) = struct.unpack(">L", head[8:12])
        if not index < count <= _MOST_FACES:
            raise ValueError("no such face")
        file.seek(12 + 4 * index)
        (start,) = struct.unpack(">L", file.read(4))
        file.seek(start)
        head = file.read(12)
    if head[:4] not in _SFNT_TAGS:
        raise ValueError("no OpenType font")
    (count,) = struct.unpack(">H", head[4:6])
    if count > _MOST_TABLES:
        raise ValueError("too many tables")
    entries = struct.iter_unpack(">4sLLL", file.read(16 * count))
    return {tag: (offset, length) for tag, _, offset, length in entries}


def _character_ranges(table: bytes) -> np.ndarray | None:
    """Return what all Unicode maps of a `cmap` hold, (N, 2); None where one is of another form."""
    (count,) = struct.unpack_from(">H", table, 2)
    places = [struct.unpack_from(">HHL", table, 4 + 8 * at) for at in range(count)]
    starts = {
        offset
        for platform, encoding, offset in places
        if platform == _UNICODE_PLATFORM or (platform, encoding) in _UNICODE_MAPS
    }
    ranges: list[np.ndarray] = []
    for start in sorted(starts):
        (form,) = struct.unpack_from(">H", table, start)
        if form == _VARIATIONS:
            continue
        found = _ranges_of_map(table, start, form)
        if found is None:
            return None
        ranges.append(found)
    return np.concatenate(ranges) if ranges else None


def _ranges_of_map(table: bytes, start: int, form: int) -> np.ndarray | None:
    """Return the ranges of one map, (N, 2); a character in them may still have no glyph."""
    if form == 0:
        return np.array([(0, 255)], np.int64)
    if form == 4:
        return _segments(table, start)
    if form in {6, 10}:
        first, count = struct.unpack_from(*((">HH", table, start + 6) if form == 6
                                            else (">LL", table, start + 12)))  # fmt: skip
        return np.array([(first, first + count - 1)], np.int64)
    if form in {12, 13}:
        (count,) = struct.unpack_from(">L", table, start + 12)
        if count > _MOST_GROUPS:
            raise ValueError("too many groups")
        groups = np.frombuffer(table, ">u4", 3 * count, start + 16).reshape(count, 3)
        return groups[:, :2].astype(np.int64)
    return None


def _segments(table: bytes, start: int) -> np.ndarray:
    """Return the ranges of a map of format 4."""
    (doubled,) = struct.unpack_from(">H", table, start + 6)
    count = doubled // 2
    ends = np.frombuffer(table, ">u2", count, start + 14)
    lows = np.frombuffer(table, ">u2", count, start + 16 + 2 * count)
    return np.stack((lows, ends), 1).astype(np.int64)


def _joined(ranges: np.ndarray) -> tuple[list[int], list[int]]:
    """Return the first and last of each range, in order, those that touch as one."""
    ranges = ranges[ranges[:, 0] <= ranges[:, 1]]
    if not len(ranges):
        return [], []
    ranges = ranges[np.argsort(ranges[:, 0], kind="stable")]
    reach = np.maximum.accumulate(ranges[:, 1])
    begins = np.flatnonzero(ranges[1:, 0] > reach[:-1] + 1) + 1
    firsts = np.concatenate(([0], begins))
    lasts = np.concatenate((begins, [len(ranges)])) - 1
    return ranges[firsts, 0].tolist(), reach[lasts].tolist()
