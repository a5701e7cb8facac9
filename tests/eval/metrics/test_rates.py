import math
import random

import nltk
import pytest

from vary.eval.metrics import (
    character_error_counts,
    character_error_rate,
    word_error_counts,
    word_error_rate,
)


@pytest.mark.parametrize(
    ("prediction", "truth", "errors", "rate"),
    [
        ("", "", 0, 0.0),
        ("", "abcd", 4, 1.0),
        ("abcd", "", 4, math.inf),
        ("abcd", "abcd", 0, 0.0),
        ("abxd", "abcd", 1, 0.25),
        ("abcdabcdabcd", "abcd", 8, 2.0),
        ("词 表", "词表", 1, 0.5),
    ],
)
def test_characters(prediction, truth, errors, rate):
    assert character_error_counts(prediction, truth) == (errors, len(truth))
    assert character_error_rate(prediction, truth) == rate


@pytest.mark.parametrize(
    ("prediction", "truth", "errors", "rate"),
    [
        ("", "", 0, 0.0),
        ("", "one two", 2, 1.0),
        ("one two", "", 2, math.inf),
        ("one two", "one two", 0, 0.0),
        ("one", "one two", 1, 0.5),
        ("two one", "one two", 2, 1.0),
        ("one two three", "one three", 1, 0.5),
        ("a b c d e f", "a", 5, 5.0),
    ],
)
def test_words(prediction, truth, errors, rate):
    words, true_words = prediction.split(), truth.split()
    assert word_error_counts(words, true_words) == (errors, len(true_words))
    assert word_error_rate(words, true_words) == rate


def test_word_errors_agree_with_nltk():
    rng = random.Random(0)
    for _ in range(100):
        one, other = (
            rng.choices(["a", "b", "ab", "词", "-1", "-2"], k=rng.randrange(12)) for _ in range(2)
        )
        assert word_error_counts(one, other)[0] == nltk.edit_distance(one, other)
