"""Boxes of words: on strips made by hand, on turned pages, and beside the page engine's truth."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from vary.data.engines.base import make_sample
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.read.boxes import PageFrame, align_characters, place_words, word_boxes, word_spans
from vary.read.cutting import Tile, cut_page
from vary.read.reader import Reader
from vary.vocabulary.ctc import decode_greedy

TEXT = [
    "The harbour lies open to the north, and in winter the ferries wait behind the long mole.",
    "Measure twice, cut once. Write the number down. Then measure a third time, in 1893.",
]


@pytest.fixture(scope="module")
def nano():
    return Reader.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A page of the engine `page`, in the font that Pillow brings: picture and true words."""
    texts, fonts = tmp_path_factory.mktemp("text"), tmp_path_factory.mktemp("fonts")
    (texts / "one.txt").write_text("\n".join(TEXT * 20), encoding="utf-8")
    source = ImageFont.load_default(20).path
    font = source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()
    (fonts / "aileron.ttf").write_bytes(font)
    config = PageConfig(texts, (fonts,), dpi=(100, 100), columns=(2,), sizes=("book",))
    sample = make_sample(build_page_engine(config), 5, 1)
    image = Image.open(io.BytesIO(sample.images[0].bytes)).convert("L")
    return image, sample.words


def overlaps(words, read):
    """Return for each true word the best intersection over union with a read one, and that one."""
    true = np.array([[w.x0, w.y0, w.x1, w.y1] for w in words])[:, None]
    boxes = np.array([word.box for word in read])[None]
    low, high = np.maximum(true[..., :2], boxes[..., :2]), np.minimum(true[..., 2:], boxes[..., 2:])
    inside = np.clip(high - low, 0, None).prod(-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(-1) for box in (true, boxes)]
    shares = inside / (areas[0] + areas[1] - inside)
    return shares.max(1), [read[place] for place in shares.argmax(1)]


def words_of(page):
    return [word for line in page.lines for word in line.words]


def test_words_stand_where_the_engine_drew_them(drawn, nano):
    image, true = drawn
    (page,) = nano.read(image)
    read = words_of(page)
    shares, found = overlaps(true, read)
    right = [word.text == other.text for word, other in zip(true, found, strict=True)]
    assert np.median(shares) > 0.9
    assert np.mean(right) > 0.9
    assert (shares[right] > 0.6).all()
    assert page.size == image.size
    assert all(0 < word.confidence <= 1 for word in read)


@pytest.mark.parametrize("turned_deg", [90, 180, 270])
def test_boxes_refer_to_the_page_as_it_came(drawn, nano, turned_deg):
    image, _ = drawn
    (upright,) = nano.read(image)
    lying = image.rotate(-turned_deg, expand=True)
    (page,) = nano.read(lying)
    assert page.size == lying.size
    assert page.turned_deg == turned_deg
    width, height = image.size

    def turned(box):
        x0, y0, x1, y1 = box
        if turned_deg == 90:
            return height - y1, x0, height - y0, x1
        if turned_deg == 180:
            return width - x1, height - y1, width - x0, height - y0
        return y0, width - x1, y1, width - x0

    assert [word.text for word in words_of(page)] == [word.text for word in words_of(upright)]
    assert [w.box for w in words_of(page)] == [turned(w.box) for w in words_of(upright)]
    assert [line.box for line in page.lines] == [turned(line.box) for line in upright.lines]


def test_a_skew_that_was_taken_out_is_put_back(draw_page, nano):
    words = ["the", "harbour", "lies", "open", "to", "the", "north", "and", "in", "winter"]
    image = draw_page([" ".join(words)] * 6)
    skewed = image.rotate(2, resample=Image.Resampling.BICUBIC, fillcolor=255)
    (page,) = nano.read(skewed)
    assert page.angle_deg == pytest.approx(2, abs=0.2)
    grey = np.asarray(skewed)
    for line in page.lines:
        assert len(line.words) == len(words)
        for word in line.words:
            x0, y0, x1, y1 = word.box
            # Ink in it, and paper to its left and right.
            assert (grey[y0:y1, x0:x1] < 100).any()
            middle = slice((y0 + y1) // 2 - 4, (y0 + y1) // 2 + 4)
            assert grey[middle, x0 - 4 : x0 - 2].min() > 200
    # The line climbs from left to right.
    first = page.lines[0].words
    assert first[0].box[1] > first[-1].box[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("two words", ["two", "words"]),
        ("  e.g.  (1),  ", ["e.g.", "(1),"]),
        ("用 PDF文件，3.5%。", ["用", "PDF", "文", "件", "，", "3.5%", "。"]),
        ("全角\u3000空格", ["全", "角", "\u3000", "空", "格"]),
        (" ", []),
        ("", []),
    ],
)
def test_words(text, words):
    found = [text[start:stop] for start, stop in word_spans(text)]
    assert found == [word for word in words if word.strip()]


def ink_of(*runs, width, height=10):
    ink = np.zeros((height, width), bool)
    for x0, x1, y0, y1 in runs:
        ink[y0:y1, x0:x1] = True
    return ink


