"""Plain text to make pages and lines from: one paragraph per line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from vary.errors import InputError


@dataclass(frozen=True)
class Paragraph:
    """A paragraph and the file that it comes from.

    Args:
        text: the paragraph, without line breaks.
        source: name of its file; its path within the folder where other files share the name.
    """

    text: str
    source: str


class TextCorpus:
    """Paragraphs to draw from.

    Args:
        paragraphs: at least one.

    Raises:
        InputError: there is none.
    """

    def __init__(self, paragraphs: Sequence[Paragraph]) -> None:
        if not paragraphs:
            raise InputError("the corpus holds no text; give at least one non-empty line")
        self.paragraphs = tuple(paragraphs)

    @classmethod
    def from_folder(
        cls, folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> "TextCorpus":
        """Return all paragraphs of a folder's `.txt` files (UTF-8, one paragraph per line).

        Args:
            folder: where the files lie, subfolders too.
            include: patterns of file names to take; none: all.
            exclude: patterns of file names to leave.

        Raises:
            InputError: no such folder, no text in it, or a file that cannot be read or is not
                UTF-8.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"no text folder {folder}; give a folder of .txt files")
        files = [
            path
            for path in sorted(folder.rglob("*.txt"))
            if path.is_file()
            and (not include or _matches(path, include))
            and not _matches(path, exclude)
        ]
        names = Counter(path.name for path in files)
        paragraphs = [
            Paragraph(
                line, path.name if names[path.name] == 1 else path.relative_to(folder).as_posix()
            )
            for path in files
            for line in _lines_of(path)
        ]
        if not paragraphs:
            raise InputError(
                f"no text in {folder}: {len(files)} .txt files fit and none has a non-empty line; "
                "expected UTF-8 files with one paragraph per line"
            )
        return cls(paragraphs)

    def draw(self, rng: np.random.Generator) -> Paragraph:
        """Return a paragraph by lot, longer ones in proportion no oftener than short ones."""
        return self.paragraphs[rng.integers(len(self.paragraphs))]


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in patterns)


def _lines_of(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin with a mark
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 ({error.reason}); convert it first") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); make it readable, or leave it out"
        ) from error
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]
