import json
import sys
from pathlib import Path

import pytest

from vary.errors import MissingExtraError
from vary.eval.metrics.anls import ANLS_RULES, anls

CASES = json.loads((Path(__file__).parent / "golden" / "anls.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", ANLS_RULES)
@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_golden_cases(case, rule):
    found = anls(case["prediction"], case["answers"], rule)
    assert found == pytest.approx(case[rule], abs=1e-12)


def test_only_the_official_rule_keeps_one_half():
    assert anls("abcd", ["abxy"]) == 0.5
    assert anls("abcd", ["abxy"], "paper") == 0.0


def test_the_best_of_the_answers_counts_in_any_order():
    answers = ["1991", "in 1992", "the year 1992"]
    assert anls("1992", answers) == anls("1992", answers[::-1]) == 0.75


def test_a_long_answer_is_quick_and_worth_nothing():
    assert anls("word " * 200_000, ["word"]) == 0.0


def test_without_rapidfuzz_the_way_out_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance.Levenshtein", None)
    with pytest.raises(MissingExtraError, match="eval"):
        anls("a", ["b"])
