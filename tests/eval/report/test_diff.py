import html
import re

import pytest

from vary.eval.error_split import segments_in_order
from vary.eval.metrics import collapse_white_space, remove_white_space
from vary.eval.report import diff
from vary.eval.report.diff import side_by_side


def words(markup):
    return html.unescape(re.sub("<[^>]*>", "", markup))


def marked(markup, name):
    return [html.unescape(found) for found in re.findall(f"<{name}>(.*?)</{name}>", markup, re.S)]


def test_equal_texts_have_no_marks():
    found = side_by_side("one two\nthree", "one\ntwo three")
    assert (found.truth, found.answer) == ("one\ntwo three", "one two\nthree")


def test_what_differs_is_marked_on_its_side():
    found = side_by_side("the qvick fox jumps", "the quick brown fox jumps")
    assert marked(found.truth, "del") == ["u", " brown"]
    assert marked(found.answer, "ins") == ["v"]
    assert words(found.truth) == "the quick brown fox jumps"


def test_white_space_is_seen_where_it_is_the_error():
    found = side_by_side("some thing a lone", "something alone")
    assert marked(found.answer, "ins") == ["␣", "␣"]
    assert found.truth == "something alone"


def test_a_line_break_that_is_an_error_is_seen():
    assert marked(side_by_side("water\nfall", "waterfall").answer, "ins") == ["↵\n"]


def test_white_space_of_chinese_is_no_error():
    found = side_by_side("港口 的\n黄昏", "港口的黄昏")
    assert found.answer == "港口 的\n黄昏"


def test_letters_between_errors_are_no_islands():
    found = side_by_side("zzzzzzaaa xxxxxx", "qqqqqqaaa wwwwww")
    assert marked(found.answer, "ins") == ["zzzzzz", "xxxxxx"]
    found = side_by_side("zzzzzzazzzzzz end", "qqqqqqaqqqqqq end")
    assert marked(found.answer, "ins") == ["zzzzzzazzzzzz"]


def test_moved_text_is_compared_with_its_place():
    first = "The harbour lay in the dark and nobody spoke."
    second = "A clerk counted eleven hundred sacks of grain."
    third = "An old map hung in the office of the master."
    found = side_by_side(
        f"{second}\n{third.replace('map', 'nap')}\n{first}", f"{first}\n{second}\n{third}"
    )
    assert marked(found.answer, "ins") == ["n"]
    assert marked(found.truth, "del") == ["m"]
    assert found.answer.count('<span class="moved">') == 1
    assert first in found.answer


@pytest.mark.parametrize(
    ("answer", "truth"), [("", "text"), ("text", ""), ("", ""), (" \n ", "a"), ("a", "\n")]
)
def test_empty_sides(answer, truth):
    found = side_by_side(answer, truth)
    assert marked(found.truth, "del") == ([truth.strip()] if truth.strip() else [])
    assert marked(found.answer, "ins") == ([answer.strip()] if answer.strip() else [])


def test_long_texts_are_cut_and_told():
    found = side_by_side("W" * 1_000_000, "word " * 4_000)
    assert len(words(found.answer)) == diff.MAX_SHOWN
    assert found.hidden_answer == 1_000_000 - diff.MAX_SHOWN
    assert found.hidden_truth == 4_000 * 5 - 1 - diff.MAX_SHOWN


@pytest.mark.parametrize("truth", ["a  b\n\n c\td ", "  x\x1cy\u2028z\r\nw", "港 口\n\n的 a b"])
def test_texts_are_compared_as_they_are_split(truth):
    """Places in segments are places in what is compared."""
    is_chinese = "港" in truth
    tidy = remove_white_space if is_chinese else collapse_white_space
    side = diff._side(truth.strip(), is_chinese)
    assert side.compared == tidy(truth)
    assert len(side.shown) == len(side.compared)
    (segment,) = segments_in_order(truth, truth)
    assert segment.end == len(side.compared)
