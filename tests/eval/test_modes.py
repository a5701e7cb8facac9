import json
import pickle
from pathlib import Path

import pytest

from vary.errors import InputError, MissingResourceError
from vary.eval.metrics import text_metrics
from vary.eval.metrics.meteor import load_wordnet
from vary.eval.modes import MODES, get_mode

GOLDEN = json.loads(
    (Path(__file__).parent / "metrics" / "golden" / "text.json").read_text(encoding="utf-8")
)
NAMES = [case["why"] for case in GOLDEN]


def kept(mode):
    """The cases for which the published script prints a value."""
    return [
        (case, case["modes"][mode])
        for case in GOLDEN
        if case["modes"][mode] is not None and None not in case["modes"][mode].values()
    ]


@pytest.mark.parametrize("mode", MODES)
def test_golden_values(mode):
    cases = kept(mode)
    assert len(cases) > 50
    for case, expected in cases:
        measured = MODES[mode].metrics(case["prediction"], case["truth"])
        assert set(measured) == set(expected) - {"meteor"}
        for name, value in measured.items():
            assert value == pytest.approx(expected[name], abs=1e-12), (case["why"], name)


@pytest.mark.parametrize("mode", MODES)
def test_golden_meteor(mode):
    try:
        load_wordnet()
    except MissingResourceError as error:
        pytest.skip(str(error))
    for case, expected in kept(mode):
        measured = MODES[mode].metrics(case["prediction"], case["truth"], with_meteor=True)
        assert measured["meteor"] == pytest.approx(expected["meteor"], abs=1e-12), case["why"]


@pytest.mark.parametrize("mode", MODES)
def test_pages_without_a_value_have_a_reason(mode):
    counts = {"value": 0, "dropped": 0, "error": 0}
    for case in GOLDEN:
        expected = case["modes"][mode]
        reason = MODES[mode].keeps(case["prediction"], case["truth"])
        if expected is None:
            assert f"{mode} drops pages" in reason, case["why"]
            counts["dropped"] += 1
        elif None in expected.values():
            assert f"the script of {mode} ends with an error" in reason, case["why"]
            counts["error"] += 1
        else:
            assert reason == "", case["why"]
            counts["value"] += 1
        if reason:
            with pytest.raises(InputError, match=mode):
                MODES[mode].metrics(case["prediction"], case["truth"])
    assert counts["value"]
    assert counts["error"]
    assert bool(counts["dropped"]) == (mode != "fox")


@pytest.mark.parametrize(
    ("mode", "prediction", "truth", "reason"),
    [
        ("fox", "a", "b", ""),
        ("fox", "", "b", "answer has no words"),
        ("fox", "a", "", "truth has no words"),
        ("fox", " ", "b", "answer has no words"),
        ("fox", " ", "字", ""),
        ("got", "", "b", "an empty answer"),
        ("got", "a", "", "an empty truth"),
        ("got", " ", "", "an empty truth"),
        ("got", " ", "b", "answer has no words"),
        ("nougat", "abc", "abcd", "fewer than 4 characters in the answer"),
        ("nougat", "abcd", "abc", "fewer than 4 characters in the truth"),
        ("nougat", "abcd", "abcd", ""),
        ("nougat", "    ", "abcd", "answer has no words"),
    ],
)
def test_which_pages_are_kept(mode, prediction, truth, reason):
    found = get_mode(mode).keeps(prediction, truth)
    assert (reason in found) if reason else (found == "")


@pytest.mark.parametrize("mode", ["fox", "got"])
def test_precision_and_recall_are_exchanged(mode):
    prediction, truth = "a page of text", "a page of text and some more of it here"
    ours, theirs = text_metrics(prediction, truth), get_mode(mode).metrics(prediction, truth)
    assert ours["precision"] == theirs["recall"] == 1.0
    assert ours["recall"] == theirs["precision"] < 1.0
    assert ours["f1"] == theirs["f1"]
    assert ours["edit_distance"] == theirs["edit_distance"]
    assert theirs["bleu"] == text_metrics(truth, prediction)["bleu"] != ours["bleu"]


def test_nougat_exchanges_nothing():
    prediction, truth = "a page of text", "a page of text and some more of it here"
    ours, theirs = text_metrics(prediction, truth), get_mode("nougat").metrics(prediction, truth)
    assert {name: ours[name] for name in theirs} == theirs


def test_white_space_counts_as_it_stands():
    for mode in MODES.values():
        assert mode.metrics("a b  c d", "a b c d")["edit_distance"] == 1 / 8
        assert mode.metrics("视觉 词表", "视觉词表")["edit_distance"] == 1 / 5
    # The blank is a word where jieba cuts.
    assert get_mode("fox").metrics("视觉 词表", "视觉词表")["recall"] == pytest.approx(2 / 3)
    assert text_metrics("视觉 词表", "视觉词表")["precision"] == 1.0


def test_only_nougat_leaves_chinese_whole():
    text = "视觉词表决定了模型"
    assert get_mode("nougat").metrics(text + "的", text)["f1"] == 0.0
    assert get_mode("got").metrics(text + "的", text)["f1"] > 0.8


def test_chinese_beyond_the_scripts_range_is_split_at_white_space():
    assert get_mode("fox").metrics("\u9fa6\u9fa7", "\u9fa6")["f1"] == 0.0


def test_modes_can_be_sent_to_processes():
    for mode in MODES.values():
        assert pickle.loads(pickle.dumps(mode)) == mode


def test_an_unknown_mode_is_told_the_known_ones():
    with pytest.raises(InputError, match=r"'foxy'.*fox, got, nougat"):
        get_mode("foxy")
