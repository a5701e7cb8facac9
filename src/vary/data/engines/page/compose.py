"""One page: heads, titles, columns and page numbers, or a few lines as a tile."""

import math
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from vary.data.engines.page.blocks import Block
from vary.data.engines.page.breaking import LineRule, break_lines, make_pieces
from vary.data.engines.page.content import Writer, roman
from vary.data.engines.page.faces import Faces
from vary.data.engines.page.features import NO_FEATURES, PageFeatures
from vary.data.engines.page.flow import Flow, align_line, placed_words
from vary.data.engines.page.placed import (
    Column,
    ComposedPage,
    PlacedLine,
    PlacedParagraph,
    PlacedWord,
    Rectangle,
)
from vary.data.engines.page.style import Align, PageStyle
from vary.data.engines.page.typeset import TextStyle, Typesetter

# Widths of tiles, from a narrow column to a page of small print.
TILE_WIDTH_EM = (14.0, 48.0)
TITLE_SHARE = 0.22
SPANNING_HEADING_SHARE = 0.15
SHORT_PAGE_SHARE = 0.15


class Composer:
    """Composes one page.

    Args:
        style: its look.
        writer: its content.
        setter: measures text.
        rng: decides on titles, spanning headings and how full the page is.
        features: further forms of heads, feet and page numbers.
    """

    def __init__(
        self,
        style: PageStyle,
        writer: Writer,
        setter: Typesetter,
        rng: np.random.Generator,
        features: PageFeatures = NO_FEATURES,
    ) -> None:
        self.style = style
        self.writer = writer
        self.setter = setter
        self.rng = rng
        self.is_plain = not features.furniture or rng.random() >= features.furniture
        self.page = ComposedPage(style.size_px, style.background)
        left, top, right, bottom = (style.px(margin) for margin in style.margins_pt)
        width, height = style.size_px
        self.area = Column(left, top, width - left - right, height - bottom)

    def compose(self) -> ComposedPage:
        """Return the page, filled."""
        number = self._page_number()
        self._head(number)
        top = self.area.top
        slide = self.style.size == "slide"
        if self.rng.random() < (0.9 if slide else TITLE_SHARE):
            top = self._across(self.writer.title(), top)
        bottom = self.area.bottom
        if self.rng.random() < SHORT_PAGE_SHARE:
            bottom = top + (bottom - top) * float(self.rng.uniform(0.3, 0.9))
        blocks = self.writer.blocks()
        # Notes stand at the foot of the page: columns that end in its middle have none.
        may_span = self.style.columns > 1 and self.writer.notes is None
        if may_span and self.rng.random() < SPANNING_HEADING_SHARE:
            middle = top + (bottom - top) * float(self.rng.uniform(0.35, 0.6))
            self._fill_columns(blocks, top, middle)
            top = self._across([self.writer.heading(level=1)], middle + self.writer.leading_px)
        self._fill_columns(blocks, top, bottom)
        self._foot(number)
        return self.page

    def _fill_columns(self, blocks: Iterable[Block], top: float, bottom: float) -> None:
        style = self.style
        step = style.column_px + style.px(style.gutter_pt)
        columns = [
            Column(self.area.left + at * step, top, style.column_px, bottom)
            for at in range(style.columns)
        ]
        if style.column_rule:
            for column in columns[1:]:
                x = column.left - style.px(style.gutter_pt) / 2
                self._rule(x, top, x, bottom)
        notes = None if self.writer.notes is None else self.writer.notes.blocks
        foot = self.area.bottom if notes is not None else None
        flow = Flow(self.page, columns, self.setter, style, notes=notes, foot=foot)
        flow.fill(blocks)
        flow.set_notes()

    def _across(self, blocks: Sequence[Block], top: float) -> float:
        """Set blocks over the full width and return the y below them."""
        column = Column(self.area.left, top, self.area.width, self.area.bottom)
        flow = Flow(self.page, [column], self.setter, self.style)
        flow.fill(blocks)
        return flow.y

    def _page_number(self) -> str:
        number = int(self.rng.integers(1, 600))
        if not self.is_plain:
            return number_text(number, self.rng, cjk=self.writer.cjk)
        form = int(self.rng.integers(10))
        return {0: f"- {number} -", 1: f"{number} / {number + 37}"}.get(form, str(number))

    def _head(self, number: str) -> None:
        """Set the running head, with the page number if it stands there."""
        style = self.style
        number = number if style.page_number == "head" else ""
        text = self.writer.running_head() if style.head else ""
        baseline = self.area.top - max(self.area.top * 0.35, self.writer.leading_px)
        if not (text or number) or baseline < self.writer.em_px:
            return
        parts: list[tuple[str, Align]] = [(text, "left"), (number, "right")]
        if style.head == "center" and not number:
            parts = [(text, "center")]
        elif style.head == "left" and self.rng.random() < 0.5:
            parts = [(number, "left"), (text, "right")]
        self._furniture([part for part in parts if part[0]], baseline)
        if style.head_rule:
            y = baseline + 0.5 * self.writer.em_px
            self._rule(self.area.left, y, self.area.left + self.area.width, y)

    def _foot(self, number: str) -> None:
        align = self.style.page_number
        if align not in {"left", "center", "right"}:
            return
        height = self.page.size[1]
        baseline = self.area.bottom + max((height - self.area.bottom) * 0.5, self.writer.leading_px)
        if baseline > height - 0.4 * self.writer.em_px:
            return
        parts: list[tuple[str, Align]] = [(number, cast("Align", align))]
        if not self.is_plain and align != "center" and self.rng.random() < 0.6:
            text = self.writer.running_head()
            parts = [(number, "left"), (text, "right")]
            if align == "right":
                parts = [(text, "left"), (number, "right")]
        self._furniture(parts, baseline)
        if not self.is_plain and self.rng.random() < 0.4:
            y = baseline - 1.3 * self.writer.em_px
            if y > self.area.bottom + 0.2 * self.writer.em_px:
                self._rule(self.area.left, y, self.area.left + self.area.width, y)

    def _furniture(self, parts: Sequence[tuple[str, Align]], baseline: float) -> None:
        """Set one line of short texts at the left, the middle and the right."""
        size_px = self.writer.em_px * 0.9
        look = TextStyle(self.writer.faces.body, size_px, self.style.ink)
        room = self.area.width / len(parts) - size_px
        words: list[PlacedWord] = []
        for text, align in parts:
            pieces = make_pieces([(text, look)], self.setter)
            rule = LineRule(room, room, justify=False, hyphenate=False)
            line = break_lines(pieces, rule, self.setter)[0]
            offsets = align_line(line, self.area.width, align, self.setter)
            words += placed_words(line, offsets, self.area.left, baseline, space=bool(words))
        paragraph = PlacedParagraph("furniture", False, [PlacedLine(tuple(words))])
        self.page.paragraphs.append(paragraph)

    def _rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        thick = max(1.0, self.style.px(0.5))
        self.page.rectangles.append(Rectangle(x0, y0, x1 + thick, y1 + thick, self.style.ink))


