"""Ink -> regions in reading order: text columns parted where a true gutter runs."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from vary.read.cutting.gutters import Gutter, find_gutter, group_rows
from vary.read.cutting.layout import Box, CuttingConfig
from vary.read.cutting.raster import Components

_MAX_DEPTH = 6
_DIVIDER_EM = 3.0
"""Shortest ruling line that can stand between columns."""
_SECTION_GAP_EM = 1.5
"""Least gap between the columns of a section and the heading of the next."""
_HEADING_ROWS = 3
"""A heading has one row or two; its text begins in the next."""


def _is_column_text(
    parts: Components, group: np.ndarray, column: np.ndarray, em_px: float, at_left: bool
) -> bool:
    """Return whether a group at an end of a column is laid out like the column's text.

    Text of the left column takes its full width; text of the right one begins at its edge,
    which heads and page numbers, centred or flush right, do not.
    """
    if not len(group) or not len(column):
        return False
    left, right = np.percentile(parts.x0[column], 2), np.percentile(parts.x1[column], 98)
    starts = bool(parts.x0[group].min() <= left + em_px)
    full = bool(parts.x1[group].max() >= right - 1.5 * em_px)
    return starts and (full or not at_left)


def _is_centred(parts: Components, group: np.ndarray, body: np.ndarray, em_px: float) -> bool:
    """Return whether a group stands centred over the columns and is clearly narrower."""
    left, right = int(parts.x0[group].min()), int(parts.x1[group].max())
    outer_left, outer_right = int(parts.x0[body].min()), int(parts.x1[body].max())
    off_centre = abs((left + right) - (outer_left + outer_right)) / 2
    return off_centre < em_px and left - outer_left > 3 * em_px


def _is_apart(
    parts: Components, group: np.ndarray, body: np.ndarray, x: float, em_px: float
) -> bool:
    """Return whether a group at an end of columns is a head or a foot of both.

    It is low, and no line of it is as wide as its column.
    """
    if not len(body):
        return False
    size = max(em_px, 1.3 * float(np.percentile(parts.height[group], 80)))
    tall = int(parts.y1[group].max() - parts.y0[group].min())
    middle = (parts.x0 + parts.x1) / 2
    left, right = group[middle[group] < x], group[middle[group] >= x]
    if tall > (5 if len(left) and len(right) else 1.4) * size:
        return False
    if _is_centred(parts, group, body, em_px):
        return True
    if _is_column_text(parts, left, body[middle[body] < x], em_px, at_left=True):
        return False
    return not _is_column_text(parts, right, body[middle[body] >= x], em_px, at_left=False)


def _trim_head_and_foot(
    parts: Components, ids: np.ndarray, x: float, em_px: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (head, body, foot): what a clear gap parts from columns on both sides of `x`.

    Running heads, authors and page numbers would otherwise be read with the column that they
    stand over or under.
    """
    head = foot = ids[:0]
    for at_foot in (False, True):
        for _ in range(3):
            band = group_rows(parts.y0[ids], parts.y1[ids], gap=0.8 * em_px)
            group = band == (band.max() if at_foot else 0)
            if not _is_apart(parts, ids[group], ids[~group], x, em_px):
                break
            if at_foot:
                foot = np.concatenate([ids[group], foot])
            else:
                head = np.concatenate([head, ids[group]])
            ids = ids[~group]
    return head, ids, foot


