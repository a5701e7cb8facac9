"""Blank stripes in a region, and which of them are gutters between text columns."""

from dataclasses import dataclass

import numpy as np

from vary.read.cutting.layout import Box, CuttingConfig
from vary.read.cutting.raster import Components

_CELLS_PER_EM = 8
_MAX_CANDIDATES = 8
_ALIGNED = 0.65
"""Sides that share fewer baselines than this cannot be cells of common rows."""
_MANY_LINES = 10
_STAMP_EM = 2.5
"""Widest margin that text turned by 90 degrees takes (stamps of preprint servers)."""
_WIDE_GAP_EM = 1.5
_CELL_EM = 9.0
"""Sides on common baselines are text from this width; narrower ones are cells."""


@dataclass(frozen=True)
class _Side:
    """The lines on one side of a gutter: boxes of rows, each (L,), and the side's extent."""

    y0: np.ndarray
    y1: np.ndarray
    x0: np.ndarray
    x1: np.ndarray
    share_gapless: float
    """Share of the lines without a wide gap inside."""

    @property
    def width(self) -> float:
        return float(np.percentile(self.x1, 90) - np.percentile(self.x0, 10))

    def share_starting(self, em_px: float) -> float:
        """Return the share of lines that start near the side's left edge."""
        return float((self.x0 <= np.percentile(self.x0, 20) + 2 * em_px).mean())

    def share_full(self) -> float:
        """Return the share of lines that reach the side's right edge."""
        edge = np.percentile(self.x1, 90)
        return float((self.x1 >= edge - 0.15 * self.width).mean())


@dataclass(frozen=True)
class Gutter:
    """A blank stripe between text columns: its middle and width, and where it runs, in px."""

    x: float
    width: float
    y0: float
    y1: float


def group_rows(low: np.ndarray, high: np.ndarray, gap: float = 0.0) -> np.ndarray:
    """Return the number of the band, from the top, that each interval [low, high) falls in.

    Intervals share a band when they overlap or lie closer than `gap`.
    """
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate(high[order])
    starts = np.zeros(len(low), np.int64)
    starts[1:] = low[order][1:] >= reach[:-1] + gap
    bands = np.empty(len(low), np.int64)
    bands[order] = np.cumsum(starts)
    return bands


def _side(parts: Components, ids: np.ndarray, em_px: float) -> _Side:
    """Return the rows that the ink on one side forms; specks left out."""
    tall = ids[parts.height[ids] >= 0.25 * em_px]
    if not len(tall):
        empty = np.zeros(0)
        return _Side(empty, empty, empty, empty, 0.0)
    band = group_rows(parts.y0[tall], parts.y1[tall])
    stride = float(parts.x1[tall].max()) + 2 * _WIDE_GAP_EM * em_px
    start, end = parts.x0[tall] + band * stride, parts.x1[tall] + band * stride
    piece = group_rows(start, end, gap=_WIDE_GAP_EM * em_px)
    pieces = np.bincount(band[np.unique(piece, return_index=True)[1]])
    count = int(band.max()) + 1
    y0, x0 = np.full(count, np.inf), np.full(count, np.inf)
    y1, x1 = np.zeros(count), np.zeros(count)
    np.minimum.at(y0, band, parts.y0[tall])
    np.maximum.at(y1, band, parts.y1[tall])
    np.minimum.at(x0, band, parts.x0[tall])
    np.maximum.at(x1, band, parts.x1[tall])
    return _Side(y0, y1, x0, x1, float((pieces == 1).mean()))


def _beside_gutter(
    parts: Components, ids: np.ndarray, at_left: bool, em_px: float, config: CuttingConfig
) -> np.ndarray:
    """Return the parts of the column next to the gutter, further columns left out.

    Stripes without ink part the side; what is too narrow for a column (hanging numbers) counts
    with its neighbour.
    """
    if not len(ids):
        return ids
    stripe = group_rows(parts.x0[ids], parts.x1[ids], gap=config.gutter_em * em_px)
    numbers = range(int(stripe.max()), -1, -1) if at_left else range(int(stripe.max()) + 1)
    chosen = np.zeros(len(ids), bool)
    for number in numbers:
        chosen |= stripe == number
        column = ids[chosen]
        if parts.x1[column].max() - parts.x0[column].min() >= config.column_em * em_px:
            break
    return ids[chosen]


