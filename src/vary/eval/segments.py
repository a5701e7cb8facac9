"""Where the parts of an answer stand in the truth, whatever their order.

A truth and an answer are compared under one white-space policy: collapsed, or removed where the
truth holds Chinese. `vary.eval.error_split` tells how segments are found and what for.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter

from vary.eval.metrics import collapse_white_space, remove_white_space

# Lengths of anchors, the surest first, in spaced text and in Chinese.
ANCHORS = ((12, 8, 6), (6, 4))
# Characters in anchors that a piece needs to be trusted out of its place.
MIN_PIECE = (16, 6)
# Characters by which an anchor may go over the end of its line, where two lines begin alike.
_OVERSHOOT = 5

_CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Segment:
    """A part of an answer, and the part of the truth that it holds; places under the policy.

    Attributes:
        start, end: in the answer.
        truth_start, truth_end: in the truth.
        is_moved: whether it stands in the wrong place.
    """

    start: int
    end: int
    truth_start: int
    truth_end: int
    is_moved: bool = False

    @property
    def length(self) -> int:
        """Characters of the truth."""
        return self.truth_end - self.truth_start


@dataclass(frozen=True)
class Text:
    """A text under the white-space policy, with the spans of its lines."""

    text: str
    lines: tuple[tuple[int, int], ...]

    def lines_in(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the lines that have something in common with a span."""
        for at in range(bisect_right(self.lines, start, key=itemgetter(1)), len(self.lines)):
            if self.lines[at][0] >= end:
                return
            yield self.lines[at]


@dataclass
class _Block:
    """Equal text: at `truth` and at `answer`, `size` characters."""

    truth: int
    answer: int
    size: int
    is_line: bool = False

    @property
    def truth_end(self) -> int:
        return self.truth + self.size

    @property
    def answer_end(self) -> int:
        return self.answer + self.size

    def without_start(self, num: int) -> "_Block":
        return _Block(self.truth + num, self.answer + num, self.size - num)


def holds_chinese(text: str) -> bool:
    """Return whether the text holds a Chinese character: its white space is then no part of it."""
    return _CHINESE.search(text) is not None


def tidy_text(text: str, is_chinese: bool) -> Text:
    """Return the text under the policy, and where its lines went."""
    tidy, gap = (remove_white_space, 0) if is_chinese else (collapse_white_space, 1)
    parts = [part for part in map(tidy, text.splitlines()) if part]
    lines, start = [], 0
    for part in parts:
        lines.append((start, start + len(part)))
        start += len(part) + gap
    return Text((" " * gap).join(parts), tuple(lines))


def segments_of(read: Text, right: Text, is_chinese: bool) -> list[Segment]:
    """Return a segment of the answer for each piece, in the truth's order."""
    pieces = _pieces(read, right, is_chinese)
    if not pieces:
        return []
    ranks = sorted(range(len(pieces)), key=lambda i: pieces[i][0].answer)
    starts = [0]
    for before, after in pairwise(ranks):
        starts.append(_boundary(read, right, (pieces, before, after), is_chinese))
    starts = [*accumulate(starts, max), len(read.text)]
    # By the answer's order: the span of each piece, what it completes included.
    spans = {rank: (starts[i], starts[i + 1]) for i, rank in enumerate(ranks)}
    lengths = [piece[-1].truth_end - piece[0].truth for piece in pieces]
    in_place = _heaviest_rise(ranks, [lengths[rank] for rank in ranks])
    return [
        Segment(*spans[rank], piece[0].truth, piece[-1].truth_end, rank not in in_place)
        for rank, piece in enumerate(pieces)
    ]


