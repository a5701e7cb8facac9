"""What a composed page says, as text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vary.data.engines.page.compose import ComposedPage, PlacedLine
from vary.data.schema import Word

Target = Literal["lines", "paragraphs"]


@dataclass(frozen=True)
class LineBox:
    """A visual line and the box of its ink, px."""

    text: str
    x0: int
    y0: int
    x1: int
    y1: int


def page_text(page: ComposedPage, target: Target) -> str:
    """Return the text of a page in reading order, heads and page numbers included.

    Args:
        page: what was drawn.
        target: ``lines``: one visual line per line, hyphens kept, a blank line between
            paragraphs; ``paragraphs``: one paragraph per line, line breaks and the hyphens that
            they brought taken back. Items of a list follow each other without a blank line.
    """
    parts: list[str] = []
    for paragraph in page.paragraphs:
        if not paragraph.lines:
            continue
        if parts:
            parts.append("\n" if paragraph.tight else "\n\n")
        if target == "lines":
            parts.append("\n".join(line.text for line in paragraph.lines))
        else:
            parts.append(joined_text(paragraph.lines))
    return "".join(parts)


def joined_text(lines: Sequence[PlacedLine]) -> str:
    """Return the lines of a paragraph as the running text they were broken from."""
    text = ""
    for line in lines:
        text += line.text
        if line.join == "soft":
            text = text[:-1]
        elif line.join == "space":
            text += " "
    return text.rstrip()


def line_boxes(text: str, words: Sequence[Word]) -> tuple[LineBox, ...]:
    """Return the visual lines of a page whose target has one line for each, with their boxes.

    Args:
        text: a target of ``lines``.
        words: as drawn, in the order of the text.

    Raises:
        ValueError: the words do not add up to the lines: the target is not of ``lines``.
    """
    boxes: list[LineBox] = []
    rest = iter(words)
    for line in text.split("\n"):
        wanted, taken, members = "".join(line.split()), "", []
        while len(taken) < len(wanted):
            word = next(rest, None)
            taken += "".join(word.text.split()) if word else ""
            if word is None or not wanted.startswith(taken):
                raise ValueError(
                    f"the words up to {taken!r} do not give the line {line!r}: boxes of lines are "
                    "known where the target is of visual lines (target: lines)"
                )
            members.append(word)
        if members:
            boxes.append(
                LineBox(
                    line,
                    min(word.x0 for word in members),
                    min(word.y0 for word in members),
                    max(word.x1 for word in members),
                    max(word.y1 for word in members),
                )
            )
    return tuple(boxes)
