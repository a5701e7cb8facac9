"""The documents of a run and their pages: looked into once, then remembered by hash."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.guard import Guard
from vary.data.engines.pdf.sidecar import Told, told_of
from vary.data.engines.pdf.sources import Place, find_places, sha256_of
from vary.errors import InputError
from vary.extras import require

# Raised when a scan says something else than before.
SCAN_VERSION = 2
# Pages of a document that follow each other in the order by lot: a document is opened for so many.
RUN_PAGES = 8
# The lot of the order: one and the same for every run, since sets with other seeds should show
# the same pages in other sizes, not others.
ORDER_SEED = 20260


@dataclass(frozen=True)
class Document:
    """A document and what is known of it.

    Attributes:
        place: where it lies.
        sha256: of its bytes.
        modified_ns: of the file, when its hash was taken.
        told: licence and origin.
        pages: how many indices it has: its pages, or 1 for one that cannot be read.
        reason, detail: why it cannot be read; empty if it can.
        looked_at, characters: pages whose text was measured, and its length.
    """

    place: Place
    sha256: str
    modified_ns: int
    told: Told
    pages: int
    reason: str = ""
    detail: str = ""
    looked_at: tuple[int, ...] = ()
    characters: tuple[int, ...] = ()

    def length_hint(self, page: int) -> int:
        """Return about how many characters a page has: what the nearest measured one has."""
        if not self.looked_at:
            return 0
        return round(float(np.interp(page, self.looked_at, self.characters)))


class Inventory:
    """The documents of a run, and the pages that its indices stand for.

    Args:
        documents: at least one.
        order: ``shuffled`` or ``listed``.

    Raises:
        InputError: there is none.
    """

    def __init__(self, documents: Iterable[Document], order: str) -> None:
        self.documents = tuple(documents)
        if not self.documents:
            raise InputError("no PDF in the sources; give files, folders, tar archives or lists")
        # Runs of pages, as (document, first page, pages); so few numbers whatever the count.
        runs = [
            (at, first, min(RUN_PAGES, document.pages - first))
            for at, document in enumerate(self.documents)
            for first in range(0, document.pages, RUN_PAGES)
        ]
        self._runs = np.array(runs, np.int64)
        if order == "shuffled":
            lot = np.random.Generator(np.random.PCG64(ORDER_SEED))
            self._runs = self._runs[lot.permutation(len(runs))]
        self._starts = np.concatenate([[0], np.cumsum(self._runs[:, 2])])

    def __len__(self) -> int:
        """Return the number of pages."""
        return int(self._starts[-1])

    def page(self, index: int) -> tuple[Document, int]:
        """Return the document and the page number, from 0, of an index below the length."""
        run = int(np.searchsorted(self._starts, index, side="right")) - 1
        at, first, _ = self._runs[run].tolist()
        return self.documents[at], first + index - int(self._starts[run])

    def digest(self) -> dict[str, Any]:
        """Return counts and a hash over names, bytes, pages and licences, in their order."""
        digest = hashlib.sha256()
        for part in self.documents:
            known = [part.place.name, part.sha256, part.pages, part.reason, part.told.licence]
            known += [list(pair) for pair in part.told.origin]
            digest.update(json.dumps(known, ensure_ascii=False).encode() + b"\n")
        return {
            "documents": len(self.documents),
            "pages": len(self),
            "sha256": digest.hexdigest(),
        }


def take_inventory(config: PdfConfig, guard: Guard) -> Inventory:
    """Return the documents of a configuration's sources, each content once.

    Raises:
        InputError: a source cannot be read, or there is no PDF.
    """
    documents: dict[str, Document] = {}
    with _cache(config.cache) as cache:
        for place in find_places(config.sources):
            if not _is_wanted(place.name, config):
                continue
            sha256, modified_ns = _known_hash(cache, place)
            if sha256 not in documents:
                documents[sha256] = _document(cache, guard, place, (sha256, modified_ns))
    return Inventory(documents.values(), config.order)


def _is_wanted(name: str, config: PdfConfig) -> bool:
    if config.include and not any(fnmatch(name, pattern) for pattern in config.include):
        return False
    return not any(fnmatch(name, pattern) for pattern in config.exclude)


def _document(cache: "_Cache", guard: Guard, place: Place, known: tuple[str, int]) -> Document:
    """Return a document, looked into unless the cache knows what is in it."""
    sha256, modified_ns = known
    version = require("pymupdf", extra="pdf").VersionBind
    key = f"{SCAN_VERSION} {version} {guard.cpu_s} {guard.memory_mib} {sha256}"
    scan = cache.get("scans", key)
    if scan is None:
        request = {
            "do": "scan",
            "document": [str(place.path), place.offset, place.size, sha256],
        }
        try:
            scan = guard.ask(request)[0]["scan"]
            if not scan["pages"]:
                scan |= {"reason": "damaged document", "detail": "it has no pages"}
        except Reject as reject:
            scan = {"reason": reject.reason, "detail": reject.detail}
        if not scan.get("reason", "").startswith("fault"):  # ours, and to be mended
            cache.put("scans", key, scan)
    return Document(
        place,
        sha256,
        modified_ns,
        told_of(place),
        scan.get("pages") or 1,
        scan.get("reason", ""),
        scan.get("detail", ""),
        tuple(scan.get("looked_at", ())),
        tuple(scan.get("characters", ())),
    )


def _known_hash(cache: "_Cache", place: Place) -> tuple[str, int]:
    """Return the hash of a document, taken again if its file has changed, and the file's time."""
    stat = place.path.stat()
    key = f"{place.path.resolve()}\0{place.offset}\0{place.size}"
    known = cache.get("hashes", key)
    if known is None or known[:2] != [stat.st_size, stat.st_mtime_ns]:
        known = [stat.st_size, stat.st_mtime_ns, sha256_of(place)]
        cache.put("hashes", key, known)
    return known[2], stat.st_mtime_ns


class _Cache:
    """Values by key in a file that several processes may use; without one, it forgets all.

    Args:
        database: an open one, or None.
    """

    def __init__(self, database: sqlite3.Connection | None) -> None:
        self._database = database

    def get(self, table: str, key: str) -> Any:
        """Return a value, or None."""
        row = None
        if self._database is not None:
            with suppress(sqlite3.Error):
                query = "SELECT value FROM known WHERE kind = ? AND key = ?"
                row = self._database.execute(query, (table, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, table: str, key: str, value: Any) -> None:
        """Keep a value; a full or locked disk only costs time later."""
        if self._database is None:
            return
        with suppress(sqlite3.Error), self._database:
            query = "INSERT OR REPLACE INTO known VALUES (?, ?, ?)"
            self._database.execute(query, (table, key, json.dumps(value)))


@contextmanager
def _cache(folder: Path | None) -> Iterator[_Cache]:
    """Open the cache in a folder; None: the user's. Where none can be written, none is used."""
    path = (folder or _user_cache()) / "pdf-documents.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=30)
    except (OSError, sqlite3.Error):
        yield _Cache(None)
        return
    with closing(database):
        with suppress(sqlite3.Error), database:
            # A lost entry is made again, so nothing need wait for the disk.
            database.execute("PRAGMA synchronous = OFF")
            database.execute(
                "CREATE TABLE IF NOT EXISTS known "
                "(kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))"
            )
        yield _Cache(database)


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vary"
