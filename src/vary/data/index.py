"""What a set holds twice, and what of it stands in evaluation pages: the list of what to drop.

Texts are compared by shingles: windows of 24 bytes over their letters and digits alone, in small
letters, so that line breaks, hyphens, spacing and punctuation do not matter. 24 bytes are about
five English words or eight ideographs.
"""

import json
import re
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.manifest import MANIFEST_NAME, read_manifest, replace_file
from vary.errors import InputError, VaryError
from vary.extras import require

SHINGLE_BYTES = 24
# Signatures: with 128 numbers a similarity is known to 0.035; bands of 4 find nine of ten pairs
# that are 0.5 alike, and all but one in a million that are 0.8 alike.
NUMBERS, BAND = 128, 4
# One shingle in so many is kept of evaluation pages: hundreds per page remain.
KEPT_OF = 4
# So few shingles in common are chance.
FEWEST_COMMON = 4
DUPLICATE, LEAK = "near duplicate", "overlaps evaluation"
_BATCH = 256
_NO_TEXT = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Drop:
    """A sample to leave out: a line of a drop list.

    Attributes:
        id: of the sample.
        key: what its engine knows the source by; empty if the engine tells none.
        source: of the sample.
        reason: `DUPLICATE` or `LEAK`.
        partner: id of the sample that stays, or name of the evaluation page.
        similarity: share of shingles in common: of both texts together for near duplicates, of
            the shorter text for overlaps.
    """

    id: str
    key: str
    source: str
    reason: str
    partner: str
    similarity: float


@dataclass(frozen=True)
class Thresholds:
    """From where on samples are dropped.

    Attributes:
        similarity: of near duplicates.
        overlap: with evaluation pages.
    """

    similarity: float = 0.8
    overlap: float = 0.2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value <= 1:
                raise VaryError(f"{name} {value}: give a share above 0, up to 1")


@dataclass(frozen=True)
class _Text:
    """A text and what it is called."""

    id: str
    key: str
    source: str
    text: str


def index_set(
    folder: Path, against: Sequence[Path] = (), thresholds: Thresholds | None = None
) -> list[Drop]:
    """Return what to drop of a set, in its order.

    Of near duplicates the first stays. Shards are streamed; what is held in memory is the
    shingles of the evaluation pages, and some tens of bytes per sample.

    Args:
        folder: a generated set.
        against: evaluation sets, folders of ``*.txt``, or such files.
        thresholds: None: the defaults.

    Raises:
        InputError: a set or a text cannot be read.
    """
    limits = thresholds or Thresholds()
    pages = _EvaluationPages(against)
    names: list[tuple[str, str, str]] = []
    leaks: dict[int, Drop] = {}
    with tempfile.TemporaryFile() as signatures:
        for row, sample in enumerate(_set_texts(folder)):
            hashes = shingles(sample.text)
            names.append((sample.id, sample.key, sample.source))
            signatures.write(signature(hashes).tobytes())
            name, share = pages.most_alike(hashes)
            if share >= limits.overlap:
                leaks[row] = Drop(*names[-1], LEAK, name, round(share, 3))
        table = np.zeros((0, NUMBERS), np.uint32)
        if names:
            signatures.flush()
            table = np.memmap(signatures, np.uint32, "r", shape=(len(names), NUMBERS))
        twins = _near_duplicates(table, limits.similarity)
    drops = leaks
    gone = set(leaks)
    for row, partner, similarity in twins:
        # What a dropped sample is like is not kept by it.
        if row in gone or partner in gone:
            continue
        gone.add(row)
        kept = names[partner][0]
        drops[row] = Drop(*names[row], DUPLICATE, kept, round(similarity, 3))
    return [drops[row] for row in sorted(drops)]


def write_drop_list(drops: Sequence[Drop], path: Path) -> None:
    """Write a drop list: JSON, a sample per line.

    Raises:
        VaryError: the file cannot be written.
    """
    lines = [json.dumps(asdict(drop), ensure_ascii=False) + "\n" for drop in drops]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, "".join(lines).encode())
    except OSError as error:
        raise VaryError(
            f"{path}: cannot be written ({error.strerror}); give another --out"
        ) from error


