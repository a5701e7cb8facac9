"""Finding PDFs: files, folders, lists of paths, and members of tar archives."""

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vary.errors import InputError

# What a list may be called; all else that is no folder and no archive is taken for a PDF.
LIST_SUFFIXES = (".txt", ".lst", ".list")
PACKED_SUFFIXES = (".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tbz2", ".txz")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where the bytes of a document lie.

    Attributes:
        path: of the file, or of the archive.
        name: how samples call it: relative to what was given, with `/`.
        root: folder above which no sidecar is looked for.
        member: its name within the archive; empty for files.
        offset: where it begins in the archive; None for files.
        size: bytes.
    """

    path: Path
    name: str
    root: Path
    member: str
    offset: int | None
    size: int


def find_places(sources: tuple[Path, ...]) -> Iterator[Place]:
    """Yield the PDFs that sources name: in the order given, folders by name.

    Raises:
        InputError: a source does not exist, cannot be read, or is a packed archive.
    """
    for source in sources:
        if source.is_dir():
            yield from _in_folder(source)
        elif not source.exists():
            raise InputError(f"{source}: no such file; give PDFs, folders, tar archives or lists")
        elif source.name.lower().endswith(PACKED_SUFFIXES):
            raise InputError(
                f"{source}: members of a packed archive cannot be read in any order; unpack it "
                "into a .tar or a folder first"
            )
        elif source.suffix.lower() == ".tar":
            yield from _in_archive(source, source.name)
        elif source.suffix.lower() in LIST_SUFFIXES:
            yield from _in_list(source)
        else:
            yield _file(source, source.name, source.parent)


def sha256_of(place: Place) -> str:
    """Return the hash of a document's bytes, in hexadecimal.

    Raises:
        InputError: they cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with place.path.open("rb") as file:
            if place.offset is None:
                return hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(place.offset)
            left = place.size
            while left:
                chunk = file.read(min(left, _CHUNK))
                if not chunk:
                    break  # a cut archive: the document is damaged, and will be found so
                digest.update(chunk)
                left -= len(chunk)
    except OSError as error:
        raise InputError(
            f"{place.path}: cannot be read ({error.strerror}); make it readable, or leave it out"
        ) from error
    return digest.hexdigest()


def _file(path: Path, name: str, root: Path) -> Place:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); make it readable, or leave it out"
        ) from error
    return Place(path, name, root, "", None, size)


def _in_folder(folder: Path) -> Iterator[Place]:
    """Yield PDFs and members of archives in a folder, subfolders too."""
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in {".pdf", ".tar"} and path.is_file()
    ]
    for path in sorted(found, key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() == ".tar":
            yield from _in_archive(path, name)
        else:
            yield _file(path, name, folder)


def _in_list(file: Path) -> Iterator[Place]:
    """Yield the PDFs of a list; relative paths begin at the list's folder."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a list of paths in UTF-8 ({error})") from error
    for line in lines:
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        path = file.parent / entry
        if not path.is_file():
            raise InputError(f"{file}: lists {entry}, which is no file; take it out of the list")
        if path.suffix.lower() == ".tar":
            yield from _in_archive(path, Path(entry).name)
        else:
            name = entry if not Path(entry).is_absolute() else Path(entry).name
            yield _file(path, Path(name).as_posix(), path.parent)


def _in_archive(path: Path, name: str) -> Iterator[Place]:
    """Yield the PDFs of a tar archive, which is read through once and not unpacked."""
    try:
        with tarfile.open(path, "r:") as archive:
            while (member := archive.next()) is not None:
                if member.isreg() and member.name.lower().endswith(".pdf"):
                    label = f"{name}/{member.name}"
                    yield Place(
                        path, label, path.parent, member.name, member.offset_data, member.size
                    )
                archive.members = []  # type: ignore[attr-defined] # or it would keep them all
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{path}: not a readable tar archive ({error})") from error
