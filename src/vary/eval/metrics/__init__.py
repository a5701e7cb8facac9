"""Metrics as pure functions."""

from vary.eval.metrics.anls import ANLS_RULES, AnlsRule, anls
from vary.eval.metrics.bleu import bleu
from vary.eval.metrics.chart_dict import (
    Cell,
    ChartDict,
    cell_accuracy,
    parse_chart,
    title_similarity,
)
from vary.eval.metrics.edit_distance import (
    character_errors,
    collapse_white_space,
    edit_distance,
    remove_white_space,
)
from vary.eval.metrics.meteor import meteor
from vary.eval.metrics.parts import MarkdownParts, split_markdown
from vary.eval.metrics.rates import (
    character_error_counts,
    character_error_rate,
    word_error_counts,
    word_error_rate,
)
from vary.eval.metrics.relaxed_accuracy import (
    RELAXED_RULES,
    RelaxedRule,
    exact_match,
    relaxed_accuracy,
)
from vary.eval.metrics.rouge import rouge_l
from vary.eval.metrics.scrm import SCRM_RULES, ScrmRule, scrm
from vary.eval.metrics.teds import TEDS_RULES, TedsRule, teds
from vary.eval.metrics.text import TEXT_METRICS, text_metrics, tidy_for
from vary.eval.metrics.word_sets import Overlap, word_bag_overlap, word_set_overlap
from vary.eval.metrics.words import contains_chinese, split_words, word_pair

__all__ = [
    "ANLS_RULES",
    "RELAXED_RULES",
    "SCRM_RULES",
    "TEDS_RULES",
    "TEXT_METRICS",
    "AnlsRule",
    "Cell",
    "ChartDict",
    "MarkdownParts",
    "Overlap",
    "RelaxedRule",
    "ScrmRule",
    "TedsRule",
    "anls",
    "bleu",
    "cell_accuracy",
    "character_error_counts",
    "character_error_rate",
    "character_errors",
    "collapse_white_space",
    "contains_chinese",
    "edit_distance",
    "exact_match",
    "meteor",
    "parse_chart",
    "relaxed_accuracy",
    "remove_white_space",
    "rouge_l",
    "scrm",
    "split_markdown",
    "split_words",
    "teds",
    "text_metrics",
    "tidy_for",
    "title_similarity",
    "word_bag_overlap",
    "word_error_counts",
    "word_error_rate",
    "word_pair",
    "word_set_overlap",
]
