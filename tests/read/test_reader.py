import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageDraw

from vary.errors import InputError, VaryError
from vary.read import ways
from vary.read.cutting import cut_page, tile_strip
from vary.read.joining import join_lines
from vary.read.reader import Reader
from vary.read.results import LineResult, mean_confidence
from vary.read.ways import MAX_WAITING_PAGES

LINES = ["The first line of this page", "and one that is a good deal longer than it", "a third"]


def expected_texts(image, recognizer) -> list[str]:
    """Return what the recognizer says of each tile, by cutting the page here."""
    layout = cut_page(image)
    return [recognizer.text_of(tile_strip(layout, tile)) for tile in layout.tiles]


@pytest.fixture
def small(small_pages):
    """Return `Reader` with a low resolution for PDFs, to be quick."""
    return functools.partial(Reader, documents=small_pages)


@pytest.fixture
def page(draw_page):
    return draw_page(LINES)


def test_every_text_stands_where_its_ink_is(page, recognizer):
    (result,) = Reader(recognizer, batch_size=2).read(page)
    layout = cut_page(page)
    texts = expected_texts(page, recognizer)
    assert len(texts) >= 3
    assert len(set(texts)) == len(texts)
    assert [line.text for line in result.lines] == texts
    assert [line.box for line in result.lines] == [tile.ink for tile in layout.tiles]
    assert result.text == join_lines(layout, texts)
    assert result.draft == join_lines(layout, ["d" + text for text in texts])
    assert (result.page, result.num_pages, result.status, result.reason) == (1, 1, "ok", "")
    assert (result.size, result.decoder, result.confidence) == ((900, 600), "lm", 0.5)
    assert result.seconds > 0


def text_layer(path: Path) -> str:
    pdf = pdfium.PdfDocument(path)
    return pdf[0].get_textpage().get_text_range()


def test_a_lying_text_layer_is_not_seen(tmp_path, draw_page, write_pdf, small, recognizer):
    """Same pixels and another text layer: same result. Other pixels and same layer: another."""
    picture, other = draw_page(LINES), draw_page(LINES[::-1])
    plain = write_pdf(tmp_path / "plain.pdf", [picture])
    lying = write_pdf(tmp_path / "lying.pdf", [picture], hidden_text="A lie")
    changed = write_pdf(tmp_path / "changed.pdf", [other], hidden_text="A lie")
    assert (text_layer(plain), text_layer(lying)) == ("", "A lie")
    reader = small(recognizer)
    texts = [next(reader.read(path)).text for path in (plain, lying, changed)]
    assert texts[0] == texts[1]
    assert texts[1] != texts[2]
    assert "lie" not in texts[1]


def test_the_recognizer_gets_pixels_and_nothing_else(tmp_path, write_pdf, page, small, recognizer):
    path = write_pdf(tmp_path / "a.pdf", [page], hidden_text="A lie")
    list(small(recognizer).read(path))
    assert recognizer.strips
    for strip in recognizer.strips:
        assert type(strip) is np.ndarray
        assert strip.dtype == np.uint8
        assert strip.shape[0] == 48


def test_lines_go_in_batches_of_one_size_and_like_width(page, recognizer):
    list(Reader(recognizer, batch_size=2).read(page))
    assert max(recognizer.batches) <= 2
    widths = [strip.shape[1] for strip in recognizer.strips]
    assert widths == sorted(widths)


def test_small_pages_share_a_batch(tmp_path, draw_page, write_pdf, small, recognizer):
    path = write_pdf(tmp_path / "a.pdf", [draw_page([f"page {n}"]) for n in range(6)])
    assert len(list(small(recognizer, batch_size=64).read(path))) == 6
    assert recognizer.batches == [MAX_WAITING_PAGES, 6 - MAX_WAITING_PAGES]


def test_only_a_few_pages_wait(tmp_path, draw_page, write_pdf, small, recognizer, monkeypatch):
    path = write_pdf(tmp_path / "a.pdf", [draw_page(["x"])] * 12)
    reader, opened, most = small(recognizer, batch_size=1000), 0, 0
    prepare = reader.way.prepare

    def counting_prepare(*args, **settings):
        nonlocal opened
        opened += 1
        return prepare(*args, **settings)

    monkeypatch.setattr(reader.way, "prepare", counting_prepare)
    for done, _ in enumerate(reader.read(path)):
        most = max(most, opened - done)
    assert (opened, most) == (12, MAX_WAITING_PAGES)


def test_reading_twice_gives_the_same(tmp_path, write_pdf, page, small, recognizer):
    path = write_pdf(tmp_path / "a.pdf", [page] * 3)
    first, second = (
        [(result.text, result.lines) for result in small(recognizer).read(path)] for _ in range(2)
    )
    assert first == second


