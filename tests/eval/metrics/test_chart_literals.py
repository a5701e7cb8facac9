import json
import time

import pytest

from vary.eval.metrics.chart_literals import parse_dict


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('The dict of the chart is: {"title": "x", "n": 3} and {more', {"title": "x", "n": "3"}),
        ("{'a': 'b', \"c\": \"d\"}", {"a": "b", "c": "d"}),
        ("{'a': 'it's', 'women's, men's': \"2\"}", {"a": "it's", "women's, men's": "2"}),
        ('{"a": "say "hi" now"}', {"a": 'say "hi" now'}),
        ("```python\n{'a': [1, 2,], 'b': (3,), }\n```", {"a": ["1", "2"], "b": ["3"]}),
        ("{a: 1.50 %, b: -1e-5, c: None, d: null, e: NaN}",
         {"a": "1.50 %", "b": "-1e-5", "c": "", "d": "", "e": "NaN"}),
        ("{see} below: {'a': 1}", {"a": "1"}),
        ("{'a': 1, 'a': 2}", {"a": "2"}),
        ("{}", {}),
        (r'{"a": "\u4e2d\n\"\\\/ \x41"}', {"a": '中\n"\\/ A'}),
        (r'{"a": "\ud83d\ude00 \ud800"}', {"a": "😀 \ufffd"}),
        ("{'标题': '销量', '数据': {'一月': '3'}}", {"标题": "销量", "数据": {"一月": "3"}}),
    ],
)  # fmt: skip
def test_what_is_read(text, found):
    assert parse_dict(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "no dict", "{", '{"a": 1', '{"a": {"b": 1}', '{"a": {"b": 1}, "c', '{"a": "b}',
     '{"a" "b"}', '{"a": 1 "b": 2}', "{1, 2}", '{"a": }', '{"a":' * 9 + "1" + "}" * 9,
     "{'a': __import__('os').getcwd()}", "{'a': [1, 2}", '{"a": "\\'],
)  # fmt: skip
def test_what_is_no_dict(text):
    assert parse_dict(text) is None


def test_json_comes_back_with_texts_for_its_numbers():
    chart = {"title": 'a "b" \\ c', "values": {"x\ty": {"1,5": -2.5, "é": 10}}}
    texts = {"title": 'a "b" \\ c', "values": {"x\ty": {"1,5": "-2.5", "é": "10"}}}
    assert parse_dict(json.dumps(chart)) == texts
    assert parse_dict(json.dumps(chart, indent=4, ensure_ascii=False)) == texts
    assert parse_dict(repr(chart)) == texts


@pytest.mark.parametrize(
    "flood",
    ["{" * 1_000_000, "{x} " * 250_000, '{"a":' * 200_000, "{'a': '" + "' " * 400_000,
     '{"a": "' + "\\" * 999_999, "{" + " " * 1_000_000, "{a: " + "b " * 400_000],
    ids=range(7),
)  # fmt: skip
def test_a_megabyte_of_nonsense_is_told_apart_quickly(flood):
    begin = time.process_time()
    assert parse_dict(flood) is None
    assert time.process_time() - begin < 10
