"""Where words stand: from the columns in which the CTC head saw characters to boxes on the page.

A CTC head says in which column of a strip it saw each character, not where the character begins or
ends. So between two words the widest gap in the line's ink is looked for, from the last character
of one to the first of the next; a word's box is the ink between two such cuts.
"""

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from vary.read.calibration import WIDE
from vary.read.cutting import PageLayout, Tile
from vary.read.cutting.tiles import tile_ink
from vary.read.results import Box, WordResult

if TYPE_CHECKING:
    from vary.read.recognizer import Recognition

# An ideograph, a kana or a wide mark is a word by itself, as in the boxes of the data schema.
_WORD = re.compile(rf"(?!\s)[{WIDE}]|[^\s{WIDE}]+")  # there is a wide space
# Of a character that the language model wrote and the CTC head did not see.
_UNSEEN = 0.5


@dataclass(frozen=True)
class PageFrame:
    """How pixels of a page as it was cut lie on the page as it came.

    Args:
        size: width and height of the page as it was cut.
        angle_deg: skew that was taken out, counter-clockwise.
        turned_deg: 0, 90, 180 or 270: by how much the page was turned counter-clockwise, before.
    """

    size: tuple[int, int]
    angle_deg: float = 0.0
    turned_deg: int = 0

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the page as it came."""
        width, height = self.size
        return (height, width) if self.turned_deg in (90, 270) else (width, height)

    def to_input(self, box: Box) -> Box:
        """Return the smallest box on the page as it came that holds a box of the page as cut."""
        x0, y0, x1, y1 = box
        corners = [self._point(x, y) for x in (x0, x1) for y in (y0, y1)]
        xs, ys = zip(*corners, strict=True)
        width, height = self.input_size
        left = _within(math.floor(min(xs)), width - 1)
        top = _within(math.floor(min(ys)), height - 1)
        right, bottom = _within(math.ceil(max(xs)), width), _within(math.ceil(max(ys)), height)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def _point(self, x: float, y: float) -> tuple[float, float]:
        width, height = self.size
        if self.angle_deg:
            # The page was turned about its middle.
            angle = math.radians(self.angle_deg)
            across, down = x - width / 2, y - height / 2
            x = across * math.cos(angle) + down * math.sin(angle) + width / 2
            y = down * math.cos(angle) - across * math.sin(angle) + height / 2
        if self.turned_deg == 90:
            x, y = height - y, x
        elif self.turned_deg == 180:
            x, y = width - x, height - y
        elif self.turned_deg == 270:
            x, y = y, width - x
        # Floors and ceilings must not be moved by the last bit.
        return round(x, 6), round(y, 6)


def _within(value: int, limit: int) -> int:
    return min(max(value, 0), limit)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of each word of a line.

    Words stand between white space; an ideograph, a kana or a wide mark is a word by itself.
    """
    return [found.span() for found in _WORD.finditer(text)]


def place_words(
    layout: PageLayout, tile: Tile, found: "Recognition", text: str, frame: PageFrame
) -> tuple[WordResult, ...]:
    """Return the words of a tile; none where the recognizer does not tell its characters' places.

    Args:
        layout: the page as cut.
        tile: one of its tiles.
        found: what was read there.
        text: what of it is told; empty for a mark.
        frame: of the page.
    """
    places, certainties = getattr(found, "places", ()), getattr(found, "certainties", ())
    spans = word_spans(text)
    if not spans or not places:
        return ()
    seen = align_characters(text, found.draft, places, certainties)
    ink = tile_ink(layout, tile)
    boxes = word_boxes(ink, [place * ink.shape[1] for place, _ in seen], spans)
    words = []
    for (start, stop), (x0, y0, x1, y1) in zip(spans, boxes, strict=True):
        left, top = tile.box[:2]
        box = frame.to_input((left + x0, top + y0, left + x1, top + y1))
        certainties = tuple(certainty for _, certainty in seen[start:stop])
        words.append(WordResult(text[start:stop], box, math.prod(certainties), certainties))
    return tuple(words)


