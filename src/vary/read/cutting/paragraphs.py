"""Which visual lines make a paragraph, from leading, indents and line ends alone."""

from itertools import pairwise

import numpy as np

from vary.read.cutting.lines import Segment
from vary.read.cutting.raster import Components


def _first_word(parts: Components, line: list[Segment], size: float) -> float:
    """Return the width of the line's first word; two em where there are no word gaps (Chinese)."""
    ids = np.concatenate([segment.ids for segment in line])
    ids = ids[np.argsort(parts.x0[ids], kind="stable")]
    reach = np.maximum.accumulate(parts.x1[ids])
    gaps = np.flatnonzero(parts.x0[ids][1:] - reach[:-1] >= 0.22 * size)
    width = float(reach[gaps[0]] if len(gaps) else reach[-1]) - float(parts.x0[ids[0]])
    return width if width < 12 * size else 2 * size


def paragraph_starts(
    parts: Components, lines: list[list[Segment]], zones: list[tuple[float, float]]
) -> list[bool]:
    """Return for each line of a region whether it begins a paragraph.

    It does when the leading grows, the text size changes, the line is indented or hangs out, or
    its first word would still have fitted on the line before.
    """
    if not lines:
        return []
    x0 = [line[0].x0 for line in lines]
    x1 = [max(segment.x1 for segment in line) for line in lines]
    size = [bottom - top for top, bottom in zones]
    middle = [(top + bottom) / 2 for top, bottom in zones]
    pitch = [b - a for a, b in pairwise(middle)]
    right = float(np.percentile(x1, 90))
    starts = [True]
    for index in range(1, len(lines)):
        usual = float(np.median(pitch[max(0, index - 6) : index + 6]))
        usual = min(usual, 1.9 * size[index])
        begins = pitch[index - 1] > 1.25 * usual
        begins |= not 0.8 < size[index] / max(1.0, size[index - 1]) < 1.25
        shift = x0[index] - x0[index - 1]
        begins |= shift > 0.7 * size[index] and not starts[index - 1]
        begins |= shift < -0.7 * size[index] and not starts[index - 1]
        room = right - x1[index - 1] - 0.3 * size[index]
        begins |= room > _first_word(parts, lines[index], size[index])
        starts.append(bool(begins))
    return starts
