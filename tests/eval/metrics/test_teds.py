import json
import random
import sys
import time
from pathlib import Path

import pytest

from vary.errors import InputError, MissingExtraError
from vary.eval.metrics.table_trees import table_tree
from vary.eval.metrics.teds import TEDS_RULES, teds, tree_distance

CASES = json.loads((Path(__file__).parent / "golden" / "teds.json").read_text(encoding="utf-8"))
HTML = (
    "<table><thead><tr><th>Year</th><th colspan='2'>A &amp; B</th></tr></thead>"
    "<tbody><tr><td rowspan='2'>x</td><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>"
    "</tbody></table>"
)


def table(rows, columns, words=("1", "22", "x y")):
    rng = random.Random(rows)
    cells = [[rng.choice(words) for _ in range(columns)] for _ in range(rows)]
    return "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in cells)


@pytest.mark.parametrize("structure_only", [False, True])
@pytest.mark.parametrize("rule", TEDS_RULES)
@pytest.mark.parametrize("case", CASES, ids=[case["why"] for case in CASES])
def test_golden_cases(case, rule, structure_only):
    found = teds(case["prediction"], case["truth"], structure_only=structure_only, rule=rule)
    assert found == pytest.approx(case[f"{rule}_structure" if structure_only else rule])


@pytest.mark.parametrize(
    ("prediction", "truth", "plain", "published"),
    [("", "", 1.0, 0.0), ("words", HTML, 0.0, 0.0), (HTML, "words", 0.0, 0.0),
     ("<table></table>", "<table></table>", 1.0, 1.0), ("<table></table>", HTML, 0.0, 0.0)],
)  # fmt: skip
def test_without_a_table(prediction, truth, plain, published):
    assert teds(prediction, truth) == pytest.approx(plain)
    assert teds(prediction, truth, rule="pubtabnet") == pytest.approx(published)


def test_a_missing_part_costs_its_share():
    truth = "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    assert teds(truth.replace("<td>4</td>", ""), truth) == pytest.approx(1 - 1 / 6)
    assert teds(truth.replace("4", "5"), truth) == pytest.approx(1 - 1 / 6)
    assert teds(truth.replace("4", "5"), truth, structure_only=True) == 1.0


def test_large_tables_are_compared_row_by_row_and_never_too_well(monkeypatch):
    rng = random.Random(8)
    for number in range(30):
        truth = f"<table>{table(2 + number % 4, 3)}</table>"
        rows = truth.split("<tr>")
        rng.shuffle(rows[1:])
        read = "<tr>".join(row for row in rows if rng.random() > 0.2 or "<table>" in row)
        read = read.replace("22", "2", 1).replace("<td>1</td>", "", 1)
        trees = table_tree(read), table_tree(truth)
        exact = tree_distance(*trees)
        with monkeypatch.context() as patch:
            patch.setattr(sys.modules["vary.eval.metrics.teds"], "_MOST_EXACT", 0)
            by_rows = tree_distance(*trees)
        assert exact <= by_rows + 1e-9
        assert by_rows <= exact + 2


def test_a_runaway_answer_is_worth_nothing_and_quick():
    begin = time.process_time()
    assert teds("<table>" + "<tr><td>x</td></tr>" * 50_000, HTML) == 0.0
    assert time.process_time() - begin < 10


def test_a_large_table_is_compared_in_seconds():
    truth = f"<table>{table(100, 8)}</table>"
    read = truth.replace("22", "2", 5)
    begin = time.process_time()
    assert 0.99 < teds(read, truth) < 1
    assert time.process_time() - begin < 10


def test_a_truth_that_is_too_large_is_refused():
    with pytest.raises(InputError, match="cut it into parts"):
        teds(HTML, f"<table>{table(400, 8)}</table>")


@pytest.mark.parametrize("rule", TEDS_RULES)
@pytest.mark.parametrize(
    "broken",
    ["<table>\x00<tr><td>\ud800a</table>", "<table", "<table>", "<table>" + "<div>" * 50_000,
     "<table><tr><td colspan='9999999999' rowspan='x'>a",
     "<table><!-- <td> --><?php x ?><tr><td>&nope;</table>"],
    ids=range(6),
)  # fmt: skip
def test_broken_html_is_a_bad_answer(broken, rule):
    assert 0 <= teds(broken, HTML, rule=rule) < 0.6


def test_tags_in_cells_raise_the_published_value():
    nested = "<table><tr>" + "<td><table>" * 999
    assert teds(nested, HTML) < 0.2
    assert teds(nested, HTML, rule="pubtabnet") > 0.9


@pytest.mark.parametrize("module", ["apted", "lxml.html", "rapidfuzz.distance.Levenshtein"])
def test_without_a_library_the_way_out_is_told(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match="eval"):
        teds(HTML, HTML.replace("4", "5"))
