"""Generating a set: made, gone on with, and read again."""

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from vary.data.engines.base import Engine
from vary.data.making import PARTIAL_SUFFIX, Run, cannot_write, file_sha256, make_shard
from vary.data.manifest import (
    JOURNAL_NAME,
    FinishedShard,
    Manifest,
    Rejected,
    ShardRecord,
    append_to_journal,
    check_same_origin,
    library_versions,
    read_manifest,
    read_rejects,
    write_rejects,
)
from vary.data.pool import Pool, Work, make_in_processes
from vary.data.schema import Sample, read_samples
from vary.errors import InputError, VaryError

if sys.platform != "win32":
    import fcntl

__all__ = ["Run", "file_sha256", "generate", "iterate_set", "make_shard", "read_rejects"]

# Left by a run or worker that ended in the midst of writing; hidden ones are those of Ray's pool.
_LEFTOVERS = (f"*{PARTIAL_SUFFIX}", ".shared-*")


def generate(
    build_engine: Callable[[], Engine],
    run: Run,
    on_shard: Callable[[ShardRecord], None] = lambda _: None,
    on_lost: Callable[[str], None] = lambda _: None,
    pool: Pool | None = None,
) -> Manifest:
    """Make a set, or go on with one that was stopped, and return its manifest.

    Shards whose hash is still that of the manifest are kept; missing and broken ones are made
    again. Only the calling process writes manifest, journal and rejects.

    Args:
        build_engine: makes the engine, once in each process; picklable (a `functools.partial`
            of a module's function) if there is more than one worker.
        run: what to make.
        on_shard: called with each shard of the set as it is found or finished, in any order.
        on_lost: called with a line for each worker that died.
        pool: makes the shards; None: this process, or `run.workers` processes of this machine.

    Raises:
        VaryError: the folder holds something else, a set begun from something else, or another
            run is at it; the disk is full.
    """
    engine = build_engine()
    empty = begun_manifest(engine, run)
    with _folder_of_our_own(run.folder):
        manifest, rejected = _kept_shards(_begin(empty, run), run.folder)
        try:
            _write_all(run.folder, manifest, rejected)
            for record in manifest.shards:
                on_shard(record)
            done = {record.first for record in manifest.shards}
            todo = [indices for indices in run.shards() if indices.start not in done]
            finished = []
            work = Work(build_engine, run, empty, todo, on_lost)
            with closing(_shards(engine, work, pool)) as shards:  # its workers end before we do
                for shard in shards:
                    append_to_journal(run.folder, shard)
                    finished.append(shard)
                    on_shard(shard.record)
            manifest = manifest.with_shards([shard.record for shard in finished])
            rejected += [line for shard in finished for line in shard.rejected]
            _write_all(run.folder, manifest, rejected)
        except OSError as error:
            raise cannot_write(run.folder, error) from error
        finally:
            # A worker that was told to stop while it was tidying up leaves its file behind.
            _remove_leftovers(run.folder)
    return manifest


def begun_manifest(engine: Engine, run: Run) -> Manifest:
    """Return the manifest of a set without any shard."""
    return Manifest(
        engine=engine.name,
        # Through JSON, so that what is compared is what is written.
        configuration=json.loads(json.dumps(engine.config())),
        seed=run.seed,
        shard_size=run.shard_size,
        versions=library_versions(),
        count=run.count,
    )


def iterate_set(folder: Path) -> Iterator[Sample]:
    """Yield all samples of a generated set, in order of their indices.

    Raises:
        InputError: there is no set, or one of its shards is missing or broken.
    """
    for record in read_manifest(folder).shards:
        yield from read_samples(folder / record.name)


def _shards(engine: Engine, work: Work, pool: Pool | None) -> Generator[FinishedShard, None, None]:
    if not work.todo:
        return
    if pool is not None:
        yield from pool(work)
    elif min(work.run.workers, len(work.todo)) > 1:
        yield from make_in_processes(work)
    else:
        for indices in work.todo:
            yield make_shard(engine, work.run, indices)


def _begin(manifest: Manifest, run: Run) -> Manifest:
    """Return what there is to go on with; the folder is one of ours, or a new one."""
    if not any(run.folder.iterdir()):
        return manifest
    try:
        old = read_manifest(run.folder)
    except InputError as error:
        raise VaryError(
            f"{run.folder}: holds files, but no set to go on with ({error}); give --out a new "
            "folder"
        ) from error
    check_same_origin(old, manifest, run.folder)
    _remove_leftovers(run.folder)
    return replace(manifest, shards=old.shards)


def _remove_leftovers(folder: Path) -> None:
    """Remove what was being written; a worker that still is at it can no longer rename its file."""
    for leftover in (path for pattern in _LEFTOVERS for path in folder.glob(pattern)):
        leftover.unlink(missing_ok=True)


@contextmanager
def _folder_of_our_own(folder: Path) -> Iterator[None]:
    """Make a folder, and keep other runs out of it meanwhile.

    Raises:
        VaryError: it cannot be made or written, or another run is at it.
    """
    if folder.exists() and not folder.is_dir():
        raise VaryError(f"{folder}: is a file; give --out a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(0, "Permission denied")
    except OSError as error:
        raise VaryError(
            f"{folder}: cannot be written ({error.strerror}); give --out a folder of yours"
        ) from error
    if sys.platform == "win32":
        yield
        return
    # On the folder itself: no file to leave behind, and a killed run's lock ends with it.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    with suppress(OSError):  # of a file system without locks
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VaryError(
                f"{folder}: another run is making this set; wait for it, or give another --out"
            ) from error


def _write_all(folder: Path, manifest: Manifest, rejected: list[Rejected]) -> None:
    """Write manifest and rejects, which the journal then adds nothing to."""
    write_rejects(folder, sorted(rejected, key=lambda line: line.index))
    manifest.write(folder)
    (folder / JOURNAL_NAME).unlink(missing_ok=True)


def _kept_shards(manifest: Manifest, folder: Path) -> tuple[Manifest, list[Rejected]]:
    """Return the manifest with the sound shards only, and the rejects of those.

    A shard is sound if it covers the indices it shall, its file has its hash, and its rejects
    are all listed.
    """
    listed: list[Rejected] = []
    with suppress(InputError):
        listed = read_rejects(folder)
    by_shard: dict[int, list[Rejected]] = {}
    for line in listed:
        by_shard.setdefault(line.index // manifest.shard_size, []).append(line)
    sound: list[ShardRecord] = []
    for record in manifest.shards:
        end = record.first + record.count
        own = by_shard.get(record.first // manifest.shard_size, [])
        complete = end == min(record.first + manifest.shard_size, manifest.count)
        path = folder / record.name
        if not complete or len(own) != sum(record.rejects.values()) or not path.is_file():
            continue
        if path.stat().st_size == record.size_bytes and file_sha256(path) == record.sha256:
            sound.append(record)
    numbers = {record.first // manifest.shard_size for record in sound}
    kept = [line for line in listed if line.index // manifest.shard_size in numbers]
    return replace(manifest, shards=tuple(sound)), kept
