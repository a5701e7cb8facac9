"""Precision, recall and F1 over words, their order left aside."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple


class Overlap(NamedTuple):
    """What two texts share.

    Attributes:
        precision: share of the prediction that is in the truth.
        recall: share of the truth that is in the prediction.
        f1: their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


def overlap(num_common: int, num_predicted: int, num_true: int) -> Overlap:
    """Return precision, recall and F1 from counts, each 0 to 1, higher is better.

    Where both sides are empty all are 1; where one is, all are 0.
    """
    if not num_predicted and not num_true:
        return Overlap(1.0, 1.0, 1.0)
    if not num_common:
        return Overlap(0.0, 0.0, 0.0)
    return Overlap(
        num_common / num_predicted,
        num_common / num_true,
        2 * num_common / (num_predicted + num_true),
    )


def word_set_overlap(prediction: Collection[str], truth: Collection[str]) -> Overlap:
    """Return precision, recall and F1 over the different words of two texts.

    How often and where a word stands does not matter: a text repeated ten times scores as one that
    stands there once.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Returns: 0 to 1, higher is better; 1 where neither has words, 0 where one has none.

    Source: paper 4.2; nougat's `metrics.py`. The scripts of Fox and GOT exchange the arguments:
        their precision is this recall. `vary.eval.modes`.
    """
    predicted, true = set(prediction), set(truth)
    return overlap(len(predicted & true), len(predicted), len(true))


def word_bag_overlap(prediction: Collection[str], truth: Collection[str]) -> Overlap:
    """Return precision, recall and F1 over the words of two texts as often as they stand there.

    A word that the prediction has three times and the truth twice is right twice.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Returns: 0 to 1, higher is better; 1 where neither has words, 0 where one has none.
    """
    count = Counter(truth).get
    common = sum(min(times, count(word, 0)) for word, times in Counter(prediction).items())
    return overlap(common, len(prediction), len(truth))
