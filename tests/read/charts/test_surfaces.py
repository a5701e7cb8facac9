import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vary.read.charts.blobs import find_letters
from vary.read.charts.pieces import find_pieces
from vary.read.charts.strips import piece_strip
from vary.read.charts.surfaces import find_surfaces, label_regions

FONT = ImageFont.load_default(18)


def pieces_of(image):
    canvas = find_surfaces(np.asarray(image))
    letters = find_letters(canvas)
    return canvas, letters, find_pieces(canvas, letters)


def test_regions_of_equal_value():
    values = np.array([[1, 1, 0, 2], [0, 1, 2, 2], [1, 0, 2, 1]])
    label = label_regions(values)
    assert (label == 0).tolist() == (values == 0).tolist()
    assert len(np.unique(label)) == 5
    assert label[0, 3] == label[1, 2] == label[2, 2]
    assert label[2, 0] != label[0, 0]


def test_surfaces_and_the_ink_on_them():
    image = Image.new("RGB", (300, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((50, 50, 149, 149), fill=(30, 60, 200))
    draw.text((60, 80), "inside", font=FONT, fill="white")
    canvas = find_surfaces(np.asarray(image))
    boxes = [tuple(box) for box in canvas.boxes.tolist()]
    assert (50, 50, 150, 150) in boxes
    bar = boxes.index((50, 50, 150, 150))
    assert canvas.colors[bar].tolist() == [30, 60, 200]
    assert canvas.paper != bar
    rows, columns = np.nonzero(canvas.ink)
    assert rows.min() > 60
    assert columns.max() < 140
    assert (canvas.ground[rows, columns] == bar).all()


@pytest.mark.parametrize("ground", ["white", (30, 30, 40)])
def test_texts_are_found_without_grid_and_frame(ground):
    ink = "black" if ground == "white" else "white"
    image = Image.new("RGB", (400, 300), ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 380, 260), outline=ink)
    for y in (80, 120, 160):
        draw.line((40, y, 380, y), fill=(150, 150, 150))
    draw.text((150, 5), "A heading", font=FONT, fill=ink)
    draw.text((200, 190), "value", font=FONT, fill=ink)
    _, _, pieces = pieces_of(image)
    assert sorted((piece.box[0] // 50, piece.box[1] // 100) for piece in pieces) == [(3, 0), (4, 1)]


@pytest.mark.parametrize("turn", [0, 30, 45, 90])
def test_strips_are_upright_whatever_the_angle(turn):
    """Three names in a row, each turned by the same angle about its upper right end."""
    image = Image.new("L", (600, 300), 255)
    for x in (200, 350, 500):
        word = Image.new("L", (110, 24), 255)
        ImageDraw.Draw(word).text((2, 0), "reading on", font=FONT, fill=0)
        turned = word.rotate(turn, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
        image.paste(turned, (x - turned.width, 60))
    canvas, letters, pieces = pieces_of(image.convert("RGB"))
    assert len(pieces) == 3
    for piece in pieces:
        assert piece.angle_deg == pytest.approx(turn, abs=4)
        strip = piece_strip(canvas, letters, piece)
        assert strip.shape[0] == 48
        # As wide for its height as the word is, whichever way it lay.
        assert 3.4 * 48 < strip.shape[1] < 6.4 * 48
        assert strip.min() < 80
