"""The reading order of a page: lines put together from fragments, columns after one another.

The fragments of a text layer come in the order in which the file paints them, which is anything.
Here they are joined to segments (what stands on one baseline without a gap), a region of segments
is cut where a gutter runs through several lines, and what is not cut is read row by row, as
tables, lists and captions are. A gutter is that of columns, and not of a table, if both sides are
long lines of text or if their baselines do not go together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from vary.data.engines.pdf.layer import CJK_SPACE_EM, Box, Fragment, Piece, around
from vary.data.engines.pdf.letters import is_cjk

# Gaps in em: up to the first, glyphs of a word; up to the second, words of a line of prose.
WORD_GAP_EM = 0.13
SEGMENT_GAP_EM = 0.9
# A gutter is at least so wide, and has so many lines on either side.
GUTTER_EM = 0.8
GUTTER_LINES = 3
# A side of columns has so many characters per line (an ideograph counts twice).
COLUMN_CHARACTERS = 15
# Sides that both have more segments per row are halves of a table.
MOST_CELLS = 1.8
# Baselines go together if they differ by less than this; in tables most do, beside notes few.
SAME_BASELINE_EM = 0.12
ALIGNED_SHARE = 0.6
# Segments whose baselines follow each other closer are of one row.
SAME_ROW_EM = 0.35
# Raised and lowered type stands off its line by less than this.
RAISED_EM = 0.55
LEADERS = ".·…‥．"
# A wider gap within a line is one between cells; justified lines are stretched up to it.
CELL_GAP_EM = 1.6


@dataclass(slots=True)
class Segment:
    """Pieces on one baseline without a large gap.

    Attributes:
        pieces: from left to right; `space` tells of white space before each.
        box: around them.
        baseline: y, pt.
        size: of the type, pt.
        weight: characters but those of leaders; an ideograph counts twice.
    """

    pieces: list[Piece]
    box: Box
    baseline: float
    size: float
    weight: int


@dataclass(slots=True)
class Line:
    """A line as it is read: one segment, or several of a row.

    Attributes:
        segments: from left to right.
        column: number of the column or band that it stands in; lines of one column follow each
            other.
    """

    segments: list[Segment]
    column: int
    _text: str = field(default="", init=False, repr=False, compare=False)

    @property
    def box(self) -> Box:
        """Around the segments."""
        if len(self.segments) == 1:
            return self.segments[0].box
        return _around([segment.box for segment in self.segments])

    @property
    def size(self) -> float:
        """Of the type that most of it has, pt."""
        return self._main.size

    @property
    def baseline(self) -> float:
        """Of the segment with most text, pt."""
        return self._main.baseline

    @property
    def _main(self) -> Segment:
        """The segment with most text."""
        if len(self.segments) == 1:
            return self.segments[0]
        return max(self.segments, key=lambda segment: segment.weight)

    @property
    def is_row(self) -> bool:
        """Whether it is a row of cells and no running text."""
        gaps = [after.box[0] - before.box[2] for before, after in pairwise(self.segments)]
        return max(gaps, default=0.0) > CELL_GAP_EM * self.size

    @property
    def pieces(self) -> list[Piece]:
        """All of its pieces; those that begin a segment stand after a space."""
        return [piece for segment in self.segments for piece in segment.pieces]

    @property
    def text(self) -> str:
        """The line as drawn."""
        if not self._text:
            parts: list[str] = []
            for segment in self.segments:
                for at, piece in enumerate(segment.pieces):
                    if parts and (piece.space or not at):
                        parts.append(" ")
                    parts.append(piece.text)
            self._text = "".join(parts)
        return self._text


def read_order(fragments: Sequence[Fragment]) -> list[Line]:
    """Return the lines of a page in reading order."""
    segments = _segments(fragments)
    if not segments:
        return []
    reader = _Reader()
    head, body, foot = _furniture(segments)
    for part in (head, body, foot):
        reader.read(part)
    return reader.lines


class _Reader:
    """Collects lines, region by region."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._column = 0

    def read(self, segments: list[Segment]) -> None:
        """Add the lines of a region."""
        if not segments:
            return
        bands = _bands(segments)
        if bands is None:
            self._column += 1
            self.lines += [Line(row, self._column) for row in _rows(segments)]
            return
        for band in bands:
            for column in band:
                self.read(column)


