"""Tables, footnotes, heads and feet, Markdown and mixed scripts on whole pages."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import make_sample
from vary.data.engines.page.engine import PageConfig, PageEngine, build_page_engine
from vary.data.engines.page.features import PageFeatures
from vary.data.recipe import load_set_recipe
from vary.errors import VaryError

SEED = 3
ALL = PageFeatures(tables=0.5, footnotes=1.0, furniture=1.0)


@pytest.fixture(scope="module")
def plain(text_folder, font_folder):
    sizes = ("letter", "book")
    return build_page_engine(PageConfig(text_folder, (font_folder,), dpi=(80, 90), sizes=sizes))


def with_features(engine, features, **changes):
    return PageEngine(
        replace(engine.options, features=features, **changes), engine.corpus, engine.fonts
    )


def samples(engine, count=8):
    return [make_sample(engine, SEED, index) for index in range(count)]


@pytest.fixture(scope="module")
def rich(plain):
    return samples(with_features(plain, ALL))


@pytest.fixture(scope="module")
def markdown(plain):
    return samples(with_features(plain, ALL, target="markdown"))


def grey(sample):
    image = Image.open(io.BytesIO(sample.images[0].bytes))
    return np.asarray(image.convert("L")).astype(int)


def without_markup(text):
    """Return what Markdown says, without the signs that stand for its form."""
    text = re.sub(r"\\begin\{tabular\}.*|\\end\{tabular\}|\\hline", "", text)
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    text = text.replace("\\textbackslash{}", "\\")
    text = re.sub(r" \\\\$", "", text, flags=re.MULTILINE).replace(" & ", " ")
    text = re.sub(r"^ *& ?", "", text, flags=re.MULTILINE)
    return re.sub(r"\\([&%$#_{}])", r"\1", text)


def test_without_features_nothing_changes(plain):
    same = with_features(plain, PageFeatures())
    assert samples(same, 2) == samples(plain, 2)
    assert "features" not in plain.config()
    assert with_features(plain, ALL).config()["features"]["tables"] == 0.5


def test_all_features_occur(rich):
    blocks = [json.loads(sample.meta)["blocks"] for sample in rich]
    for role in ("table", "caption", "note", "furniture"):
        assert sum(role in found for found in blocks) >= 3


def test_the_words_are_the_text_in_its_order(rich):
    for sample in rich:
        assert "".join(word.text for word in sample.words) == "".join(sample.text.split())


def test_each_word_has_its_ink_in_its_box(rich):
    for sample in rich:
        page = grey(sample)
        for word in sample.words:
            # A pixel more at each side: a small dash fills its box, paper is beside it.
            around = page[max(0, word.y0 - 1) : word.y1 + 1, max(0, word.x0 - 1) : word.x1 + 1]
            assert word.x0 < word.x1 and word.y0 < word.y1
            assert np.ptp(around) > 40, word


def test_nothing_overlaps_and_nothing_leaves_the_page(rich):
    for sample in rich:
        page = grey(sample)
        count = np.zeros(page.shape, int)
        for word in sample.words:
            assert 0 <= word.x0 < word.x1 <= page.shape[1]
            assert 0 <= word.y0 < word.y1 <= page.shape[0]
            count[word.y0 : word.y1, word.x0 : word.x1] += 1
        assert (count > 1).sum() < 0.02 * (count > 0).sum()


def test_markdown_and_boxes_agree(markdown):
    """The text without its markup is the words in their order; marks and bullets stand for ink."""
    for sample in markdown:
        assert sample.format == "markdown"
        words = [word.text for word in sample.words]
        told = re.sub(r"\[\^\d+\]:?", "M", without_markup(sample.text))
        said = "".join(told.split())
        drawn = "".join(words)
        # Bullets are drawn in many forms and written as one; marks as M.
        pattern = re.compile(r"[•–\-*◦▪M]|\d+|\[\d+\]")
        assert pattern.sub("", said) == pattern.sub("", drawn)


def test_every_mark_has_its_note_and_every_note_its_mark(markdown):
    found = 0
    for sample in markdown:
        body, notes = [], []
        for line in sample.text.split("\n"):
            (notes if re.match(r"\[\^\d+\]: ", line) else body).append(line)
        marks = re.findall(r"\[\^(\d+)\]", "\n".join(body))
        assert marks == [re.match(r"\[\^(\d+)\]", line)[1] for line in notes]
        assert all(len(line.split(": ", 1)[1]) > 3 for line in notes)
        found += len(marks)
    assert found > 5


def test_markdown_leaves_heads_out_unless_they_are_asked_for(plain, markdown):
    kept = with_features(plain, replace(ALL, keep_furniture=True), target="markdown")
    longer = 0
    for index, sample in enumerate(markdown):
        whole = make_sample(kept, SEED, index)
        assert whole.images == sample.images
        extra = json.loads(sample.meta)["blocks"].get("furniture", 0)
        paragraphs = len(whole.text.split("\n\n")) - len(sample.text.split("\n\n"))
        assert paragraphs == extra
        assert (len(whole.words) > len(sample.words)) == (extra > 0)
        longer += extra
    assert longer


def test_tables_are_written_in_either_markup(plain, markdown):
    pipes = with_features(plain, replace(ALL, table_markup="pipe"), target="markdown")
    seen = 0
    for index, sample in enumerate(markdown):
        other = make_sample(pipes, SEED, index)
        latex = re.findall(r"\\begin\{tabular\}\{([lcr|]+)\}\n(.*?)\\end", sample.text, re.DOTALL)
        rows = [line for line in other.text.split("\n") if line.startswith("| ")]
        assert "tabular" not in other.text
        total = 0
        for letters, body in latex:
            cells = [line for line in body.split("\n") if line.endswith("\\\\")]
            columns = len(letters.replace("|", ""))
            assert {len(re.split(r"(?<!\\)&", line)) for line in cells} == {columns}
            total += len(cells) + 1
        assert len(rows) == total
        seen += len(latex)
    assert seen > 3


def test_words_of_another_script_are_set_in_a_face_of_their_own(plain):
    """The page is told to be Chinese, so Latin words are the other script's."""
    features = PageFeatures(mixed=1.0, other_text=plain.options.text)
    other = TextCorpus([Paragraph("Zanzibar quetzals yodel.", "b.txt")])
    options = replace(plain.options, features=features, language="zh")
    engine = PageEngine(options, plain.corpus, plain.fonts, other)
    made = samples(engine, 4)
    assert any("Zanzibar" in sample.text or "quetzals" in sample.text for sample in made)
    for sample in made:
        assert json.loads(sample.meta)["second_font"] == "Aileron Regular"
        assert "".join(word.text for word in sample.words) == "".join(sample.text.split())
    assert len(engine.config()["features"]["other_text"]["sha256"]) == 64
    assert str(plain.options.text) not in json.dumps(engine.config())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": 2.0}, "tables 2.0: give a share"),
        ({"mixed": 0.5}, "give other_text too"),
        ({"table_rules": ("dotted",)}, "table_rules dotted: allowed are grid"),
        ({"table_rules": ()}, "table_rules is empty"),
        ({"table_markup": "html"}, "table_markup html: allowed are latex, pipe"),
    ],
)
def test_wrong_features_are_named(changes, message):
    with pytest.raises(VaryError, match=message):
        PageFeatures(**changes)


@pytest.mark.parametrize(
    "changes", [{"target": "markdown"}, {"features": PageFeatures(tables=0.1)}]
)
def test_markdown_and_features_are_for_pages(changes):
    with pytest.raises(VaryError, match="for pages only"):
        PageConfig("text", kind="tile", **changes)


@pytest.mark.parametrize("name", ["pages-en", "pages-zh", "pages-markdown-en", "pages-markdown-zh"])
def test_the_recipes_of_pages_are_sound(name, text_folder, font_folder):
    path = Path(__file__).parents[4] / "recipes" / "data" / f"{name}.yaml"
    recipe = load_set_recipe(path)
    assert recipe.name == name and recipe.config.kind == "page"
    changes = [f"options.text={text_folder}", f"options.fonts=[{font_folder}]"]
    if recipe.config.features.mixed:
        changes.append(f"options.features.other_text={text_folder}")
    engine = load_set_recipe(path, changes).engine_builder()()
    assert engine.config()["degrade"]["name"] == "paper"
