import numpy as np
import pytest

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.page.line_text import LATIN_ALPHABET, LineTexts, fold_text

KINDS = ["running", "heading", "figures", "identifiers", "code", "reference", "scattered"]
PROSE = [
    "The harbour lies open to the north, and in winter the ferries wait behind the long mole.",
    "He said “measure twice”, and didn't: the board's edge — 47 cm — was off.",
    "Compilers warn; few listen (see page 47).",
]


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def corpus(*texts: str) -> TextCorpus:
    return TextCorpus([Paragraph(text, "a.txt") for text in texts or PROSE])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_chars", [1, 12, 90])
def test_every_kind_gives_text(kind, num_chars):
    texts = LineTexts(corpus())
    made = [getattr(texts, kind)(rng(seed), num_chars) for seed in range(60)]
    assert all(text.strip() for text in made)
    assert len(set(made)) > 10
    assert made[:3] == [getattr(texts, kind)(rng(seed), num_chars) for seed in range(3)]


@pytest.mark.parametrize("num_chars", [1, 5, 40, 120])
def test_drawn_texts_are_allowed_and_single_spaced(num_chars):
    texts = LineTexts(corpus())
    for seed in range(150):
        text = texts.draw(rng(seed), num_chars)
        assert text
        assert text == " ".join(text.split())
        assert set(text) <= set(LATIN_ALPHABET)


def test_drawn_texts_are_about_as_long_as_asked():
    texts = LineTexts(corpus())
    lengths = [len(texts.draw(rng(seed), 80)) for seed in range(200)]
    assert 40 < np.median(lengths) < 120


def test_another_alphabet_is_kept_to():
    texts = LineTexts(corpus("abc cab bac", "xyz"), alphabet=" abc")
    drawn = [texts.draw(rng(seed), 20) for seed in range(100)]
    assert set("".join(drawn)) <= set(" abc")
    assert all(drawn)


def test_corpus_without_an_allowed_word_still_gives_a_text():
    texts = LineTexts(corpus("中文 字"), alphabet=" abc")
    assert {texts.draw(rng(seed), 20) for seed in range(30)} <= {"a", "b", "c"}


def test_text_of_the_fallback_is_in_the_alphabet():
    texts = LineTexts(corpus("abc"), alphabet=" xy")
    for seed in range(50):
        assert set(texts.draw(rng(seed), 20)) <= set(" xy")


def test_corpus_of_spaces_that_fold_away_ends():
    texts = LineTexts(corpus("\u200b"), alphabet=LATIN_ALPHABET)
    assert texts.draw(rng(0), 30)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("soft\u00adhyphen", "softhyphen"),
        ("ﬁne ﬂow", "fine flow"),
        ("a\u00a0 \tb", "a b"),
        ("non\u2011breaking", "non-breaking"),
        ("● point", "• point"),
    ],
)
def test_alike_characters_are_written_in_one_way(text, folded):
    assert fold_text(text) == folded


def test_folded_text_stays():
    assert fold_text(fold_text(LATIN_ALPHABET)) == fold_text(LATIN_ALPHABET)


def test_alphabet_has_each_character_once_and_none_that_folds_away():
    assert len(set(LATIN_ALPHABET)) == len(LATIN_ALPHABET)
    assert LATIN_ALPHABET[0] == " "
    assert fold_text(LATIN_ALPHABET[1:]) == LATIN_ALPHABET[1:]
