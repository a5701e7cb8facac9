"""Image-text pairs in tar archives, as webdataset and img2dataset write them."""

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.base import Entry, Picture
from vary.data.importers.coco import caption_text
from vary.data.importers.pair_columns import CAPTION_CHARACTERS, kept_columns, pick_caption
from vary.data.importers.pictures import MAX_FILE_BYTES, SUFFIXES
from vary.data.importers.records import clean
from vary.data.importers.tar_spans import Member, TarBreakError, check_plain, iterate_members
from vary.errors import InputError

_TEXT_SUFFIXES = (".txt", ".caption")


class PairTarLayout:
    """Pairs of tar archives; three numbers for each are held.

    Members that follow each other and share a name up to the first dot are one pair. Where an
    archive is damaged, what stands before it is taken, and one entry tells of the rest.

    Args:
        paths: the archives.
        caption_key: of the JSON members; empty: the first known one that is there.

    Raises:
        InputError: an archive cannot be read, is compressed, or none holds anything.
    """

    def __init__(self, paths: Sequence[Path], caption_key: str = "") -> None:
        self.paths = list(paths)
        self.caption_key = caption_key
        self.digests: dict[str, str] = {}
        spans = array("q")
        for number, path in enumerate(self.paths):
            self._index(number, path, spans)
        self.spans = np.array(spans, dtype=np.int64).reshape(-1, 3)
        if not len(self.spans):
            raise InputError(f"{self.paths[0].parent}: the archives hold nothing")

    def _index(self, number: int, path: Path, spans: "array[int]") -> None:
        check_plain(path)
        digest = hashlib.sha256()
        key, start, end = "", 0, 0
        size = path.stat().st_size
        with path.open("rb") as file:
            try:
                for member in iterate_members(file, 0, size, whole=True):
                    digest.update(f"{member.name}\x00{member.size}\n".encode())
                    own = member_key(member.name)
                    if own != key:
                        spans.extend((number, start, end) if key else ())
                        key, start = own, member.start
                    end = member.end
            except TarBreakError as error:
                # An empty span: there is no pair to be read there.
                spans.extend((number, start, end) if key else ())
                spans.extend((number, error.place, error.place))
            else:
                spans.extend((number, start, end) if key else ())
        digest.update(str(size).encode())
        self.digests[path.name] = digest.hexdigest()

    def __len__(self) -> int:
        """Return how many pairs there may be."""
        return len(self.spans)

    def inputs(self) -> dict[str, str]:
        """Return archive -> hash over its size, and names and sizes of its members."""
        return self.digests

    def length_hint(self, index: int) -> int:
        """Return a caption's usual length: none is read for it."""
        del index
        return CAPTION_CHARACTERS

    def entry(self, index: int, rng: np.random.Generator) -> Entry:
        """Return a pair.

        Raises:
            Reject: it lacks its caption or picture, or the archive is damaged.
        """
        del rng
        number, start, end = (int(part) for part in self.spans[index])
        path = self.paths[number]
        if start == end:
            raise Reject("damaged archive", f"{path.name}: from byte {start} on")
        with path.open("rb") as file:
            try:
                members = list(iterate_members(file, start, end))
            except TarBreakError as error:
                raise Reject("damaged archive", f"{path.name}: {error}") from None
            key = member_key(members[0].name)
            place = f"{path.name}, {key}"
            parts = {_suffix(m.name): m for m in members}
            contents = {
                suffix: _content(file, m, place) for suffix, m in parts.items() if _known(suffix)
            }
        picture = next((suffix for suffix in SUFFIXES if suffix in contents), None)
        columns = _json(contents.get(".json"), place)
        text = _text(contents)
        if text is None:
            text = pick_caption(columns, self.caption_key)
        if picture is None:
            raise Reject("no picture", f"{place}: {', '.join(sorted(parts))}")
        meta, unmapped = kept_columns(columns, self.caption_key)
        others = (f"member{suffix}" for suffix in parts if not _known(suffix))
        return Entry(
            source_id=key,
            source=path.name,
            kind="natural",
            format="caption",
            text=caption_text(text, place),
            pictures=(Picture(parts[picture].name, contents[picture]),),
            meta=meta,
            unmapped=(*unmapped, *others),
        )


def member_key(name: str) -> str:
    """Return what members of one pair share: the path up to the first dot of the file's name."""
    path = PurePosixPath(name)
    if path.name.startswith("."):
        return ""  # what systems leave beside files
    return str(path.with_name(path.name.split(".")[0]))


def _suffix(name: str) -> str:
    _, dot, rest = PurePosixPath(name).name.partition(".")
    return (dot + rest).lower()


def _known(suffix: str) -> bool:
    return suffix in SUFFIXES or suffix in _TEXT_SUFFIXES or suffix == ".json"


def _content(file: Any, member: Member, place: str) -> bytes:
    if member.size > MAX_FILE_BYTES:
        raise Reject("picture file too large", f"{place}: {member.size} bytes")
    file.seek(member.data)
    content: bytes = file.read(member.size)
    return content


def _text(contents: dict[str, bytes]) -> str | None:
    found: Iterable[bytes] = (contents[s] for s in _TEXT_SUFFIXES if s in contents)
    content = next(iter(found), None)
    return None if content is None else content.decode(errors="replace")


def _json(content: bytes | None, place: str) -> dict[str, Any]:
    if content is None:
        return {}
    try:
        value = clean(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise Reject("entry is no JSON", f"{place}: {error}") from None
    return value if isinstance(value, dict) else {}
