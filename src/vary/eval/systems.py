"""What is measured: a checkpoint, any other program, or answers that lie there already."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Protocol

from vary import __version__
from vary.checkpoints import CONFIG_FILE, bundled_checkpoints, find_checkpoint
from vary.errors import VaryError
from vary.eval.answers import AnswerFile
from vary.eval.data import IMAGES_FOLDER
from vary.eval.endpoint import EndpointSystem
from vary.eval.records import Prompt, Response, clean_text
from vary.read.inputs import checkpoint_digest

if TYPE_CHECKING:
    from vary.read.asking import Asking
    from vary.read.reader import Reader
    from vary.read.results import DocumentResult

_NAMED = re.compile(r"^(?P<name>[\w.-]+)=(?P<spec>.+)$", re.DOTALL)
_ENDPOINT = re.compile(r"^(?P<url>https?://[^#]+)#(?P<model>.+)$")
_PLACEHOLDER = re.compile(r"\{(image|prompt|output)\}")
_ANSWER_SUFFIXES = (".txt", ".md", ".json")
DEFAULT_TIMEOUT_S = 600.0
_ASK = "ask"
MAX_OUTPUT_BYTES = 64 * 2**20
# Names that lie beside the systems' folders in the folder of a run.
RESERVED_NAMES = {IMAGES_FOLDER, "prompts.jsonl", "report.json", "report.html", "", ".", ".."}


class System(Protocol):
    """Something that answers prompts.

    Attributes:
        name: of its folder and its column.
        description: what it is; answers under another description are not gone on with.
        keeps_answers: whether answers are worth keeping for a run that goes on.
    """

    name: str
    description: str
    keeps_answers: ClassVar[bool]

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:
        """Refuse what cannot be asked, before anything is.

        Args:
            task: what the prompts want: ocr, markdown, chart or ask.
            prompts: all of them.

        Raises:
            VaryError: it cannot do that.
        """
        ...

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:
        """Yield one response for each prompt, in any order; failures are responses too.

        Args:
            prompts: none with a `reason`.
            folder: where their relative picture paths start.
        """
        ...


@dataclass
class ReaderSystem:
    """A checkpoint of this package, read with as `vary read` does.

    Args:
        name: of its column.
        model: a bundled checkpoint's name or a folder.
        device: see `Reader.from_pretrained`.
        batch_size: see `Reader`.
    """

    name: str
    model: str
    device: str = "auto"
    batch_size: int | None = None
    keeps_answers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.folder = find_checkpoint(self.model)
        digest = checkpoint_digest(self.folder)[:16]
        self.description = f"checkpoint {Path(self.model).name} ({digest}), vary {__version__}"
        self._task = "ocr"

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:
        """Refuse a task that the checkpoint was not trained for, or questions to it."""
        if task == _ASK:
            self._check_asked(prompts)
            self._task = task
            return
        from transformers import AutoConfig  # noqa: PLC0415 - imports torch

        import vary.model  # noqa: F401, PLC0415 - registers the configuration's class

        tasks = tuple(getattr(AutoConfig.from_pretrained(self.folder), "tasks", ())) or ("ocr",)
        if task not in tasks:
            raise VaryError(
                f"model {self.model!r} was trained for {', '.join(tasks)}, not for {task}; give a "
                "model that was, or a program: --model 'PROGRAM {image}'"
            )
        self._task = task

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:
        """Yield what is read on each prompt's pictures."""
        if not prompts:
            return
        from vary.read.reader import Reader  # noqa: PLC0415 - imports torch

        reader = Reader.from_pretrained(self.model, device=self.device, batch_size=self.batch_size)
        if self._task != _ASK:  # there each prompt has its own question
            reader.use_task(self._task)
        for prompt in prompts:
            yield self._read(reader, prompt, folder)

    def _check_asked(self, prompts: Sequence[Prompt]) -> None:
        """Refuse a checkpoint that is asked nothing in words, and prompts of several pictures."""
        from vary.model.chat import CHAT_FORMS  # noqa: PLC0415 - imports transformers
        from vary.model.inspection import checkpoint_info  # noqa: PLC0415

        form = (checkpoint_info(self.folder).get("prompt") or {}).get("form")
        if form not in CHAT_FORMS:
            raise VaryError(
                f"model {self.model!r}: it is asked nothing in words (prompt form {form}); give a "
                f"model of a chat form ({', '.join(CHAT_FORMS)}), a program that takes questions, "
                "--model 'PROGRAM {image} {prompt}', or a file of its answers"
            )
        if several := [prompt.id for prompt in prompts if len(prompt.images) > 1]:
            raise VaryError(
                f"model {self.model!r}: it is asked about one picture at a time; {len(several)} "
                f"prompts have several, such as {several[0]}: give a program that takes them"
            )

    def _read(self, reader: "Reader", prompt: Prompt, folder: Path) -> Response:
        try:
            asked: Asking = {"prompt": prompt.prompt} if self._task == _ASK else {}
            documents = [reader.read_document(folder / image, **asked) for image in prompt.images]
        except Exception as error:  # the edge: one bad picture must not stop the others
            return Response(prompt.id, None, f"{type(error).__name__}: {error}")
        pages = [page for document in documents for page in document.pages]
        failed = [page.reason for page in pages if page.status == "failed"]
        if failed:
            return Response(prompt.id, None, "; ".join(failed))
        text = "\n\n".join(self._text(document) for document in documents)
        meta: dict[str, Any] = {"status": ", ".join(page.status for page in pages)}
        confidences = [page.confidence for page in pages if page.confidence is not None]
        if confidences:
            meta["confidence"] = round(sum(confidences) / len(confidences), 4)
        return Response(prompt.id, clean_text(text), "", sum(p.seconds for p in pages), meta)

    def _text(self, document: "DocumentResult") -> str:
        form = "markdown" if self._task == "markdown" else "text"
        return "\n\n".join(getattr(page, form) for page in document.pages)


