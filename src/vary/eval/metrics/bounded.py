"""Errors and common subsequence of two strings, in bounded time.

Both are exact as long as no more than `MAX_CELLS` pairs of characters have to be looked at: two
texts of 170,000 characters, or an answer of a megabyte against a page. That takes seconds. Beyond
it errors are still exact where there are at most `MAX_CELLS` / length of them; else both texts are
cut into as many equal pieces as the bound asks for, and the pieces are compared one by one. Summed
up they give at least the errors and at most the common characters of the whole: the result is wrong
against the one who read, never in favour.
"""

import math
from collections.abc import Iterator

from vary.extras import require

MAX_CELLS = 30_000_000_000


def bounded_errors(first: str, second: str, max_cells: int = MAX_CELLS) -> int:
    """Return how many characters must be inserted, deleted or exchanged; see above for long texts.

    Args:
        first: a text.
        second: another one.
        max_cells: how many pairs of characters may be looked at.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval")
    if len(first) * len(second) <= max_cells:
        return int(levenshtein.distance(first, second))
    longer = max(len(first), len(second))
    most = max_cells // longer
    errors = int(levenshtein.distance(first, second, score_cutoff=most))
    if errors <= most:
        return errors
    pieces = _pieces(first, second, max_cells)
    return min(longer, sum(int(levenshtein.distance(*pair)) for pair in pieces))


def bounded_common(first: str, second: str, max_cells: int = MAX_CELLS) -> int:
    """Return the length of the longest common subsequence; see above for long texts.

    Args:
        first: a text.
        second: another one.
        max_cells: how many pairs of characters may be looked at.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    subsequence = require("rapidfuzz.distance.LCSseq", extra="eval")
    if len(first) * len(second) <= max_cells:
        return int(subsequence.similarity(first, second))
    return sum(int(subsequence.similarity(*pair)) for pair in _pieces(first, second, max_cells))


def _pieces(first: str, second: str, max_cells: int) -> Iterator[tuple[str, str]]:
    count = math.ceil(len(first) * len(second) / max_cells)
    for number in range(count):
        yield _piece(first, number, count), _piece(second, number, count)


def _piece(text: str, number: int, count: int) -> str:
    return text[len(text) * number // count : len(text) * (number + 1) // count]
