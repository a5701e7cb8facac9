"""The ink of a chart -> letters, without frames, grids, lines and outlines."""

from dataclasses import dataclass

import numpy as np

from vary.read.charts.surfaces import Canvas
from vary.read.cutting.raster import Components, Runs, running_max

_LONG_PX = 26
"""A run of one colour as long as that, and thin, is a line of the frame or the grid."""
_THIN_PX = 4
_LARGEST_SHARE = 0.09
"""No letter is higher than this share of the picture's longer side (and 40 px)."""
_BETWEEN_LEVELS = 26
"""Levels by which a blurred edge may leave the way from one surface's colour to the other's."""
_OTHER_LEVELS = 56
"""Levels by which ink on a mark's outline differs from it where it is something else."""


@dataclass(frozen=True)
class Letters:
    """Letters, or parts of them; all arrays (N,) or (N, ...).

    Attributes:
        parts: their pixels.
        ground: the surface that each stands on.
        tone: the tone of that surface.
        color: (N, 3) float, the ink's own colour, as strong as it gets.
        direction: (N, 3) float, of length 1: from the ground's colour to the ink's.
        em_px: usual height of the larger ones.
    """

    parts: Components
    ground: np.ndarray
    tone: np.ndarray
    color: np.ndarray
    direction: np.ndarray
    em_px: float


def find_letters(canvas: Canvas) -> Letters:
    """Return what may be letters or their parts."""
    mask = canvas.ink & ~_edges(canvas)
    lines = _clear_lines(mask, canvas)
    parts = Components.of(mask)
    side = max(40.0, _LARGEST_SHARE * max(canvas.size))
    large = (parts.height > side) | (parts.width > 4 * side)
    large |= (parts.height > 0.6 * side) & (parts.width > 1.5 * side)
    if large.any():
        mask = _without_outlines(mask, parts, large, canvas)
        parts = Components.of(mask)
    keep = (parts.height <= side) & (parts.width <= 4 * side)
    keep &= ~((parts.height > 0.6 * side) & (parts.width > 1.5 * side))
    parts = parts.select(keep)
    keep = ~_is_dash(parts) & ~_is_rim(parts, canvas) & ~_is_tick(parts, lines)
    parts = parts.select(keep)
    em_px = _usual_em(parts)
    keep = ~_is_leader(parts, em_px) & ~_is_lone_tick(parts, em_px)
    keep &= (parts.width <= 1.6 * em_px) | (parts.height >= 0.22 * em_px)
    parts = parts.select(keep)
    ground, color, direction = _colors(parts, canvas)
    return Letters(parts, ground, canvas.tones[ground], color, direction, em_px)


def _usual_em(parts: Components) -> float:
    """Return the em size of most letters: those as high as capitals and figures are 0.72 of it."""
    usual = (parts.height >= 6) & (parts.area >= 8) & (parts.width >= 3)
    tall = np.sort(parts.height[usual & (parts.width <= 1.15 * parts.height)])
    if not len(tall):
        return 14.0
    return float(tall[int(0.6 * (len(tall) - 1))]) / 0.72


def _edges(canvas: Canvas) -> np.ndarray:
    """Return (H, W) bool: the blurred pixels where two surfaces meet, between their colours."""
    ground = canvas.ground
    out = np.zeros(ground.shape, bool)
    rows, columns = np.nonzero(canvas.ink)
    height, width = ground.shape
    own = ground[rows, columns]
    here = canvas.rgb[rows, columns].astype(np.float32)
    one = canvas.colors[own].astype(np.float32)
    found = np.zeros(len(rows), bool)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            y, x = np.clip(rows + dy, 0, height - 1), np.clip(columns + dx, 0, width - 1)
            other = ground[y, x]
            todo = (other != own) & ~found
            if not todo.any():
                continue
            a = one[todo]
            way = canvas.colors[other[todo]].astype(np.float32) - a
            share = ((here[todo] - a) * way).sum(-1) / np.maximum((way * way).sum(-1), 1)
            rest = here[todo] - a - np.clip(share, 0, 1)[:, None] * way
            found[todo] = np.abs(rest).max(-1) <= _BETWEEN_LEVELS
    out[rows[found], columns[found]] = True
    return out


def _is_rim(parts: Components, canvas: Canvas) -> np.ndarray:
    """Return (N,) bool: what mostly lies where two surfaces meet: their outlines."""
    ground = canvas.tones[canvas.ground]
    low = high = ground
    for axis in (0, 1):
        high = running_max(high, 5, axis)
        low = -running_max(-low, 5, axis)
    meets = low != high
    rows, columns, run = parts.runs.pixels()
    label = parts.label[run]
    near = np.bincount(label, weights=meets[rows, columns], minlength=len(parts))
    return near >= 0.6 * parts.area


