"""Installed fonts: which there are, which characters each has, and how to draw with them."""

import hashlib
import os
import sys
from collections import OrderedDict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageFont

from vary.data.engines.base import Reject
from vary.data.font_tables import FontTables, font_tables
from vary.data.scaled_faces import OpenFace, ScaledFace, load_font, rest_files
from vary.errors import InputError, VaryError

_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
_PROBE_PX = 24
_PLAIN_STYLES = {"Regular", "Book", "Roman", "Medium", "Normal", "10 Regular", "12 Regular"}
_PLAIN_SHARE = 0.55
# A noncharacter: no font has it, so it draws what the font draws for a missing glyph.
_MISSING = "\U0010ffff"
# Faces that are kept open: so many, and with files of so many bytes together. Each maps its file
# anew, so that open faces of large collections look like gigabytes of memory.
_MOST_OPEN, _MOST_OPEN_BYTES = 512, 192 << 20
_CALLS_BETWEEN_RESTS = 256
# Letters whose accents stand above them, and how high at least, of `_PROBE_PX`.
_ACCENTED = (("ö", "o"), ("ñ", "n"), ("ä", "a"), ("å", "a"), ("û", "u"))
_ACCENT_PX = 3


@dataclass(frozen=True)
class FontFace:
    """One face of a font file.

    Args:
        path: the file.
        index: the face's number in the file (collections hold several).
        family: name of the family.
        style: name of the style, such as `Bold Italic`.
    """

    path: Path
    index: int
    family: str
    style: str

    def __hash__(self) -> int:
        """Hash what tells faces apart but their places; that of a path takes long."""
        return hash((self.family, self.style, self.index))


@dataclass
class _Coverage:
    """What is known of a face's glyphs.

    Attributes:
        tables: what its file says.
        has, lacks: the characters that were asked for.
        absent: shape and pixels of what it draws for a missing glyph, once that is known.
        is_latin: Latin letters are drawn as such, once that is known.
    """

    tables: FontTables
    has: set[str] = field(default_factory=set)
    lacks: set[str] = field(default_factory=set)
    absent: tuple[tuple[int, ...], bytes] | None = None
    is_latin: bool | None = None


def system_font_folders() -> list[Path]:
    """Return the folders in which this operating system keeps fonts."""
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        return [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".fonts",
        home / ".local/share/fonts",
    ]


