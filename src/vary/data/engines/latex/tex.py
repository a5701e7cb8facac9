"""TeX, run where a source can do no harm: no shell, no files outside, bounded time and memory."""

import contextlib
import fcntl
import functools
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vary.data.engines.base import Reject
from vary.errors import VaryError

PACKAGES = {
    "en": "texlive-latex-base texlive-latex-recommended texlive-latex-extra "
    "texlive-fonts-recommended lmodern",
    "zh": "texlive-xetex texlive-lang-chinese texlive-latex-recommended texlive-latex-extra "
    "texlive-fonts-recommended lmodern fonts-noto-cjk",
}  # fmt: skip
PROGRAMS = {"en": "pdflatex", "zh": "xelatex"}
JOB = "page"
MARKS_NAME = "marks.txt"
_FIRST_ERROR = re.compile(r"^! *(.+?)\s*$(?:\n(?!l\.).*$){0,8}(?:\n(l\.\d+ .*)$)?", re.MULTILINE)
_LOG_READ = 400_000
_CLOCK = 10
# XeTeX keeps no format in which an OpenType font is loaded. So no font is while it is made, but for
# one of the old kind: classes measure letters (scrartcl divides by their width). What a document
# then begins with loads the one that would have been.
_BEFORE_DUMP = {
    "en": "",
    "zh": r"\font\Vmeasured=cmr10 \Vmeasured"
    r"\makeatletter\let\Vpickup\pickup@font\def\pickup@font{}\makeatother ",
}
_AFTER_DUMP = {
    "en": "",
    "zh": r"\makeatletter\let\pickup@font\Vpickup\makeatother\normalfont\normalsize ",
}
_HOMES, _LOCK = "vary-tex-", "lock"


@dataclass(frozen=True)
class Limits:
    """What one run of TeX may use.

    Attributes:
        seconds: of the processor. Of the clock ten times as many: a busy machine must not decide
            which samples a set has.
        memory_mib: address space of each process.
        file_mib: size of each file that it writes.
    """

    seconds: int = 30
    memory_mib: int = 2048
    file_mib: int = 32


@dataclass(frozen=True)
class TexResult:
    """What a run of TeX gave.

    Attributes:
        pdf: the document.
        marks: the lines that the document wrote into `MARKS_NAME`.
        log: the beginning of TeX's own account.
    """

    pdf: bytes
    marks: tuple[str, ...]
    log: str


def find_program(language: str) -> Path:
    """Return the program that sets a language.

    Raises:
        VaryError: it is not installed; the Debian packages are named.
    """
    found = shutil.which(PROGRAMS[language])
    if found is None:
        raise VaryError(
            f"{PROGRAMS[language]} is not installed; on Debian: apt install {PACKAGES[language]}"
        )
    return Path(found)


@functools.cache
def program_version(program: Path) -> str:
    """Return the first line of a program's version, such as ``pdfTeX 3.14 (TeX Live 2022)``."""
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    return (done.stdout.splitlines() or ["unknown"])[0]


