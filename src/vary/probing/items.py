"""Samples to measure with: sets on disk and folders of pictures with texts, as one sequence."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from vary.data.decoding import decode
from vary.data.manifest import MANIFEST_NAME
from vary.data.questions import questions_of
from vary.data.schema import Sample, Word
from vary.data.shard_rows import ShardRows
from vary.errors import InputError
from vary.eval.data import Page, load_pages
from vary.train.conversations import Turns, ask, turns_of

_SEED = 0
# What a line is called whose language nobody tells.
_NO_LANGUAGE = "-"


@dataclass(frozen=True)
class Item:
    """A sample without its pictures, which are read again when they are wanted.

    Attributes:
        id: unique among all items.
        unit: what is drawn together in a resample: a document, or the item itself.
        kind: as `Sample.kind`; ``page`` of folders of pictures.
        language: as `Sample.language`, ``-`` where it is not known.
        format: as `Sample.format`.
        text: what stands there; empty for conversations.
        words: boxes of words, None where they are not known.
        turns: what a model that is asked in words is asked, and its answers; none where the paper
            has no question for it.
        sizes: width and height of each picture in pixels.
        read: gives its pictures.
        reason: why there are none; empty where there are.
    """

    id: str
    unit: str
    kind: str
    language: str
    format: str
    text: str
    read: Callable[[], list[Image.Image]]
    words: tuple[Word, ...] | None = None
    turns: Turns = ()
    sizes: tuple[tuple[int, int], ...] = ()
    reason: str = ""

    @property
    def group(self) -> str:
        """Kind and language, by which results are told apart."""
        return self.kind if self.language == _NO_LANGUAGE else f"{self.kind} ({self.language})"


def load_items(folders: Sequence[Path], limit: int | None = None) -> list[Item]:
    """Return the samples of data sets, in a fixed order.

    Args:
        folders: sets of `vary data`, folders of Parquet files with the same columns, or what
            `vary eval ocr` takes: folders of pictures with a text each, and Fox's JSON.
        limit: of each set at most so many, spread over it by lot; None for all.

    Raises:
        InputError: there is no such data, or a set holds nothing.
    """
    items: list[Item] = []
    for number, folder in enumerate(folders):
        found = _of_set(folder, limit) if _is_set(folder) else _of_pages(folder, limit)
        if len(folders) > 1:
            # Sets of one engine and seed name their samples alike.
            found = [_renamed(item, f"{number}/") for item in found]
        items += found
    if not items:
        raise InputError(f"{', '.join(map(str, folders))}: no samples to measure with")
    return items


def _is_set(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file() or (folder.is_dir() and any(folder.glob("*.parquet")))


def chosen_rows(total: int, limit: int | None) -> list[int]:
    """Return at most `limit` of so many rows, by a fixed lot, rising."""
    if limit is None or limit >= total:
        return list(range(total))
    rng = np.random.default_rng(_SEED)
    return sorted(map(int, rng.choice(total, size=limit, replace=False)))


def _of_set(folder: Path, limit: int | None) -> list[Item]:
    rows = ShardRows(folder)
    return [_of_sample(rows, row) for row in chosen_rows(len(rows), limit)]


def _of_sample(rows: ShardRows, row: int) -> Item:
    sample = rows.sample(row)

    def read() -> list[Image.Image]:
        return [decode(image) for image in rows.sample(row).images]

    return Item(
        id=sample.id,
        unit=_document(sample) or sample.id,
        kind=sample.kind,
        language=sample.language or _NO_LANGUAGE,
        format=sample.format,
        text=sample.text,
        read=read,
        words=sample.words,
        turns=turns_of(sample),
        sizes=tuple((image.width, image.height) for image in sample.images),
        reason="" if sample.images else "no picture",
    )


def _document(sample: Sample) -> str:
    """Return what a sample is a page of, empty where its `meta` does not tell."""
    try:
        meta = json.loads(sample.meta)
    except ValueError:
        return ""
    return str(meta.get("document") or "") if isinstance(meta, dict) else ""


def _of_pages(folder: Path, limit: int | None) -> list[Item]:
    pages = load_pages(folder)
    return [_of_page(pages[row]) for row in chosen_rows(len(pages), limit)]


def _of_page(page: Page) -> Item:
    def read() -> list[Image.Image]:
        return [_open(Path(page.image))]

    language = str(page.groups.get("language", ""))
    reason = page.reason
    sizes: tuple[tuple[int, int], ...] = ()
    if not reason:
        try:
            sizes = (_size_of(Path(page.image)),)
        except InputError as error:
            reason = str(error)
    return Item(
        id=page.id,
        unit=page.document or page.id,
        kind="page",
        language=language if language != "other" else _NO_LANGUAGE,
        format="text",
        text=page.truth,
        read=read,
        turns=ask(questions_of("document", "text", language)[0], page.truth),
        sizes=sizes,
        reason=reason,
    )


def _size_of(path: Path) -> tuple[int, int]:
    """Return width and height of a picture, from its first bytes.

    Raises:
        InputError: it cannot be read.
    """
    if path.suffix.lower() == ".pdf":
        raise InputError(f"{path}: a PDF; give its pages as pictures")
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception as error:  # a broken picture can raise anything
        raise InputError(f"{path}: cannot be decoded ({error})") from error


def _open(path: Path) -> Image.Image:
    """Return a picture of a file, read to its end.

    Raises:
        InputError: it cannot be read.
    """
    try:
        picture = Image.open(io.BytesIO(path.read_bytes()))
        picture.load()
    except Exception as error:  # a broken picture can raise anything
        raise InputError(f"{path}: cannot be decoded ({error})") from error
    return picture


def _renamed(item: Item, prefix: str) -> Item:
    return replace(item, id=prefix + item.id, unit=prefix + item.unit)
