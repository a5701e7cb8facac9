from pathlib import Path

import pytest

from vary.data.engines.association.story import StoryError
from vary.data.engines.association.table_stories import FoundTable, stories_of_table
from vary.data.engines.association.tables import stories_of_folder, tables_of_file
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
<tr><td>2001</td><td>1,200</td><td>350</td></tr><tr><td>2002</td><td>900</td><td>450</td></tr>
<tr><td>2003</td><td>1,000</td><td>550</td></tr><tr><td>2004</td><td>1,100</td><td>650</td></tr>
</table><table><tr><td colspan="2">wide</td></tr></table>"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_a_markdown_table_with_a_caption_is_a_pie(tmp_path):
    first, second = tables_of_file(write(tmp_path, "harbour.md", MARKDOWN))
    assert second.title == ""
    story, *_ = stories_of_table(first)
    assert (story.kind, story.title, story.suffix) == ("pie", "Ferries by season", "%")
    assert story.categories == ("Spring", "Summer", "Autumn")
    assert story.series[0].values == (40.0, 35.0, 25.0)
    assert story.source == "harbour.md"


def test_an_html_table_has_its_caption_and_numbers(tmp_path):
    first, second = tables_of_file(write(tmp_path, "ships.html", HTML))
    story, *_ = stories_of_table(first)
    assert (story.kind, story.title) == ("lines", "Ships & boats in port")
    assert [series.name for series in story.series] == ["Ships", "Boats"]
    assert story.series[0].values == (1200.0, 900.0, 1000.0, 1100.0)
    with pytest.raises(StoryError, match="too few rows"):
        stories_of_table(second)


def test_a_csv_in_gbk_is_read(tmp_path):
    text = "城市,人口（万）\n北城,310\n南城,250\n东城,190\n"
    (table,) = tables_of_file(write(tmp_path, "各城人口统计.csv", text.encode("gbk")))
    story, *_ = stories_of_table(table)
    assert (story.title, story.suffix, story.kind) == ("各城人口统计", "万", "bar")
    assert story.value_title == "人口"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", "b"), ("x", "1"), ("y", "2")], "too few rows"),
        ([("a", "b"), ("x", "1"), ("y", "2"), ("z", "?")], "no column of numbers"),
        ([("a", "b"), ("x", "1 kg"), ("y", "2 t"), ("z", "3 kg")], "no column of numbers"),
        ([("a", "b"), ("x", "1"), ("x", "2"), ("z", "3")], "a name stands twice"),
        ([("", "b"), ("Mean", "1"), ("St. dev.", "2"), ("n", "30")], "rows of several quantities"),
    ],
)
def test_tables_that_tell_no_story_are_named(rows, reason):
    with pytest.raises(StoryError, match=reason):
        stories_of_table(FoundTable("Some title", tuple(rows), "f.csv"))


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


TEX = r"""
\newcommand{\kg}{kg}
\begin{table}[h]\centering
\begin{tabular}{l rr r}
\hline
Port & \multicolumn{2}{c}{Ships} & Cargo (\kg) \\
     & large & small & -- \\
\hline
\var{North} & 12 & 40 & 9,000 \\
South & $15$ & 35 & 7,500 \\
East & 11 & 52 & -- \\
West & 17 & 61 & 8,100 \\
\hline Total & 55 & 188 & 24,600 \\
\end{tabular}
\caption{Ships in \emph{four} ports \cite{x}. Counted by hand.}
\end{table}
\begin{table}\caption{Cases}\begin{tabular}{lr} & a \\ 1 & 2 \\ 2 & 3 \\ 3142 & 4 \\ $\vdots$ & \\
\end{tabular}\end{table}
\begin{table}\caption{Wide}\begin{tabular}{lr} a & b \\ c & 1 \\ \multicolumn{2}{c}{d} \\ e & 2 \\
\end{tabular}\end{table}
\begin{table}\caption{No end}\begin{tabular}{lr} a & b
"""


def test_latex_tables_are_named_by_their_captions(tmp_path):
    write(tmp_path, "ports.tex", TEX)
    stories, reasons = stories_of_folder(tmp_path)
    told = [(s.kind, s.value_title, [x.name for x in s.series], s.categories) for s in stories]
    ports = ("North", "South", "East", "West")
    assert told == [
        ("grouped", "", ["Ships large", "Ships small"], ports),
        ("bar", "Ships large", [""], ports),
        ("bar", "Ships small", [""], ports),
        ("bar", "Cargo", [""], ("North", "South", "West")),
    ]
    assert [story.title for story in stories] == [
        "Ships in four ports",
        "Ships in four ports: Ships large",
        "Ships in four ports: Ships small",
        "Ships in four ports: Cargo",
    ]
    assert stories[0].series[0].values == (12.0, 15.0, 11.0, 17.0)
    assert (stories[3].suffix, stories[3].category_title) == (" kg", "Port")
    assert reasons == {"rows without names": 1, "LaTeX: cells over several columns": 1}


def test_columns_of_other_sizes_and_long_tables_are_charts_of_their_own():
    rows = [
        ("Town", "Schools", "People"),
        *((f"T{n}", f"{n + 2}", f"{n * 900}") for n in range(24)),
    ]
    stories = stories_of_table(FoundTable("Towns of the coast", tuple(rows), "towns.csv"))
    assert {(story.kind, story.value_title) for story in stories} == {
        ("bar", "Schools"), ("bar", "People"),
    }  # fmt: skip
    assert [len(story.categories) for story in stories] == [8] * 6
    assert sorted(name for story in stories for name in story.categories) == sorted(
        2 * [f"T{n}" for n in range(24)]
    )


def test_statistics_share_no_axis():
    rows = [
        ("Port", "Mean", "Median"),
        ("North", "4", "5"),
        ("South", "6", "5"),
        ("East", "5", "3"),
    ]
    stories = stories_of_table(FoundTable("Ships in a day", tuple(rows), "ships.csv"))
    assert [story.value_title for story in stories] == ["Mean", "Median"]


def test_tables_of_another_language_are_left(tmp_path):
    write(tmp_path, "harbour.md", MARKDOWN)
    write(tmp_path, "各城人口统计.csv", "城市,人口\n北城,310\n南城,250\n东城,190\n")
    chinese, reasons = stories_of_folder(tmp_path, "zh")
    assert [story.title for story in chinese] == ["各城人口统计"]
    assert reasons["another language"] == 1
    english, _ = stories_of_folder(tmp_path, "en")
    assert [story.title for story in english] == ["Ferries by season"]
