"""Generating a set: shards that are functions of engine, configuration, seed and shard index."""

import hashlib
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vary.data.engines.base import Engine, Reject, make_sample, sample_id
from vary.data.manifest import (
    REJECTS_NAME,
    Manifest,
    ShardRecord,
    check_same_origin,
    library_versions,
    read_manifest,
    replace_file,
)
from vary.data.schema import Sample, read_samples, write_samples
from vary.errors import InputError, VaryError


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


@dataclass(frozen=True)
class Rejected:
    """An index that gave no sample: a line of ``rejects.jsonl``."""

    index: int
    id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class FinishedShard:
    """What a worker hands back: the shard lies on disk, its rejects are not yet written."""

    record: ShardRecord
    rejected: tuple[Rejected, ...]


def generate(
    build_engine: Callable[[], Engine],
    run: Run,
    on_shard: Callable[[ShardRecord], None] = lambda _: None,
) -> Manifest:
    """Make a set, or go on with one that was stopped, and return its manifest.

    Shards whose hash is still that of the manifest are kept; missing and broken ones are made
    again. Only the calling process writes manifest and rejects.

    Args:
        build_engine: makes the engine, once in each process; picklable (a `functools.partial`
            of a module's function) if there is more than one worker.
        run: what to make.
        on_shard: called with each shard of the set as it is found or finished, in any order.

    Raises:
        VaryError: the folder holds something else, or a set begun from something else.
    """
    engine = build_engine()
    manifest = _begin(engine, run)
    manifest, rejected = _kept_shards(manifest, run.folder)
    for record in manifest.shards:
        on_shard(record)
    done = {record.first for record in manifest.shards}
    todo = [indices for indices in _shard_indices(run) if indices.start not in done]
    for finished in _make_shards(engine, build_engine, run, todo):
        manifest = manifest.with_shard(finished.record)
        rejected = sorted([*rejected, *finished.rejected], key=lambda r: r.index)
        _write_rejects(run.folder, rejected)
        manifest.write(run.folder)
        on_shard(finished.record)
    _write_rejects(run.folder, rejected)
    manifest.write(run.folder)
    return manifest


