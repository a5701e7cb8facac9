"""Items in the order in which they are measured: those whose tokens may be exchanged together."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

from vary.data.text_lines import TextLine, text_lines
from vary.errors import InputError
from vary.model import VaryProcessor
from vary.probing.ablation import Signature, signature_of
from vary.probing.items import Item

CHUNK = 8
"""Items that exchange tokens with one another; they are in memory together."""
# What stands above and below the ink of a line on a strip, as a share of the ink's height.
_AROUND = 0.25


@dataclass(frozen=True)
class Plan:
    """What is measured, in which order.

    Attributes:
        chunks: items whose images give equal token counts; each is given the tokens of the next.
        left_out: why -> how many items.
    """

    chunks: tuple[tuple[Item, ...], ...]
    left_out: dict[str, int]

    @property
    def num_items(self) -> int:
        """How many items are measured."""
        return sum(map(len, self.chunks))


def plan_items(items: Sequence[Item], processor: VaryProcessor, seed: int) -> Plan:
    """Return items in chunks: drawn by lot among those of equal token counts.

    Args:
        items: samples.
        processor: whose rules tell how many tokens an image gives.
        seed: of the lot.
    """
    left_out: Counter[str] = Counter()
    groups: dict[Signature, list[Item]] = defaultdict(list)
    known: dict[tuple[tuple[int, int], ...], Signature] = {}
    is_strips = processor.image_processor.rules[0].mode == "strip"
    for item in items:
        try:
            if item.reason:
                raise InputError(item.reason)
            if not item.sizes:
                raise InputError("no picture")
            parts = strips_of(item) if is_strips else [item]
            for part in parts:
                if part.sizes not in known:
                    known[part.sizes] = signature_of(processor, part.sizes)
                groups[known[part.sizes]].append(part)
        except ValueError as error:
            left_out[str(error)] += 1
    chunks: list[tuple[Item, ...]] = []
    for signature in sorted(groups):
        chunks += _cut(groups[signature], seed)
    return Plan(tuple(chunks), dict(left_out.most_common()))


def _cut(members: Sequence[Item], seed: int) -> list[tuple[Item, ...]]:
    """Return chunks of items by lot; none of a single one where there are more."""
    order = np.random.default_rng(seed).permutation(len(members))
    mixed = [members[place] for place in order]
    chunks = [tuple(mixed[start : start + CHUNK]) for start in range(0, len(mixed), CHUNK)]
    if len(chunks) > 1 and len(chunks[-1]) == 1:
        last = chunks.pop()
        chunks[-1] += last
    return chunks


def strips_of(item: Item) -> list[Item]:
    """Return the lines of an item, for a model that reads strips of one line.

    Raises:
        InputError: a page of several lines, and nobody knows where they stand.
    """
    texts = [line for line in map(str.strip, item.text.split("\n")) if line]
    if len(item.sizes) != 1 or not texts:
        raise InputError("not one picture with a text; this model reads strips of one line")
    width, height = item.sizes[0]
    if len(texts) == 1 and width >= 2 * height:
        return [replace(item, text=texts[0])]
    lines = text_lines(item.text, item.words or ())
    if not lines:
        raise InputError(
            "a page without boxes of its words; this model reads strips of one line (vary data "
            "page makes pages with boxes, vary eval ocr measures whole pages)"
        )
    return [_strip(item, number, line) for number, line in enumerate(lines)]


def _strip(item: Item, number: int, line: TextLine) -> Item:
    around = _AROUND * (line.y1 - line.y0)
    box = (
        max(0, round(line.x0 - around)),
        max(0, round(line.y0 - around)),
        min(item.sizes[0][0], round(line.x1 + around)),
        min(item.sizes[0][1], round(line.y1 + around)),
    )
    return replace(
        item,
        id=f"{item.id}#{number}",
        text=line.text,
        words=None,
        turns=(),
        sizes=((box[2] - box[0], box[3] - box[1]),),
        read=partial(_cropped, item, box),
    )


def _cropped(item: Item, box: tuple[int, int, int, int]) -> list[Image.Image]:
    return [picture.crop(box) for picture in item.read()]
