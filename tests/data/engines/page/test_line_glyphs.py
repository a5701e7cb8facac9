import pickle

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vary.data.engines.page.line_glyphs import (
    LINES_BETWEEN_LOOKS,
    FaceGlyphs,
    GlyphShelf,
    ink_canvas,
    reach_of,
)
from vary.data.fonts import FontLibrary


@pytest.fixture(scope="module")
def fonts(font_folder) -> FontLibrary:
    return FontLibrary.discover([font_folder])


@pytest.fixture(scope="module")
def glyphs(fonts) -> FaceGlyphs:
    return FaceGlyphs(fonts, fonts.faces[0], 40)


@pytest.mark.parametrize("text", ["AVATAR To go", "fine, r.s", "x", ""])
def test_advances_are_the_fonts(fonts, glyphs, text):
    font = fonts.load(fonts.faces[0], 40)
    assert glyphs.advance(text) == pytest.approx(font.getlength(text), abs=0.5)


def test_ink_is_what_pillow_draws(fonts, glyphs):
    text = "Seventeen lanterns hung"
    canvas = np.zeros((60, 600), np.uint8)
    ink_canvas(canvas, glyphs.place(text, 10)[0], 40)
    image = Image.new("L", (600, 60), 0)
    font = fonts.load(fonts.faces[0], 40)
    ImageDraw.Draw(image).text((10, 40), text, fill=255, font=font, anchor="ls")
    drawn = np.asarray(image, dtype=float)
    assert np.abs(drawn - canvas).mean() < 0.02 * drawn.mean()


def test_reach_is_that_of_the_ink(fonts, glyphs):
    box = fonts.load(fonts.faces[0], 40).getbbox("dog", anchor="ls")
    assert glyphs.reach("dog") == (box[1], box[3])
    assert reach_of([]) == (0, 0)


def test_letters_are_set_apart(glyphs):
    _, end = glyphs.place("abc", 0.0)
    assert glyphs.place("abc", 0.0, 5.0)[1] == pytest.approx(end + 10)


def test_what_lies_beyond_the_canvas_is_cut_off(glyphs):
    placed, _ = glyphs.place("HHHHHH", -30.0)
    whole = np.zeros((100, 400), np.uint8)
    ink_canvas(whole, [(ink, x + 100, y) for ink, x, y in placed], 70)
    part = np.zeros((30, 60), np.uint8)
    ink_canvas(part, placed, 20)
    assert np.array_equal(part, whole[50:80, 100:160])


def test_a_slope_lets_the_line_fall(glyphs):
    level, sloping = np.zeros((2, 100, 800), np.uint8)
    placed, _ = glyphs.place("H" * 25, 20.0)
    ink_canvas(level, placed, 60)
    ink_canvas(sloping, placed, 60, 0.02)
    parts = (slice(0, 100), slice(600, 700))
    left, right = (np.flatnonzero(level[:, part].any(axis=1))[-1] for part in parts)
    assert left == right
    left, right = (np.flatnonzero(sloping[:, part].any(axis=1))[-1] for part in parts)
    assert right - left == pytest.approx(0.02 * 600, abs=3)


def test_a_shelf_lets_go_and_gives_the_same_again(fonts):
    (face,) = fonts.faces
    shelf = GlyphShelf(fonts, most_bytes=1)
    before = shelf.face(face, 40).place("again", 0.0)
    for size in range(20, 30):
        shelf.face(face, size).place("abc", 0.0)
    for _ in range(LINES_BETWEEN_LOOKS):
        shelf.tidy()
    assert len(shelf._faces) == 1
    after = shelf.face(face, 40).place("again", 0.0)
    assert after[1] == before[1]
    pairs = zip(before[0], after[0], strict=True)
    assert all(np.array_equal(a[0], b[0]) and a[1:] == b[1:] for a, b in pairs)
    assert not pickle.loads(pickle.dumps(shelf))._faces
