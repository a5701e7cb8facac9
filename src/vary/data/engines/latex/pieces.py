"""What is cut out of sources: runs of text and formulas, tables, and the blocks they make up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Style = Literal["", "bold", "italic", "code"]
# A space that Chinese text is to have where XeTeX would print none, or its usual gap to Latin.
SEEN_GAP = "\u2002"


@dataclass(frozen=True)
class Run:
    """Text in one style, or a formula.

    Attributes:
        kind: ``text``, ``inline`` or ``display``.
        content: characters as printed, or LaTeX without dollars.
        style: of text.
    """

    kind: Literal["text", "inline", "display"]
    content: str
    style: Style = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        runs: text and inline formulas.
        columns, rows: how many it covers.
        align: `l`, `c` or `r` where it differs from its column's; else empty.
    """

    runs: tuple[Run, ...]
    columns: int = 1
    rows: int = 1
    align: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule above a row, from a column to a column, both counted from 1; 0, 0 for all."""

    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class Table:
    """A table, free of widths and colours.

    Attributes:
        columns: a letter of `l`, `c`, `r` for each.
        bars: places of vertical rules, 0 to the number of columns.
        rows: cells; each row's cover all columns.
        rules: above each row, and one more for below the last.
        caption: what stands with it.
    """

    columns: str
    bars: frozenset[int]
    rows: tuple[tuple[Cell, ...], ...]
    rules: tuple[tuple[Rule, ...], ...]
    caption: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, an item of a list or a table.

    Attributes:
        kind: what it is.
        runs: its text; none for tables.
        level: of a heading (1 chapter to 4), or depth of an item (1 and more).
        label: of an item: ``bullet``, ``number`` or its own words; of a paragraph: the kind of
            theorem that it begins.
        table: of a table.
        source: name of the file that it was cut from.
    """

    kind: Literal["heading", "paragraph", "item", "table"]
    runs: tuple[Run, ...] = ()
    level: int = 0
    label: str = ""
    table: Table | None = None
    source: str = field(default="", compare=False)

    @property
    def length(self) -> int:
        """How many characters it has in about."""
        if self.table is not None:
            cells = sum(runs_length(c.runs) + 3 for row in self.table.rows for c in row)
            return cells + runs_length(self.table.caption)
        return runs_length(self.runs)

    @property
    def num_displays(self) -> int:
        """How many formulas on lines of their own it has."""
        return sum(run.kind == "display" for run in self.runs)


def runs_length(runs: Iterable[Run]) -> int:
    """Return how many characters runs have."""
    return sum(len(run.content) for run in runs)
