import pytest

from vary.read.marks import SeenLine, find_marks

BODY = [SeenLine("the quick brown fox", 0.95, 20), SeenLine("jumps over lazy dogs", 0.9, 22)]


def marks(lines, min_confidence=0.6):
    found = find_marks(lines, min_confidence)
    return [line.text for index, line in enumerate(lines) if index in found]


def test_a_page_of_words_keeps_signs_of_about_their_size():
    signs = [SeenLine("7", 0.8, 18), SeenLine("•", 0.7, 11), SeenLine("e", 0.9, 8)]
    assert marks([*BODY, *signs]) == ["e"]
    assert marks([*BODY, SeenLine("W", 0.99, 44), SeenLine("@", 0.99, 45)]) == ["@"]


def test_a_very_low_confidence_makes_a_mark_of_anything():
    assert marks([*BODY, SeenLine("words without a doubt", 0.35, 20)]) == ["words without a doubt"]
    assert marks([SeenLine("x", 0.0, 3)], min_confidence=0) == []


def test_beside_words_uncertain_words_of_their_size_stay():
    assert marks([*BODY, SeenLine("wor4s in a stronqe face", 0.4, 20)]) == []
    assert marks([*BODY, SeenLine("一行生僻的字", 0.4, 20)]) == []
    other = [
        SeenLine("wood, leaves", 0.4, 50),
        SeenLine("oak", 0.5, 20),
        SeenLine(".;:!", 0.5, 20),
    ]
    assert marks([*BODY, *other]) == ["wood, leaves", "oak", ".;:!"]
    alone = SeenLine("wor4s in a stronqe face", 0.4, 20)
    assert marks([alone] * 3) == [alone.text] * 3


def test_where_signs_outnumber_words_only_sure_letters_and_figures_stay():
    cells = [SeenLine("4", 0.95, 20)] * 4
    dust = [SeenLine("e", 0.89, 20), SeenLine("@", 0.99, 20)]
    assert marks([*BODY, *cells]) == []
    assert marks([*BODY, *cells, *dust]) == ["e", "@"]


@pytest.mark.parametrize("text", ["a", "of", "7", "$5", "I"])
def test_a_page_may_hold_a_sign_alone(text):
    assert marks([SeenLine(text, 0.95, 40)]) == []
    assert marks([SeenLine(text, 0.85, 40)]) == [text]
    assert marks([SeenLine(text, 0.95, 40)] * 4) == [text] * 4


@pytest.mark.parametrize("text", ["word", "42", "中文", "I can’t"])
def test_a_word_alone_stays(text):
    assert marks([SeenLine(text, 0.65, 40)]) == []


@pytest.mark.parametrize("text", ["eeeee", "s s s s", "e c o eed", "00", "__ab", "一一", "- -"])
def test_rows_of_dots_are_no_words(text):
    dots = [SeenLine(text, 0.72, 9)] * 30
    assert marks(dots) == [text] * 30


def test_uncertain_lines_of_many_letters_are_print():
    lines = [SeenLine("An uncertain but legible row", 0.62, 20)] * 12
    assert marks(lines) == []
    assert len(marks([SeenLine("eosseoaesoeeosoeseoosae", 0.62, 20)] * 12)) == 12


def test_an_empty_line_is_none():
    assert marks([SeenLine("", 0.1, 20), SeenLine(" ", 0.1, 20)]) == []
    assert find_marks([], 0.6) == set()


CYRILLIC = [
    SeenLine("Bce cuacTmBste ceMsH noxoXKH Jpyr Ha Jpyra,", 0.84, 20),
    SeenLine("Ka派πa5 HecHacTmHBa5 ceMbA HecHacTTMBa", 0.7, 20),
    SeenLine("no-cBoeMy. Bcě cMemamocs B πoM", 0.84, 20),
]


def test_a_script_that_is_not_known_is_left_out():
    assert marks(CYRILLIC) == [line.text for line in CYRILLIC]
    assert marks([*BODY, CYRILLIC[0]]) == []  # a name or a line of code among others


@pytest.mark.parametrize(
    "text",
    [
        "getElementById returns the first match",
        "The iPhone and the MacBook were shown by McDonald in 2007",
        "使用Vue3和TypeScript编写组件",
        "H2O, CO2 and x86 are no words; 3rd, 2nd and B2B neither",
        "THE WHOLE LINE IN CAPITALS 2024",
    ],
)
def test_what_languages_write_is_not_strange(text):
    assert not SeenLine(text, 0.9, 20).is_strange
