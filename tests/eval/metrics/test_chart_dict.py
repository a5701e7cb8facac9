import json
from decimal import Decimal
from pathlib import Path

import pytest

from vary.eval.metrics.chart_dict import (
    Cell,
    ChartDict,
    cell_accuracy,
    parse_chart,
    title_similarity,
)

CASES = json.loads((Path(__file__).parent / "golden" / "chart.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_golden_cells(case):
    prediction, truth = (ChartDict.from_dict(case[side]) for side in ("prediction", "truth"))
    assert cell_accuracy(prediction, truth) == pytest.approx(case["cells"])


@pytest.mark.parametrize(
    ("text", "titles", "cells"),
    [
        ("The dict of the chart is: {'title': 'T', 'data': {'2013': '12%'}}",
         {"title": "T"}, [("", "2013", "12%")]),
        ('{"title": "T", "source": "None", "x_title": "", "y_title": "Y", "values": {"a": 1}}',
         {"title": "T", "y_title": "Y"}, [("", "a", "1")]),
        ('{"title": "T", "values": {"A": {"x": 1, "y": 2}, "B": {"x": 3}}}',
         {"title": "T"}, [("A", "x", "1"), ("A", "y", "2"), ("B", "x", "3")]),
        ("{'2013': '1', '2014': '2'}", {}, [("", "2013", "1"), ("", "2014", "2")]),
        ("{'values': {'A': [4, 5]}}", {}, [("A", "1", "4"), ("A", "2", "5")]),
        ("{'data': {'A': {'x': {'y': 1}}}}", {}, [("A", "x y", "1")]),
        ("{'data': {}}", {}, []),
        ("{'title': 'T', 'data': 'none'}", {"title": "T"}, [("", "data", "none")]),
    ],
)  # fmt: skip
def test_the_forms_of_a_chart(text, titles, cells):
    assert parse_chart(text) == ChartDict(titles, tuple(Cell(*cell) for cell in cells))


def test_half_a_chart_is_none():
    whole = "{'title': 'T', 'data': {'2013': '1', '2014': '2'}}"
    assert parse_chart(whole) is not None
    assert parse_chart(whole[:-1]) is None


def chart(**cells):
    return ChartDict.from_dict({"data": cells})


@pytest.mark.parametrize(
    ("prediction", "truth", "share"),
    [
        (None, chart(a="1"), 0.0),
        (None, chart(), 0.0),
        (chart(), chart(), 1.0),
        (chart(a="1"), chart(), 0.0),
        (chart(Revenues="1"), chart(Revenue="1"), 1.0),
        (chart(Rvnues="1"), chart(Revenue="1"), 0.0),
        (chart(Q1="1", Q2="2"), chart(Q2="1", Q3="2"), 0.0),
        (chart(abcde="1", abcdf="2"), chart(abcdx="1", abcdy="2"), 1.0),
        (chart(a="3 apples"), chart(a="3"), 1.0),
        (chart(a="2013-14"), chart(a="2013-14"), 1.0),
    ],
)
def test_cells_by_hand(prediction, truth, share):
    assert cell_accuracy(prediction, truth) == share


def test_the_tolerance_is_given():
    assert cell_accuracy(chart(a="109"), chart(a="100")) == 0.0
    assert cell_accuracy(chart(a="109"), chart(a="100"), Decimal("0.1")) == 1.0
    assert cell_accuracy(chart(a="100.1"), chart(a="100"), Decimal(0)) == 0.0


def test_a_runaway_table_is_compared():
    truth = chart(**{f"k{number}": str(number) for number in range(50)})
    prediction = chart(**{f"k{number}": str(number) for number in range(50_000)})
    assert cell_accuracy(prediction, truth) == 1.0


def test_titles():
    truth = ChartDict({"title": "Sales  2013", "x_title": "Year"})
    read = ChartDict({"title": "sales 2012", "source": "x"})
    assert title_similarity(read, truth) == {"title": 0.9, "x_title": 0.0}
    assert title_similarity(None, truth) == {"title": 0.0, "x_title": 0.0}
    assert title_similarity(read, ChartDict()) == {}
