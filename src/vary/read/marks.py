"""Which lines are print, and which are marks that are no text: dust, stains, dots, leaves.

A recogniser of lines reads something wherever there is ink. A mark gives a sign or two; print
gives words. So a page is asked whether words stand on it, and how large they are.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vary.read.cutting import Tile

if TYPE_CHECKING:
    from vary.read.recognizer import Recognition

_RUN = re.compile(r"[^\W_]+")
# Letters that make a word, not all of them the same: the rows of a dotted form give "eee". On 400
# images without text nano read no such word that it was sure of.
_WORD_LETTERS = 3
# What makes a line of words print beyond doubt: the confidence, or that many different letters.
_SURE = 0.75
_SURE_LETTERS = 7
# Of a mark by itself: a figure on a slide, the number of a chapter.
_VERY_SURE = 0.9
# How much smaller or larger than all lines with words a sign by itself may be.
_SMALLER, _LARGER = 0.5, 2.0
# This many signs may stand on a page of few words, or of none.
_FEW = 3
# Beside words beyond doubt, a line of words and of their size is print though it is read badly,
# down to this share of the confidence asked for. Of 24 Chinese pages in faces that nano had never
# seen, 14 % of the text had been left out; the error fell from 0.26 to 0.15.
_BESIDE_PRINT = 0.6
_BESIDE_PRINT_SIGNS = 4
# A script that the model does not know is read as look-alikes of one that it does: Cyrillic as
# "cuacTmBste ceMsH noxoXKH". Capitals behind small letters, figures between letters, Greek beside
# Latin ones are in so many words of a line, and in so many lines of a page, of no known language.
_LATIN = "A-Za-z\u00b5-\u024f"
_GREEK = "\u0370-\u03ff"
_STRANGE = re.compile(rf"[a-z][A-Z]|[A-Za-z]\d+[A-Za-z]|[{_LATIN}][{_GREEK}]|[{_GREEK}][{_LATIN}]")
_STRANGE_WORDS, _STRANGE_SHARE, _STRANGE_LINES = 2, 0.4, 0.7


@dataclass(frozen=True)
class SeenLine:
    """What is known of a line.

    Args:
        text: what was read.
        confidence: 0 to 1.
        height: from ascender to descender, in any unit.
    """

    text: str
    confidence: float
    height: float

    @property
    def words(self) -> list[str]:
        """Letters or figures that follow one another; two figures or ideographs do."""
        return [run for run in _RUN.findall(self.text) if _is_word(run)]

    @property
    def is_print(self) -> bool:
        """Whether it has words beyond doubt."""
        letters = "".join(self.words).casefold()
        return bool(letters) and (self.confidence >= _SURE or len(set(letters)) >= _SURE_LETTERS)

    @property
    def is_strange(self) -> bool:
        """Whether its words are of a kind that no known script writes."""
        words = [word for word in _RUN.findall(self.text) if len(word) >= _WORD_LETTERS]
        strange = sum(bool(_STRANGE.search(word)) for word in words)
        return strange >= _STRANGE_WORDS and strange >= _STRANGE_SHARE * len(words)


def seen_lines(tiles: Sequence[Tile], found: "Sequence[Recognition]") -> list[SeenLine]:
    """Return what is known of the lines of tiles from what was read on each."""
    return [
        SeenLine(line.text, line.confidence, tile.height)
        for tile, line in zip(tiles, found, strict=True)
    ]


def find_marks(lines: Sequence[SeenLine], min_confidence: float) -> set[int]:
    """Return the indices of the lines of a page that are marks and no text.

    A line is a mark if its confidence is low; where words stand beyond doubt, one of words and of
    their size is print even so, unless its confidence is very low. One without words is a mark, if
    it is much smaller or larger than the page's words. Where such signs outnumber the words, only
    letters and figures that are very sure stay; where no words are sure, nothing stays but a few of
    these. Where most lines look like another script's, these lines are marks.

    Args:
        lines: all lines of a page.
        min_confidence: lines below it are marks; 0: no line is one.
    """
    if not min_confidence:
        return set()
    told = {i for i, line in enumerate(lines) if line.text.strip()}
    marks = {i for i in told if lines[i].confidence < min_confidence}
    marks |= _unknown_script(lines, told - marks)
    heights = [lines[i].height for i in told - marks if lines[i].is_print]
    if not heights:
        signs = told - marks
        stay = {i for i in signs if _is_sure_sign(lines[i]) or lines[i].words}
        return marks | (signs - stay if len(signs) <= _FEW else signs)
    low, high = _SMALLER * min(heights), _LARGER * max(heights)
    marks = {
        i
        for i in marks
        if lines[i].confidence < _BESIDE_PRINT * min_confidence
        or not low <= lines[i].height <= high
        or len("".join(lines[i].words)) < _BESIDE_PRINT_SIGNS
    }
    words = {i for i in told - marks if lines[i].words}
    signs = told - marks - words
    signs_of_size = {i for i in signs if low <= lines[i].height <= high}
    if len(signs_of_size) > len(words) + _FEW:
        signs_of_size = {i for i in signs_of_size if _is_sure_sign(lines[i])}
    return marks | (signs - signs_of_size)


def _unknown_script(lines: Sequence[SeenLine], of: set[int]) -> set[int]:
    """Return the strange lines of a page of which most are."""
    strange = {i for i in of if lines[i].is_strange}
    worded = [i for i in of if len(lines[i].words) >= _STRANGE_WORDS]
    return strange if strange and len(strange) >= _STRANGE_LINES * len(worded) else set()


def _is_word(run: str) -> bool:
    if len(set(run)) < 2:
        return False
    return len(run) >= _WORD_LETTERS or run.isdigit() or all("\u3400" <= c <= "\u9fff" for c in run)


def _is_sure_sign(line: SeenLine) -> bool:
    return line.confidence >= _VERY_SURE and any(sign.isalnum() for sign in line.text)
