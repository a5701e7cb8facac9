import json
from pathlib import Path
from typing import Any

import pytest

from vary.data.engines.association.story import (
    StoryError,
    parse_answer,
    parse_story,
    read_stories,
    story_line,
)
from vary.errors import InputError


def fields(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "kind": "bar",
        "title": "Lanterns sold at the harbour",
        "category_title": "Season",
        "value_title": "Lanterns",
        "prefix": "",
        "suffix": " kg",
        "categories": ["Spring", "Summer", "Autumn"],
        "series": [{"name": "", "values": [120, 85.5, 240]}],
    }
    return made | changes


def one(*values: Any) -> list[dict[str, Any]]:
    return [{"name": "", "values": list(values)}]


def two(*rows: list[float]) -> list[dict[str, Any]]:
    return [{"name": name, "values": row} for name, row in zip("AB", rows, strict=True)]


def test_a_story_is_what_its_fields_say():
    story = parse_story(fields(title="  Lanterns \n sold "))
    assert story.title == "Lanterns sold"
    assert story.suffix == " kg"
    assert story.series[0].values == (120.0, 85.5, 240.0)
    assert parse_story(json.loads(story_line(story))) == story


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "radar"}, "unknown kind"),
        ({"title": 5}, "no text"),
        ({"title": "abc"}, "text too long or too short"),
        ({"title": "x" * 91}, "text too long or too short"),
        ({"title": "Lan\u202eterns"}, "unprintable characters"),
        ({"color": "red"}, "wrong keys"),
        ({"suffix": "10kg"}, "digits in a unit"),
        ({"categories": "Spring"}, "no list"),
        ({"categories": ["Spring", "spring ", "Autumn"]}, "a name stands twice"),
        ({"categories": ["Spring", "Summer"]}, "wrong number of categories"),
        ({"series": []}, "no list"),
        ({"series": one(1, 2)}, "values and categories differ in number"),
        ({"series": one(1, 2, True)}, "no number"),
        ({"series": one(1, 2, "3")}, "no number"),
        ({"series": one(1, 2, float("nan"))}, "number out of bounds"),
        ({"series": one(1, 2, 1e12)}, "number out of bounds"),
        ({"series": one(1, 2, 0.12345)}, "too many decimals"),
        ({"series": one(0, 0, 0)}, "all values are 0"),
        ({"series": two([1, 2, 3], [1, 2, 3])}, "wrong number of series"),
        ({"series": [{"name": "", "values": [1, 2, 3], "unit": ""}]}, "wrong keys"),
        ({"kind": "pie", "series": one(50, 30, -20)}, "a part is not more than 0"),
        ({"kind": "pie", "series": one(50, 48, 1)}, "a sector is too small"),
        (
            {"kind": "pie", "suffix": "%", "series": one(50, 30, 30)},
            "shares do not add up to 100 %",
        ),
        ({"kind": "stacked", "series": two([9, 9, 9], [9, 9, 0.2])}, "a part is too small"),
        ({"kind": "grouped", "series": two([1, 2, 3], [1, 2])}, "values and categories differ"),
    ],
)
def test_what_is_no_story_is_refused(changes, reason):
    with pytest.raises(StoryError, match=reason):
        parse_story(fields(**changes))


@pytest.mark.parametrize("key", ["kind", "title", "series", "prefix"])
def test_every_key_is_needed(key):
    given = fields()
    del given[key]
    with pytest.raises(StoryError, match="wrong keys"):
        parse_story(given)


def test_an_answer_may_stand_in_a_fence_or_in_prose():
    text = json.dumps(fields())
    assert parse_answer(f"Sure! ```json\n{text}\n``` I hope it helps {{}}") == parse_story(fields())
    with pytest.raises(StoryError, match="no JSON"):
        parse_answer("no { braces } that are JSON")
    with pytest.raises(StoryError):
        parse_answer(text[:-5])


def test_of_several_objects_the_first_story_counts():
    text = json.dumps(fields())
    thought = f'<think>{{"kind": "bar"}}? No.</think> {text} {{"kind": "pie"}}'
    assert parse_answer(thought) == parse_story(fields())
    with pytest.raises(StoryError, match="wrong keys"):
        parse_answer('{"kind": "bar"} {"kind": "pie"}')


def test_deep_nesting_is_no_story():
    with pytest.raises(StoryError):
        parse_answer('{"a":' * 5000)


def test_a_file_of_stories(tmp_path: Path):
    file = tmp_path / "stories.jsonl"
    with pytest.raises(InputError, match="vary data stories"):
        read_stories(file)
    file.write_text("")
    with pytest.raises(InputError, match="no story"):
        read_stories(file)
    file.write_text(story_line(parse_story(fields())) + "\n{}\n")
    with pytest.raises(InputError, match="line 2"):
        read_stories(file)
