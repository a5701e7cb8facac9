"""Blocks into columns: lines under one another, tables, and notes at the foot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vary.data.engines.page.blocks import Block
from vary.data.engines.page.breaking import (
    BrokenLine,
    LineRule,
    break_lines,
    gaps,
    is_stretchable,
    make_pieces,
)
from vary.data.engines.page.placed import (
    Column,
    ComposedPage,
    PlacedLine,
    PlacedParagraph,
    PlacedWord,
    Rectangle,
)
from vary.data.engines.page.style import Align, PageStyle
from vary.data.engines.page.table import (
    Table,
    TableLayout,
    TableStyle,
    cell_style,
    join_before,
    lay_out,
    rule_boxes,
)
from vary.data.engines.page.typeset import Typesetter

# A justified line that would need gaps wider than this is left ragged.
MAX_GAP_EM = 1.6
# Lines of the next block that must fit under a heading.
LINES_KEPT = 2
# Between text and the rule above footnotes, of a note's leading; the length of that rule.
NOTES_GAP = 1.0
NOTES_RULE_SHARE = 0.3
# Between a bullet or number and its text.
MARKER_GAP_EM = 0.5


@dataclass(frozen=True)
class _SetNote:
    """A footnote, broken into lines."""

    number: int
    block: Block
    lines: tuple[BrokenLine, ...]


class Flow:
    """Lets blocks flow through columns.

    A line with the mark of a footnote takes the room for its note from the foot of its column.

    Args:
        page: what is added to.
        columns: in reading order.
        setter: measures text.
        style: the page's look.
        notes: footnotes by their numbers; may grow while blocks are set.
        foot: where notes end, px; None: where the columns end.

    Attributes:
        y: where the next line of the current column begins, px.
    """

    def __init__(
        self,
        page: ComposedPage,
        columns: Sequence[Column],
        setter: Typesetter,
        style: PageStyle,
        *,
        notes: Mapping[int, Block] | None = None,
        foot: float | None = None,
    ) -> None:
        self.page = page
        self.columns = columns
        self.setter = setter
        self.style = style
        self.at = 0
        self.y = columns[0].top
        self._notes = {} if notes is None else notes
        self._foot = columns[0].bottom if foot is None else foot
        self._set_notes: list[list[_SetNote]] = [[] for _ in columns]

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
        if block.table is not None:
            self._set_table(block, *block.table)
            return True
        block = self._with_room_for_marker(block)
        lines = self._break(block)
        if self.y > self.column.top:
            self.y += block.before_px
        needed = len(lines) + LINES_KEPT if block.keep else 1
        if not self._has_room(needed * block.leading_px) and not self._next_column():
            return False
        above = self.page.paragraphs[-1].role if self.page.paragraphs else ""
        tight = block.tight and above == block.role
        paragraph = PlacedParagraph(block.role, tight, level=block.level, marker=block.marker)
        self.page.paragraphs.append(paragraph)
        box_top = self.y
        for number, line in enumerate(lines):
            notes = self._notes_of(line)
            if not self._has_room(block.leading_px, notes):
                self._shade(block, box_top)
                if not self._next_column() or (notes and not self._has_room(0.0, notes)):
                    return False
                box_top = self.y
            self._set_notes[self.at] += notes
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

    def _has_room(self, height: float, notes: Sequence[_SetNote] = ()) -> bool:
        bottom = self.column.bottom
        if notes or self._set_notes[self.at]:
            bottom = min(
                bottom, self._foot - self._notes_height((*self._set_notes[self.at], *notes))
            )
        # Half a pixel: sums of floats must not cost a line.
        return self.y + height <= bottom + 0.5

    def _next_column(self) -> bool:
        if self.at + 1 == len(self.columns):
            return False
        self.at += 1
        self.y = self.column.top
        return True

    def _place(self, block: Block, line: BrokenLine, *, first: bool) -> PlacedLine:
        look = line.pieces[0].style
        if look.rise_px or self.setter.second is not None:
            look = block.runs[-1][1]  # the block's own, whatever the line begins with
        ascent, descent = self.setter.extent(look)
        baseline = self.y + (block.leading_px + ascent - descent) / 2
        indent = block.indent_px + (block.first_indent_px if first else 0.0)
        width = self.column.width - indent
        offsets = align_line(line, width, block.align, self.setter)
        left = self.column.left + indent
        words = placed_words(line, offsets, left, baseline, space=first and bool(block.marker))
        if first and block.marker:
            # The marker hangs to the left of the text, a fixed gap away, as lists are set.
            gap = MARKER_GAP_EM * look.size_px
            x = left - gap - self.setter.width(block.marker, look)
            words.insert(0, PlacedWord(block.marker, look, x, baseline, space=False))
        return PlacedLine(tuple(words), line.join)

    def _notes_of(self, line: BrokenLine) -> list[_SetNote]:
        """Return the notes whose marks stand on a line, broken into lines."""
        if not self._notes:
            return []
        numbers = dict.fromkeys(piece.style.note for piece in line.pieces if piece.style.note)
        return [
            _SetNote(number, self._notes[number], tuple(self._break(self._notes[number])))
            for number in numbers
        ]

    @staticmethod
    def _notes_height(notes: Sequence[_SetNote]) -> float:
        """Return the height of notes with the gap and the rule above them."""
        gap = NOTES_GAP * notes[0].block.leading_px
        return gap + sum(len(note.lines) * note.block.leading_px for note in notes)

    def set_notes(self) -> None:
        """Set the footnotes at the foot of their columns; called after all text."""
        for at, notes in enumerate(self._set_notes):
            if not notes:
                continue
            self.at = at
            gap = NOTES_GAP * notes[0].block.leading_px
            top = self._foot - self._notes_height(notes)
            thick = max(1.0, self.style.px(0.5))
            x0, y0 = self.column.left, top + 0.6 * gap
            x1 = x0 + NOTES_RULE_SHARE * self.column.width
            self.page.rectangles.append(Rectangle(x0, y0, x1, y0 + thick, self.style.ink))
            self.y = top + gap
            for note in notes:
                paragraph = PlacedParagraph("note", False, note=note.number)
                for line in note.lines:
                    paragraph.lines.append(self._place(note.block, line, first=False))
                    self.y += note.block.leading_px
                self.page.paragraphs.append(paragraph)

    def _set_table(self, block: Block, table: Table, look: TableStyle) -> None:
        """Set a table with its caption, in this column or the next; none where it does not fit."""
        layout = lay_out(table, look, self.column.width, self.setter)
        if layout is None:
            return
        caption = replace(block, role="caption", table=None)
        lines = self._break(caption) if block.runs else []
        room = 0.4 * block.leading_px if lines else 0.0
        height = layout.height + room + len(lines) * block.leading_px
        gap = block.before_px if self.y > self.column.top else 0.0
        if not self._has_room(gap + height):
            top_of_next = self.at + 1 < len(self.columns)
            if not top_of_next or self.columns[self.at + 1].top + height > self._foot:
                return
            self._next_column()
            gap = 0.0
        self.y += gap
        if not block.caption_below:
            self._set_caption(caption, lines)
            self.y += room
        self._place_table(layout, table, look)
        if block.caption_below:
            self.y += room
            self._set_caption(caption, lines)
        self.y += block.after_px

    def _set_caption(self, block: Block, lines: Sequence[BrokenLine]) -> None:
        paragraph = PlacedParagraph("caption", False)
        for line in lines:
            paragraph.lines.append(self._place(block, line, first=False))
            self.y += block.leading_px
        if lines:
            self.page.paragraphs.append(paragraph)

    def _place_table(self, layout: TableLayout, table: Table, look: TableStyle) -> None:
        """Set the cells and rules of a table, in the middle of its column."""
        left = self.column.left + max(0.0, (self.column.width - layout.width) / 2)
        top = self.y
        self.page.rectangles += [
            Rectangle(left + x0, top + y0, left + x1, top + y1, color)
            for x0, y0, x1, y1, color in rule_boxes(layout, table, look)
        ]
        paragraph = PlacedParagraph("table", False, table=table)
        for number, row in enumerate(layout.cells):
            words: list[PlacedWord] = []
            for at, cell in enumerate(row):
                ascent, descent = self.setter.extent(cell_style(look, number, at))
                for line, offsets, y in cell:
                    baseline = self.y + y + (look.leading + ascent - descent) / 2
                    space = line is cell[0][0] or join_before(cell, line) == "space"
                    words += placed_words(line, offsets, left, baseline, space=space)
            if words:
                paragraph.lines.append(PlacedLine(tuple(words)))
            self.y += layout.heights[number]
        self.page.paragraphs.append(paragraph)

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
    for at in stretched:
        spaces[at] += share
    return spaces


def placed_words(
    line: BrokenLine, offsets: Sequence[float], left: float, baseline: float, *, space: bool
) -> list[PlacedWord]:
    """Return the words of a line at their places; `space`: the first follows something."""
    return [
        PlacedWord(
            piece.text,
            piece.style,
            left + x,
            baseline - piece.style.rise_px,
            piece.space if at else space,
        )
        for at, (piece, x) in enumerate(zip(line.pieces, offsets, strict=True))
    ]
