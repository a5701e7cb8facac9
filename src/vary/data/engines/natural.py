"""The `natural` engine: photos as negatives, each with a sentence that says that it is one.

Source: the paper, "negative natural images": 120 k photos of COCO, and its five sentences.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.base import check_index
from vary.data.importers.coco import (
    CocoImages,
    coco_folders,
    photo_number,
    texts_on_photos,
)
from vary.data.importers.pictures import (
    SUFFIXES,
    PictureFolders,
    PictureRule,
    prepare_picture,
    read_file,
)
from vary.data.importers.records import TextFile
from vary.data.schema import Sample
from vary.errors import InputError, VaryError

SENTENCES = (
    "It's an image of nature",
    "Here's a nature picture",
    "It's a nature photo",
    "This is a natural image",
    "That's a shot from nature",
)
Order = Literal["name", "mixed"]


@dataclass(frozen=True)
class NaturalConfig:
    """What the natural engine makes.

    Attributes:
        photos: folder of photos, subfolders too.
        annotations: a JSON file of COCO (instances, captions) whose `images` are taken, and no
            others; None: all photos of the folder.
        text_annotations: a JSON file of texts on photos, such as COCO-Text's; None: no photo is
            left out for its text.
        max_texts: a photo with more legible texts than that is dropped.
        order: ``name`` takes photos by their names; ``mixed`` by a hash of these, so that the
            first so many are a fair choice.
        licence: of the photos, where the annotations name none.
        max_side_px: photos whose longer side is longer are made smaller; None: none is.
        min_side_px: photos whose shorter side is shorter are dropped.
        max_megapixels: photos of more are dropped.
        quality: of JPEG, for photos that have to be encoded anew.
        own_bytes: keep the files of photos that need no change: upright RGB, small enough.
    """

    photos: Path
    annotations: Path | None = None
    text_annotations: Path | None = None
    max_texts: int = 0
    order: Order = "name"
    licence: str = ""
    max_side_px: int | None = 1024
    min_side_px: int = 64
    max_megapixels: float = 90.0
    quality: int = 90
    own_bytes: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            VaryError: as told.
        """
        if self.order not in get_args(Order):
            raise VaryError(f"order {self.order!r}: give name or mixed")
        if self.max_texts < 0:
            raise VaryError(f"max_texts {self.max_texts}: give 0 or more")
        _ = self.rule

    @property
    def rule(self) -> PictureRule:
        """What becomes of a photo.

        Raises:
            VaryError: a number without sense.
        """
        return PictureRule(
            max_side_px=self.max_side_px,
            min_side_px=self.min_side_px,
            max_megapixels=self.max_megapixels,
            quality=self.quality,
            own_bytes=self.own_bytes,
            kept_modes=("RGB",),
            lossy=True,
        )


@dataclass(frozen=True)
class Photo:
    """A photo of the list.

    Attributes:
        name: its path within the folder, or its name in the annotations.
        path: where it lies; None: nowhere.
        meta: what the annotations say of it.
        fault: why it has no path.
    """

    name: str
    path: Path | None
    meta: dict[str, Any]
    fault: Reject | None = None


