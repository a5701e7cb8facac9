from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vary.checkpoints import find_checkpoint
from vary.read.cutting import CuttingConfig, cut_page
from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer
from vary.read.turning import turn_upright

LINES = [
    "It was the best of times and", "it was the worst of times; it",
    "was the age of wisdom, it was", "the age of foolishness, it was",
    "the epoch of belief, it was the", "epoch of incredulity.",
]  # fmt: skip


@pytest.fixture(scope="module")
def nano():
    return load_recognizer(find_checkpoint("nano"), device="cpu", decoder="ctc")


@pytest.fixture
def page(draw_page):
    return draw_page(LINES, size=(640, 480))


@pytest.mark.parametrize("turned_deg", [0, 90, 180, 270])
def test_a_page_is_read_however_it_lies(page, nano, turned_deg):
    lying = page.rotate(-turned_deg, expand=True)
    (result,) = Reader(nano, min_confidence=0.6).read(lying)
    assert (result.turned_deg, result.size) == (turned_deg, lying.size)
    assert result.to_dict()["turned_deg"] == turned_deg
    (upright,) = Reader(nano, min_confidence=0.6).read(page)
    assert [line.text for line in result.lines] == [line.text for line in upright.lines]
    assert "epoch of incredulity" in result.text


class Drafts:
    """Counts strips; what it says of each is given."""

    def __init__(self, text, confidence):
        self.answer = SimpleNamespace(text=text, confidence=confidence)
        self.count = 0

    def __call__(self, strips):
        self.count += len(strips)
        return [self.answer] * len(strips)


def turn(image, draft):
    config = CuttingConfig()
    return turn_upright(image, cut_page(image, config), draft, config)


def test_a_legible_page_costs_four_lines(page):
    draft = Drafts("some words", 0.95)
    layout, turned_deg = turn(page, draft)
    assert (turned_deg, draft.count) == (0, 4)
    assert len(layout.tiles) == len(LINES)


def test_a_page_that_is_no_better_another_way_stays(page):
    assert turn(page, Drafts("some words", 0.5))[1] == 0
    assert turn(page, Drafts("+ - @", 0.99))[1] == 0


def test_wide_lines_in_plenty_are_tried_on_their_side_only_if_illegible(draw_page):
    long_page = draw_page([*LINES, *LINES], size=(640, 700))
    draft = Drafts("some words", 0.6)
    turn(long_page, draft)
    assert draft.count == 4 + 4
    illegible = Drafts("some words", 0.4)
    turn(long_page, illegible)
    assert illegible.count > 4 + 4 + 4


def test_empty_pages_and_photos_stay():
    draft = Drafts("", 1.0)
    assert turn(Image.new("L", (300, 200), 255), draft)[1] == 0
    assert draft.count == 0
    dots = Image.new("L", (400, 300), 255)
    pen = ImageDraw.Draw(dots)
    for x, y in np.ndindex(6, 5):
        pen.ellipse((30 + 60 * x, 20 + 55 * y, 42 + 60 * x, 30 + 55 * y + x), fill=0)
    assert turn(dots, Drafts("e", 0.9))[1] == 0
