import re

import numpy as np
import pytest

from vary.data.engines.page.markdown import table_latex, table_pipes
from vary.data.engines.page.mixing import mix_in, script_of
from vary.data.engines.page.table import Table, TableStyle, lay_out, rule_boxes
from vary.data.engines.page.table_text import CaptionLook, TableTexts, cut_between_words
from vary.data.engines.page.typeset import TextStyle, Typesetter
from vary.data.fonts import FontLibrary

TABLE = Table(
    (
        ("City", "Area (km²)", "Remark"),
        ("Bergen", "464.71", "rain & a harbour that is open to the north"),
        ("Ålesund", "93.0", ""),
        ("Oslo", "454", "50% hills"),
    ),
    "ldl",
    "booktabs",
)


@pytest.fixture
def setter(font_folder):
    return Typesetter(FontLibrary.discover([font_folder]))


def style(setter, **changes):
    look = TextStyle(setter.fonts.faces[0], 12.0)
    values = {"body": look, "header": look, "first_column": look, "leading": 15.0}
    values |= {"pad_x": 6.0, "pad_y": 2.0, "full_width": False, "ink": (0, 0, 0)}
    values |= {"header_shade": None, "stripe_shade": None}
    return TableStyle(**(values | changes))


def test_decimal_points_stand_in_line(setter):
    layout = lay_out(TABLE, style(setter), 500, setter)
    points = []
    for row, text in enumerate(["464.71", "93.0", "454"], start=1):
        line, offsets, _ = layout.cells[row][1][0]
        look = line.pieces[0].style
        points.append(offsets[0] + setter.width(text.partition(".")[0], look))
    assert np.ptp(points) < 0.01


def test_cells_stay_in_their_columns_and_rows(setter):
    for room in (500, 230, 200):
        layout = lay_out(TABLE, style(setter), room, setter)
        assert layout.width <= room + 0.01
        edges = np.concatenate([[0], np.cumsum(layout.widths)])
        for height, row in zip(layout.heights, layout.cells, strict=True):
            for at, cell in enumerate(row):
                for line, offsets, y in cell:
                    assert offsets[0] >= edges[at] + 6 - 0.01
                    assert offsets[-1] + line.pieces[-1].width <= edges[at + 1] - 6 + 0.05
                    assert 2 - 0.01 <= y <= height - 15 - 2 + 0.01


def test_long_cells_take_several_lines_where_it_is_narrow(setter):
    wide = lay_out(TABLE, style(setter), 600, setter)
    narrow = lay_out(TABLE, style(setter), 220, setter)
    assert len(wide.cells[1][2]) == 1
    assert len(narrow.cells[1][2]) > 1
    assert lay_out(TABLE, style(setter), 90, setter) is None
    full = lay_out(TABLE, style(setter, full_width=True), 600, setter)
    assert full.width == pytest.approx(600)


def test_rules_are_where_their_style_has_them(setter):
    layout = lay_out(TABLE, style(setter), 500, setter)
    assert len(rule_boxes(layout, TABLE, style(setter))) == 3
    shaded = style(setter, header_shade=(200, 200, 200), stripe_shade=(220, 220, 220))
    boxes = rule_boxes(layout, TABLE, shaded)
    assert [box[4] for box in boxes[:2]] == [(200, 200, 200), (220, 220, 220)]
    grid = Table(TABLE.rows, TABLE.aligns, "grid")
    assert len(rule_boxes(layout, grid, style(setter))) == 5 + 4
    none = Table(TABLE.rows, TABLE.aligns, "none")
    assert rule_boxes(layout, none, style(setter)) == []


def test_latex():
    assert table_latex(TABLE) == "\n".join([
        r"\begin{tabular}{lrl}", r"\hline", r"City & Area (km²) & Remark \\", r"\hline",
        r"Bergen & 464.71 & rain \& a harbour that is open to the north \\",
        r"Ålesund & 93.0 &  \\", r"Oslo & 454 & 50\% hills \\", r"\hline", r"\end{tabular}",
    ])  # fmt: skip
    grid = table_latex(Table(TABLE.rows, TABLE.aligns, "grid"))
    assert grid.startswith(r"\begin{tabular}{|l|r|l|}")
    assert grid.count(r"\hline") == 5
    assert r"\hline" not in table_latex(Table(TABLE.rows, TABLE.aligns, "none"))


def test_pipes():
    table = Table((("a", "b|c"), ("1", "x")), "rc", "none")
    assert table_pipes(table) == "| a | b\\|c |\n| ---: | :---: |\n| 1 | x |"


@pytest.mark.parametrize("cjk", [False, True])
def test_drawn_tables_are_whole(cjk):
    texts = ["白日依山尽，黄河入海流。", "欲穷千里目！"] if cjk else ["Measure twice, cut once."]
    drawer = TableTexts(texts, cjk=cjk)
    rules = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        table = drawer.draw(rng, 30, ("grid", "lines"))
        assert {len(row) for row in table.rows} == {len(table.aligns)}
        assert len(table.rows) >= 3
        assert all(row[0] for row in table.rows[1:])
        assert all(any(row[1:]) for row in table.rows[1:])
        rules.add(table.rules)
    assert rules == {"grid", "lines"}


@pytest.mark.parametrize("cjk", [False, True])
def test_captions_of_a_page_are_numbered_on_in_one_form(cjk):
    drawer = TableTexts(["白日依山尽，黄河入海流。"] if cjk else ["Measure twice, cut"], cjk=cjk)
    forms = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        look = CaptionLook(rng)
        captions = [drawer.caption(rng, look) for _ in range(3)]
        parts = [re.match(r"(TABLE |Table |表 ?)(\d+)([:.]? |：|)(.+)", text) for text in captions]
        assert len({part.group(1, 3) for part in parts}) == 1
        first = int(parts[0][2])
        assert [int(part[2]) for part in parts] == [first, first + 1, first + 2]
        forms.add(parts[0].group(1, 3))
    assert len(forms) == 3


@pytest.mark.parametrize(
    ("length", "cut"),
    [(2, "调用"), (3, "调用onChange"), (9, "调用onChange"), (11, "调用onChange事")],
)
def test_latin_words_among_chinese_stay_whole(length, cut):
    assert cut_between_words("调用onChange事件", length) == cut


def test_words_are_mixed_in():
    english, chinese = ["measure twice and cut once " * 20] * 4, ["白日依山尽，黄河入海流。"] * 3
    rng = np.random.default_rng(0)
    mixed = mix_in(english, chinese, rng, cjk=False)
    letters = [c for text in mixed for c in text if c in chinese[0]]
    assert letters
    assert not any("，" in text and text not in chinese for text in mixed)
    own = [text for text in mixed if text not in chinese]
    assert len(own) == len(english)
    other = mix_in([chinese[0] * 12] * 4, english, rng, cjk=True)
    assert any("cut" in text or "measure" in text for text in other)


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("我们这个国家", "hans"),
        ("我們這個國家", "hant"),
        ("我们這個國家们们", "both"),
        ("山水", ""),
    ],
)
def test_the_script_of_a_text(text, script):
    assert script_of(text) == script
