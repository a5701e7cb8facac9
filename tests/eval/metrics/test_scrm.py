import itertools
import json
import random
from pathlib import Path

import pytest

from vary.eval.metrics.chart_dict import ChartDict
from vary.eval.metrics.scrm import SCRM_RULES, largest_matching, scrm

CASES = json.loads((Path(__file__).parent / "golden" / "chart.json").read_text(encoding="utf-8"))


def chart(table):
    return ChartDict.from_dict({"data": table})


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_golden_precision(case):
    prediction, truth = (ChartDict.from_dict(case[side]) for side in ("prediction", "truth"))
    assert scrm(prediction, truth) == pytest.approx(case["structchart"])


# Worked out by running OneChart's `csv_eval([prediction], [truth], 1)`: its mAP at three levels.
PUBLISHED = [
    ("part of a name", {"Total sales": "1"}, {"sales": "1"}, (1.0, 1.0, 1.0)),
    ("an empty name", {"": "1", "b": "2"}, {"a": "1", "b": "2"}, (1.0, 1.0, 1.0)),
    ("three of five", {"a": "1", "b": "2", "c": "3", "e": "9"},
     {"a": "1", "b": "2", "c": "3", "d": "4"}, (0.2, 0.2, 0.2)),
    ("only digits of a value", {"a": "1.5 (2)"}, {"a": "1.52"}, (1.0, 1.0, 1.0)),
    ("two serve for one", {"ab": "1", "abc": "1"}, {"abcd": "1"}, (0.0, 1.0, 1.0)),
    ("turned and longer", {"B": {"x": "1"}, "C": {"x": "2"}, "A": {"x": "3"}},
     {"x": {"B": "1", "C": "2"}}, (0.4, 0.4, 0.4)),
    ("one series named", {"Share": {"2013": "1", "2014": "2"}}, {"2013": "1", "2014": "2"},
     (0.0, 0.0, 1.0)),
    ("turned", {"x": {"A": "1", "B": "3"}, "y": {"A": "2", "B": "4"}},
     {"A": {"x": "1", "y": "2"}, "B": {"x": "3", "y": "4"}}, (1.0, 1.0, 1.0)),
    ("a text near a number", {"ab": "n/a"}, {"ab": "12"}, (0.0, 0.0, 1.0)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "read", "right", "levels"), PUBLISHED)
def test_the_published_script(why, read, right, levels):
    assert tuple(scrm(chart(read), chart(right), "onechart").values()) == pytest.approx(levels)


def test_the_definition_differs_where_the_docstring_says():
    found = {why: scrm(chart(read), chart(right)) for why, read, right, _ in PUBLISHED}
    assert found["part of a name"]["high"] == 0.0
    assert found["an empty name"]["strict"] == 0.0
    assert found["one series named"]["strict"] == 1.0
    assert found["three of five"]["strict"] == 0.3
    assert found["two serve for one"]["high"] == 0.1
    assert found["a text near a number"]["high"] == 0.0
    assert found["turned"]["strict"] == 1.0


@pytest.mark.parametrize("rule", SCRM_RULES)
def test_the_ends_of_the_range(rule):
    some = chart({"a": "1", "b": "x"})
    none = chart({})
    assert set(scrm(some, some, rule).values()) == {1.0}
    assert set(scrm(none, none, rule).values()) == {1.0}
    assert set(scrm(some, none, rule).values()) == {0.0}
    assert set(scrm(none, some, rule).values()) == {0.0}
    assert set(scrm(None, some, rule).values()) == {0.0}


def test_the_largest_matching_is_that_of_trying_all():
    rng = random.Random(3)
    for _ in range(200):
        left, right = rng.randint(0, 5), rng.randint(1, 5)
        neighbours = [[index for index in range(right) if rng.random() < 0.35] for _ in range(left)]
        best = max(
            sum(chosen != right for chosen in choice)
            for choice in itertools.product(*([*own, right] for own in neighbours))
            if len({c for c in choice if c != right}) == sum(c != right for c in choice)
        )
        assert largest_matching(neighbours) == best


def test_a_long_chain_of_exchanges_needs_no_deep_stack():
    size = 3000
    neighbours = [[index, index + 1] for index in range(size - 1)] + [[0]]
    assert largest_matching(neighbours) == size