def align_characters(
    text: str, draft: str, places: Sequence[float], certainties: Sequence[float]
) -> list[tuple[float, float]]:
    """Return place and probability of each character of a text, from those of a draft.

    Characters that the draft has too are where it saw them. Others stand evenly between their
    neighbours, and are as likely right as wrong.

    Args:
        text: of the line.
        draft: what the CTC head read.
        places: of its characters, from 0 (left) to 1.
        certainties: probabilities of its characters.
    """
    if text == draft:
        return list(zip(places, certainties, strict=True))
    xs: list[float] = [math.nan] * len(text)
    chances = [_UNSEEN] * len(text)
    matcher = difflib.SequenceMatcher(None, text, draft, autojunk=False)
    for at, of_draft, size in matcher.get_matching_blocks():
        xs[at : at + size] = places[of_draft : of_draft + size]
        chances[at : at + size] = certainties[of_draft : of_draft + size]
    known = [number for number, x in enumerate(xs) if not math.isnan(x)]
    anchors = [0.0, *(xs[number] for number in known), 1.0]
    filled = np.interp(np.arange(len(text)), [-1, *known, len(text)], anchors)
    return list(zip(filled.tolist(), chances, strict=True))


def word_boxes(
    ink: np.ndarray, places: Sequence[float], spans: Sequence[tuple[int, int]]
) -> list[Box]:
    """Return the box of each word of a line, in pixels of its ink; never an empty one.

    Args:
        ink: (H, W) bool, the line's own.
        places: column of each character, in pixels, from left to right.
        spans: first character of each word, and the one behind its last.
    """
    height, width = ink.shape
    columns = ink.sum(axis=0)
    cuts = [0]
    for (start, stop), (following, _) in pairwise(spans):
        cut = _cut_between(columns, places[stop - 1], places[following])
        # Every word keeps a column, however the places lie.
        cuts.append(min(max(cut, cuts[-1] + (stop > start)), width))
    cuts.append(width)
    rows_of_line = _extent(ink.sum(axis=1)) or (0, height)
    boxes = []
    for (start, stop), (left, right) in zip(spans, pairwise(cuts), strict=True):
        part = ink[:, left:right]
        across, down = _extent(part.sum(axis=0)), _extent(part.sum(axis=1))
        if across is None or down is None:
            # Nothing but paper there: the places themselves, as high as the line.
            first = min(max(int(places[start]), 0), width - 1)
            last = min(max(math.ceil(places[stop - 1]), first + 1), width)
            boxes.append((first, rows_of_line[0], last, rows_of_line[1]))
            continue
        boxes.append((left + across[0], down[0], left + across[1], down[1]))
    return boxes


def _cut_between(columns: np.ndarray, last: float, first: float) -> int:
    """Return the column to part two words at: the middle of the widest gap between two places.

    Without a gap it is the column of the least ink, nearest to the middle.

    Args:
        columns: (W,) ink in each column.
        last: place of the last character of one word.
        first: place of the first character of the next.
    """
    start = min(max(0, int(last)), len(columns) - 1)
    stop = min(max(start + 1, math.ceil(first)), len(columns))
    part = columns[start:stop]
    edges = np.flatnonzero(np.diff(np.concatenate([[1], part != 0, [1]]).astype(np.int8)))
    middle = (stop - start) / 2
    gaps = edges.reshape(-1, 2)
    if len(gaps):
        far = np.abs(gaps.mean(axis=1) - middle)
        left, right = gaps[np.lexsort((far, gaps[:, 0] - gaps[:, 1]))[0]]
        return start + int(left + right + 1) // 2
    lightest = np.flatnonzero(part == part.min())
    return start + int(lightest[np.argmin(np.abs(lightest + 0.5 - middle))])


def _extent(taken: np.ndarray) -> tuple[int, int] | None:
    """Return the first place that is taken and the one behind the last; None for none."""
    places = np.flatnonzero(taken)
    return (int(places[0]), int(places[-1]) + 1) if len(places) else None
