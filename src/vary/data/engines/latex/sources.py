"""A folder of LaTeX sources as blocks, each file with the macros of the files around it."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from vary.data.engines.latex.cutting import Definitions, cut_source, read_definitions
from vary.data.engines.latex.names import MATH_COMMANDS
from vary.data.engines.latex.pieces import Block
from vary.data.engines.latex.running_text import Script
from vary.data.engines.latex.tokens import Macro, read_tokens
from vary.errors import InputError

# A larger file is no text that somebody wrote.
MAX_BYTES = 4_000_000
_ENCODINGS = ("utf-8-sig", "gb18030", "latin-1")


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
        files = dict(_read_files(folder, dropped))
        tokens = {name: read_tokens(text) for name, (text, _) in files.items()}
        definitions = {name: read_definitions(tokens[name]) for name in files}
        sources = []
        for name, (_, digest) in files.items():
            if (include and not _matches(name, include)) or _matches(name, exclude):
                continue
            known = nearest_definitions(name, definitions)
            cut = cut_source(tokens[name], known.macros, known.theorems, Script(language))
            dropped.update(cut.dropped)
            if cut.blocks:
                blocks = tuple(replace(block, source=name) for block in cut.blocks)
                sources.append(Source(name, digest, blocks))
        if not sources:
            told = "; ".join(f"{number} {why}" for why, number in dropped.most_common(4))
            raise InputError(
                f"nothing to set in {folder}: {len(files)} .tex files fit ({told or 'no text'}); "
                f"expected LaTeX with text, formulas or tables, in language {language}"
            )
        return cls(tuple(sources), dropped)

    def hashes(self) -> dict[str, str]:
        """Return the sha256 of each file that gave something, by name."""
        return {source.name: source.sha256 for source in self.sources}


def nearest_definitions(name: str, definitions: dict[str, Definitions]) -> Definitions:
    """Return what a file may use: its own definitions before those of near files.

    Args:
        name: of the file.
        definitions: of all files, by name.
    """

    def nearness(other: str) -> tuple[bool, int, str]:
        return (other == name, _shared_start(name, other), other)

    macros: dict[str, Macro] = {}
    theorems: dict[str, str] = {}
    for other in sorted(definitions, key=nearness):
        own = other == name
        theorems |= definitions[other].theorems
        # What LaTeX itself has may be changed by the file alone.
        macros |= {
            command: macro
            for command, macro in definitions[other].macros.items()
            if own or command[1:] not in MATH_COMMANDS
        }
    return Definitions(macros, theorems)


def _shared_start(one: str, other: str) -> int:
    """Return how many characters two names begin with alike."""
    differ = (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _read_files(folder: Path, dropped: Counter[str]) -> Iterable[tuple[str, tuple[str, str]]]:
    """Yield name, text and hash of each file that can be read."""
    for path in sorted(folder.rglob("*.tex")):
        if not path.is_file():  # a pipe would never end
            continue
        if path.stat().st_size > MAX_BYTES:
            dropped["a file too large"] += 1
            continue
        try:
            content = path.read_bytes()
        except OSError:
            dropped["a file that cannot be read"] += 1
            continue
        yield (
            path.relative_to(folder).as_posix(),
            (
                decode(content),
                hashlib.sha256(content).hexdigest(),
            ),
        )


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