def _heaviest_rise(values: list[int], weights: list[int]) -> set[int]:
    """Return the rising subsequence whose weights add up to the most.

    Args:
        values: a permutation of 0 to their number.
        weights: of each value.
    """
    # best[v]: the best sum over a range of values that ends at v - 1, and the last value of it
    # (a Fenwick tree); before[v]: the value before v.
    best = [(0, -1)] * (len(values) + 1)
    before = [-1] * len(values)
    for value, weight in zip(values, weights, strict=True):
        found, at = (0, -1), value
        while at:
            found = max(found, best[at])
            at &= at - 1
        before[value] = found[1]
        at = value + 1
        while at < len(best):
            best[at] = max(best[at], (found[0] + weight, value))
            at += at & -at
    # The sum over all values is that of a value beyond the last one.
    last, at = (0, -1), len(values)
    while at:
        last = max(last, best[at])
        at &= at - 1
    rise, value = set(), last[1]
    while value >= 0:
        rise.add(value)
        value = before[value]
    return rise


def _pieces(read: Text, right: Text, is_chinese: bool) -> list[list[_Block]]:
    """Return the pieces in the truth's order, each a list of blocks that follow one another."""
    blocks = _equal_lines(read, right)
    for size in ANCHORS[is_chinese]:
        blocks = _add_anchors(blocks, read.text, right.text, size)
    return _trusted(blocks, right, MIN_PIECE[is_chinese])


def _add_anchors(blocks: list[_Block], answer: str, truth: str, size: int) -> list[_Block]:
    """Return the blocks and what new ones of at least `size` the rest of both texts gives."""
    free_truth = _free([(b.truth, b.truth_end) for b in blocks], len(truth))
    free_answer = _free([(b.answer, b.answer_end) for b in blocks], len(answer))
    in_truth = _unique_runs(truth, free_truth, size)
    in_answer = _unique_runs(answer, free_answer, size)
    seeds = sorted((start, in_answer[run]) for run, start in in_truth.items() if run in in_answer)
    found: list[_Block] = []
    for start, at in seeds:
        last = found[-1] if found else None
        # A seed one further on both sides makes the run before it longer.
        if last and start - at == last.truth - last.answer and start <= last.truth_end:
            last.size = start + size - last.truth
        else:
            found.append(_Block(start, at, size))
    return _without_overlap(blocks, found)


def _unique_runs(text: str, spans: list[tuple[int, int]], size: int) -> dict[str, int]:
    """Return the runs of `size` characters that stand once within the spans, and where."""
    places: dict[str, int] = {}
    for start, end in spans:
        for at in range(start, end - size + 1):
            run = text[at : at + size]
            places[run] = -1 if run in places else at
    return {run: at for run, at in places.items() if at >= 0}