def make_shard(engine: Engine, run: Run, indices: range) -> FinishedShard:
    """Make one shard: written beside its place, then renamed.

    A fault of the engine on one index costs that index only and is listed with its kind;
    what the user gave wrongly (`VaryError`) stops the run.
    """
    samples: list[Sample] = []
    rejected: list[Rejected] = []
    for index in indices:
        try:
            samples.append(make_sample(engine, run.seed, index))
        except VaryError:
            raise
        except Exception as error:
            rejected.append(_rejection(error, engine, run.seed, index))
    name = shard_name(indices.start // run.shard_size)
    path = run.folder / name
    partial = path.with_name(name + ".partial")
    write_samples(samples, partial)
    digest, size_bytes = file_sha256(partial), partial.stat().st_size
    partial.replace(path)
    reasons = dict(sorted(Counter(r.reason for r in rejected).items()))
    record = ShardRecord(name, indices.start, len(indices), reasons, size_bytes, digest)
    return FinishedShard(record, tuple(rejected))


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"part-{number:05d}.parquet"


def file_sha256(path: Path) -> str:
    """Return the hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def iterate_set(folder: Path) -> Iterator[Sample]:
    """Yield all samples of a generated set, in order of their indices.

    Raises:
        InputError: there is no set, or one of its shards is missing or broken.
    """
    for record in read_manifest(folder).shards:
        yield from read_samples(folder / record.name)


def read_rejects(folder: Path) -> list[Rejected]:
    """Return the lines of ``rejects.jsonl``; none where there is no such file.

    Raises:
        InputError: a line cannot be read.
    """
    path = folder / REJECTS_NAME
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Rejected(**json.loads(line)) for line in lines]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not a readable list of rejects ({error})") from error


def _begin(engine: Engine, run: Run) -> Manifest:
    manifest = Manifest(
        engine=engine.name,
        # Through JSON, so that what is compared is what is written.
        configuration=json.loads(json.dumps(engine.config())),
        seed=run.seed,
        shard_size=run.shard_size,
        versions=library_versions(),
        count=run.count,
    )
    if run.folder.exists() and not run.folder.is_dir():
        raise VaryError(f"{run.folder}: is a file; give --out a folder")
    if run.folder.is_dir() and any(run.folder.iterdir()):
        manifest = _go_on(manifest, run.folder)
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        manifest.write(run.folder)
    except OSError as error:
        raise VaryError(
            f"{run.folder}: cannot be written ({error.strerror}); give --out a folder of yours"
        ) from error
    return manifest


def _go_on(manifest: Manifest, folder: Path) -> Manifest:
    try:
        old = read_manifest(folder)
    except InputError as error:
        raise VaryError(
            f"{folder}: holds files, but no set to go on with ({error}); give --out a new folder"
        ) from error
    check_same_origin(old, manifest, folder)
    return Manifest(**{**vars(manifest), "shards": old.shards})


def _kept_shards(manifest: Manifest, folder: Path) -> tuple[Manifest, list[Rejected]]:
    """Return the manifest with the sound shards only, and the rejects of those.

    A shard is sound if it covers the indices it shall, its file has its hash, and its rejects
    are all listed.
    """
    try:
        listed = read_rejects(folder)
    except InputError:
        listed = []
    sound: list[ShardRecord] = []
    rejected: list[Rejected] = []
    for record in manifest.shards:
        end = record.first + record.count
        own = [r for r in listed if record.first <= r.index < end]
        complete = end == min(record.first + manifest.shard_size, manifest.count)
        path = folder / record.name
        if not complete or len(own) != sum(record.rejects.values()) or not path.is_file():
            continue
        if file_sha256(path) == record.sha256:
            sound.append(record)
            rejected += own
    return Manifest(**{**vars(manifest), "shards": tuple(sound)}), rejected


def _shard_indices(run: Run) -> list[range]:
    starts = range(0, run.count, run.shard_size)
    return [range(start, min(start + run.shard_size, run.count)) for start in starts]


def _make_shards(
    engine: Engine, build_engine: Callable[[], Engine], run: Run, todo: list[range]
) -> Iterator[FinishedShard]:
    """Make shards here or in a pool of processes, and yield them as they finish."""
    workers = min(run.workers, len(todo))
    if workers <= 1:
        for indices in todo:
            yield make_shard(engine, run, indices)
        return
    # Fresh processes rather than forks: the caller may have threads, and a fork of them hangs.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (build_engine,)) as pool:
        waiting = iter(todo)
        # One shard per worker and none queued: an interrupt reaches every worker at its shard,
        # and no further one is begun.
        running = {pool.submit(_make_shard_in_worker, run, next(waiting)) for _ in range(workers)}
        try:
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for indices in islice(waiting, len(finished)):
                    running.add(pool.submit(_make_shard_in_worker, run, indices))
                for future in finished:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


# The engine of a worker process, made once: it holds text and fonts that take seconds to load.
_worker_engine: list[Engine] = []


def _start_worker(build_engine: Callable[[], Engine]) -> None:
    _worker_engine[:] = [build_engine()]


def _make_shard_in_worker(run: Run, indices: range) -> FinishedShard:
    return make_shard(_worker_engine[0], run, indices)


def _rejection(error: Exception, engine: Engine, seed: int, index: int) -> Rejected:
    if isinstance(error, Reject):
        reason, detail = error.reason, error.detail
    else:
        reason, detail = f"fault: {type(error).__name__}", str(error)
    return Rejected(index, sample_id(engine.name, seed, index), reason, detail)


def _write_rejects(folder: Path, rejected: list[Rejected]) -> None:
    lines = [json.dumps(vars(r), ensure_ascii=False) + "\n" for r in rejected]
    replace_file(folder / REJECTS_NAME, "".join(lines).encode())
