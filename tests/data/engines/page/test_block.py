import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject, make_sample, sample_rng
from vary.data.engines.page.block import BlockComposer, BlockConfig
from vary.data.engines.page.engine import PageConfig, PageEngine, build_page_engine
from vary.data.fonts import FontLibrary
from vary.errors import VaryError

SEED = 3
WORDS = BlockConfig((48, 192), (16.0, 22.0), lines=(1, 1), words=(1, 2))
LINES = BlockConfig((48, 256), (16.0, 22.0), lines=(1, 1))
PAGES = BlockConfig((256, 256), (16.0, 24.0), lines=(1, 12))


@pytest.fixture(scope="module")
def build(text_folder, font_folder):
    def make(config):
        return build_page_engine(
            PageConfig(text_folder, (font_folder,), kind="block", block=config)
        )

    return make


def pixels(image):
    return np.asarray(image.convert("L")).astype(int)


@pytest.mark.parametrize("config", [WORDS, LINES, PAGES])
def test_a_block_has_the_size_and_the_numbers_that_were_asked_for(build, config):
    engine = build(config)
    for index in range(12):
        sample = make_sample(engine, SEED, index)
        assert sample.id == f"page-block/{SEED}/{index}"
        assert (sample.images[0].height, sample.images[0].width) == config.canvas_px
        lines = [line for line in sample.text.split("\n") if line]
        assert config.lines[0] <= len(lines) <= config.lines[1]
        assert json.loads(sample.meta)["lines"] == len(lines)
        low, high = config.body_px
        assert low <= json.loads(sample.meta)["body_px"] <= high
        if config.words:
            assert config.words[0] <= len(sample.text.split()) <= config.words[1]


def test_the_words_are_the_text_and_their_boxes_hold_all_ink(build):
    engine = build(PAGES)
    for index in range(8):
        drawn = engine.draw(index, sample_rng(SEED, engine.name, index))
        assert "".join(word.text for word in drawn.words) == "".join(drawn.text.split())
        grey = pixels(drawn.image)
        covered = np.zeros(grey.shape, bool)
        for word in drawn.words:
            covered[word.y0 : word.y1, word.x0 : word.x1] = True
            ink = np.abs(grey[word.y0 : word.y1, word.x0 : word.x1] - grey[0, 0]) > 40
            assert ink.any()
        assert np.abs(grey - grey[0, 0])[~covered].max() == 0


def test_nothing_is_cut_off_at_the_edges(build):
    for config in (WORDS, LINES, PAGES):
        engine = build(config)
        height, width = config.canvas_px
        for index in range(12):
            drawn = engine.draw(index, sample_rng(SEED, engine.name, index))
            assert all(word.x0 >= 0 and word.x1 <= width for word in drawn.words)
            assert max(word.x1 for word in drawn.words) < width or config is not PAGES
            assert max(word.y1 for word in drawn.words) < height


def test_a_block_repeats_and_other_seeds_give_others(build):
    engine = build(PAGES)
    again = make_sample(engine, SEED, 4)
    assert make_sample(engine, SEED, 4) == again
    assert make_sample(engine, SEED + 1, 4).text != again.text


def test_draw_is_sample_without_the_encoding(build):
    engine = build(LINES)
    sample = make_sample(engine, SEED, 2)
    drawn = engine.draw(2, sample_rng(SEED, engine.name, 2))
    assert (drawn.text, drawn.words, drawn.source) == (sample.text, sample.words, sample.source)
    stored = Image.open(io.BytesIO(sample.images[0].bytes))
    assert np.array_equal(pixels(stored), pixels(drawn.image))


def test_the_hint_tells_long_blocks_from_short_ones_and_is_right_on_average(build):
    for config in (WORDS, PAGES):
        engine = build(config)
        hints, lengths = [], []
        for index in range(60):
            lengths.append(len(engine.draw(index, sample_rng(SEED, engine.name, index)).text))
            hints.append(engine.length_hint(index))
        assert 0.7 < np.mean(lengths) / np.mean(hints) < 1.4
    assert np.corrcoef(hints, lengths)[0, 1] > 0.8


def test_shuffled_letters_are_the_texts_own(build, text_folder):
    plain, mixed = build(LINES), build(replace(LINES, shuffled=1.0))
    known = set((text_folder / "one.txt").read_text(encoding="utf-8").split())
    words = [
        {
            word
            for index in range(12)
            for word in engine.draw(index, sample_rng(SEED, "b", index)).text.split()
        }
        for engine in (plain, mixed)
    ]
    # Words are broken at line ends in both; of whole words only the plain ones are known.
    assert len(words[0] & known) > 0.8 * len(words[0])
    assert len(words[1] & known) < 0.4 * len(words[1])


def test_most_blocks_begin_near_the_corner(build):
    def corners(anywhere):
        engine = build(replace(WORDS, canvas_px=(256, 256), anywhere=anywhere))
        drawn = [engine.draw(i, sample_rng(SEED, "b", i)) for i in range(24)]
        return np.array([(d.words[0].x0, d.words[0].y0) for d in drawn])

    # A centred or flush right block of few words begins further right.
    assert np.mean(corners(0.0).max(1) < 64) > 0.8
    assert corners(1.0).max(0).min() > 128


def test_chinese_blocks_are_broken_by_the_character(tmp_path, font_folder):
    texts = TextCorpus([Paragraph("abcdefghij", "one.txt")])
    fonts = FontLibrary.discover((font_folder,))
    composer = BlockComposer(replace(LINES, words=(2, 2)), texts, fonts, cjk=True)
    assert composer.length_hint(0) == 2
    engine = PageEngine(
        PageConfig(tmp_path, kind="block", language="zh", block=LINES),
        TextCorpus([Paragraph("港口朝北敞开", "one.txt")]),
        fonts,
    )
    with pytest.raises(Reject, match="no font has the glyphs"):
        engine.draw(0, sample_rng(SEED, "b", 0))


def test_the_configuration_of_other_kinds_says_nothing_of_blocks(text_folder, font_folder, build):
    page = build_page_engine(PageConfig(text_folder, (font_folder,)))
    assert "block" not in page.config()
    assert build(LINES).config()["block"]["canvas_px"] == (48, 256)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"canvas_px": (8, 100)}, "canvas_px"),
        ({"body_px": (20.0, 10.0)}, "body_px"),
        ({"body_px": (20.0, 40.0), "canvas_px": (48, 200)}, "higher canvas"),
        ({"lines": (0, 2)}, "lines"),
        ({"words": (3, 2)}, "words"),
        ({"shuffled": 1.5}, "shuffled"),
        ({"anywhere": -0.1}, "anywhere"),
    ],
)
def test_numbers_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(VaryError, match=message):
        BlockConfig(**wrong)
