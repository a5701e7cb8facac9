"""Making shards on a Ray cluster: the same functions as on one machine, one task per shard.

A worker that sees the folder of the set writes its shards there. One that does not, on a machine
without a shared file system, sends them to the driver, which writes them. Which it is, it learns by
looking for a file that the driver puts into the folder.
"""

import os
import secrets
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from vary.data.engines.base import Engine, make_sample
from vary.data.making import MAX_TRIES, Run, cannot_write, make_shard, partial_path
from vary.data.manifest import FinishedShard, Manifest, origin_changes
from vary.data.pool import Deaths, Pool, Task, Work
from vary.data.shards import begun_manifest
from vary.errors import VaryError
from vary.extras import require

# Tasks in Ray's queue beyond those at work: workers do not wait for the driver, and a cluster that
# can grow sees that there is more to do.
_QUEUED = 4


def ray_pool(address: str) -> Pool:
    """Return what makes shards on a cluster.

    Args:
        address: of its head (`host:6379`, `ray://host:10001`); ``auto``: the one that this
            machine belongs to; ``local``: one of this machine alone, begun and ended with the run,
            with as many CPUs as the run has workers.

    Raises:
        MissingExtraError: Ray is not installed.
    """
    require("ray", extra="ray")
    return partial(_make_on_cluster, address)


@dataclass(frozen=True)
class _Setup:
    """What all tasks of a run share.

    Attributes:
        build_engine: makes the engine, once in each worker process.
        run: what to make; its folder is absolute.
        manifest: what the engine must agree with.
        directory: that relative paths begin at, if it exists.
        mark: name of a file in the folder, there while the run lasts; also names the run.
    """

    build_engine: Callable[[], Engine]
    run: Run
    manifest: Manifest
    directory: Path
    mark: str


@dataclass(frozen=True)
class _Sent:
    """A finished shard whose file travels with it."""

    finished: FinishedShard
    content: bytes


def _make_on_cluster(address: str, work: Work) -> Iterator[FinishedShard]:
    run = replace(work.run, folder=work.run.folder.resolve())
    mark = f".shared-{secrets.token_hex(8)}"
    setup = _Setup(work.build_engine, run, work.manifest, Path.cwd(), mark)
    with _connected(address, run.workers) as ray, _marked(run.folder / mark):
        yield from _Driver(ray, setup, work.on_lost).finished(work)


class _Driver:
    """Keeps a cluster busy, and tries again what it loses."""

    def __init__(self, ray: Any, setup: _Setup, on_lost: Callable[[str], None]) -> None:
        self._ray = ray
        self._setup = setup
        self._shared = ray.put(setup)
        self._on_lost = on_lost
        self._deaths = Deaths()
        # What is lost is tried again here, where it is known what for.
        self._make = ray.remote(num_cpus=1, max_retries=0)(_make_task)
        self._probe = ray.remote(num_cpus=1, max_retries=MAX_TRIES - 1)(_probe_task)
        errors = ray.exceptions
        self._losses = (
            errors.WorkerCrashedError,
            errors.OutOfMemoryError,
            errors.NodeDiedError,
            errors.LocalRayletDiedError,
            errors.ObjectLostError,
        )

    def finished(self, work: Work) -> Iterator[FinishedShard]:
        """Yield the shards as they finish."""
        waiting = deque(Task(indices) for indices in work.todo)
        running: dict[Any, Task] = {}
        while waiting or running:
            while waiting and len(running) < self._most_at_once():
                task = waiting.popleft()
                running[self._make.remote(self._shared, task)] = task
            ready, _ = self._ray.wait(list(running), num_returns=1)
            for reference in ready:
                task = running.pop(reference)
                try:
                    answer = self._ray.get(reference)
                except self._losses as error:
                    waiting.appendleft(self._again(task, error))
                    continue
                yield self._kept(answer)

    def _most_at_once(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 1)) + _QUEUED

    def _kept(self, answer: "FinishedShard | _Sent | VaryError") -> FinishedShard:
        if isinstance(answer, VaryError):
            raise answer
        if isinstance(answer, FinishedShard):
            return answer
        path = self._setup.run.folder / answer.finished.record.name
        partial_file = partial_path(path)
        try:
            partial_file.write_bytes(answer.content)
            partial_file.replace(path)
        except OSError as error:
            partial_file.unlink(missing_ok=True)
            raise cannot_write(path, error) from error
        return answer.finished

    def _again(self, task: Task, error: Exception) -> Task:
        """Return how a lost shard is tried again; the second time, without deadly samples."""
        name = self._setup.run.shard_path(task.indices).name
        self._on_lost(f"{name}: its worker was lost ({type(error).__name__}); it is made again")
        again = self._deaths.again(task, None)
        if self._deaths.of_shard(task) < 2:
            return again
        deadly = self._deadly(task)
        if deadly:
            self._on_lost(f"{name}: left out, since they end their worker: {sorted(deadly)}")
        return replace(again, deadly=task.deadly | deadly)

    def _deadly(self, task: Task) -> frozenset[int]:
        """Return the indices that end their worker each time: each is tried by itself."""
        probes = {
            index: self._probe.remote(self._shared, index)
            for index in task.indices
            if index not in task.deadly
        }
        deadly = set()
        for index, probe in probes.items():
            try:
                self._ray.get(probe)
            except self._losses:
                deadly.add(index)
        return frozenset(deadly)


