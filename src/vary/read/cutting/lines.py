"""The ink of a region -> segments of single lines, grouped to visual lines."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vary.read.cutting.gutters import group_rows
from vary.read.cutting.layout import CuttingConfig
from vary.read.cutting.raster import Components
from vary.read.cutting.rules import is_dotted_rule

_SMALL_EM = 0.4
"""Bands lower than this are parts of letters (dots, bars of 三) if a close neighbour is there."""
_CLOSE_EM = 0.32
_MIN_OVERLAP = 0.5
_MAX_DEPTH = 8


@dataclass(frozen=True, eq=False)
class Segment:
    """A piece of one line without wide gaps: the indices of its parts and its box."""

    ids: np.ndarray
    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def of(cls, parts: Components, ids: np.ndarray) -> "Segment":
        """Return the segment of some parts."""
        return cls(
            ids,
            int(parts.x0[ids].min()),
            int(parts.y0[ids].min()),
            int(parts.x1[ids].max()),
            int(parts.y1[ids].max()),
        )

    @property
    def height(self) -> int:
        """Height of the box."""
        return self.y1 - self.y0


def local_em(parts: Components, ids: np.ndarray, em_px: float) -> float:
    """Return the text size of a few parts: their own for headings, the page's for specks."""
    return max(0.8 * em_px, 1.3 * float(np.percentile(parts.height[ids], 80)))


def _bands(parts: Components, ids: np.ndarray, em_px: float) -> list[np.ndarray]:
    """Return the parts by rows of ink, top first; dots and bars stay with their letters."""
    band = group_rows(parts.y0[ids], parts.y1[ids])
    groups = [ids[band == number] for number in range(int(band.max()) + 1)]
    merged = [groups[0]]
    for group in groups[1:]:
        previous = merged[-1]
        top, bottom = parts.y0[previous].min(), parts.y1[previous].max()
        start, end = parts.y0[group].min(), parts.y1[group].max()
        smaller = min(bottom - top, end - start)
        size = local_em(parts, np.concatenate([previous, group]), em_px)
        close = start - bottom <= _CLOSE_EM * size and end - top <= 1.2 * size
        if close and smaller < _SMALL_EM * size:
            merged[-1] = np.concatenate([previous, group])
        else:
            merged.append(group)
    return merged


def _pieces(parts: Components, ids: np.ndarray, gap_px: float) -> list[np.ndarray]:
    """Return the parts of a band, cut at gaps of at least `gap_px`, left first."""
    piece = group_rows(parts.x0[ids], parts.x1[ids], gap=gap_px)
    return [ids[piece == number] for number in range(int(piece.max()) + 1)]


def _split(
    parts: Components, ids: np.ndarray, em_px: float, config: CuttingConfig, depth: int = 0
) -> list[np.ndarray]:
    """Return leaves: parts that neither blank rows nor wide gaps divide further."""
    size = local_em(parts, ids, em_px)
    pieces = _pieces(parts, ids, config.segment_gap_em * size)
    if len(pieces) == 1 or depth >= _MAX_DEPTH:
        return [ids]
    leaves = []
    for piece in pieces:
        bands = _bands(parts, piece, em_px)
        if len(bands) == 1:
            leaves.append(piece)
            continue
        for band in bands:
            leaves += _split(parts, band, em_px, config, depth + 1)
    return leaves


def _line_zones(parts: Components, ids: np.ndarray) -> list[tuple[float, float]]:
    """Return top and bottom of the letters of each line in a leaf; one zone if it is one line.

    The middles of the letters of a line lie close together, those of the next line a leading
    away; superscripts and marks, which bridge the gap, are too small to be counted.
    """
    height = parts.height[ids]
    usual = float(np.percentile(height, 75))
    total = parts.y1[ids].max() - parts.y0[ids].min()
    core = ids[(height >= 0.55 * usual) & (height <= 1.6 * usual)]
    if total < 2.0 * usual or len(core) < 4:
        return [(0.0, float(total))]
    middle = (parts.y0[core] + parts.y1[core]) / 2
    order = np.argsort(middle)
    jumps = np.flatnonzero(np.diff(middle[order]) > 0.3 * usual) + 1
    groups = np.split(core[order], jumps)
    zones = [
        (float(np.median(parts.y0[group])), float(np.median(parts.y1[group])))
        for group in groups
        if len(group) >= max(2, 0.06 * len(core))
    ]
    return zones or [(0.0, float(total))]


