"""Metrics as pure functions."""

from vary.eval.metrics.bleu import bleu
from vary.eval.metrics.edit_distance import (
    character_errors,
    collapse_white_space,
    edit_distance,
    remove_white_space,
)
from vary.eval.metrics.meteor import MissingResourceError, meteor
from vary.eval.metrics.parts import MarkdownParts, split_markdown
from vary.eval.metrics.rates import (
    character_error_counts,
    character_error_rate,
    word_error_counts,
    word_error_rate,
)
from vary.eval.metrics.rouge import rouge_l
from vary.eval.metrics.text import TEXT_METRICS, text_metrics, tidy_for
from vary.eval.metrics.word_sets import Overlap, word_bag_overlap, word_set_overlap
from vary.eval.metrics.words import contains_chinese, split_words, word_pair

__all__ = [
    "TEXT_METRICS",
    "MarkdownParts",
    "MissingResourceError",
    "Overlap",
    "bleu",
    "character_error_counts",
    "character_error_rate",
    "character_errors",
    "collapse_white_space",
    "contains_chinese",
    "edit_distance",
    "meteor",
    "remove_white_space",
    "rouge_l",
    "split_markdown",
    "split_words",
    "text_metrics",
    "tidy_for",
    "word_bag_overlap",
    "word_error_counts",
    "word_error_rate",
    "word_pair",
    "word_set_overlap",
]