def read_drop_list(path: Path) -> dict[str, tuple[str, str]]:
    """Return what a drop list names, by key: reason and partner.

    Raises:
        InputError: it cannot be read, or names no keys.
    """
    drops: dict[str, tuple[str, str]] = {}
    try:
        for line in path.read_bytes().splitlines():  # a name may hold line ends of Unicode
            drop = Drop(**json.loads(line))
            if not drop.key:
                raise InputError(
                    f"{path}: names {drop.id} without its key; it is of a set of another engine"
                )
            drops[drop.key] = (drop.reason, drop.partner)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it with `vary data index`"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError) as error:
        raise InputError(f"{path}: not a list of `vary data index` ({error})") from error
    return drops


def shingles(text: str) -> np.ndarray:
    """Return the distinct hashes of a text's shingles, rising; none for a text without letters.

    Returns: (N,) uint64. A text that is shorter than a shingle has one hash.
    """
    letters = _NO_TEXT.sub("", unicodedata.normalize("NFKC", text).casefold()).encode()
    if not letters:
        return np.zeros(0, np.uint64)
    padded = np.frombuffer(letters.ljust(SHINGLE_BYTES, b"\0"), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 8)
    words = np.ascontiguousarray(windows).view(np.uint64)[:, 0]
    number = len(padded) - SHINGLE_BYTES + 1
    hashes = np.zeros(number, np.uint64)
    for start in range(0, SHINGLE_BYTES, 8):
        hashes = _mixed(hashes ^ words[start : start + number])
    return np.unique(hashes)


def signature(hashes: np.ndarray) -> np.ndarray:
    """Return the MinHash signature of shingles: equal places are as frequent as shared shingles.

    Args:
        hashes: (N,) uint64.

    Returns: (128,) uint32; all ones, which nothing is like, where there are no shingles.
    """
    if not len(hashes):
        return np.full(NUMBERS, np.iinfo(np.uint32).max, np.uint32)
    factors, terms = _PERMUTATIONS
    low = (hashes & np.uint64(0xFFFFFFFF))[None, :]
    least = np.full(NUMBERS, np.iinfo(np.uint64).max, np.uint64)
    # In parts: a long page would else make a table of tens of megabytes.
    for start in range(0, low.shape[1], 4096):
        products = (low[:, start : start + 4096] * factors + terms) >> np.uint64(32)
        np.minimum(least, products.min(axis=1), out=least)
    return least.astype(np.uint32)


def _permutations() -> tuple[np.ndarray, np.ndarray]:
    """Return multipliers and terms of `NUMBERS` hash functions (multiply-shift)."""
    lot = np.random.Generator(np.random.PCG64(61))
    numbers = lot.integers(1, 1 << 63, size=(2, NUMBERS, 1), dtype=np.uint64)
    return numbers[0] | np.uint64(1), numbers[1]


_PERMUTATIONS = _permutations()


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return well-spread numbers for numbers: the finaliser of SplitMix64."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _near_duplicates(table: np.ndarray, similarity: float) -> list[tuple[int, int, float]]:
    """Return (row, earlier row, similarity) of alike rows of a table of signatures, by row."""
    pairs: dict[tuple[int, int], float] = {}
    empty = np.iinfo(np.uint32).max
    for start in range(0, NUMBERS, BAND):
        band = np.array(table[:, start : start + BAND]).astype(np.uint64)
        keys = np.zeros(len(band), np.uint64)
        for column in band.T:
            keys = _mixed(keys ^ column)
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]]) + 1
        first = 0
        for at in same.tolist():
            if keys[order[at]] != keys[order[first]]:
                first = at - 1
            row = int(order[at])
            # With the first of its group and the one before it, not with all: a set may hold
            # one page ten thousand times.
            for partner in {int(order[first]), int(order[at - 1])}:
                pair = (row, partner)
                if pair not in pairs and table[row, 0] != empty:
                    pairs[pair] = float(np.mean(table[row] == table[partner]))
    found = [(*pair, share) for pair, share in pairs.items() if share >= similarity]
    return sorted(found, key=lambda pair: (pair[0], -pair[2], pair[1]))


