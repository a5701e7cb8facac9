import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject, make_sample
from vary.data.engines.page.engine import PageConfig, PageEngine, build_page_engine
from vary.data.fonts import FontLibrary
from vary.errors import VaryError

SEED = 5
# Small pages keep the tests quick; the styles are those of all pages.
PAGES = range(8)


@pytest.fixture(scope="module")
def engine(text_folder, font_folder):
    return build_page_engine(PageConfig(text_folder, (font_folder,), dpi=(72, 110)))


@pytest.fixture(scope="module")
def pages(engine):
    return [make_sample(engine, SEED, index) for index in PAGES]


def pixels(sample):
    image = Image.open(io.BytesIO(sample.images[0].bytes))
    return np.asarray(image.convert("L")).astype(int)


def test_a_page_is_a_page(pages):
    for index, page in enumerate(pages):
        assert page.id == f"page/{SEED}/{index}"
        assert (page.kind, page.language, page.format) == ("document", "en", "text")
        assert page.source in {"one.txt", "two.txt"}
        assert json.loads(page.meta)["dpi"] >= 72
        assert pixels(page).shape == (page.images[0].height, page.images[0].width)
        assert len(page.text) > 50


def test_pages_differ_in_columns_and_size(pages):
    assert len({json.loads(page.meta)["columns"] for page in pages}) > 1
    assert len({json.loads(page.meta)["page_size"] for page in pages}) > 1


def test_the_words_are_the_text_in_its_order(pages):
    for page in pages:
        words = "".join(word.text for word in page.words)
        assert words == "".join(page.text.split())


def test_each_word_has_its_ink_in_its_box(pages):
    """Outside the boxes there is paper; inside each there is ink at all four sides."""
    checked = 0
    for page in pages:
        grey = pixels(page)
        paper = grey[0, 0]
        if has_boxes_or_rules(grey, page):
            continue
        checked += 1
        covered = np.zeros(grey.shape, bool)
        for word in page.words:
            covered[word.y0 : word.y1, word.x0 : word.x1] = True
            ink = np.abs(grey[word.y0 : word.y1, word.x0 : word.x1] - paper) > 40
            rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
            assert rows[0] <= 2 and columns[0] <= 2
            assert ink.shape[0] - rows[-1] <= 3 and ink.shape[1] - columns[-1] <= 3
        assert np.abs(grey - paper)[~covered].max() == 0
    assert checked >= len(pages) // 2


def has_boxes_or_rules(grey, page):
    """Whether something but words is drawn: a row or column of ink longer than any word."""
    dark = np.abs(grey - grey[0, 0]) > 5
    longest = max(word.x1 - word.x0 for word in page.words)
    run = max(longest_run(row) for row in dark)
    return run > longest or max(longest_run(column) for column in dark.T) > 60


def longest_run(flags):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def test_boxes_hardly_overlap(pages):
    for page in pages:
        count = np.zeros(pixels(page).shape, int)
        for word in page.words:
            count[word.y0 : word.y1, word.x0 : word.x1] += 1
        assert (count > 1).sum() < 0.02 * (count > 0).sum()


def test_any_sample_can_be_made_alone(engine, pages, text_folder, font_folder):
    fresh = build_page_engine(PageConfig(text_folder, (font_folder,), dpi=(72, 110)))
    assert make_sample(fresh, SEED, 6) == pages[6]
    assert make_sample(fresh, SEED, 2) == pages[2]
    assert make_sample(fresh, SEED + 1, 2).images != pages[2].images


def test_paragraphs_are_the_corpus_again(text_folder, font_folder, engine):
    """As paragraphs, without the line breaks and hyphens that only the column brought."""
    config = replace(engine.options, target="paragraphs")
    joined = PageEngine(config, engine.corpus, engine.fonts)
    known = {paragraph.text for paragraph in engine.corpus.paragraphs}
    found = 0
    for index in PAGES:
        page = make_sample(joined, SEED, index)
        found += sum(part in known for part in page.text.split("\n\n"))
    assert found > 20


def test_lines_keep_the_hyphens(engine):
    pages = [make_sample(engine, SEED, index) for index in range(20)]
    assert any(line.endswith("-") for page in pages for line in page.text.splitlines())


def test_tiles_hold_a_few_lines(engine):
    tiles = PageEngine(replace(engine.options, kind="tile"), engine.corpus, engine.fonts)
    counts = set()
    for index in range(12):
        tile = make_sample(tiles, SEED, index)
        assert tile.id == f"page-tile/{SEED}/{index}"
        counts.add(len(tile.text.splitlines()))
        assert "".join(word.text for word in tile.words) == "".join(tile.text.split())
    assert counts <= {1, 2, 3, 4}
    assert max(counts) > 2


def test_lines_are_strips(engine):
    lines = PageEngine(replace(engine.options, kind="line"), engine.corpus, engine.fonts)
    for index in range(6):
        line = make_sample(lines, SEED, index)
        assert line.images[0].height == 48
        assert line.images[0].width <= 1536
        assert " ".join(word.text for word in line.words) == line.text
        assert make_sample(lines, SEED, index) == line
        assert set(line.source.split(", ")) <= {"one.txt", "two.txt", ""}
        assert json.loads(line.meta) == {"font": "Aileron Regular"}
        assert all(word.x1 <= line.images[0].width for word in line.words)


