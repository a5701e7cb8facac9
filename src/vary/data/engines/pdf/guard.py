"""The side of a worker that lives on: asks it, ends it when it takes too long, starts another."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

from vary.data.engines.base import Reject
from vary.errors import VaryError

WORKER_MODULE = "vary.data.engines.pdf.worker"
READY = b"ready\n"
CRASHED, TOO_SLOW, TOO_BIG = "crashes the reader", "takes too long", "needs too much memory"
# A worker that sleeps rather than computes is ended by the clock, after so many times the
# processor time that it may take: a busy machine must not decide what is rejected.
CLOCK_PER_CPU = 10
# A worker that cannot even start says so on its error output; so much of it is told.
TOLD_CHARACTERS = 400


class _Died(Exception):  # noqa: N818 - a way out of `_ask_once`, not an error
    """The worker gave no answer.

    Attributes:
        reason: why, as a reject is counted.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Guard:
    """Answers requests by a worker process, whatever becomes of it; pickles without the process.

    Args:
        cpu_s: processor seconds per request.
        memory_mib: address space of the worker.
    """

    def __init__(self, cpu_s: int, memory_mib: int) -> None:
        self.cpu_s = cpu_s
        self.memory_mib = memory_mib
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the process, which stays where it is."""
        return {"cpu_s": self.cpu_s, "memory_mib": self.memory_mib}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state; a worker is started when it is needed."""
        self.__init__(**state)  # type: ignore[misc]

    def __del__(self) -> None:
        """End the worker."""
        self.close()

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return a worker's answer, and the picture that came with it.

        A worker that dies had perhaps been weakened by documents before: the request is tried
        once more by a fresh one, so that the outcome hangs on this request alone.

        Raises:
            Reject: the worker gives a reason, or dies of the request.
            VaryError: no worker can be started.
        """
        was_fresh = self._answered == 0
        try:
            return self._ask_once(request)
        except _Died as died:
            if was_fresh or died.reason == TOO_SLOW:
                raise Reject(died.reason) from None
        try:
            return self._ask_once(request)
        except _Died as died:
            raise Reject(died.reason) from None

    def close(self) -> None:
        """End the worker, if there is one."""
        process, self._process = self._process, None
        self._answered = 0
        if process is None:
            return
        with suppress(OSError):
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _ask_once(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        is_late = threading.Event()
        clock = threading.Timer(self.cpu_s * CLOCK_PER_CPU, _end, (process, is_late))
        clock.daemon = True
        clock.start()
        try:
            process.stdin.write(json.dumps(request | {"cpu_s": self.cpu_s}).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            image = process.stdout.read(answer["image_bytes"])
            if len(image) != answer["image_bytes"]:
                raise _Died(CRASHED)
        except (OSError, ValueError, KeyError, TypeError, _Died):
            raise _Died(self._cause(process, is_late=is_late.is_set())) from None
        finally:
            clock.cancel()
        if answer.get("died"):
            self.close()
            raise _Died(TOO_BIG)
        self._answered += 1
        if "reason" in answer:
            raise Reject(answer["reason"], answer["detail"])
        return answer, image

    def _started(self) -> "subprocess.Popen[bytes]":
        """Return the worker, started if there is none.

        Raises:
            VaryError: it does not come up; its last words are told.
        """
        if self._process is not None:
            return self._process
        places = os.pathsep.join(part for part in sys.path if part)
        with tempfile.TemporaryFile() as words:
            self._process = subprocess.Popen(
                [sys.executable, "-m", WORKER_MODULE, str(self.memory_mib)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                # One thread: numpy's libraries reserve address space for each.
                env=os.environ | {"PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"},
            )
            assert self._process.stdout is not None
            if self._process.stdout.readline() != READY:
                self.close()
                words.seek(0)
                told = words.read().decode(errors="replace").strip()[-TOLD_CHARACTERS:]
                raise VaryError(
                    f"the process that opens PDFs does not start (memory_mib {self.memory_mib}): "
                    f"{told or 'it says nothing'}"
                )
        self._answered = 0
        return self._process

    def _cause(self, process: "subprocess.Popen[bytes]", *, is_late: bool) -> str:
        """Return why a worker gave no answer, and forget it."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        code = process.returncode
        self.close()
        if is_late or code == -getattr(signal, "SIGXCPU", 0):
            return TOO_SLOW
        return CRASHED


def _end(process: "subprocess.Popen[bytes]", is_late: threading.Event) -> None:
    is_late.set()
    process.kill()
