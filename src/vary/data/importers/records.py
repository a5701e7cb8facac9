"""Entries of JSON and JSON-lines files by their number, read when they are asked for."""

import codecs
import hashlib
import json
import mmap
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.json_spans import JsonShapeError, list_spans, member_spans
from vary.errors import InputError, VaryError

_CHUNK_BYTES = 2**20


class TextFile:
    """A text file, checked to be in its encoding, whose parts can be read.

    A file in another encoding than UTF-8 is held in memory, as UTF-8.

    Args:
        path: the file.
        encoding: of its text.

    Raises:
        InputError: it cannot be read, is empty, or is in another encoding.
        VaryError: no such encoding.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self.path = path
        self.held: bytes | None = None
        self.start = 0
        self.sha256 = ""
        if not path.is_file():
            raise InputError(f"{path}: there is no such file")
        try:
            name = codecs.lookup(encoding).name
        except LookupError:
            raise VaryError(f"encoding {encoding!r}: there is none; try utf-8 or gb18030") from None
        try:
            self._check(name)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        if self.held is None and path.stat().st_size <= self.start:
            raise InputError(f"{path}: is empty")

    def _check(self, encoding: str) -> None:
        digest, size = hashlib.sha256(), 0
        decoder = codecs.getincrementaldecoder(encoding)()
        parts: list[bytes] | None = None if encoding == "utf-8" else []
        with self.path.open("rb") as file:
            while True:
                chunk = file.read(_CHUNK_BYTES)
                digest.update(chunk)
                if not size and chunk.startswith(codecs.BOM_UTF8):
                    self.start = len(codecs.BOM_UTF8)
                try:
                    text = decoder.decode(chunk, final=not chunk)
                except UnicodeDecodeError as error:
                    raise InputError(self._told(encoding, size, error)) from None
                if parts is not None:
                    parts.append(text.encode("utf-8", "replace"))
                size += len(chunk)
                if not chunk:
                    break
        self.sha256 = digest.hexdigest()
        if parts is not None:
            self.held, self.start = b"".join(parts), 0

    def _told(self, encoding: str, size: int, error: UnicodeDecodeError) -> str:
        way = "give its encoding (gb18030 for GBK and GB2312, big5, utf-16, ...)"
        if encoding != "utf-8":
            way = "give another encoding"
        # A character may have begun in the chunk before.
        near = max(0, size + error.start)
        return f"{self.path}: not in {encoding} ({error.reason} near byte {near}); {way}"

    @contextmanager
    def content(self) -> Iterator[Any]:
        """Give the whole file, as bytes or mapped into memory."""
        if self.held is not None:
            yield self.held
            return
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            yield mapped

    def part(self, start: int, end: int) -> bytes:
        """Return some bytes of the file, in UTF-8."""
        if self.held is not None:
            return self.held[start:end]
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


class JsonRecords:
    """Entries of a file by their number; only their places are held.

    Args:
        file: that holds them.
        spans: (N, 2), the bytes of each entry.
        what: the list that they stand in, for messages.
    """

    def __init__(self, file: TextFile, spans: np.ndarray, what: str = "entry") -> None:
        self.file = file
        self.spans = spans
        self.what = what

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.spans)

    def place(self, index: int) -> str:
        """Return what to call an entry."""
        return f"{self.file.path.name}, {self.what} {index}"

    def value(self, index: int) -> Any:
        """Return an entry.

        Raises:
            Reject: it is no JSON.
        """
        start, end = self.spans[index]
        try:
            content = self.file.part(int(start), int(end))
            value = json.loads(content.decode())
        except (ValueError, RecursionError) as error:
            raise Reject("entry is no JSON", f"{self.place(index)}: {error}") from None
        # In UTF-8 a lone surrogate can only come from an escape.
        return clean(value) if b"\\u" in content else value

    def entry(self, index: int) -> dict[str, Any]:
        """Return an entry that is an object.

        Raises:
            Reject: it is no JSON, or no object.
        """
        value = self.value(index)
        if not isinstance(value, dict):
            raise Reject("entry is no object", f"{self.place(index)}: {type(value).__name__}")
        return value


def open_list(path: Path, encoding: str = "utf-8") -> JsonRecords:
    """Return the entries of a JSON list, or of a file with one JSON value per line.

    Raises:
        InputError: the file cannot be read, is in another encoding, is cut off, or is neither.
        VaryError: no such encoding.
    """
    file = TextFile(path, encoding)
    with file.content() as content:
        first = bytes(content[file.start : file.start + 64]).lstrip()[:1]
        try:
            if first == b"{" or path.suffix in {".jsonl", ".ndjson"}:
                spans = _line_spans(content, file.start)
            else:
                spans = list_spans(content, file.start)
        except JsonShapeError as error:
            raise InputError(
                f"{path}: neither a JSON list nor JSON lines ({error}); bring it anew"
            ) from error
    if not len(spans):
        raise InputError(f"{path}: holds no entries")
    return JsonRecords(file, spans)


def open_members(
    path: Path, names: Collection[str], encoding: str = "utf-8"
) -> dict[str, JsonRecords]:
    """Return name -> entries, for some lists (or objects) that stand in a JSON object.

    Raises:
        InputError: the file cannot be read, is in another encoding, is cut off, or is no object.
        VaryError: no such encoding.
    """
    file = TextFile(path, encoding)
    with file.content() as content:
        try:
            found = member_spans(content, names, file.start)
        except JsonShapeError as error:
            raise InputError(f"{path}: not the JSON that was expected ({error})") from error
    return {name: JsonRecords(file, spans, f"{name} entry") for name, spans in found.items()}


def clean(value: Any) -> Any:
    """Return a JSON value whose texts can be written as UTF-8: lone surrogates are replaced."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return value
    if isinstance(value, list):
        return [clean(part) for part in value]
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    return value


def _line_spans(content: Any, start: int) -> np.ndarray:
    spans = []
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        if content[start:end].strip():
            spans.append((start, end))
        start = end + 1
    return np.array(spans, dtype=np.int64).reshape(-1, 2)
