"""COCO's JSON: pictures by their ids, captions, licences, and the texts that stand on pictures."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.base import Entry, Picture
from vary.data.importers.records import JsonRecords, open_members
from vary.data.importers.turns import plain_text
from vary.errors import InputError

_IMAGE_KEYS = frozenset({
    "id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured",
})  # fmt: skip
_CAPTION_KEYS = frozenset({"id", "image_id", "caption"})


class CocoImages:
    """The `images` of a COCO file: by number and by id, read when they are asked for.

    Args:
        images: entries with `id` and `file_name`.
        licences: number -> name.
    """

    def __init__(self, images: JsonRecords, licences: Mapping[Any, str]) -> None:
        self.images = images
        self.licences = licences

    @classmethod
    def from_file(cls, path: Path, encoding: str = "utf-8") -> "CocoImages":
        """Return the images of a file (instances, captions, keypoints, ...).

        Raises:
            InputError: it cannot be read or lists no images.
        """
        found = open_members(path, ["images"], encoding)
        if "images" not in found or not len(found["images"]):
            raise InputError(f'{path}: lists no "images", as COCO\'s JSON does')
        return cls(found["images"], _licences(found["images"]))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.images)

    def numbers(self) -> dict[Any, int]:
        """Return id -> number; of images that share an id, the first."""
        numbers: dict[Any, int] = {}
        for at in range(len(self.images)):
            try:
                value = self.images.entry(at)
            except Reject:
                continue
            if isinstance(value.get("id"), int | str):
                numbers.setdefault(value["id"], at)
        return numbers

    def image(self, at: int) -> tuple[str, dict[str, Any], tuple[str, ...]]:
        """Return a picture's name, what is kept of its entry, and keys without a place.

        Raises:
            Reject: it has no name.
        """
        value, place = self.images.entry(at), self.images.place(at)
        name = value.get("file_name")
        if not isinstance(name, str) or not name.strip():
            raise Reject("picture without a name", place)
        meta: dict[str, Any] = {"image_id": plain_text(value.get("id")) or ""}
        number = value.get("license")
        if isinstance(number, int | str) and number in self.licences:
            meta["licence"] = self.licences[number]
        return name, meta, tuple(f"image.{key}" for key in value if key not in _IMAGE_KEYS)


class CocoCaptionLayout:
    """Captions of COCO: each a sample, or one by lot for each picture.

    Args:
        path: `captions_train2017.json` and its like.
        encoding: of the file.
        one: one caption for each picture, drawn by the sample's generator.

    Raises:
        InputError: it cannot be read, or holds no images or no captions.
    """

    def __init__(self, path: Path, encoding: str, *, one: bool) -> None:
        found = open_members(path, ["images", "annotations"], encoding)
        for name in ("images", "annotations"):
            if name not in found or not len(found[name]):
                raise InputError(f'{path}: lists no "{name}", as COCO\'s captions do')
        self.images = CocoImages(found["images"], _licences(found["images"]))
        self.captions = found["annotations"]
        self.numbers = self.images.numbers()
        self.groups = self._groups() if one else None

    def __len__(self) -> int:
        """Return how many samples there may be."""
        return len(self.captions if self.groups is None else self.groups)

    def inputs(self) -> dict[str, str]:
        """Return file name -> hash."""
        return {self.captions.file.path.name: self.captions.file.sha256}

    def length_hint(self, index: int) -> int:
        """Return about how many characters a caption has."""
        member = index if self.groups is None else self.groups[index][0]
        try:
            return len(plain_text(self.captions.entry(member).get("caption")) or "")
        except Reject:
            return 0

    def entry(self, index: int, rng: np.random.Generator) -> Entry:
        """Return a caption and its picture.

        Raises:
            Reject: there is no caption, or no image of its id.
        """
        members = [index] if self.groups is None else self.groups[index]
        at = members[int(rng.integers(len(members)))] if len(members) > 1 else members[0]
        value, place = self.captions.entry(at), self.captions.place(at)
        text = caption_text(value.get("caption"), place)
        image = value.get("image_id")
        if not isinstance(image, int | str) or image not in self.numbers:
            raise Reject("caption of no picture", f"{place}: image_id {image!r}")
        name, meta, unmapped = self.images.image(self.numbers[image])
        licence = f"; {meta['licence']}" if "licence" in meta else ""
        return Entry(
            source_id=plain_text(value.get("id")) or str(at),
            source=self.captions.file.path.name + licence,
            kind="natural",
            format="caption",
            text=text,
            pictures=(Picture(name),),
            meta={**meta, "photo": name},
            unmapped=(*(key for key in value if key not in _CAPTION_KEYS), *unmapped),
        )

    def _groups(self) -> list[list[int]]:
        groups: dict[Any, list[int]] = {}
        for at in range(len(self.captions)):
            try:
                image = self.captions.entry(at).get("image_id")
            except Reject:
                image = None
            key = image if isinstance(image, int | str) else f"\x00{at}"
            groups.setdefault(key, []).append(at)
        return list(groups.values())


def caption_text(value: Any, place: str) -> str:
    """Return a caption in one line.

    Raises:
        Reject: there is none.
    """
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise Reject("no caption", place)
    return text


def texts_on_photos(path: Path) -> dict[int, int]:
    """Return image id -> legible texts on it, of a file such as COCO-Text's.

    Images that the file lists and on which it has no text count 0.

    Args:
        path: {imgs: {id: ...}, anns: {id: {image_id, legibility, ...}}}.

    Raises:
        InputError: it cannot be read, or is not built so.
    """
    found = open_members(path, ["imgs", "anns"])
    if "anns" not in found:
        raise InputError(f'{path}: lists no "anns", as COCO-Text does')
    counts: dict[int, int] = {}
    for records, own in ((found.get("imgs"), "id"), (found["anns"], "image_id")):
        for at in range(len(records) if records is not None else 0):
            assert records is not None
            try:
                value = records.entry(at)
                number = int(value[own])
            except (Reject, KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}: {records.place(at)} has no {own} ({error})") from error
            legible = own == "image_id" and value.get("legibility", "legible") == "legible"
            counts[number] = counts.get(number, 0) + legible
    return counts


def coco_folders(base: Path) -> list[Path]:
    """Return where the pictures of a COCO folder may lie: in it, or in `train2017` and the like."""
    if base.name == "annotations":
        base = base.parent
    inner = sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []
    return [base, *(path for path in inner if path.name != "annotations")]


def photo_number(name: str) -> int | None:
    """Return the id in the name of one of COCO's photos: the number at the end of its stem."""
    found = re.search(r"(\d{1,18})$", Path(name).stem)
    return int(found.group(1)) if found else None


def _licences(images: JsonRecords) -> dict[Any, str]:
    """Return number -> name, read from the file's head or end: where `images` are not."""
    # The list is short, and stands before the images or right behind them.
    first, last = int(images.spans[0][0]), int(images.spans[-1][1])
    for start, end in ((max(0, first - 2**16), first), (last, last + 2**16)):
        text = images.file.part(start, end).decode(errors="replace")
        found = re.search(r'"licenses"\s*:\s*(\[[^\]]*\])', text)
        try:
            entries: Sequence[Any] = json.loads(found.group(1)) if found else []
            return {entry["id"]: str(entry["name"]) for entry in entries} or {}
        except (ValueError, KeyError, TypeError):
            continue
    return {}
