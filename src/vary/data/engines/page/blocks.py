"""What stands in a column before it is broken into lines."""

from dataclasses import dataclass

from vary.data.engines.page.style import Align
from vary.data.engines.page.table import Table, TableStyle
from vary.data.engines.page.typeset import Color, TextStyle

Run = tuple[str, TextStyle]


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph or an item of a list, not yet broken into lines.

    Attributes:
        role: title, subtitle, heading, paragraph, item, caption or note.
        runs: the text, in runs of one style.
        align: how its lines stand.
        leading_px: baseline to baseline.
        indent_px: of all its lines.
        first_indent_px: of the first line, on top of `indent_px`.
        marker: bullet or number, hung into the indent.
        before_px: space above, dropped at the top of a column.
        after_px: space below.
        keep: it must not be the last in a column.
        tight: nothing but a line's end parts it from the block before, as items of a list.
        shade: colour of a box behind it.
        rule: colour of a line under it.
        level: of a heading 1 or 2, of an item how deep it is nested.
        table: a table with its style; then `runs` are those of its caption, or empty.
        caption_below: the caption stands below the table.
    """

    role: str
    runs: tuple[Run, ...]
    align: Align
    leading_px: float
    indent_px: float = 0.0
    first_indent_px: float = 0.0
    marker: str = ""
    before_px: float = 0.0
    after_px: float = 0.0
    keep: bool = False
    tight: bool = False
    shade: Color | None = None
    rule: Color | None = None
    level: int = 0
    table: tuple[Table, TableStyle] | None = None
    caption_below: bool = False