# -- pages and their numbers -------------------------------------------------------------------


def test_a_broken_page_keeps_its_number_and_says_why(tmp_path, write_pdf, page, small, recognizer):
    path = write_pdf(tmp_path / "a.pdf", [page, None, page])
    results = list(small(recognizer).read(path))
    assert [(result.page, result.status) for result in results] == [
        (1, "ok"),
        (2, "failed"),
        (3, "ok"),
    ]
    assert "Failed to load page" in results[1].reason
    assert results[1].text == ""
    assert results[0].text == results[2].text != ""


def test_page_ranges_keep_the_numbers_of_the_document(
    tmp_path, draw_page, write_pdf, small, recognizer
):
    path = write_pdf(tmp_path / "a.pdf", [draw_page([f"page {n}"]) for n in range(5)])
    reader = small(recognizer)
    everything = [result.text for result in reader.read(path)]
    chosen = list(reader.read(path, pages="2,4-5"))
    assert [(result.page, result.num_pages) for result in chosen] == [(2, 5), (4, 5), (5, 5)]
    assert [result.text for result in chosen] == [everything[1], everything[3], everything[4]]


def test_errors_come_when_reading_is_asked_for_not_later(
    tmp_path, write_pdf, page, small, recognizer
):
    reader = small(recognizer)
    with pytest.raises(InputError, match="no such file"):
        reader.read(tmp_path / "none.pdf")
    with pytest.raises(InputError, match="pages 1 to 1"):
        reader.read(write_pdf(tmp_path / "a.pdf", [page]), pages="2")


def test_a_blank_page_is_not_sent_to_the_model(tmp_path, draw_page, write_pdf, small, recognizer):
    path = write_pdf(tmp_path / "a.pdf", [draw_page([]), draw_page(["ink"])])
    blank, written = small(recognizer).read(path)
    assert (blank.page, blank.status, blank.text) == (1, "blank", "")
    assert (blank.confidence, blank.decoder, blank.lines) == (None, None, ())
    assert blank.reason == "no ink"
    assert (written.page, written.status) == (2, "ok")
    assert len(recognizer.strips) == 1


def test_frames_that_are_not_read_are_told(tmp_path, page, draw_page, recognizer):
    page.save(tmp_path / "a.gif", save_all=True, append_images=[draw_page(["other"])])
    (result,) = Reader(recognizer).read(tmp_path / "a.gif")
    assert result.status == "ok"
    assert "first of its 2 frames" in result.reason


def test_what_is_to_be_said_of_a_document_is_said_once(
    tmp_path, draw_page, write_pdf, small, recognizer
):
    path = write_pdf(tmp_path / "a.pdf", [None, draw_page(["x"]), draw_page(["x"])])
    path.write_bytes(path.read_bytes().removesuffix(b"%%EOF\n"))
    reasons = [page.reason for page in small(recognizer).read(path)]
    assert "may be cut off" in reasons[0]
    assert "Failed to load page" in reasons[0]
    assert reasons[1:] == ["", ""]
    assert "may be cut off" in next(small(recognizer).read(path, pages="3")).reason


# -- what the recognizer may do ----------------------------------------------------------------


def answering(recognizer, change):
    """Return the recognizer with the answers changed by a function of (strip, answer)."""
    plain = recognizer.answer

    def answer(strip):
        found = plain(strip)
        change(strip, found)
        return found

    recognizer.answer = answer
    return recognizer


@pytest.mark.parametrize(("length", "decoder"), [(5, "lm"), (500, "ctc")])
def test_the_page_is_by_who_wrote_most_of_its_characters(page, recognizer, length, decoder):
    last = expected_texts(page, recognizer)[-1]

    def change(strip, found):
        if found.text == last:
            found.text, found.decoder, found.confidence = "x" * length, "ctc", 0.1

    (result,) = Reader(answering(recognizer, change)).read(page)
    assert result.decoder == decoder
    assert [line.decoder for line in result.lines] == ["lm", "lm", "ctc"]
    lengths = [len(line.text) for line in result.lines]
    expected = (0.5 * sum(lengths[:-1]) + 0.1 * lengths[-1]) / sum(lengths)
    assert result.confidence == pytest.approx(expected)


