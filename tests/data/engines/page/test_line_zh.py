"""Chinese lines, drawn with a font that is made here: boxes of many sizes."""

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject, make_sample
from vary.data.engines.page.alphabets import CJK_SIGNS
from vary.data.engines.page.engine import PageConfig, PageEngine
from vary.data.engines.page.line import LineConfig, LineRenderer
from vary.data.engines.page.line_text_zh import ChineseLineTexts
from vary.data.fonts import FontLibrary
from vary.errors import InputError

HAN = "一人不大中清晨的渡口很安静老船工把缆绳解开等第位客上船今天有雾他说慢点走吧"
PROSE = ["清晨的渡口很安静，老船工把缆绳解开，等第一位客人上船。“今天有雾，”他说，“慢一点走吧。”"]
ALPHABET = " " + HAN + "，。：“”（）" + "abcdefgh0123456789"
CLEAN = LineConfig(
    neighbours=0, ruled=0, degraded=0, second_face=0, raised=0, spaced=0, justified=0
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def write_font(path: Path, characters: str) -> None:
    """Write a font in which each character is a square with a hole of its own size."""
    characters = "".join(dict.fromkeys(characters))
    names = {character: f"u{ord(character):X}" for character in characters}
    builder = FontBuilder(1000)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap({ord(character): name for character, name in names.items()})
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for number, name in enumerate(names.values()):
        pen = TTGlyphPen(None)
        right, top = 60 + 3 * number, 90 + 2 * number
        for corners in (
            ((40, -80), (40, 820), (940, 820), (940, -80)),
            ((60, -60), (right + 40, -60), (right + 40, top), (60, top)),
        ):
            pen.moveTo(corners[0])
            for corner in corners[1:]:
                pen.lineTo(corner)
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 40)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


@pytest.fixture(scope="module")
def fonts(tmp_path_factory, font_folder) -> FontLibrary:
    folder = tmp_path_factory.mktemp("boxes")
    write_font(folder / "boxes.ttf", HAN + CJK_SIGNS + "，。：“”（）·—…")
    return FontLibrary.discover([folder, font_folder])


@pytest.fixture(scope="module")
def texts() -> ChineseLineTexts:
    return ChineseLineTexts(TextCorpus([Paragraph(text, "a.txt") for text in PROSE]), ALPHABET)


@pytest.fixture(scope="module")
def clean(texts, fonts) -> LineRenderer:
    return LineRenderer(texts, fonts, CLEAN)


def render(renderer: LineRenderer, text: str, seed: int = 0, width: int = 1536):
    (face,) = renderer.fonts.families["Boxes"]
    return renderer.render(text, face, rng(seed), width)


def test_lines_are_drawn_in_a_font_with_chinese_characters(texts, fonts):
    renderer = LineRenderer(texts, fonts)
    for seed in range(40):
        line = renderer.draw_whole(rng(seed), 800, tries=50)
        assert set(line.text) <= set(ALPHABET)
        assert line.strip.shape[0] == 48
        assert line.strip.shape[1] <= 800
        assert "".join(word for word, _, _ in line.words) == line.text.replace(" ", "")
        edges = [edge for _, x0, x1 in line.words for edge in (x0, x1)]
        assert edges[-1] <= line.strip.shape[1]
    same = LineRenderer(texts, FontLibrary(fonts.faces)).draw_whole(rng(7), 800, tries=50)
    assert same.strip.tobytes() == renderer.draw_whole(rng(7), 800, tries=50).strip.tobytes()


def test_each_character_is_a_word_and_there_are_no_spaces_between(clean):
    line = render(clean, "今天有雾，慢点走")
    assert line.text == "今天有雾，慢点走"
    assert [word for word, _, _ in line.words] == list("今天有雾，慢点走")
    widths = [x1 - x0 for _, x0, x1 in line.words]
    assert max(widths) - min(widths) < 0.5
    dark = (line.strip.astype(float) < line.strip.max() - 60).any(axis=0)
    assert all(dark[int(x0) + 3 : int(x1) - 3].any() for _, x0, x1 in line.words)


def test_latin_words_have_a_face_of_their_own_and_spaces_stay(clean):
    line = render(clean, "今天abc def有雾")
    assert line.text == "今天abc def有雾"
    assert [word for word, _, _ in line.words] == ["今", "天", "abc", "def", "有", "雾"]
    assert [face.family for face in line.faces] == ["Boxes", "Aileron"]


def test_text_takes_two_thirds_of_the_height(clean):
    heights = []
    for seed in range(12):
        strip = render(clean, "清晨的渡口", seed).strip
        rows = np.flatnonzero((strip < strip.max() - 80).any(axis=1))
        heights.append(rows[-1] - rows[0] + 1)
    assert 0.58 < np.mean(heights) / 48 < 0.78


def test_closing_marks_move_together(texts, fonts):
    renderer = LineRenderer(texts, fonts, CLEAN)
    lengths = {round(render(renderer, "他说：“慢。”（走）", seed).words[-1][2]
                     - render(renderer, "他说：“慢。”（走）", seed).words[0][1])
               for seed in range(20)}  # fmt: skip
    assert len(lengths) > 3


def test_without_a_chinese_font_nothing_is_drawn(texts, font_folder):
    with pytest.raises(InputError, match="no font has Chinese characters"):
        LineRenderer(texts, FontLibrary.discover([font_folder]))


def test_the_engine_makes_chinese_lines(fonts, tmp_path):
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text(ALPHABET, encoding="utf-8")
    corpus = TextCorpus([Paragraph(text, "a.txt") for text in PROSE])
    config = PageConfig(tmp_path, kind="line", language="zh", alphabet=str(alphabet))
    engine = PageEngine(config, corpus, fonts)
    made = []
    for index in range(12):
        try:
            made.append(make_sample(engine, 1, index))
        except Reject:
            continue
    assert len(made) > 6
    for sample in made:
        assert set(sample.text) <= set(ALPHABET)
        assert sample.language == "zh"
        assert "".join(word.text for word in sample.words) == sample.text.replace(" ", "")
    assert engine.config()["alphabet"] == str(alphabet)