def _free(taken: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Return the spans of 0 to `length` that are not taken."""
    edges = [(0, 0), *sorted(taken), (length, length)]
    return [(end, start) for (_, end), (start, _) in pairwise(edges) if start > end]


def _without_overlap(blocks: list[_Block], found: list[_Block]) -> list[_Block]:
    """Return all blocks in the truth's order; where two share text, the shorter one gives it up.

    The found ones lie within what the others leave free.
    """
    for key in (lambda b: b.truth, lambda b: b.answer):
        kept: list[_Block] = []
        for block in sorted(found, key=key):
            while kept and (shared := key(kept[-1]) + kept[-1].size - key(block)) > 0:
                if block.size <= kept[-1].size:
                    block = block.without_start(shared)  # noqa: PLW2901 - what is left of it
                    break
                if shared < kept[-1].size:
                    kept[-1].size -= shared
                    break
                kept.pop()
            if block.size > 1:
                kept.append(block)
        found = kept
    return sorted([*blocks, *found], key=lambda b: b.truth)


def _equal_lines(read: Text, right: Text) -> list[_Block]:
    """Return the lines that stand once in both texts."""
    in_truth, in_answer = _unique_lines(right), _unique_lines(read)
    return [
        _Block(start, in_answer[line], len(line), is_line=True)
        for line, start in in_truth.items()
        if line in in_answer
    ]


def _unique_lines(text: Text) -> dict[str, int]:
    """Return the lines that stand once in a text, and where."""
    places: dict[str, int] = {}
    for start, end in text.lines:
        line = text.text[start:end]
        places[line] = -1 if line in places else start
    return {line: start for line, start in places.items() if start >= 0}


def _trusted(blocks: list[_Block], right: Text, min_size: int) -> list[list[_Block]]:
    """Return the pieces that hold enough text, in the truth's order.

    The smallest ones go first: their neighbours may then follow one another and be one piece.
    """
    pieces = _chain(blocks)
    for size in sorted({*range(2, min_size, 4), min_size}):
        kept = [piece for piece in pieces if _is_sure(piece, right, size)]
        if len(kept) < len(pieces):
            pieces = _chain([block for piece in kept for block in piece])
    return pieces


def _is_sure(piece: list[_Block], right: Text, size: int) -> bool:
    return sum(b.size for b in piece) >= size or any(
        b.is_line or _is_most_of_a_line(b, right) for b in piece
    )


def _is_most_of_a_line(block: _Block, right: Text) -> bool:
    """Return whether nearly all of some line lies in the block."""
    return any(
        min(end, block.truth_end) - max(start, block.truth) >= 0.8 * (end - start)
        for start, end in right.lines_in(block.truth, block.truth_end)
    )


def _chain(blocks: list[_Block]) -> list[list[_Block]]:
    """Return runs of blocks, in the truth's order, that are neighbours in the answer too."""
    ranks = {id(b): rank for rank, b in enumerate(sorted(blocks, key=lambda b: b.answer))}
    pieces: list[list[_Block]] = []
    for block in sorted(blocks, key=lambda b: b.truth):
        if pieces and ranks[id(block)] == ranks[id(pieces[-1][-1])] + 1:
            pieces[-1].append(block)
        else:
            pieces.append([block])
    return pieces


def _boundary(
    read: Text, right: Text, where: tuple[list[list[_Block]], int, int], is_chinese: bool
) -> int:
    """Return where the answer is cut between two pieces that follow each other in it.

    The text between them completes the line that the first one stands in, and the line of the
    second; it is shared out by what these two lack. What neither lacks stays with the first.
    """
    pieces, before, after = where
    first, second = pieces[before][-1], pieces[after][0]
    gap = second.answer - first.answer_end
    tail = _line_end(right, first.truth_end) - first.truth_end
    head = second.truth - _line_start(right, second.truth)
    if before + 1 < len(pieces):
        tail = min(tail, pieces[before + 1][0].truth - first.truth_end)
    if after:
        head = min(head, second.truth - pieces[after - 1][-1].truth_end)
    share = tail + max(0, gap - tail - head) if gap >= tail + head else gap * tail // (tail + head)
    low = first.answer_end - min(_OVERSHOOT, first.size // 4)
    high = second.answer + min(_OVERSHOOT, second.size // 4)
    return _snap(read, first.answer_end + share, (low, high), is_chinese)


def _line_end(text: Text, place: int) -> int:
    at = bisect_left(text.lines, place, key=itemgetter(1))
    return text.lines[at][1] if at < len(text.lines) else place


def _line_start(text: Text, place: int) -> int:
    at = bisect_right(text.lines, place, key=itemgetter(0))
    return text.lines[at - 1][0] if at else place


def _snap(text: Text, place: int, within: tuple[int, int], is_chinese: bool) -> int:
    """Return the nearest start of a line, or else of a word, near a place and within limits."""
    low, high = within
    first, last = max(low, place - _OVERSHOOT), min(high, place + _OVERSHOOT)
    near = [start for start, _ in text.lines_in(first, last + 1) if first <= start]
    if near:
        return min(near, key=lambda start: abs(start - place))
    if is_chinese:
        return place
    words = [
        at + 1
        for at in range(max(0, low - 1, place - 12), min(high, place + 12, len(text.text)))
        if text.text[at] == " "
    ]
    return min(words, key=lambda at: abs(at - place), default=place)
