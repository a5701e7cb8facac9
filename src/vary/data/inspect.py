"""Looking at a generated set, counting it, and checking that it is sound."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from vary.data.manifest import Manifest, ShardRecord, read_manifest
from vary.data.schema import EncodedImage, Sample, read_samples
from vary.data.shards import file_sha256, iterate_set, read_rejects
from vary.errors import InputError, VaryError

# A sheet is about this wide: four pages, or one strip of a line.
SHEET_PX = 1960
CELL_PX = (480, 620)
STRIP_PX = (960, 200)
STRIP_ASPECT = 3
CAPTION_PX = 18
BOX_COLOR = (230, 30, 30)
SHEET_COLOR = (120, 120, 120)


@dataclass(frozen=True)
class SetStats:
    """Counts of a set.

    Attributes:
        engine: its engine.
        seed: its seed.
        count: indices that it shall have.
        samples: samples that it has.
        rejects: reason -> indices dropped for it.
        images: images in all samples.
        image_bytes: their encoded size.
        words: word boxes.
        characters: of all targets; also the fewest and most of one sample.
        distinct_characters: how many different ones.
        kinds, languages, formats, sources: value -> samples.
    """

    engine: str
    seed: int
    count: int
    samples: int
    rejects: dict[str, int]
    images: int
    image_bytes: int
    words: int
    characters: int
    fewest_characters: int
    most_characters: int
    distinct_characters: int
    kinds: dict[str, int]
    languages: dict[str, int]
    formats: dict[str, int]
    sources: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return asdict(self)


def contact_sheet(samples: Sequence[Sample], *, boxes: bool = True) -> Image.Image:
    """Return one picture of the first images of some samples, ids below them.

    Args:
        samples: at least one.
        boxes: draw the words' boxes.

    Raises:
        VaryError: there is no sample.
    """
    if not samples:
        raise VaryError("no sample to show; this set is empty, or --start is past its end")
    cells = [_cell(sample, boxes=boxes) for sample in samples]
    width = max(cell.width for cell in cells) + 10
    height = max(cell.height for cell in cells) + 10
    columns = min(len(cells), max(1, SHEET_PX // width))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), SHEET_COLOR)
    for at, cell in enumerate(cells):
        sheet.paste(cell, (at % columns * width + 5, at // columns * height + 5))
    return sheet


def _cell(sample: Sample, *, boxes: bool) -> Image.Image:
    """Return a sample's first image, small enough for a sheet, over its id."""
    picture = Image.new("RGB", (CELL_PX[0], CAPTION_PX), SHEET_COLOR)
    if sample.images:
        picture = draw_sample(sample, boxes=boxes)
        wide = picture.width > STRIP_ASPECT * picture.height
        picture.thumbnail(STRIP_PX if wide else CELL_PX, Image.Resampling.LANCZOS)
    cell = Image.new("RGB", (picture.width, picture.height + CAPTION_PX), SHEET_COLOR)
    cell.paste(picture, (0, 0))
    font = ImageFont.load_default(CAPTION_PX * 0.75)
    pen = ImageDraw.Draw(cell)
    pen.text((0, picture.height), sample.id, fill=(255, 255, 255), font=font)
    return cell


def draw_sample(sample: Sample, *, boxes: bool = True, image: int = 0) -> Image.Image:
    """Return an image of a sample at full size, with its words' boxes around the ink.

    Raises:
        VaryError: the sample has no such image.
    """
    if image >= len(sample.images):
        raise VaryError(f"{sample.id}: has {len(sample.images)} images, number {image} is asked")
    picture = decode(sample.images[image]).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for word in (sample.words or ()) if boxes else ():
        if word.image == image:
            # One pixel outside, so that what stands at the edge of the box is seen.
            pen.rectangle((word.x0 - 1, word.y0 - 1, word.x1, word.y1), outline=BOX_COLOR)
    return picture


