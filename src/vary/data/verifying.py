"""Checking that a set is whole and sound."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from vary.data.decoding import decode
from vary.data.making import file_sha256, shard_name
from vary.data.manifest import REJECTS_NAME, Manifest, ShardRecord, read_manifest, read_rejects
from vary.data.schema import Sample, Word, read_samples
from vary.errors import InputError, VaryError

# Levels of a channel that differ less than this within a box are no ink.
MIN_CONTRAST = 12
# A fault of an engine shows on every sample: so many lines of a shard say enough.
MAX_PROBLEMS_PER_SHARD = 100


def verify_set(folder: Path) -> Iterator[str]:
    """Yield what is wrong with a set, a line each; nothing if it is sound.

    Checked: that the manifest's counts agree with one another, with the shards and with the
    rejects; that all shards are there with their hashes and columns, and no others; that ids are
    unique, images decode and have their size, words stand inside of their image and on ink,
    targets are not empty, and conversations have a place for each image.

    Raises:
        InputError: there is no set to check.
    """
    manifest = read_manifest(folder)
    yield from _check_manifest(manifest)
    yield from _check_rejects(folder, manifest)
    listed = {record.name for record in manifest.shards}
    for path in sorted(folder.glob("*.parquet*")):
        if path.name not in listed:
            yield f"{path.name}: not in the manifest"
    places: dict[str, str] = {}
    for record in manifest.shards:
        problems = _check_shard(folder, record, places)
        yield from islice(problems, MAX_PROBLEMS_PER_SHARD)
        if (more := sum(1 for _ in problems)) > 0:
            yield f"{record.name}: and {more} problems more"


def _check_manifest(manifest: Manifest) -> Iterator[str]:
    tried = sum(record.count for record in manifest.shards)
    if tried != manifest.count:
        yield f"unfinished: {tried} of {manifest.count} indices are in shards; run it again"
    for record in manifest.shards:
        number = record.first // manifest.shard_size
        most = max(0, min(manifest.shard_size, manifest.count - record.first))
        if record.first % manifest.shard_size or record.name != shard_name(number):
            yield f"{record.name}: said to begin with index {record.first}, which it cannot"
        elif record.count != most:
            yield f"{record.name}: said to cover {record.count} indices, not {most}"


def _check_rejects(folder: Path, manifest: Manifest) -> Iterator[str]:
    try:
        listed = read_rejects(folder)
    except InputError as error:
        yield str(error)
        return
    reasons = dict(sorted(Counter(line.reason for line in listed).items()))
    if reasons != manifest.rejects:
        yield f"{REJECTS_NAME}: lists {reasons}, the manifest {manifest.rejects}"
    twice = [index for index, n in Counter(line.index for line in listed).items() if n > 1]
    if twice:
        yield f"{REJECTS_NAME}: lists index {twice[0]} more than once"


def _check_shard(folder: Path, record: ShardRecord, places: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with a shard.

    Args:
        folder: of the set.
        record: of the shard.
        places: id -> shard of all samples so far; those of this shard are added.
    """
    path = folder / record.name
    if not path.is_file():
        yield f"{record.name}: missing; run the generation again"
        return
    size_bytes = path.stat().st_size
    if size_bytes != record.size_bytes:
        yield f"{record.name}: has {size_bytes} bytes, the manifest says {record.size_bytes}"
    if file_sha256(path) != record.sha256:
        yield f"{record.name}: not the file of the manifest (sha256 differs); run it again"
    number = 0
    try:
        for sample in read_samples(path):
            number += 1
            for problem in _check_sample(sample):
                yield f"{record.name}: {sample.id}: {problem}"
            if sample.id in places:
                yield (
                    f"{record.name}: {sample.id}: this id occurs more than once "
                    f"(before in {places[sample.id]})"
                )
            places[sample.id] = record.name
    except VaryError as error:
        yield str(error)
        return
    except (ValueError, TypeError, KeyError) as error:
        yield f"{record.name}: sample {number + 1}: no sample of ours ({error})"
        return
    if number != record.samples:
        yield f"{record.name}: holds {number} samples, the manifest says {record.samples}"


def _check_sample(sample: Sample) -> Iterator[str]:
    # An engine that knows the words, and that there are none, means the empty text.
    is_blank = sample.words == ()
    if not sample.text.strip() and not sample.messages and not is_blank:
        yield "neither text nor messages"
    places = sum(message.content.count("<image>") for message in sample.messages)
    if sample.messages and places != len(sample.images):
        yield f"{len(sample.images)} images, and {places} places for them in its messages"
    colors: dict[int, np.ndarray] = {}
    for number, image in enumerate(sample.images):
        try:
            picture = decode(image)
        except InputError as error:
            yield str(error)
            continue
        if picture.size != (image.width, image.height):
            is_now = f"{picture.width} x {picture.height}"
            yield f"{image.path} is {is_now}, not {image.width} x {image.height}"
        if sample.words:
            colors[number] = np.asarray(picture.convert("RGB"))
    for word in sample.words or ():
        yield from _check_word(sample, word, colors)


def _check_word(sample: Sample, word: Word, colors: dict[int, np.ndarray]) -> Iterator[str]:
    if not 0 <= word.image < len(sample.images):
        yield f"word {word.text!r} is on image {word.image} of {len(sample.images)}"
        return
    on = sample.images[word.image]
    box = (word.x0, word.y0, word.x1, word.y1)
    if not (0 <= word.x0 < word.x1 <= on.width and 0 <= word.y0 < word.y1 <= on.height):
        yield f"word {word.text!r}: box {box} is empty or outside {on.width} x {on.height}"
        return
    color = colors.get(word.image)
    if color is None or not word.text.strip():
        return
    # A pixel more on each side: a box may be all ink, as around a dash.
    part = color[max(0, word.y0 - 1) : word.y1 + 1, max(0, word.x0 - 1) : word.x1 + 1]
    # In any channel: colours of one brightness differ too.
    if part.size and np.ptp(part, axis=(0, 1)).max() < MIN_CONTRAST:
        yield f"word {word.text!r}: no ink in its box {box}"
