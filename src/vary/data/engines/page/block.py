"""Blocks: some words or lines on a canvas of a given size, from one word to a small page.

A word, a line, a crop and a page that is full of text are the same thing with other numbers, so a
model can grow from one to the next without meeting another kind of picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.breaking import BrokenLine, LineRule, break_lines, make_pieces
from vary.data.engines.page.content import clean_text
from vary.data.engines.page.faces import Faces, draw_faces
from vary.data.engines.page.flow import align_line
from vary.data.engines.page.line_text import fold_text
from vary.data.engines.page.placed import ComposedPage, PlacedLine, PlacedParagraph, PlacedWord
from vary.data.engines.page.style import PageStyle, StyleChoices, draw_page_style
from vary.data.engines.page.typeset import TextStyle, Typesetter
from vary.data.fonts import FontLibrary
from vary.errors import VaryError

# What a line needs to stand on a canvas, of the em: 1.32 at most from ascender to descender, as
# `Typesetter.extent` limits it, and a little for glyphs that reach beyond.
LINE_EM = 1.4
# Width of a character, of the em: an average of running text in many faces.
CHARACTER_EM = 0.47
CHARACTERS_PER_WORD = 6.0
# Paragraphs with more space than this between them are parted by a blank line in the target.
GAP_OF_A_BLANK_LINE = 0.3
# Blocks in which some words are set in the bold or italic face.
EMPHASIS_SHARE = 0.15
_SHAPE_SEED = 0x62_6C_6F_63_6B  # "block": its numbers are its own


@dataclass(frozen=True)
class BlockConfig:
    """How large a block is, and what is on it.

    Args:
        canvas_px: height and width of the image.
        body_px: smallest and largest em size of the text.
        lines: fewest and most lines; as many as fit, where that is less.
        words: fewest and most words (characters in Chinese); None for full lines.
        shuffled: share of blocks whose letters are exchanged among each other, so that no word can
            be guessed from its beginning.
        anywhere: share of blocks that stand anywhere on the canvas and in a column of any width;
            the others begin near the upper left corner, as text on pages does.

    Raises:
        VaryError: a number that cannot be, or text that is higher than the canvas.
    """

    canvas_px: tuple[int, int] = (256, 256)
    body_px: tuple[float, float] = (16.0, 24.0)
    lines: tuple[int, int] = (1, 12)
    words: tuple[int, int] | None = None
    shuffled: float = 0.0
    anywhere: float = 0.25

    def __post_init__(self) -> None:
        if not all(16 <= side <= 4096 for side in self.canvas_px):
            raise VaryError(f"canvas_px {self.canvas_px}: give height and width, 16 to 4096 px")
        _check_range("body_px", self.body_px, 6)
        _check_range("lines", self.lines, 1)
        if self.words is not None:
            _check_range("words", self.words, 1)
        for name in ("shuffled", "anywhere"):
            if not 0 <= getattr(self, name) <= 1:
                raise VaryError(f"{name} {getattr(self, name)}: give a share between 0 and 1")
        if self.body_px[1] * LINE_EM > self.canvas_px[0]:
            raise VaryError(
                f"body_px {self.body_px[1]} needs {self.body_px[1] * LINE_EM:.0f} px of height, "
                f"the canvas has {self.canvas_px[0]}: give smaller text or a higher canvas"
            )


@dataclass(frozen=True)
class BlockShape:
    """What is known of a block before its text is drawn.

    Args:
        body_px: em size.
        leading: baseline to baseline over the em size.
        num_lines: most lines.
        num_words: most words; None for full lines.
        width_px: of the column.
        is_anywhere: see `BlockConfig`.
    """

    body_px: float
    leading: float
    num_lines: int
    num_words: int | None
    width_px: float
    is_anywhere: bool


@dataclass(frozen=True)
class _SetLine:
    """A broken line, where its pieces begin, and its upper edge from that of the block, px."""

    line: BrokenLine
    offsets: list[float]
    y: float
    paragraph: int


class BlockComposer:
    """Composes blocks from a corpus and fonts.

    Args:
        config: their sizes.
        corpus: the text.
        fonts: the faces.
        cjk: the text is Chinese or Japanese.
    """

    def __init__(
        self, config: BlockConfig, corpus: TextCorpus, fonts: FontLibrary, *, cjk: bool = False
    ) -> None:
        self.config = config
        self.corpus = corpus
        self.fonts = fonts
        self.cjk = cjk

    def shape(self, index: int) -> BlockShape:
        """Return the sizes of a block: a function of the index alone, and quick."""
        config = self.config
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_SHAPE_SEED, index])))
        body_px = float(rng.uniform(*config.body_px))
        leading = float(rng.uniform(1.3, 1.8) if self.cjk else rng.uniform(1.12, 1.55))
        num_lines = int(rng.integers(config.lines[0], config.lines[1] + 1))
        room = 1 + int((config.canvas_px[0] - LINE_EM * body_px) / (leading * body_px))
        words = config.words
        num_words = int(rng.integers(words[0], words[1] + 1)) if words else None
        is_anywhere = bool(rng.random() < config.anywhere)
        share = float(rng.uniform(0.4, 0.98) if is_anywhere else rng.uniform(0.86, 0.98))
        width = share * config.canvas_px[1]
        return BlockShape(body_px, leading, min(num_lines, room), num_words, width, is_anywhere)

    def length_hint(self, index: int) -> int:
        """Return about how many characters a block has."""
        shape = self.shape(index)
        wide = shape.body_px * (1.0 if self.cjk else CHARACTER_EM)
        full = shape.num_lines * shape.width_px / wide
        if shape.num_words is not None:
            full = min(full, shape.num_words * (1.0 if self.cjk else CHARACTERS_PER_WORD))
        return max(1, round(full))

    def compose(
        self, index: int, setter: Typesetter, rng: np.random.Generator
    ) -> tuple[ComposedPage, str, PageStyle, Faces]:
        """Return a block at its place on the canvas, its source, and what it is set in.

        Raises:
            Reject: no text, no face with all glyphs, or not one word fits.
        """
        shape = self.shape(index)
        paragraphs, source = self._draw_text(shape, rng)
        style = draw_page_style(rng, StyleChoices(("a4",), (72, 72), (1,), self.cjk))
        faces = draw_faces(rng, self.fonts, "".join(paragraphs) + "-")
        set_lines = self._set(paragraphs, shape, style, faces, setter, rng)
        if not set_lines:
            raise Reject("nothing fits on the canvas")
        look = TextStyle(faces.body, shape.body_px, style.ink)
        left, top = self._place(set_lines, shape, rng)
        height, width = self.config.canvas_px
        page = ComposedPage((width, height), style.background)
        ascent, descent = setter.extent(look)
        top += (LINE_EM * shape.body_px - ascent - descent) / 2
        for entry in set_lines:
            while len(page.paragraphs) <= entry.paragraph:
                tight = style.paragraph_gap <= GAP_OF_A_BLANK_LINE
                page.paragraphs.append(PlacedParagraph("paragraph", tight))
            words = tuple(
                PlacedWord(piece.text, piece.style, left + x, top + entry.y + ascent, piece.space)
                for piece, x in zip(entry.line.pieces, entry.offsets, strict=True)
            )
            page.paragraphs[-1].lines.append(PlacedLine(words, entry.line.join))
        return page, source, style, faces

    def _draw_text(self, shape: BlockShape, rng: np.random.Generator) -> tuple[list[str], str]:
        """Return text of one file from somewhere in a paragraph on, and the file."""
        paragraphs = self.corpus.paragraphs
        start = int(rng.integers(len(paragraphs)))
        source = paragraphs[start].source
        # More than fits: the narrowest faces set a character in a third of the em.
        wanted = shape.num_lines * shape.width_px / (shape.body_px * (0.9 if self.cjk else 0.3))
        if shape.num_words is not None:
            wanted = min(wanted, shape.num_words * 3 * CHARACTERS_PER_WORD)
        drawn: list[str] = []
        total = 0
        for number, paragraph in enumerate(paragraphs[start : start + 40]):
            if paragraph.source != source or total > wanted:
                break
            text = fold_text(clean_text(paragraph.text))
            if number == 0:
                text = self._from_somewhere(text, rng)
            text = text[: int(wanted) + 40]
            if text:
                drawn.append(text)
                total += len(text)
        if not drawn:
            raise Reject("paragraph without text", f"{source}, paragraph {start}")
        is_shuffled = rng.random() < self.config.shuffled
        return (_shuffle(drawn, rng) if is_shuffled else drawn), source

    def _from_somewhere(self, text: str, rng: np.random.Generator) -> str:
        """Return a text from one of its words on, half of the time from its beginning."""
        if rng.random() < 0.5:
            return text
        if self.cjk:
            return text[int(rng.integers(max(1, len(text)))) :]
        words = text.split(" ")
        return " ".join(words[int(rng.integers(len(words))) :])

    def _set(  # noqa: PLR0917 - what a block is made of, in one place
        self,
        paragraphs: Sequence[str],
        shape: BlockShape,
        style: PageStyle,
        faces: Faces,
        setter: Typesetter,
        rng: np.random.Generator,
    ) -> list[_SetLine]:
        """Return the lines of a block, as many as its shape and the canvas allow."""
        em = shape.body_px
        look = TextStyle(faces.body, em, style.ink)
        limit = self.config.canvas_px[0] - LINE_EM * em
        left_words = shape.num_words
        done: list[_SetLine] = []
        y = 0.0
        for number, text in enumerate(paragraphs):
            pieces = make_pieces(_runs(text, look, faces, rng), setter)[:left_words]
            left_words = None if left_words is None else left_words - len(pieces)
            indent = style.indent_em * em if number or rng.random() < 0.3 else 0.0
            rule = LineRule(
                shape.width_px,
                max(shape.width_px - indent, 2 * em),
                style.align == "justify",
                style.hyphenate and shape.num_words is None,
            )
            y += style.paragraph_gap * shape.leading * em if number else 0.0
            for at, line in enumerate(break_lines(pieces, rule, setter)):
                if len(done) >= shape.num_lines or y > limit:
                    return done
                shift = 0.0 if at else indent
                room = shape.width_px - shift
                offsets = [shift + x for x in align_line(line, room, style.align, setter)]
                done.append(_SetLine(line, offsets, y, number))
                y += shape.leading * em
            if left_words == 0:
                break
        return done

    def _place(
        self, lines: Sequence[_SetLine], shape: BlockShape, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Return where the block's upper left corner goes on the canvas, px."""
        height, width = self.config.canvas_px
        used = max(entry.offsets[-1] + entry.line.pieces[-1].width for entry in lines)
        free_x = max(0.0, width - used)
        free_y = max(0.0, height - lines[-1].y - LINE_EM * shape.body_px)
        if shape.is_anywhere:
            return float(rng.uniform(0, free_x)), float(rng.uniform(0, free_y))
        left = min(free_x, float(rng.uniform(0.01, 0.06)) * width)
        top = min(free_y, float(rng.uniform(0.1, 0.9)) * shape.leading * shape.body_px)
        return left, top


def _runs(
    text: str, look: TextStyle, faces: Faces, rng: np.random.Generator
) -> list[tuple[str, TextStyle]]:
    """Return a text in runs of one style: mostly one, sometimes with a few words emphasised."""
    words = text.split(" ")
    other = faces.bold if rng.random() < 0.5 else faces.italic
    if other is None or len(words) < 3 or rng.random() >= EMPHASIS_SHARE:
        return [(text, look)]
    start = int(rng.integers(len(words) - 1))
    stop = start + int(rng.integers(1, 5))
    strong = TextStyle(other, look.size_px, look.color)
    parts = [(words[:start], look), (words[start:stop], strong), (words[stop:], look)]
    return [(" ".join(part) + " ", style) for part, style in parts if part]


def _shuffle(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return texts whose letters and digits have changed places; all other characters stay."""
    letters = [character for text in texts for character in text if character.isalnum()]
    order = iter(rng.permutation(len(letters)))
    return [
        "".join(letters[next(order)] if character.isalnum() else character for character in text)
        for text in texts
    ]


def _check_range(name: str, given: tuple[float, float], least: float) -> None:
    if len(given) != 2 or not least <= given[0] <= given[1]:
        raise VaryError(f"{name} {given}: give two numbers from {least} on, the lower first")