def _title_over_sidebar(
    parts: Components, ids: np.ndarray, x: float, em_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (title, rest): what stands above a narrow left column, beside nothing.

    A title block over the main column comes before the sidebar. Columns of like width begin
    where they like: there the right one's surplus is not a title.
    """
    middle = (parts.x0[ids] + parts.x1[ids]) / 2
    left, right = ids[middle < x], ids[middle >= x]
    nothing = ids[:0], ids
    if not len(left) or not len(right):
        return nothing
    width = int(parts.x1[left].max() - parts.x0[left].min())
    if width > 0.5 * (parts.x1[right].max() - parts.x0[right].min()):
        return nothing
    band = group_rows(parts.y0[ids], parts.y1[ids], gap=0.8 * em_px)
    first = int(band[middle < x].min())
    return ids[band < first], ids[band >= first]


def _as_ruled(
    gutter: Gutter, parts: Components, ids: np.ndarray, em_px: float, dividers: Sequence[Box]
) -> Gutter:
    """Return the gutter as far as its ruling line goes, where it has one that is broken or short.

    A heading over all columns breaks the line between them, though it may be no wider than one: the
    columns above it come before it, those below behind it.
    """
    reach = max(gutter.width / 2, em_px)
    own = sorted(
        (y0, y1)
        for x0, y0, x1, y1 in dividers
        if abs((x0 + x1) / 2 - gutter.x) < reach
        and y1 - y0 > _DIVIDER_EM * em_px
        and y0 < gutter.y1
        and y1 > gutter.y0
    )
    if not own:
        return gutter
    band = group_rows(parts.y0[ids], parts.y1[ids], gap=0.5 * em_px)
    tops = np.array([parts.y0[ids[band == row]].min() for row in range(band.max() + 1)])
    feet = np.array([parts.y1[ids[band == row]].max() for row in range(band.max() + 1)])
    low, high = gutter.y0, gutter.y1
    before = np.flatnonzero((feet <= own[0][0]) & (tops >= low))
    over = ids[np.isin(band, before)]
    middle = (parts.x0[over] + parts.x1[over]) / 2
    if len(over) and bool((middle < gutter.x).all() or (middle > gutter.x).all()):
        low = float(feet[before].max()) + 0.5  # a heading stands over its beginning
    behind = tops[(tops >= own[0][1]) & (feet <= high)]
    if len(own) > 1 and bool((behind < own[1][0]).any()):
        high = float(behind.min()) - 0.5
    return replace(gutter, y0=low, y1=high) if low < high else gutter


def _next_section(gutter: Gutter, parts: Components, ids: np.ndarray, em_px: float) -> Gutter:
    """Return the gutter up to where a section ends in both columns and another begins.

    Both columns end on about the same row, a gap follows, then a heading in the left one, with
    nothing beside it; and where the right one goes on at all, both go on on the same row. A heading
    within a column has the other column's text beside it.
    """
    middle_y = (parts.y0[ids] + parts.y1[ids]) / 2
    inside = ids[(middle_y >= gutter.y0) & (middle_y < gutter.y1)]
    is_left = (parts.x0[inside] + parts.x1[inside]) / 2 < gutter.x
    left, right = _rows(parts, inside[is_left], em_px), _rows(parts, inside[~is_left], em_px)
    for above, heading in pairwise(left):
        ended = [row for row in right if row[0] < heading[0]]
        if not ended or heading[0] - above[1] < _SECTION_GAP_EM * em_px:
            continue
        if abs(ended[-1][1] - above[1]) > 0.6 * em_px:
            continue
        later = [row for row in right if row[0] >= heading[0]]
        if later and not _resumes_together(later[0], [r for r in left if r[0] > heading[0]], em_px):
            continue
        return replace(gutter, y1=(above[1] + heading[0]) / 2)
    return gutter


def _resumes_together(
    right: tuple[float, float], left: Sequence[tuple[float, float]], em_px: float
) -> bool:
    """Return whether a row on the right stands beside one of the next few on the left."""
    return any(abs(row[0] - right[0]) < 0.4 * em_px for row in left[:_HEADING_ROWS])


def _rows(parts: Components, ids: np.ndarray, em_px: float) -> list[tuple[float, float]]:
    """Return top and foot of each row of letters, from above."""
    tall = ids[parts.height[ids] >= 0.4 * em_px]
    if not len(tall):
        return []
    band = group_rows(parts.y0[tall], parts.y1[tall])
    return [
        (float(parts.y0[tall[band == row]].min()), float(parts.y1[tall[band == row]].max()))
        for row in range(int(band.max()) + 1)
    ]


def find_regions(  # noqa: PLR0917 - what is known of the page, handed down
    parts: Components,
    ids: np.ndarray,
    em_px: float,
    config: CuttingConfig,
    known: tuple[Gutter, ...] = (),
    dividers: Sequence[Box] = (),
) -> list[np.ndarray]:
    """Return the parts' indices region by region, in reading order; no region has columns.

    A gutter parts its region in what lies above it, the left side, the right side, and what
    lies below; each of these is searched again (three columns, columns under columns).

    Args:
        parts: the page's ink.
        ids: indices of the parts of this region.
        em_px: body text size.
        config: lengths in em.
        known: the gutters that led to this region.
        dividers: upright ruling lines of the page.
    """
    if not len(ids):
        return []
    gutter = find_gutter(parts, ids, em_px, config, known) if len(known) < _MAX_DEPTH else None
    if gutter is None:
        return [ids]
    gutter = _next_section(_as_ruled(gutter, parts, ids, em_px, dividers), parts, ids, em_px)
    x = gutter.x
    y_middle = (parts.y0[ids] + parts.y1[ids]) / 2
    above, below = ids[y_middle < gutter.y0], ids[y_middle >= gutter.y1]
    inside = ids[(y_middle >= gutter.y0) & (y_middle < gutter.y1)]
    title, inside = _title_over_sidebar(parts, inside, x, em_px)
    head, body, foot = _trim_head_and_foot(parts, inside, x, em_px)
    middle = (parts.x0[body] + parts.x1[body]) / 2
    regions: list[np.ndarray] = []
    for part in (above, title, head, body[middle < x], body[middle >= x], foot, below):
        regions += find_regions(parts, part, em_px, config, (*known, gutter), dividers)
    return regions
