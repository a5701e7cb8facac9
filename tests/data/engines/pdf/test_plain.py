import pytest

from vary.data.engines.pdf import plain
from vary.data.engines.pdf.layer import layer_flags, read_characters
from vary.data.engines.pdf.order import read_order
from vary.data.engines.pdf.plain import read_layer

from .conftest import CHINESE, SENTENCES

LIST_MARK = "\uf0a7"


@pytest.fixture
def textpages(make_pdf, pymupdf, tmp_path):
    """Return a function that draws a page and gives its text page."""
    documents = []

    def of(draw):
        document = pymupdf.open(make_pdf(tmp_path / "page.pdf", [draw]))
        documents.append(document)  # the text page needs it
        wrapped = document[0].get_displaylist().get_textpage(layer_flags())
        return wrapped if hasattr(wrapped, "extractWORDS") else pymupdf.TextPage(wrapped)

    return of


def raised_number(page):
    page.insert_text((72, 100), "The number", fontsize=11)
    page.insert_text((127, 96), "2", fontsize=6)
    page.insert_text((132, 100), "stands above the line.", fontsize=11)


def turned_and_hidden(page):
    page.insert_text((72, 100), "A line that is seen.", fontsize=11)
    page.insert_text((300, 400), "turned", fontsize=11, rotate=90)
    page.insert_text((72, 130), "under a scan", fontsize=11, render_mode=3)


def half_hidden(page):
    page.insert_text((72, 100), "Seen and ", fontsize=11)
    page.insert_text((120, 100), "not seen", fontsize=11, render_mode=3)


def accents(page):
    page.insert_text((72, 100), "Zoë’s café – “naïve”, 20 °C; × or ÷", fontsize=11)


def overprinted(page):
    page.insert_text((72, 100), "naıve ", fontsize=11)
    page.insert_text((82, 100), " ¨ and more", fontsize=11)


def mixed(page):
    page.insert_text((72, 100), "English words", fontsize=11)
    page.insert_text((72, 130), CHINESE[0], fontsize=11, fontname="china-s")


def empty(page):
    page.draw_line((72, 100), (300, 100))


def of_sentences(page):
    for row, line in enumerate(SENTENCES):
        page.insert_text((72, 100 + 14 * row), line, fontsize=11)


@pytest.mark.parametrize(
    "draw",
    [
        of_sentences,
        raised_number,
        turned_and_hidden,
        half_hidden,
        accents,
        overprinted,
        mixed,
        empty,
    ],
)
def test_words_tell_what_characters_tell(textpages, draw):
    textpage = textpages(draw)
    assert read_layer(textpage) == read_characters(textpage)


def test_most_pages_are_read_without_their_characters(textpages, monkeypatch):
    textpage = textpages(of_sentences)
    monkeypatch.delattr(plain, "read_characters")
    layer = read_layer(textpage)
    assert [len(fragment.pieces) for fragment in layer.fragments] == [
        len(line.split()) for line in SENTENCES
    ]
    with pytest.raises(NameError):
        read_layer(textpages(mixed))


class Told:
    """A text page of one line, as PyMuPDF tells it: each word in a span of its own."""

    def __init__(self, *spans):
        self.spans, self.words = [], []
        for number, (text, font, size) in enumerate(spans):
            x = 50.0 * number
            box = (x, 90.0, x + 40.0, 102.0)
            for at, word in enumerate(text.split()):
                left = x + 10.0 * at
                self.words.append((left, 90.0, left + 9.0, 102.0, word, 0, 0, len(self.words)))
            self.spans.append(
                {"text": text, "font": font, "size": size, "char_flags": 16, "alpha": 255}
                | {"origin": (x, 100.0), "bbox": box}
            )

    def extractWORDS(self):  # noqa: N802 - PyMuPDF's name
        return self.words

    def extractDICT(self):  # noqa: N802
        line = {"dir": (1.0, 0.0), "wmode": 0, "spans": self.spans}
        return {"blocks": [{"lines": [line]}, {"type": 1}]}


def test_marks_of_lists_are_told_by_their_font():
    layer = read_layer(Told((f"{LIST_MARK} ", "Wingdings", 11), ("an item", "Times", 11)))
    assert [piece.text for piece in layer.fragments[0].pieces] == ["▪", "an", "item"]
    assert (layer.characters, layer.undecoded) == (7, 0)


def test_words_without_unicode_are_counted_and_left_out():
    layer = read_layer(Told(("\ufffd\ufffd ", "Mono", 7), ("is code", "Times", 11)))
    (fragment,) = layer.fragments
    assert [(piece.text, piece.space) for piece in fragment.pieces] == [
        ("is", False),
        ("code", True),
    ]
    assert (layer.characters, layer.undecoded, fragment.size) == (8, 2, 11)


def test_a_line_of_glyphs_without_unicode_gives_nothing():
    layer = read_layer(Told(("\ufffd\x03 \ufffd", "Mono", 7)))
    assert (layer.fragments, layer.characters, layer.undecoded) == ([], 3, 3)


def test_parts_of_drawings_are_no_text():
    layer = read_layer(Told(("ab", "ABCDEF+LINE10", 10)))
    assert (layer.fragments, layer.characters) == ([], 0)


@pytest.mark.parametrize(
    "spans",
    [
        [("half\ufffd known", "Times", 11)],
        [("ab", "LINE10", 10), (" words", "Times", 11)],
    ],
)
def test_what_words_do_not_tell_is_read_by_characters(spans, monkeypatch):
    monkeypatch.setattr(plain, "read_characters", lambda page: "by characters")
    assert read_layer(Told(*spans)) == "by characters"


def test_a_span_whose_leading_space_stands_elsewhere(monkeypatch):
    monkeypatch.setattr(plain, "read_characters", lambda page: "by characters")
    page = Told((" Heading", "Times", 11))
    page.spans[0]["origin"] = (0.0, 90.0)
    assert read_layer(page) == "by characters"
    # Beside a longer span that tells where it stands, it does not matter.
    page = Told((" I ", "Times", 11), ("and a longer text", "Times", 11))
    page.spans[0]["origin"] = (0.0, 90.0)
    assert read_layer(page).fragments[0].baseline == 100.0


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        # A program that sets the gap between Chinese and Latin gives a space to one side of it.
        ([("支持", 72), ("AXI ", 97), ("传输", 120)], "支持AXI传输"),
        ([("用", 72), (" Python 3 ", 83), ("写", 134.8)], "用Python 3写"),
        ([("第一章", 72), ("概述", 113)], "第一章 概述"),
        ([("支持；", 72), ("1. ", 106), ("传输", 119)], "支持；1. 传输"),
    ],
)
def test_gaps_between_chinese_and_latin_are_no_spaces(textpages, drawn, text):
    def draw(page):
        for part, x in drawn:
            font = "helv" if part.isascii() else "china-s"
            page.insert_text((x, 100), part, fontsize=11, fontname=font)

    layer = read_characters(textpages(draw))
    assert [line.text for line in read_order(layer.fragments)] == [text]
