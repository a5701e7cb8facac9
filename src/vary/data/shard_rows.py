"""Rows of a generated set by their number, for training: any row, without reading those before."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.caches import WithCaches
from vary.data.manifest import MANIFEST_NAME, read_manifest
from vary.data.schema import Sample, check_columns, sample_from_row
from vary.data.shards import file_sha256
from vary.data.shares import share_by_hash
from vary.errors import InputError
from vary.extras import require

# A mixture shuffles so many groups of a set together; eight pages take about a megabyte.
_CACHED_GROUPS = 64
_CACHED_FILES = 16
_END_BYTES = 65536


class ShardRows(WithCaches):
    """A set on disk as a sequence of samples; pickles, so that workers can have it.

    Args:
        folder: made by `vary data`, or any folder of Parquet files with the same columns.

    Raises:
        InputError: there is no set, a shard that the manifest names is missing or of another size,
            or it is no file of samples.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = _files(folder)
        # Of each file, the row that each of its groups begins with, and their number at the end.
        self.group_starts = [_group_starts(path) for path in self.files]
        sizes = [starts[-1] for starts in self.group_starts]
        if not sum(sizes):
            raise InputError(f"{folder}: the set holds no samples")
        self.file_starts = np.concatenate([[0], np.cumsum(sizes)])
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._groups = lru_cache(maxsize=_CACHED_GROUPS)(self._read_group)
        self._lengths = lru_cache(maxsize=_CACHED_FILES)(self._read_lengths)

    def __len__(self) -> int:
        """Return the number of samples."""
        return int(self.file_starts[-1])

    def sample(self, row: int) -> Sample:
        """Return a sample by its number.

        Raises:
            InputError: its shard cannot be read any more.
        """
        file, within = _place(self.file_starts, row)
        group, place = _place(self.group_starts[file], within)
        return sample_from_row(self._groups(file, group).slice(place, 1).to_pylist()[0])

    def text_length(self, row: int) -> int:
        """Return how many characters the text and the turns of a sample have."""
        file, within = _place(self.file_starts, row)
        return int(self._lengths(file)[within])

    def texts(self, rows: np.ndarray) -> Iterator[str]:
        """Yield the texts of samples, by their numbers in rising order."""
        bounds = np.searchsorted(rows, self.file_starts)
        for file, (start, stop) in enumerate(pairwise(bounds)):
            texts = self._read_column(file, "text") if stop > start else []
            yield from (texts[row - self.file_starts[file]] for row in rows[start:stop])

    def split(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to learn from and those held out, by a hash of their ids.

        Args:
            share: held out; at least one is, and at least one is not where there are two.
        """
        names = [name for file in range(len(self.files)) for name in self._read_column(file, "id")]
        chosen = share_by_hash(names, share)
        held = np.array([name in chosen for name in names])
        rows = np.arange(len(self))
        return (rows[~held] if len(rows) > 1 else rows), rows[held]

    def digest(self) -> dict[str, str]:
        """Return what tells this set from another: the manifest's sum, or those of the files' ends.

        A Parquet file ends with sizes and statistics of all its columns.
        """
        manifest = self.folder / MANIFEST_NAME
        if manifest.is_file():
            return {manifest.name: file_sha256(manifest)}
        return {path.name: _end_sha256(path) for path in self.files}

    def _read_group(self, file: int, group: int) -> Any:
        with _opened(self.files[file]) as parquet:
            return parquet.read_row_group(group)

    def _read_column(self, file: int, name: str) -> list[str]:
        with _opened(self.files[file]) as parquet:
            return list(parquet.read(columns=[name])[name].to_pylist())

    def _read_lengths(self, file: int) -> np.ndarray:
        with _opened(self.files[file]) as parquet:
            columns = parquet.read(columns=["text", "messages"]).to_pydict()
        turns = [sum(len(turn["content"]) for turn in part or ()) for part in columns["messages"]]
        return np.array(list(map(len, columns["text"]))) + np.array(turns, dtype=np.int64)


def _place(starts: np.ndarray, row: int) -> tuple[int, int]:
    """Return which part a row lies in, and where there."""
    part = int(np.searchsorted(starts, row, side="right")) - 1
    return part, row - int(starts[part])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a shard.

    Raises:
        InputError: it cannot be read.
    """
    pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: cannot be read as Parquet ({error}); bring the shard back or make the set "
            "again; the same command then goes on"
        ) from error


def _group_starts(path: Path) -> np.ndarray:
    with _opened(path) as file:
        check_columns(file.schema_arrow, path)
        groups = range(file.num_row_groups)
        sizes = [file.metadata.row_group(group).num_rows for group in groups]
    return np.concatenate([[0], np.cumsum(np.array(sizes, dtype=np.int64))])


def _end_sha256(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_BYTES))
        return hashlib.sha256(file.read()).hexdigest()


def _files(folder: Path) -> list[Path]:
    """Return a set's shards in order.

    Raises:
        InputError: there is none, or one is not as the manifest says.
    """
    if not (folder / MANIFEST_NAME).is_file():
        files = sorted(folder.glob("*.parquet"))
        if not files:
            raise InputError(f"{folder}: no set of samples; make one with `vary data`")
        return files
    manifest = read_manifest(folder)
    records = manifest.shards
    made = sum(record.count for record in records)
    if made != manifest.count:
        raise InputError(
            f"{folder}: the set is not finished ({made} of {manifest.count} samples); the command "
            "that began it goes on with it"
        )
    for record in records:
        path = folder / record.name
        if not path.is_file() or path.stat().st_size != record.size_bytes:
            what = "has another size than" if path.is_file() else "is missing, but"
            raise InputError(
                f"{path}: {what} the manifest says; the command that made the set makes it again"
            )
    return [folder / record.name for record in records]
