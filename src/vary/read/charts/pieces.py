"""Letters of a chart -> pieces of text: words that stand in one line, at any angle."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from vary.read.charts.blobs import Letters
from vary.read.charts.surfaces import Canvas
from vary.read.cutting.layout import Box
from vary.read.cutting.raster import join_pairs

Point = tuple[float, float]
_USUAL_TURNS = (30.0, 45.0, 60.0, -30.0, -45.0, -60.0)
_OBLIQUE = (20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0)
_SAME_COLOR = 44.0
"""Levels by which inks of one colour differ at most, whatever their grounds."""
_SAME_INK = 0.95
"""Least cosine between the directions of two letters' colours."""


@dataclass(frozen=True)
class Piece:
    """A line of text, or a part of it.

    Attributes:
        letters: indices of its letters.
        box: x0, y0, x1, y1 of its ink in the picture.
        angle_deg: counter-clockwise, by which it is turned; 0 for most.
        em_px: height from its highest ascender to its lowest descender.
        ground: the surface that it stands on.
        color: RGB of its ink.
    """

    letters: np.ndarray = field(repr=False)
    box: Box
    angle_deg: float
    em_px: float
    ground: int
    color: tuple[float, float, float]

    @property
    def center(self) -> Point:
        """Of its box."""
        x0, y0, x1, y1 = self.box
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass
class _Frame:
    """Boxes of letters, as they stand after the picture is turned upright by an angle."""

    x0: np.ndarray
    y0: np.ndarray
    x1: np.ndarray
    y1: np.ndarray

    @property
    def height(self) -> np.ndarray:
        return self.y1 - self.y0


def find_pieces(canvas: Canvas, letters: Letters) -> list[Piece]:
    """Return the pieces of text, those that are turned with their angle."""
    count = len(letters.parts)
    if not count:
        return []
    angle = _angles(letters)
    pieces: list[Piece] = []
    for turn in np.unique(angle):
        members = np.flatnonzero(angle == turn)
        frame = _frame(letters, members, float(turn))
        for group in _lines(letters, frame, members, canvas if turn == 0 else None):
            pieces += [
                make_piece(letters, part, float(turn))
                for part in _rows_of(letters, members[group], float(turn))
            ]
    return [piece for piece in pieces if _may_be_text(piece, letters)]


def _rows_of(letters: Letters, members: np.ndarray, turn: float) -> list[np.ndarray]:
    """Return a line's letters, in two parts and more where blank rows show that it is several."""
    frame = _frame(letters, members, turn)
    order = np.argsort(frame.y0, kind="stable")
    reach = np.maximum.accumulate(frame.y1[order])
    blank = np.flatnonzero(frame.y0[order][1:] >= reach[:-1] + 0.5)
    edges = [0, *(blank + 1).tolist(), len(order)]
    heights = [
        float(frame.y1[order[a:b]].max() - frame.y0[order[a:b]].min()) for a, b in pairwise(edges)
    ]
    if len(heights) < 2 or min(heights) < 0.55 * letters.em_px:
        return [members]
    return [members[order[a:b]] for a, b in pairwise(edges)]


def make_piece(letters: Letters, members: np.ndarray, angle_deg: float) -> Piece:
    """Return the piece of some letters."""
    parts = letters.parts
    box = (
        int(parts.x0[members].min()),
        int(parts.y0[members].min()),
        int(parts.x1[members].max()),
        int(parts.y1[members].max()),
    )
    frame = _frame(letters, members, angle_deg)
    height = float(frame.y1.max() - frame.y0.min())
    weight = parts.area[members]
    ground = int(np.bincount(letters.ground[members], weights=weight).argmax())
    strongest = members[weight >= 0.5 * weight.max()]
    color = np.median(letters.color[strongest], axis=0)
    red, green, blue = (float(value) for value in color)
    return Piece(members, box, angle_deg, height, ground, (red, green, blue))


