"""Image-text pairs in Parquet: with the pictures in it, in folders beside it, or nowhere."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.caches import WithCaches
from vary.data.engines.base import Reject
from vary.data.importers.base import Entry, Picture
from vary.data.importers.coco import caption_text
from vary.data.importers.pair_columns import (
    CAPTION_CHARACTERS,
    META_COLUMNS,
    PICTURE_COLUMNS,
    STATUS_COLUMNS,
    caption_column,
    kept_columns,
    unmapped_columns,
)
from vary.data.importers.pictures import SUFFIXES
from vary.data.importers.records import clean
from vary.errors import InputError
from vary.extras import require

# Rows that are decoded together: pictures weigh some tens of kilobytes each.
_BATCH_ROWS = 32
_BUFFER_BYTES = 2**20
_END_BYTES = 2**16


class PairParquetLayout:
    """Pairs of Parquet files.

    Rows are cheap in order: a reader goes on where it stands, and holds a few rows. A row before
    it, or in another group, is found by reading its group from the beginning.

    Args:
        paths: the files.
        caption_key: column of the captions; empty: the first known one that is there.

    Raises:
        InputError: a file cannot be read, has no column of captions, or there are no rows.
    """

    def __init__(self, paths: Sequence[Path], caption_key: str = "") -> None:
        self.paths = list(paths)
        self.caption_key = caption_key
        self.tables = [_Rows(path, caption_key) for path in self.paths]
        self.starts = np.cumsum([0, *(len(table) for table in self.tables)])
        if not len(self):
            raise InputError(f"{self.paths[0]}: holds no rows")

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self.starts[-1])

    def inputs(self) -> dict[str, str]:
        """Return file -> hash of its end, where sizes and statistics of all columns stand."""
        return {path.name: _end_digest(path) for path in self.paths}

    def length_hint(self, index: int) -> int:
        """Return a caption's usual length: none is read for it."""
        del index
        return CAPTION_CHARACTERS

    def entry(self, index: int, rng: np.random.Generator) -> Entry:
        """Return a pair.

        Raises:
            Reject: it has no caption or no picture, or could not be downloaded.
        """
        del rng
        number = int(np.searchsorted(self.starts, index, side="right")) - 1
        table, at = self.tables[number], index - int(self.starts[number])
        row = clean(table.row(at))
        place = f"{table.path.name}, row {at}"
        status = row.get("status")
        if isinstance(status, str) and status != "success":
            raise Reject("not downloaded", f"{place}: {status}; {row.get('error_message') or ''}")
        picture = _picture(row, table, place)
        meta, _ = kept_columns(row, self.caption_key)
        return Entry(
            source_id=str(meta.get("key", at)),
            source=table.path.name,
            kind="natural",
            format="caption",
            text=caption_text(row.get(table.caption), place),
            pictures=(picture,),
            meta=meta,
            unmapped=table.unmapped,
        )


class _Rows(WithCaches):
    """Rows of a file by number, best in order.

    Args:
        path: the file.
        caption_key: column of the captions; empty: the first known one.

    Raises:
        InputError: it cannot be read, or has no column of captions.
    """

    def __init__(self, path: Path, caption_key: str) -> None:
        self.path = path
        pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
        try:
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                groups = range(file.num_row_groups)
                sizes = [file.metadata.row_group(group).num_rows for group in groups]
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: cannot be read as Parquet ({error})") from error
        caption = caption_column(names, caption_key)
        if caption is None:
            raise InputError(
                f"{path}: no column of captions among {', '.join(names)}; give caption_key"
            )
        self.caption = caption
        wanted = {caption, *META_COLUMNS, *STATUS_COLUMNS, *PICTURE_COLUMNS}
        self.columns = [name for name in names if name in wanted]
        self.unmapped = unmapped_columns(names, caption_key)
        self.starts = np.cumsum([0, *sizes])
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._reader: Iterator[tuple[int, dict[str, Any]]] | None = None
        self._next = self._stop = -1

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the reader, which begins anew where it arrives."""
        return {**super().__getstate__(), "_reader": None}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self.starts[-1])

    def row(self, at: int) -> dict[str, Any]:
        """Return a row.

        Raises:
            Reject: its group is damaged.
        """
        group = int(np.searchsorted(self.starts, at, side="right")) - 1
        if self._reader is None or not self._next <= at or at >= self._stop:
            self._reader = self._read_group(group)
            self._stop = int(self.starts[group + 1])
        pa = require("pyarrow", extra="data")
        try:
            for number, row in self._reader:
                self._next = number + 1
                if number == at:
                    return row
        except (OSError, pa.ArrowException) as error:
            self._reader = None
            raise Reject("damaged Parquet", f"{self.path.name}, row {at}: {error}") from None
        self._reader = None
        raise Reject("damaged Parquet", f"{self.path.name}, row {at}: its group ends before it")

    def _read_group(self, group: int) -> Iterator[tuple[int, dict[str, Any]]]:
        pq = require("pyarrow.parquet", extra="data")
        number = int(self.starts[group])
        with pq.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            batches = file.iter_batches(
                _BATCH_ROWS, row_groups=[group], columns=self.columns, use_threads=False
            )
            for batch in batches:
                for row in batch.to_pylist():
                    yield number, row
                    number += 1


def _end_digest(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES))
        return hashlib.sha256(b"%d\n" % size + file.read()).hexdigest()


def _picture(row: dict[str, Any], table: _Rows, place: str) -> Picture:
    """Return a row's picture: in the row, or in the folder of the file's name (img2dataset).

    Raises:
        Reject: there is none.
    """
    name = str(row.get("key") or row.get("uid") or place.replace(", row ", "-"))
    for column in PICTURE_COLUMNS:
        value = row.get(column)
        if isinstance(value, dict):
            name, value = value.get("path") or name, value.get("bytes")
        if isinstance(value, bytes) and value:
            return Picture(name, value)
    folder = table.path.with_suffix("")
    if row.get("key") and folder.is_dir():
        names = [f"{row['key']}{suffix}" for suffix in SUFFIXES]
        there = next((name for name in names if (folder / name).is_file()), names[0])
        return Picture(f"{folder.name}/{there}")
    if any(row.get(column) for column in ("url", "URL")):
        told = f"{place}: {row.get('url') or row.get('URL')}"
        raise Reject("no picture: download with img2dataset first", told)
    raise Reject("no picture", place)
