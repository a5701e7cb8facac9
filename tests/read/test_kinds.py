"""Photos are told from pages where no words are read."""

import numpy as np
import pytest
from PIL import Image

from vary.read.kinds import (
    NATURE_SENTENCE,
    small_picture,
    strips_across,
)
from vary.read.reader import Reader
from vary.read.recognizer import Recognition


class Sees:
    """Reads the same on every strip, and takes every picture for the same kind."""

    tasks = ("ocr",)
    strip_size = (48, 1536)
    decoder = "ctc"

    def __init__(self, text, kind, confidence=0.95):
        self.kinds = ("document", "chart", "natural", "blank")
        self.text, self.kind, self.confidence = text, kind, confidence
        self.pictures = []

    def read(self, strips):
        found = Recognition(self.text, "ctc", self.confidence, "ok", self.text)
        return [found] * len(strips)

    def picture_kind(self, picture):
        self.pictures.append(picture)
        return self.kind


@pytest.fixture
def page(draw_page):
    return draw_page(["a line of ink"], size=(640, 480))


def read(recognizer, page, min_confidence=0.6):
    (result,) = Reader(recognizer, min_confidence=min_confidence).read(page)
    return result


@pytest.mark.parametrize("text", ["", "a1"])
def test_a_photo_has_the_papers_sentence_and_no_text(page, text):
    recognizer = Sees(text, "natural")
    result = read(recognizer, page)
    assert (result.status, result.reason) == ("photo", NATURE_SENTENCE)
    assert (result.text, result.markdown, result.confidence) == ("", "", None)
    assert all(not line.text for line in result.lines)
    assert recognizer.pictures[0].mode == "RGB" and max(recognizer.pictures[0].size) == 768


def test_words_are_read_whatever_the_picture_is(page):
    recognizer = Sees("a shop's sign", "natural")
    assert read(recognizer, page).text == "a shop's sign"
    assert not recognizer.pictures  # nobody had to ask


def test_another_kind_stays_a_page(page):
    result = read(Sees("", "blank"), page)
    assert result.status == "ok" and "no text found" in result.reason


def test_without_a_least_confidence_nothing_is_left_out(page):
    assert read(Sees("a1", "natural"), page, min_confidence=0).text == "a1"


def test_a_page_without_ink_is_blank(draw_page):
    recognizer = Sees("", "natural")
    assert read(recognizer, draw_page([])).status == "blank"
    assert not recognizer.pictures


@pytest.mark.parametrize("size", [(768, 576), (300, 768), (768, 48), (768, 20), (40, 768)])
def test_strips_go_from_top_to_foot(size):
    ramp = np.arange(size[1]) * 255 // size[1]
    picture = Image.fromarray(np.tile(ramp[:, None, None], (1, size[0], 3)).astype(np.uint8))
    strips = strips_across(picture, 48)
    assert {strip.shape for strip in strips} == {(48, size[0], 3)}
    assert len(strips) == (6 if size[1] > 60 else 1)
    assert strips[0][0, 0, 0] == ramp[0]
    assert strips[-1][min(size[1], 48) - 1, 0, 0] == ramp[-1]


def test_pictures_of_any_size_and_mode_become_small():
    assert small_picture(Image.new("L", (3000, 1500))).size == (768, 384)
    assert small_picture(Image.new("RGB", (1, 4000))).size == (1, 768)
    assert small_picture(Image.new("P", (100, 50))).size == (768, 384)