def _is_tick(parts: Components, lines: np.ndarray) -> np.ndarray:
    """Return (N,) bool: short strokes that begin at a line of the frame or the grid."""
    near = running_max(running_max(lines.astype(np.uint8), 5, 0), 5, 1)
    rows, columns, run = parts.runs.pixels()
    touches = np.zeros(len(parts), bool)
    touches[parts.label[run[near[rows, columns] > 0]]] = True
    thin = np.minimum(parts.width, parts.height) <= 4
    return touches & thin & (parts.area >= 0.5 * parts.width * parts.height)


def _is_lone_tick(parts: Components, em_px: float) -> np.ndarray:
    """Return (N,) bool: strokes of one size in a row or column, with nothing beside them."""
    width, height = parts.width, parts.height
    solid = (parts.area == width * height) & (np.minimum(width, height) <= 3)
    out = np.zeros(len(parts), bool)
    for near, size in ((parts.y0, height), (parts.x0, width)):
        stroke = solid & (size >= 3) & (size <= 0.9 * em_px)
        key = (near * 64 + np.minimum(width, 63)) * 64 + np.minimum(height, 63)
        for value in np.unique(key[stroke]):
            row = np.flatnonzero(stroke & (key == value))
            if len(row) >= 3 and all(_is_alone(parts, int(index), em_px) for index in row):
                out[row] = True
    return out


def _is_alone(parts: Components, index: int, em_px: float) -> bool:
    """Return whether nothing stands beside a part in its row, nor both above and below it."""
    gap = np.maximum(parts.x0, parts.x0[index]) - np.minimum(parts.x1, parts.x1[index])
    level = (parts.y0 < parts.y1[index]) & (parts.y0[index] < parts.y1)
    if int((level & (gap <= 0.5 * em_px)).sum()) > 1:
        return False
    near = gap <= 0.2 * em_px
    above = parts.y0[index] - parts.y1
    below = parts.y0 - parts.y1[index]
    reach = 0.4 * em_px
    is_above = (near & (above >= 0) & (above <= reach)).any()
    return not (is_above and (near & (below >= 0) & (below <= reach)).any())


def _is_leader(parts: Components, em_px: float) -> np.ndarray:
    """Return (N,) bool: thin bent lines that lead from a sector to its name."""
    longer, total = np.maximum(parts.width, parts.height), parts.width + parts.height
    bent = (parts.width >= 0.8 * em_px) & (parts.height >= 0.22 * em_px)
    bent |= (parts.height >= 1.3 * em_px) & (parts.width >= 0.22 * em_px)
    out = bent & (parts.area <= 2.1 * total)
    out |= (longer >= 1.3 * em_px) & (parts.area <= 3.6 * total)
    for index in np.flatnonzero(out):
        mine = parts.label == index
        row, x0, x1 = parts.runs.row[mine], parts.runs.x0[mine], parts.runs.x1[mine]
        if len(np.unique(row)) < len(row):
            out[index] = False
            continue
        # A single stroke: each row goes on where the one above ended.
        order = np.argsort(row)
        cover = np.zeros(int(parts.width[index]), int)
        for start, end in zip(x0[order], x1[order], strict=True):
            cover[start - parts.x0[index] : end - parts.x0[index]] += 1
        # All but one steep column are crossed once or twice.
        out[index] = float(np.mean(cover <= 3)) >= 0.8
    return out


def _clear_lines(mask: np.ndarray, canvas: Canvas) -> np.ndarray:
    """Take long thin lines of one colour out of the mask, in place; what crosses them stays.

    Returns: (H, W) bool, where they were.
    """
    before = mask.copy()
    for turn in (False, True):
        view = mask.T if turn else mask
        rgb = canvas.rgb.transpose(1, 0, 2) if turn else canvas.rgb
        rgb = rgb.astype(np.int16)
        alike = np.zeros(view.shape, bool)
        alike[:, 1:] = (np.abs(rgb[:, 1:] - rgb[:, :-1]).max(-1) <= 12) & view[:, :-1]
        breaks = view & ~alike
        number = np.cumsum(breaks, axis=1)
        # A run of like pixels: those between two breaks.
        runs = _runs_of_numbers(view, number)
        long = runs.x1 - runs.x0 >= _LONG_PX
        lines = Runs(runs.row[long], runs.x0[long], runs.x1[long])
        if not len(lines.row):
            continue
        is_line = np.zeros(view.shape, bool)
        rows, columns, _ = lines.pixels()
        is_line[rows, columns] = True
        # A thick bar is no line: lines have few such rows one above the other.
        depth = np.zeros(view.shape, np.int16)
        count = np.zeros(view.shape[1], np.int16)
        for row in range(view.shape[0]):
            count = np.where(is_line[row], count + 1, 0)
            depth[row] = count
        for row in range(view.shape[0] - 2, -1, -1):
            depth[row] = np.where(
                is_line[row] & is_line[row + 1], np.maximum(depth[row], depth[row + 1]), depth[row]
            )
        view[is_line & (depth <= _THIN_PX)] = False
    return before & ~mask