def _share_aligned(left: _Side, right: _Side, em_px: float) -> float:
    """Return the share of the fewer lines that have a partner on the same baseline."""
    few, many = (left, right) if len(left.y1) <= len(right.y1) else (right, left)
    distance = np.abs(few.y1[:, None] - many.y1[None, :]).min(axis=1)
    return float((distance <= 0.25 * em_px).mean())


def _are_columns(left: _Side, right: _Side, em_px: float, config: CuttingConfig) -> bool:
    """Return whether two sides are running text and not labels, numbers or cells.

    Text columns are wide, begin on a common edge, and most of their lines are full. Cells and
    labels are ragged, have wide gaps and stand on common baselines, so sides whose baselines
    differ pass more easily.
    """
    narrow = min(left.width, right.width)
    on_grid = _share_aligned(left, right, em_px)
    num_lines = min(len(left.y0), len(right.y0))
    if narrow < config.column_em * em_px:
        return narrow < _STAMP_EM * em_px and num_lines >= _MANY_LINES and on_grid < 0.5
    starting = min(left.share_starting(em_px), right.share_starting(em_px))
    full = min(left.share_full(), right.share_full())
    gapless = min(left.share_gapless, right.share_gapless)
    if starting >= 0.5 and full >= 0.5 and gapless >= 0.6:
        return narrow >= _CELL_EM * em_px or on_grid < _ALIGNED
    if on_grid < _ALIGNED and starting >= 0.35 and full >= 0.25:
        return True
    tall = num_lines >= _MANY_LINES and narrow >= 2 * config.column_em * em_px
    return tall and on_grid < 0.8


class _Grid:
    """Coarse occupancy of a region, to search tall blank stripes in."""

    def __init__(self, parts: Components, ids: np.ndarray, em_px: float, gutter_px: float) -> None:
        self.cell = max(1.0, em_px / _CELLS_PER_EM)
        self.left, self.top = int(parts.x0[ids].min()), int(parts.y0[ids].min())
        columns = int((parts.x1[ids].max() - self.left) / self.cell) + 1
        rows = int((parts.y1[ids].max() - self.top) / self.cell) + 1
        self.stripe = max(2, int(gutter_px / self.cell))
        change = np.zeros((rows + 1, columns + 1), np.int32)
        y0 = ((parts.y0[ids] - self.top) / self.cell).astype(np.int64)
        x0 = ((parts.x0[ids] - self.left) / self.cell).astype(np.int64)
        y1 = ((parts.y1[ids] - 1 - self.top) / self.cell).astype(np.int64) + 1
        x1 = ((parts.x1[ids] - 1 - self.left) / self.cell).astype(np.int64) + 1
        for y, x, sign in ((y0, x0, 1), (y0, x1, -1), (y1, x0, -1), (y1, x1, 1)):
            np.add.at(change, (y, x), sign)
        self.ink = (change.cumsum(axis=0).cumsum(axis=1) > 0)[:rows, :columns]
        total = np.zeros((rows, columns + 1), np.int32)
        np.cumsum(self.ink, axis=1, out=total[:, 1:])
        width = max(0, columns + 1 - self.stripe)
        right = total[:, self.stripe :][:, :width]
        self.blank = right == total[:, :width]
        self.two_sided = self.blank & (total[:, :width] > 0) & (right < total[:, -1:])

    def best(self) -> tuple[int, Box] | None:
        """Return the stripe with most rows that have ink on both sides: (rows, box in cells)."""
        if not self.blank.size:
            return None
        score = np.zeros(self.blank.shape, np.int32)
        running = np.zeros(self.blank.shape[1], np.int32)
        for y in range(len(score)):
            running = (running + self.two_sided[y]) * self.blank[y]
            score[y] = running
        end, x = (int(v) for v in np.unravel_index(np.argmax(score), score.shape))
        if not score[end, x]:
            return None
        closed = np.flatnonzero(~self.blank[:, x])
        y0 = int(closed[closed < end].max(initial=-1)) + 1
        y1 = int(closed[closed > end].min(initial=len(score)))
        inked = np.asarray(self.ink[y0:y1].any(axis=0))
        taken = np.flatnonzero(inked)
        x0 = int(taken[taken < x].max(initial=-1)) + 1
        x1 = int(taken[taken > x].min(initial=len(inked)))
        return int(score[end, x]), (x0, y0, x1, y1)

    def strike(self, box: Box) -> None:
        """Take a refused stripe out of the search."""
        x0, y0, x1, y1 = box
        left = max(0, x0 - self.stripe)
        self.blank[y0:y1, left:x1] = False
        self.two_sided[y0:y1, left:x1] = False

    def to_pixels(self, box: Box) -> tuple[float, float, float, float]:
        """Return a box of cells in page pixels."""
        x0, y0, x1, y1 = (value * self.cell for value in box)
        return x0 + self.left, y0 + self.top, x1 + self.left, y1 + self.top


