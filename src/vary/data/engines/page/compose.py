"""Blocks into the columns of a page: where every word stands, in reading order."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vary.data.engines.page.breaking import (
    BrokenLine,
    Join,
    LineRule,
    break_lines,
    gaps,
    is_stretchable,
    make_pieces,
)
from vary.data.engines.page.content import Block, Writer
from vary.data.engines.page.faces import Faces
from vary.data.engines.page.style import Align, PageStyle
from vary.data.engines.page.typeset import Color, TextStyle, Typesetter

# A justified line that would need gaps wider than this is left ragged.
MAX_GAP_EM = 1.6
# Lines of the next block that must fit under a heading.
LINES_KEPT = 2
# Between a bullet or number and its text.
MARKER_GAP_EM = 0.5
# Widths of tiles, from a narrow column to a page of small print.
TILE_WIDTH_EM = (14.0, 48.0)
TITLE_SHARE = 0.22
SPANNING_HEADING_SHARE = 0.15
SHORT_PAGE_SHARE = 0.15


@dataclass(frozen=True)
class PlacedWord:
    """A piece of a line at its place: `x` of its origin and `y` of its baseline, px."""

    text: str
    style: TextStyle
    x: float
    y: float
    space: bool


@dataclass(frozen=True)
class PlacedLine:
    """A visual line.

    Attributes:
        words: from left to right.
        join: how the next line of the paragraph goes on.
    """

    words: tuple[PlacedWord, ...]
    join: Join = "space"

    @property
    def text(self) -> str:
        """The line as it is read."""
        parts = [
            (" " if word.space and at else "") + word.text for at, word in enumerate(self.words)
        ]
        return "".join(parts)


@dataclass
class PlacedParagraph:
    """The lines of a block; `tight`: no blank line parts it from the one before."""

    role: str
    tight: bool
    lines: list[PlacedLine] = field(default_factory=list)


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle behind the text, px."""

    x0: float
    y0: float
    x1: float
    y1: float
    color: Color


@dataclass
class ComposedPage:
    """Everything on a page, in reading order."""

    size: tuple[int, int]
    background: Color
    paragraphs: list[PlacedParagraph] = field(default_factory=list)
    rectangles: list[Rectangle] = field(default_factory=list)

    def lines(self) -> Iterator[PlacedLine]:
        """Yield all visual lines in reading order."""
        for paragraph in self.paragraphs:
            yield from paragraph.lines


@dataclass(frozen=True)
class Column:
    """A region that text flows into, px."""

    left: float
    top: float
    width: float
    bottom: float


class Composer:
    """Composes one page.

    Args:
        style: its look.
        writer: its content.
        setter: measures text.
        rng: decides on titles, spanning headings and how full the page is.
    """

    def __init__(
        self, style: PageStyle, writer: Writer, setter: Typesetter, rng: np.random.Generator
    ) -> None:
        self.style = style
        self.writer = writer
        self.setter = setter
        self.rng = rng
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
        if self.style.columns > 1 and self.rng.random() < SPANNING_HEADING_SHARE:
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
        Flow(self.page, columns, self.setter, style).fill(blocks)

    def _across(self, blocks: Sequence[Block], top: float) -> float:
        """Set blocks over the full width and return the y below them."""
        column = Column(self.area.left, top, self.area.width, self.area.bottom)
        flow = Flow(self.page, [column], self.setter, self.style)
        flow.fill(blocks)
        return flow.y

    def _page_number(self) -> str:
        number = int(self.rng.integers(1, 600))
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
        if baseline <= height - 0.4 * self.writer.em_px:
            self._furniture([(number, align)], baseline)

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
            words += _placed(line, offsets, self.area.left, baseline, space=bool(words))
        paragraph = PlacedParagraph("furniture", False, [PlacedLine(tuple(words))])
        self.page.paragraphs.append(paragraph)

    def _rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        thick = max(1.0, self.style.px(0.5))
        self.page.rectangles.append(Rectangle(x0, y0, x1 + thick, y1 + thick, self.style.ink))


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


