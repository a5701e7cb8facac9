"""Rows of a generated set by their number, for training: any row, without reading those before."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.manifest import MANIFEST_NAME, read_manifest
from vary.data.schema import Sample, check_columns, sample_from_row
from vary.data.shards import file_sha256
from vary.errors import InputError
from vary.extras import require

# A group of 64 pages takes about ten megabytes; a mixture draws from so many groups at a time.
_CACHED_GROUPS = 8


class ShardRows:
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
        pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
        groups: list[tuple[int, int]] = []
        sizes: list[int] = []
        for number, path in enumerate(self.files):
            try:
                with pq.ParquetFile(path) as file:
                    check_columns(file.schema_arrow, path)
                    for group in range(file.num_row_groups):
                        groups.append((number, group))
                        sizes.append(file.metadata.row_group(group).num_rows)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{path}: cannot be read as Parquet ({error})") from error
        if not sum(sizes):
            raise InputError(f"{folder}: the set holds no samples")
        self.groups = groups
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._rows = lru_cache(maxsize=_CACHED_GROUPS)(self._read_group)
        self._lengths = lru_cache(maxsize=256)(self._read_lengths)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without caches, which cannot be pickled."""
        return {key: value for key, value in vars(self).items() if key not in ("_rows", "_lengths")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state and begin caches."""
        vars(self).update(state)
        self._begin_caches()

    def __len__(self) -> int:
        """Return the number of samples."""
        return int(self.starts[-1])

    def sample(self, row: int) -> Sample:
        """Return a sample by its number.

        Raises:
            InputError: its shard cannot be read any more.
        """
        group, place = self._place(row)
        return sample_from_row(self._rows(group).slice(place, 1).to_pylist()[0])

    def text_length(self, row: int) -> int:
        """Return how many characters the text of a sample has."""
        group, place = self._place(row)
        return int(self._lengths(group)[place])

    def texts(self, rows: np.ndarray) -> Iterator[str]:
        """Yield the texts of samples, by their numbers in rising order."""
        for group in range(len(self.groups)):
            start, stop = self.starts[group], self.starts[group + 1]
            kept = rows[(rows >= start) & (rows < stop)] - start
            texts = self._read_column(group, "text") if len(kept) else []
            yield from (texts[place] for place in kept)

    def split(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows to learn from and those held out, by a hash of their ids.

        Args:
            share: held out; at least one is, and at least one is not where there are two.
        """
        places = np.array(
            [
                int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
                for group in range(len(self.groups))
                for name in self._read_column(group, "id")
            ]
        )
        held = places < share
        if held.all() or not held.any():
            held = places == places.min()
        rows = np.arange(len(self))
        return (rows[~held] if len(rows) > 1 else rows), rows[held]

    def digest(self) -> dict[str, str]:
        """Return what tells this set from another: the manifest's sum, or those of the files."""
        manifest = self.folder / MANIFEST_NAME
        kept = [manifest] if manifest.is_file() else self.files
        return {path.name: file_sha256(path) for path in kept}

    def _place(self, row: int) -> tuple[int, int]:
        group = int(np.searchsorted(self.starts, row, side="right")) - 1
        return group, row - int(self.starts[group])

    def _read_group(self, group: int, columns: list[str] | None = None) -> Any:
        pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
        number, within = self.groups[group]
        try:
            with pq.ParquetFile(self.files[number]) as file:
                return file.read_row_group(within, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{self.files[number]}: cannot be read any more ({error}); bring the shard back, "
                "the same command then goes on"
            ) from error

    def _read_column(self, group: int, name: str) -> list[str]:
        return list(self._read_group(group, [name])[name].to_pylist())

    def _read_lengths(self, group: int) -> np.ndarray:
        return np.array([len(text) for text in self._read_column(group, "text")])


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
    records = read_manifest(folder).shards
    for record in records:
        path = folder / record.name
        if not path.is_file() or path.stat().st_size != record.size_bytes:
            what = "has another size than" if path.is_file() else "is missing, but"
            raise InputError(
                f"{path}: {what} the manifest says; the command that made the set makes it again"
            )
    return [folder / record.name for record in records]
