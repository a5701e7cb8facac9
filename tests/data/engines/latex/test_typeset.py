"""What TeX is told of blocks."""

from pathlib import Path

import pytest

from vary.data.engines.latex.engine import font_options
from vary.data.engines.latex.pieces import Block, Run
from vary.data.engines.latex.templates import TEMPLATES, Look
from vary.data.engines.latex.typeset import is_number, write_document
from vary.data.fonts import FontFace

LOOK = Look(
    20, 20, 1.0, "000000", "arabic", "plain", False, "own", True, False, "--", "1.", None, 3
)


@pytest.mark.parametrize(
    "label", ["1.", "12)", "(3)", "(a)", "B.", "iv.", "(xviii)", "1.2.", "[4]", "（2）"]
)
def test_numbers_of_items(label):
    assert is_number(label)


@pytest.mark.parametrize("label", ["Check.", "Note.", "So.", "bullet", "(or)", "TST", "a"])
def test_words_before_items_are_no_numbers(label):
    assert not is_number(label)


@pytest.mark.parametrize(
    ("runs", "end"),
    [
        # XeTeX puts a space behind a full-width sign: a mark behind it would go to the next line.
        ((Run("text", "如下："),), r"如下：\unskip\nobreak\V{0z}"),
        # Behind a formula TeX goes on with the paragraph: a mark there would be a line.
        ((Run("text", "如下："), Run("display", "x")), r"\par\V{1z}"),
        ((Run("display", "x"), Run("text", "。")), r"。\unskip\nobreak\V{1z}"),
    ],
)
def test_the_mark_behind_a_chinese_block_takes_no_line(runs, end):
    made = write_document([Block("paragraph", runs)], TEMPLATES["article"], LOOK, "zh")
    assert end in made.body


def test_bold_faces_are_drawn_bolder_with_care():
    plain, heavy = (
        font_options(FontFace(Path("a.ttc"), 2, "Noto Sans CJK SC", style))
        for style in ("Regular", "Medium")
    )
    assert "AutoFakeBold=2," in plain
    assert "AutoFakeBold=1.2," in heavy
    assert "FontIndex=2" in plain
