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

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from vary.eval.metrics import character_errors
from vary.eval.segments import Segment, Text, holds_chinese, segments_of, tidy_text
from vary.extras import require

# Errors that make a hole cutting, in spaced text and in Chinese, whose characters say more each.
MIN_RUN = (12, 8)
# What such a hole must have more of errors than of right characters.
MIN_EXCESS = (8, 6)
# An answer is compared up to this many times its truth, and some more; a truth up to its limit.
MAX_RATIO, MAX_EXTRA, MAX_TRUTH = 3, 20_000, 200_000


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


def split_errors(answer: str, truth: str) -> ErrorSplit:
    """Return the errors of an answer by kind; no answer is an empty text.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    is_chinese = holds_chinese(truth)
    right, read = tidy_text(truth, is_chinese), tidy_text(answer, is_chinese)
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
    right, read = tidy_text(truth, is_chinese), tidy_text(answer, is_chinese)
    segments = segments_of(read, right, is_chinese)
    if any(segment.is_moved for segment in segments):
        errors = character_errors(read.text, right.text)
        if _in_order(read, right, segments, errors)[1] < errors:
            return segments
    return [Segment(0, len(read.text), 0, len(right.text))]


def _split(read: Text, right: Text, is_chinese: bool) -> ErrorSplit:
    if not read.text or not right.text:
        return ErrorSplit(cutting=len(read.text) + len(right.text))
    errors = character_errors(read.text, right.text)
    if not errors:
        return ErrorSplit()
    segments = segments_of(read, right, is_chinese)
    ordered, remaining = _in_order(read, right, segments, errors)
    order = min(errors - remaining, 2 * sum(s.length for s in segments if s.is_moved))
    cutting = _cutting(ordered, right, is_chinese)
    if remaining != errors - order:
        cutting = round(cutting * (errors - order) / remaining) if remaining else errors - order
    return ErrorSplit(cutting, errors - order - cutting, order)


def _shorten(text: Text, length: int) -> Text:
    lines = tuple((start, min(end, length)) for start, end in text.lines if start < length)
    return Text(text.text[:length], lines)


def _in_order(read: Text, right: Text, segments: list[Segment], errors: int) -> tuple[Text, int]:
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


def _concatenate(read: Text, segments: list[tuple[int, int]], is_chinese: bool) -> Text:
    """Return the segments one after the other, with their lines."""
    parts: list[str] = []
    for start, end in segments:
        # A line that a cut goes through is two lines.
        edges = [(max(a, start), min(b, end)) for a, b in read.lines_in(start, end)]
        parts.extend(read.text[a:b] for a, b in edges)
    return tidy_text("\n".join(parts), is_chinese)


def _cutting(read: Text, right: Text, is_chinese: bool) -> int:
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
