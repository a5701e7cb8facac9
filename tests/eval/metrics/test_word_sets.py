import random
from collections import Counter

import pytest
from nltk.metrics.scores import f_measure, precision, recall

from vary.eval.metrics import word_bag_overlap, word_set_overlap


@pytest.mark.parametrize(
    ("prediction", "truth", "of_sets", "of_bags"),
    [
        ("", "", (1, 1, 1), (1, 1, 1)),
        ("", "a", (0, 0, 0), (0, 0, 0)),
        ("a", "", (0, 0, 0), (0, 0, 0)),
        ("a", "b", (0, 0, 0), (0, 0, 0)),
        ("a b", "a b", (1, 1, 1), (1, 1, 1)),
        ("b a", "a b", (1, 1, 1), (1, 1, 1)),
        ("a a a a", "a", (1, 1, 1), (1 / 4, 1, 2 / 5)),
        ("a", "a a a a", (1, 1, 1), (1, 1 / 4, 2 / 5)),
        ("a b", "a b c d", (1, 1 / 2, 2 / 3), (1, 1 / 2, 2 / 3)),
        ("a b c d", "a b", (1 / 2, 1, 2 / 3), (1 / 2, 1, 2 / 3)),
        ("a a b", "a b b c", (1, 2 / 3, 4 / 5), (2 / 3, 1 / 2, 4 / 7)),
    ],
)
def test_values_worked_out_by_hand(prediction, truth, of_sets, of_bags):
    words, true_words = prediction.split(), truth.split()
    assert word_set_overlap(words, true_words) == pytest.approx(of_sets, abs=1e-15)
    assert word_bag_overlap(words, true_words) == pytest.approx(of_bags, abs=1e-15)


def test_sets_agree_with_nltk():
    rng = random.Random(0)
    for _ in range(200):
        one, other = (rng.choices("abcdefgh", k=rng.randrange(1, 9)) for _ in range(2))
        shared = word_set_overlap(one, other)
        reference, test = set(other), set(one)
        assert shared.precision == precision(reference, test)
        assert shared.recall == recall(reference, test)
        assert shared.f1 == pytest.approx(f_measure(reference, test), abs=1e-15)
        common = (Counter(one) & Counter(other)).total()
        assert word_bag_overlap(one, other).precision == common / len(one)
