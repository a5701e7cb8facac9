"""What tables say: words of the text, and numbers of one kind to a column."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from vary.data.engines.page.features import RuleStyle
from vary.data.engines.page.table import Table

# Characters that a table's numbers and captions need beside the text's.
TABLE_CHARACTERS = "0123456789.,%$±-():/TableFig表"
MAX_ROWS = 12
_CLAUSES = re.compile(r"[\s，。、；：！？（）《》“”‘’「」『』—…·,.;:!?()\[\]]+")


class CaptionLook:
    """How the captions of one page look: alike, and numbered one after the other.

    Args:
        rng: decides on the first number, the form and the place.

    Attributes:
        below: captions stand below their tables.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._number = int(rng.integers(0, 29))
        self._form = int(rng.integers(3))
        self.below = bool(rng.random() < 0.3)

    def next_form(self, *, cjk: bool) -> str:
        """Return what the next caption begins with."""
        self._number += 1
        forms = ("表{} ", "表{}：", "表 {} ") if cjk else ("Table {}: ", "Table {}. ", "TABLE {} ")
        return forms[self._form].format(self._number)


class TableTexts:
    """Draws tables from the words of some paragraphs.

    Args:
        paragraphs: where the words come from.
        cjk: they are Chinese: cells are cut by the character.
    """

    def __init__(self, paragraphs: Sequence[str], *, cjk: bool) -> None:
        self.cjk = cjk
        self._words = [text.split() for text in paragraphs]
        self._clauses = [
            part for text in paragraphs for part in _CLAUSES.split(text) if 1 < len(part) <= 40
        ] or [paragraphs[0][:8]]

    def draw(self, rng: np.random.Generator, room_em: float, rules: Sequence[RuleStyle]) -> Table:
        """Return a table that is likely to fit a column of so many ems."""
        most = int(np.clip(room_em / 6, 2, 7))
        columns = int(rng.integers(2, most + 1))
        rows = int(rng.integers(2, MAX_ROWS))
        wordy = bool(rng.random() < 0.3)
        kinds = ["name"] + [
            str(rng.choice(["words", "long"])) if wordy and rng.random() < 0.4 else "numbers"
            for _ in range(columns - 1)
        ]
        header = self._header(rng, kinds)
        made = [self._column(rng, kind, rows) for kind in kinds]
        cells = [list(row) for row in zip(*(column for _, column in made), strict=True)]
        if rng.random() < 0.25:
            self._leave_some_out(rng, cells, kinds)
        aligns = "".join(align for align, _ in made)
        rule: RuleStyle = rules[int(rng.integers(len(rules)))]
        return Table((tuple(header), *(tuple(row) for row in cells)), aligns, rule)

    def caption(self, rng: np.random.Generator, look: CaptionLook) -> str:
        """Return a caption in the form of a page's captions, with the next number."""
        form = look.next_form(cjk=self.cjk)
        return form + self.phrase(rng, 14 if self.cjk else 8)

    def phrase(self, rng: np.random.Generator, longest: int) -> str:
        """Return one to so many words, or characters, without marks around them."""
        if self.cjk:
            clause = self._clauses[int(rng.integers(len(self._clauses)))]
            return cut_between_words(clause, int(rng.integers(2, longest + 1)))
        words = self._words[int(rng.integers(len(self._words)))]
        start = int(rng.integers(len(words)))
        taken = " ".join(words[start : start + int(rng.integers(1, longest + 1))])
        text = taken.strip(".,;:!?()[]“”‘’\"'— -*_")
        if not text:
            text = next((c for c in self._clauses), "x")
        return text[0].upper() + text[1:]

    def _header(self, rng: np.random.Generator, kinds: Sequence[str]) -> list[str]:
        first = "" if rng.random() < 0.15 else self.phrase(rng, 5 if self.cjk else 2)
        if rng.random() < 0.25:
            year = int(rng.integers(1950, 2015))
            return [first] + [f"{year + at}" for at in range(len(kinds) - 1)]
        longest = 6 if self.cjk else 3
        return [first] + [self.phrase(rng, longest) for _ in kinds[1:]]

    def _column(self, rng: np.random.Generator, kind: str, rows: int) -> tuple[str, list[str]]:
        """Return how a column is aligned, and its cells."""
        if kind == "numbers":
            return _numbers(rng, rows)
        longest = {"name": 3, "words": 3, "long": 12}[kind]
        if self.cjk:
            longest = {"name": 6, "words": 5, "long": 24}[kind]
        if kind == "name" and rng.random() < 0.1:
            start = int(rng.integers(1, 40))
            return "l", [str(start + at) for at in range(rows)]
        return "l", [self.phrase(rng, longest) for _ in range(rows)]

    @staticmethod
    def _leave_some_out(
        rng: np.random.Generator, cells: list[list[str]], kinds: Sequence[str]
    ) -> None:
        """Empty a few cells, or write a dash into them."""
        dash = "" if rng.random() < 0.4 else "-"
        for row in cells:
            for at in range(1, len(kinds)):
                if rng.random() < 0.12:
                    row[at] = dash
            if not any(row[1:]):
                row[-1] = "0"


def cut_between_words(text: str, length: int) -> str:
    """Return about so many characters of a Chinese text; Latin words in it stay whole."""
    word = re.compile(r"[A-Za-z0-9]*").match(text, length)
    inside = text[length - 1 : length].isascii() and text[length - 1 : length].isalnum()
    return text[: word.end() if inside and word is not None else length].strip()


def _numbers(rng: np.random.Generator, rows: int) -> tuple[str, list[str]]:
    """Return the alignment and the cells of a column of numbers, all of one kind."""
    size = 10.0 ** float(rng.uniform(0.5, 6))
    values = rng.lognormal(0.0, 1.0, rows) * size
    small = rng.uniform(0, 100, rows)
    kinds: tuple[tuple[str, Callable[[int], str]], ...] = (
        ("r", lambda at: f"{values[at]:,.0f}"),
        ("r", lambda at: f"{values[at]:.0f}"),
        ("r", lambda at: f"{small[at]:.1f}%"),
        ("r", lambda at: f"{small[at]:.2f}"),
        ("d", lambda at: f"{small[at]:.{at % 3}f}" if at % 4 else f"{small[at] * 9:.1f}"),
        ("r", lambda at: f"${values[at]:,.2f}"),
        ("c", lambda at: f"{1900 + int(small[at] * 1.2)}"),
        ("c", lambda at: f"{small[at]:.1f} ± {small[-at - 1] / 20:.1f}"),
        ("c", lambda at: f"{int(small[at])}"),
        ("r", lambda at: f"{'-' if small[at] < 35 else ''}{small[at] / 10:.3f}"),
        ("c", lambda at: f"{int(small[at])}-{int(small[at]) + 1 + at}"),
        ("r", lambda at: f"({values[at]:,.0f})" if small[at] < 25 else f"{values[at]:,.0f}"),
    )
    align, write = kinds[int(rng.integers(len(kinds)))]
    return align, [write(at) for at in range(rows)]
