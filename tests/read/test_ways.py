"""Pages that are read whole, by a recognizer that answers with what it is given."""

import json
import zlib

import numpy as np
import pytest

from vary.errors import VaryError
from vary.read.documents import DocumentConfig
from vary.read.page_recognizer import PageReading, PageRecognizer
from vary.read.reader import Reader
from vary.read.results import DocumentResult, render_pages

TEXT = "A heading\n\nThe first line of a para-\ngraph that goes on\n\n* the last line"


class InkPages:
    """Answers with a sum over each page's pixels, or with a given reading."""

    tasks = ("ocr",)

    def __init__(self, reading: PageReading | None = None) -> None:
        self.reading = reading
        self.batches: list[int] = []
        self.sizes: list[tuple[int, int]] = []

    def read_pages(self, pages) -> list[PageReading]:
        self.batches.append(len(pages))
        self.sizes += [page.size for page in pages]
        if self.reading:
            return [self.reading] * len(pages)
        return [PageReading(f"{zlib.crc32(np.asarray(page)):08x}", 0.5) for page in pages]


@pytest.fixture
def read(draw_page):
    """Return a function that reads one page with a given reading."""

    def run(*arguments, min_confidence=0.0, **settings):
        recognizer = InkPages(PageReading(*arguments, **settings))
        (result,) = Reader(recognizer, min_confidence=min_confidence).read(draw_page(["ink"]))
        return result

    return run


@pytest.fixture
def scan(tmp_path, draw_page, write_pdf):
    """Return a PDF of pages: one, blank, broken, two, three, four, five."""
    words = ["one", None, "", "two", "three", "four", "five"]
    pages = [None if w == "" else draw_page([w] if w else []) for w in words]
    return write_pdf(tmp_path / "scan.pdf", pages)


STATUSES = ["ok", "blank", "failed", "ok", "ok", "ok", "ok"]


def test_every_page_is_there_whatever_became_of_it(scan, small_pages):
    recognizer = InkPages()
    results = list(Reader(recognizer, documents=small_pages).read(scan))
    assert [result.page for result in results] == [1, 2, 3, 4, 5, 6, 7]
    assert [result.status for result in results] == STATUSES
    assert len({result.text for result in results}) == 6  # two are empty
    assert (results[1].reason, results[1].confidence, results[1].lines) == ("no ink", None, ())
    assert "Failed to load page" in results[2].reason
    assert recognizer.batches == [4, 1]
    assert {result.size for result in results if result.status != "failed"} == {(371, 480)}
    assert set(recognizer.sizes) == {(371, 480)}  # as it was rendered


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_the_batch_size_changes_nothing_but_batches(scan, small_pages, batch_size):
    expected = [result.text for result in Reader(InkPages(), documents=small_pages).read(scan)]
    recognizer = InkPages()
    reader = Reader(recognizer, documents=small_pages, batch_size=batch_size)
    assert [result.text for result in reader.read(scan)] == expected
    assert (sum(recognizer.batches), max(recognizer.batches)) == (5, min(batch_size, 5))


def test_blank_pages_do_not_wait_for_ever(tmp_path, draw_page, write_pdf, small_pages):
    path = write_pdf(tmp_path / "a.pdf", [draw_page([])] * 9)
    reader = Reader(InkPages(), documents=small_pages, batch_size=2)
    opened = []
    prepare = reader.way.prepare
    reader.way.prepare = lambda image: opened.append(image) or prepare(image)
    next(reader.read(path))
    assert len(opened) == 4


def test_the_lines_of_a_page_have_no_boxes(read):
    page = read(TEXT, 0.5, line_confidences=(0.9, 1.0, 0.8, 0.7, 1.0, 0.6), written=TEXT)
    assert (page.status, page.reason, page.text, page.written) == ("ok", "", TEXT, TEXT)
    assert [(line.line, line.paragraph, line.confidence) for line in page.lines] == [
        (0, 0, 0.9),
        (1, 1, 0.8),
        (2, 1, 0.7),
        (3, 2, 0.6),
    ]
    assert {line.box for line in page.lines} == {None}
    assert page.markdown == "A heading\n\nThe first line of a paragraph that goes on\n\n" + (
        r"\* the last line"
    )
    assert (page.confidence, page.decoder, page.angle_deg) == (0.5, "lm", 0.0)


