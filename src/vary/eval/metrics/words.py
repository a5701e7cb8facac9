"""Words of a text: by white space, by jieba where Chinese occurs."""

import re
import sys
from collections.abc import Sequence

from vary.errors import InputError
from vary.eval.metrics.chinese_words import chinese_cutter

# The unified ideographs with their extensions A to I, the compatibility ideographs, and the zero
# that Chinese dates are written with. Kana, Hangul and punctuation are not among them.
_CHINESE = (
    "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002ee5d\U0002f800-\U0002fa1f\U00030000-\U000323af"
)
_ANY_CHINESE = re.compile(f"[{_CHINESE}]")
# Of single spaces: over longer runs the pattern would take time quadratic in their length.
_GAP_BESIDE_CHINESE = re.compile(f"(?<=[{_CHINESE}]) | (?=[{_CHINESE}])")


def contains_chinese(text: str) -> bool:
    """Return whether a Chinese character occurs.

    U+4E00-9FFF, extensions A (U+3400-4DBF) to I, compatibility ideographs, and U+3007. The
    published scripts look at U+4E00-9FA5 alone.
    """
    return _ANY_CHINESE.search(text) is not None


def split_words(text: str, is_chinese: bool | None = None) -> list[str]:
    """Return the words of a text, in order; white space is in none of them.

    Punctuation stays with its word where words are split at white space, and stands alone where
    jieba cuts. White space beside a Chinese character is taken out before jieba cuts, since a line
    may end within a word and gaps between Chinese and Latin are a matter of layout; between two
    Latin words it stays. Chinese beyond U+9FD5 is cut into single characters, as jieba does.

    Args:
        text: any text.
        is_chinese: cut by jieba. Where two texts are compared, Chinese in either decides for both:
            `word_pair`. None looks at this text alone.

    Raises:
        MissingExtraError: jieba is needed and not installed.

    Source: the scripts that score Fox and GOT, but for white space, which is a word there.
    """
    if is_chinese is None:
        is_chinese = contains_chinese(text)
    if not is_chinese:
        return text.split()
    words = chinese_cutter().cut(_GAP_BESIDE_CHINESE.sub("", " ".join(text.split())))
    return [word for word in words if not word.isspace()]


def word_pair(prediction: str, truth: str) -> tuple[list[str], list[str]]:
    """Return the words of two texts, both cut the same way: by jieba where either is Chinese."""
    is_chinese = contains_chinese(prediction) or contains_chinese(truth)
    return split_words(prediction, is_chinese), split_words(truth, is_chinese)


def as_symbols(first: Sequence[str], second: Sequence[str]) -> tuple[str, str]:
    """Return two sequences of words as strings with one character for each different word.

    Words are equal where their characters are: n-grams become slices, and what compares characters
    compares words. The characters mean nothing by themselves.

    Raises:
        InputError: more than a million different words.
    """
    numbers: dict[str, int] = {}
    symbols = tuple(
        [numbers.setdefault(word, len(numbers)) for word in words] for words in (first, second)
    )
    if len(numbers) > sys.maxunicode:
        raise InputError(f"{len(numbers)} different words in two texts; compare shorter ones")
    one, other = ("".join(map(chr, row)) for row in symbols)
    return one, other
