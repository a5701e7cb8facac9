"""Tables: what stands in them, and where each cell's lines stand in a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from vary.data.engines.page.breaking import (
    BrokenLine,
    Join,
    LineRule,
    break_lines,
    gaps,
    make_pieces,
)
from vary.data.engines.page.features import RuleStyle
from vary.data.engines.page.typeset import Color, TextStyle, Typesetter

# A column of words is not set narrower than this, nor than its longest word.
MIN_COLUMN_EM = 4.0


@dataclass(frozen=True)
class Table:
    """A table's content and form.

    Attributes:
        rows: cells as texts, some of them empty; the first row is the header.
        aligns: ``l``, ``c``, ``r`` or ``d`` (at the decimal point) for each column.
        rules: which rules are drawn.
    """

    rows: tuple[tuple[str, ...], ...]
    aligns: str
    rules: RuleStyle


@dataclass(frozen=True)
class TableStyle:
    """How a table is set; lengths in px.

    Attributes:
        body: style of the cells.
        header: style of the first row.
        first_column: style of the first cell of the other rows.
        leading: baseline to baseline within a cell.
        pad_x, pad_y: between a cell's edge and its text.
        full_width: as wide as the column of the page; else as wide as its content needs.
        header_shade, stripe_shade: colours behind the header and behind every other row.
        ink: of the rules.
    """

    body: TextStyle
    header: TextStyle
    first_column: TextStyle
    leading: float
    pad_x: float
    pad_y: float
    full_width: bool
    header_shade: Color | None
    stripe_shade: Color | None
    ink: Color


@dataclass(frozen=True)
class TableLayout:
    """Where a table's lines stand, px from its upper left corner.

    Attributes:
        widths: of the columns.
        heights: of the rows.
        cells: per row and column, the lines with the x of each piece and the y of the line's top.
    """

    widths: tuple[float, ...]
    heights: tuple[float, ...]
    cells: tuple[tuple[tuple[tuple[BrokenLine, tuple[float, ...], float], ...], ...], ...]

    @property
    def width(self) -> float:
        """Width of the whole table."""
        return sum(self.widths)

    @property
    def height(self) -> float:
        """Height of the whole table."""
        return sum(self.heights)


def lay_out(
    table: Table, style: TableStyle, room_px: float, setter: Typesetter
) -> TableLayout | None:
    """Return a table's layout in a column of some width; None where it cannot be that narrow."""
    widths = _widths(table, style, room_px, setter)
    if widths is None:
        return None
    rows, heights = [], []
    points = _decimal_shifts(table, style, setter)
    for number, texts in enumerate(table.rows):
        lines = [
            _break(text, cell_style(style, number, at), widths[at] - 2 * style.pad_x, setter)
            for at, text in enumerate(texts)
        ]
        most = max(1, *map(len, lines))
        heights.append(most * style.leading + 2 * style.pad_y)
        row, left = [], 0.0
        for at, cell in enumerate(lines):
            room = widths[at] - 2 * style.pad_x
            # Short cells stand in the middle of a high row.
            top = style.pad_y + (most - len(cell)) * style.leading / 2
            align = table.aligns[at]
            if align == "d":
                align = "c" if number == 0 else "d"
            placed = []
            for line_number, line in enumerate(cell):
                shift = points[at].get(number, 0.0)
                offsets = _offsets(line, room, (align, shift), setter)
                x = left + style.pad_x
                y = top + line_number * style.leading
                placed.append((line, tuple(x + offset for offset in offsets), y))
            row.append(tuple(placed))
            left += widths[at]
        rows.append(tuple(row))
    return TableLayout(tuple(widths), tuple(heights), tuple(rows))


def has_rule_above(table: Table, row: int) -> bool:
    """Return whether a rule is drawn above a row; one more than the last: below the table."""
    if table.rules in {"grid", "lines"}:
        return True
    return table.rules == "booktabs" and row in {0, 1, len(table.rows)}


def join_before(
    cell: Sequence[tuple[BrokenLine, tuple[float, ...], float]], line: BrokenLine
) -> Join:
    """Return how a line of a cell is joined to the line before it."""
    lines = [entry[0] for entry in cell]
    return lines[lines.index(line) - 1].join


def rule_boxes(
    layout: TableLayout, table: Table, look: TableStyle
) -> list[tuple[float, float, float, float, Color]]:
    """Return shades and rules of a table: x0, y0, x1, y1 from its upper left corner, and colour.

    Shades come first: what comes later is drawn over them.
    """
    tops = [0.0, *accumulate(layout.heights)]
    width = layout.width
    boxes: list[tuple[float, float, float, float, Color]] = []
    for row in range(len(table.rows)):
        shade = look.header_shade if row == 0 else look.stripe_shade if row % 2 == 0 else None
        if shade is not None:
            boxes.append((0.0, tops[row], width, tops[row + 1], shade))
    thin = max(1.0, 0.05 * look.body.size_px)
    for row, y in enumerate(tops):
        if has_rule_above(table, row):
            ends = row in {0, len(table.rows)}
            thick = (
                max(thin, 0.1 * look.body.size_px) if table.rules == "booktabs" and ends else thin
            )
            boxes.append((0.0, y, width, y + thick, look.ink))
    if table.rules == "grid":
        edges = [0.0, *accumulate(layout.widths)]
        boxes += [(x, 0.0, x + thin, layout.height + thin, look.ink) for x in edges]
    return boxes