def _frame(letters: Letters, members: np.ndarray, angle_deg: float) -> _Frame:
    """Return the letters' boxes in the frame where they are upright.

    At an oblique angle the box is that of the letter's own pixels, turned.
    """
    parts = letters.parts
    if angle_deg == 0:
        return _Frame(
            *(np.asarray(side[members], float) for side in (parts.x0, parts.y0, parts.x1, parts.y1))
        )
    place = np.full(len(parts), -1)
    place[members] = np.arange(len(members))
    inside = place[parts.label] >= 0
    owner = place[parts.label[inside]]
    row = parts.runs.row[inside]
    first, last = parts.runs.x0[inside], parts.runs.x1[inside]
    sine, cosine = math.sin(math.radians(angle_deg)), math.cos(math.radians(angle_deg))
    out = _Frame(*(np.full(len(members), fill) for fill in (1e9, 1e9, -1e9, -1e9)))
    for x in (first, last):
        for y in (row, row + 1):
            along = x * cosine - y * sine
            across = x * sine + y * cosine
            np.minimum.at(out.x0, owner, along)
            np.maximum.at(out.x1, owner, along)
            np.minimum.at(out.y0, owner, across)
            np.maximum.at(out.y1, owner, across)
    return out


def _angles(letters: Letters) -> np.ndarray:
    """Return (N,) float: by how much each letter is turned, found from clusters of letters."""
    cluster = _clusters(letters)
    angle = np.zeros(len(letters.parts))
    tilted: list[tuple[np.ndarray, float]] = []
    for number in range(int(cluster.max()) + 1):
        members = np.flatnonzero(cluster == number)
        turn = _tilt(letters, members)
        if turn:
            tilted.append((members, turn))
    for members, turn in _agreed(letters, tilted, cluster):
        angle[members] = turn
    return angle


def _clusters(letters: Letters) -> np.ndarray:
    """Return (N,) the cluster of each letter: letters of one ink that are near one another."""
    parts = letters.parts
    reach = 0.17 * np.clip(np.maximum(parts.height, parts.width), 0.7 * letters.em_px, None)
    reach = np.minimum(reach, 0.21 * letters.em_px)
    frame = _Frame(parts.x0 - reach, parts.y0 - reach, parts.x1 + reach, parts.y1 + reach)
    left, right = _overlapping(frame)
    same = _same_ink(letters.direction, letters.color, left, right)
    same &= letters.tone[left] == letters.tone[right]
    return join_pairs(len(parts), left[same], right[same])


