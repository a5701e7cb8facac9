"""A folder of LaTeX sources as blocks, each file with the macros of the files around it."""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from math import gcd
from pathlib import Path
from typing import TypeVar

from vary.data.engines.latex.cutting import cut_source, read_definitions
from vary.data.engines.latex.names import MATH_COMMANDS
from vary.data.engines.latex.pieces import Block
from vary.data.engines.latex.running_text import Script
from vary.data.engines.latex.tokens import read_tokens
from vary.errors import InputError

# A larger file is no text that somebody wrote.
MAX_BYTES = 4_000_000
# A folder of more bytes than the first is cut into shelves of about the second, read when needed.
WHOLE_BYTES, SHELF_BYTES = 8_000_000, 2_000_000
_ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")
_LAST = chr(0x10FFFF)
T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """Which files of a folder are set, and in what language; the others only define macros.

    Attributes:
        language: ``en`` or ``zh``.
        include: patterns of file names to take; none: all.
        exclude: patterns of file names to leave.
    """

    language: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Return whether a file is to be set."""
        return (not self.include or _matches(name, self.include)) and not _matches(
            name, self.exclude
        )


@dataclass(frozen=True)
class Source:
    """What a file gave.

    Attributes:
        name: of the file; its path within the folder.
        sha256: of the file.
        blocks: in order.
    """

    name: str
    sha256: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class SourceLibrary:
    """What a folder of sources gave.

    Attributes:
        sources: files with at least one block, by name.
        dropped: why pieces and files were left out -> how many.
    """

    sources: tuple[Source, ...]
    dropped: Counter[str]

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        language: str,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> "SourceLibrary":
        """Return the blocks of all `.tex` files of a folder.

        A macro that a file does not define is looked up in the others, the nearest first: those
        whose paths have most in common with its own. Files that are left out define macros too.

        Args:
            folder: where the files lie, subfolders too.
            language: ``en`` or ``zh``.
            include: patterns of file names to take; none: all.
            exclude: patterns of file names to leave.

        Raises:
            InputError: no such folder, or nothing in it can be used.
        """
        if not folder.is_dir():
            raise InputError(f"no folder {folder}; give a folder of .tex files")
        dropped: Counter[str] = Counter()
        choice = Choice(language, tuple(include), tuple(exclude))
        library = cls.from_files(folder, list(list_files(folder, dropped)), choice, dropped)
        if not library.sources:
            raise nothing_to_set(folder, library.dropped, language)
        return library

    @classmethod
    def from_files(
        cls, folder: Path, names: Sequence[str], choice: Choice, dropped: Counter[str]
    ) -> "SourceLibrary":
        """Return the blocks of some files of a folder, which may be none.

        Args:
            folder: where they lie.
            names: paths within the folder, also of those that only define macros.
            choice: what of them to set.
            dropped: what was left out before.
        """
        dropped = Counter(dropped)
        files = dict(_read_files(folder, names, dropped))
        tokens = {name: read_tokens(text) for name, (text, _) in files.items()}
        definitions = {name: read_definitions(tokens[name]) for name in files}
        macros = by_command({name: found.macros for name, found in definitions.items()})
        theorems = by_command({name: found.theorems for name, found in definitions.items()})
        sources = []
        for name, (_, digest) in files.items():
            if not choice.takes(name):
                continue
            cut = cut_source(
                tokens[name],
                Nearest(name, macros, kept_alone=MATH_COMMANDS),
                Nearest(name, theorems),
                Script(choice.language),
            )
            dropped.update(cut.dropped)
            if cut.blocks:
                blocks = tuple(replace(block, source=name) for block in cut.blocks)
                sources.append(Source(name, digest, blocks))
        return cls(tuple(sources), dropped)

    def hashes(self) -> dict[str, str]:
        """Return the sha256 of each file that gave something, by name."""
        return {source.name: source.sha256 for source in self.sources}


class Shelves:
    """A folder in parts, of which one at a time is read: a folder of any size can be used.

    A small folder is one part. Files are parted in the order of their paths, so that those of a
    work stay together; each part looks its macros up within itself.

    Args:
        folder: where the files lie, subfolders too.
        choice: what of them to set.

    Raises:
        InputError: no such folder, or nothing in it can be used.
    """

    def __init__(self, folder: Path, choice: Choice) -> None:
        self._folder, self._choice = folder, choice
        self._dropped: Counter[str] = Counter()
        sizes = list_files(folder, self._dropped)
        parts = _part(sizes) if sum(sizes.values()) > WHOLE_BYTES else [list(sizes)]
        self._parts = [part for part in parts if any(map(choice.takes, part))]
        self._read: tuple[int, SourceLibrary] | None = None
        if not self._parts or (len(self._parts) == 1 and not self.library(0).sources):
            told = self._read[1].dropped if self._read else self._dropped
            raise nothing_to_set(folder, told, choice.language)

    def __len__(self) -> int:
        return len(self._parts)

    def library(self, number: int) -> SourceLibrary:
        """Return what a part gave; the last that was read is kept."""
        if self._read is None or self._read[0] != number:
            library = SourceLibrary.from_files(
                self._folder, self._parts[number], self._choice, self._dropped
            )
            self._read = (number, library)
        return self._read[1]

    def number_of(self, turn: int) -> int:
        """Return which part has its turn: each once before one comes again, from all over."""
        count = len(self._parts)
        step = max(1, round(count * 0.618))
        while gcd(step, count) > 1:
            step += 1
        return turn * step % count

    def hashes(self) -> dict[str, str]:
        """Return sha256 by name: of each file that gave something, or one of all, of many parts."""
        if len(self._parts) == 1:
            return self.library(0).hashes()
        digest = hashlib.sha256()
        for part in self._parts:
            for name, (_, sha256) in _read_files(self._folder, part, Counter(), is_text=False):
                digest.update(f"{sha256} {name}\n".encode("utf-8", "surrogateescape"))
        return {f"{sum(map(len, self._parts))} files": digest.hexdigest()}


def _part(sizes: Mapping[str, int]) -> list[list[str]]:
    """Return names in parts of about as many bytes as a shelf has."""
    parts: list[list[str]] = [[]]
    size = 0
    for name, bytes_ in sizes.items():
        if size >= SHELF_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += bytes_
    return parts


def nothing_to_set(folder: Path, dropped: Counter[str], language: str) -> InputError:
    """Return the error of a folder in which nothing can be used."""
    told = "; ".join(f"{number} {why}" for why, number in dropped.most_common(4))
    return InputError(
        f"nothing to set in {folder}: no .tex file gave a paragraph or a table "
        f"({told or 'no text'}); expected LaTeX with text, formulas or tables, in language "
        f"{language}"
    )


Meanings = dict[str, tuple[list[str], dict[str, T]]]


def by_command(definitions: Mapping[str, Mapping[str, T]]) -> Meanings[T]:
    """Return command -> names of the files that define it, sorted, and what each makes of it."""
    found: Meanings[T] = {}
    for name in sorted(definitions):
        for command, meaning in definitions[name].items():
            names, meanings = found.setdefault(command, ([], {}))
            names.append(name)
            meanings[name] = meaning
    return found


class Nearest(Mapping[str, T]):
    """What commands mean in a file: as itself has it, else as the nearest file has it.

    Nearest is that whose path begins most like the file's own, the last of these in order.

    Args:
        name: of the file.
        meanings: of all files, by command.
        kept_alone: names that only the file itself may give another meaning.
    """

    def __init__(
        self, name: str, meanings: Meanings[T], kept_alone: frozenset[str] = frozenset()
    ) -> None:
        self._name, self._meanings, self._kept_alone = name, meanings, kept_alone
        self._known: dict[str, T | None] = {}

    def __getitem__(self, command: str) -> T:
        meaning = self._find(command)
        if meaning is None:
            raise KeyError(command)
        return meaning

    def __contains__(self, command: object) -> bool:
        return isinstance(command, str) and self._find(command) is not None

    def __iter__(self) -> Iterator[str]:
        return (command for command in self._meanings if command in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _find(self, command: str) -> T | None:
        if command not in self._known:
            self._known[command] = self._look_up(command)
        return self._known[command]

    def _look_up(self, command: str) -> T | None:
        if command not in self._meanings:
            return None
        names, meanings = self._meanings[command]
        if self._name in meanings:
            return meanings[self._name]
        if command[1:] in self._kept_alone:
            return None
        # Of sorted names the neighbours have most in common with a name.
        place = bisect_left(names, self._name)
        beside = names[max(0, place - 1) : place + 1]
        alike = max(_shared_start(self._name, other) for other in beside)
        last = bisect_left(names, self._name[:alike] + _LAST) - 1
        return meanings[names[last]]


def _shared_start(one: str, other: str) -> int:
    """Return how many characters two names begin with alike."""
    differ = (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def list_files(folder: Path, dropped: Counter[str]) -> dict[str, int]:
    """Return paths within a folder, in order, and the sizes of the files that may be read.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give a folder of .tex files")
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*.tex")):
        if not path.is_file():  # a pipe would never end
            continue
        size = path.stat().st_size
        if size > MAX_BYTES:
            dropped["a file too large"] += 1
        else:
            sizes[path.relative_to(folder).as_posix()] = size
    return sizes


def _read_files(
    folder: Path, names: Iterable[str], dropped: Counter[str], *, is_text: bool = True
) -> Iterable[tuple[str, tuple[str, str]]]:
    """Yield name, text (none if only hashes are wanted) and hash of each file that can be read."""
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except OSError:
            dropped["a file that cannot be read"] += 1
            continue
        digest = hashlib.sha256(content).hexdigest()
        yield name, (decode(content) if is_text else "", digest)


def decode(content: bytes) -> str:
    """Return the text of a file: UTF-8, else GB 18030 (which includes GBK), else Latin-1."""
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("Latin-1 takes any bytes")


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) or fnmatch(Path(name).name, pattern) for pattern in patterns)
