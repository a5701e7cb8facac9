"""Average normalized Levenshtein similarity: the measure of DocVQA."""

from collections.abc import Sequence
from typing import Literal

from vary.eval.metrics.edit_distance import character_errors, collapse_white_space

AnlsRule = Literal["official", "paper"]
ANLS_RULES: tuple[AnlsRule, ...] = ("official", "paper")


def anls(prediction: str, answers: Sequence[str], rule: AnlsRule = "official") -> float:
    """Return how near an answer comes to the nearest of the right ones.

    Case does not count, and runs of white space count as one space. The mean over the questions
    is the ANLS of a system.

    Args:
        prediction: the answer.
        answers: all that count as right.
        rule: ``official`` is the evaluation script that the competition hands out: it keeps a
            distance of exactly one half, and divides by the longer text as it was before white
            space was collapsed. ``paper`` is the formula: 0 from one half on, divided by the
            longer of the two texts that are compared.

    Returns: 0 (wrong) or 0.5 to 1 (right), higher is better; an empty answer to an empty truth
        gives 1, any answer without a right one to compare with gives 0.

    Raises:
        MissingExtraError: rapidfuzz is not installed.

    Source: Biten et al. 2019, equation 1; the script of the Robust Reading Competition, task 17.
    """
    read = collapse_white_space(prediction.lower())
    return max((_similarity(prediction, read, answer, rule) for answer in answers), default=0.0)


def _similarity(prediction: str, read: str, answer: str, rule: AnlsRule) -> float:
    right = collapse_white_space(answer.lower())
    if rule == "paper":
        longer = max(len(read), len(right))
    else:
        # In capitals, as there: some letters, such as the German sharp s, become two.
        longer = max(len(prediction.upper()), len(answer.upper()))
    distance = character_errors(read, right) / longer if longer else 0.0
    is_kept = distance < 0.5 if rule == "paper" else distance <= 0.5
    return 1 - distance if is_kept else 0.0
