"""What a composed page says, as text."""

from collections.abc import Sequence
from typing import Literal

from vary.data.engines.page.placed import ComposedPage, PlacedLine

Target = Literal["lines", "paragraphs", "markdown"]


def page_text(page: ComposedPage, target: Target) -> str:
    """Return the text of a page in reading order, heads and page numbers included.

    Args:
        page: what was drawn.
        target: ``lines``: one visual line per line, hyphens kept, a blank line between
            paragraphs; ``paragraphs``: one paragraph per line, line breaks and the hyphens that
            they brought taken back. Items of a list follow each other without a blank line. A
            row of a table is a line, its cells one after the other. Footnotes stand after all text.
    """
    parts: list[str] = []
    for paragraph in page.paragraphs:
        if not paragraph.lines:
            continue
        if parts:
            parts.append("\n" if paragraph.tight else "\n\n")
        if target == "lines" or paragraph.role == "table":
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
