"""What kind the errors of a page are: cutting, characters, or order.

The errors are the edit distance of answer and truth in characters. White space is collapsed on both
sides; where the truth holds Chinese it is removed. The three parts add up to the errors:

- **order**: text that is right but stands in the wrong place;
- **cutting**: lines or runs that are missing, invented, or doubled;
- **characters**: substitutions, and small insertions and deletions, inside text that is there.

How they are found:

1. *Anchors.* Lines that occur once in the answer and once in the truth; then runs of characters
   that do so within what is left, wherever they stand, long ones first. Line breaks need not agree:
   runs go over them.
2. *Pieces.* Anchors that follow each other on both sides are one piece. Pieces with too little text
   to be sure of are dropped (chance finds such as " of the "), smallest first, until none is left.
3. *Order.* The answer's pieces are put into the truth's order; what stands between two pieces goes
   with the one it completes. The edit distance after that is what remains; what it fell by is the
   order's part. It can be no more than twice the length of what was moved, since moving a
   piece is to delete it and to insert it again. Where the distance does not fall, the answer stays
   as it is and nothing is order.
4. *Cutting and characters.* Along the alignment that remains, errors count +1 and right characters
   -1; the stretches where the sum grows most (all maximal scoring subsequences: W. Ruzzo and
   M. Tompa, ISMB 1999) are holes: more errors than right characters, from the first to the last. A
   hole of at least `MIN_RUN` errors, `MIN_EXCESS` more than right characters, is cutting, and so is
   a whole line, however short, that is missing or added; all other errors are characters.

Its limits: a line of which less than half was read right is no longer told from a line that
is missing with another one invented in its place: cutting. Swapped pieces shorter than an anchor
(words, cells of a table that are no lines of their own) are not followed: cutting or characters. An
answer far longer than its truth is compared up to a limit; the rest is invented text: cutting.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from vary.eval.metrics import character_errors, collapse_white_space, remove_white_space
from vary.extras import require

# Errors that make a hole cutting, in spaced text and in Chinese, whose characters say more each.
MIN_RUN = (12, 8)
# What such a hole must have more of errors than of right characters.
MIN_EXCESS = (8, 6)
# Lengths of anchors, the surest first.
ANCHORS = ((12, 8, 6), (6, 4))
# Characters in anchors that a piece needs to be trusted out of its place.
MIN_PIECE = (16, 6)
# An answer is compared up to this many times its truth, and some more; a truth up to its limit.
MAX_RATIO, MAX_EXTRA, MAX_TRUTH = 3, 20_000, 200_000

# Characters by which an anchor may go over the end of its line, where two lines begin alike.
_OVERSHOOT = 5

_CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True)
class ErrorSplit:
    """The errors of a page, in characters; `length` is that of the truth."""

    cutting: int = 0
    characters: int = 0
    order: int = 0
    length: int = 0

    @property
    def errors(self) -> int:
        """All of them: the edit distance, for answers within the limits."""
        return self.cutting + self.characters + self.order


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
class _Text:
    """A text under the white-space policy, with the spans of its lines."""

    text: str
    lines: tuple[tuple[int, int], ...]


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


@dataclass
class _Candidate:
    """A stretch of errors: the first, one past the last, the sums before and after it.

    `lower` is the place of the nearest candidate before it that begins at a lower sum, -1 for none.
    """

    first: int
    end: int
    before: int
    after: int
    lower: int = -1


def holds_chinese(text: str) -> bool:
    """Return whether the text holds a Chinese character: its white space is then no part of it."""
    return _CHINESE.search(text) is not None


def split_errors(answer: str, truth: str) -> ErrorSplit:
    """Return the errors of an answer by kind; no answer is an empty text.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    is_chinese = holds_chinese(truth)
    right, read = _tidy(truth, is_chinese), _tidy(answer, is_chinese)
    length, cut_off = len(right.text), 0
    if len(right.text) > MAX_TRUTH:
        cut_off += len(right.text) - MAX_TRUTH
        right = _shorten(right, MAX_TRUTH)
    limit = MAX_RATIO * len(right.text) + MAX_EXTRA
    if len(read.text) > limit:
        cut_off += len(read.text) - limit
        read = _shorten(read, limit)
    found = _split(read, right, is_chinese)
    return ErrorSplit(found.cutting + cut_off, found.characters, found.order, length)


