"""A Node process that draws ECharts, kept for one chart after the other and watched."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from vary.data.engines.base import Reject
from vary.errors import VaryError

WORKER = Path(__file__).with_name("echarts_worker.mjs")
PACKAGES = Path(__file__).with_name("package.json")
MODULES_VARIABLE = "VARY_ECHARTS"
# One chart takes about 30 ms; the first one loads fonts.
TIMEOUT_S = 60.0
# A worker that has grown beyond this, mapped fonts aside, is replaced.
LARGEST_RSS = 500 * 2**20
# Heap of the scripts alone; pictures and fonts lie outside it. One thread: others would take the
# cores of other workers. Compiled from the first call on: the first charts are not interpreted.
_FLAGS = (
    "--max-old-space-size=160",
    "--max-semi-space-size=32",
    "--single-threaded",
    "--always-sparkplug",
)
# Pictures have megabytes: where the system allows it, they go through in few pieces.
_PIPE_BYTES = 2**20
# Fonts that lie on the machine would stand in for characters that a face lacks.
_QUIET = {"DISABLE_SYSTEM_FONTS_LOAD": "1", "NODE_OPTIONS": ""}


def default_modules() -> Path:
    """Return the folder where the npm packages are looked for: `VARY_ECHARTS`, or the cache."""
    told = os.environ.get(MODULES_VARIABLE)
    if told:
        return Path(told).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vary" / "echarts"


def install_command(modules: Path) -> str:
    """Return the one command that installs the npm packages, with the versions that are pinned."""
    pinned = json.loads(PACKAGES.read_text(encoding="utf-8"))["dependencies"]
    names = " ".join(f"{name}@{version}" for name, version in sorted(pinned.items()))
    return f"npm install --prefix {modules} {names}"


class _LostError(Exception):
    """The worker hung or died: which, and what is known of it."""


class NodeWorker:
    """Asks a Node process; starts it when it is needed, and anew when it hung or died.

    Pickles without the process. A process that was forked does not share its parent's.

    Args:
        modules: folder that holds `node_modules`.
        timeout_s: how long one answer may take.
        script: what Node runs.
    """

    def __init__(self, modules: Path, timeout_s: float = TIMEOUT_S, script: Path = WORKER) -> None:
        self.modules = modules
        self.timeout_s = timeout_s
        self.script = script
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings alone."""
        return {name: vars(self)[name] for name in ("modules", "timeout_s", "script")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the settings; the process is started when it is needed."""
        vars(self).update(state)
        self._forget()

    def __del__(self) -> None:
        """End the process."""
        with suppress(Exception):
            self.stop()

    @property
    def pid(self) -> int:
        """Return the number of the process, 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return the worker's report and its picture's bytes.

        A worker that hangs or dies is replaced and asked once more: the machine may have been busy
        or short of memory, and what is made must not hang on that.

        Raises:
            Reject: it hung or died again, or could not draw; the next request starts another.
            VaryError: Node or its packages are not installed.
        """
        try:
            report, pixels = self._ask(request)
        except _LostError:
            try:
                report, pixels = self._ask(request)
            except _LostError as error:
                raise Reject(f"chart worker {error.args[0]}", error.args[1]) from error
        if report.get("rss", 0) > LARGEST_RSS:
            self.stop()
        if "error" in report:
            raise Reject("chart worker failed", str(report["error"])[:300])
        return report, pixels

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Return report and bytes.

        Raises:
            _LostError: the worker hung or died; it is stopped.
        """
        process = self._running()
        self._number += 1
        line = json.dumps({**request, "id": self._number}, ensure_ascii=False) + "\n"
        hung = threading.Event()

        def kill() -> None:
            hung.set()
            process.kill()

        watchdog = threading.Timer(self.timeout_s, kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            report, pixels = self._exchange(process, line.encode())
        except (OSError, ValueError, EOFError) as error:
            told = self._last_words()
            self.stop()
            if hung.is_set():
                raise _LostError("hung", f"no answer in {self.timeout_s:g} s") from error
            raise _LostError("died", f"{error}: {told}"[:300]) from error
        finally:
            watchdog.cancel()
        return report, pixels

    def versions(self) -> dict[str, str]:
        """Return the versions of Node and its packages.

        Raises:
            VaryError: they are not installed; the message says how to.
        """
        try:
            report, _ = self.ask({"versions": True})
        except Reject as error:
            raise VaryError(
                f"ECharts cannot be drawn with {self.modules} ({error}); install its packages "
                f"with: {install_command(self.modules)}"
            ) from error
        return {str(name): str(version) for name, version in report["versions"].items()}

    def stop(self) -> None:
        """End the process, if this is the process that started it."""
        process, pid = self._process, self._pid
        self._forget()
        if process is None or pid != os.getpid():
            return
        with suppress(OSError):
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was not sent any more
                    stream.close()

    def _forget(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._number = 0
        self._errors: IO[bytes] | None = None

    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process, started if there is none of this very process."""
        if self._process is not None and self._pid == os.getpid():
            return self._process
        self._forget()
        node = shutil.which("node")
        if node is None:
            raise VaryError(
                "node is not installed, and ECharts needs it (on Debian: apt install nodejs npm); "
                f"then: {install_command(self.modules)}"
            )
        if not (self.modules / "node_modules" / "echarts").is_dir():
            raise VaryError(
                f"the packages of ECharts are not in {self.modules}; install them with: "
                f"{install_command(self.modules)}"
            )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [node, *_FLAGS, str(self.script), str(self.modules)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pipesize=_PIPE_BYTES,
            env={**os.environ, **_QUIET},
        )
        self._pid = os.getpid()
        return self._process

    def _exchange(
        self, process: subprocess.Popen[bytes], line: bytes
    ) -> tuple[dict[str, Any], bytes]:
        """Return what the process answers to a line.

        Raises:
            EOFError: it ended.
            ValueError: it answers something else.
        """
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        head = process.stdout.readline()
        if not head.endswith(b"\n"):
            raise EOFError("ended")
        report = json.loads(head)
        if not isinstance(report, dict) or report.get("id") != self._number:
            raise ValueError("an answer to another request")
        size = int(report["bytes"])
        pixels = process.stdout.read(size)
        if len(pixels) < size:
            raise EOFError("ended within a picture")
        return report, pixels

    def _last_words(self) -> str:
        """Return the line of the process' error stream that says most."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode("utf-8", "replace").splitlines()
        telling = [line.strip() for line in lines if "rror" in line]
        return (telling or [line.strip() for line in lines if line.strip()] or [""])[0]
