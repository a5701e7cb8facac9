"""The manifest of a generated set: what it was made from, and what is finished."""

import importlib.metadata
import json
from collections import Counter
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

    def with_shard(self, record: ShardRecord) -> "Manifest":
        """Return a manifest in which a shard is finished."""
        others = [shard for shard in self.shards if shard.name != record.name]
        return replace(self, shards=tuple(sorted([*others, record], key=lambda s: s.first)))

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder, in one step."""
        values = {"version": MANIFEST_VERSION, **asdict(self)}
        values |= {"samples": self.samples, "rejects": self.rejects}
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        replace_file(folder / MANIFEST_NAME, text.encode())


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a generated set.

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
    return manifest


def check_same_origin(old: Manifest, new: Manifest, folder: Path) -> None:
    """Refuse to go on with a set that was begun from something else.

    Raises:
        VaryError: names each difference, and the way out.
    """
    before, after = (_flatten(_origin(manifest)) for manifest in (old, new))
    changed = [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
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
    return versions


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that a stopped run leaves no half file."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)


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