def _overlapping(frame: _Frame) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of boxes that overlap."""
    order = np.argsort(frame.x0, kind="stable")
    starts = frame.x0[order]
    ends = np.searchsorted(starts, frame.x1[order], side="right")
    here = np.arange(len(order))
    count = np.maximum(ends - here - 1, 0)
    left = np.repeat(here, count)
    offset = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    right = left + 1 + offset
    one, other = order[left], order[right]
    meet = (frame.y0[one] < frame.y1[other]) & (frame.y0[other] < frame.y1[one])
    return one[meet], other[meet]


def _tilt(letters: Letters, members: np.ndarray) -> float:
    """Return the angle of a cluster that is surely not upright, else 0.

    It is long in its own direction, as high as a line there, and clearly higher than that upright.
    """
    upright = _frame(letters, members, 0)
    wide = float(upright.x1.max() - upright.x0.min())
    high = float(upright.y1.max() - upright.y0.min())
    # Two figures on their side are hardly higher than one that stands.
    short = len(members) >= 2 and wide <= 0.85 * letters.em_px and high >= 1.35 * wide
    least = 0.95 if short else 1.25
    if high < least * letters.em_px or wide > 3 * high:
        return 0.0
    angles = [90.0] if wide <= 1.45 * letters.em_px else []
    if min(wide, high) > 1.1 * letters.em_px:
        angles += [*_OBLIQUE, *(-turn for turn in _OBLIQUE)]
    best, found = 0.0, high
    for turn in angles:
        frame = _frame(letters, members, turn)
        long = float(frame.x1.max() - frame.x0.min())
        across = float(frame.y1.max() - frame.y0.min())
        longer = 1.3 if short and turn == 90 else 1.4
        is_line = across <= 1.75 * letters.em_px and long >= longer * across
        if is_line and across < min(found, (0.78 if short else 0.72) * high):
            best, found = turn, across
    return best if abs(best) > 12 else 0.0


def _agreed(
    letters: Letters, tilted: Sequence[tuple[np.ndarray, float]], cluster: np.ndarray
) -> list[tuple[np.ndarray, float]]:
    """Return what is turned: names of a row by one angle, with those that are short among them."""
    out: list[tuple[np.ndarray, float]] = []
    parts = letters.parts
    middle_x, middle_y = (parts.x0 + parts.x1) / 2, (parts.y0 + parts.y1) / 2
    oblique = [item for item in tilted if abs(abs(item[1]) - 90) > 12]
    upright = [item for item in tilted if abs(abs(item[1]) - 90) <= 12]
    out += [(members, 90.0) for members, _ in upright]
    out += _fellows(letters, upright, (middle_x, middle_y))
    row = _name_row(letters, oblique)
    if row:
        usual = _row_turn(letters, row)
        everyone = np.concatenate([members for members, _ in row])
        low, high = parts.y0[everyone].min(), parts.y1[everyone].max()
        band = (middle_y >= low - 2) & (middle_y <= high + 0.3 * letters.em_px)
        band &= ~_stands_upright(letters, cluster)
        out.append((np.flatnonzero(band), usual))
    return out


def _stands_upright(letters: Letters, cluster: np.ndarray) -> np.ndarray:
    """Return (N,) bool: letters of clusters that are clearly lines of upright text."""
    parts = letters.parts
    count = int(cluster.max()) + 1
    bounds = _bounds(_Frame(parts.x0, parts.y0, parts.x1, parts.y1), cluster)
    high, wide = bounds.y1 - bounds.y0, bounds.x1 - bounds.x0
    many = np.bincount(cluster, minlength=count) >= 3
    flat = many & (high <= 1.15 * letters.em_px) & (wide >= 2.6 * high)
    return flat[cluster]


def _row_turn(letters: Letters, row: Sequence[tuple[np.ndarray, float]]) -> float:
    """Return the angle of a row's names: a usual one, unless another is clearly flatter."""
    lengths = [len(members) for members, _ in row]
    own = float(np.average([turn for _, turn in row], weights=lengths))

    def across(turn: float) -> float:
        frames = [_frame(letters, members, turn) for members, _ in row]
        return sum(float(frame.y1.max() - frame.y0.min()) for frame in frames)

    near = [turn for turn in _USUAL_TURNS if abs(turn - own) <= 12]
    best = min(near, key=across, default=own)
    return best if across(best) <= 1.25 * across(own) else own


def _name_row(
    letters: Letters, oblique: Sequence[tuple[np.ndarray, float]]
) -> list[tuple[np.ndarray, float]]:
    """Return the oblique clusters that begin at one height, at about one angle: names of a row."""
    best: list[tuple[np.ndarray, float]] = []
    for members, turn in oblique:
        top = letters.parts.y0[members].min()
        row = [
            (others, angle)
            for others, angle in oblique
            if abs(letters.parts.y0[others].min() - top) <= 0.8 * letters.em_px
            and abs(angle - turn) <= 12
        ]
        if len(row) >= 2 and sum(len(m) for m, _ in row) > sum(len(m) for m, _ in best):
            best = row
    return best


def _fellows(
    letters: Letters,
    upright: Sequence[tuple[np.ndarray, float]],
    middle: tuple[np.ndarray, np.ndarray],
) -> list[tuple[np.ndarray, float]]:
    """Return the short ones in a row of names that stand on their ends."""
    if len(upright) < 3:
        return []
    parts = letters.parts
    tops = np.array([parts.y0[members].min() for members, _ in upright])
    row = [
        members
        for (members, _), top in zip(upright, tops, strict=True)
        if (np.abs(tops - top) <= 0.4 * letters.em_px).sum() >= 3
    ]
    if not row:
        return []
    everyone = np.concatenate(row)
    left, right = parts.x0[everyone].min(), parts.x1[everyone].max()
    low, high = parts.y0[everyone].min(), parts.y1[everyone].max()
    band = (middle[1] >= low) & (middle[1] <= high) & (middle[0] >= left - 2) & (middle[0] <= right)
    return [(np.flatnonzero(band), 90.0)]