def test_lines_without_text_have_no_say(page, recognizer):
    texts = expected_texts(page, recognizer)

    def change(strip, found):
        if found.text == texts[-1]:
            found.text, found.decoder, found.confidence = "", "ctc", 0.0

    (result,) = Reader(answering(recognizer, change)).read(page)
    assert (result.decoder, result.confidence) == ("lm", 0.5)
    assert result.to_dict()["decoders"] == {"lm": 2}
    (silent,) = Reader(answering(recognizer, lambda _, found: setattr(found, "text", ""))).read(
        page
    )
    assert (silent.decoder, silent.confidence, silent.text) == (None, None, "")
    assert (silent.status, silent.reason) == ("ok", "no text found")


def test_lines_that_the_model_lost_are_told(page, recognizer):
    texts = expected_texts(page, recognizer)
    kinds = dict(zip(texts, ("loop", "unlike", ""), strict=True))

    def change(strip, found):
        found.written, found.fallback = "w" + found.text, kinds[found.text]
        found.decoder = "ctc" if found.fallback else "lm"

    (result,) = Reader(answering(recognizer, change)).read(page)
    assert result.reason == "2 lines by the CTC head: 1 looped, 1 unlike"
    assert (result.status, {line.status for line in result.lines}) == ("ok", {"ok"})
    assert [line.fallback for line in result.lines] == ["loop", "unlike", ""]
    assert result.written == join_lines(cut_page(page), ["w" + text for text in texts])
    assert "written" not in result.to_dict()


def test_marks_that_are_no_text_are_left_out_and_counted(page, recognizer):
    texts = expected_texts(page, recognizer)

    def change(strip, found):
        found.confidence = 0.9 if found.text == texts[0] else 0.1
        found.fallback = "" if found.text == texts[0] else "truncated"

    answering(recognizer, change)
    (result,) = Reader(recognizer, min_confidence=0.2).read(page)
    assert result.text == texts[0]
    assert (result.status, result.reason) == ("ok", "2 marks that are no text")
    assert [(line.text, line.status) for line in result.lines[1:]] == [("", "ok")] * 2
    assert result.confidence == pytest.approx(0.9)
    (everything,) = Reader(recognizer).read(page)
    assert texts[2] in everything.text
    with pytest.raises(VaryError, match=r"give 0 \(keeps all\) to 1"):
        Reader(recognizer, min_confidence=40)


def test_pages_of_dirt_are_drafted_before_they_are_read(page, recognizer):
    dirty = page.copy()
    pen = ImageDraw.Draw(dirty)
    for x in range(40, 860, 60):
        pen.ellipse((x, 400 + x % 7, x + 9, 411), fill="black")
        pen.ellipse((x, 500 + x % 11, x + 9, 513), fill="black")
    drafted = []

    def draft(strips):
        drafted.extend(strips)
        found = [recognizer.answer(strip) for strip in strips]
        for strip, answer in zip(strips, found, strict=True):
            answer.confidence = 0.95
            if strip.shape[1] < 100:
                answer.text = "@"
        return found

    recognizer.draft = draft
    (result,) = Reader(recognizer, min_confidence=0.3).read(dirty)
    # All tiles are drafted, and before them four of the page and of its other sides.
    assert len(drafted) > len(result.lines) > 20
    assert len(recognizer.strips) == 3
    assert [line.text for line in result.lines if line.text] == expected_texts(page, recognizer)
    assert result.reason == f"{len(result.lines) - 3} marks that are no text"
    recognizer.strips.clear()
    drafted.clear()
    (clean,) = Reader(recognizer, min_confidence=0.3).read(page)
    assert len(recognizer.strips) == 3
    assert 0 < len(drafted) <= 3  # to see that it is upright
    assert clean.text.split() == result.text.split()


def test_of_very_many_tiles_without_print_only_a_sample_is_read(page, recognizer, monkeypatch):
    monkeypatch.setattr(ways, "_MANY_TILES", 30)
    monkeypatch.setattr(ways, "_SAMPLE_TILES", 20)
    dotted = Image.new("L", page.size, 255)
    pen = ImageDraw.Draw(dotted)
    for y in range(100, 900, 45):
        for x in range(40, 860, 60):
            pen.ellipse((x, y + x % 7, x + 9, y + 9 + x % 7), fill="black")
    drafted = []

    def draft(strips):
        drafted.extend(strips)
        found = [recognizer.answer(strip) for strip in strips]
        for answer in found:
            answer.text, answer.confidence = sign, 0.9
        return found

    sign = "e"
    recognizer.draft = draft
    (result,) = Reader(recognizer, min_confidence=0.3).read(dotted)
    assert (result.status, result.text, result.lines) == ("blank", "", ())
    assert not recognizer.strips and len(drafted) < 50
    sign = "words"
    (result,) = Reader(recognizer, min_confidence=0.3).read(dotted)
    assert len(recognizer.strips) > 50


