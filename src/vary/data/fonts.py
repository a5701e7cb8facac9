"""Installed fonts: which there are, which characters each has, and how to draw with them."""

import hashlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from vary.data.engines.base import Reject
from vary.data.font_tables import FontTables, font_tables
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
_WINDOW_PX = 512
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
        absent: size and pixels of what it draws for a missing glyph, once that is known.
        is_latin: Latin letters are drawn as such, once that is known.
    """

    tables: FontTables
    has: set[str] = field(default_factory=set)
    lacks: set[str] = field(default_factory=set)
    absent: tuple[tuple[int, int], bytes] | None = None
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
        if not self._learn(known, face, asked.pop()):
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

    def load(self, face: FontFace, size_px: float) -> ImageFont.FreeTypeFont:
        """Return a face at a size, from a small cache."""
        key = (face, size_px)
        if key in self._loaded:
            self._loaded.move_to_end(key)
            return self._loaded[key]
        font = ImageFont.truetype(
            str(face.path), size_px, index=face.index, layout_engine=ImageFont.Layout.BASIC
        )
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
            font = self.load(face, _PROBE_PX)
            drawn = font.getmask(character)
            if known.absent is None:
                mask = font.getmask(_MISSING)
                known.absent = mask.size, pixels(mask).tobytes()
        except OSError:
            return False
        if drawn.getbbox() is None:
            return False
        return drawn.size != known.absent[0] or pixels(drawn).tobytes() != known.absent[1]

    def _is_latin(self, known: _Coverage, face: FontFace) -> bool:
        if known.is_latin is None:
            known.is_latin = _has_latin_letters(self.load(face, _PROBE_PX), known.tables)
        return known.is_latin


def _has_latin_letters(font: ImageFont.FreeTypeFont, tables: FontTables) -> bool:
    """Return false for fonts of symbols that draw Greek letters or ornaments in place of Latin.

    Their tables do not tell: they claim to have Latin letters, accented ones too. In all others
    most of these stand on the line of their plain letters and are higher.
    """
    pairs = [pair for pair in _ACCENTED if all(map(tables.may_have, pair))]
    alike = 0
    for accented, plain in pairs:
        _, high, _, low = font.getbbox(accented, anchor="ls")
        _, top, _, bottom = font.getbbox(plain, anchor="ls")
        alike += abs(low - bottom) <= 1 and top - high >= _ACCENT_PX
    return not pairs or 2 * alike > len(pairs)


class _Window(threading.local):
    """An array that is an image too: pasting a mask is the quickest way to its pixels.

    Attributes:
        image: of the array's memory; None where Pillow has copied it instead.
        array: (_WINDOW_PX, _WINDOW_PX) uint8.
    """

    def __init__(self) -> None:
        size = _WINDOW_PX, _WINDOW_PX
        self.array = np.zeros(size, np.uint8)
        self.image = image_over(self.array) if images_share_memory() else None


@lru_cache(maxsize=1)
def images_share_memory() -> bool:
    """Return whether what is pasted into `image_over` is in the array: Pillow may copy instead."""
    array = np.zeros((1, 1), np.uint8)
    image_over(array).im.paste(Image.new("L", (1, 1), 255).im, (0, 0, 1, 1))
    return bool(array[0, 0] == 255)


def image_over(array: np.ndarray) -> Image.Image:
    """Return an image of an array's memory, (H, W) uint8: pasting is the quickest way there."""
    height, width = array.shape
    return Image.frombuffer("L", (width, height), array, "raw", "L", 0, 1)


_window = _Window()


def pixels(mask: "Image.core.ImagingCore") -> np.ndarray:
    """Return a glyph's coverage as FreeType drew it, (H, W) uint8.

    Much quicker than ``bytes(mask)``, which asks for one pixel after the other.
    """
    width, height = mask.size
    if not (width and height):
        return np.zeros((height, width), np.uint8)
    if _window.image is not None and width <= _WINDOW_PX and height <= _WINDOW_PX:
        _window.image.im.paste(mask, (0, 0, width, height))
        return _window.array[:height, :width].copy()
    image = Image.new("L", mask.size)
    image.im.paste(mask, (0, 0, width, height))
    return np.asarray(image)


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
