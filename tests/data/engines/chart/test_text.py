"""Texts stand where their boxes are, however they are turned; letters as the face has them."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra data)")

from vary.data.engines.chart.glyphs import Font, Lettering, largest_bitmap_px
from vary.data.engines.chart.pen import Pen, sector_path
from vary.data.engines.chart.text import Text
from vary.data.fonts import FontLibrary

SIZE = 200
WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (200, 0, 0)


@pytest.fixture(scope="module")
def face(chart_fonts):
    return FontLibrary.discover((chart_fonts,), ("DejaVu Sans",)).faces[0]


def ink_box(text):
    pen = Pen(SIZE, SIZE, WHITE)
    text.draw(pen)
    dark = pen.pixels().min(axis=2) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(("degrees", "anchored"), [(0, False), (90, False), (30, True), (45, True)])
@pytest.mark.parametrize("across", ["left", "center", "right"])
@pytest.mark.parametrize("along", ["top", "center", "bottom"])
def test_ink_lies_in_the_box(face, degrees, anchored, across, along):
    text = Text("Depth 104", Font(face, 15.0), BLACK, 100.0, 100.0, across, along)
    text.degrees, text.anchored = degrees, anchored
    x0, y0, x1, y1 = text.extent()
    left, top, right, bottom = ink_box(text)
    assert x0 - 1 <= left and right <= x1 + 1
    assert y0 - 1 <= top and bottom <= y1 + 1
    # The box is not much larger than what it holds: a line's height is more than its letters'.
    assert (right - left) * (bottom - top) > 0.45 * (x1 - x0) * (y1 - y0)


@pytest.mark.parametrize(("across", "share"), [("left", 0.0), ("center", 0.5), ("right", 1.0)])
def test_the_point_lies_at_its_side(face, across, share):
    text = Text("wide", Font(face, 15.0), BLACK, 100.0, 60.0, across)
    x0, y0, x1, _ = text.extent()
    assert x0 + share * (x1 - x0) == pytest.approx(100.0)
    assert y0 == pytest.approx(60.0)


def test_the_middle_of_digits_is_their_inks(face):
    text = Text("1080", Font(face, 20.0), BLACK, 100.0, 100.0, "center", "middle")
    _, top, _, bottom = ink_box(text)
    assert abs((top + bottom) / 2 - 100) <= 1


def test_lines_are_aligned(face):
    text = Text("a long line\nshort", Font(face, 14.0), BLACK, 100.0, 80.0, "right", align="left")
    box = text.box()
    first, second = (
        next(corners for word, corners in box.words() if word == wanted)
        for wanted in ("a", "short")
    )
    assert first[0][0] == pytest.approx(second[0][0])
    assert text.size[1] == 2 * text.font.line_px


def test_digits_stand_evenly(face):
    font = Font(face, 14.3)
    pens = np.array(font.pens("1111111"))
    assert np.ptp(np.diff(pens)) == 0
    pen = Pen(SIZE, 40, WHITE)
    Text("1111111", font, BLACK, 10.0, 10.0).draw(pen)
    strokes = np.flatnonzero(np.diff((pen.pixels()[..., 0].min(axis=0) < 90).astype(int)) == 1)
    assert len(strokes) == 7 and np.ptp(np.diff(strokes)) == 0


def test_a_plate_covers_what_is_under_a_text(face):
    pen = Pen(SIZE, SIZE, RED)
    text = Text("12", Font(face, 20.0), BLACK, 100.0, 100.0, "center", "center", plate=WHITE)
    text.draw(pen)
    x0, y0, x1, y1 = (round(side) for side in text.extent())
    assert (pen.pixels()[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] != RED).any(axis=2).all()


def test_letters_are_alike_whatever_was_drawn_before(face):
    alone = Font(face, 17.0).glyph("g").mask
    other = Lettering()
    other.font(face, 31.0).turned("agile", 45)
    assert np.array_equal(alone, other.font(face, 17.0).glyph("g").mask)


def test_faces_without_bitmaps_have_none(face):
    assert largest_bitmap_px(face) == 0


def test_shapes_fill_their_pixels():
    pen = Pen(60, 40, WHITE)
    pen.rectangle((10, 5, 30, 25), RED)
    red = (pen.pixels() == RED).all(axis=2)
    assert red.sum() == 400 and red[5:25, 10:30].all()


def test_hollow_markers_have_another_colour_within():
    pen = Pen(60, 60, WHITE)
    pen.markers(np.array([(30.0, 30.0)]), "o", (BLACK, RED), 24.0)
    assert tuple(pen.pixels()[30, 30]) == RED
    assert (pen.pixels() == BLACK).all(axis=2).any()


@pytest.mark.parametrize("hole", [0.0, 0.5])
def test_a_sector_covers_its_share(hole):
    pen = Pen(SIZE, SIZE, WHITE)
    points, codes = sector_path((100, 100), 80, hole, (0, 90))
    pen.shape(points, RED, codes=codes)
    red = (pen.pixels() == RED).all(axis=2)
    assert red.sum() == pytest.approx(np.pi * 80**2 * (1 - hole**2) / 4, rel=0.05)
    assert red[:101, 100:].sum() > 0.99 * red.sum()  # to the right and upwards