class _EndlessError(Exception):
    """A program prints more than any answer has."""


@dataclass
class CommandSystem:
    """Any program: a template of its command line, run once for each prompt, without a shell.

    `{image}` is the picture's path (all of them, where there are several), `{prompt}` the question.
    The answer is what it prints, or with `{output}` the file of that name, with or without an
    ending.

    Args:
        name: of its column.
        template: the command line, quoted as for a shell.
        workers: programs at the same time.
        timeout_s: after which one is killed.

    Raises:
        VaryError: the template cannot be split into words.
    """

    name: str
    template: str
    workers: int = 1
    timeout_s: float = DEFAULT_TIMEOUT_S
    keeps_answers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        try:
            self._words = shlex.split(self.template)
        except ValueError as error:
            raise VaryError(f"--model {self.template!r}: {error}; check its quotes") from error
        self.program = self._words[0]
        self.description = f"command {self.template}"
        self._running: set[subprocess.Popen[bytes]] = set()
        self._starting = threading.Lock()
        self._is_stopped = False

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002
        """Refuse a program that is not there, and a question that the template has no place for."""
        if shutil.which(self.program) is None:
            raise VaryError(
                f"--model {self.template!r}: there is no program {self.program!r}; install it, or "
                "give its path (environment variables are set by env: 'env LANG=C PROGRAM ...')"
            )
        if task == "ask" and "{prompt}" not in self.template:
            raise VaryError(
                f"--model {self.template!r}: this task asks questions; say where they go with "
                "{prompt}"
            )

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:
        """Yield the answers as the programs end."""
        self._is_stopped = False
        with ThreadPoolExecutor(self.workers) as pool:
            futures = [pool.submit(self._run, prompt, folder) for prompt in prompts]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:  # a run that is stopped begins no further program and waits for none
                pool.shutdown(wait=False, cancel_futures=True)
                with self._starting:  # none is between its start and its place in the list
                    self._is_stopped = True
                    for process in self._running:
                        _kill(process)

    def _run(self, prompt: Prompt, folder: Path) -> Response:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "answer"
            command = self._command(prompt, folder, output)
            answer, reason = None, ""
            try:
                status, printed, said = self._call(command)
                if status:
                    reason = _exit_reason(status, said)
                else:
                    answer, reason = self._answer(printed, output)
            except subprocess.TimeoutExpired:
                reason = f"no answer within {self.timeout_s:g} s"
            except _EndlessError:
                reason = f"it printed more than {MAX_OUTPUT_BYTES // 2**20} MiB"
            except OSError as error:
                reason = f"cannot run {command[0]}: {error.strerror}"
        return Response(prompt.id, answer, reason, time.perf_counter() - start)

    def _call(self, command: list[str]) -> tuple[int, bytes, bytes]:
        """Return exit status, output and errors of a program.

        It leads a group of its own, so that nothing that it began outlives it; what left that group
        (a server that it started) may live on, but holds nothing up: the output goes to files.
        """
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
            process = self._start(command, printed, said)
            try:
                self._wait(process, printed.fileno())
            finally:
                _kill(process)
                process.wait()
                with self._starting:
                    self._running.discard(process)
            for file in (printed, said):
                file.seek(0)
            return process.returncode, printed.read(MAX_OUTPUT_BYTES), said.read(MAX_OUTPUT_BYTES)

    def _start(
        self, command: list[str], printed: IO[bytes], said: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        """Return a program that runs, known as one that a stop has to end.

        Raises:
            CancelledError: the run is stopped.
        """
        with self._starting:
            if self._is_stopped:
                raise CancelledError
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _wait(self, process: "subprocess.Popen[bytes]", output: int) -> None:
        """Wait for a program's end.

        Raises:
            TimeoutExpired: it takes too long.
            _EndlessError: it prints too much.
        """
        end = time.monotonic() + self.timeout_s
        while True:
            try:
                process.wait(min(1.0, max(0.001, end - time.monotonic())))
            except subprocess.TimeoutExpired:
                if time.monotonic() >= end:
                    raise
            if os.fstat(output).st_size > MAX_OUTPUT_BYTES:
                raise _EndlessError
            if process.returncode is not None:
                return

    def _command(self, prompt: Prompt, folder: Path, output: Path) -> list[str]:
        images = [str(folder / image) for image in prompt.images]
        given = {"prompt": prompt.prompt, "output": str(output), "image": " ".join(images)}
        words: list[str] = []
        for word in self._words:
            if word == "{image}":
                words += images
            else:
                words.append(_PLACEHOLDER.sub(lambda found: given[found.group(1)], word))
        return words

    def _answer(self, printed: bytes, output: Path) -> tuple[str | None, str]:
        """Return the answer, or why there is none."""
        if "{output}" in self.template:
            files = sorted(path for path in output.parent.iterdir() if path.is_file())
            if not files:
                return None, "it wrote no file {output}"
            with files[0].open("rb") as file:
                printed = file.read(MAX_OUTPUT_BYTES)
        return clean_text(printed.decode("utf-8", "replace").strip("\f")), ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a program and all that it began."""
    if not hasattr(os, "killpg"):  # Windows
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _exit_reason(status: int, said: bytes) -> str:
    lines = clean_text(said.decode("utf-8", "replace")).strip().splitlines()
    return f"exit status {status}" + (f": {lines[-1][:300]}" if lines else "")


@dataclass
class FolderSystem:
    """Answers that lie in a folder: a `.txt`, `.md` or `.json` named after each picture or id.

    Args:
        name: of its column.
        folder: where they lie.
    """

    name: str
    folder: Path
    keeps_answers: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.description = f"answers in folder {self.folder.name}"

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:
        """Answers that lie there may be answers to anything."""

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:  # noqa: ARG002
        """Yield what lies there for each prompt."""
        stems = Counter(stem for prompt in prompts for stem in _stems(prompt))
        for prompt in prompts:
            # A name alone is enough where only one prompt has it.
            yield self._find(prompt, [stem for stem in _stems(prompt) if stems[stem] == 1])

    def _find(self, prompt: Prompt, stems: Sequence[str]) -> Response:
        for stem in dict.fromkeys([prompt.id, *stems]):
            for suffix in _ANSWER_SUFFIXES:
                path = self.folder / (stem + suffix)
                try:
                    if path.is_file():
                        text = path.read_text(encoding="utf-8", errors="replace")
                        return Response(prompt.id, clean_text(text))
                except OSError as error:
                    return Response(prompt.id, None, f"{path.name} cannot be read: {error}")
        wanted = stems[0] if stems else prompt.id
        return Response(prompt.id, None, f"no file {wanted}.txt, .md or .json")


def _stems(prompt: Prompt) -> set[str]:
    """Return the names that a file of a prompt's answer may have, besides its id."""
    return {Path(prompt.id).name, *(Path(image).stem for image in prompt.images)}


@dataclass
class FileSystem:
    """Answers of any system in one file, see `AnswerFile`.

    Args:
        name: of its column.
        answers: the file, read.
    """

    name: str
    answers: AnswerFile
    keeps_answers: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.description = f"answers in file {self.answers.path.name}"

    def check(self, task: str, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002
        """Refuse answers to what nobody asked; they may be answers to any task."""
        for _ in self.answers.responses(prompts):
            pass

    def answer(self, prompts: Sequence[Prompt], folder: Path) -> Iterator[Response]:  # noqa: ARG002
        """Yield the answer to each prompt."""
        yield from self.answers.responses(prompts)


@dataclass(frozen=True)
class SystemOptions:
    """How systems are run; see `ReaderSystem` and `CommandSystem`."""

    device: str = "auto"
    batch_size: int | None = None
    workers: int = 1
    timeout_s: float = DEFAULT_TIMEOUT_S


def check_name(name: str) -> None:
    """Refuse a system's name that something else in the folder of a run has.

    Raises:
        VaryError: as told.
    """
    if name in RESERVED_NAMES:
        raise VaryError(f"a system cannot be called {name!r}; name it: --model NAME=SPEC")


def open_systems(specs: Sequence[str], options: SystemOptions) -> list[System]:
    """Return the systems of a command line's `--model` options.

    Args:
        specs: each `SPEC` or `NAME=SPEC`; a SPEC is a bundled checkpoint's name, the folder of a
            checkpoint, a command with `{image}`, `URL#MODEL` of an OpenAI-compatible endpoint, a
            folder of answers, or a file of answers.
        options: for those that are run.

    Raises:
        VaryError: a spec is none of these, or two have one name.
    """
    systems: list[System] = []
    for spec in specs:
        found = _NAMED.match(spec)
        name, rest = (found["name"], found["spec"]) if found else ("", spec)
        systems.append(_open_system(name, rest, options))
    names = [system.name for system in systems]
    for name in names:
        check_name(name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise VaryError(f"two systems are called {', '.join(twice)}; name them: --model NAME=SPEC")
    return systems


def _open_system(name: str, spec: str, options: SystemOptions) -> System:
    if "{image}" in spec:
        system = CommandSystem(name, spec, options.workers, options.timeout_s)
        system.name = name or Path(system.program).name
        return system
    served = _ENDPOINT.match(spec)
    if served:
        model = served["model"]
        known_as = name or re.sub(r"[^\w.-]+", "-", model.rsplit("/", 1)[-1])
        return EndpointSystem(known_as, served["url"], model, options.workers, options.timeout_s)
    if not spec.strip():
        raise VaryError("--model is empty; name a checkpoint, a command with {image}, or answers")
    path = Path(spec)
    if spec in bundled_checkpoints() or (path / CONFIG_FILE).is_file():
        return ReaderSystem(name or path.name, spec, options.device, options.batch_size)
    if path.is_file():
        return FileSystem(name or path.stem, AnswerFile.load(path))
    if path.is_dir():
        if not any(file.suffix in _ANSWER_SUFFIXES for file in path.rglob("*")):
            raise VaryError(
                f"--model {spec}: this folder holds neither a checkpoint ({CONFIG_FILE}) nor "
                "answers (.txt, .md, .json)"
            )
        return FolderSystem(name or path.resolve().name, path)
    known = ", ".join(bundled_checkpoints()) or "none"
    raise VaryError(
        f"--model {spec!r}: no bundled checkpoint ({known}), no folder and no file; a program is "
        "given as a command with {image} in it, a served model as URL#MODEL"
    )
