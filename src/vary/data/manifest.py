"""The manifest of a generated set: what it was made from, and what is finished.

While a set is made, each finished shard is a line of a journal: a manifest that is written anew for
each of many thousand shards would take longer than making them. Whoever reads the manifest of an
unfinished set gets the journal with it.
"""

import importlib.metadata
import json
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import features

from vary.errors import InputError, VaryError
from vary.extras import require

MANIFEST_NAME = "manifest.json"
REJECTS_NAME = "rejects.jsonl"
JOURNAL_NAME = "journal.jsonl"
# Raised when the same configuration would give other samples or files for a reason of ours.
MANIFEST_VERSION = 2


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard.

    Attributes:
        name: file name in the set's folder.
        first: index of its first sample.
        count: how many indices were tried; the samples are `count` less the rejects.
        rejects: reason -> how many indices were dropped for it.
        size_bytes: size of the file.
        sha256: hash of the file.
    """

    name: str
    first: int
    count: int
    rejects: dict[str, int]
    size_bytes: int
    sha256: str

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return self.count - sum(self.rejects.values())


@dataclass(frozen=True)
class Rejected:
    """An index that gave no sample: a line of ``rejects.jsonl``."""

    index: int
    id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class FinishedShard:
    """A shard that lies on disk, and what was dropped while it was made."""

    record: ShardRecord
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Manifest:
    """All of a generated set but its samples; no times and no paths, so that equal sets are equal.

    Attributes:
        engine: the engine's name.
        configuration: what `Engine.config` returned: options, and inputs by their hashes.
        seed: the run's seed.
        shard_size: indices per shard; the last one may have fewer.
        versions: this package and the libraries that decide the bytes.
        count: how many indices the set shall have.
        shards: the finished shards, by index.
    """

    engine: str
    configuration: dict[str, Any]
    seed: int
    shard_size: int
    versions: dict[str, str]
    count: int
    shards: tuple[ShardRecord, ...] = ()

    @property
    def samples(self) -> int:
        """How many samples the finished shards hold."""
        return sum(shard.samples for shard in self.shards)

    @property
    def rejects(self) -> dict[str, int]:
        """Reason -> how many indices the finished shards dropped for it."""
        counts: Counter[str] = Counter()
        for shard in self.shards:
            counts.update(shard.rejects)
        return dict(sorted(counts.items()))

    def with_shards(self, records: Sequence[ShardRecord]) -> "Manifest":
        """Return a manifest in which more shards are finished; a later record replaces another."""
        by_name = {record.name: record for record in (*self.shards, *records)}
        return replace(self, shards=tuple(sorted(by_name.values(), key=lambda s: s.first)))

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder, in one step."""
        values = {"version": MANIFEST_VERSION, **asdict(self)}
        values |= {"samples": self.samples, "rejects": self.rejects}
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        replace_file(folder / MANIFEST_NAME, text.encode())


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a generated set, with what the journal of an unfinished one holds.

    Raises:
        InputError: the folder or its manifest is missing, or the manifest cannot be read.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise InputError(
            f"{folder}: no generated set ({MANIFEST_NAME} is missing); give the folder that was "
            "the --out of `vary data`"
        )
    try:
        values = json.loads(path.read_bytes())
        version = values.pop("version")
        shards = tuple(ShardRecord(**shard) for shard in values.pop("shards"))
        derived = {"samples", "rejects"}
        kept = {name: value for name, value in values.items() if name not in derived}
        manifest = Manifest(**kept, shards=shards)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: not a readable manifest ({error}); make the set again"
        ) from error
    if version != MANIFEST_VERSION:
        raise InputError(
            f"{path}: of version {version}, this package reads version {MANIFEST_VERSION}; "
            "make the set again into another folder"
        )
    return manifest.with_shards([finished.record for finished in read_journal(folder)])


def read_rejects(folder: Path) -> list[Rejected]:
    """Return the lines of ``rejects.jsonl`` and of a journal; none where there are no such files.

    Raises:
        InputError: a line cannot be read.
    """
    path = folder / REJECTS_NAME
    rejected: list[Rejected] = []
    if path.is_file():
        try:
            # Bytes: `str.splitlines` would also split at line ends of Unicode within a detail.
            rejected = [Rejected(**json.loads(line)) for line in path.read_bytes().splitlines()]
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: not a readable list of rejects ({error})") from error
    finished = read_journal(folder)
    made_anew = {index for shard in finished for index in _indices(shard.record)}
    kept = [line for line in rejected if line.index not in made_anew]
    return sorted([*kept, *(line for s in finished for line in s.rejected)], key=lambda r: r.index)


def write_rejects(folder: Path, rejected: Sequence[Rejected]) -> None:
    """Write ``rejects.jsonl``, in one step."""
    lines = [json.dumps(vars(line), ensure_ascii=False) + "\n" for line in rejected]
    replace_file(folder / REJECTS_NAME, "".join(lines).encode())


def append_to_journal(folder: Path, finished: FinishedShard) -> None:
    """Note in the folder that a shard is finished."""
    line = json.dumps(asdict(finished), ensure_ascii=False) + "\n"
    with (folder / JOURNAL_NAME).open("ab") as file:
        file.write(line.encode())


def read_journal(folder: Path) -> list[FinishedShard]:
    """Return the shards that a journal lists; a torn line, as a stop leaves it, lists none."""
    path = folder / JOURNAL_NAME
    finished = []
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            values = json.loads(line)
            rejected = tuple(Rejected(**one) for one in values["rejected"])
            finished.append(FinishedShard(ShardRecord(**values["record"]), rejected))
        except (ValueError, TypeError, KeyError):
            continue
    return finished


def _indices(record: ShardRecord) -> range:
    return range(record.first, record.first + record.count)


def origin_changes(old: Manifest, new: Manifest) -> list[str]:
    """Return what two sets are not alike in: `name: old -> new`, none if one can go on."""
    before, after = (_flatten(_origin(manifest)) for manifest in (old, new))
    return [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def check_same_origin(old: Manifest, new: Manifest, folder: Path) -> None:
    """Refuse to go on with a set that was begun from something else.

    Raises:
        VaryError: names each difference, and the way out.
    """
    changed = origin_changes(old, new)
    if changed:
        shown = "; ".join(changed[:5]) + (f"; and {len(changed) - 5} more" if changed[5:] else "")
        raise VaryError(
            f"{folder}: this set was begun differently, going on would mix two sets ({shown}). "
            "Give another --out, or use the same options, fonts, text and versions"
        )
    if new.count < old.count:
        raise VaryError(
            f"{folder}: this set has --count {old.count}, {new.count} is less; "
            "give at least as many, or another --out"
        )


def library_versions() -> dict[str, str]:
    """Return the versions of all that decides the bytes of a shard."""
    versions = {
        "vary": _package_version(),
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "pyarrow": require("pyarrow", extra="data").__version__,
    }
    for part in ("freetype2", "raqm", "harfbuzz", "zlib", "jpg", "webp"):
        versions[part] = str(features.version(part) or "absent")
    # Drawn pictures are packed by Python's own zlib, which need not be that of Pillow.
    versions["python_zlib"] = zlib.ZLIB_RUNTIME_VERSION
    return versions


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that a stopped run leaves no half file."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            # Else a machine that loses its power may keep the new name and none of the content.
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _package_version() -> str:
    try:
        return importlib.metadata.version("vary")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _origin(manifest: Manifest) -> dict[str, Any]:
    values = asdict(manifest)
    return {name: value for name, value in values.items() if name not in {"count", "shards"}}


def _flatten(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = json.dumps(value, ensure_ascii=False)
    return flat
