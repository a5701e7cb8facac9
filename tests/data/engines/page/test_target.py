import pytest

from vary.data.engines.base import make_sample
from vary.data.engines.page.block import BlockConfig
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.engines.page.target import LineBox, line_boxes
from vary.data.schema import Word


def test_words_are_gathered_into_the_lines_of_the_text():
    words = (
        Word(0, "One", 2, 4, 20, 12),
        Word(0, "da", 24, 3, 30, 12),
        Word(0, "y,", 30, 5, 36, 14),
        Word(0, "late", 2, 20, 22, 30),
    )
    assert line_boxes("One day,\n\nlate", words) == (
        LineBox("One day,", 2, 3, 36, 14),
        LineBox("late", 2, 20, 22, 30),
    )


@pytest.mark.parametrize("text", ["One late", "One day more", "Two\nlines"])
def test_words_of_another_text_are_refused(text):
    with pytest.raises(ValueError, match="target: lines"):
        line_boxes(text, (Word(0, "One", 0, 0, 9, 9), Word(0, "day", 12, 0, 20, 9)))


def test_lines_of_a_drawn_page_stand_below_each_other(text_folder, font_folder):
    config = PageConfig(
        text_folder, (font_folder,), kind="block", block=BlockConfig(lines=(4, 8), anywhere=0.0)
    )
    engine = build_page_engine(config)
    for index in range(6):
        sample = make_sample(engine, 2, index)
        boxes = line_boxes(sample.text, sample.words)
        assert [box.text for box in boxes] == [line for line in sample.text.split("\n") if line]
        centres = [(box.y0 + box.y1) / 2 for box in boxes]
        assert centres == sorted(centres)
