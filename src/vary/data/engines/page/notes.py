"""Footnotes: their marks in the text, and what they say."""

import re
from collections.abc import Sequence

import numpy as np

from vary.data.engines.page.blocks import Block, Run
from vary.data.engines.page.faces import Faces
from vary.data.engines.page.style import PageStyle
from vary.data.engines.page.typeset import TextStyle

NOTE_CHARACTERS = "0123456789[]*"
MAX_NOTES = 6
# A sentence that is longer is cut: notes must leave room for the text that they belong to.
MAX_CHARACTERS = 220
MAX_CHARACTERS_CJK = 90
# Chance that a paragraph has a mark, and that it has one more.
PARAGRAPH_SHARE = 0.5
_SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])(?![”’」』）])")
_CJK_PLACES = re.compile(r"[\u4e00-\u9fff][，。；：、！？]")


class Notes:
    """Writes the footnotes of one page.

    Args:
        style: the page's look.
        faces: its fonts.
        paragraphs: where the notes' texts come from.
        rng: decides which words have a note.
        cjk: the text is Chinese.

    Attributes:
        blocks: number -> the note, for each mark that was set.
    """

    def __init__(
        self,
        style: PageStyle,
        faces: Faces,
        paragraphs: Sequence[str],
        *,
        rng: np.random.Generator,
        cjk: bool,
    ) -> None:
        self.style = style
        self.faces = faces
        self.paragraphs = paragraphs
        self.rng = rng
        self.cjk = cjk
        self.em_px = style.px(style.body_pt)
        self.blocks: dict[int, Block] = {}
        self._form = str(rng.choice(["1", "[1]", "*"], p=[0.7, 0.2, 0.1]))
        first = int(rng.integers(1, 60)) if rng.random() < 0.4 else 1
        self._next = 1 if self._form == "*" else first
        self._last = self._next + (2 if self._form == "*" else MAX_NOTES - 1)
        # Notes are smaller than the text, but never too small to be read.
        self._size_px = max(self.em_px * float(rng.uniform(0.78, 0.92)), min(self.em_px, 9.5))
        self._is_raised = bool(self._form != "[1]" or rng.random() < 0.5)

    def mark(self, runs: tuple[Run, ...]) -> tuple[Run, ...]:
        """Return a paragraph's runs, perhaps with the mark of a note behind one of the words."""
        if self._next > self._last or self.rng.random() >= PARAGRAPH_SHARE:
            return runs
        at = int(self.rng.integers(len(runs)))
        text, look = runs[at]
        places = self._places(text)
        if not places:
            return runs
        place = places[int(self.rng.integers(len(places)))]
        number = self._next
        self._next += 1
        label = self._label(number)
        self.blocks[number] = self._note(number, label)
        mark = (label, self._mark_style(look, number))
        parts = ((text[:place], look), mark, (text[place:], look))
        return (*runs[:at], *(part for part in parts if part[0]), *runs[at + 1 :])

    def _places(self, text: str) -> list[int]:
        """Return where a mark may stand: behind a word and its comma or full stop."""
        if self.cjk:
            return [match.end() for match in _CJK_PLACES.finditer(text)]
        return [
            at
            for at, character in enumerate(text)
            if character == " " and at and (text[at - 1].isalpha() or text[at - 1] in ",.;")
        ]

    def _label(self, number: int) -> str:
        return "*" * number if self._form == "*" else self._form.replace("1", str(number))

    def _mark_style(self, look: TextStyle, number: int) -> TextStyle:
        size = look.size_px * (0.68 if self._is_raised else 0.9)
        rise = look.size_px * (0.34 if self._is_raised else 0.0)
        return TextStyle(look.face, size, look.color, rise_px=rise, note=number)

    def _note(self, number: int, label: str) -> Block:
        look = TextStyle(self.faces.body, self._size_px, self.style.ink)
        mark = (label, self._mark_style(look, number))
        return Block(
            role="note",
            runs=(mark, (" " + self._text(), look)),
            align="justify" if self.style.align == "justify" else "left",
            leading_px=self._size_px * min(self.style.leading, 1.35),
        )

    def _text(self) -> str:
        text = self.paragraphs[int(self.rng.integers(len(self.paragraphs)))]
        sentences = [part for part in _SENTENCES.split(text) if len(part) > 3] or [text]
        sentence = sentences[int(self.rng.integers(len(sentences)))]
        most = MAX_CHARACTERS_CJK if self.cjk else MAX_CHARACTERS
        if len(sentence) <= most:
            return sentence
        cut = sentence[:most]
        return cut if self.cjk else cut.rsplit(" ", 1)[0]