def test_the_json_has_the_shape_of_every_other(read, recognizer, draw_page):
    """The same fields as of a page that was cut into lines; `box` alone is null."""
    whole = read(TEXT, 0.5)
    (cut,) = Reader(recognizer).read(draw_page(["a line"]))
    (document,) = (json.loads("".join(render_pages([page], "json"))) for page in [whole])
    (page,) = document["pages"]
    assert page.keys() == cut.to_dict().keys()
    assert page["lines"][0].keys() == cut.to_dict()["lines"][0].keys()
    assert [line["box"] for line in page["lines"]] == [None] * 4
    assert (page["decoder"], page["decoders"], page["angle_deg"]) == ("lm", {"lm": 4}, 0.0)
    assert {line["confidence"] for line in page["lines"]} == {0.5}


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("loop", "a repetition was cut behind line 4"),
        ("truncated", "the text is longer than what may be written: it has no end"),
    ],
)
def test_the_last_line_has_the_state_of_the_page(read, status, told):
    page = read(TEXT, 0.5, status)
    assert (page.status, page.reason, page.text) == (status, told, TEXT)
    assert [line.status for line in page.lines] == ["ok", "ok", "ok", status]


@pytest.mark.parametrize("text", ["", "\n\n", "  "])
def test_a_page_of_which_the_model_says_nothing(read, text):
    page = read(text, 0.9)
    assert (page.status, page.reason, page.lines) == ("ok", "no text found", ())
    assert (page.confidence, page.decoder) == (None, None)


def test_lines_of_low_confidence_are_left_out_and_counted(read):
    confidences = (0.9, 1.0, 0.8, 0.3, 1.0, 0.2)
    page = read(TEXT, 0.5, line_confidences=confidences, min_confidence=0.4)
    assert page.text == "A heading\n\nThe first line of a para-"
    assert (page.status, page.reason) == ("ok", "2 lines of low confidence")
    assert [line.text for line in page.lines[2:]] == ["", ""]
    assert page.to_dict()["decoders"] == {"lm": 2}
    nothing = read(TEXT, 0.3, min_confidence=0.4)
    assert (nothing.text, nothing.reason) == ("", "4 lines of low confidence; no text found")


def test_a_page_on_which_the_recognizer_fails_stops_no_other(scan, small_pages):
    expected = [result.text for result in Reader(InkPages(), documents=small_pages).read(scan)]

    class Failing(InkPages):
        def read_pages(self, pages):
            found = super().read_pages(pages)
            if any(reading.text == expected[3] for reading in found):
                raise RuntimeError("out of\nmemory")
            return found

    results = list(Reader(Failing(), documents=small_pages).read(scan))
    assert [result.status for result in results] == [*STATUSES[:3], "failed", *STATUSES[4:]]
    assert results[3].reason == "RuntimeError: out of memory"
    assert [r.text for r in results if r.page != 4] == expected[:3] + expected[4:]


def test_an_answer_too_few_is_not_taken(draw_page):
    recognizer = InkPages()
    recognizer.read_pages = lambda pages: []
    (result,) = Reader(recognizer).read(draw_page(["ink"]))
    assert result.status == "failed"
    assert "one answer per page" in result.reason


def test_a_model_reads_a_document(make_page_model, scan, small_pages):
    """A real one, of random weights: what it writes on a page hangs on that page alone."""
    recognizer = PageRecognizer(*make_page_model("canvas", language_model="llama"))
    together = DocumentResult.collect(Reader(recognizer, documents=small_pages).read(scan))
    assert together.failed_pages == (3,)
    assert together.pages[1].status == "blank"
    reader = Reader(recognizer, documents=small_pages, batch_size=1)
    alone = [next(reader.read(scan, pages=[number])) for number in range(1, 8)]
    assert [page.text for page in together.pages] == [page.text for page in alone]
    assert [page.lines for page in together.pages if page.text]
    with pytest.raises(VaryError, match="knows ocr"):
        reader.check_task("markdown")


def test_a_rendered_page_goes_in_as_it_is(tmp_path, draw_page, write_pdf):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["ink"])])
    recognizer = InkPages()
    (page,) = Reader(recognizer, documents=DocumentConfig(long_side_px=330, min_dpi=30)).read(path)
    assert recognizer.sizes == [page.size] == [(255, 330)]


def test_a_model_that_names_no_task_reads():
    recognizer = InkPages()
    recognizer.tasks = ()
    Reader(recognizer).check_task("ocr")
    with pytest.raises(VaryError, match="it knows ocr"):
        Reader(recognizer).check_task("chart")