@contextmanager
def _connected(address: str, workers: int) -> Iterator[Any]:
    """Give the module `ray`, connected; a connection of the caller's is used and left."""
    ray = require("ray", extra="ray")
    if ray.is_initialized():
        yield ray
        return
    # Ray reports its use to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    own = {"num_cpus": workers, "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **own)
    except (OSError, ValueError, RuntimeError) as error:
        raise VaryError(
            f"--ray {address}: no cluster answers ({str(error).splitlines()[0]}); begin one with "
            "`ray start --head`, or give --ray local"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _marked(mark: Path) -> Iterator[None]:
    try:
        mark.touch()
    except OSError as error:
        raise cannot_write(mark.parent, error) from error
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


# The engine of a worker process and the run that it is for: it takes seconds to make.
_engine_here: dict[str, Engine] = {}


def _make_task(setup: _Setup, task: Task) -> "FinishedShard | _Sent | VaryError":
    """Return a shard that lies in the set's folder, or with its file; a user's mistake is told."""
    try:
        engine = _engine(setup)
        if (setup.run.folder / setup.mark).is_file():
            return make_shard(engine, setup.run, task.indices, task.deadly)
        with tempfile.TemporaryDirectory() as folder:
            run = replace(setup.run, folder=Path(folder))
            finished = make_shard(engine, run, task.indices, task.deadly)
            return _Sent(finished, (Path(folder) / finished.record.name).read_bytes())
    except VaryError as error:
        return error


def _probe_task(setup: _Setup, index: int) -> None:
    """Make a sample and forget it: what counts is whether the process survives."""
    with suppress(Exception):
        make_sample(_engine(setup), setup.run.seed, index)


def _engine(setup: _Setup) -> Engine:
    """Return the engine of this process.

    Raises:
        VaryError: this machine would make another set.
    """
    if setup.mark not in _engine_here:
        with suppress(OSError):
            os.chdir(setup.directory)
        engine = setup.build_engine()
        changes = origin_changes(setup.manifest, begun_manifest(engine, setup.run))
        if changes:
            raise VaryError(
                f"{socket.gethostname()}: would make other bytes than the machine that began the "
                f"run ({'; '.join(changes[:5])}); give all machines the same versions, texts and "
                "fonts"
            )
        _engine_here.clear()
        _engine_here[setup.mark] = engine
    return _engine_here[setup.mark]
