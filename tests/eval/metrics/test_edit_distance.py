import json
import sys
from pathlib import Path

import pytest

from vary.errors import MissingExtraError
from vary.eval.metrics import (
    character_errors,
    collapse_white_space,
    edit_distance,
    remove_white_space,
)

GOLDEN = json.loads(
    Path(__file__).with_name("golden_edit_distance.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", GOLDEN, ids=[case["why"] for case in GOLDEN])
def test_golden_cases(case):
    prediction, truth = case["prediction"], case["truth"]
    assert character_errors(prediction, truth) == case["errors"]
    assert edit_distance(prediction, truth) == case["distance"]
    assert edit_distance(truth, prediction) == case["distance"]


@pytest.mark.parametrize(
    ("text", "collapsed", "removed"),
    [
        ("", "", ""),
        (" \n\t", "", ""),
        (" two\n\nwords\t ", "two words", "twowords"),
        ("no\u00a0break\u3000wide", "no break wide", "nobreakwide"),
        ("视觉 词汇\n表", "视觉 词汇 表", "视觉词汇表"),
    ],
)
def test_white_space(text, collapsed, removed):
    assert collapse_white_space(text) == collapsed
    assert remove_white_space(text) == removed


def test_without_rapidfuzz_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance.Levenshtein", None)
    with pytest.raises(MissingExtraError, match=r"eval"):
        edit_distance("a", "b")