def test_lines_that_are_cut_off_are_rejected(engine):
    corpus = TextCorpus([Paragraph("incomprehensibilities" * 20, "a.txt")])
    lines = PageEngine(replace(engine.options, kind="line"), corpus, engine.fonts)
    reasons = set()
    for index in range(8):
        try:
            line = make_sample(lines, SEED, index)
        except Reject as reject:
            reasons.add(reject.reason)
        else:
            assert line.words[-1].x1 <= line.images[0].width
    assert "a word is wider than the strip" in reasons


def test_lines_in_a_script_that_they_cannot_write_are_refused(engine):
    corpus = TextCorpus([Paragraph("Все счастливые семьи похожи", "a.txt")])
    with pytest.raises(VaryError, match="outside the alphabet of lines"):
        PageEngine(replace(engine.options, kind="line", language="ru"), corpus, engine.fonts)
    PageEngine(replace(engine.options, language="ru"), corpus, engine.fonts)


def test_a_text_without_glyphs_is_rejected_with_the_reason(font_folder):
    fonts = FontLibrary.discover([font_folder])
    corpus = TextCorpus([Paragraph("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", "a.txt")])
    engine = PageEngine(PageConfig("text", language="zh"), corpus, fonts)
    with pytest.raises(Reject) as caught:
        make_sample(engine, 0, 0)
    assert caught.value.reason == "no font has the glyphs"
    assert "Aileron" in caught.value.detail


def test_a_character_that_no_font_has_costs_its_paragraph_and_no_page(font_folder):
    fonts = FontLibrary.discover([font_folder])
    texts = ["Measure twice and cut once.", "Nothing is as easy 🙂 as it looks.", "Look again."]
    corpus = TextCorpus([Paragraph(text, "a.txt") for text in texts])
    engine = PageEngine(PageConfig("text", sizes=("a4",), passages=1), corpus, fonts)
    for index in range(3):
        page = make_sample(engine, 0, index)
        assert "easy" not in page.text
        assert "twice" in page.text
        assert "again" in page.text
        assert page == make_sample(engine, 0, index)


def test_pages_of_passages_share_no_text(text_folder, font_folder):
    config = PageConfig(text_folder, (font_folder,), sizes=("slide",), passages=6)
    engine = build_page_engine(config)
    metas = [json.loads(make_sample(engine, 3, index).meta) for index in range(6)]
    taken = [set(range(*meta["paragraphs"])) for meta in metas]
    assert all(taken)
    assert sum(map(len, taken)) == len(set.union(*taken))
    again = json.loads(make_sample(engine, 3, 6).meta)
    assert again["paragraphs"][0] == metas[0]["paragraphs"][0]
    assert engine.config()["passages"] == 6
    assert "passages" not in build_page_engine(PageConfig(text_folder, (font_folder,))).config()


@pytest.mark.parametrize("changes", [{"passages": 0}, {"passages": 3, "kind": "tile"}])
def test_passages_are_for_pages(changes):
    with pytest.raises(VaryError, match="for pages only"):
        PageConfig("text", **changes)


def test_fonts_are_taken_by_their_hash(text_folder, font_folder):
    digest = hashlib.sha256((font_folder / "aileron.ttf").read_bytes()).hexdigest()
    config = PageConfig(text_folder, (font_folder,), font_hashes=(digest,))
    assert build_page_engine(config).config()["fonts"] == {"aileron.ttf": digest}
    with pytest.raises(VaryError, match="no font found"):
        build_page_engine(replace(config, font_hashes=("12ab",)))


def test_a_folder_without_text_is_named(tmp_path, font_folder):
    with pytest.raises(VaryError, match=f"{tmp_path}.*one paragraph per line"):
        build_page_engine(PageConfig(tmp_path, (font_folder,)))


def test_the_configuration_names_inputs_by_hash_and_not_by_place(engine, tmp_path, font_folder):
    config = engine.config()
    assert json.loads(json.dumps(config))["text"]["paragraphs"] == 120
    assert len(config["fonts"]["aileron.ttf"]) == 64
    assert str(font_folder) not in json.dumps(config)
    corpus = TextCorpus([Paragraph("Another text.", "one.txt")])
    other = PageEngine(engine.options, corpus, engine.fonts)
    assert other.config()["text"] != config["text"]


def test_the_length_hint_is_near(engine, pages):
    mean = np.mean([len(page.text) for page in pages])
    assert mean / 4 < engine.length_hint(0) < mean * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "poster"}, "kind poster: allowed are page, tile, line"),
        ({"target": "prose"}, "target prose: allowed are lines, paragraphs"),
        ({"sizes": ("a4", "a11")}, "page size a11: allowed are a4"),
        ({"columns": ()}, "columns is empty"),
        ({"columns": (4,)}, "columns 4: allowed are 1, 2, 3"),
        ({"dpi": (200, 72)}, "dpi 200-72"),
        ({"kind": "line", "language": "ja"}, "give --kind tile or page"),
    ],
)
def test_wrong_options_are_named(text_folder, changes, message):
    with pytest.raises(VaryError, match=message):
        PageConfig(text_folder, **changes)
