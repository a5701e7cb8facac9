import random
import warnings

import pytest
from nltk.translate.bleu_score import sentence_bleu

from vary.eval.metrics import bleu


def by_nltk(prediction, truth):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sentence_bleu([truth], prediction)


def test_agrees_with_nltk():
    rng = random.Random(0)
    some = 0
    for _ in range(500):
        truth = rng.choices(["a", "b", "cc", "d"], k=rng.randrange(1, 30))
        prediction = [rng.choice("ab") if rng.random() < 0.2 else word for word in truth]
        prediction = prediction[: rng.randrange(0, 40)] + prediction[: rng.randrange(0, 5)]
        value = bleu(prediction, truth)
        assert value == pytest.approx(by_nltk(prediction, truth), abs=1e-12)
        some += value > 0
    assert some > 200


@pytest.mark.parametrize(
    ("prediction", "truth", "expected"),
    [
        ("", "", 1.0),
        ("", "a", 0.0),
        ("a", "", 0.0),
        ("a b c", "a b c", 0.0),  # no four words in a row
        ("a b c d", "a b c d", 1.0),
        ("a b c d x", "a b c d y", (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25),
        ("a b c d", "a b c d e f g h", 2.718281828459045 ** (1 - 8 / 4)),
    ],
)
def test_values_worked_out_by_hand(prediction, truth, expected):
    assert bleu(prediction.split(), truth.split()) == pytest.approx(expected, abs=1e-15)


def test_nothing_is_printed(recwarn, capfd):
    assert bleu(["a", "b"], ["a", "c"]) == 0.0
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")


def test_the_arguments_are_not_exchangeable():
    short, long = ["a", "b", "c", "d"], ["a", "b", "c", "d", "e", "f"]
    assert bleu(short, long) != bleu(long, short)