def _segments(fragments: Sequence[Fragment]) -> list[Segment]:
    """Return fragments joined where they stand on one baseline, side by side."""
    segments: list[Segment] = []
    for fragment in sorted(fragments, key=lambda part: (part.box[0], part.box[1])):
        for run in _unbroken(fragment):
            _join(segments, run)
    return segments


def _unbroken(fragment: Fragment) -> list[Segment]:
    """Return a fragment cut at its large gaps."""
    limit = SEGMENT_GAP_EM * fragment.size
    runs: list[list[Piece]] = [[fragment.pieces[0]]]
    for piece in fragment.pieces[1:]:
        if piece.box[0] - runs[-1][-1].box[2] > limit:
            runs.append([piece])
        else:
            runs[-1].append(piece)
    if len(runs) == 1:
        return [_segment(runs[0], fragment.box, fragment)]
    return [_segment(run, around(run), fragment) for run in runs]


def _segment(pieces: list[Piece], box: Box, fragment: Fragment) -> Segment:
    texts = [piece.text for piece in pieces]
    whole = "".join(texts)
    if whole[-1] in LEADERS or "..." in whole:
        # The dots of a contents page lead to a number; they are no text beside that of its names.
        texts = [text.split("...")[0] if text.strip(LEADERS) else "" for text in texts]
        whole = "".join(texts)
    weight = len(whole)
    if not whole.isascii():
        weight = sum(2 if is_cjk(text[0]) else len(text) for text in texts if text)
    return Segment(pieces, box, fragment.baseline, fragment.size, weight)


def _join(segments: list[Segment], new: Segment) -> None:
    """Add a segment to the one that ends where it begins, or to the list."""
    best = None
    left, size = new.box[0], new.size
    nearest = 0.0
    for old in segments:
        gap = left - old.box[2]
        small, large = (old.size, size) if old.size < size else (size, old.size)
        is_beside = -0.3 * large < gap < SEGMENT_GAP_EM * small
        is_near = best is None or abs(gap) < nearest
        if is_beside and is_near and _same_line(old, new):
            best, nearest = old, abs(gap)
    if best is None:
        segments.append(new)
        return
    gap = new.box[0] - best.box[2]
    first = new.pieces[0]
    ends = best.pieces[-1].text[-1], first.text[0]
    is_set = any(map(is_cjk, ends)) and all(is_cjk(end) or end.isalnum() for end in ends)
    needed = CJK_SPACE_EM if is_set else WORD_GAP_EM
    both_cjk = all(map(is_cjk, ends))
    first.space = first.space or (gap > needed * max(new.size, best.size) and not both_cjk)
    if new.weight > best.weight:
        best.baseline, best.size = new.baseline, new.size
    best.pieces += new.pieces
    best.weight += new.weight
    best.box = _around([best.box, new.box])


def _same_line(one: Segment, other: Segment) -> bool:
    """Return whether two segments stand on one line; raised and lowered ones do too."""
    apart = abs(one.baseline - other.baseline)
    small, large = sorted((one.size, other.size))
    return apart < 0.2 * small or (apart < RAISED_EM * large and small < 0.85 * large)


def _furniture(
    segments: list[Segment],
) -> tuple[list[Segment], list[Segment], list[Segment]]:
    """Return what stands apart at the top, the rest, and what stands apart at the bottom.

    Only rows that the whole width is free above or below of: else a page number under the left
    column would be read before the right one.
    """
    rows = _rows(segments)
    head: list[Segment] = []
    foot: list[Segment] = []
    em = float(np.median([segment.size for segment in segments]))
    tops = [min(segment.box[1] for segment in row) for row in rows]
    bottoms = [max(segment.box[3] for segment in row) for row in rows]
    first, last = 0, len(rows)
    if len(rows) > 4:
        for cut in (1, 2):
            if min(tops[cut:]) - max(bottoms[:cut]) > 0.9 * em:
                first = cut
        for cut in (1, 2):
            if min(tops[-cut:]) - max(bottoms[:-cut]) > 0.9 * em:
                last = len(rows) - cut
    for row in rows[:first]:
        head += row
    for row in rows[last:]:
        foot += row
    return head, [segment for row in rows[first:last] for segment in row], foot


