"""Texts of tiles joined back into lines and paragraphs."""

import numpy as np
import pytest

from vary.read.cutting import PageLayout, Tile
from vary.read.joining import join_lines, join_paragraphs


def layout_of(numbers: list[tuple[int, int]]) -> PageLayout:
    """Return a layout whose tiles have these (paragraph, line) numbers."""
    box = (0, 0, 10, 10)
    tiles = tuple(Tile(box, box, 0, paragraph, line) for paragraph, line in numbers)
    return PageLayout(tiles, (100, 100), not tiles, 0.0, np.full((100, 100), 255, np.uint8))


def one_paragraph(*texts: str) -> str:
    """Return lines joined as one paragraph."""
    return join_lines(layout_of([(0, n) for n in range(len(texts))]), texts, style="paragraphs")


def test_lines_keep_hyphens_and_paragraphs_are_parted_by_a_blank_line() -> None:
    layout = layout_of([(0, 0), (0, 1), (1, 2)])
    text = join_lines(layout, ["a vibrant ar-", "ea of work.", "Next."])
    assert text == "a vibrant ar-\nea of work.\n\nNext."


def test_tiles_of_one_line_are_joined_by_a_space() -> None:
    layout = layout_of([(0, 0), (0, 0), (0, 1)])
    assert join_lines(layout, ["left half", "right half", "below"]) == "left half right half\nbelow"


def test_empty_texts_leave_no_blank_lines() -> None:
    layout = layout_of([(0, 0), (0, 1), (1, 2), (2, 3)])
    assert join_lines(layout, ["one", " ", "", "two"]) == "one\n\ntwo"


def test_a_page_without_tiles_is_empty() -> None:
    assert join_lines(layout_of([]), []) == ""


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("a vibrant ar-", "ea of work", "a vibrant area of work"),
        ("the words", "go on", "the words go on"),
        ("the Anglo-", "Saxon kings", "the Anglo-Saxon kings"),
        ("a state-of-the-", "art system", "a state-of-the-art system"),
        ("pages 12-", "14 of it", "pages 12-14 of it"),
        ("soft hy\u00ad", "phen", "soft hyphen"),
        ("a dash -", "then more", "a dash - then more"),
        ("Stra\u00dfen-", "b\u00e4ume", "Stra\u00dfenb\u00e4ume"),
    ],
)
def test_hyphens_in_paragraphs(first: str, second: str, joined: str) -> None:
    assert one_paragraph(first, second) == joined


def test_chinese_lines_are_joined_without_a_space() -> None:
    assert one_paragraph("第一行的文字", "第二行的文字。") == "第一行的文字第二行的文字。"
    assert one_paragraph("他说：“", "你好”") == "他说：“你好”"


def test_latin_words_in_chinese_text() -> None:
    assert one_paragraph("使用 Vary", "模型") == "使用 Vary模型"
    assert one_paragraph("Vision", "Vocabulary 模型") == "Vision Vocabulary 模型"


def test_three_lines_with_two_hyphens() -> None:
    assert one_paragraph("en-", "cyclo-", "paedia") == "encyclopaedia"


def test_wrong_number_of_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="1 texts for 2 tiles"):
        join_lines(layout_of([(0, 0), (0, 1)]), ["one"])


def test_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="'words'"):
        join_lines(layout_of([(0, 0)]), ["one"], style="words")  # type: ignore[arg-type]


def test_a_text_of_lines_becomes_one_of_paragraphs() -> None:
    text = "\n a head \n\n\nlong words are hyphen-\nated at\nthe end\n\nthe last\n"
    assert join_paragraphs(text) == "a head\n\nlong words are hyphenated at the end\n\nthe last"
    assert join_paragraphs(" \n") == ""