def _lines(
    letters: Letters, frame: _Frame, members: np.ndarray, canvas: Canvas | None
) -> list[np.ndarray]:
    """Return groups of letters that make lines, as indices into `members`.

    First letters that nearly touch make words, then words of like height make lines, where nothing
    stands between them.
    """
    direction = letters.direction[members]
    ground = letters.tone[members]
    color = letters.color[members]
    word = _link(frame, (direction, color, ground), 0.34, letters.em_px, None)
    for gap in (0.62, 0.8):
        bounds = _bounds(frame, word)
        tone = np.stack([direction[word == w].mean(0) for w in range(int(word.max()) + 1)])
        tone /= np.maximum(np.linalg.norm(tone, axis=1, keepdims=True), 1e-6)
        shade = np.stack([color[word == w].mean(0) for w in range(len(tone))])
        base = np.array([np.bincount(ground[word == w]).argmax() for w in range(len(tone))])
        joined = _link(bounds, (tone, shade, base), gap, letters.em_px, canvas)
        word = joined[word]
    return [np.flatnonzero(word == number) for number in range(int(word.max()) + 1)]


def _bounds(frame: _Frame, group: np.ndarray) -> _Frame:
    count = int(group.max()) + 1
    out = _Frame(*(np.full(count, fill) for fill in (1e9, 1e9, -1e9, -1e9)))
    np.minimum.at(out.x0, group, frame.x0)
    np.minimum.at(out.y0, group, frame.y0)
    np.maximum.at(out.x1, group, frame.x1)
    np.maximum.at(out.y1, group, frame.y1)
    return out


def _link(
    frame: _Frame,
    ink: tuple[np.ndarray, np.ndarray, np.ndarray],
    gap: float,
    em_px: float,
    canvas: Canvas | None,
) -> np.ndarray:
    """Return the group of each box: boxes in one row, nearer than `gap` times their height.

    Args:
        frame: the boxes.
        ink: direction and colour of each, and the tone that it stands on.
        gap: see above.
        em_px: usual size of letters.
        canvas: to look whether something stands between; None where nothing can.
    """
    direction, color, ground = ink
    height = np.maximum(frame.height, 1)
    reach = gap * np.clip(height, 0.55 * em_px, 2.2 * em_px)
    wide = _Frame(frame.x0 - reach, frame.y0, frame.x1 + reach, frame.y1)
    left, right = _overlapping(
        _Frame(wide.x0, wide.y0 - 0.15 * em_px, wide.x1, wide.y1 + 0.15 * em_px)
    )
    taller = np.maximum(height[left], height[right])
    space = np.maximum(frame.x0[left], frame.x0[right]) - np.minimum(
        frame.x1[left], frame.x1[right]
    )
    keep = space <= gap * np.clip(taller, 0.55 * em_px, 2.2 * em_px)
    shared = np.minimum(frame.y1[left], frame.y1[right]) - np.maximum(
        frame.y0[left], frame.y0[right]
    )
    lower = np.minimum(height[left], height[right])
    # Accents, dots, commas and quotes stand above or below what they belong to.
    tiny = lower < 0.45 * taller
    level = np.where(tiny, shared >= -0.15 * taller, shared >= 0.45 * lower)
    stacked = (space < 0) & tiny & (shared >= -0.3 * taller)
    union = np.maximum(frame.y1[left], frame.y1[right]) - np.minimum(
        frame.y0[left], frame.y0[right]
    )
    fits = union <= np.maximum(1.3 * taller, 1.0 * em_px)
    keep &= (level & (fits | ~tiny)) | (stacked & fits)
    keep &= _same_ink(direction, color, left, right)
    keep &= ground[left] == ground[right]
    left, right, space = left[keep], right[keep], space[keep]
    if canvas is not None:
        free = [
            gap_px <= 0 or _is_free(canvas, frame, (int(a), int(b)), int(ground[a]))
            for a, b, gap_px in zip(left, right, space, strict=True)
        ]
        left, right = left[free], right[free]
    return join_pairs(len(height), left, right)