def decode(image: EncodedImage) -> Image.Image:
    """Return an encoded image, read to its end.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        picture = Image.open(io.BytesIO(image.bytes))
        picture.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{image.path}: cannot be decoded ({error})") from error
    return picture


def some_samples(folder: Path, start: int, count: int) -> list[Sample]:
    """Return samples of a set, in order, from the `start`-th one on."""
    return list(islice(iterate_set(folder), start, start + count))


def set_stats(folder: Path) -> SetStats:
    """Return the counts of a set.

    Raises:
        InputError: there is no set, or a shard cannot be read.
    """
    manifest = read_manifest(folder)
    totals: Counter[str] = Counter()
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("kind", "language", "format", "source")
    }
    lengths: list[int] = []
    seen: set[str] = set()
    for sample in iterate_set(folder):
        totals["images"] += len(sample.images)
        totals["image_bytes"] += sum(len(image.bytes) for image in sample.images)
        totals["words"] += len(sample.words or ())
        for name, counter in counts.items():
            counter[getattr(sample, name)] += 1
        lengths.append(len(sample.text))
        seen.update(sample.text)
    return SetStats(
        engine=manifest.engine,
        seed=manifest.seed,
        count=manifest.count,
        samples=len(lengths),
        rejects=manifest.rejects,
        images=totals["images"],
        image_bytes=totals["image_bytes"],
        words=totals["words"],
        characters=sum(lengths),
        fewest_characters=min(lengths, default=0),
        most_characters=max(lengths, default=0),
        distinct_characters=len(seen),
        **{f"{name}s": dict(counter.most_common()) for name, counter in counts.items()},
    )


def verify_set(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a set, a line each; nothing if it is sound.

    Checked: that all shards are there, their hashes and columns, that ids are unique, images
    decode and have their size, boxes lie inside, targets are not empty, rejects are all listed.

    Raises:
        InputError: there is no set to check.
    """
    manifest = read_manifest(folder)
    tried = sum(record.count for record in manifest.shards)
    if tried != manifest.count:
        yield f"unfinished: {tried} of {manifest.count} indices are in shards; run it again"
    yield from _check_rejects(folder, manifest)
    listed = {record.name for record in manifest.shards}
    for path in sorted(folder.glob("part-*.parquet")):
        if path.name not in listed:
            yield f"{path.name}: not in the manifest"
    ids: set[str] = set()
    for record in manifest.shards:
        yield from _check_shard(folder, record, ids)


def _check_rejects(folder: Path, manifest: Manifest) -> Iterator[str]:
    try:
        listed = Counter(rejected.reason for rejected in read_rejects(folder))
    except InputError as error:
        yield str(error)
        return
    if dict(listed) != manifest.rejects:
        yield f"rejects.jsonl: lists {dict(listed)}, the manifest {manifest.rejects}"


def _check_shard(folder: Path, record: ShardRecord, ids: set[str]) -> Iterator[str]:
    path = folder / record.name
    if not path.is_file():
        yield f"{record.name}: missing; run the generation again"
        return
    if file_sha256(path) != record.sha256:
        yield f"{record.name}: not the file of the manifest (sha256 differs); run it again"
    number = 0
    try:
        for sample in read_samples(path):
            number += 1
            for problem in _check_sample(sample):
                yield f"{record.name}: {sample.id}: {problem}"
            if sample.id in ids:
                yield f"{record.name}: {sample.id}: this id occurs more than once"
            ids.add(sample.id)
    except (ValueError, TypeError, KeyError) as error:
        yield f"{record.name}: {error}"
        return
    if number != record.samples:
        yield f"{record.name}: holds {number} samples, the manifest says {record.samples}"


def _check_sample(sample: Sample) -> Iterator[str]:
    # An engine that knows the words, and that there are none, means the empty text.
    is_blank = sample.words == ()
    if not sample.text.strip() and not sample.messages and not is_blank:
        yield "neither text nor messages"
    for image in sample.images:
        try:
            size = decode(image).size
        except InputError as error:
            yield str(error)
            continue
        if size != (image.width, image.height):
            yield f"{image.path} is {size[0]} x {size[1]}, not {image.width} x {image.height}"
    for word in sample.words or ():
        if not 0 <= word.image < len(sample.images):
            yield f"word {word.text!r} is on image {word.image} of {len(sample.images)}"
            continue
        on = sample.images[word.image]
        if not (0 <= word.x0 < word.x1 <= on.width and 0 <= word.y0 < word.y1 <= on.height):
            box = (word.x0, word.y0, word.x1, word.y1)
            yield f"word {word.text!r}: box {box} is empty or outside {on.width} x {on.height}"
