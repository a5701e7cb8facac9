import json
import time
from pathlib import Path

import pytest

from vary.errors import MissingResourceError
from vary.eval.metrics import (
    TEXT_METRICS,
    bleu,
    character_error_counts,
    collapse_white_space,
    rouge_l,
    split_words,
    text_metrics,
    word_bag_overlap,
    word_error_counts,
    word_pair,
    word_set_overlap,
)
from vary.eval.metrics.meteor import load_wordnet

GOLDEN = json.loads((Path(__file__).parent / "golden" / "text.json").read_text(encoding="utf-8"))
NAMES = [case["why"] for case in GOLDEN]


def test_the_golden_file_holds_many_cases():
    assert len(GOLDEN) >= 60
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("case", GOLDEN, ids=NAMES)
def test_golden_values(case):
    measured = text_metrics(case["prediction"], case["truth"])
    assert tuple(measured) == TEXT_METRICS
    for name in TEXT_METRICS:
        # nltk gives up to 1e-76 where four words in a row are never right, and we give 0.
        assert measured[name] == pytest.approx(case[name], abs=1e-12, rel=1e-12), name


@pytest.mark.parametrize("case", GOLDEN, ids=NAMES)
def test_each_metric_alone_gives_the_same(case):
    words, true_words = word_pair(case["prediction"], case["truth"])
    if case["words"] is not None:
        assert [words, true_words] == case["words"]
    measured = text_metrics(case["prediction"], case["truth"])
    assert bleu(words, true_words) == measured["bleu"]
    rouge = rouge_l(words, true_words)
    assert rouge.f1 == measured["rouge_l"]
    assert rouge.recall == pytest.approx(case["rouge_l_recall"], abs=1e-12)
    assert word_error_counts(words, true_words) == measured["wer"]
    of_sets, of_bags = word_set_overlap(words, true_words), word_bag_overlap(words, true_words)
    assert of_sets == tuple(measured[name] for name in ("precision", "recall", "f1"))
    assert of_bags == tuple(measured[f"bag_{name}"] for name in ("precision", "recall", "f1"))


def test_golden_meteor():
    try:
        load_wordnet()
    except MissingResourceError as error:
        pytest.skip(str(error))
    for case in GOLDEN:
        measured = text_metrics(case["prediction"], case["truth"], with_meteor=True)
        assert measured["meteor"] == pytest.approx(case["meteor"], abs=1e-12), case["why"]


@pytest.mark.parametrize("case", GOLDEN, ids=NAMES)
def test_ranges(case):
    measured = text_metrics(case["prediction"], case["truth"])
    for name in set(TEXT_METRICS) - {"cer", "wer"}:
        assert 0 <= measured[name] <= 1
    for errors, length in (measured["cer"], measured["wer"]):
        assert errors >= 0
        assert length >= 0


def test_precision_is_of_the_prediction():
    measured = text_metrics("one two", "one two three four")
    assert (measured["precision"], measured["recall"]) == (1.0, 0.5)
    assert (measured["bag_precision"], measured["bag_recall"]) == (1.0, 0.5)


@pytest.mark.parametrize("prediction", ["", " \n\t", "\u3000"])
@pytest.mark.parametrize("truth", ["four words of text", "一页文字"])
def test_an_empty_answer_gets_the_worst_of_each(prediction, truth):
    measured = text_metrics(prediction, truth)
    length = len(collapse_white_space(truth))
    assert measured.pop("cer") == (length, length)
    assert measured.pop("wer") == (len(split_words(truth)),) * 2
    assert measured.pop("edit_distance") == 1.0
    assert set(measured.values()) == {0.0}


def test_white_space_goes_where_the_truth_has_chinese():
    assert text_metrics("视觉 词表", "视觉词表")["cer"] == (0, 4)
    assert text_metrics("a b c", "abc")["cer"] == (2, 3)
    # Chinese in the answer alone leaves the truth's white space as it is.
    assert text_metrics("abc 字", "ab c")["cer"] == character_error_counts("abc 字", "ab c")


@pytest.mark.parametrize(
    ("prediction", "truth"),
    [
        ("\ud800 a b c d", "a b c d"),
        ("文\udfff字", "文字"),
        ("\x00" * 100, "a b c d"),
        ("\x00文字", "文字"),
        ("e" + "\u0301" * 500, "é"),
        (" \n" * 1000, "a b c d"),
        ("a", " " * 1000),
        ("\u202e" * 50, "一页"),
    ],
)
def test_hostile_texts_have_values(prediction, truth):
    measured = text_metrics(prediction, truth)
    assert set(measured) == set(TEXT_METRICS)
    assert 0 <= measured["edit_distance"] <= 1


@pytest.mark.parametrize(
    "answer",
    [
        "word and another one " * 50_000,
        "的" * 1_000_000,
        " " * 1_000_000 + "文",
        "the\n" * 250_000,
        "\u0301" * 1_000_000,
    ],
    ids=["a loop", "a Chinese loop", "white space", "lines", "accents"],
)
def test_a_megabyte_against_a_page_takes_seconds(answer):
    start = time.process_time()
    measured = text_metrics(answer, "视觉词表与 words of a page " * 150)
    assert time.process_time() - start < 30
    assert measured["edit_distance"] > 0.9
    assert measured["precision"] < 1
