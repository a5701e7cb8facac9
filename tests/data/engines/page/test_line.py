from dataclasses import replace

import numpy as np
import pytest

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.line import LineConfig, LineImage, LineRenderer
from vary.data.engines.page.line_text import LATIN_ALPHABET, LineTexts
from vary.data.fonts import FontLibrary

# No variation that puts ink where no word is, or moves or hides a word's ink.
CLEAN = LineConfig(
    neighbours=0, ruled=0, degraded=0, second_face=0, raised=0, spaced=0, justified=0
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.fixture(scope="session")
def fonts(font_folder) -> FontLibrary:
    return FontLibrary.discover([font_folder])


@pytest.fixture(scope="session")
def drawable(fonts, text_folder) -> LineTexts:
    """Texts of the characters that the bundled font has."""
    (face,) = fonts.faces
    missing = fonts.missing(face, LATIN_ALPHABET)
    alphabet = "".join(character for character in LATIN_ALPHABET if character not in missing)
    return LineTexts(TextCorpus.from_folder(text_folder), alphabet)


@pytest.fixture(scope="session")
def renderer(drawable, fonts) -> LineRenderer:
    return LineRenderer(drawable, fonts)


@pytest.fixture(scope="session")
def clean(drawable, fonts) -> LineRenderer:
    return LineRenderer(drawable, fonts, CLEAN)


@pytest.fixture(scope="session")
def lines(renderer) -> list[LineImage]:
    return [renderer.draw(rng(seed), 400) for seed in range(80)]


def render(renderer: LineRenderer, text: str, seed: int = 0, width: int = 1536) -> LineImage:
    return renderer.render(text, renderer.fonts.faces[0], rng(seed), width)


def test_same_seed_same_bytes(renderer, lines):
    for seed in (0, 7, 31):
        again = renderer.draw(rng(seed), 400)
        assert again.strip.tobytes() == lines[seed].strip.tobytes()
        assert (again.text, again.words) == (lines[seed].text, lines[seed].words)
    assert len({line.strip.tobytes() for line in lines}) == len(lines)


def test_a_renderer_remembers_nothing(drawable, fonts, lines):
    """A line is a function of its seed, whatever was drawn before it."""
    fresh = LineRenderer(drawable, FontLibrary(fonts.faces))
    assert fresh.draw(rng(31), 400).strip.tobytes() == lines[31].strip.tobytes()


def test_size_and_kind_of_strips(lines):
    for line in lines:
        assert line.strip.dtype == np.uint8
        assert line.strip.ndim == 2
        assert line.strip.shape[0] == 48
        assert 8 <= line.strip.shape[1] <= 400


def test_strips_are_mostly_filled(lines):
    widths = [line.strip.shape[1] for line in lines]
    assert np.mean([width > 240 for width in widths]) > 0.5


@pytest.mark.parametrize("width", [64, 1536])
def test_other_widths(renderer, width):
    for seed in range(8):
        assert renderer.draw(rng(seed), width).strip.shape[1] <= width


def test_other_heights(drawable, fonts):
    small = LineRenderer(drawable, fonts, LineConfig(height_px=32))
    assert small.draw(rng(), 300).strip.shape[0] == 32


def test_text_is_the_words(lines, drawable):
    for line in lines:
        assert line.text
        assert line.text == " ".join(word for word, _, _ in line.words)
        assert set(line.text) <= set(drawable.alphabet)


def test_words_stand_on_the_strip_from_left_to_right(lines):
    for line in lines:
        edges = [edge for _, x0, x1 in line.words for edge in (x0, x1)]
        assert edges == sorted(edges)
        assert edges[0] >= 0
        if len(line.words) > 1:
            assert edges[-1] <= line.strip.shape[1] + 1


def test_ink_is_within_the_words(clean):
    for seed in range(12):
        line = render(clean, "The harbour lies open to the north", seed)
        dark = (line.strip.astype(float) < line.strip.max() - 60).any(axis=0)
        inside = np.zeros_like(dark)
        for _, x0, x1 in line.words:
            # Blur of the page's resolution, side bearings, and the slight turn.
            inside[max(0, int(x0) - 4) : int(x1) + 5] = True
            assert dark[int(x0) : int(x1)].any()
        assert not dark[~inside].any(), seed


def test_words_of_a_line_are_apart(clean):
    line = render(clean, "two words")
    (_, _, end), (_, start, _) = line.words
    assert start - end > 3
    gap = line.strip[:, int(end) + 3 : int(start) - 1]
    assert gap.min() > 150


def test_text_is_dark_on_white_and_takes_two_thirds_of_the_height(clean):
    heights = []
    for seed in range(20):
        line = render(clean, "Typography hjkl", seed)
        assert np.median(line.strip) > 180
        rows = np.flatnonzero((line.strip < line.strip.max() - 80).any(axis=1))
        heights.append(rows[-1] - rows[0] + 1)
        assert abs((rows[-1] + rows[0]) / 2 - 23.5) < 8
    assert 0.58 < np.mean(heights) / 48 < 0.78


def test_what_does_not_fit_is_left_out_of_picture_and_text(clean):
    line = render(clean, "one two three four five six seven eight nine ten", width=200)
    assert line.strip.shape[1] <= 200
    assert line.text
    assert "one two three four five six seven eight nine ten".startswith(line.text)
    assert len(line.words) < 10
    assert line.words[-1][2] <= 200


def test_a_first_word_that_is_too_long_stays(clean):
    line = render(clean, "incomprehensibilities", width=64)
    assert line.text == "incomprehensibilities"
    assert line.strip.shape[1] <= 64


@pytest.mark.parametrize(
    "change",
    [
        {"neighbours": 1.0},
        {"ruled": 1.0},
        {"degraded": 1.0},
        {"raised": 1.0},
        {"spaced": 1.0},
        {"second_face": 1.0},
        {"justified": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_variation_is_seen(drawable, fonts, clean, change):
    varied = LineRenderer(drawable, fonts, replace(CLEAN, **change))
    text = "note12 and page34 of book56"
    changed = 0
    for seed in range(6):
        line = render(varied, text, seed)
        assert line.text == text
        plain = render(clean, text, seed)
        changed += line.strip.tobytes() != plain.strip.tobytes()
    # The bundled font has one face: a second one is the same.
    assert changed > 2 or "second_face" in change


def test_no_font_has_the_glyphs(fonts, text_folder):
    chinese = LineRenderer(LineTexts(TextCorpus.from_folder(text_folder)), fonts)
    chinese.texts.draw_with_sources = lambda rng, num_chars: ("中文", ())
    with pytest.raises(Reject, match="no font has the glyphs"):
        chinese.draw(rng(), 400)
    with pytest.raises(Reject, match="no font has the glyphs"):
        chinese.draw_whole(rng(), 400, tries=3)


def test_whole_lines_are_the_drawn_ones_but_for_those_that_are_cut(renderer):
    drawn = [renderer.draw(rng(seed), 64) for seed in range(40)]
    assert {line.is_whole for line in drawn} == {True, False}
    for seed, line in enumerate(drawn):
        if line.is_whole:
            same = renderer.draw_whole(rng(seed), 64)
            assert (same.text, same.strip.tobytes()) == (line.text, line.strip.tobytes())
        else:
            assert line.words[0][2] > line.strip.shape[1]
            with pytest.raises(Reject, match="a word is wider than the strip: 64 px"):
                renderer.draw_whole(rng(seed), 64)
            assert renderer.draw_whole(rng(seed), 64, tries=1000).is_whole


def test_files_and_faces_of_a_line_are_told(lines, fonts):
    assert {source for line in lines for source in line.sources} == {"one.txt", "two.txt"}
    assert {line.faces for line in lines} == {fonts.faces}
