import numpy as np
import pytest

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.chart.texts import _EN_ROWS, _ZH_ROWS, ChartTexts

ENGLISH = TextCorpus(
    [
        Paragraph("The harbour lies open to the north, and ferries wait behind the mole.", "a"),
        Paragraph('Measure twice; then "cut" once (with care) and write the number down.', "b"),
    ]
)
CHINESE = TextCorpus(
    [
        Paragraph("港口向北敞开，冬天渡船在长堤后面等待风向改变。", "c"),
        Paragraph("从前有一座山，山上有座庙；庙里的老和尚讲故事。", "d"),
    ]
)


def test_phrases_are_whole_words_of_the_text_and_end_well():
    for seed in range(60):
        text = ChartTexts(ENGLISH, "en", np.random.default_rng(seed)).phrase(4, 24)
        assert 4 <= len(text) <= 24
        assert any(f" {text} " in f" {plain(p.text)} " for p in ENGLISH.paragraphs)
        assert text.split()[-1].lower() not in {"the", "and", "to", "with"}
        assert text.split()[0].lower() not in {"the", "and", "to", "with"}


def plain(text):
    return "".join(c for c in text if c.isalpha() or c == " ")


def test_chinese_phrases_are_parts_of_clauses():
    for seed in range(60):
        text = ChartTexts(CHINESE, "zh", np.random.default_rng(seed)).phrase(2, 8)
        assert 2 <= len(text) <= 8
        assert any(text in paragraph.text for paragraph in CHINESE.paragraphs)
        assert text[0] not in "的了在" and text[-1] not in "的了在"


def test_no_name_is_given_twice_and_sources_are_told():
    texts = ChartTexts(ENGLISH, "en", np.random.default_rng(1))
    names = texts.names(5, 20)
    assert len({name.casefold() for name in names}) == 5
    assert set(texts.sources.split(", ")) <= {"a", "b"}


def test_a_corpus_without_words_is_rejected():
    corpus = TextCorpus([Paragraph("?! 12 ...", "e")])
    for language in ("en", "zh"):
        with pytest.raises(Reject, match="no phrase"):
            ChartTexts(corpus, language, np.random.default_rng(0)).phrase(3, 20)


@pytest.mark.parametrize(("rows", "language"), [(_EN_ROWS, "en"), (_ZH_ROWS, "zh")])
def test_rows_have_as_many_different_names_as_asked(rows, language):
    rng = np.random.default_rng(0)
    for row, most in rows:
        for num in range(2, min(most, 14) + 1):
            names = row(rng, num)
            assert len(names) == len(set(names)) == num, names
