import math

import numpy as np
import pytest

from vary.data.engines.base import Reject
from vary.data.engines.chart.boxes import (
    Sector,
    TextBox,
    beyond_sector,
    first_outside,
    first_overlap,
    ink_words,
)


def text_box(text, x, y, degrees=0.0, color=(0, 0, 0)):
    lines = tuple(text.split("\n"))
    width = 10.0 * max(map(len, lines))
    return TextBox(
        lines, x, y, width, 20.0 * len(lines), degrees, "left", color, lambda part: 10.0 * len(part)
    )


def test_texts_meet_where_they_lie_on_each_other():
    one, other = text_box("abcd", 50, 50), text_box("efgh", 85, 50)
    assert first_overlap([one, other]) == (one, other)
    assert first_overlap([one, text_box("efgh", 92, 50)]) is None


def test_tilted_texts_side_by_side_do_not_meet():
    """Their upright frames overlap, they do not."""
    tilted = [text_box("abcdefgh", 100 + 40 * at, 100, 45.0) for at in range(3)]
    assert first_overlap(tilted) is None
    assert first_overlap([text_box("abcdefgh", 100 + 40 * at, 100) for at in range(3)])
    crossing = [text_box("abcdefgh", 100, 100, 45.0), text_box("abcdefgh", 100, 100, -45.0)]
    assert first_overlap(crossing)


def test_texts_beyond_the_edge_are_found():
    assert first_outside([text_box("abcd", 30, 30)], 60, 60) is None
    assert first_outside([text_box("abcd", 15, 30)], 60, 60).name == "abcd"
    assert first_outside([text_box("abcd", 30, 55)], 60, 60).name == "abcd"


def paper_with_ink(*boxes):
    pixels = np.full((100, 100, 3), 255, np.uint8)
    for x0, y0, x1, y1 in boxes:
        pixels[y0:y1, x0:x1] = 0
    return pixels


def test_words_have_the_boxes_of_their_ink():
    pixels = paper_with_ink((32, 23, 48, 36), (52, 24, 68, 33))
    words = ink_words([text_box("ab cd", 55, 30)], pixels)
    assert [word.text for word in words] == ["ab", "cd"]
    first = words[0]
    assert (first.x0, first.y0, first.x1, first.y1) == (32, 23, 48, 36)


def test_chinese_characters_are_words_and_lines_are_stacked():
    pixels = paper_with_ink((41, 32, 49, 38), (51, 32, 59, 38), (41, 52, 49, 58), (51, 52, 59, 58))
    words = ink_words([text_box("中文\n图表", 50, 45)], pixels)
    assert [(w.text, w.x0, w.y0) for w in words] == [
        ("中", 41, 32), ("文", 51, 32), ("图", 41, 52), ("表", 51, 52),
    ]  # fmt: skip


def test_a_turned_word_is_where_it_was_turned_to():
    pixels = paper_with_ink((40, 30, 60, 68))
    (word,) = ink_words([text_box("abcd", 50, 50, 90.0)], pixels)
    assert (word.x0, word.y0, word.x1, word.y1) == (40, 30, 60, 68)


def test_words_without_ink_or_contrast_are_rejected():
    with pytest.raises(Reject, match="text without ink"):
        ink_words([text_box("abcd", 50, 50)], paper_with_ink())
    pale = text_box("abcd", 50, 50, color=(230, 230, 230))
    with pytest.raises(Reject, match="text without contrast"):
        ink_words([pale], paper_with_ink())


RIGHT = Sector(-0.5, 0.5, 30.0, 70.0)
TOP = Sector(0.25 * math.pi, 0.75 * math.pi, 30.0, 70.0)


@pytest.mark.parametrize(
    ("sector", "width", "height", "beyond"),
    [
        (RIGHT, 30.0, 6.0, None),
        (RIGHT, 48.0, 6.0, 4.0),  # into the hole, in the middle of a side
        (TOP, 48.0, 6.0, None),  # a ring is wider above its hole than beside it
        (TOP, 120.0, 6.0, 10.0),
        (Sector(0.2, -0.2, 30.0, 70.0), 6.0, 32.0, 5.0),  # above and below its sector
        (Sector(-0.5, 0.5, 0.0, 70.0), 40.0, 6.0, None),
        (Sector(math.pi - 0.5, math.pi + 0.5, 30.0, 70.0), 30.0, 6.0, None),
    ],
)
def test_how_far_a_number_stands_out_of_its_sector(sector, width, height, beyond):
    found = beyond_sector(sector, width, height / 0.72)
    assert found <= 0 if beyond is None else found >= beyond


def test_a_number_further_out_has_more_room():
    narrow = Sector(-0.2, 0.2, 0.0, 70.0)
    inside, outside = (beyond_sector(narrow, 20.0, 25.0, radius) for radius in (35.0, 56.0))
    assert outside < 0 < inside
