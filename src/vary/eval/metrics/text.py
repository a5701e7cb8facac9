"""All metrics of a text that was read, at once."""

from collections.abc import Callable

from vary.eval.metrics.bleu import bleu_of_symbols
from vary.eval.metrics.bounded import bounded_common, bounded_errors
from vary.eval.metrics.edit_distance import (
    character_errors,
    collapse_white_space,
    remove_white_space,
)
from vary.eval.metrics.meteor import meteor
from vary.eval.metrics.word_sets import overlap, word_bag_overlap, word_set_overlap
from vary.eval.metrics.words import as_symbols, contains_chinese, word_pair

# A value, or numerator and denominator of a ratio that is taken over all texts together.
Measured = float | tuple[float, float]

TEXT_METRICS = (
    "edit_distance",
    "f1",
    "precision",
    "recall",
    "bag_f1",
    "bag_precision",
    "bag_recall",
    "bleu",
    "rouge_l",
    "cer",
    "wer",
)
"""What `text_metrics` gives, and `meteor` where it is asked for."""


def tidy_for(truth: str) -> Callable[[str], str]:
    """Return what is done to the white space of prediction and truth before characters are counted.

    It is taken out where the truth has Chinese, since gaps between Chinese and Latin are a matter
    of layout. Else each run of it is one space, and none is left at the ends.
    """
    return remove_white_space if contains_chinese(truth) else collapse_white_space


def text_metrics(prediction: str, truth: str, *, with_meteor: bool = False) -> dict[str, Measured]:
    """Return metric -> value of a text that was read; `cer` and `wer` as errors and length.

    White space is collapsed for `edit_distance` and `cer`, and taken out where the truth has
    Chinese (`tidy_for`). The others look at words: split at white space, or by jieba where either
    text has Chinese (`split_words`). `rouge_l` is the F1 of ROUGE-L. All run from 0 to 1, but for
    `cer` and `wer`, which have no upper limit; `edit_distance`, `cer` and `wer` are better the
    lower. An empty prediction of a truth with words gets the worst of each: 1 for those three, 0
    for the others. Two empty texts are equal: 0 for those three (with a length of 0), 1 for the
    others.

    Args:
        prediction: what was read.
        truth: what stands there.
        with_meteor: also `meteor`, which takes longer than all others together.

    Raises:
        InputError: more than a million different words.
        MissingExtraError: rapidfuzz, or jieba or nltk where they are needed, is not installed.
        MissingResourceError: METEOR is asked for, and WordNet is not on this machine.
    """
    tidy = tidy_for(truth)
    read, true = tidy(prediction), tidy(truth)
    num_errors = character_errors(read, true)
    longer = max(len(read), len(true))
    words, true_words = word_pair(prediction, truth)
    symbols, true_symbols = as_symbols(words, true_words)
    num_words = len(symbols), len(true_symbols)
    of_sets = word_set_overlap(symbols, true_symbols)
    of_bags = word_bag_overlap(symbols, true_symbols)
    measured: dict[str, Measured] = {
        "edit_distance": num_errors / longer if longer else 0.0,
        "f1": of_sets.f1,
        "precision": of_sets.precision,
        "recall": of_sets.recall,
        "bag_f1": of_bags.f1,
        "bag_precision": of_bags.precision,
        "bag_recall": of_bags.recall,
        "bleu": bleu_of_symbols(symbols, true_symbols) if any(num_words) else 1.0,
        "rouge_l": overlap(bounded_common(symbols, true_symbols), *num_words).f1,
        "cer": (float(num_errors), float(len(true))),
        "wer": (float(bounded_errors(symbols, true_symbols)), float(len(true_symbols))),
    }
    if with_meteor:
        measured["meteor"] = meteor(words, true_words)
    return measured