def _is_long_enough(
    num_lines: int, width_em: float, at_known_gutter: bool, config: CuttingConfig
) -> bool:
    """Return whether a blank stripe is more than word gaps that happen to lie in a row.

    Beside few lines it must be wide; where a gutter of the page already runs, two lines do.
    """
    if at_known_gutter:
        return num_lines >= 2
    if num_lines < config.gutter_lines:
        return False
    return num_lines >= 2.2 * config.gutter_lines or width_em >= 2.2 * config.gutter_em


def _clear_of_lines(
    parts: Components, ids: np.ndarray, gutter: tuple[float, float, float, float], em_px: float
) -> tuple[float, float]:
    """Return the gutter's y range, shrunk so that it ends between lines.

    A stripe ends at the letter that stands in its way; dots, accents and commas of that
    letter's line lie beyond it and belong with it.
    """
    x0, y0, x1, y1 = gutter
    cell = em_px / _CELLS_PER_EM
    across = ids[(parts.x0[ids] < x1) & (parts.x1[ids] > x0)]
    below = across[np.abs(parts.y0[across] - y1) <= 2 * cell]
    above = across[np.abs(parts.y1[across] - y0) <= 2 * cell]
    middle = (parts.y0 + parts.y1) / 2
    if len(below):
        y1 = min(y1, max(float(middle[below].min()) - 0.72 * em_px, y1 - 0.6 * em_px))
    if len(above):
        y0 += 0.2 * max(em_px, 1.3 * float(parts.height[above].min()))
    return y0, y1


def find_gutter(
    parts: Components,
    ids: np.ndarray,
    em_px: float,
    config: CuttingConfig,
    known: tuple[Gutter, ...],
) -> Gutter | None:
    """Return the gutter between text columns that runs longest, if there is one.

    `known` holds the gutters that led to this region.
    """
    grid = _Grid(parts, ids, em_px, config.gutter_em * em_px)
    x_middle = (parts.x0[ids] + parts.x1[ids]) / 2
    y_middle = (parts.y0[ids] + parts.y1[ids]) / 2
    for _ in range(_MAX_CANDIDATES):
        found = grid.best()
        if found is None or found[0] * grid.cell < 1.5 * em_px:
            return None
        x0, y0, x1, y1 = grid.to_pixels(found[1])
        x = (x0 + x1) / 2
        y0, y1 = _clear_of_lines(parts, ids, (x0, y0, x1, y1), em_px)
        inside = (y_middle >= y0) & (y_middle < y1)
        near = (
            _beside_gutter(parts, ids[inside & (x_middle < x)], True, em_px, config),
            _beside_gutter(parts, ids[inside & (x_middle >= x)], False, em_px, config),
        )
        left, right = (_side(parts, column, em_px) for column in near)
        num_lines = min(len(left.y0), len(right.y0))
        at_known = any(
            x0 - em_px <= other.x <= x1 + em_px and x1 - x0 >= 0.6 * other.width for other in known
        )
        long = _is_long_enough(num_lines, (x1 - x0) / em_px, at_known, config)
        if long and _are_columns(left, right, em_px, config):
            return Gutter(x, x1 - x0, y0, y1)
        grid.strike(found[1])
    return None
