"""Lines of a text with the boxes of their words."""

import pytest

from vary.data.schema import Word
from vary.data.text_lines import TextLine, text_lines

WORDS = [
    Word(0, "Two", 10, 12, 30, 20),
    Word(0, "words,", 34, 10, 60, 22),
    Word(0, "a", 10, 30, 15, 40),
    Word(0, "lar-", 18, 31, 40, 41),
    Word(0, "ger", 10, 50, 30, 60),
]


def test_each_line_has_the_box_of_its_words():
    assert text_lines("Two words,\n\na lar-\nger", WORDS) == (
        TextLine("Two words,", 10, 10, 60, 22),
        TextLine("a lar-", 10, 30, 40, 41),
        TextLine("ger", 10, 50, 30, 60),
    )


def test_text_without_spaces_is_matched_too():
    words = [Word(0, part, x, 0, x + 9, 9) for x, part in enumerate("页面文字")]
    assert text_lines("页面\n文字", words) == (
        TextLine("页面", 0, 0, 10, 9),
        TextLine("文字", 2, 0, 12, 9),
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("Two words,\na larger", 5), ("Two words,", 5), ("Two\nelse", 2), ("Two", 0)],
)
def test_words_that_are_not_those_of_the_text_give_no_lines(text, number):
    assert text_lines(text, WORDS[:number]) == ()


def test_no_text_has_no_lines():
    assert text_lines("", []) == ()
