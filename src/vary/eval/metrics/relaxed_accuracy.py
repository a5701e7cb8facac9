"""Relaxed accuracy: the measure of ChartQA."""

from decimal import Decimal
from typing import Literal

from vary.eval.metrics.edit_distance import collapse_white_space
from vary.eval.metrics.quantities import is_within, parse_number

RelaxedRule = Literal["stripped", "pix2struct"]
RELAXED_RULES: tuple[RelaxedRule, ...] = ("stripped", "pix2struct")
_TOLERANCE = Decimal("0.05")


def relaxed_accuracy(prediction: str, truth: str, rule: RelaxedRule = "stripped") -> float:
    """Return whether an answer is right: a number within 5 % of the truth, a text without case.

    Years are numbers here: 2012 is right where the truth is 2013, in every implementation.

    Args:
        prediction: the answer.
        truth: the right one.
        rule: ``stripped`` leaves percent signs out on both sides (15 % is 15), takes thousands
            separators (1,234), lets exactly 5 % count, and asks for 0 where the truth is 0; runs
            of white space in texts count as one space. ``pix2struct`` does what most published
            numbers were made with: 15 % is 0.15, a number with separators is a text, a truth of 0
            is compared as a text, white space counts in texts, and floats decide at the bound.
            In both a number with a unit is a text.

    Returns: 0 or 1, higher is better; two empty texts give 1.

    Source: Masry et al. 2022 (ChartQA), 5.1; `relaxed_correctness` of pix2struct.
    """
    if rule == "pix2struct":
        return float(_pix2struct(prediction, truth))
    number, right = parse_number(prediction), parse_number(truth)
    if number is not None and right is not None:
        return float(is_within(number, right, _TOLERANCE))
    return exact_match(prediction, truth)


def exact_match(prediction: str, truth: str) -> float:
    """Return whether two texts are equal, case and runs of white space left out: 0 or 1."""
    return float(collapse_white_space(prediction).lower() == collapse_white_space(truth).lower())


def _pix2struct(prediction: str, truth: str) -> bool:
    number, right = _plain_float(prediction), _plain_float(truth)
    if number is not None and right:
        return abs(number - right) / abs(right) <= float(_TOLERANCE)
    return prediction.lower() == truth.lower()


def _plain_float(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
