"""One function over many items on several processes, of which none can stop the others."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from vary.errors import MissingExtraError, MissingResourceError

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNK = 16
"""Items that are sent together: a page takes milliseconds, and a process should not wait long."""
_MAX_REASON = 300
# What is missing is missing for all items: the run stops, and says what to install.
_STOPPING = (MissingExtraError, MissingResourceError)


@dataclass(frozen=True)
class Failure:
    """What stands in the place of a result.

    Attributes:
        reason: the error's type and its first line.
    """

    reason: str


def score_all(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    on_done: Callable[[int, Result | Failure], None] | None = None,
) -> list[Result | Failure]:
    """Return the results of a function for many items, in their order.

    An item that raises, or whose process dies, has a `Failure` in its place. Processes are spawned,
    since forked ones may inherit locked locks from libraries with threads. Items are taken as they
    are needed; those of one process's first chunk wait for what it loads.

    Args:
        function: can be pickled: at the top level of a module, or a method of what can.
        items: what it takes; can be pickled too.
        workers: number of processes; 1 works in this one, where an item that kills its process
            kills all.
        on_done: called in this process with an item's number and its outcome, chunk by chunk as
            they come.

    Raises:
        ValueError: less than one worker.
        MissingExtraError, MissingResourceError: what the function needs is not there.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers; give 1 or more")
    outcomes: dict[int, Result | Failure] = {}
    chunks = _run_here(function, items) if workers == 1 else _run(function, items, workers)
    for start, results in chunks:
        for number, outcome in enumerate(results, start=start):
            outcomes[number] = outcome
            if on_done is not None:
                on_done(number, outcome)
    return [outcomes[number] for number in range(len(outcomes))]


def _run_here(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[int, list[Result | Failure]]]:
    for start, item in enumerate(items):
        yield start, _call(function, [item])


def _run(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[int, list[Result | Failure]]]:
    """Yield (number of the first, outcomes) of chunks, in the order in which they are done."""
    chunks = _chunked(items)
    while (first := next(chunks, None)) is not None:
        chunks = chain([first], chunks)
        running: dict[Future[list[Result | Failure]], tuple[int, list[Item]]] = {}
        taken: list[tuple[int, list[Item]]] = []
        with _pool(workers) as pool:
            try:
                # Two for each process: one at work, one that waits for it.
                while True:
                    taken = list(islice(chunks, 2 * workers - len(running)))
                    if not taken and not running:
                        break
                    while taken:
                        running[pool.submit(_call, function, taken[0][1])] = taken[0]
                        del taken[0]
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running[future][0], future.result()
                        del running[future]
            except BrokenProcessPool:
                pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        # What was under way as a process died; nothing is where none did.
        for start, suspects in running.values():
            yield from _run_alone(function, start, suspects)
        chunks = chain(taken, chunks)


def _run_alone(
    function: Callable[[Item], Result], start: int, items: list[Item]
) -> Iterator[tuple[int, list[Result | Failure]]]:
    """Yield the outcomes of items one of which may kill its process; it is found by halving."""
    with _pool(1) as pool:
        try:
            yield start, pool.submit(_call, function, items).result()
            return
        except BrokenProcessPool:
            pass
    if len(items) == 1:
        yield start, [Failure("its process died, for want of memory perhaps")]
        return
    middle = len(items) // 2
    yield from _run_alone(function, start, items[:middle])
    yield from _run_alone(function, start + middle, items[middle:])


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _chunked(items: Iterable[Item]) -> Iterator[tuple[int, list[Item]]]:
    iterator, start = iter(items), 0
    while chunk := list(islice(iterator, CHUNK)):
        yield start, chunk
        start += len(chunk)


def _call(function: Callable[[Item], Result], items: list[Item]) -> list[Result | Failure]:
    outcomes: list[Result | Failure] = []
    for item in items:
        try:
            outcomes.append(function(item))
        except _STOPPING:
            raise
        except Exception as error:  # the edge: one bad item must not stop the others
            lines = str(error).splitlines()
            reason = f"{type(error).__name__}: {lines[0] if lines else ''}"
            outcomes.append(Failure(reason[:_MAX_REASON]))
    return outcomes
