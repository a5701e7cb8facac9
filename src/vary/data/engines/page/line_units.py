"""A line's text as what is set on it: words, and single Chinese characters."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from vary.data.engines.page.breaking import is_cjk

_CJK_OR_NOT = re.compile(
    "[\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff]"
    "|[^\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff]+"
)


class LineUnit(NamedTuple):
    """A word, or a Chinese character.

    Args:
        text: without spaces.
        space: a space stands before it.
    """

    text: str
    space: bool

    @property
    def is_cjk(self) -> bool:
        """Whether it is a Chinese character, or its punctuation."""
        return is_cjk(self.text[0])

    @property
    def is_latin(self) -> bool:
        """Whether it is a word or a number: what Chinese lines may have in a face of its own."""
        return not self.is_cjk and any(c.isalnum() and c < "\u2000" for c in self.text)


def line_units(text: str) -> list[LineUnit]:
    """Return the units of a text with single spaces."""
    if text.isascii():
        return [LineUnit(word, at > 0) for at, word in enumerate(text.split(" "))]
    return [
        LineUnit(part, at > 0 and not number)
        for at, word in enumerate(text.split(" "))
        for number, part in enumerate(_CJK_OR_NOT.findall(word))
    ]


def units_text(units: Sequence[LineUnit]) -> str:
    """Return the text of units in a row; a space before the first does not count."""
    parts = [(" " if unit.space and at else "") + unit.text for at, unit in enumerate(units)]
    return "".join(parts)
