"""The picture of a page with its boxes."""

import numpy as np
import pytest
from PIL import Image

from vary.read.overlay import LEVELS, draw_overlay, level_of
from vary.read.results import LineResult, PageResult, WordResult

WORDS = (WordResult("sure", (20, 30, 60, 50), 0.99), WordResult("not", (70, 30, 90, 50), 0.3))
LINES = (
    LineResult((20, 30, 90, 50), "sure not", 0.9, words=WORDS),
    LineResult((20, 80, 90, 100), "no words", 0.85),
    LineResult((20, 120, 90, 140), "", 0.2),
    LineResult(None, "no place", 0.99),
)


@pytest.fixture
def blank():
    return Image.new("L", (400, 200), 255)


def page(size=(400, 200), lines=LINES, **fields):
    return PageResult("a", 1, 1, "ok", size=size, lines=lines, **fields)


def color_at(drawn, x, y):
    """Return the colour at a pixel of the page, which stands below the legend."""
    return drawn.getpixel((x, drawn.height - 200 + y))


def test_boxes_have_the_colour_of_their_confidence(blank):
    drawn = draw_overlay(blank, page())
    assert drawn.mode == "RGB"
    assert drawn.width == 400
    colors = [level.color for level in LEVELS]
    assert color_at(drawn, 19, 40) == colors[0]
    assert color_at(drawn, 69, 40) == colors[3]
    assert color_at(drawn, 19, 90) == colors[1]
    inside = color_at(drawn, 80, 40)
    assert inside[0] > inside[2] and inside != colors[3]  # tinted, so that the word can be read
    assert color_at(drawn, 50, 60) == color_at(drawn, 300, 150) == (255, 255, 255)
    # What was left out is struck through in grey.
    assert len(set(color_at(drawn, 55, 130))) == 1
    assert color_at(drawn, 55, 130) != (255, 255, 255)


def test_the_page_can_be_seen_through_its_boxes(blank):
    blank.paste(0, (30, 35, 50, 45))
    drawn = draw_overlay(blank, page())
    assert max(color_at(drawn, 40, 40)) < 60


def test_the_legend_counts(blank):
    empty = draw_overlay(blank, page(lines=()))
    drawn = draw_overlay(blank, page())
    assert drawn.height >= empty.height > blank.height
    band = np.asarray(drawn)[: drawn.height - 200].reshape(-1, 3)
    for level in LEVELS:
        assert (band == level.color).all(1).any()
    turned = np.asarray(draw_overlay(blank, page(turned_deg=90)))
    told = turned[: len(turned) - 200].reshape(-1, 3)
    assert (told.sum(1) < 300).sum() > (band.sum(1) < 300).sum()  # it says so, in black


def test_narrow_pages_have_a_legend_of_more_rows():
    narrow = Image.new("RGB", (60, 200), "white")
    wide = Image.new("RGB", (900, 200), "white")
    heights = [draw_overlay(image, page(image.size, ())).height - 200 for image in (narrow, wide)]
    assert heights[0] > 2 * heights[1]


def test_levels_cover_all_confidences():
    assert [level_of(c).least for c in (1.0, 0.95, 0.9499, 0.5, 0.0)] == [0.95, 0.95, 0.8, 0.5, 0]


def test_another_page_is_refused(blank):
    with pytest.raises(ValueError, match=r"\(400, 200\).*\(200, 400\)"):
        draw_overlay(blank, page((200, 400)))