class _EvaluationPages:
    """The shingles of evaluation pages, to be looked up.

    Args:
        places: sets, folders of texts, or texts.

    Raises:
        InputError: one cannot be read, or holds no text.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self._names: list[str] = []
        sizes: list[int] = []
        hashes: list[np.ndarray] = [np.zeros(0, np.uint64)]
        owners: list[np.ndarray] = [np.zeros(0, np.int32)]
        for place in places:
            known = len(self._names)
            for text in _texts(place):
                own = _some(shingles(text.text))
                if len(own):
                    owners.append(np.full(len(own), len(self._names), np.int32))
                    hashes.append(own)
                    sizes.append(len(own))
                    self._names.append(text.id)
            if len(self._names) == known:
                raise InputError(f"{place}: holds no text to compare with")
        every = np.concatenate(hashes)
        order = np.argsort(every, kind="stable")
        self._hashes = every[order]
        self._owners = np.concatenate(owners)[order]
        self._sizes = np.array(sizes, np.int64)

    def most_alike(self, hashes: np.ndarray) -> tuple[str, float]:
        """Return the page that shares most with a text, and the share of the shorter of both."""
        own = _some(hashes)
        if not len(own) or not len(self._hashes):
            return "", 0.0
        first = np.searchsorted(self._hashes, own, side="left")
        last = np.searchsorted(self._hashes, own, side="right")
        found = [self._owners[a:b] for a, b in zip(first, last, strict=True) if b > a]
        if not found:
            return "", 0.0
        common = np.bincount(np.concatenate(found), minlength=len(self._names))
        shorter = np.minimum(self._sizes, len(own))
        enough = common >= np.minimum(FEWEST_COMMON, shorter)
        shares = np.where(enough, common / shorter, 0.0)
        best = int(np.argmax(shares))
        return self._names[best], float(shares[best])


def _some(hashes: np.ndarray) -> np.ndarray:
    """Return one in `KEPT_OF` of the hashes, the same ones in every text; all of a short text."""
    some = hashes[hashes % np.uint64(KEPT_OF) == 0]
    return some if len(some) else hashes[:0]


def _texts(place: Path) -> Iterator[_Text]:
    """Yield the texts of a set, of a folder of texts, or of one text."""
    if place.is_dir() and ((place / MANIFEST_NAME).is_file() or any(place.glob("*.parquet"))):
        yield from _set_texts(place)
        return
    if not place.exists():
        raise InputError(f"{place}: no such set or folder of texts")
    for path in sorted(place.rglob("*.txt")) if place.is_dir() else [place]:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not a text in UTF-8 ({error}); convert it first") from error
        name = path.relative_to(place).as_posix() if place.is_dir() else path.name
        yield _Text(name, "", name, text)


def _set_texts(folder: Path) -> Iterator[_Text]:
    """Yield the texts of a set, without its pictures."""
    pa, pq = require("pyarrow", extra="data"), require("pyarrow.parquet", extra="data")
    if (folder / MANIFEST_NAME).is_file():
        files = [folder / record.name for record in read_manifest(folder).shards]
    else:
        files = sorted(folder.glob("*.parquet"))
    if not files:
        raise InputError(f"{folder}: no set of samples; make one with `vary data`")
    columns = ["id", "text", "source", "meta"]
    for path in files:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_BATCH, columns=columns):
                    yield from (_row_text(row) for row in batch.to_pylist())
        except (OSError, pa.ArrowException, KeyError) as error:
            raise InputError(f"{path}: cannot be read as a shard ({error})") from error


def _row_text(row: dict[str, Any]) -> _Text:
    try:
        meta = json.loads(row["meta"])
    except ValueError:
        meta = {}
    key = meta.get("key", "") if isinstance(meta, dict) else ""
    return _Text(row["id"], str(key), row["source"], row["text"])
