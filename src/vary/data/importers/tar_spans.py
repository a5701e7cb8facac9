"""Members of a tar archive by their places: read at once, without unpacking."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vary.errors import InputError

_BLOCK = 512
_FILES = (b"0", b"\x00", b"7")
# Headers that describe the member after them: pax, GNU's long name and long link.
_PAX, _GNU_NAME = b"x", b"L"
_MAX_NAME_BYTES = 2**16


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: its path in the archive.
        start: first byte of its headers.
        data: first byte of its content.
        size: of its content.
    """

    name: str
    start: int
    data: int
    size: int

    @property
    def end(self) -> int:
        """First byte past its last block."""
        return self.data + _blocks(self.size)


class TarBreakError(ValueError):
    """An archive is damaged from some byte on; the message names it."""

    def __init__(self, place: int, what: str) -> None:
        super().__init__(f"byte {place}: {what}")
        self.place = place


def iterate_members(
    file: BinaryIO, start: int, end: int, *, whole: bool = False
) -> Iterator[Member]:
    """Yield the files of an archive, in order.

    Args:
        file: the archive, open.
        start: where to begin: at a member's first header.
        end: where to stop.
        whole: that is the archive's end, where its mark must stand.

    Raises:
        TarBreakError: a header is damaged, a member goes past the end, or the mark is not there.
    """
    place, name, size = start, "", -1
    first = start
    while place + _BLOCK <= end:
        file.seek(place)
        header = file.read(_BLOCK)
        if not header.strip(b"\x00"):
            return
        length, kind = _read_header(header, place)
        data = place + _BLOCK
        if kind in {_PAX, _GNU_NAME}:
            told = file.read(min(length, _MAX_NAME_BYTES))
            if kind == _GNU_NAME:
                name = told.rstrip(b"\x00").decode(errors="replace")
            else:
                name, size = _read_pax(told, name, size)
            place = data + _blocks(length)
            continue
        length = length if size < 0 else size
        if data + length > end:
            raise TarBreakError(first, "the archive is cut off within this member")
        if kind in _FILES:
            yield Member(name or _own_name(header), first, data, length)
        place = data + _blocks(length)
        first, name, size = place, "", -1
    if whole:
        raise TarBreakError(first, "the archive is cut off: it has no end mark")


def check_plain(path: Path) -> None:
    """Refuse a compressed archive, in which nothing can be found without unpacking.

    Raises:
        InputError: as told, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(6)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    packed = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}
    for start, name in packed.items():
        if magic.startswith(start):
            raise InputError(f"{path}: is packed with {name}; unpack it to a plain .tar first")


def _read_header(header: bytes, place: int) -> tuple[int, bytes]:
    """Return size and kind of a member."""
    try:
        told = int(header[148:156].split(b"\x00")[0].strip() or b"0", 8)
        if header[124] & 0x80:  # GNU: sizes past 8 GiB in binary
            length = int.from_bytes(header[125:136], "big")
        else:
            length = int(header[124:136].split(b"\x00")[0].strip() or b"0", 8)
    except ValueError:
        raise TarBreakError(place, "no header of a tar archive") from None
    if told != sum(header[:148]) + sum(header[156:]) + 8 * 32:
        raise TarBreakError(place, "a damaged header")
    return length, header[156:157]


def _own_name(header: bytes) -> str:
    name = header[:100].split(b"\x00")[0]
    prefix = header[345:500].split(b"\x00")[0] if header[257:263] == b"ustar\x00" else b""
    return (prefix + b"/" + name if prefix else name).decode(errors="replace")


def _read_pax(told: bytes, name: str, size: int) -> tuple[str, int]:
    """Return name and size that a pax header gives, or those given."""
    while told:
        length, _, rest = told.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(told):
            break
        record = rest[: int(length) - len(length) - 1].rstrip(b"\n")
        key, _, value = record.partition(b"=")
        if key == b"path":
            name = value.decode(errors="replace")
        elif key == b"size" and value.isdigit():
            size = int(value)
        told = told[int(length) :]
    return name, size


def _blocks(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