def _assign(parts: Components, ids: np.ndarray, zones: list[tuple[float, float]]) -> np.ndarray:
    """Return the zone that each part lies nearest to."""
    middle = (parts.y0[ids] + parts.y1[ids]) / 2
    tops = np.array([zone[0] for zone in zones])
    bottoms = np.array([zone[1] for zone in zones])
    outside = np.maximum(tops - middle[:, None], middle[:, None] - bottoms)
    return np.argmin(outside, axis=1)


def _cut_touching(
    parts: Components, ids: np.ndarray, zones: list[tuple[float, float]]
) -> tuple[Components, np.ndarray]:
    """Cut parts that run through two lines (letters that touch the next line's)."""
    for upper, lower in pairwise(zones):
        boundary = round((upper[1] + lower[0]) / 2)
        reach = 0.5 * (upper[1] - upper[0])
        through = (parts.y0[ids] < upper[1] - reach) & (parts.y1[ids] > lower[0] + reach)
        for index in ids[through]:
            before = len(parts)
            parts = parts.split_at(int(index), [boundary])
            if len(parts) > before:
                ids = np.append(ids, before)
    return parts, ids


def find_segments(
    parts: Components, ids: np.ndarray, em_px: float, config: CuttingConfig
) -> tuple[Components, list[Segment]]:
    """Return the line segments of one band of a region; parts grow where letters are cut."""
    segments = []
    for leaf in _split(parts, ids, em_px, config):
        if is_dotted_rule(parts, leaf, em_px):
            continue
        zones = _line_zones(parts, leaf)
        if len(zones) == 1:
            segments.append(Segment.of(parts, leaf))
            continue
        parts, pieces = _cut_touching(parts, leaf, zones)
        zone = _assign(parts, pieces, zones)
        for number in range(len(zones)):
            mine = pieces[zone == number]
            if len(mine):
                segments.append(Segment.of(parts, mine))
    return parts, segments


def _joins(line: list[Segment], segment: Segment) -> bool:
    """Return whether a segment stands on the line: alike in height, beside, and level."""
    top, bottom = min(s.y0 for s in line), max(s.y1 for s in line)
    overlap = min(bottom, segment.y1) - max(top, segment.y0)
    if overlap < _MIN_OVERLAP * min(bottom - top, segment.height):
        return False
    if segment.height > 2.2 * (bottom - top) or bottom - top > 2.2 * segment.height:
        small = min((segment, line[0]), key=lambda s: s.height)
        large = segment if small is not segment else line[0]
        centre = (small.y0 + small.y1) / 2
        if abs(centre - (large.y0 + large.y1) / 2) > 0.4 * large.height:
            return False
    beside = [min(s.x1, segment.x1) - max(s.x0, segment.x0) <= 0 for s in line]
    return all(beside)


def _stands_alone(segment: Segment, segments: list[Segment]) -> bool:
    """Return whether a large segment (a title, a drop cap) has two or more lines beside it."""
    beside = [s for s in segments if _is_small_beside(s, segment)]
    if len(beside) < 2:
        return False
    rows = group_rows(np.array([s.y0 for s in beside]), np.array([s.y1 for s in beside]))
    return int(rows.max()) > 0


def _is_small_beside(small: Segment, large: Segment) -> bool:
    overlap = min(small.y1, large.y1) - max(small.y0, large.y0)
    return 1.6 * small.height < large.height and overlap > 0.2 * small.height


def group_lines(segments: list[Segment]) -> list[list[Segment]]:
    """Return the segments as visual lines, top first, each from left to right.

    What is large beside several lines comes before them.
    """
    lines: list[list[Segment]] = []
    alone = [segment for segment in segments if _stands_alone(segment, segments)]
    for segment in sorted(segments, key=lambda s: (s.y0 + s.y1, s.x0)):
        if segment in alone:
            continue
        home = next((line for line in reversed(lines) if _joins(line, segment)), None)
        if home is None:
            lines.append([segment])
        else:
            home.append(segment)
    middles = [(min(s.y0 for s in line) + max(s.y1 for s in line)) / 2 for line in lines]
    for segment in alone:
        beside = [(s.y0 + s.y1) / 2 for s in segments if _is_small_beside(s, segment)]
        lines.append([segment])
        middles.append(min(beside) - 0.5)
    for line in lines:
        line.sort(key=lambda s: s.x0)
    return [lines[index] for index in np.argsort(middles, kind="stable")]


def region_lines(
    parts: Components, ids: np.ndarray, em_px: float, config: CuttingConfig
) -> tuple[Components, list[list[Segment]]]:
    """Return the visual lines of a region in reading order."""
    lines: list[list[Segment]] = []
    for band in _bands(parts, ids, em_px):
        parts, segments = find_segments(parts, band, em_px, config)
        lines += group_lines(segments)
    return parts, lines
