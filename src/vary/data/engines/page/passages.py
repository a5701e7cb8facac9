"""Passages: a corpus cut into parts that do not overlap, one for each page of a test set."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, groupby, pairwise

from vary.data.corpus import Paragraph
from vary.errors import InputError


def cut_passages(paragraphs: Sequence[Paragraph], count: int) -> list[range]:
    """Return so many ranges of paragraphs, about equally long, none over two files.

    Files are mixed, each in proportion to its length, so that the first passages are of all.

    Args:
        paragraphs: of one file after the other.
        count: how many passages.

    Raises:
        InputError: there are fewer paragraphs than that.
    """
    files: list[range] = []
    for _, members in groupby(range(len(paragraphs)), key=lambda at: paragraphs[at].source):
        places = list(members)
        files.append(range(places[0], places[-1] + 1))
    if len(paragraphs) < count:
        raise InputError(
            f"{count} passages cannot be cut from {len(paragraphs)} paragraphs; give more text"
        )
    lengths = [[len(paragraphs[at].text) for at in file] for file in files]
    shares = _shares(lengths, count)
    placed = [
        ((place + 0.5) / share, number, passage)
        for number, (file, share) in enumerate(zip(files, shares, strict=True))
        for place, passage in enumerate(_cut(file, lengths[number], share))
    ]
    return [passage for _, _, passage in sorted(placed, key=lambda entry: entry[:2])]


def _shares(lengths: Sequence[Sequence[int]], count: int) -> list[int]:
    """Return how many passages each file gives: by its length, no more than it has paragraphs."""
    shares = [0] * len(lengths)
    for _ in range(count):
        # The file whose passages would be longest after it gets one more.
        open_files = [at for at in range(len(lengths)) if shares[at] < len(lengths[at])]
        most = max(open_files, key=lambda at: sum(lengths[at]) / (shares[at] + 1))
        shares[most] += 1
    return shares


def _cut(file: range, lengths: Sequence[int], count: int) -> list[range]:
    """Return passages of a file, cut at the paragraphs nearest to equal parts, none empty."""
    if not count:
        return []
    ends = list(accumulate(lengths))
    cuts = [0]
    for number in range(1, count):
        wanted = ends[-1] * number / count
        after = bisect_left(ends, wanted)
        nearer_before = after > 0 and wanted - ends[after - 1] < ends[after] - wanted
        nearest = after if nearer_before else after + 1
        cuts.append(min(max(nearest, cuts[-1] + 1), len(lengths) - (count - number)))
    cuts.append(len(lengths))
    return [range(file.start + first, file.start + last) for first, last in pairwise(cuts)]
