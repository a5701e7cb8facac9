"""What files beside documents say of them: licence and origin."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vary.data.engines.pdf.sources import Place

SIDECARS = ("MANIFEST.json", "META.json")
_NAME_KEYS = ("file", "path", "filename", "name", "id")
_LICENCE_KEYS = ("licence", "license", "rights")
_ORIGIN_KEYS = ("repo", "commit", "path", "url", "doi", "title")


@dataclass(frozen=True)
class Told:
    """What is known of a document.

    Attributes:
        licence: its rights; empty if nothing tells.
        origin: where it comes from, as the sidecar has it.
    """

    licence: str = ""
    origin: tuple[tuple[str, str], ...] = ()


def told_of(place: Place) -> Told:
    """Return what the nearest sidecar tells of a document.

    Looked for beside the document and in the folders above, up to the one above what was given
    as source: ``MANIFEST.json`` or ``META.json``, a list of objects or an object of objects, one
    of which names the document by `file`, `path`, `filename`, `name`, `id` or its key.
    """
    document = (place.path / place.member) if place.member else place.path
    folder = place.path.parent
    for _ in range(32):
        for name in SIDECARS:
            entry = _best_entry(folder / name, document.as_posix())
            if entry is not None:
                return _told(entry)
        if folder in (place.root.parent, folder.parent):
            break
        folder = folder.parent
    return Told()


def _told(entry: dict[str, Any]) -> Told:
    licence = next((str(entry[key]) for key in _LICENCE_KEYS if entry.get(key)), "")
    origin = tuple((key, str(entry[key])) for key in _ORIGIN_KEYS if entry.get(key))
    return Told(" ".join(licence.split()), origin)


def _best_entry(sidecar: Path, document: str) -> dict[str, Any] | None:
    """Return the entry whose name agrees with the end of a document's path for longest."""
    best, longest = None, 0
    parts = document.split("/")
    for name, entry in _entries(sidecar).get(_stem(parts[-1]), ()):
        own = name.split("/")
        length = 1
        while length < min(len(own), len(parts)) and own[-length - 1] == parts[-length - 1]:
            length += 1
        if length > longest:
            best, longest = entry, length
    return best


@lru_cache(maxsize=64)
def _entries(sidecar: Path) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return the entries of a sidecar by the stem of the names they go by; none if unreadable."""
    try:
        values = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if isinstance(values, dict):
        values = [{"name": key, **part} for key, part in values.items() if isinstance(part, dict)]
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for entry in values if isinstance(values, list) else ():
        if not isinstance(entry, dict):
            continue
        for key in _NAME_KEYS:
            name = entry.get(key)
            if isinstance(name, str) and name:
                found.setdefault(_stem(name.split("/")[-1]), []).append((name, entry))
    return found


def _stem(name: str) -> str:
    return name[:-4].lower() if name.lower().endswith(".pdf") else name.lower()
