"""Frozen sets: whether a set is the published one, which fonts it needs, and its card."""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, features

from vary.data.fonts import font_files, system_font_folders
from vary.data.manifest import library_versions, read_manifest, replace_file
from vary.data.recipe import DRAWN_WITH, Frozen, SetHashes, SetRecipe
from vary.data.schema import EncodedImage, Sample, read_rows
from vary.data.shards import file_sha256, iterate_set
from vary.errors import InputError
from vary.extras import require

CARD_NAME = "card.json"
# How many samples `Frozen.first` is over: enough to see a difference, made in seconds.
FIRST_SAMPLES = 3
# Versions that decide texts and decoded pixels. Text is laid out without Raqm and HarfBuzz, and
# no compression without loss has a say.
_PIXEL_VERSIONS = ("numpy", "pillow", "freetype2")


@dataclass(frozen=True)
class Verdict:
    """Whether a set is the published one.

    Attributes:
        same_text: the same ids and targets, so the same test.
        same_pixels: the same pictures, to the last pixel.
        message: what to tell.
    """

    same_text: bool
    same_pixels: bool
    message: str


def hash_samples(samples: Iterable[Sample]) -> SetHashes:
    """Return what samples are known by: files, compression and versions of Parquet have no say."""
    number, text, pixels = 0, hashlib.sha256(), hashlib.sha256()
    for sample in samples:
        number += 1
        text.update(_text_line(sample.id, sample.text, map(asdict, sample.messages)))
        for image in sample.images:
            pixels.update(sample.id.encode() + b"\n")
            pixels.update(_pixels(image))
    return SetHashes(number, text.hexdigest(), pixels.hexdigest())


def hash_set(folder: Path, first: int | None = None) -> SetHashes:
    """Return what a set is known by, or its first samples; every picture of them is decoded.

    Raises:
        InputError: there is no set, or one of its shards is missing or broken.
    """
    return hash_samples(islice(iterate_set(folder), first))


def hash_texts(folder: Path) -> SetHashes:
    """Return what a set is known by without its pictures, which are not read: a matter of seconds.

    The hash of pixels is empty.

    Raises:
        InputError: there is no set, or one of its shards is missing or broken.
    """
    number, text = 0, hashlib.sha256()
    for record in read_manifest(folder).shards:
        for row in read_rows(folder / record.name, ("id", "text", "messages")):
            number += 1
            text.update(_text_line(row["id"], row["text"], row["messages"]))
    return SetHashes(number, text.hexdigest(), "")


def _text_line(name: str, text: str, messages: Iterable[dict[str, str]]) -> bytes:
    turns = [[turn["role"], turn["content"]] for turn in messages]
    return json.dumps([name, text, turns], ensure_ascii=False).encode() + b"\n"


def pixel_versions(engine: str) -> dict[str, str]:
    """Return the versions of all that decides texts and pixels of an engine's sets."""
    known = library_versions()
    versions = {name: known[name] for name in _PIXEL_VERSIONS}
    jpeg = str(features.version_feature("libjpeg_turbo") or "absent")
    drawn_with = {
        name: require(name, extra="data").__version__ for name in DRAWN_WITH.get(engine, ())
    }
    return {**versions, "libjpeg_turbo": jpeg, **drawn_with}


def check_fonts(name: str, frozen: Frozen, folders: Sequence[Path] | None = None) -> None:
    """Refuse to make a frozen set without its very fonts.

    Args:
        name: of the set.
        frozen: what it is known by.
        folders: where fonts lie; None: the system's.

    Raises:
        InputError: fonts are missing or are other files; each is named with its hash and package.
    """
    looked = list(folders) if folders else system_font_folders()
    places: dict[str, list[Path]] = {}
    for path in (path for folder in looked if folder.is_dir() for path in font_files(folder)):
        places.setdefault(path.name, []).append(path)
    missing = []
    for file, font in frozen.fonts.items():
        found = places.get(file.split("#")[0], [])  # the second of one name is listed as name#2
        if font.sha256 not in {file_sha256(path) for path in found}:
            told = f"{_from_package(font.package)}; {_found(found)}"
            missing.append(f"{file} (sha256 {font.sha256}{told})")
    if missing:
        packages = sorted({font.package for font in frozen.fonts.values() if font.package})
        hint = f"apt install {' '.join(packages)}" if packages else "install them"
        raise InputError(
            f"{name} is drawn with fonts that {', '.join(map(str, looked))} lack: "
            f"{'; '.join(missing)}. On Debian: {hint}; or give options.fonts=[FOLDER]"
        )


def judge(frozen: Frozen, found: SetHashes, versions: dict[str, str]) -> Verdict:
    """Return whether a set is the published one.

    Args:
        frozen: what the published one is known by.
        found: what the set is known by.
        versions: of this machine, see `pixel_versions`.
    """
    whole = frozen.whole
    same_text = (found.samples, found.text_sha256) == (whole.samples, whole.text_sha256)
    same_pixels = found.pixels_sha256 == whole.pixels_sha256
    changed = [
        f"{name} {frozen.versions.get(name, 'absent')} -> {versions.get(name, 'absent')}"
        for name in sorted(frozen.versions.keys() | versions.keys())
        if frozen.versions.get(name) != versions.get(name)
    ]
    told = ", ".join(changed) or "none; then the material, this package or the processor differs"
    if not same_text:
        message = (
            f"not the frozen set: its texts differ (published {whole.samples} samples, "
            f"{whole.text_sha256[:16]}; here {found.samples}, {found.text_sha256[:16]}), so it is "
            f"another test and its scores cannot be compared. Versions that differ: {told}"
        )
    elif not same_pixels:
        message = (
            "the frozen set's texts, but not its pixels: scores may differ in the third digit. "
            f"Versions that differ: {told}"
        )
    else:
        message = "frozen set, as published"
    return Verdict(same_text, same_pixels, message)


def write_card(
    folder: Path, recipe: SetRecipe, found: SetHashes, verdict: Verdict | None
) -> dict[str, Any]:
    """Write ``card.json`` into a set's folder and return what it says: no times and no paths.

    A hash of pixels that was not taken is left out.
    """
    frozen = recipe.frozen
    hashes = {name: value for name, value in asdict(found).items() if value != ""}
    card: dict[str, Any] = {
        "name": recipe.name,
        "about": recipe.about,
        "engine": recipe.engine,
        "count": recipe.count,
        "seed": recipe.seed,
        **hashes,
        "frozen": "not a frozen set" if verdict is None else verdict.message,
        "versions": pixel_versions(recipe.engine),
        "fonts": {} if frozen is None else {n: asdict(font) for n, font in frozen.fonts.items()},
        "sources": [asdict(source) for source in recipe.sources],
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    replace_file(folder / CARD_NAME, text.encode())
    return card


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a set made from a recipe.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / CARD_NAME
    if not path.is_file():
        raise InputError(f"{folder}: no {CARD_NAME}; `vary data make RECIPE` writes one")
    try:
        card = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: not a readable card ({error})") from error
    if not isinstance(card, dict):
        raise InputError(f"{path}: not a readable card (expected an object)")
    return card


def _pixels(image: EncodedImage) -> bytes:
    with Image.open(io.BytesIO(image.bytes)) as picture:
        head = f"{picture.mode} {picture.width}x{picture.height}\n"
        return head.encode() + picture.tobytes()


def _from_package(package: str) -> str:
    return f", Debian package {package}" if package else ""


def _found(paths: list[Path]) -> str:
    return "another file of this name was found" if paths else "not found"
