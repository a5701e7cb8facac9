"""Making shards in processes of this machine that may die: a lost one costs its open shard."""

import ctypes
import multiprocessing
import signal
import sys
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import connection
from types import TracebackType
from typing import Any

from vary.data.engines.base import Engine
from vary.data.making import MAX_TRIES, Run, make_shard, shard_name
from vary.data.manifest import FinishedShard, Manifest
from vary.errors import VaryError

# How long a worker that is told to stop may take to tidy up.
_STOP_S = 10
_NO_INDEX = -1


@dataclass(frozen=True)
class Work:
    """What a pool shall make.

    Attributes:
        build_engine: makes the engine, once in each process; picklable.
        run: what to make.
        manifest: of the set, without its shards: what every worker must agree with.
        todo: the indices of each shard that is to be made.
        on_lost: called with a line for each worker that died.
    """

    build_engine: Callable[[], Engine]
    run: Run
    manifest: Manifest
    todo: Sequence[range]
    on_lost: Callable[[str], None] = lambda _: None


# Makes shards and yields them as they finish, in any order.
Pool = Callable[[Work], Iterator[FinishedShard]]


@dataclass(frozen=True)
class Task:
    """A shard to make.

    Attributes:
        indices: of the shard.
        deadly: those of them that are not tried any more.
    """

    indices: range
    deadly: frozenset[int] = frozenset()


class Deaths:
    """What is known of workers that died, and what is tried next."""

    def __init__(self) -> None:
        self._at_index: Counter[int] = Counter()
        self._at_shard: Counter[int] = Counter()

    def again(self, task: Task, index: int | None) -> Task:
        """Return how a shard is tried again whose worker died.

        Args:
            task: what the worker made.
            index: the sample that it was at; None: none, or that is not known.

        Raises:
            VaryError: workers die of this shard whatever is left out.
        """
        if index is not None:
            self._at_index[index] += 1
            if self._at_index[index] < MAX_TRIES:
                return task
            return replace(task, deadly=task.deadly | {index})
        self._at_shard[task.indices.start] += 1
        if self._at_shard[task.indices.start] < MAX_TRIES:
            return task
        raise VaryError(
            f"shard of the indices {task.indices.start} to {task.indices.stop - 1}: its worker "
            f"died {MAX_TRIES} times, and of no single sample; is there memory enough for this "
            "many workers? The same command goes on"
        )

    def of_shard(self, task: Task) -> int:
        """Return how many workers were lost with this shard, at no known sample."""
        return self._at_shard[task.indices.start]


def make_in_processes(work: Work) -> Iterator[FinishedShard]:
    """Make shards in `work.run.workers` processes, and yield them as they finish.

    Raises:
        VaryError: of a worker: the user's mistake, a full disk; or workers that die again and
            again before they come to a sample.
    """
    deaths = Deaths()
    waiting = deque(Task(indices) for indices in work.todo)
    number = min(work.run.workers, len(waiting))
    with _Crew(work, number) as crew:
        idle = list(crew.workers)
        while waiting or len(idle) < number:
            while waiting and idle:
                idle.pop().begin(waiting.popleft())
            for worker in crew.ready():
                task, answer = worker.answer()
                if isinstance(answer, FinishedShard):
                    idle.append(worker)
                    yield answer
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    work.on_lost(_told(work.run, task, answer))
                    waiting.appendleft(deaths.again(task, answer.index))
                    idle.append(crew.replace(worker))


@dataclass(frozen=True)
class _Death:
    index: int | None
    exit_code: int | None


class _Worker:
    """A process that makes a shard at a time; fresh rather than forked.

    A fork of a process with threads hangs, and the caller may have some.
    """

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self._at = context.RawValue(ctypes.c_longlong, _NO_INDEX)
        self._task: Task | None = None
        # Not a daemon: those may have no processes of their own, and engines do.
        self.process = context.Process(
            target=_work, args=(other, work.build_engine, work.run, self._at), daemon=False
        )
        self.process.start()
        other.close()

    @property
    def is_busy(self) -> bool:
        return self._task is not None

    def begin(self, task: Task) -> None:
        self._task = task
        self._at.value = _NO_INDEX
        with suppress(OSError):  # it is dead; `answer` will say so
            self.pipe.send(task)

    def answer(self) -> tuple[Task, FinishedShard | Exception | _Death]:
        """Return what became of the task; called when the process has something to say."""
        assert self._task is not None
        task, self._task = self._task, None
        try:
            # A dead process may have answered before.
            return task, self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(_STOP_S)
            index = None if self._at.value == _NO_INDEX else self._at.value
            return task, _Death(index, self.process.exitcode)

    def close(self) -> None:
        """Tell an idle process that there is no more to do, and a busy one to stop."""
        with suppress(OSError):
            if self.is_busy:
                self.process.terminate()
            else:
                self.pipe.send(None)

    def join(self) -> None:
        self.process.join(_STOP_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class _Crew:
    """Some workers, which end with the `with` block."""

    def __init__(self, work: Work, number: int) -> None:
        self._work = work
        self.workers: list[_Worker] = []
        self._number = number

    def __enter__(self) -> "_Crew":
        self.workers = [_Worker(self._work) for _ in range(self._number)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            worker.close()
        for worker in self.workers:
            worker.join()

    def ready(self) -> list[_Worker]:
        """Wait, and return the busy workers that answered or died."""
        busy = [worker for worker in self.workers if worker.is_busy]
        said = connection.wait([worker.pipe for worker in busy])
        return [worker for worker in busy if worker.pipe in said]

    def replace(self, dead: _Worker) -> _Worker:
        """Return a new worker in the place of a dead one."""
        dead.join()
        new = _Worker(self._work)
        self.workers[self.workers.index(dead)] = new
        return new


def _told(run: Run, task: Task, death: _Death) -> str:
    code = death.exit_code
    how = f"with exit code {code}"
    if code is not None and code < 0:
        how = f"by {signal.Signals(-code).name}"
    at = "before any sample" if death.index is None else f"at index {death.index}"
    shard = shard_name(task.indices.start // run.shard_size)
    return f"{shard}: its worker ended {how}, {at}; the shard is made again"


def _work(
    pipe: connection.Connection, build_engine: Callable[[], Engine], run: Run, at: Any
) -> None:
    """Make shards until there are no more; the body of a worker process."""
    # The run is interrupted by its own process, which then tells this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    parent = multiprocessing.parent_process()

    def note(index: int) -> None:
        at.value = index
        if parent is not None and not parent.is_alive():
            sys.exit()

    try:
        engine = build_engine()
        while (task := pipe.recv()) is not None:
            finished = make_shard(engine, run, task.indices, task.deadly, note)
            at.value = _NO_INDEX
            pipe.send(finished)
    except EOFError:
        pass  # the run was killed
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        with suppress(OSError):
            pipe.send(error)
