"""Which characters of a font file surely have an outline of their own, without drawing them.

Told from the character map that FreeType takes and from how long each glyph's outline is. What this
does not tell for certain has to be drawn.

Source: the OpenType specification, `cmap` formats 4 and 12, `loca`, `head`; Adobe
Technical Note 5176 (CFF), sections 5 and 9.
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

# Shorter outlines may be blank: of TrueType a head, of CFF a width and its end.
_FEWEST_BYTES = 16
# So many characters are sooner looked up one by one.
_FEW = 4
_LONG_MAPS = {(3, 10), (0, 4), (0, 6)}
_UNICODE_PLATFORM = 0
_CHAR_STRINGS = 17
_PLACES = {False: ">u2", True: ">u4"}

Tables = dict[bytes, tuple[int, int]]


@dataclass(frozen=True)
class Outlines:
    """The glyphs of a face by their characters.

    Attributes:
        starts, ends: first and last character of ranges, in order, (num_ranges,) int32.
        glyphs: of the first of each range, (num_ranges,) int32; the others follow it.
        lengths: bytes of each glyph's outline, (num_glyphs,) int32.
    """

    starts: np.ndarray
    ends: np.ndarray
    glyphs: np.ndarray
    lengths: np.ndarray

    def surely_has(self, characters: str) -> list[bool]:
        """Return for each character whether it has an outline, and not that for missing glyphs."""
        if len(characters) <= _FEW:
            return [self._surely_has_one(ord(character)) for character in characters]
        glyphs = self._glyphs_of(characters)
        lengths = self.lengths[glyphs]
        has = (glyphs > 0) & (lengths >= _FEWEST_BYTES) & (lengths != self.lengths[0])
        return has.tolist()

    def _surely_has_one(self, code: int) -> bool:
        at = bisect_right(self.starts, code) - 1
        if at < 0 or code > self.ends[at]:
            return False
        glyph = int(self.glyphs[at]) + code - int(self.starts[at])
        if not 0 < glyph < len(self.lengths):
            return False
        return bool(self.lengths[glyph] >= _FEWEST_BYTES and self.lengths[glyph] != self.lengths[0])

    def _glyphs_of(self, characters: str) -> np.ndarray:
        """Return the number of each character's glyph; 0 is that for missing ones."""
        codes = np.frombuffer(characters.encode("utf-32-le", "surrogatepass"), "<i4")
        at = self.starts.searchsorted(codes, side="right") - 1
        glyphs = self.glyphs[at] + codes - self.starts[at]
        known = (at >= 0) & (codes <= self.ends[at]) & (glyphs > 0) & (glyphs < len(self.lengths))
        return np.where(known, glyphs, 0)


def read_outlines(file: BinaryIO, tables: Tables, cmap: bytes) -> Outlines | None:
    """Return a face's glyphs; None for maps and outlines of other forms.

    Args:
        file: the font file.
        tables: offset and length of each table of the face.
        cmap: its table of characters.

    Raises:
        ValueError, struct.error: the file is damaged.
    """
    ranges = _glyph_ranges(cmap)
    lengths = _truetype_lengths(file, tables)
    if lengths is None:
        lengths = _cff_lengths(file, tables)
    if ranges is None or lengths is None or not (len(lengths) and len(ranges[0])):
        return None
    starts, ends, glyphs, lengths = (part.astype(np.int32) for part in (*ranges, lengths))
    return Outlines(starts, ends, glyphs, lengths)


