"""Fonts and texts of a run: what it learns from, and what is left to measure it with."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.fonts import FontFace, FontLibrary
from vary.data.shares import share_by_hash
from vary.errors import VaryError
from vary.train.recipe import DataRecipe

_TEXT_SHARE = 0.02
_FONT_SHARE = 0.1
# A family without these could not draw the lines that a run is measured on.
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class TextSplit:
    """Texts to learn from and to measure with.

    Args:
        learned: texts to learn from.
        held_out: texts to measure with.
        told: one line that says what is held out.
    """

    learned: TextCorpus
    held_out: TextCorpus
    told: str


@dataclass(frozen=True)
class FontSplit:
    """Fonts to learn from and to measure with.

    Args:
        learned: fonts to learn from.
        held_out: fonts to measure with.
        told: one line that says what is held out.
    """

    learned: FontLibrary
    held_out: FontLibrary
    told: str


def split_text(data: DataRecipe) -> TextSplit:
    """Return a run's texts: what `text_exclude` matches is held out, or else a share by hash.

    Raises:
        InputError: no such folder, or no text in it.
        VaryError: no text is named, or the patterns hold out all of it.
    """
    if not data.text:
        raise VaryError("the recipe names no text; give a folder of .txt files: data.text=FOLDER")
    whole = TextCorpus.from_folder(Path(data.text)).paragraphs
    held = [p for p in whole if _is_any(data.text_exclude, _file_name(p))]
    if held:
        learned = [p for p in whole if not _is_any(data.text_exclude, _file_name(p))]
        _check_rest(learned, "data.text_exclude", "file of data.text")
        where = f"the files {', '.join(sorted({p.source for p in held}))}"
        return _texts(learned, held, f"{len(held)} of {len(whole)} paragraphs, {where}")
    chosen = share_by_hash([p.text for p in whole], _TEXT_SHARE)
    held = [p for p in whole if p.text in chosen]
    learned = [p for p in whole if p.text not in chosen]
    why = "by hash, since text_exclude matches no file"
    if not learned:
        return _texts(held, held, f"none: there is one paragraph, learned and measured ({why})")
    return _texts(learned, held, f"{len(held)} of {len(whole)} paragraphs {why}")


def _texts(learned: Sequence[Paragraph], held: Sequence[Paragraph], told: str) -> TextSplit:
    return TextSplit(TextCorpus(learned), TextCorpus(held), f"text held out: {told}")


def split_fonts(data: DataRecipe) -> FontSplit:
    """Return a run's fonts: what `font_held_out` matches is held out, or else a share by hash.

    Raises:
        InputError: a folder is missing, or no font is found.
        VaryError: the patterns hold out all fonts.
    """
    folders = [Path(folder) for folder in data.fonts] or None
    library = FontLibrary.discover(folders, exclude=data.font_exclude)
    whole = library.faces
    held = [f for f in whole if _is_any(data.font_held_out, f.family, f.path.name)]
    if held:
        learned = [f for f in whole if not _is_any(data.font_held_out, f.family, f.path.name)]
        _check_rest(learned, "data.font_held_out", "font")
        return _fonts(learned, held, _families(held))
    # One that cannot draw letters is no good for measuring, where there is another.
    able = {f.family for f in whole if not library.missing(f, _LETTERS)}
    able = able or {f.family for f in whole}
    chosen = share_by_hash(able, _FONT_SHARE)
    held = [f for f in whole if f.family in chosen]
    learned = [f for f in whole if f.family not in chosen]
    why = "by hash, since font_held_out matches no font"
    if able <= chosen:
        return _fonts(whole, held, f"none: {_families(held)} is both learned and measured ({why})")
    return _fonts(learned, held, f"{_families(held)} ({why})")


def _fonts(learned: Sequence[FontFace], held: Sequence[FontFace], told: str) -> FontSplit:
    return FontSplit(FontLibrary(learned), FontLibrary(held), f"fonts held out: {told}")


def text_hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each text file, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.txt"))
        if path.is_file()
    }


def _file_name(paragraph: Paragraph) -> str:
    return paragraph.source.rsplit("/", 1)[-1]


def _is_any(patterns: Iterable[str], *names: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns for name in names)


def _check_rest(learned: Sequence[object], key: str, kind: str) -> None:
    """Refuse patterns that hold out everything.

    Raises:
        VaryError: nothing is left.
    """
    if not learned:
        raise VaryError(
            f"{key} matches every {kind}, which leaves nothing to learn from; name fewer, or none "
            "for a share by hash"
        )


def _families(faces: Iterable[FontFace]) -> str:
    return ", ".join(sorted({face.family for face in faces}))