@functools.cache
def files_sha256(program: Path, names: tuple[str, ...]) -> str:
    """Return one hash over the files of TeX that documents are set with: classes, packages, fonts.

    Raises:
        VaryError: one of them is not installed.
    """
    done = subprocess.run(
        [program.with_name("kpsewhich"), *names],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    found = {Path(line).name: Path(line) for line in done.stdout.splitlines()}
    missing = [name for name in names if name not in found]
    if missing:
        language = next(key for key, value in PROGRAMS.items() if value == program.name)
        raise VaryError(
            f"{program.name}: {', '.join(missing)} not installed; on Debian: apt install "
            f"{PACKAGES[language]}"
        )
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(f"{name} {hashlib.sha256(found[name].read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


class Tex:
    """Sets documents, each in an empty folder of its own that is gone afterwards.

    The part of a preamble that many documents share is read once, and what TeX has then is kept
    (a format, for the life of this object): a page takes half of the time. The formats of objects
    whose process was killed are removed by the next one.

    Args:
        language: ``en`` (pdflatex) or ``zh`` (xelatex).
        limits: of each run.

    Raises:
        VaryError: the program is not installed.
    """

    def __init__(self, language: str, limits: Limits | None = None) -> None:
        self.program = find_program(language)
        self.limits = limits or Limits()
        self._language = language
        self._formats: dict[str, Path] = {}
        remove_homes_left(Path(tempfile.gettempdir()))
        self._home = tempfile.TemporaryDirectory(prefix=_HOMES)
        self._lock = _locked(Path(self._home.name))

    def set_document(self, shared: str, rest: str) -> TexResult:
        r"""Return the PDF of a document.

        Args:
            shared: what many documents begin with, up to any place before `\begin{document}`.
            rest: from there to the end.

        Raises:
            Reject: TeX found an error (the first is the detail), took too long, or wrote too much.
        """
        options = [f"-fmt={self._format(shared)}"]
        with tempfile.TemporaryDirectory(prefix="run-", dir=self._home.name) as name:
            folder = Path(name)
            (folder / f"{JOB}.tex").write_text(_AFTER_DUMP[self._language] + rest, encoding="utf-8")
            code = self._run([*options, f"{JOB}.tex"], folder, self.limits)
            log = _read_start(folder / f"{JOB}.log")
            pdf = folder / f"{JOB}.pdf"
            if code != 0 or re.search(r"^! ", log, re.MULTILINE):
                raise _failure(code, log)
            if not pdf.is_file():
                raise Reject("nothing is on the page", "all was too wide for it")
            marks = _read_start(folder / MARKS_NAME).splitlines()
            return TexResult(pdf.read_bytes(), tuple(marks), log)

    def _format(self, shared: str) -> Path:
        """Return the format of a shared preamble, made where there is none yet."""
        key = hashlib.sha256(shared.encode()).hexdigest()[:16]
        if key not in self._formats:
            folder = Path(self._home.name) / key
            folder.mkdir(exist_ok=True)
            (folder / f"{JOB}.tex").write_text(
                f"{_BEFORE_DUMP[self._language]}{shared}\n\\dump\n", encoding="utf-8"
            )
            begun = f"&{PROGRAMS[self._language]}"
            code = self._run(["-ini", f"-jobname={JOB}", begun, f"{JOB}.tex"], folder, Limits())
            made = folder / f"{JOB}.fmt"
            if code != 0 or not made.is_file():
                failure = _failure(code, _read_start(folder / f"{JOB}.log"))
                raise VaryError(
                    f"{self.program.name} cannot read a template's preamble ({failure}); on "
                    f"Debian: apt install {PACKAGES[self._language]}"
                )
            self._formats[key] = made
        return self._formats[key]

    def _run(self, arguments: Sequence[str], folder: Path, limits: Limits) -> int:
        """Run TeX in a folder and return its exit status, negative for a signal."""
        command = [
            str(self.program), "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error",
            *arguments,
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(folder, self.program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_limiter(limits),  # noqa: PLW1509 - it only sets limits
        ) as process:
            try:
                return process.wait(limits.seconds * _CLOCK)
            except subprocess.TimeoutExpired:
                return -signal.SIGXCPU
            finally:
                # The group may live on without its leader: xelatex leaves its driver behind.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)


def _locked(home: Path) -> BinaryIO:
    """Return the open lock of a home; whoever ends, however it ends, lets go of it."""
    lock = (home / f"{_LOCK}.new").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (home / f"{_LOCK}.new").rename(home / _LOCK)  # nobody finds it unlocked
    return lock


def remove_homes_left(folder: Path) -> None:
    """Remove what killed processes left in a folder: homes whose lock nobody holds."""
    for path in folder.glob(f"{_HOMES}*/{_LOCK}"):
        # Another user's, in use, or just gone.
        with contextlib.suppress(OSError), path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent)


def _environment(folder: Path, program: Path) -> dict[str, str]:
    """Return all that TeX learns of its surroundings: nothing of the user's, and no dates."""
    here = str(folder)
    return {
        "PATH": f"{program.parent}:/usr/bin:/bin",
        "HOME": here,
        **dict.fromkeys(("TEXMFHOME", "TEXMFVAR", "TEXMFCONFIG", "TEXMFOUTPUT", "TMPDIR"), here),
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "MKTEXPK": "0",
        "MKTEXTFM": "0",
        "max_print_line": "2000",
        "SOURCE_DATE_EPOCH": "0",
        "FORCE_SOURCE_DATE": "1",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }


def _limiter(limits: Limits) -> Callable[[], None]:
    def limit() -> None:
        for what, most in (
            (resource.RLIMIT_CPU, limits.seconds),
            (resource.RLIMIT_AS, limits.memory_mib << 20),
            (resource.RLIMIT_FSIZE, limits.file_mib << 20),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))

    return limit


def _read_start(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LOG_READ).decode("utf-8", "replace")


def _failure(code: int, log: str) -> Reject:
    """Return why a run gave no document."""
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return Reject("TeX took too long")
    if code == -signal.SIGXFSZ or "File size limit" in log:
        return Reject("TeX wrote too much")
    return Reject("TeX found an error", first_error(log) or f"exit status {code}")


def first_error(log: str) -> str:
    """Return the first error that a log tells, with the line where it was seen; empty for none."""
    found = _FIRST_ERROR.search(log)
    if found is None:
        return ""
    return " ".join(part[:200] for part in found.groups() if part)