def _glyph_ranges(cmap: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return starts, ends and first glyphs of the map that FreeType takes.

    That is the last one of all of Unicode; where there is none, the last one of its first plane.
    """
    (count,) = struct.unpack_from(">H", cmap, 2)
    places = [struct.unpack_from(">HHL", cmap, 4 + 8 * at) for at in range(count)]
    long = [offset for platform, encoding, offset in places if (platform, encoding) in _LONG_MAPS]
    short = [
        offset
        for platform, encoding, offset in places
        if (platform, encoding) == (3, 1) or (platform == _UNICODE_PLATFORM and encoding < 4)
    ]
    for start in reversed(long or short):
        (form,) = struct.unpack_from(">H", cmap, start)
        if form == 12:
            return _ranges_of_groups(cmap, start)
        return _ranges_of_segments(cmap, start) if form == 4 else None
    return None


def _ranges_of_groups(cmap: bytes, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (count,) = struct.unpack_from(">L", cmap, start + 12)
    groups = np.frombuffer(cmap, ">u4", 3 * count, start + 16).reshape(count, 3).astype(np.int64)
    return _in_order(groups[:, 0], groups[:, 1], groups[:, 2])


def _ranges_of_segments(cmap: bytes, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ranges of a map of format 4; segments with a list give a range per character."""
    (doubled,) = struct.unpack_from(">H", cmap, start + 6)
    count = doubled // 2
    places = [start + 14 + at * doubled + (2 if at else 0) for at in range(4)]
    ends, starts, deltas = (
        np.frombuffer(cmap, ">u2", count, place).astype(np.int64) for place in places[:3]
    )
    offsets = np.frombuffer(cmap, ">u2", count, places[3]).astype(np.int64)
    plain = offsets == 0
    first = [(starts[plain] + deltas[plain]) & 0xFFFF]
    lows, highs = [starts[plain]], [ends[plain]]
    for segment in np.flatnonzero(~plain).tolist():
        low, high = int(starts[segment]), int(ends[segment])
        place = places[3] + 2 * segment + int(offsets[segment])
        size = high - low + 1
        if size <= 0 or place + 2 * size > len(cmap):
            continue
        listed = np.frombuffer(cmap, ">u2", size, place).astype(np.int64)
        characters = np.arange(low, high + 1)
        lows.append(characters)
        highs.append(characters)
        first.append(np.where(listed > 0, (listed + deltas[segment]) & 0xFFFF, 0))
    return _in_order(*(np.concatenate(part) for part in (lows, highs, first)))


def _in_order(
    starts: np.ndarray, ends: np.ndarray, glyphs: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ranges by their first character, those that follow one another as one."""
    order = np.argsort(starts, kind="stable")
    starts, ends, glyphs = starts[order], ends[order], glyphs[order]
    if not len(starts):
        return starts, ends, glyphs
    joins = (starts[1:] == ends[:-1] + 1) & (glyphs[1:] == glyphs[:-1] + starts[1:] - starts[:-1])
    joins &= (glyphs[1:] > 0) & (glyphs[:-1] > 0)
    begins = np.concatenate(([0], np.flatnonzero(~joins) + 1))
    lasts = np.concatenate((begins[1:] - 1, [len(starts) - 1]))
    return starts[begins], ends[lasts], glyphs[begins]


def _truetype_lengths(file: BinaryIO, tables: Tables) -> np.ndarray | None:
    """Return the lengths of TrueType outlines, (num_glyphs,); None where there are none."""
    if not {b"glyf", b"loca", b"head"} <= tables.keys():
        return None
    file.seek(tables[b"head"][0] + 50)
    (is_long,) = struct.unpack(">h", file.read(2))
    offset, length = tables[b"loca"]
    file.seek(offset)
    places = np.frombuffer(file.read(length), _PLACES[bool(is_long)]).astype(np.int64)
    return np.diff(places) * (1 if is_long else 2)


def _cff_lengths(file: BinaryIO, tables: Tables) -> np.ndarray | None:
    """Return the lengths of CFF outlines, (num_glyphs,); None where there are none."""
    if b"CFF " not in tables:
        return None
    start = tables[b"CFF "][0]
    file.seek(start)
    head = file.read(4)
    _skip_index(file, start + head[2])  # names
    top = _skip_index(file, file.tell(), keep=True)
    where = _operand(top, _CHAR_STRINGS)
    if where is None:
        return None
    return np.diff(_index_offsets(file, start + where))


def _index_offsets(file: BinaryIO, place: int) -> np.ndarray:
    """Return the offsets of an INDEX, (count + 1,) int64; the file then stands at its data."""
    file.seek(place)
    (count,) = struct.unpack(">H", file.read(2))
    if not count:
        raise ValueError("an index without entries")
    (size,) = file.read(1)
    if not 1 <= size <= 4:
        raise ValueError("offsets of another size")
    raw = np.frombuffer(file.read((count + 1) * size), np.uint8).reshape(count + 1, size)
    return raw.astype(np.int64) @ (256 ** np.arange(size - 1, -1, -1, dtype=np.int64))


def _skip_index(file: BinaryIO, place: int, *, keep: bool = False) -> bytes:
    """Go behind an INDEX; return its first entry, if it is to be kept."""
    offsets = _index_offsets(file, place)
    data = file.tell() - 1  # offsets count from 1
    first = b""
    if keep:
        file.seek(data + int(offsets[0]))
        first = file.read(int(offsets[1] - offsets[0]))
    file.seek(data + int(offsets[-1]))
    return first


def _operand(dictionary: bytes, operator: int) -> int | None:
    """Return the whole number before an operator of a CFF dictionary; None where it has none."""
    at, last = 0, 0
    while at < len(dictionary):
        byte = dictionary[at]
        if byte <= 21:
            if byte == operator:
                return last
            at += 2 if byte == 12 else 1
        elif byte == 30:  # a decimal number, to the nibble that ends it
            at += 1
            while at < len(dictionary) and dictionary[at] & 15 != 15:
                at += 1
            at += 1
        else:
            last, size = _number(dictionary, at)
            at += size
    return None


def _number(dictionary: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of a CFF dictionary, and how many bytes it takes."""
    byte = dictionary[at]
    if byte == 28:
        return struct.unpack_from(">h", dictionary, at + 1)[0], 3
    if byte == 29:
        return struct.unpack_from(">l", dictionary, at + 1)[0], 5
    if byte <= 246:
        return byte - 139, 1
    second = dictionary[at + 1]
    if byte <= 250:
        return (byte - 247) * 256 + second + 108, 2
    return -(byte - 251) * 256 - second - 108, 2
