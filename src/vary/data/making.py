"""Making one shard: a function of engine, configuration, seed and shard index."""

import errno
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from vary.data.engines.base import Engine, Reject, make_sample, sample_id
from vary.data.manifest import FinishedShard, Rejected, ShardRecord
from vary.data.schema import Sample, write_samples
from vary.errors import VaryError

PARTIAL_SUFFIX = ".partial"
# A sample that ends its worker this often, each time anew, is dropped.
MAX_TRIES = 3
# What says something of the machine and nothing of the sample: the same index can do well later.
_MACHINE_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
)


@dataclass(frozen=True)
class Run:
    """What shall be generated.

    Attributes:
        folder: where the set lies or shall lie.
        count: how many indices to try; rejected ones are dropped, so there may be fewer samples.
        seed: the run's seed, 0 or more.
        shard_size: indices per shard.
        workers: processes; their number changes nothing in the bytes.
    """

    folder: Path
    count: int
    seed: int
    shard_size: int
    workers: int = 1

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise VaryError(f"seed {self.seed}: must be 0 or more")
        for name in ("count", "shard_size", "workers"):
            if getattr(self, name) < 1:
                raise VaryError(f"{name} {getattr(self, name)}: must be 1 or more")

    def shards(self) -> list[range]:
        """Return the indices of each shard."""
        starts = range(0, self.count, self.shard_size)
        return [range(start, min(start + self.shard_size, self.count)) for start in starts]

    def shard_path(self, indices: range) -> Path:
        """Return where the shard of some indices lies."""
        return self.folder / shard_name(indices.start // self.shard_size)


def make_shard(
    engine: Engine,
    run: Run,
    indices: range,
    deadly: Collection[int] = (),
    note: Callable[[int], None] = lambda _: None,
) -> FinishedShard:
    """Make one shard: written beside its place, then renamed.

    A fault of the engine on one index costs that index only and is listed with its kind;
    what the user gave wrongly (`VaryError`) stops the run, and so does a full disk.

    Args:
        engine: makes the samples.
        run: what is made.
        indices: of the shard.
        deadly: indices that are not tried, since they ended the process each time they were.
        note: called with each index before it is tried.

    Raises:
        VaryError: as told; the message says how to go on.
    """
    samples: list[Sample] = []
    rejected: list[Rejected] = []
    for index in indices:
        note(index)
        try:
            if index in deadly:
                raise Reject("worker died", f"{MAX_TRIES} times out of {MAX_TRIES}")
            samples.append(make_sample(engine, run.seed, index))
        except VaryError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _MACHINE_ERRORS:
                raise cannot_write(run.folder, error) from error
            rejected.append(_rejection(error, engine, run.seed, index))
    path = run.shard_path(indices)
    digest, size_bytes = _write_shard(samples, path)
    reasons = dict(sorted(Counter(r.reason for r in rejected).items()))
    record = ShardRecord(path.name, indices.start, len(indices), reasons, size_bytes, digest)
    return FinishedShard(record, tuple(rejected))


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"part-{number:05d}.parquet"


def file_sha256(path: Path) -> str:
    """Return the hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def partial_path(path: Path) -> Path:
    """Return where a file is written before it is renamed: no two processes share the place."""
    return path.with_name(f"{path.name}.{secrets.token_hex(4)}{PARTIAL_SUFFIX}")


def cannot_write(path: Path, error: OSError) -> VaryError:
    """Return the error for a disk that is full or cannot be written for another reason."""
    return VaryError(
        f"{path}: cannot be written ({error.strerror or error}); what is finished stays: when "
        "this is mended, such as by making room, the same command goes on"
    )


def _write_shard(samples: list[Sample], path: Path) -> tuple[str, int]:
    """Write a shard; return its hash and its size in bytes."""
    partial = partial_path(path)
    try:
        write_samples(samples, partial)
        digest, size_bytes = file_sha256(partial), partial.stat().st_size
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    return digest, size_bytes


def _rejection(error: Exception, engine: Engine, seed: int, index: int) -> Rejected:
    if isinstance(error, Reject):
        reason, detail = error.reason, error.detail
    else:
        reason, detail = f"fault: {type(error).__name__}", str(error)
    return Rejected(index, sample_id(engine.name, seed, index), reason, detail)
