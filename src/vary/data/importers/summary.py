"""What became of an imported set: what was dropped, changed, or had no place in it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.manifest import read_manifest, replace_file
from vary.data.schema import read_rows
from vary.data.shards import read_rejects

SUMMARY_NAME = "import.json"
# Of each kind of trouble so many examples are named; `rejects.jsonl` has them all.
EXAMPLES = 5


@dataclass(frozen=True)
class ImportSummary:
    """Counts of an import.

    Attributes:
        samples: how many there are.
        rejects: reason -> how many were dropped for it.
        examples: reason -> some details.
        unmapped: key of the source -> samples in which it had no place.
        mended: what was changed -> samples.
        repeated_ids: how many ids of the source stand at more than one sample.
        repeated_examples: some of them.
    """

    samples: int
    rejects: dict[str, int]
    examples: dict[str, list[str]]
    unmapped: dict[str, int]
    mended: dict[str, int]
    repeated_ids: int
    repeated_examples: list[str]

    def lines(self) -> Iterator[str]:
        """Yield the summary as lines of text; rejects are told with their examples only."""
        for reason, details in self.examples.items():
            yield f"{reason}: {'; '.join(details)}" + (
                " ..." if self.rejects[reason] > len(details) else ""
            )
        for what, counts in (("no place for", self.unmapped), ("mended", self.mended)):
            for name, number in counts.items():
                yield f"{what} {name}: {number} samples"
        if self.repeated_ids:
            more = " ..." if self.repeated_ids > len(self.repeated_examples) else ""
            names = ", ".join(self.repeated_examples)
            yield f"{self.repeated_ids} ids of the source are not unique: {names}{more}"


def summarize(folder: Path) -> ImportSummary:
    """Return the counts of an imported set, from its shards and rejects.

    Raises:
        InputError: there is no set, or it cannot be read.
    """
    manifest = read_manifest(folder)
    unmapped: Counter[str] = Counter()
    mended: Counter[str] = Counter()
    digests: list[int] = []
    for meta in iterate_meta(folder):
        unmapped.update(meta.get("unmapped", ()))
        mended.update(meta.get("mended", ()))
        digests.append(_digest(meta))
    found, times = np.unique(np.array(digests, dtype=np.uint64), return_counts=True)
    repeated = set(found[times > 1].tolist())
    return ImportSummary(
        samples=manifest.samples,
        rejects=manifest.rejects,
        examples=_examples(folder),
        unmapped=dict(unmapped.most_common()),
        mended=dict(mended.most_common()),
        repeated_ids=len(repeated),
        repeated_examples=_named(folder, repeated),
    )


def write_summary(folder: Path) -> ImportSummary:
    """Write ``import.json`` into a set's folder and return what it says.

    Raises:
        InputError: there is no set, or it cannot be read.
    """
    summary = summarize(folder)
    text = json.dumps(asdict(summary), indent=2, ensure_ascii=False) + "\n"
    replace_file(folder / SUMMARY_NAME, text.encode())
    return summary


def iterate_meta(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield `meta` of all samples of a set; pictures are not read.

    Raises:
        InputError: there is no set, or one of its shards cannot be read.
    """
    for record in read_manifest(folder).shards:
        for row in read_rows(folder / record.name, ("meta",)):
            yield json.loads(row["meta"])


def _examples(folder: Path) -> dict[str, list[str]]:
    examples: dict[str, list[str]] = {}
    for rejected in read_rejects(folder):
        named = examples.setdefault(rejected.reason, [])
        if len(named) < EXAMPLES:
            named.append(rejected.detail)
    return dict(sorted(examples.items()))


def _named(folder: Path, repeated: set[int]) -> list[str]:
    names: list[str] = []
    for meta in iterate_meta(folder) if repeated else ():
        name = str(meta.get("source_id"))
        if _digest(meta) in repeated and name not in names:
            names.append(name)
        if len(names) == EXAMPLES:
            break
    return names


def _digest(meta: dict[str, Any]) -> int:
    name = str(meta.get("source_id"))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
