from pathlib import Path

import pytest

from vary.data.engines.association.story import StoryError
from vary.data.engines.association.tables import (
    FoundTable,
    stories_of_folder,
    story_of_table,
    tables_of_file,
)
from vary.errors import InputError

MARKDOWN = """\
# Harbour

Some words before.

Table 3: Ferries by season

| Season | Ferries (%) | Remark |
|--------|------------:|--------|
| Spring | 40 | few |
| Summer | **35** | - |
| Autumn | 25 | - |
| Total  | 100 | |

| a | b |
|---|---|
| 1 | x |
"""
HTML = """<h2>Ships</h2><p>text</p><table><caption>Ships &amp; boats in port</caption>
<tr><th>Year</th><th>Ships</th><th>Boats</th></tr>
<tr><td>2001</td><td>1,200</td><td>35</td></tr><tr><td>2002</td><td>900</td><td>45</td></tr>
<tr><td>2003</td><td>1,000</td><td>55</td></tr><tr><td>2004</td><td>1,100</td><td>65</td></tr>
</table><table><tr><td colspan="2">wide</td></tr></table>"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_markdown_table_with_a_caption_is_a_pie(tmp_path):
    first, second = tables_of_file(write(tmp_path, "harbour.md", MARKDOWN))
    assert second.title == ""
    story = story_of_table(first)
    assert (story.kind, story.title, story.suffix) == ("pie", "Ferries by season", "%")
    assert story.categories == ("Spring", "Summer", "Autumn")
    assert story.series[0].values == (40.0, 35.0, 25.0)
    assert story.source == "harbour.md"


def test_an_html_table_has_its_caption_and_numbers(tmp_path):
    first, second = tables_of_file(write(tmp_path, "ships.html", HTML))
    story = story_of_table(first)
    assert (story.kind, story.title) == ("lines", "Ships & boats in port")
    assert [series.name for series in story.series] == ["Ships", "Boats"]
    assert story.series[0].values == (1200.0, 900.0, 1000.0, 1100.0)
    with pytest.raises(StoryError, match="too few rows"):
        story_of_table(second)


def test_a_csv_in_gbk_is_read(tmp_path):
    text = "城市,人口（万）\n北城,310\n南城,250\n东城,190\n"
    (table,) = tables_of_file(write(tmp_path, "各城人口统计.csv", text.encode("gbk")))
    story = story_of_table(table)
    assert (story.title, story.suffix, story.kind) == ("各城人口统计", "万", "bar")
    assert story.value_title == "人口"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", "b"), ("x", "1"), ("y", "2")], "too few rows"),
        ([("a", "b"), ("x", "1"), ("y", "2"), ("z", "?")], "no column of numbers"),
        ([("a", "b"), ("x", "1 kg"), ("y", "2 t"), ("z", "3 kg")], "no column of numbers"),
        ([("a", "b"), ("x", "1"), ("x", "2"), ("z", "3")], "a name stands twice"),
        ([("a", "b"), *((f"n{at}", str(at)) for at in range(40))], "wrong number of categories"),
    ],
)
def test_tables_that_tell_no_story_are_named(rows, reason):
    with pytest.raises(StoryError, match=reason):
        story_of_table(FoundTable("Some title", tuple(rows), "f.csv"))


def test_a_folder_is_counted(tmp_path):
    write(tmp_path, "harbour.md", MARKDOWN)
    write(tmp_path, "again.md", MARKDOWN)
    write(tmp_path, "broken.csv", b"\xff\xfe\xff\xff\x81")
    stories, reasons = stories_of_folder(tmp_path)
    assert len(stories) == 1
    assert reasons["the same table again"] == 1 and reasons["too few rows"] == 2
    assert reasons["unreadable file (InputError)"] == 1
    with pytest.raises(InputError, match="no folder"):
        stories_of_folder(tmp_path / "none")
