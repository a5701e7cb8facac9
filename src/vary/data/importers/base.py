"""What importers share: an entry of a source, the engine over all of them, its options."""

import json
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.pictures import (
    PictureFolders,
    PictureRule,
    prepare_picture,
    read_file,
)
from vary.data.schema import EncodedImage, Message, Sample

# Pictures held so that they need not be read and decoded again.
_LATELY = 4


@dataclass(frozen=True)
class Picture:
    """A picture that an entry names.

    Attributes:
        name: what the source calls it.
        content: the file, where the source itself holds it; None: it lies in a folder.
    """

    name: str
    content: bytes | None = None


@dataclass(frozen=True)
class Entry:
    """An entry of a source as a sample has it, before its pictures are read.

    Attributes:
        source_id: the source's own name for it, which other entries may share.
        source: file that it stands in.
        kind, format, text, messages: as in `Sample`.
        pictures: in the order of their placeholders.
        meta: what else is kept.
        unmapped: names of what the source has and a sample has not.
        mended: what was changed so that it fits.
    """

    source_id: str
    source: str
    kind: str
    format: str
    text: str = ""
    messages: tuple[Message, ...] = ()
    pictures: tuple[Picture, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()


class Layout(Protocol):
    """The way a data set was released: a list of entries that has an end."""

    def __len__(self) -> int:
        """Return how many entries there are."""
        ...

    def entry(self, index: int, rng: np.random.Generator) -> Entry:
        """Return an entry.

        Raises:
            Reject: it cannot be a sample.
        """
        ...

    def length_hint(self, index: int) -> int:
        """Return about how many target characters an entry has."""
        ...

    def inputs(self) -> dict[str, str]:
        """Return file name -> hash of what the entries are read from."""
        ...


@dataclass(frozen=True)
class ImportConfig:
    """What every importer is told.

    Attributes:
        source: the data set: a file, or a folder.
        images: folders in which its pictures lie; none: beside the source.
        language: of the texts.
        encoding: of text files.
        licence: of the data set, for the samples' `source`.
        pictures: what becomes of pictures.
    """

    source: Path
    images: tuple[Path, ...] = ()
    language: str = "en"
    encoding: str = "utf-8"
    licence: str = ""
    pictures: PictureRule = field(default_factory=PictureRule)

    @property
    def folders(self) -> PictureFolders:
        """Where pictures are looked for."""
        beside = self.source if self.source.is_dir() else self.source.parent
        return PictureFolders(self.images or (beside,))


class ImportEngine:
    """Makes samples of the entries of a source, one of each.

    Args:
        name: of the engine.
        config: its options.
        layout: gives the entries.
    """

    def __init__(self, name: str, config: ImportConfig, layout: Layout) -> None:
        self.name = name
        self.options = config
        self.layout = layout
        self.folders = config.folders
        self._lately: OrderedDict[Path, EncodedImage] = OrderedDict()

    def __len__(self) -> int:
        """Return how many entries the source has."""
        return len(self.layout)

    def config(self) -> dict[str, Any]:
        """Return the options, and the source's files by their hashes.

        Pictures in folders are not part of it: they are read when their sample is made.
        """
        places = {"source", "images"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        return {**options, "files": self.layout.inputs()}

    def length_hint(self, index: int) -> int:
        """Return about how many target characters an entry has."""
        return self.layout.length_hint(index) if index < len(self) else 0

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return the sample of an entry.

        Raises:
            Reject: there is no such entry, it cannot be mapped, or a picture cannot be used.
        """
        check_index(index, len(self))
        entry = self.layout.entry(index, rng)
        meta = {"source_id": entry.source_id, **entry.meta}
        if entry.unmapped:
            meta["unmapped"] = sorted(set(entry.unmapped))
        if entry.mended:
            meta["mended"] = sorted(set(entry.mended))
        licence = f"; {self.options.licence}" if self.options.licence else ""
        return Sample(
            id="",
            images=tuple(map(self._prepared, entry.pictures)),
            kind=entry.kind,
            language=self.options.language,
            format=entry.format,
            text=entry.text,
            messages=entry.messages,
            source=entry.source + licence,
            meta=json.dumps(meta, sort_keys=True, ensure_ascii=False),
        )

    def _prepared(self, picture: Picture) -> EncodedImage:
        """Return a picture as a sample has it; questions on one often follow each other."""
        if picture.content is not None:
            return prepare_picture(picture.content, picture.name, self.options.pictures)
        path = self.folders.find(picture.name)
        if path in self._lately:
            return self._lately[path]
        found = prepare_picture(read_file(path, picture.name), picture.name, self.options.pictures)
        self._lately[path] = found
        if len(self._lately) > _LATELY:
            self._lately.popitem(last=False)
        return found


def check_index(index: int, length: int) -> None:
    """Refuse an index past the end of a source.

    Raises:
        Reject: as told.
    """
    if index >= length:
        raise Reject("past the end of the source", f"it has {length} entries")


def target_length(entry: Entry) -> int:
    """Return how many characters the answers (or the text) of an entry have."""
    answers = sum(len(turn.content) for turn in entry.messages if turn.role == "assistant")
    return len(entry.text) + answers
