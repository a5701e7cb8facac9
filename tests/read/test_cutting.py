"""Pages drawn with Pillow's own font, cut, and each drawn word looked up in the tiles."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from vary.read.cutting import CuttingConfig, PageLayout, Tile, cut_page, has_ink, tile_strip

SIZE = 20
PITCH = 27
LOREM = (
    "the quick brown fox jumps over a lazy dog while many people gladly watch every big "
    "thing that happens by the old bridge and keep quiet about what they have seen there"
)


class Page:
    """A drawn page that remembers where each text stands."""

    def __init__(self, width: int = 900, height: int = 1000, paper: int = 255) -> None:
        self.image = Image.new("L", (width, height), paper)
        self.pen = ImageDraw.Draw(self.image)
        self.texts: list[tuple[str, tuple[float, float, float, float]]] = []

    def text(self, x: float, y: float, text: str, size: int = SIZE, fill: int = 0) -> float:
        """Draw a text with its top left at x, y; return where it ends."""
        font = ImageFont.load_default(size=size)
        self.pen.text((x, y), text, font=font, fill=fill)
        box = self.pen.textbbox((x, y), text, font=font)
        self.texts.append((text, box))
        return box[2]

    def column(
        self, x: float, y: float, width: float, lines: int, mark: str = "", pitch: int = PITCH
    ) -> None:
        """Draw running text, flush to `width`; each line begins with the mark and its number."""
        font = ImageFont.load_default(size=SIZE)
        filler = LOREM.split()
        word = len(mark)
        for line in range(lines):
            words = [f"{mark}{line}"]
            while True:
                following = filler[word % len(filler)]
                if font.getlength(" ".join([*words, following])) > width:
                    break
                words.append(following)
                word += 1
            slack = width - sum(font.getlength(w) for w in words)
            space = slack / max(1, len(words) - 1)
            at = x
            for drawn in words:
                self.pen.text((at, y + line * pitch), drawn, font=font, fill=0)
                at += font.getlength(drawn) + space
            box = (x, y + line * pitch, x + width, y + line * pitch + SIZE)
            self.texts.append((words[0], (box[0], box[1], box[0] + 20, box[3])))

    def order(self, layout: PageLayout) -> list[str]:
        """Return the remembered texts by the tile that holds their middle, tile after tile."""
        found: list[tuple[int, float, str]] = []
        for text, (x0, y0, x1, y1) in self.texts:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            inside = [
                (abs(y - (tile.ink[1] + tile.ink[3]) / 2), number)
                for number, tile in enumerate(layout.tiles)
                if tile.ink[0] - 1 <= x <= tile.ink[2] + 1 and tile.ink[1] <= y <= tile.ink[3]
            ]
            assert inside, f"{text!r} lies in no tile"
            found.append((min(inside)[1], x0, text))
        return [text for _, _, text in sorted(found)]


def lines_of(layout: PageLayout) -> list[list[Tile]]:
    """Return the tiles by visual line."""
    numbers = sorted({tile.line for tile in layout.tiles})
    return [[tile for tile in layout.tiles if tile.line == number] for number in numbers]


def ink_of(strip: np.ndarray) -> tuple[int, int]:
    """Return the first row with ink and the row after the last."""
    rows = np.flatnonzero((strip < 128).any(axis=1))
    return int(rows[0]), int(rows[-1]) + 1


def test_one_column_gives_one_tile_per_line_from_the_top() -> None:
    page = Page()
    page.column(80, 100, 600, 12, "L")
    layout = cut_page(page.image)
    assert not layout.blank
    assert layout.size == (900, 1000)
    assert len(layout.tiles) == 12
    assert page.order(layout) == [f"L{n}" for n in range(12)]
    assert {tile.block for tile in layout.tiles} == {0}
    assert [tile.line for tile in layout.tiles] == list(range(12))


def test_two_columns_are_read_one_after_the_other() -> None:
    page = Page()
    page.column(60, 100, 370, 20, "A")
    page.column(470, 111, 370, 20, "B")
    layout = cut_page(page.image)
    assert page.order(layout) == [f"A{n}" for n in range(20)] + [f"B{n}" for n in range(20)]
    assert len({tile.block for tile in layout.tiles}) == 2


def test_two_columns_on_common_baselines_are_still_columns() -> None:
    page = Page()
    page.column(60, 100, 370, 20, "A")
    page.column(470, 100, 370, 20, "B")
    layout = cut_page(page.image)
    assert page.order(layout) == [f"A{n}" for n in range(20)] + [f"B{n}" for n in range(20)]


def test_three_columns() -> None:
    page = Page(width=1300)
    for number, mark in enumerate("ABC"):
        page.column(60 + 405 * number, 100 + 9 * number, 370, 16, mark)
    layout = cut_page(page.image)
    assert page.order(layout) == [f"{mark}{n}" for mark in "ABC" for n in range(16)]


def test_heading_across_columns_parts_them() -> None:
    page = Page()
    page.column(60, 60, 370, 8, "A")
    page.column(470, 60, 370, 8, "B")
    page.text(150, 330, "A heading that stands across both of the columns", 26)
    page.column(60, 420, 370, 10, "C")
    page.column(470, 420, 370, 10, "D")
    order = page.order(cut_page(page.image))
    heading = next(n for n, text in enumerate(order) if text.startswith("A heading"))
    assert order[:heading] == [f"A{n}" for n in range(8)] + [f"B{n}" for n in range(8)]
    assert order[heading + 1 :] == [f"C{n}" for n in range(10)] + [f"D{n}" for n in range(10)]


def numbered(mark: str, lines: int) -> list[str]:
    return [f"{mark}{number}" for number in range(lines)]


def test_a_narrow_heading_between_sections_parts_columns_that_end_and_go_on_together() -> None:
    page = Page()
    page.column(60, 60, 370, 9, "A")
    page.column(470, 60, 370, 9, "B")
    page.text(60, 345, "2 A heading", 28)
    page.column(60, 400, 370, 12, "C")
    page.column(470, 400, 370, 12, "D")
    sections = [*numbered("A", 9), *numbered("B", 9), "2 A heading"]
    expected = [*sections, *numbered("C", 12), *numbered("D", 12)]
    assert page.order(cut_page(page.image)) == expected


@pytest.mark.parametrize("right_lines", [24, 16, 5])
def test_a_heading_in_a_column_with_text_beside_it_parts_nothing(right_lines: int) -> None:
    page = Page()
    page.column(60, 60, 370, 9, "A")
    page.text(60, 345, "2 A heading", 28)
    page.column(60, 400, 370, 12, "C")
    page.column(470, 60, 370, right_lines, "B")
    left = [*numbered("A", 9), "2 A heading", *numbered("C", 12)]
    assert page.order(cut_page(page.image)) == [*left, *numbered("B", right_lines)]


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_line_between_columns_tells_where_they_end(is_broken: bool) -> None:
    page = Page()
    page.column(60, 60, 370, 9, "A")
    page.column(470, 60, 370, 8, "B")  # a row less, so that only the line tells
    page.text(60, 345, "2 A heading", 28)
    page.column(60, 400, 370, 12, "C")
    page.column(470, 400, 370, 12, "D")
    page.pen.line((450, 60, 450, 300 if is_broken else 720), fill=0, width=2)
    page.pen.line((450, 400, 450, 720), fill=0, width=2)
    top = [numbered("A", 9), numbered("B", 8)]
    foot = [["2 A heading", *numbered("C", 12)], numbered("D", 12)]
    order = [*top, *foot] if is_broken else [top[0], foot[0], top[1], foot[1]]
    assert page.order(cut_page(page.image)) == [text for part in order for text in part]


def test_running_heads_and_page_number_are_read_apart_from_the_columns() -> None:
    page = Page()
    page.text(60, 30, "Author et al.", 16)
    page.text(720, 30, "A short title", 16)
    page.column(60, 100, 370, 20, "A")
    page.column(470, 107, 370, 20, "B")
    page.text(80, 720, "12", 16)
    order = page.order(cut_page(page.image))
    assert order[:2] == ["Author et al.", "A short title"]
    assert order[2:-1] == [f"A{n}" for n in range(20)] + [f"B{n}" for n in range(20)]
    assert order[-1] == "12"


def test_sidebar_is_read_after_the_title_over_the_main_column() -> None:
    page = Page()
    page.text(340, 60, "A title over the main column", 30)
    page.text(340, 120, "An author")
    page.column(50, 222, 190, 12, "S", pitch=30)
    page.column(340, 200, 500, 20, "M")
    order = page.order(cut_page(page.image))
    assert order[:2] == ["A title over the main column", "An author"]
    assert order[2:14] == [f"S{n}" for n in range(12)]
    assert order[14:] == [f"M{n}" for n in range(20)]


def test_centred_line_whose_word_gap_lies_over_the_gutter_stays_whole() -> None:
    page = Page()
    end = page.text(340, 60, "January")
    page.text(end + 22, 60, "3, 2024")
    page.column(end + 11 - 385, 130, 370, 16, "A")
    page.column(end + 11 + 15, 141, 370, 16, "B")
    order = page.order(cut_page(page.image))
    assert order[:3] == ["January", "3, 2024", "A0"]


def test_labels_with_values_stay_on_their_visual_lines() -> None:
    page = Page()
    pairs = [
        ("Name", "Josephine Smith of Cupertino"),
        ("District representative", "Anjali K."),
        ("Telephone number", "408 252 3000 extension 61"),
        ("Date", "6 April"),
        ("Superintendent", "Wendy G. and others"),
        ("Place", "1309 Mary Avenue"),
    ]
    expected = []
    for number, (label, value) in enumerate(pairs):
        page.text(80, 100 + number * 30, label)
        page.text(480, 100 + number * 30, value)
        expected += [label, value]
    layout = cut_page(page.image)
    assert page.order(layout) == expected
    assert len(lines_of(layout)) == len(pairs)


def test_hanging_numbers_stay_with_their_lines() -> None:
    page = Page()
    for number in range(6):
        page.text(80, 100 + 3 * PITCH * number, f"[{number}]")
        page.column(150, 100 + 3 * PITCH * number, 560, 3, f"R{number}.")
    order = page.order(cut_page(page.image))
    expected = []
    for number in range(6):
        expected += [f"[{number}]", *(f"R{number}.{line}" for line in range(3))]
    assert order == expected


def test_ruling_lines_and_underlines_are_taken_out() -> None:
    page = Page()
    page.pen.line((60, 80, 840, 80), fill=0, width=2)
    page.column(80, 100, 600, 6, "L")
    page.pen.rectangle((60, 90, 720, 280), outline=0, width=1)
    page.text(80, 320, "underlined words")
    page.pen.line((80, 342, 250, 342), fill=0, width=1)
    layout = cut_page(page.image)
    assert len(layout.tiles) == 7
    assert layout.image[81, 400] == 255
    assert layout.image[180, 60] == 255
    assert (layout.image[342, 80:250] > 200).mean() > 0.8


def test_long_dash_in_a_line_is_kept() -> None:
    page = Page()
    page.column(80, 60, 600, 8, "L")
    end = page.text(80, 320, "before", 40)
    page.pen.line((end + 8, 347, end + 98, 347), fill=0, width=3)
    page.text(end + 106, 320, "after", 40)
    layout = cut_page(page.image)
    assert (layout.image[346:349, int(end) + 12 : int(end) + 90] < 100).any(axis=0).all()


def test_grey_background_is_flattened() -> None:
    page = Page(paper=225)
    page.pen.rectangle((50, 300, 800, 500), fill=190)
    page.column(80, 60, 600, 6, "L")
    page.column(80, 330, 600, 5, "G")
    layout = cut_page(page.image)
    assert page.order(layout) == [f"L{n}" for n in range(6)] + [f"G{n}" for n in range(5)]
    assert (layout.image[310:320, 60:780] > 250).all()
    assert layout.image[5, 5] > 250


def test_paper_that_darkens_to_one_side_is_flattened() -> None:
    page = Page()
    page.column(80, 60, 600, 10, "L")
    shade = np.linspace(0.55, 1.0, page.image.width)[None, :]
    photographed = Image.fromarray((np.asarray(page.image) * shade).astype(np.uint8))
    layout = cut_page(photographed)
    assert page.order(layout) == [f"L{n}" for n in range(10)]
    assert (layout.image[400:] > 240).all()


@pytest.mark.parametrize("fill", [0, 110])
def test_inverted_banner_is_turned(fill: int) -> None:
    page = Page()
    page.column(80, 60, 600, 6, "L")
    page.pen.rectangle((60, 300, 800, 340), fill=fill)
    page.text(80, 308, "white on dark", fill=255)
    page.column(80, 380, 600, 4, "M")
    layout = cut_page(page.image)
    order = page.order(layout)
    assert order == [f"L{n}" for n in range(6)] + ["white on dark"] + [f"M{n}" for n in range(4)]
    strip = tile_strip(layout, layout.tiles[6])
    assert np.median(strip) > 240
    assert strip.min() < 90


def test_dark_page_is_turned() -> None:
    page = Page()
    page.column(80, 60, 600, 12, "L")
    layout = cut_page(Image.fromarray(255 - np.asarray(page.image)))
    assert page.order(layout) == [f"L{n}" for n in range(12)]
    assert np.median(layout.image) > 240


@pytest.mark.parametrize("angle", [-2.6, 0.8, 3.0])
def test_skew_is_found_and_taken_out(angle: float) -> None:
    page = Page()
    page.column(120, 100, 600, 24, "L")
    turned = page.image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=255)
    layout = cut_page(turned)
    assert layout.angle_deg == pytest.approx(angle, abs=0.15)
    assert page.order(layout) == [f"L{n}" for n in range(24)]
    assert len(layout.tiles) == 24


def test_banner_on_a_skewed_page_is_turned_too() -> None:
    page = Page()
    page.column(120, 100, 600, 20, "L")
    page.pen.rectangle((100, 700, 800, 740), fill=60)
    page.text(120, 708, "white on dark", fill=255)
    layout = cut_page(page.image.rotate(2, Image.Resampling.BICUBIC, fillcolor=255))
    assert page.order(layout) == [f"L{n}" for n in range(20)] + ["white on dark"]


def test_level_page_is_not_turned() -> None:
    page = Page()
    page.column(120, 100, 600, 24, "L")
    assert cut_page(page.image).angle_deg == 0


def test_superscripts_that_bridge_the_gap_do_not_join_lines() -> None:
    page = Page()
    page.column(80, 100, 420, 8, "L", pitch=23)
    for line in range(8):
        page.text(502, 100 + line * 23 - 5, "2q", 13)
        page.text(525 + 5 * line, 100 + line * 23, "and on")
    layout = cut_page(page.image)
    lines = lines_of(layout)
    assert len(lines) == 8
    assert all(line[-1].ink[2] > 570 and line[0].ink[0] < 90 for line in lines)


def test_letters_that_touch_the_next_line_are_cut() -> None:
    page = Page()
    page.column(80, 100, 600, 6, "L")
    page.pen.line((300, 110, 300, 145), fill=0, width=2)
    layout = cut_page(page.image)
    assert len(lines_of(layout)) == 6


def test_letter_spaced_heading_is_one_line() -> None:
    page = Page()
    page.column(80, 200, 600, 6, "L")
    for number, letter in enumerate("ABSTRACT"):
        page.text(200 + 36 * number, 120, letter)
    layout = cut_page(page.image)
    heading = lines_of(layout)[0]
    assert len(heading) == 1
    assert heading[0].ink[0] < 210
    assert heading[0].ink[2] > 200 + 36 * 7


def test_parts_of_a_letter_stay_together() -> None:
    page = Page()
    page.column(80, 200, 600, 6, "L")
    for offset in (0, 6, 12):
        page.pen.line((300, 120 + offset, 316, 120 + offset), fill=0, width=2)
    layout = cut_page(page.image)
    assert len(layout.tiles) == 7
    assert layout.tiles[0].ink[1] <= 120
    assert layout.tiles[0].ink[3] >= 132


def test_big_title_beside_small_text() -> None:
    page = Page()
    page.text(60, 80, "Big", 90)
    page.text(330, 90, "first small line")
    page.text(330, 125, "second small line")
    page.column(60, 260, 600, 8, "L")
    layout = cut_page(page.image)
    order = page.order(layout)
    assert order.index("first small line") + 1 == order.index("second small line")
    big = next(tile for tile in layout.tiles if tile.ink[3] - tile.ink[1] > 50)
    assert big.ink[2] < 330


def test_picture_without_text_is_dropped() -> None:
    page = Page()
    page.column(80, 60, 600, 8, "L")
    page.pen.ellipse((100, 350, 400, 650), fill=60)
    page.pen.polygon([(450, 650), (600, 380), (750, 650)], fill=0)
    layout = cut_page(page.image)
    assert page.order(layout) == [f"L{n}" for n in range(8)]
    assert len(layout.tiles) == 8


@pytest.mark.parametrize("paper", [255, 200, 0])
def test_blank_page(paper: int) -> None:
    layout = cut_page(Image.new("L", (700, 900), paper))
    assert layout.blank
    assert layout.tiles == ()
    assert layout.size == (700, 900)
    assert layout.image.shape == (900, 700)
    assert not has_ink(Image.new("L", (700, 900), paper))


@pytest.mark.parametrize("box", [(100, 200, 600, 203), (0, 0, 700, 300)])
def test_a_page_with_a_rule_or_a_dark_picture_alone_has_ink_but_no_tiles(
    box: tuple[int, int, int, int],
) -> None:
    image = Image.new("L", (700, 900), 255)
    image.paste(0, box)
    layout = cut_page(image)
    assert layout.tiles == ()
    assert not layout.blank
    assert has_ink(image)


@pytest.mark.parametrize("paper", [255, 60])
def test_a_few_pale_letters_are_ink(paper: int) -> None:
    """Those that are found at once, and those that show only when the page was cleaned."""
    image = Image.new("L", (3000, 2400), paper)
    assert not has_ink(image)
    fill = paper - 40 if paper == 255 else paper + 150
    ImageDraw.Draw(image).text((900, 900), "page", fill, font=ImageFont.load_default(60))
    assert has_ink(image)
    assert has_ink(np.asarray(image.convert("RGB")))
    assert not cut_page(image).blank


def test_grainy_blank_page() -> None:
    grain = np.random.default_rng(0).normal(235, 3, (900, 700))
    page = grain.clip(0, 255).astype(np.uint8)
    assert cut_page(page).blank
    assert not has_ink(page)


def test_long_line_is_split_at_a_word_gap_and_keeps_its_number() -> None:
    page = Page(width=1500)
    page.column(40, 100, 1400, 5, "L")
    layout = cut_page(page.image)
    lines = lines_of(layout)
    assert len(lines) == 5
    for line in lines:
        assert len(line) >= 2
        for left, right in pairwise(line):
            assert right.ink[0] - left.ink[2] >= 4
        assert all(tile_strip(layout, tile).shape[1] <= 1536 for tile in line)


def test_scale_rule_does_not_blow_up_lines_without_tall_letters() -> None:
    page = Page()
    page.column(80, 100, 600, 8, "Lg")
    page.text(80, 100 + 8 * PITCH, "or even a canoe as we saw")
    page.text(80, 100 + 9 * PITCH, ". . . .")
    layout = cut_page(page.image)
    assert len(layout.tiles) == 10
    heights = [tile.box[3] - tile.box[1] for tile in layout.tiles]
    assert max(heights) - min(heights) <= 0.15 * max(heights)
    top, bottom = ink_of(tile_strip(layout, layout.tiles[9]))
    assert bottom - top < 12


def test_strip_size_polarity_and_ink_share() -> None:
    page = Page()
    page.column(80, 100, 600, 8, "Lg")
    layout = cut_page(page.image)
    for tile in layout.tiles:
        strip = tile_strip(layout, tile)
        assert strip.dtype == np.uint8
        assert strip.shape[0] == 48
        assert strip.shape[1] <= 1536
        assert np.median(strip) > 240
        top, bottom = ink_of(strip)
        assert 27 <= bottom - top <= 37
        assert abs((top + bottom) / 2 - 24) <= 3
        columns = np.flatnonzero((strip < 128).any(axis=0))
        assert 8 <= columns[0] <= 16


def test_strip_shows_only_its_own_line() -> None:
    page = Page()
    for line in range(5):
        page.text(80, 100 + line * 21, "gypsy quipping jolly fly")
    layout = cut_page(page.image)
    assert len(layout.tiles) == 5
    strip = tile_strip(layout, layout.tiles[2])
    top, bottom = ink_of(strip)
    assert top >= 4
    assert bottom <= 44


def test_pale_text_is_stretched() -> None:
    page = Page()
    page.column(80, 60, 600, 6, "L")
    page.text(80, 300, "pale grey words", fill=170)
    layout = cut_page(page.image)
    assert tile_strip(layout, layout.tiles[-1]).min() < 100


def test_paragraphs_are_numbered() -> None:
    page = Page()
    page.column(80, 100, 600, 4, "A")
    page.column(80, 100 + 4 * PITCH + 20, 600, 3, "B")
    page.column(120, 100 + 7 * PITCH + 20, 560, 1, "I")
    page.column(80, 100 + 8 * PITCH + 20, 600, 2, "C")
    numbers = [tile.paragraph for tile in cut_page(page.image).tiles]
    assert numbers == [0] * 4 + [1] * 3 + [2] * 3


def test_coloured_text_keeps_its_contrast() -> None:
    image = Image.new("RGB", (500, 200), "white")
    font = ImageFont.load_default(size=24)
    ImageDraw.Draw(image).text((40, 60), "yellow words", font=font, fill=(255, 200, 0))
    layout = cut_page(image)
    assert len(layout.tiles) == 1
    assert tile_strip(layout, layout.tiles[0]).min() < 120


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_is_taken(mode: str) -> None:
    page = Page(width=500, height=200)
    page.text(40, 60, "some words")
    assert len(cut_page(page.image.convert("RGB").convert(mode)).tiles) == 1


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 12), (2000, 5)])
def test_tiny_images_are_taken(size: tuple[int, int]) -> None:
    layout = cut_page(Image.new("L", size, 255))
    assert layout.blank
    assert layout.size == size


def test_a_single_line_image_is_one_tile() -> None:
    page = Page(width=220, height=32)
    page.text(6, 4, "Only this line")
    layout = cut_page(page.image)
    assert len(layout.tiles) == 1


def test_large_scan_gives_boxes_in_its_own_pixels() -> None:
    page = Page()
    page.column(80, 100, 600, 12, "L")
    factor = 5
    big = page.image.resize((900 * factor, 1000 * factor), Image.Resampling.BICUBIC)
    layout = cut_page(big)
    assert layout.image.shape == (5000, 4500)
    assert len(layout.tiles) == 12
    small = cut_page(page.image)
    for tile, other in zip(layout.tiles, small.tiles, strict=True):
        assert np.allclose(np.array(tile.ink) / factor, other.ink, atol=2)
    strip = tile_strip(layout, layout.tiles[3])
    assert strip.shape[0] == 48
    assert abs(strip.shape[1] - tile_strip(small, small.tiles[3]).shape[1]) < 100


def test_noise_and_photos_do_not_crash() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 600, 3)).astype(np.uint8)
    y, x = np.mgrid[0:500, 0:700]
    photo = (127 + 90 * np.sin(x / 37.0) * np.cos(y / 51.0)).astype(np.uint8)
    for image in (noise, photo):
        layout = cut_page(image)
        for tile in layout.tiles:
            assert tile_strip(layout, tile).shape[0] == 48


def test_config_sets_the_strip_width() -> None:
    page = Page()
    page.column(80, 100, 700, 3, "L")
    wide = cut_page(page.image)
    narrow = cut_page(page.image, CuttingConfig(strip_max_width_px=500))
    assert len(narrow.tiles) > len(wide.tiles)
    config = CuttingConfig(strip_height_px=32, strip_max_width_px=200)
    small = cut_page(page.image, config)
    shapes = [tile_strip(small, tile, config).shape for tile in small.tiles]
    assert {height for height, _ in shapes} == {32}
    assert 100 < max(width for _, width in shapes) <= 200
    top, bottom = ink_of(tile_strip(small, small.tiles[0], config))
    assert 17 <= bottom - top <= 25
    assert len(lines_of(narrow)) == len(lines_of(wide))
