from pathlib import Path

import pytest

from vary.data.engines.page.breaking import (
    LineRule,
    break_lines,
    hyphenation_points,
    make_pieces,
    pieces_text,
)
from vary.data.engines.page.typeset import TextStyle, Typesetter
from vary.data.fonts import FontFace
from vary.data.scaled_faces import Glyph


class Typewriter:
    """Each character is 40 units wide: 10 px on the page."""

    def glyph(self, character):
        return Glyph(40, None)

    def kern(self, pair):
        return 0.0


class TypewriterFonts:
    def scaled(self, face, size_px):
        return Typewriter()


SETTER = Typesetter(TypewriterFonts())
LOOK = TextStyle(FontFace(Path("a.ttf"), 0, "Typewriter", "Regular"), 20.0)


def broken(text, characters, *, justify=False, hyphenate=False, first=None):
    rule = LineRule(10.0 * characters, 10.0 * (first or characters), justify, hyphenate)
    return break_lines(make_pieces([(text, LOOK)], SETTER), rule, SETTER)


def texts(*args, **settings):
    return [line.text for line in broken(*args, **settings)]


def test_lines_are_filled_and_joined_back():
    text = "the quick brown fox jumps over the lazy dog"
    lines = broken(text, 10)
    assert [line.text for line in lines] == [
        "the quick",
        "brown fox",
        "jumps over",
        "the lazy",
        "dog",
    ]
    assert " ".join(line.text for line in lines) == text
    assert {line.join for line in lines} == {"space"}
    assert [line.last for line in lines] == [False] * 4 + [True]


def test_the_first_line_may_be_shorter():
    assert texts("aa bb cc dd", 8, first=5) == ["aa bb", "cc dd"]


def test_justified_lines_may_be_a_little_too_full():
    # 35 characters of 10 px in 345 px: 7 spaces give 15 % of 70 px, at most 10.5 px.
    text = "aaa bbb ccc ddd eee fff ggg hhh iii"
    rule = LineRule(345.0, 345.0, justify=True, hyphenate=False)
    pieces = make_pieces([(text, LOOK)], SETTER)
    assert len(break_lines(pieces, rule, SETTER)) == 1
    rule = LineRule(345.0, 345.0, justify=False, hyphenate=False)
    assert len(break_lines(pieces, rule, SETTER)) == 2


def test_hyphens_are_set_between_syllables_and_marked():
    lines = broken("an unpardonable window", 12, hyphenate=True)
    assert [line.text for line in lines] == ["an unpardo-", "nable window"]
    assert lines[0].join == "soft"
    assert texts("an unpardonable window", 12) == ["an", "unpardonable", "window"]


def test_own_hyphens_break_and_stay():
    lines = broken("a well-known remark", 8)
    assert [line.text for line in lines] == ["a well-", "known", "remark"]
    assert lines[0].join == "none"


def test_words_wider_than_the_column_are_cut():
    lines = broken("see abcdefghijklmnop now", 6)
    assert [line.text for line in lines] == ["see", "abcdef", "ghijkl", "mnop", "now"]
    assert [line.join for line in lines] == ["space", "none", "none", "space", "space"]


@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("paper", []),  # too short
        ("window's", []),  # letters only
        ("McAllister", []),  # a name with capitals inside
        ("measure", [3]),
        ("window", [3]),
        ("computer", [3, 5]),
        ("orphanage", [5]),
    ],
)
def test_hyphenation_points(word, points):
    assert hyphenation_points(word) == points


def test_chinese_breaks_by_the_character():
    lines = broken("白日依山尽黄河入海流", 4)
    assert [line.text for line in lines] == ["白日依山", "尽黄河入", "海流"]
    assert [line.join for line in lines] == ["none", "none", "space"]


def test_chinese_punctuation_does_not_begin_or_bracket_end_a_line():
    assert texts("白日依山，黄河", 4) == ["白日依", "山，黄河"]
    assert texts("白日依（山）黄河", 4) == ["白日依", "（山）黄", "河"]


def test_words_in_chinese_stay_whole():
    lines = texts("使用 PDF 文件和API接口", 6)
    assert lines == ["使用 PDF", "文件和API", "接口"]
    pieces = make_pieces([("和API 接口", LOOK)], SETTER)
    assert [(piece.text, piece.space) for piece in pieces] == [
        ("和", False), ("API", False), ("接", True), ("口", False),
    ]  # fmt: skip


def test_runs_of_two_styles_keep_their_spaces():
    italic = TextStyle(FontFace(Path("b.ttf"), 0, "Typewriter", "Italic"), 20.0)
    pieces = make_pieces([("say ", LOOK), ("it ", italic), ("again", LOOK)], SETTER)
    assert pieces_text(pieces) == "say it again"
    assert [piece.style is italic for piece in pieces] == [False, True, False]
