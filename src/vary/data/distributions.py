"""What a set holds: counts, distributions, and reasons of drops."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.manifest import read_manifest
from vary.data.schema import check_columns
from vary.errors import InputError
from vary.extras import require

# What a property of engines is counted by: more values than this are told by their number alone.
MAX_VALUES = 40
_BINS = 24
# The images are what a shard is large for, and none of the counts needs them.
_COLUMNS = ("id", "image_sizes", "kind", "language", "format", "text", "messages", "words",
            "source", "meta")  # fmt: skip


@dataclass(frozen=True)
class Distribution:
    """How a number is spread over the samples.

    Attributes:
        number: how many values there are.
        total: their sum.
        fewest, quarter, median, three_quarters, most: the least value, the quartiles, the greatest.
        mean: their mean.
        edges: of the bins of a histogram, one more than bins; fewer than 2 values have none.
        bins: values in each.
    """

    number: int
    total: float
    fewest: float
    quarter: float
    median: float
    three_quarters: float
    most: float
    mean: float
    edges: tuple[float, ...]
    bins: tuple[int, ...]


@dataclass(frozen=True)
class SetStats:
    """What a set holds.

    Attributes:
        engine: its engine.
        seed: its seed.
        count: indices that it shall have.
        samples: samples that it has.
        size_bytes: of its shards.
        images, words, characters: in all samples; characters are those of targets and of what an
            assistant says in conversations.
        distinct_characters: how many different ones.
        rejects: reason -> indices dropped for it.
        counts: property -> value -> samples. A property with more than `MAX_VALUES` values has the
            most frequent ones, and the number of all under ``distinct``.
        distinct: property -> how many different values.
        distributions: number -> how it is spread over the samples.
    """

    engine: str
    seed: int
    count: int
    samples: int
    size_bytes: int
    images: int
    words: int
    characters: int
    distinct_characters: int
    rejects: dict[str, int]
    counts: dict[str, dict[str, int]]
    distinct: dict[str, int]
    distributions: dict[str, Distribution]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)


def set_stats(folder: Path) -> SetStats:
    """Return what a set holds; its images are not read.

    Raises:
        InputError: there is no set, or a shard cannot be read.
    """
    manifest = read_manifest(folder)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    numbers: defaultdict[str, list[float]] = defaultdict(list)
    characters: set[str] = set()
    samples = 0
    for record in manifest.shards:
        for row in _rows(folder / record.name):
            samples += 1
            text = _target(row)
            characters.update(text)
            for name, value in _numbers(row, text):
                numbers[name].append(value)
            for name, label in _labels(row):
                counts[name][label] += 1
    distributions = {name: distribution(values) for name, values in numbers.items() if values}
    totals = {name: int(spread.total) for name, spread in distributions.items()}
    return SetStats(
        engine=manifest.engine,
        seed=manifest.seed,
        count=manifest.count,
        samples=samples,
        size_bytes=sum(record.size_bytes for record in manifest.shards),
        images=totals.get("images per sample", 0),
        words=totals.get("words", 0),
        characters=totals.get("characters", 0),
        distinct_characters=len(characters),
        rejects=manifest.rejects,
        counts={name: dict(found.most_common(MAX_VALUES)) for name, found in counts.items()},
        distinct={name: len(found) for name, found in counts.items()},
        distributions=distributions,
    )


def distribution(values: Iterable[float]) -> Distribution:
    """Return how values are spread; at least one."""
    array = np.asarray(list(values), dtype=float)
    fewest, quarter, median, three_quarters, most = map(
        float, np.percentile(array, [0, 25, 50, 75, 100])
    )
    edges: tuple[float, ...] = ()
    bins: tuple[int, ...] = ()
    if array.min() < array.max():
        found, at = np.histogram(array, bins=_BINS)
        edges, bins = tuple(map(float, at)), tuple(map(int, found))
    return Distribution(
        number=len(array),
        total=float(array.sum()),
        fewest=fewest,
        quarter=quarter,
        median=median,
        three_quarters=three_quarters,
        most=most,
        mean=float(array.mean()),
        edges=edges,
        bins=bins,
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    try:
        with pq.ParquetFile(path) as file:
            check_columns(file.schema_arrow, path)
            for batch in file.iter_batches(batch_size=256, columns=list(_COLUMNS)):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: cannot be read as Parquet ({error}); `vary data verify` names all that is "
            "damaged, and the command that made the set makes it again"
        ) from error


def _target(row: dict[str, Any]) -> str:
    said = (turn["content"] for turn in row["messages"] or () if turn["role"] == "assistant")
    return str(row["text"]) + "".join(said)


def _numbers(row: dict[str, Any], text: str) -> Iterator[tuple[str, float]]:
    yield "characters", len(text)
    if row["words"] is not None:
        yield "words", len(row["words"])
    yield "images per sample", len(row["image_sizes"])
    for size in row["image_sizes"]:
        yield "image width (px)", size["width"]
        yield "image height (px)", size["height"]
        yield "image megapixels", size["width"] * size["height"] / 1e6
    if row["messages"]:
        yield "turns", len(row["messages"])
    for name, value in _meta(row):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
            yield f"meta {name}", value


def _labels(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("kind", "language", "format", "source"):
        yield name, row[name]
    for name, value in _meta(row):
        if isinstance(value, (str, bool)):
            yield f"meta {name}", str(value)


def _meta(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the names and plain values of a sample's `meta`; those of lists one by one."""
    try:
        meta = json.loads(row["meta"])
    except ValueError:
        return
    yield from _flat(meta, ()) if isinstance(meta, dict) else ()


def _flat(value: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, (*names, str(key)))
    elif isinstance(value, list):
        # A list of numbers is a place or a size, of objects a table: neither is counted.
        texts = {part for part in value if isinstance(part, str)}
        yield from ((".".join(names), part) for part in sorted(texts))
    else:
        yield ".".join(names), value