def _same_ink(
    direction: np.ndarray, color: np.ndarray, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """Return whether pairs of letters are of one ink: pale where strokes are thin, or narrow."""
    alike = (direction[left] * direction[right]).sum(-1) >= _SAME_INK
    return alike | (np.abs(color[left] - color[right]).max(-1) <= _SAME_COLOR)


def _is_free(canvas: Canvas, frame: _Frame, pair: tuple[int, int], ground: int) -> bool:
    """Return whether nothing but their ground lies between two boxes of a row."""
    a, b = pair if frame.x0[pair[0]] <= frame.x0[pair[1]] else pair[::-1]
    x0, x1 = int(frame.x1[a]), int(frame.x0[b])
    y = int((max(frame.y0[a], frame.y0[b]) + min(frame.y1[a], frame.y1[b])) / 2)
    between = canvas.tones[canvas.ground[y, x0:x1]]
    return bool((between == ground).all())


def _may_be_text(piece: Piece, letters: Letters) -> bool:
    """Return whether a piece is not a mere dot, stroke or blot."""
    parts = letters.parts
    if len(piece.letters) == 1:
        width, height = (
            int(parts.width[piece.letters[0]]),
            int(parts.height[piece.letters[0]]),
        )
        if height < 6 or height < 0.42 * letters.em_px:
            return False
        if width > 2.5 * height and height < 0.3 * letters.em_px:
            return False
    return piece.em_px >= max(5.0, 0.36 * letters.em_px)


def split_at_slots(
    pieces: Sequence[Piece], letters: Letters, slots: Sequence[float], base: float
) -> list[Piece]:
    """Return the pieces with those cut that hold names of several categories in one line.

    A line is cut where it has a gap near every middle between two categories that it spans.

    Args:
        pieces: of a chart whose categories stand side by side.
        letters: of the chart.
        slots: middles of the categories, from left to right.
        base: the bottom of the plot; what stands above it is left alone.
    """
    middles = [(a + b) / 2 for a, b in pairwise(slots)]
    step = float(np.median(np.diff(slots)))
    out: list[Piece] = []
    for piece in pieces:
        x0, y0, x1, _ = piece.box
        inner = [middle for middle in middles if x0 + 0.2 * step < middle < x1 - 0.2 * step]
        if piece.angle_deg or y0 < base - 2 or not inner:
            out.append(piece)
            continue
        cuts = [_gap_near(piece, letters, middle, 0.22 * step) for middle in inner]
        if any(cut is None for cut in cuts):
            out.append(piece)
            continue
        where = np.array(sorted(cut for cut in cuts if cut is not None))
        center = (letters.parts.x0[piece.letters] + letters.parts.x1[piece.letters]) / 2
        group = np.searchsorted(where, center)
        out += [
            make_piece(letters, piece.letters[group == number], 0.0) for number in np.unique(group)
        ]
    return out


def _gap_near(piece: Piece, letters: Letters, place: float, reach: float) -> float | None:
    """Return the middle of the widest gap between letters near a place, None if there is none."""
    parts = letters.parts
    order = piece.letters[np.argsort(parts.x0[piece.letters], kind="stable")]
    ends = np.maximum.accumulate(parts.x1[order])[:-1]
    starts = parts.x0[order][1:]
    middle, wide = (starts + ends) / 2, starts - ends
    near = np.abs(middle - place) <= reach
    if not near.any():
        return None
    best = int(np.argmax(np.where(near, wide, -1)))
    return float(middle[best]) if wide[best] >= max(2.0, 0.14 * piece.em_px) else None