def _rows(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Return segments as rows from top to bottom, each from left to right."""
    rows: list[list[Segment]] = []
    places: list[tuple[float, float]] = []
    for segment in sorted(segments, key=lambda part: (-part.weight, part.baseline)):
        best, distance = -1, 0.0
        own_baseline, own_size = segment.baseline, segment.size
        for at, (baseline, size) in enumerate(places):
            apart = abs(baseline - own_baseline)
            large = size if size > own_size else own_size
            if apart >= RAISED_EM * large:
                continue
            limit = SAME_ROW_EM * min(size, own_size)
            if own_size < 0.85 * size and segment.weight <= 6:
                limit = RAISED_EM * large
            is_nearer = best < 0 or apart < distance
            if apart < limit and is_nearer and not _overlaps(rows[at], segment):
                best, distance = at, apart
        if best < 0:
            rows.append([segment])
            places.append((segment.baseline, segment.size))
        else:
            rows[best].append(segment)
    order = sorted(range(len(rows)), key=lambda at: (places[at][0], rows[at][0].box[0]))
    return [sorted(rows[at], key=lambda part: part.box[0]) for at in order]


def _overlaps(row: list[Segment], segment: Segment) -> bool:
    """Return whether a segment lies over one of a row."""
    x0, _, x1, _ = segment.box
    return any(
        min(x1, other.box[2]) - max(x0, other.box[0])
        > 0.5 * min(x1 - x0, other.box[2] - other.box[0])
        for other in row
    )


class _Region:
    """Segments with what is computed of them.

    Args:
        segments: at least one.
    """

    def __init__(self, segments: list[Segment]) -> None:
        self.segments = segments
        self.boxes = np.array([segment.box for segment in segments])
        self.baselines = np.array([segment.baseline for segment in segments])
        self.weights = np.array([segment.weight for segment in segments])
        self.em = float(np.median([segment.size for segment in segments]))
        self.order = np.argsort(self.boxes[:, 1] + self.boxes[:, 3], kind="stable")


def _bands(segments: list[Segment]) -> list[list[list[Segment]]] | None:
    """Return a region as bands from top to bottom, each of one region or two columns.

    None if no gutter runs through it.
    """
    if len(segments) < 2 * GUTTER_LINES:
        return None
    region = _Region(segments)
    boxes = region.boxes
    places = _candidates(boxes, region.em)
    gutters = _Gutters(region, places)
    best: tuple[int, float] = (0, 0.0)
    found: tuple[list[np.ndarray], float] | None = None
    for number, x in enumerate(places.tolist()):
        runs = gutters.runs(number)
        if not runs:
            continue
        area = sum(float(boxes[run, 3].max() - boxes[run, 1].min()) for run in runs)
        worth = (round(area), min(_gutter(boxes[run], x) for run in runs))
        if worth > best:
            best, found = worth, (runs, x)
    return None if found is None else _split(region, *found)


def _candidates(boxes: np.ndarray, em: float) -> np.ndarray:
    """Return where a gutter may be: just right of a segment."""
    places = boxes[:, 2] + 0.4 * em
    places = places[places < boxes[:, 2].max()]
    return np.unique(np.round(places / (0.3 * em))) * (0.3 * em)


def _gutter(boxes: np.ndarray, x: float) -> float:
    left = boxes[boxes[:, 2] <= x]
    right = boxes[boxes[:, 0] >= x]
    return float(right[:, 0].min() - left[:, 2].max())


class _Gutters:
    """What vertical lines at some places would part of a region.

    Args:
        region: the segments.
        places: (P,), pt.
    """

    def __init__(self, region: "_Region", places: np.ndarray) -> None:
        self._region = region
        begin, end = region.boxes[region.order, 0], region.boxes[region.order, 2]
        self._is_left = end[None] <= places[:, None]
        self._is_crossing = (begin[None] < places[:, None]) & ~self._is_left
        # Verdicts on partings, which other places give too.
        self._seen: dict[tuple[int, int, bytes], bool] = {}

    def runs(self, number: int) -> list[np.ndarray]:
        """Return the runs of segments, top to bottom, that a line there parts as columns."""
        order = self._region.order
        bounds = [-1, *np.flatnonzero(self._is_crossing[number]).tolist(), len(order)]
        return [
            order[before + 1 : stop]
            for before, stop in pairwise(bounds)
            if stop - before > 2 * GUTTER_LINES and self._parts(number, before + 1, stop)
        ]

    def _parts(self, number: int, start: int, stop: int) -> bool:
        """Return whether a line parts the segments from `start` to `stop` as columns."""
        is_left = self._is_left[number, start:stop]
        left = int(np.count_nonzero(is_left))
        if min(left, stop - start - left) < GUTTER_LINES:
            return False
        key = (start, stop, is_left.tobytes())
        if key not in self._seen:
            run = self._region.order[start:stop]
            self._seen[key] = _are_columns(self._region, run[is_left], run[~is_left])
        return self._seen[key]


@dataclass(slots=True)
class _Side:
    """The rows of one side of a gutter, from top to bottom.

    Attributes:
        baselines: (R,), pt.
        tops, bottoms: (R,), pt.
        weight: mean of the rows' characters.
        fullness: share of rows that cover three quarters of the side's width.
        cells: mean of the rows' segments.
    """

    baselines: np.ndarray
    tops: np.ndarray
    bottoms: np.ndarray
    weight: float
    fullness: float
    cells: float


def _side(region: "_Region", which: np.ndarray) -> _Side:
    """Return some segments of a region as rows; raised and lowered ones may count as their own."""
    which = which[np.argsort(region.baselines[which], kind="stable")]
    baselines, boxes = region.baselines[which], region.boxes[which]
    is_first = np.ones(len(which), bool)
    is_first[1:] = baselines[1:] - baselines[:-1] > SAME_ROW_EM * region.em
    starts = np.flatnonzero(is_first)
    widths = np.add.reduceat(boxes[:, 2] - boxes[:, 0], starts)
    whole = boxes[:, 2].max() - boxes[:, 0].min()
    return _Side(
        baselines[starts],
        np.minimum.reduceat(boxes[:, 1], starts),
        np.maximum.reduceat(boxes[:, 3], starts),
        float(region.weights[which].sum() / len(starts)),
        np.count_nonzero(widths > 0.75 * whole) / len(starts),
        len(which) / len(starts),
    )


def _are_columns(region: "_Region", left: np.ndarray, right: np.ndarray) -> bool:
    """Return whether two sets of segments, one left of the other, are columns of text."""
    boxes = region.boxes
    if boxes[right, 0].min() - boxes[left, 2].max() < GUTTER_EM * region.em:
        return False
    few, many = sorted(
        (_side(region, left), _side(region, right)), key=lambda side: len(side.baselines)
    )
    if len(few.baselines) < GUTTER_LINES:
        return False
    weight = min(few.weight, many.weight)
    if _aligned(few, many, region.em) < ALIGNED_SHARE:
        is_table = min(few.cells, many.cells) > MOST_CELLS
        return weight > 4 and not is_table and _beside(few, many) > 0.5
    return weight >= COLUMN_CHARACTERS and min(few.fullness, many.fullness) > 0.4


def _aligned(few: _Side, many: _Side, em: float) -> float:
    """Return the share of rows, on the side with fewer, whose baseline the other side has too."""
    apart = np.abs(few.baselines[:, None] - many.baselines[None]).min(axis=1)
    return np.count_nonzero(apart < SAME_BASELINE_EM * em) / len(apart)


def _beside(few: _Side, many: _Side) -> float:
    """Return the share of rows, on the side with fewer, that stand beside one of the other side."""
    is_beside = (many.tops[None] < few.bottoms[:, None]) & (many.bottoms[None] > few.tops[:, None])
    return np.count_nonzero(is_beside.any(axis=1)) / len(is_beside)


def _split(region: _Region, runs: list[np.ndarray], x: float) -> list[list[list[Segment]]]:
    """Return the bands that runs make of a region."""
    segments, boxes = region.segments, region.boxes
    starts = {int(run[0]): run for run in runs}
    inside = {int(at) for run in runs for at in run}
    bands: list[list[list[Segment]]] = []
    between: list[Segment] = []
    for at in region.order.tolist():
        if at in starts:
            if between:
                bands.append([between])
                between = []
            run = starts[at]
            is_left = boxes[run, 2] <= x
            sides = (run[is_left], run[~is_left])
            bands.append([[segments[number] for number in side] for side in sides])
        elif at not in inside:
            between.append(segments[at])
    if between:
        bands.append([between])
    return bands


def _around(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)
