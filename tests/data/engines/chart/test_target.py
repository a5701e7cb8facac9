import json

import pytest

from vary.data.engines.chart.target import chart_dict_text, parse_chart_dict
from vary.errors import InputError

FLAT = {"title": "Share of trips", "data": {"2013": "12.94%", "2014": "16.67%"}}
NESTED = {"title": "", "data": {"城市": {"一月": "1,204", "二月": "-3"}, "乡村": {"一月": "5"}}}


def test_the_text_is_the_papers():
    assert chart_dict_text(FLAT) == (
        'The dict of the chart is: {\n    "title": "Share of trips",\n    "data": {\n'
        '        "2013": "12.94%",\n        "2014": "16.67%"\n    }\n}'
    )
    assert chart_dict_text(NESTED, prefix=False, indent=None) == (
        '{"title": "", "data": {"城市": {"一月": "1,204", "二月": "-3"}, "乡村": {"一月": "5"}}}'
    )


@pytest.mark.parametrize("chart", [FLAT, NESTED])
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("indent", [4, None])
def test_parsing_turns_it_back(chart, prefix, indent):
    text = chart_dict_text(chart, prefix=prefix, indent=indent)
    assert parse_chart_dict(text) == chart
    assert json.loads(text.removeprefix("The dict of the chart is: ")) == chart


def test_names_with_quotes_come_back():
    chart = {"title": 'a "b" \\ c', "data": {"it's": "1"}}
    assert parse_chart_dict(chart_dict_text(chart)) == chart


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no dict of a chart"),
        ("The dict of the chart is: {", "no dict of a chart"),
        ("__import__('os').getcwd()", "no dict of a chart"),
        ("{'a': 1, **{}}", "no dict of a chart"),
        ("(" * 3000, "no dict of a chart"),
        ("[1, 2]", "no dict with title and data"),
        ('{"data": {"a": "1"}, "title": "t"}', "no dict with title and data"),
        ('{"title": "t", "data": {"a": "1", "a": "2"}}', "stands twice"),
        ('{"title": "t", "data": {}}', "titles? and values are texts"),
        ('{"title": "t", "data": {"a": 1}}', "values are texts"),
        ('{"title": 3, "data": {"a": "1"}}', "values are texts"),
        ('{"title": "t", "data": {"a": {"b": "1"}, "c": "2"}}', "values are texts"),
        ('{"title": "t", "data": {"a": {}}}', "values are texts"),
    ],
)
def test_all_else_is_refused(text, told):
    with pytest.raises(InputError, match=told.replace("titles? and ", "")):
        parse_chart_dict(text)
