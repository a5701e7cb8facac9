import random

import pytest
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenize import tokenize

from vary.eval.metrics import rouge_l


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ("", "", (1, 1, 1)),
        ("", "a", (0, 0, 0)),
        ("a", "", (0, 0, 0)),
        ("a b", "c d", (0, 0, 0)),
        ("a b c", "a b c", (1, 1, 1)),
        ("c b a", "a b c", (1 / 3, 1 / 3, 1 / 3)),
        ("a x b y c", "a b c", (3 / 5, 1, 3 / 4)),
        ("a c", "a b c d", (1, 1 / 2, 2 / 3)),
    ],
)
def test_values_worked_out_by_hand(prediction, truth, expected):
    assert rouge_l(prediction.split(), truth.split()) == pytest.approx(expected, abs=1e-15)


def test_agrees_with_google_on_its_own_words():
    rng = random.Random(0)
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    for _ in range(100):
        one, other = (
            " ".join(
                rng.choices(["the", "Page", "has", "2", "lines,", "x-y"], k=rng.randrange(1, 20))
            )
            for _ in range(2)
        )
        expected = scorer.score(other, one)["rougeL"]
        words, true_words = (tokenize(text, None) for text in (one, other))
        assert rouge_l(words, true_words) == pytest.approx(tuple(expected), abs=1e-12)
