"""Where the entries of a large JSON file begin and end, without holding any of them."""

import re
from array import array
from collections.abc import Collection, Iterator

import numpy as np

# A string; a container that holds containers down to so many levels. Possessive throughout, so
# that nothing is tried twice and no memory grows with the length of a match.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_LEVELS = 6


def _container(levels: int) -> bytes:
    inner = rb"|" + _container(levels - 1) if levels else b""
    return rb"[\[{](?:[^\"\[\]{}]++|" + _STRING + inner + rb")*+[\]}]"


_CONTAINER = re.compile(_container(_LEVELS), re.DOTALL)
_KEY = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^\s,:\"\[\]{}]+", re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_MARKS = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)

# mmap and bytes: whatever a pattern of bytes can be matched in.
Buffer = bytes


class JsonShapeError(ValueError):
    """A file is not built as JSON is; the message names the byte."""


def list_spans(content: Buffer, start: int = 0) -> np.ndarray:
    """Return the (N, 2) first and last-but-one bytes of the entries of a JSON list.

    Args:
        content: the file, UTF-8; an mmap will do.
        start: where its first byte is, past a byte order mark.

    Raises:
        JsonShapeError: it is no list, or is cut off.
    """
    spans = array("q")
    place = _skip(content, start)
    if content[place : place + 1] != b"[":
        raise JsonShapeError(f"byte {place}: expected a list")
    end = _collect(content, place, spans)
    _check_end(content, end)
    return _pairs(spans)


def member_spans(content: Buffer, names: Collection[str], start: int = 0) -> dict[str, np.ndarray]:
    """Return name -> (N, 2) spans of the entries of some lists (or objects) of a JSON object.

    Reading ends when all of them are found.

    Args:
        content: the file, UTF-8; an mmap will do.
        names: of the members; those that are not there are left out of the result.
        start: where its first byte is.

    Raises:
        JsonShapeError: it is no object, or is cut off.
    """
    found: dict[str, np.ndarray] = {}
    place = _skip(content, start)
    if content[place : place + 1] != b"{":
        raise JsonShapeError(f"byte {place}: expected an object")
    for key, value in _members(content, place):
        if key in names and content[value : value + 1] in {b"[", b"{"}:
            spans = array("q")
            _collect(content, value, spans)
            found[key] = _pairs(spans)
            if len(found) == len(names):
                break
    return found


def _members(content: Buffer, place: int) -> Iterator[tuple[str, int]]:
    """Yield the keys of the object that begins at a byte, and where their values begin."""
    place = _skip(content, place + 1)
    while content[place : place + 1] != b"}":
        key = _KEY.match(content, place)
        colon = _skip(content, key.end()) if key else place
        if key is None or content[colon : colon + 1] != b":":
            raise JsonShapeError(f"byte {place}: expected a key")
        value = _skip(content, colon + 1)
        yield key.group()[1:-1].decode(errors="replace"), value
        place = _next(content, _value_end(content, value), b"}")


def _collect(content: Buffer, place: int, spans: "array[int]") -> int:
    """Add the spans of the entries of a list or object; return the byte past its end."""
    if content[place : place + 1] == b"{":
        place = _skip(content, place + 1)
        closing = b"}"
    else:
        place = _skip(content, place + 1)
        closing = b"]"
    while content[place : place + 1] != closing:
        if closing == b"}":
            key = _KEY.match(content, place)
            if key is None:
                raise JsonShapeError(f"byte {place}: expected a key")
            place = _skip(content, key.end())
            place = _skip(content, place + 1)
        end = _value_end(content, place)
        spans.append(place)
        spans.append(end)
        place = _next(content, end, closing)
    return place + 1


def _value_end(content: Buffer, place: int) -> int:
    if content[place : place + 1] in {b"[", b"{"}:
        whole = _CONTAINER.match(content, place)
        return whole.end() if whole else _walk(content, place)
    scalar = _SCALAR.match(content, place)
    if scalar is None:
        raise JsonShapeError(f"byte {place}: expected a value; the file is cut off or no JSON")
    return scalar.end()


def _walk(content: Buffer, place: int) -> int:
    """Return the byte past a container of any depth."""
    depth = 0
    for mark in _MARKS.finditer(content, place):
        first = mark.group()[:1]
        depth += (first in b"[{") - (first in b"]}")
        if not depth:
            return mark.end()
    raise JsonShapeError(f"byte {place}: what begins there never ends; the file is cut off")


def _next(content: Buffer, place: int, closing: bytes) -> int:
    """Return where the next entry begins, or the closing bracket stands."""
    place = _skip(content, place)
    mark = content[place : place + 1]
    if mark == closing:
        return place
    if mark != b",":
        raise JsonShapeError(f"byte {place}: expected a comma; the file is cut off or no JSON")
    return _skip(content, place + 1)


def _skip(content: Buffer, place: int) -> int:
    space = _SPACE.match(content, place)
    assert space is not None
    return space.end()


def _check_end(content: Buffer, place: int) -> None:
    if _skip(content, place) != len(content):
        raise JsonShapeError(f"byte {place}: something follows the end")


def _pairs(spans: "array[int]") -> np.ndarray:
    return np.array(spans, dtype=np.int64).reshape(-1, 2)