class Flow:
    """Lets blocks flow through columns.

    Args:
        page: what is added to.
        columns: in reading order.
        setter: measures text.
        style: the page's look.

    Attributes:
        y: where the next line of the current column begins, px.
    """

    def __init__(
        self, page: ComposedPage, columns: Sequence[Column], setter: Typesetter, style: PageStyle
    ) -> None:
        self.page = page
        self.columns = columns
        self.setter = setter
        self.style = style
        self.at = 0
        self.y = columns[0].top

    @property
    def column(self) -> Column:
        """The column that is being filled."""
        return self.columns[self.at]

    def fill(self, blocks: Iterable[Block]) -> None:
        """Set blocks until the columns are full; a last one is cut as at the end of a page."""
        for block in blocks:
            if not self._set(block):
                return

    def _set(self, block: Block) -> bool:
        """Set a block and return whether there is room for more."""
        block = self._with_room_for_marker(block)
        lines = self._break(block)
        if self.y > self.column.top:
            self.y += block.before_px
        needed = len(lines) + LINES_KEPT if block.keep else 1
        if not self._has_room(needed * block.leading_px) and not self._next_column():
            return False
        above = self.page.paragraphs[-1].role if self.page.paragraphs else ""
        paragraph = PlacedParagraph(block.role, block.tight and above == block.role)
        self.page.paragraphs.append(paragraph)
        box_top = self.y
        for number, line in enumerate(lines):
            if not self._has_room(block.leading_px):
                self._shade(block, box_top)
                if not self._next_column():
                    return False
                box_top = self.y
            paragraph.lines.append(self._place(block, line, first=number == 0))
            self.y += block.leading_px
        self._shade(block, box_top)
        self._underline(block)
        self.y += block.after_px
        return True

    def _with_room_for_marker(self, block: Block) -> Block:
        """Return the block, indented at least by its marker: "viii." is wide in some fonts."""
        if not block.marker:
            return block
        look = block.runs[0][1]
        needed = self.setter.width(block.marker, look) + MARKER_GAP_EM * look.size_px
        return replace(block, indent_px=max(block.indent_px, needed))

    def _break(self, block: Block) -> list[BrokenLine]:
        width = self.column.width - block.indent_px
        rule = LineRule(
            width_px=width,
            first_width_px=width - block.first_indent_px,
            justify=block.align == "justify",
            hyphenate=self.style.hyphenate and block.role in {"paragraph", "item"},
        )
        return break_lines(make_pieces(block.runs, self.setter), rule, self.setter)

    def _has_room(self, height: float) -> bool:
        # Half a pixel: sums of floats must not cost a line.
        return self.y + height <= self.column.bottom + 0.5

    def _next_column(self) -> bool:
        if self.at + 1 == len(self.columns):
            return False
        self.at += 1
        self.y = self.column.top
        return True

    def _place(self, block: Block, line: BrokenLine, *, first: bool) -> PlacedLine:
        look = line.pieces[0].style
        ascent, descent = self.setter.extent(look)
        baseline = self.y + (block.leading_px + ascent - descent) / 2
        indent = block.indent_px + (block.first_indent_px if first else 0.0)
        width = self.column.width - indent
        offsets = align_line(line, width, block.align, self.setter)
        left = self.column.left + indent
        words = _placed(line, offsets, left, baseline, space=first and bool(block.marker))
        if first and block.marker:
            # The marker hangs to the left of the text, a fixed gap away, as lists are set.
            gap = MARKER_GAP_EM * look.size_px
            x = left - gap - self.setter.width(block.marker, look)
            words.insert(0, PlacedWord(block.marker, look, x, baseline, space=False))
        return PlacedLine(tuple(words), line.join)

    def _shade(self, block: Block, top: float) -> None:
        if block.shade is None or self.y <= top:
            return
        pad = 0.3 * block.leading_px
        column = self.column
        self.page.rectangles.append(
            Rectangle(
                column.left - pad, top - pad, column.left + column.width + pad, self.y + pad,
                block.shade,
            )
        )  # fmt: skip

    def _underline(self, block: Block) -> None:
        if block.rule is None:
            return
        y = self.y + 0.1 * block.leading_px
        x1 = self.column.left + self.column.width
        thick = max(1.0, self.style.px(0.6))
        self.page.rectangles.append(Rectangle(self.column.left, y, x1, y + thick, block.rule))


def align_line(line: BrokenLine, width: float, align: Align, setter: Typesetter) -> list[float]:
    """Return the x of each piece of a line, px from the left of its column.

    The last line of a justified paragraph, and one whose gaps would be torn open, stays ragged.
    """
    spaces = gaps(line.pieces, setter)
    slack = width - sum(spaces) - sum(piece.width for piece in line.pieces)
    start = 0.0
    if align == "justify" and (slack < 0 or not line.last):
        spaces = _justified(line, spaces, slack)
    elif align in {"center", "right"}:
        start = max(0.0, slack if align == "right" else slack / 2)
    offsets = []
    x = start
    for piece, space in zip(line.pieces, spaces, strict=True):
        x += space
        offsets.append(x)
        x += piece.width
    return offsets


def _justified(line: BrokenLine, spaces: list[float], slack: float) -> list[float]:
    stretched = [at for at in range(len(spaces)) if is_stretchable(line.pieces, at)]
    if not stretched or slack / len(stretched) > MAX_GAP_EM * line.pieces[0].style.size_px:
        return spaces
    share = slack / len(stretched)
    return [space + share if at in stretched else space for at, space in enumerate(spaces)]


def _placed(
    line: BrokenLine, offsets: Sequence[float], left: float, baseline: float, *, space: bool
) -> list[PlacedWord]:
    """Return the words of a line at their places; `space`: the first follows something."""
    return [
        PlacedWord(piece.text, piece.style, left + x, baseline, piece.space if at else space)
        for at, (piece, x) in enumerate(zip(line.pieces, offsets, strict=True))
    ]
