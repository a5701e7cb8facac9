import random

import pytest

from vary.data.engines.pdf.layer import Fragment, Piece
from vary.data.engines.pdf.order import read_order

SIZE = 10.0
LEADING = 12.0
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "mu",
]


def line(text, x, y, size=SIZE, width=None):
    """Return a line as a fragment: half an em per character, or words spread over a width."""
    words = text.split(" ")
    letters = sum(map(len, words)) * 0.5 * size
    gap = 0.3 * size if width is None else (width - letters) / max(1, len(words) - 1)
    pieces, at = [], x
    for word in words:
        end = at + 0.5 * size * len(word)
        pieces.append(Piece(word, (at, y - 0.7 * size, end, y + 0.2 * size), bool(pieces)))
        at = end + gap
    box = (x, y - 0.7 * size, pieces[-1].box[2], y + 0.2 * size)
    return Fragment(pieces, y, size, box)


def column(name, x, y, rows, width=200.0):
    """Return justified lines, each beginning with the column's name and its number."""
    chosen = random.Random(name)
    lines = []
    for row in range(rows):
        words = [f"{name}{row}"]
        while sum(map(len, words)) < 0.15 * width:
            words.append(chosen.choice(WORDS))
        lines.append(line(" ".join(words), x, y + row * LEADING, width=width))
    return lines


def firsts(fragments):
    """Return the first words of the lines as they are read, whatever order they come in."""
    shuffled = list(fragments)
    random.Random(3).shuffle(shuffled)
    return [read.text.split()[0] for read in read_order(shuffled)]


def names(name, rows):
    return [f"{name}{row}" for row in range(rows)]


def test_one_column_is_read_from_top_to_bottom():
    assert firsts(column("a", 50, 100, 8)) == names("a", 8)


def test_two_columns_are_read_one_after_the_other():
    page = column("a", 50, 100, 10) + column("b", 270, 100, 10)
    assert firsts(page) == names("a", 10) + names("b", 10)


def test_three_columns():
    page = [*column("a", 40, 100, 9, 150), *column("b", 205, 100, 9, 150)]
    page += column("c", 370, 100, 9, 150)
    assert firsts(page) == names("a", 9) + names("b", 9) + names("c", 9)


def test_columns_whose_baselines_differ():
    page = column("a", 50, 100, 10) + column("b", 270, 105, 8)
    assert firsts(page) == names("a", 10) + names("b", 8)


def test_a_title_over_columns_and_a_number_below():
    page = [
        line("title that stands over both of the columns", 120, 60, 16.0),
        *column("a", 50, 100, 10),
        *column("b", 270, 100, 10),
        line("7", 50, 260),  # below the left column only
    ]
    assert firsts(page) == ["title", *names("a", 10), *names("b", 10), "7"]


def test_a_wide_figure_caption_parts_the_columns():
    page = [
        *column("a", 50, 100, 6),
        *column("b", 270, 100, 6),
        line("caption " + " ".join(WORDS), 50, 190),
        *column("c", 50, 215, 6),
        *column("d", 270, 215, 6),
    ]
    read = firsts(page)
    assert read == [*names("a", 6), *names("b", 6), "caption", *names("c", 6), *names("d", 6)]


def test_tables_are_read_row_by_row():
    page = []
    for row in range(8):
        y = 100 + row * LEADING
        page += [line(f"r{row}", 50, y), line("12.5", 150, y), line("yes", 260, y)]
    assert [read.text for read in read_order(page)] == [f"r{row} 12.5 yes" for row in range(8)]


def test_notes_beside_the_text_are_a_column():
    notes = [line(f"n{row} in note", 20, 103 + row * 9.0, 7.0) for row in range(8)]
    assert firsts(notes + column("a", 150, 100, 10, 380)) == names("n", 8) + names("a", 10)


def test_lines_that_stand_left_and_right_in_turn_are_no_columns():
    page = [line(f"l{row} left words", 50, 100 + 24 * row) for row in range(5)]
    page += [line(f"r{row} right words", 300, 112 + 24 * row) for row in range(5)]
    assert firsts(page) == [f"{side}{row}" for row in range(5) for side in "lr"]


def test_parts_of_a_line_come_together():
    whole = [line("left part", 50, 100), line("and more", 50 + 9 * 5 + 3, 100)]
    raised = line("2", whole[1].box[2] + 0.2, 96, 6.0)
    assert [read.text for read in read_order([raised, *whole])] == ["left part and more2"]


def test_characters_without_spaces_are_joined_without():
    page = [line("港", 50, 100), line("口", 56, 100), line("a", 62.5, 100)]
    assert read_order(page)[0].text == "港口a"
    page[2] = line("a", 67.5, 100)
    assert read_order(page)[0].text == "港口 a"


@pytest.mark.parametrize("fragments", [[], [line("one", 50, 100)]])
def test_nearly_empty_pages(fragments):
    assert [read.text for read in read_order(fragments)] == ["one"] * len(fragments)


def test_a_table_is_no_columns_where_some_rows_are_empty():
    rows = []
    for row in range(8):
        y = 100 + 15 * row
        rows.append(line(f"r{row}", 50, y))
        rows.append(line("bits", 90, y))
        # Cells with lines of their own, between those of the other cells.
        for part in range(2):
            rows += [line("cell", 250, y + 7.5 * part), line("words of it", 300, y + 7.5 * part)]
    assert firsts(rows)[::2] == names("r", 8)


@pytest.mark.parametrize("name", ["name of a section", "一 二 三 四 五 六 七 八"])
def test_leaders_of_a_contents_page_are_no_column(name):
    page = []
    for row in range(8):
        y = 100 + 15 * row
        page += [line(f"r{row} {name}", 50, y), line(f"{'. ' * 40}{row + 9}", 250, y)]
    assert firsts(page) == names("r", 8)
    assert read_order(page)[2].text.endswith(". . 11")
