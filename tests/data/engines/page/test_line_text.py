import numpy as np
import pytest

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.line_text import LATIN_ALPHABET, LineTexts, fold_text
from vary.errors import InputError

KINDS = ["running", "heading", "figures", "identifiers", "code", "reference", "scattered"]
PROSE = [
    "The harbour lies open to the north, and in winter the ferries wait behind the long mole.",
    "He said “measure twice”, and didn't: the board's edge — 47 cm — was off.",
    "Compilers warn; few listen (see page 47).",
]


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def draw(texts: LineTexts, seed: int) -> str | None:
    """Return a text, or None where it is rejected since no word of it is in the alphabet."""
    try:
        return texts.draw(rng(seed), 20)
    except Reject as reject:
        assert reject.reason == "no text in the alphabet"
        return None


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
    drawn = [text for seed in range(100) if (text := draw(texts, seed))]
    assert set("".join(drawn)) <= set(" abc")
    assert len(drawn) > 50


def test_text_without_an_allowed_word_is_rejected():
    texts = LineTexts(corpus("中文", "a b c d"), alphabet=" abcd")
    drawn = [draw(texts, seed) for seed in range(100)]
    assert None in drawn
    assert set("".join(text or "" for text in drawn)) == set(" abcd")


@pytest.mark.parametrize(
    "text", ["Все счастливые семьи", "所有幸福的家庭 都是 相似的", "Tất cả mọi người"]
)
def test_a_corpus_outside_the_alphabet_is_refused(text):
    with pytest.raises(InputError, match=r"\d+ of \d+ words .* outside the alphabet of lines"):
        LineTexts(corpus(*[text] * 5, "One line of."))


def test_some_words_outside_the_alphabet_are_left_out():
    texts = LineTexts(corpus("He said Да and left the room at once."))
    assert texts.draw(rng(0), 30)


def test_the_files_of_a_text_are_told():
    mixed = TextCorpus([Paragraph(text, f"{n}.txt") for n, text in enumerate(PROSE)])
    texts = LineTexts(mixed)
    drawn = [texts.draw_with_sources(rng(seed), 60) for seed in range(60)]
    assert [text for text, _ in drawn] == [texts.draw(rng(seed), 60) for seed in range(60)]
    assert {source for _, sources in drawn for source in sources} == {"0.txt", "1.txt", "2.txt"}
    for text, sources in drawn:
        if "harbour" in text:
            assert "0.txt" in sources


def test_every_mark_of_a_list_is_drawn():
    texts = LineTexts(corpus("word " * 40))
    first = {texts.running(rng(seed), 20)[:2] for seed in range(800)}
    assert {f"{mark} " for mark in "•–-*"} <= first


def test_corpus_of_spaces_that_fold_away_ends():
    texts = LineTexts(corpus("\u200b"), alphabet=LATIN_ALPHABET)
    with pytest.raises(Reject, match="no text in the alphabet"):
        for seed in range(30):
            assert texts.draw(rng(seed), 30)


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