def segments_in_order(answer: str, truth: str) -> list[Segment]:
    """Return an answer's segments in the truth's order; the whole answer where its order is right.

    Together they hold all of the answer's text (white space collapsed, or removed).

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    is_chinese = holds_chinese(truth)
    right, read = _tidy(truth, is_chinese), _tidy(answer, is_chinese)
    segments = _segments(read, right, is_chinese)
    if any(segment.is_moved for segment in segments):
        errors = character_errors(read.text, right.text)
        if _in_order(read, right, segments, errors)[1] < errors:
            return segments
    return [Segment(0, len(read.text), 0, len(right.text))]


def _split(read: _Text, right: _Text, is_chinese: bool) -> ErrorSplit:
    if not read.text or not right.text:
        return ErrorSplit(cutting=len(read.text) + len(right.text))
    errors = character_errors(read.text, right.text)
    if not errors:
        return ErrorSplit()
    segments = _segments(read, right, is_chinese)
    ordered, remaining = _in_order(read, right, segments, errors)
    order = min(errors - remaining, 2 * sum(s.length for s in segments if s.is_moved))
    cutting = _cutting(ordered, right, is_chinese)
    if remaining != errors - order:
        cutting = round(cutting * (errors - order) / remaining) if remaining else errors - order
    return ErrorSplit(cutting, errors - order - cutting, order)


def _tidy(text: str, is_chinese: bool) -> _Text:
    """Return the text under the policy, and where its lines went."""
    tidy, gap = (remove_white_space, 0) if is_chinese else (collapse_white_space, 1)
    parts = [part for part in map(tidy, text.splitlines()) if part]
    lines, start = [], 0
    for part in parts:
        lines.append((start, start + len(part)))
        start += len(part) + gap
    return _Text((" " * gap).join(parts), tuple(lines))


def _shorten(text: _Text, length: int) -> _Text:
    lines = tuple((start, min(end, length)) for start, end in text.lines if start < length)
    return _Text(text.text[:length], lines)


# --- Anchors and pieces -------------------------------------------------------------------------


def _pieces(read: _Text, right: _Text, is_chinese: bool) -> list[list[_Block]]:
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


def _equal_lines(read: _Text, right: _Text) -> list[_Block]:
    """Return the lines that stand once in both texts."""
    in_truth, in_answer = _unique_lines(right), _unique_lines(read)
    return [
        _Block(start, in_answer[line], len(line), is_line=True)
        for line, start in in_truth.items()
        if line in in_answer
    ]


def _unique_lines(text: _Text) -> dict[str, int]:
    """Return the lines that stand once in a text, and where."""
    places: dict[str, int] = {}
    for start, end in text.lines:
        line = text.text[start:end]
        places[line] = -1 if line in places else start
    return {line: start for line, start in places.items() if start >= 0}


def _trusted(blocks: list[_Block], right: _Text, min_size: int) -> list[list[_Block]]:
    """Return the pieces that hold enough text, in the truth's order.

    The smallest ones go first: their neighbours may then follow one another and be one piece.
    """
    pieces = _chain(blocks)
    for size in sorted({*range(2, min_size, 4), min_size}):
        kept = [piece for piece in pieces if _is_sure(piece, right, size)]
        if len(kept) < len(pieces):
            pieces = _chain([block for piece in kept for block in piece])
    return pieces


def _is_sure(piece: list[_Block], right: _Text, size: int) -> bool:
    return sum(b.size for b in piece) >= size or any(
        b.is_line or _is_most_of_a_line(b, right) for b in piece
    )


def _is_most_of_a_line(block: _Block, right: _Text) -> bool:
    """Return whether nearly all of some line lies in the block."""
    at = bisect_right(right.lines, (block.truth, -1))
    for start, end in right.lines[max(0, at - 1) :]:
        if start >= block.truth_end:
            return False
        shared = min(end, block.truth_end) - max(start, block.truth)
        if shared >= 0.8 * (end - start):
            return True
    return False


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


# --- Order --------------------------------------------------------------------------------------


def _segments(read: _Text, right: _Text, is_chinese: bool) -> list[Segment]:
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
    """Return the rising subsequence of different values whose weights add up to the most."""
    # For each value as the last one: the best sum, and the place of the value before it.
    best: list[tuple[int, int]] = []
    for i, value in enumerate(values):
        before = max(((best[j][0], j) for j in range(i) if values[j] < value), default=(0, -1))
        best.append((before[0] + weights[i], before[1]))
    at = max(range(len(best)), key=lambda i: best[i][0], default=-1)
    found = set()
    while at >= 0:
        found.add(values[at])
        at = best[at][1]
    return found


def _in_order(read: _Text, right: _Text, segments: list[Segment], errors: int) -> tuple[_Text, int]:
    """Return the answer with its segments in order and its errors; as it is if that is no worse.

    Args:
        read: the answer.
        right: the truth.
        segments: in the truth's order.
        errors: of the answer as it is.
    """
    if not any(segment.is_moved for segment in segments):
        return read, errors
    is_chinese = holds_chinese(right.text)
    ordered = _concatenate(read, [(s.start, s.end) for s in segments], is_chinese)
    remaining = character_errors(ordered.text, right.text)
    return (ordered, remaining) if remaining < errors else (read, errors)


def _boundary(
    read: _Text, right: _Text, where: tuple[list[list[_Block]], int, int], is_chinese: bool
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


def _line_end(text: _Text, place: int) -> int:
    return min((end for start, end in text.lines if end >= place), default=place)


def _line_start(text: _Text, place: int) -> int:
    return max((start for start, end in text.lines if start <= place), default=place)


def _snap(text: _Text, place: int, within: tuple[int, int], is_chinese: bool) -> int:
    """Return the nearest start of a line, or else of a word, near a place and within limits."""
    low, high = within
    near = [s for s, _ in text.lines if low <= s <= high and abs(s - place) <= _OVERSHOOT]
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


def _concatenate(read: _Text, segments: list[tuple[int, int]], is_chinese: bool) -> _Text:
    """Return the segments one after the other, with their lines."""
    parts: list[str] = []
    for start, end in segments:
        # A line that a cut goes through is two lines.
        edges = [(max(a, start), min(b, end)) for a, b in read.lines if a < end and b > start]
        parts.extend(read.text[a:b] for a, b in edges)
    return _tidy("\n".join(parts), is_chinese)


# --- Cutting and characters ---------------------------------------------------------------------


def _cutting(read: _Text, right: _Text, is_chinese: bool) -> int:
    """Return how many errors of the alignment lie in holes, or are whole lines."""
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval")
    edits = [
        (edit.tag, edit.src_pos, edit.dest_pos)
        for edit in levenshtein.editops(read.text, right.text)
    ]
    in_hole = [False] * len(edits)
    # Places in the answer and in the truth only grow: right characters lie between two edits.
    steps = [_num_right(a, b) for a, b in pairwise(edits)]
    for first, end, excess in _holes(steps) if edits else ():
        if end - first >= MIN_RUN[is_chinese] and excess >= MIN_EXCESS[is_chinese]:
            in_hole[first:end] = [True] * (end - first)
    added = {read_at: i for i, (tag, read_at, _) in enumerate(edits) if tag == "delete"}
    missing = {right_at: i for i, (tag, _, right_at) in enumerate(edits) if tag == "insert"}
    for text, errors in ((read, added), (right, missing)):
        for start, end in text.lines:
            if all(at in errors for at in range(start, end)):
                # The space before or after the line goes with it.
                for at in range(start - 1, end + 1):
                    if at in errors:
                        in_hole[errors[at]] = True
    return sum(in_hole)


def _num_right(edit: tuple[str, int, int], following: tuple[str, int, int]) -> int:
    """Return how many right characters stand between two edits."""
    tag, read_at, _ = edit
    return following[1] - read_at - (tag in {"replace", "delete"})


def _holes(steps: list[int]) -> Iterator[tuple[int, int, int]]:
    """Yield maximal scoring subsequences of errors: first, one past the last, score.

    Args:
        steps: right characters between each error and the following one. An error scores 1, a
            right character -1.

    Source: Ruzzo and Tompa 1999, section 3.
    """
    candidates: list[_Candidate] = []
    total = 0
    for error in range(len(steps) + 1):
        if error:
            total -= steps[error - 1]
        new = _Candidate(error, error + 1, total, total + 1)
        total += 1
        while True:
            at = len(candidates) - 1
            # What lies between a candidate and its `lower` one begins higher than it does.
            while at >= 0 and candidates[at].before >= new.before:
                at = candidates[at].lower
            if at < 0 or candidates[at].after >= new.after:
                new.lower = at
                candidates.append(new)
                break
            new = _Candidate(candidates[at].first, new.end, candidates[at].before, new.after)
            del candidates[at:]
    for found in candidates:
        yield found.first, found.end, found.after - found.before