def _runs_of_numbers(view: np.ndarray, number: np.ndarray) -> Runs:
    """Return the runs of True in `view` that share a number."""
    height, width = view.shape
    value = np.where(view, number, 0)
    edges = np.ones((height, width + 1), bool)
    edges[:, 1:-1] = value[:, 1:] != value[:, :-1]
    row, start = np.nonzero(edges[:, :-1])
    end = np.nonzero(edges[:, 1:])[1] + 1
    keep = view[row, start]
    return Runs(row[keep], start[keep], end[keep])


def _without_outlines(
    mask: np.ndarray, parts: Components, large: np.ndarray, canvas: Canvas
) -> np.ndarray:
    """Return the mask without large parts, but with what of other colour stands on them."""
    out = mask.copy()
    rows, columns, run = parts.runs.pixels()
    label = parts.label[run]
    for index in np.flatnonzero(large):
        mine = label == index
        y, x = rows[mine], columns[mine]
        contrast = canvas.contrast[y, x]
        depth = np.abs(contrast).max(-1)
        strong = contrast[depth >= 0.7 * np.percentile(depth, 95)]
        main = np.median(strong, axis=0)
        share = np.clip(contrast @ main / max(1.0, float(main @ main)), 0, 1)
        rest = np.abs(contrast - share[:, None] * main).max(-1)
        out[y, x] = rest > _OTHER_LEVELS
    return out


def _is_dash(parts: Components) -> np.ndarray:
    """Return (N,) bool: strokes of dashed or dotted lines, many of a size in one row or column."""
    out = np.zeros(len(parts), bool)
    for first, last, start, size, other in (
        (parts.y0, parts.y1, parts.x0, parts.height, parts.width),
        (parts.x0, parts.x1, parts.y0, parts.width, parts.height),
    ):
        small = (size <= 4) & (other <= 14)
        key = first * 100000 + last
        for value in np.unique(key[small]):
            row = np.flatnonzero(small & (key == value))
            if len(row) < 8:
                continue
            place = np.sort(start[row])
            step = np.diff(place)
            usual = float(np.median(step))
            even = (np.abs(step - usual) <= 1.5).mean() >= 0.6
            # Dots so pale that every other one is lost are uneven, but many.
            dots = len(row) >= 14 and parts.area[row].max() <= 4 and (step <= 22).mean() >= 0.8
            if usual <= 22 and (even or dots):
                out[row] = True
    return out


def _colors(parts: Components, canvas: Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ground, colour and direction of each part."""
    count = len(parts)
    rows, columns, run = parts.runs.pixels()
    label = parts.label[run]
    grounds = canvas.ground[rows, columns]
    pairs, sizes = np.unique(
        label.astype(np.int64) * (len(canvas.colors) + 1) + grounds, return_counts=True
    )
    order = np.argsort(sizes, kind="stable")
    ground = np.zeros(count, np.int64)
    ground[pairs[order] // (len(canvas.colors) + 1)] = pairs[order] % (len(canvas.colors) + 1)
    depth = canvas.depth[rows, columns]
    deepest = np.zeros(count)
    np.maximum.at(deepest, label, depth)
    weight = depth >= 0.8 * deepest[label]
    total = np.maximum(1, np.bincount(label, weights=weight, minlength=count))
    color, contrast = (
        np.stack(
            [
                np.bincount(label, weights=weight * source[rows, columns, c], minlength=count)
                for c in range(3)
            ],
            -1,
        )
        / total[:, None]
        for source in (canvas.rgb, canvas.contrast)
    )
    length = np.linalg.norm(contrast, axis=1, keepdims=True)
    return ground, color, contrast / np.maximum(length, 1)
