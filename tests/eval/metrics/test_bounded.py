import random

import pytest
from rapidfuzz.distance import LCSseq, Levenshtein

from vary.eval.metrics.bounded import bounded_common, bounded_errors


def noisy(text, rate, rng):
    return "".join(rng.choice("xyz") if rng.random() < rate else letter for letter in text)


@pytest.fixture
def texts():
    rng = random.Random(0)
    truth = "".join(rng.choice("abcdefgh ") for _ in range(2000))
    return {
        "near": noisy(truth, 0.01, rng),
        "far": noisy(truth, 0.4, rng),
        "other": "".join(rng.choice("klmno") for _ in range(2500)),
        "short": truth[:700],
        "truth": truth,
    }


@pytest.mark.parametrize("kind", ["near", "far", "other", "short"])
def test_within_the_bound_all_is_exact(texts, kind):
    one, truth = texts[kind], texts["truth"]
    assert bounded_errors(one, truth) == Levenshtein.distance(one, truth)
    assert bounded_common(one, truth) == LCSseq.similarity(one, truth)


def test_beyond_the_bound_few_errors_are_exact(texts):
    exact = Levenshtein.distance(texts["near"], texts["truth"])
    assert 0 < exact <= 100_000 // 2000
    assert bounded_errors(texts["near"], texts["truth"], max_cells=100_000) == exact


@pytest.mark.parametrize("kind", ["near", "far", "other", "short"])
@pytest.mark.parametrize("max_cells", [100, 10_000, 1_000_000])
def test_beyond_the_bound_the_error_is_to_the_bad(texts, kind, max_cells):
    one, truth = texts[kind], texts["truth"]
    exact = Levenshtein.distance(one, truth)
    assert exact <= bounded_errors(one, truth, max_cells) <= max(len(one), len(truth))
    assert bounded_common(one, truth, max_cells) <= LCSseq.similarity(one, truth)


def test_pieces_in_step_give_nearly_the_exact_value(texts):
    exact = Levenshtein.distance(texts["far"], texts["truth"])
    assert bounded_errors(texts["far"], texts["truth"], 1_000_000) < 1.05 * exact


@pytest.mark.slow
def test_two_megabytes_take_less_than_a_minute():
    rng = random.Random(1)
    one, other = (
        "".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(1_000_000)) for _ in "ab"
    )
    assert 950_000 < bounded_errors(one, other) <= 1_000_000
    assert bounded_common(one, other) > 0