def test_strips_have_the_size_that_the_recognizer_wants(page, recognizer):
    recognizer.strip_size = (32, 200)
    (result,) = Reader(recognizer).read(page)
    assert {strip.shape[0] for strip in recognizer.strips} == {32}
    assert max(strip.shape[1] for strip in recognizer.strips) <= 200
    assert len(result.lines) > len({line.line for line in result.lines})


@pytest.mark.parametrize("status", ["truncated", "loop"])
def test_the_state_of_a_line_is_told_of_the_page(page, recognizer, status):
    first = expected_texts(page, recognizer)[0]

    def change(strip, found):
        if found.text == first:
            found.status = status

    (result,) = Reader(answering(recognizer, change)).read(page)
    assert result.status == status
    assert result.reason.endswith("in line 1")
    assert first in result.text


def test_the_same_text_for_any_ink_is_a_loop(draw_page, recognizer):
    page = draw_page(["word " * count for count in (1, 8, 3, 9, 5, 10, 2)], (1200, 700))

    def change(strip, found):
        found.text = "This sentence stands nowhere on the page."

    (result,) = Reader(answering(recognizer, change)).read(page)
    assert result.status == "loop"
    assert result.text.strip() == "This sentence stands nowhere on the page."
    assert [line.status for line in result.lines] == ["ok"] + ["loop"] * 6


def test_a_sentence_that_is_printed_many_times_stays(draw_page, recognizer):
    page = draw_page(["This sentence stands here."] * 7, (1200, 700))
    (result,) = Reader(
        answering(recognizer, lambda _, found: setattr(found, "text", "This sentence stands here."))
    ).read(page)
    assert result.status == "ok"
    assert result.text.count("This sentence stands here.") == 7


def test_a_recognizer_that_fails_fails_its_page_only(
    tmp_path, draw_page, write_pdf, small, recognizer
):
    pages = [draw_page([f"{word} on this page"]) for word in ("one", "two", "three")]
    path = write_pdf(tmp_path / "a.pdf", pages)
    with pdfium.PdfDocument(path) as pdf:
        assert len(pdf) == 3
    broken = next(small(recognizer).read(path, pages="2")).lines[0].text
    recognizer.strips.clear()

    def change(strip, found):
        if found.text == broken:
            raise RuntimeError("out of\nmemory")

    results = list(small(answering(recognizer, change), batch_size=64).read(path))
    assert [result.status for result in results] == ["ok", "failed", "ok"]
    assert results[1].reason == "RuntimeError: out of memory"


def test_an_answer_too_few_is_not_taken(page, recognizer):
    recognizer.read = lambda strips: [recognizer.answer(strip) for strip in strips[1:]]
    (result,) = Reader(recognizer).read(page)
    assert result.status == "failed"
    assert "one answer per strip" in result.reason


def test_markdown_joins_the_lines_of_a_paragraph_and_shows_marks_as_text(draw_page, recognizer):
    page = draw_page(LINES)
    (result,) = Reader(answering(recognizer, lambda _, found: setattr(found, "text", "a*b"))).read(
        page
    )
    assert result.text.count("a*b") == 3
    assert result.markdown.count(r"a\*b") == 3
    assert "\n" in result.text


def test_the_confidence_of_a_page_weighs_by_characters():
    box = (0, 0, 1, 1)
    lines = [LineResult(box, "x" * 9, 1.0), LineResult(box, "x", 0.0), LineResult(box, "", 0.0)]
    assert mean_confidence(lines) == pytest.approx(0.9)
    assert mean_confidence(lines[2:]) is None
    assert mean_confidence([]) is None


def test_tasks_that_the_model_does_not_know_are_refused(recognizer):
    reader = Reader(recognizer, model="nano")
    reader.check_task("ocr")
    with pytest.raises(VaryError, match=r"'markdown'.*'nano'.*knows ocr.*choose"):
        reader.check_task("markdown")


def test_a_batch_size_of_nothing(recognizer):
    with pytest.raises(VaryError, match="give 1 or more"):
        Reader(recognizer, batch_size=0)


def test_an_unknown_model():
    with pytest.raises(VaryError, match="unknown model 'nanu'"):
        Reader.from_pretrained("nanu")


@pytest.mark.slow
def test_memory_stands_still_however_many_pages_there_are():
    script = Path(__file__).parents[2] / "benchmarks" / "read_memory.py"
    command = [sys.executable, str(script), "--fake", "--pages", "32"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    found = json.loads(done.stdout)
    assert (found["pages"], found["states"]) == (32, ["ok"])
    # A page kept in memory is 3 MiB in grey alone; 500 of these would come near the limit.
    assert found["growth_mib_per_page"] < 2
    assert found["peak_mib"] < 1024
