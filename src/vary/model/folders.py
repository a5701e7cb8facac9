"""Folders that are there whole or not at all."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vary.errors import VaryError


def check_is_free(out: Path) -> None:
    """Refuse a place where something stands already.

    Raises:
        VaryError: a file, or a folder that is not empty.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists():
        what = "is not empty" if out.is_dir() else "is a file"
        raise VaryError(f"--out {out} {what}; name a new folder, nothing is written over")


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder beside, which takes its place and name once all is written.

    What goes wrong on the way leaves nothing behind.

    Raises:
        VaryError: see `check_is_free`.
    """
    check_is_free(out)
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        grant_modes(beside)
        if out.exists():
            out.rmdir()
        beside.rename(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def grant_modes(folder: Path) -> None:
    """Give a folder's files the mode that the process's umask leaves to new ones.

    safetensors writes its files so that nobody else may read them (mode 0600).
    """
    # Asking for the umask itself would change it for all threads; a new file tells it.
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        probe = Path(beside) / "probe"
        probe.touch()
        mode = stat.S_IMODE(probe.stat().st_mode)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod(mode)