class FontLibrary:
    """Faces to draw with, and what each can draw.

    Args:
        faces: the faces; `discover` finds them.

    Raises:
        VaryError: no face at all.
    """

    def __init__(self, faces: Sequence[FontFace]) -> None:
        if not faces:
            raise VaryError("no font given; name a folder with .ttf or .otf files")
        self.faces = tuple(sorted(faces, key=_order))
        families: dict[str, list[FontFace]] = {}
        for face in self.faces:
            families.setdefault(face.family, []).append(face)
        self.families = {family: tuple(members) for family, members in families.items()}
        self._family_names = tuple(self.families)
        self._plain = {
            family: tuple(face for face in members if face.style in _PLAIN_STYLES)
            for family, members in self.families.items()
        }
        self._known: dict[FontFace, _Coverage] = {}
        self._loaded: OrderedDict[tuple[FontFace, float], ImageFont.FreeTypeFont] = OrderedDict()
        self._open_bytes = 0
        self._num_scaled = 0
        self._open: OrderedDict[tuple[Path, int], OpenFace] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without open faces."""
        return {**vars(self), "_open": OrderedDict()}

    @classmethod
    def discover(
        cls,
        folders: Sequence[Path] | None = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hashes: Sequence[str] = (),
    ) -> "FontLibrary":
        """Return the fonts in some folders (None: the system's).

        Args:
            folders: where to look, subfolders too.
            include: patterns (`*` and `?`) of families or file names to take; none: all.
            exclude: patterns of families or file names to leave.
            hashes: sha256 of the files to take; none: all.

        Raises:
            InputError: a folder is missing, or no font is found.
        """
        for folder in folders or ():
            if not Path(folder).is_dir():
                raise InputError(
                    f"no font folder {folder}; name a folder that holds .ttf or .otf files"
                )
        looked = [Path(folder) for folder in folders] if folders else system_font_folders()
        found = [path for folder in looked if folder.is_dir() for path in font_files(folder)]
        # Folders may overlap and links may lead to the same file: each file counts once.
        files = {path.resolve(): path for path in reversed(found)}
        if hashes:
            files = _first_of_each_hash(files, hashes)
        faces = [
            face
            for path in files.values()
            for face in _faces_of(path)
            if (not include or _matches(face, include)) and not _matches(face, exclude)
        ]
        if not faces:
            raise InputError(
                f"no font found in {', '.join(map(str, looked))}"
                f"{' that matches ' + ', '.join(include) if include else ''}; install fonts "
                "(on Debian: apt install fonts-liberation fonts-lmodern) or name a folder that "
                "holds some (--fonts FOLDER)"
            )
        return cls(faces)

    def has(self, face: FontFace, character: str) -> bool:
        """Return whether a face draws this character itself (white space counts as drawn)."""
        return self._learn(self._coverage(face), face, character)

    def has_all(self, face: FontFace, characters: Set[str]) -> bool:
        """Return whether a face draws each of some characters; quicker than `missing`."""
        known = self._coverage(face)
        if not known.lacks.isdisjoint(characters):
            return False
        asked = set(characters - known.has)
        if not asked:
            return True
        # What the file itself lacks is seen without drawing what it has.
        for character in asked:
            if not (character.isspace() or known.tables.may_have(character)):
                known.lacks.add(character)
                return False
        # The first one that a face draws shows that it does; the rest may be told by its file.
        if known.absent is None and not self._learn(known, face, asked.pop()):
            return False
        self._learn_told(known, asked)
        return all(self._learn(known, face, character) for character in asked)

    def missing(self, face: FontFace, text: str) -> set[str]:
        """Return the characters of a text for which a face has no glyph."""
        known = self._coverage(face)
        self._learn_told(known, set(text) - known.has - known.lacks)
        return {character for character in set(text) if not self.has(face, character)}

    def pick(self, rng: np.random.Generator, text: str, tries: int = 24) -> FontFace:
        """Return a face with all glyphs of a text: first a family by lot, then one of its faces.

        Upright faces of normal weight are taken oftener than their number, as documents do.

        Raises:
            Reject: no face was found that has them all.
        """
        characters = frozenset(text)
        for _ in range(tries):
            family = self._family_names[rng.integers(len(self._family_names))]
            plain = self._plain[family]
            members = plain if plain and rng.random() < _PLAIN_SHARE else self.families[family]
            face = members[rng.integers(len(members))]
            if self.has_all(face, characters):
                return face
        able = [face for face in self.faces if self.has_all(face, characters)]
        if able:
            return able[rng.integers(len(able))]
        best = self._closest(characters)
        lacking = "".join(sorted(self.missing(best, text)))[:20]
        raise Reject("no font has the glyphs", f"closest: {best.family}, lacks {lacking!r}")

    def lacking(self, text: str) -> set[str]:
        """Return the characters of a text that the face with most of them lacks."""
        return self.missing(self._closest(frozenset(text)), text)

    def scaled(self, face: FontFace, size_px: float) -> ScaledFace:
        """Return a face at a size, to draw glyphs with.

        Raises:
            OSError: the file cannot be read, or the face has no such size.
        """
        key = (face.path, face.index)
        opened = self._open.get(key)
        if opened is None:
            opened = self._open[key] = OpenFace(*key)
        self._open.move_to_end(key)
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)
        self._num_scaled += 1
        if self._num_scaled % _CALLS_BETWEEN_RESTS == 0:
            rest_files()
        return opened.scaled(size_px)

    def load(self, face: FontFace, size_px: float) -> ImageFont.FreeTypeFont:
        """Return a face at a size as Pillow has it, from a small cache."""
        key = (face, size_px)
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        font = load_font(face.path, face.index, size_px)
        self._loaded[key] = font
        self._open_bytes += _file_bytes(face.path)
        while len(self._loaded) > 1 and (
            len(self._loaded) > _MOST_OPEN or self._open_bytes > _MOST_OPEN_BYTES
        ):
            (oldest, _), _ = self._loaded.popitem(last=False)
            self._open_bytes -= _file_bytes(oldest.path)
        return font

    def hashes(self) -> dict[str, str]:
        """Return the sha256 of each font file, by file name.

        Different files of one name are numbered in the order of their hashes, `name`, `name#2`,
        so that nothing hangs on the folders that they lie in.
        """
        by_name: dict[str, set[str]] = {}
        for path in sorted({face.path for face in self.faces}):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            by_name.setdefault(path.name, set()).add(digest)
        return {
            name if number == 1 else f"{name}#{number}": digest
            for name, digests in by_name.items()
            for number, digest in enumerate(sorted(digests), start=1)
        }

    def _coverage(self, face: FontFace) -> _Coverage:
        known = self._known.get(face)
        if known is None:
            known = self._known[face] = _Coverage(font_tables(face.path, face.index))
        return known

    def _learn(self, known: _Coverage, face: FontFace, character: str) -> bool:
        """Return whether a face has a character, and remember it."""
        if character in known.has:
            return True
        if character in known.lacks:
            return False
        has = character.isspace() or (
            known.tables.may_have(character) and self._draws(known, face, character)
        )
        (known.has if has else known.lacks).add(character)
        return has

    def _learn_told(self, known: _Coverage, characters: Set[str]) -> None:
        """Remember which characters a face has by what its file says, once it has drawn one."""
        if known.absent is not None:
            # Not all faces have the letters of the alphabet as such.
            told = (c for c in characters if known.is_latin or not (c.isascii() and c.isalpha()))
            known.has |= known.tables.surely_has("".join(told))

    def _closest(self, characters: Set[str]) -> FontFace:
        return min(self.faces, key=lambda face: self._count_surely_missing(face, characters))

    def _count_surely_missing(self, face: FontFace, characters: Set[str]) -> int:
        """Return how many characters a face lacks, as far as this is known without drawing."""
        known = self._coverage(face)
        asked = characters - known.has - known.lacks
        known.lacks |= {
            character
            for character in asked
            if not (character.isspace() or known.tables.may_have(character))
        }
        return len(characters & known.lacks)

    def _draws(self, known: _Coverage, face: FontFace, character: str) -> bool:
        try:
            if character.isascii() and character.isalpha() and not self._is_latin(known, face):
                return False
            # A face that has drawn something draws what its file tells of, too.
            if known.absent is not None and known.tables.surely_has(character):
                return True
            scaled = self.scaled(face, _PROBE_PX)
            drawn = _pixels(scaled, character)
            if known.absent is None:
                known.absent = _pixels(scaled, _MISSING)
        except OSError:
            return False
        return drawn[1].strip(b"\0") != b"" and drawn != known.absent

    def _is_latin(self, known: _Coverage, face: FontFace) -> bool:
        if known.is_latin is None:
            known.is_latin = _has_latin_letters(self.scaled(face, _PROBE_PX), known.tables)
        return known.is_latin


def _has_latin_letters(face: ScaledFace, tables: FontTables) -> bool:
    """Return false for fonts of symbols that draw Greek letters or ornaments in place of Latin.

    Their tables do not tell: they claim to have Latin letters, accented ones too. In all others
    most of these stand on the line of their plain letters and are higher.
    """
    pairs = [pair for pair in _ACCENTED if all(map(tables.may_have, pair))]
    alike = 0
    for accented, plain in pairs:
        (high, low), (top, bottom) = (_reach(face, character) for character in (accented, plain))
        alike += abs(low - bottom) <= 1 and top - high >= _ACCENT_PX
    return not pairs or 2 * alike > len(pairs)


def _reach(face: ScaledFace, character: str) -> tuple[int, int]:
    """Return the top and the bottom of a character and its baseline, px downwards from that."""
    bitmap = face.mask(character).bitmap
    return (0, 0) if bitmap is None else (bitmap[2], bitmap[2] + bitmap[0].shape[0])


def _pixels(face: ScaledFace, character: str) -> tuple[tuple[int, ...], bytes]:
    """Return the shape of what a face draws for a character, and its pixels."""
    bitmap = face.mask(character).bitmap
    return ((0, 0), b"") if bitmap is None else (bitmap[0].shape, bitmap[0].tobytes())


@lru_cache(maxsize=4096)
def _file_bytes(path: Path) -> int:
    return path.stat().st_size


def _order(face: FontFace) -> tuple[str, str, str, int, str]:
    """Return what faces are sorted by: it leaves nothing to the order in which they were found."""
    return face.family, face.style, face.path.name, face.index, face.path.as_posix()


def font_files(folder: Path) -> list[Path]:
    """Return the font files in a folder and its subfolders."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def _first_of_each_hash(files: dict[Path, Path], hashes: Sequence[str]) -> dict[Path, Path]:
    """Return the files that have one of some hashes, one for each; copies lie in many places."""
    chosen: dict[str, tuple[Path, Path]] = {}
    for resolved, path in sorted(files.items()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in hashes:
            chosen.setdefault(digest, (resolved, path))
    return dict(chosen.values())


def _faces_of(path: Path) -> list[FontFace]:
    """Return a file's faces; an unreadable file has none."""
    faces: list[FontFace] = []
    in_collection = path.suffix.lower() in {".ttc", ".otc"}
    for index in range(64 if in_collection else 1):
        try:
            family, style = ImageFont.truetype(str(path), _PROBE_PX, index=index).getname()
        except OSError:
            break
        faces.append(FontFace(path, index, family or path.stem, style or "Regular"))
    return faces


def _matches(face: FontFace, patterns: Sequence[str]) -> bool:
    return any(
        fnmatch(face.family, pattern) or fnmatch(face.path.name, pattern) for pattern in patterns
    )