def cell_style(style: TableStyle, row: int, column: int) -> TextStyle:
    """Return what a cell is set in."""
    if row == 0:
        return style.header
    return style.first_column if column == 0 else style.body


def _break(text: str, look: TextStyle, width: float, setter: Typesetter) -> list[BrokenLine]:
    # A hair more than measured: sums of floats must not break a cell that fits.
    rule = LineRule(width + 0.01, width + 0.01, justify=False, hyphenate=False)
    return break_lines(make_pieces([(text, look)], setter), rule, setter) if text else []


def _line_width(line: BrokenLine, setter: Typesetter) -> float:
    return sum(gaps(line.pieces, setter)) + sum(piece.width for piece in line.pieces)


def _widths(
    table: Table, style: TableStyle, room_px: float, setter: Typesetter
) -> list[float] | None:
    """Return the columns' widths, padding included; wordy columns give way where it is narrow."""
    columns = range(len(table.aligns))
    natural, least = [0.0] * len(columns), [0.0] * len(columns)
    for number, texts in enumerate(table.rows):
        for at, text in enumerate(texts):
            look = cell_style(style, number, at)
            pieces = make_pieces([(text, look)], setter)
            whole = sum(piece.width for piece in pieces)
            whole += sum(gaps(pieces, setter))
            natural[at] = max(natural[at], whole)
            longest = max((piece.width for piece in pieces), default=0.0)
            if number and table.aligns[at] != "l":
                longest = whole  # numbers are not broken
            least[at] = max(least[at], longest)
    for at in columns:
        if table.aligns[at] == "d":
            wide = _decimal_width(table, style, at, setter)
            natural[at], least[at] = max(natural[at], wide), max(least[at], wide)
    em = style.body.size_px
    least = [
        min(max(low, MIN_COLUMN_EM * em), wide) for low, wide in zip(least, natural, strict=True)
    ]
    room = room_px - 2 * style.pad_x * len(columns)
    if sum(least) > room:
        return None
    widths = natural
    if sum(natural) > room:
        # What is over the least is shared out in proportion.
        over = sum(wide - low for wide, low in zip(natural, least, strict=True))
        share = (room - sum(least)) / over
        widths = [low + (wide - low) * share for wide, low in zip(natural, least, strict=True)]
    elif style.full_width:
        more = (room - sum(natural)) / len(columns)
        widths = [wide + more for wide in natural]
    return [width + 2 * style.pad_x for width in widths]


def _parts(text: str) -> tuple[str, str]:
    """Return what stands before a number's decimal point, and the point with what follows."""
    whole, point, rest = text.partition(".")
    return whole, point + rest


def _decimal_width(table: Table, style: TableStyle, at: int, setter: Typesetter) -> float:
    """Return how wide a column is whose numbers stand with their decimal points in line."""
    looks = [(row[at], cell_style(style, 1, at)) for row in table.rows[1:]]
    before = max((setter.width(_parts(text)[0], look) for text, look in looks), default=0.0)
    after = max((setter.width(_parts(text)[1], look) for text, look in looks), default=0.0)
    return before + after + 0.2 * style.body.size_px


def _decimal_shifts(table: Table, style: TableStyle, setter: Typesetter) -> list[dict[int, float]]:
    """Return per column how far right of the middle a row's number begins, px."""
    shifts: list[dict[int, float]] = []
    for at, align in enumerate(table.aligns):
        column: dict[int, float] = {}
        if align == "d":
            widths = {}
            for number, row in enumerate(table.rows[1:], start=1):
                look = cell_style(style, number, at)
                before, after = _parts(row[at])
                widths[number] = (setter.width(before, look), setter.width(after, look))
            most = max((wide[0] for wide in widths.values()), default=0.0)
            tail = max((wide[1] for wide in widths.values()), default=0.0)
            column = {number: most - wide[0] - (most + tail) / 2 for number, wide in widths.items()}
        shifts.append(column)
    return shifts


def _offsets(
    line: BrokenLine, room: float, align: tuple[str, float], setter: Typesetter
) -> Sequence[float]:
    """Return the x of each piece of a cell's line from the cell's left."""
    how, shift = align
    slack = max(0.0, room - _line_width(line, setter))
    x = {"l": 0.0, "c": slack / 2, "r": slack, "d": room / 2 + shift}[how]
    offsets = []
    for piece, space in zip(line.pieces, gaps(line.pieces, setter), strict=True):
        x += space
        offsets.append(x)
        x += piece.width
    return offsets
