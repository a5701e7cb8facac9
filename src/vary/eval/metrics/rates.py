"""Character and word error rate, as counts and as rates."""

import math
from collections.abc import Sequence

from vary.eval.metrics.bounded import bounded_errors
from vary.eval.metrics.edit_distance import character_errors
from vary.eval.metrics.words import as_symbols


def character_error_counts(prediction: str, truth: str) -> tuple[int, int]:
    """Return the errors and the truth's length in characters, white space counted as it stands.

    The rate of many texts is the sum of their errors over the sum of their lengths.

    Args:
        prediction: what was read.
        truth: what stands there.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    return character_errors(prediction, truth), len(truth)


def word_error_counts(prediction: Sequence[str], truth: Sequence[str]) -> tuple[int, int]:
    """Return how many words are inserted, lost or exchanged, and how many the truth has.

    The rate of many texts is the sum of their errors over the sum of their lengths. Exact but for
    texts beyond all pages: `vary.eval.metrics.bounded`.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Raises:
        InputError: more than a million different words.
        MissingExtraError: rapidfuzz is not installed.
    """
    return bounded_errors(*as_symbols(prediction, truth)), len(truth)


def character_error_rate(prediction: str, truth: str) -> float:
    """Return the errors over the truth's length, white space counted as it stands.

    Args:
        prediction: what was read.
        truth: what stands there.

    Returns: 0 (equal, two empty texts among them) upwards, without limit; lower is better. Infinity
        where only the truth is empty.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    return error_rate(*character_error_counts(prediction, truth))


def word_error_rate(prediction: Sequence[str], truth: Sequence[str]) -> float:
    """Return the wrong words over the truth's number of words.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Returns: 0 (equal, two texts without words among them) upwards, without limit; lower is better.
        Infinity where only the truth has no words.

    Raises:
        InputError: more than a million different words.
        MissingExtraError: rapidfuzz is not installed.
    """
    return error_rate(*word_error_counts(prediction, truth))


def error_rate(errors: int, length: int) -> float:
    """Return errors over length; 0 for none in an empty text, infinity for some."""
    if length:
        return errors / length
    return math.inf if errors else 0.0
