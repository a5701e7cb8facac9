"""Words, lines and blocks at their places on a page, in reading order."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from vary.data.engines.page.breaking import Join
from vary.data.engines.page.table import Table
from vary.data.engines.page.typeset import Color, TextStyle


class PlacedWord(NamedTuple):
    """A piece of a line at its place: `x` of its origin and `y` of its baseline, px.

    A tuple, since a page has a thousand of them.
    """

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
    """The lines of a block.

    Attributes:
        role: the block's, see `Block`; also table, caption, note and furniture.
        tight: no blank line parts it from the one before.
        lines: of a table, its rows: the words of its cells from left to right, each cell whole.
        level: of a heading 1 or 2, of an item how deep it is nested, from 0.
        marker: bullet or number of an item, which its first line begins with.
        note: number of a footnote.
        table: what a table says.
    """

    role: str
    tight: bool
    lines: list[PlacedLine] = field(default_factory=list)
    level: int = 0
    marker: str = ""
    note: int = 0
    table: Table | None = None


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

    def lines_with_roles(self) -> Iterator[tuple[str, PlacedLine]]:
        """Yield all visual lines in reading order, each with the role of its block."""
        for paragraph in self.paragraphs:
            for line in paragraph.lines:
                yield paragraph.role, line


@dataclass(frozen=True)
class Column:
    """A region that text flows into, px."""

    left: float
    top: float
    width: float
    bottom: float