def test_peaks_of_logits_give_boxes_around_ink():
    """`ab c`, its characters seen in columns 1, 3, 5 and 6 of 8 columns of 10 px."""
    logits = torch.full((1, 8, 5), -5.0)
    logits[0, :, 0] = 0
    for column, number in [(1, 2), (3, 3), (4, 3), (5, 1), (6, 4)]:
        logits[0, column, number] = 5
    [(text, columns, chances)] = decode_greedy(logits, " abc")
    assert (text, columns) == ("ab c", [1, 3, 5, 6])
    ink = ink_of((11, 22, 3, 8), (24, 38, 0, 8), (60, 68, 3, 10), width=80)
    places = [(column + 0.5) * 10 for column in columns]
    assert word_boxes(ink, places, word_spans(text)) == [(11, 0, 38, 8), (60, 3, 68, 10)]
    assert min(chances) > 0.9


def test_the_widest_gap_parts_words_however_peaks_lie():
    # Gaps of one pixel between letters, of three between words; the peaks are late or early.
    ink = ink_of((0, 4, 0, 9), (5, 9, 0, 9), (12, 16, 0, 9), (17, 21, 2, 9), width=21)
    for shift in (-2, 0, 2):
        places = [2 + shift, 7 + shift, 14 + shift, 19 + shift]
        assert word_boxes(ink, places, [(0, 2), (2, 4)]) == [(0, 0, 9, 9), (12, 0, 21, 9)]


def test_words_that_touch_are_parted_at_the_least_ink():
    ink = ink_of((0, 10, 0, 9), (10, 12, 8, 9), (12, 20, 0, 9), width=20)
    assert word_boxes(ink, [5, 15], [(0, 1), (1, 2)]) == [(0, 0, 10, 9), (10, 0, 20, 9)]


def test_a_word_on_paper_has_a_box_all_the_same():
    ink = ink_of((2, 6, 3, 7), width=40)
    boxes = word_boxes(ink, [4, 20, 24, 38], [(0, 1), (1, 3), (3, 4)])
    assert boxes[0] == (2, 3, 6, 7)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= 40
        assert (y0, y1) == (3, 7)
    none = word_boxes(ink_of(width=12), [20.0], [(0, 1)])
    assert none == [(11, 0, 12, 10)]


def test_more_words_than_columns():
    boxes = word_boxes(
        ink_of((0, 3, 0, 5), width=3), [1, 1, 1, 1, 1], [(i, i + 1) for i in range(5)]
    )
    assert len(boxes) == 5
    assert all(0 <= x0 < x1 <= 3 and 0 <= y0 < y1 <= 10 for x0, y0, x1, y1 in boxes)


def test_what_the_language_model_added_stands_between_its_neighbours():
    draft, places, chances = "hous", [0.1, 0.3, 0.5, 0.9], [0.9, 0.8, 0.7, 0.6]
    assert align_characters(draft, draft, places, chances) == list(
        zip(places, chances, strict=True)
    )
    seen = align_characters("house", draft, places, chances)
    assert seen[:4] == list(zip(places, chances, strict=True))
    assert seen[4] == (pytest.approx(0.95), 0.5)
    middle = align_characters("hoXus", draft, places, chances)
    assert middle[2] == (pytest.approx(0.4), 0.5)
    foreign = align_characters("ab", draft, places, chances)
    assert [chance for _, chance in foreign] == [0.5, 0.5]
    assert 0 < foreign[0][0] < foreign[1][0] < 1


def test_a_word_is_as_sure_as_all_of_its_characters(draw_page):
    layout = cut_page(draw_page(["mm mm"]))
    (tile,) = layout.tiles
    found = SimpleNamespace(
        draft="mm mm", places=(0.2, 0.4, 0.5, 0.6, 0.8), certainties=(0.9, 0.8, 0.1, 1.0, 0.5)
    )
    words = place_words(layout, tile, found, "mm mm", PageFrame(layout.size))
    assert [word.confidence for word in words] == pytest.approx([0.72, 0.5])
    assert place_words(layout, tile, found, "", PageFrame(layout.size)) == ()
    silent = SimpleNamespace(draft="mm mm")
    assert place_words(layout, tile, silent, "mm mm", PageFrame(layout.size)) == ()


def test_a_box_never_leaves_the_page():
    for turned_deg in (0, 90, 180, 270):
        frame = PageFrame((100, 50), 3.0, turned_deg)
        width, height = frame.input_size
        for box in [(-5, -5, 4, 4), (96, 40, 120, 60), (-9, -9, -3, -3), (0, 0, 100, 50)]:
            x0, y0, x1, y1 = frame.to_input(box)
            assert 0 <= x0 < x1 <= width
            assert 0 <= y0 < y1 <= height


def test_tiles_made_by_hand_have_boxes_too(draw_page):
    """A tile that is not the layout's has no owner map: all ink in its box counts."""
    layout = cut_page(draw_page(["mm mm"]))
    (tile,) = layout.tiles
    own = Tile(tile.box, tile.ink, 7, 7, 7)
    found = SimpleNamespace(draft="mm mm", places=(0.2, 0.4, 0.5, 0.6, 0.8), certainties=(0.9,) * 5)
    frame = PageFrame(layout.size)
    made = place_words(layout, own, found, "mm mm", frame)
    known = place_words(layout, tile, found, "mm mm", frame)
    assert [w.text for w in made] == ["mm", "mm"]
    boxes = np.array([w.box for w in made]), np.array([w.box for w in known])
    assert np.abs(boxes[0] - boxes[1]).max() <= 2