def number_text(number: int, rng: np.random.Generator, *, cjk: bool) -> str:
    """Return a page's number in one of the forms that pages have it in."""
    total = number + int(rng.integers(1, 300))
    forms = [
        f"{number}", f"- {number} -", f"[{number}]", f"· {number} ·", f"{number}/{total}",
        f"Page {number}", f"Page {number} of {total}", f"p. {number}",
        roman(1 + number % 49).lower(),
    ]  # fmt: skip
    if cjk:
        forms[5:8] = [f"第{number}页", f"第 {number} 页", f"第{number}页 共{total}页"]
    return forms[int(rng.integers(len(forms)))]


def compose_tile(
    style: PageStyle,
    faces: Faces,
    text: str,
    setter: Typesetter,
    rng: np.random.Generator,
) -> ComposedPage:
    """Return 2-4 lines of a paragraph (fewer if it is short), with a small margin and no more."""
    em_px = style.px(style.body_pt)
    leading_px = em_px * style.leading
    width = em_px * float(rng.uniform(*TILE_WIDTH_EM))
    num_lines = int(rng.integers(2, 5))
    margin = 0.25 * leading_px
    indent = style.indent_em * em_px if rng.random() < 0.3 else 0.0
    look = TextStyle(faces.body, em_px, style.ink)
    block = Block("paragraph", ((text, look),), style.align, leading_px, first_indent_px=indent)
    column = Column(margin, margin, width, margin + num_lines * leading_px)
    page = ComposedPage((0, 0), style.background)
    flow = Flow(page, [column], setter, style)
    flow.fill([block])
    page.size = (math.ceil(width + 2 * margin), math.ceil(flow.y + margin))
    return page