class NaturalEngine:
    """Makes samples of photos, one of each.

    Args:
        config: what to make.

    Raises:
        InputError: there is no such folder or file, or it holds no photos.
    """

    name = "natural"

    def __init__(self, config: NaturalConfig) -> None:
        self.options = config
        if not config.photos.is_dir():
            raise InputError(f"no photo folder {config.photos}; give a folder of pictures")
        if config.annotations is None:
            self.listed = None
            self.names = list(iterate_pictures(config.photos))
        else:
            self.listed = CocoImages.from_file(config.annotations)
            self.folders = PictureFolders(coco_folders(config.photos))
            self.names = [self._listed_name(at) for at in range(len(self.listed))]
        if not self.names:
            raise InputError(
                f"{config.photos}: holds no photos ({', '.join(SUFFIXES)}), nor do its subfolders"
            )
        self.order = np.arange(len(self.names))
        if config.order == "mixed":
            digests = [hashlib.sha256(name.encode()).digest() for name in self.names]
            self.order = np.array(sorted(self.order, key=digests.__getitem__))
        texts = config.text_annotations
        self.texts = None if texts is None else texts_on_photos(texts)

    def __len__(self) -> int:
        """Return how many photos there are."""
        return len(self.names)

    def config(self) -> dict[str, Any]:
        """Return the options, and the photos by a hash over their names and sizes."""
        places = {"photos", "annotations", "text_annotations"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        digest = hashlib.sha256()
        for number in range(len(self.names)):
            photo = self._photo(number)
            size = -1 if photo.path is None else photo.path.stat().st_size
            digest.update(f"{photo.name}\x00{size}\n".encode("utf-8", "surrogateescape"))
        photos = {"number": len(self.names), "sha256": digest.hexdigest()}
        config = {**options, "sentences": list(SENTENCES), "photos": photos}
        if self.listed is not None:
            config["annotations"] = self.listed.images.file.sha256
        if self.options.text_annotations is not None:
            config["text_annotations"] = TextFile(self.options.text_annotations).sha256
        return config

    def length_hint(self, index: int) -> int:
        """Return the length of such a sentence."""
        del index
        return len(SENTENCES[0])

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a photo and its sentence.

        Raises:
            Reject: there is no such photo, it is missing, broken, too small or too large,
                animated, or holds text.
        """
        check_index(index, len(self))
        sentence = SENTENCES[int(rng.integers(len(SENTENCES)))]
        photo = self._photo(int(self.order[index]))
        meta = {"photo": photo.name, **photo.meta}
        texts = self._check_texts(photo.name)
        if texts is not None:
            meta["texts"] = texts
        if photo.path is None:
            raise photo.fault or Reject("missing picture", photo.name)
        content = read_file(photo.path, photo.name)
        image = prepare_picture(content, photo.name, self.options.rule)
        licence = photo.meta.get("licence") or self.options.licence
        return Sample(
            id="",
            images=(image,),
            kind="natural",
            language="en",
            format="caption",
            text=sentence,
            source=f"{photo.name}; {licence}" if licence else photo.name,
            meta=json.dumps(meta, sort_keys=True, ensure_ascii=False),
        )

    def _photo(self, number: int) -> Photo:
        """Return a photo by its number; without a path where it is nowhere."""
        name = self.names[number]
        if self.listed is None:
            return Photo(name, self.options.photos / name, {})
        meta: dict[str, Any] = {}
        try:
            _, meta, unmapped = self.listed.image(number)
            if unmapped:
                meta["unmapped"] = list(unmapped)
            return Photo(name, self.folders.find(name), meta)
        except Reject as fault:
            return Photo(name, None, meta, fault)

    def _listed_name(self, at: int) -> str:
        assert self.listed is not None
        try:
            return self.listed.image(at)[0]
        except Reject as error:
            return str(error)

    def _check_texts(self, name: str) -> int | None:
        """Return how many texts a photo holds, None where that is not known.

        Raises:
            Reject: too many.
        """
        number = photo_number(name)
        if self.texts is None or number is None or number not in self.texts:
            return None
        texts = self.texts[number]
        if texts > self.options.max_texts:
            raise Reject("holds text", f"{name}: {texts} legible texts")
        return texts


def iterate_pictures(folder: Path) -> Iterator[str]:
    """Yield the paths of all picture files in a folder, subfolders too, sorted, relative to it."""
    found = []
    for where, _, files in os.walk(folder):
        inner = Path(where).relative_to(folder)
        names = (name for name in files if name.lower().endswith(SUFFIXES))
        found += [(inner / name).as_posix() for name in names if not name.startswith(".")]
    yield from sorted(found)


def build_natural_engine(config: NaturalConfig) -> NaturalEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: there are no photos.
    """
    return NaturalEngine(config)
