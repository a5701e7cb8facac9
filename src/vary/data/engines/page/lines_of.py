"""Texts of lines in a language, and the part of a corpus that is in it."""

from vary.data.corpus import TextCorpus
from vary.data.engines.page.alphabets import find_alphabet
from vary.data.engines.page.line_text import LineTexts
from vary.data.engines.page.line_text_zh import ChineseLineTexts, is_chinese
from vary.errors import InputError

_CHINESE = "zh"


def line_texts(corpus: TextCorpus, language: str, alphabet: str | None = None) -> LineTexts:
    """Return what draws texts of lines.

    Args:
        corpus: running text.
        language: of the text; ``zh`` is set by the character, others by the word.
        alphabet: characters that may stand on a line; None: the language's.

    Raises:
        InputError: the corpus is not in the language, or not in the alphabet.
    """
    if language == _CHINESE:
        return ChineseLineTexts(corpus, alphabet)
    return LineTexts(corpus, find_alphabet("latin") if alphabet is None else alphabet)


def paragraphs_in(corpus: TextCorpus, language: str) -> TextCorpus:
    """Return the paragraphs of a corpus that are Chinese, or those that are not.

    Raises:
        InputError: there is none.
    """
    wanted = language == _CHINESE
    kept = [part for part in corpus.paragraphs if is_chinese(part.text) == wanted]
    if not kept:
        names = ", ".join(sorted({part.source for part in corpus.paragraphs})[:5])
        raise InputError(
            f"no paragraph for lines in {language!r} ({names}): give text in that language too"
        )
    return TextCorpus(kept)
