"""BLEU of one text."""

import math
from collections import Counter
from collections.abc import Sequence

from vary.eval.metrics.words import as_symbols

MAX_ORDER = 4


def bleu(prediction: Sequence[str], truth: Sequence[str]) -> float:
    """Return the BLEU of two sequences of words: n-grams of 1 to 4 words, weighed alike.

    The geometric mean of the shares of the prediction's n-grams that stand in the truth (each at
    most as often as there), times exp(1 - truth / prediction) where the prediction is the shorter
    one. Not smoothed: it is 0 where no four words in a row are right, so also where a text of fewer
    than four words is wholly right. nltk warns there, and gives a number below 1e-76.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Returns: 0 to 1, higher is better; 1 where neither has words, 0 where one has none.

    Raises:
        InputError: more than a million different words.

    Source: Papineni et al. 2002, on single texts, as `nltk.translate.bleu_score.sentence_bleu` with
        its defaults, which the scripts of nougat, Fox and GOT call. nltk gives 0 for two empty
        texts.
    """
    if not prediction and not truth:
        return 1.0
    return bleu_of_symbols(*as_symbols(prediction, truth))


def bleu_of_symbols(prediction: str, truth: str) -> float:
    """Return the BLEU of two texts, one of which has words, from `as_symbols`."""
    logarithms = []
    for order in range(1, MAX_ORDER + 1):
        num_predicted = len(prediction) - order + 1
        if num_predicted < 1:
            return 0.0
        count = Counter(_grams(truth, order)).get
        predicted = Counter(_grams(prediction, order)).items()
        num_common = sum(min(times, count(gram, 0)) for gram, times in predicted)
        if not num_common:
            return 0.0
        logarithms.append(math.log(num_common / num_predicted))
    brevity = min(0.0, 1 - len(truth) / len(prediction))
    return math.exp(brevity + math.fsum(logarithms) / MAX_ORDER)


def _grams(symbols: str, order: int) -> list[str]:
    return [symbols[start : start + order] for start in range(len(symbols) - order + 1)]
