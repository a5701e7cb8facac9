import io

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.engines.pdf.made import make_page

from .conftest import CHINESE, SENTENCES

WHITE = (1, 1, 1)


@pytest.fixture
def page_of(pymupdf):
    """Return a function that gives a page as drawn by a function."""

    def of(draw, size=(595, 842)):
        document = pymupdf.open()
        page = document.new_page(width=size[0], height=size[1])
        draw(page)
        # As from a file: what was just drawn is else seen otherwise.
        return pymupdf.open(stream=document.tobytes(), filetype="pdf").load_page(0)

    return of


def made_from(page, config, long_side_px=1024, dpi=None):
    return make_page(page, config, long_side_px=long_side_px, dpi=dpi)


def why(page, config, **size):
    with pytest.raises(Reject) as caught:
        made_from(page, config, **size)
    return caught.value.reason


def test_a_page_says_what_it_shows(page_of, prose, config):
    made = made_from(page_of(prose()), config())
    assert made.text == "\n".join(SENTENCES)
    assert [word[0] for word in made.words] == " ".join(SENTENCES).split()
    image = Image.open(io.BytesIO(made.image))
    assert image.size == made.size == (724, 1024)
    assert image.mode == "L"  # nothing on it has a colour


def test_boxes_hold_all_the_ink_of_their_words(page_of, prose, config):
    made = made_from(page_of(prose([line[:40] for line in SENTENCES], size=20)), config(), dpi=144)
    ink = np.asarray(Image.open(io.BytesIO(made.image)).convert("L")) < 200
    outside = ink.copy()
    for _, x0, y0, x1, y1 in made.words:
        rows, columns = (np.flatnonzero(ink[y0:y1, x0:x1].any(axis=axis)) for axis in (1, 0))
        # Near the ink: fonts tell outlines to a hair's breadth, a few by their hulls.
        assert rows[0] <= 5
        assert columns[0] <= 5
        assert y1 - y0 - rows[-1] <= 6
        assert x1 - x0 - columns[-1] <= 6
        outside[y0:y1, x0:x1] = False
    assert not outside.any()


def test_two_columns(page_of, prose, config):
    def draw(page):
        prose(["Title of the page over both of its columns"], x=120, y=60, size=18)(page)
        prose([f"L{row} {line[:34]}" for row, line in enumerate(SENTENCES)], x=50)(page)
        prose([f"R{row} {line[:34]}" for row, line in enumerate(SENTENCES)], x=320)(page)

    lines = made_from(page_of(draw), config()).text.split()
    marks = [word for word in lines if word[1:].isdigit()]
    assert marks == [f"{side}{row}" for side in "LR" for row in range(6)]


def test_chinese_has_a_box_per_character(page_of, prose, config):
    draw = prose([*CHINESE, "第三行写着 PDF 和 OCR 两个词。"], fontname="china-s")
    made = made_from(page_of(draw), config(language="zh"))
    assert "".join(made.text.split()) == "".join([*CHINESE, "第三行写着PDF和OCR两个词。"])
    assert [word[0] for word in made.words if word[0].isascii()] == ["PDF", "OCR"]
    assert len(made.words) == sum(map(len, CHINESE)) + len("第三行写着和两个词。") + 2


def test_colour_is_kept_and_formats_are_as_asked(page_of, prose, config):
    page = page_of(prose(color=(0.8, 0.1, 0.1)))
    for image, name in (("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")):
        made = made_from(page, config(image=image))
        picture = Image.open(io.BytesIO(made.image))
        assert (picture.format, picture.mode) == (name, "RGB")


def test_a_page_turned_for_display_is_read_as_displayed(page_of, prose, config):
    def draw(page):
        for row, line in enumerate(SENTENCES):
            page.insert_text((100 + 15 * row, 700), line, rotate=90, fontsize=11)
        page.set_rotation(90)

    made = made_from(page_of(draw), config())
    assert made.size == (1024, 724)
    assert made.text == "\n".join(SENTENCES)


def test_pages_without_text(page_of, config):
    assert why(page_of(lambda page: page.draw_circle((100, 100), 50)), config()) == "no text layer"


def test_text_that_no_one_sees(page_of, prose, config):
    assert why(page_of(prose(render_mode=3)), config()) == "invisible text"
    assert why(page_of(prose(color=WHITE)), config()) == "words without ink"
    assert why(page_of(prose(fill_opacity=0)), config()) == "invisible text"


def test_text_that_is_covered_or_off_the_page(page_of, prose, config):
    def covered(page):
        prose()(page)
        page.draw_rect((60, 80, 300, 200), color=WHITE, fill=WHITE)

    assert why(page_of(covered), config()) == "words without ink"
    assert why(page_of(prose(x=400)), config()) == "text off the page"


def test_a_little_that_is_not_seen_is_left_out(page_of, prose, config):
    def draw(page):
        prose()(page)
        page.insert_text((300, 600), "ok", color=WHITE)
        page.insert_text((20, 800), "x", rotate=90)

    made = made_from(page_of(draw), config())
    assert made.text == "\n".join(SENTENCES)
    assert made.meta["left_out"] == {"undecoded": 0, "invisible": 0, "turned": 1, "unseen": 2}


def test_turned_text(page_of, prose, config):
    assert why(page_of(prose(rotate=180, y=400, x=500)), config()) == "turned text"


def test_sizes_that_do_not_do(page_of, prose, config):
    page = page_of(prose())
    assert why(page, config(), long_side_px=256) == "type too small"
    assert why(page_of(prose(), size=(595, 14_000)), config(), dpi=100) == "page too large"


def test_the_paragraph_target_undoes_hyphens(page_of, prose, config):
    lines = ["Nobody hurries in the har-", "bour, and well-known pe-", "ople know it."]
    made = made_from(page_of(prose(lines)), config(target="paragraphs"))
    assert made.text == "Nobody hurries in the harbour, and well-known people know it."
    assert [word[0] for word in made.words][4:6] == ["har-", "bour,"]
