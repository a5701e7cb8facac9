"""The lines of a sample's text with their boxes, put together from the boxes of its words."""

from collections.abc import Sequence
from dataclasses import dataclass

from vary.data.schema import Word


@dataclass(frozen=True)
class TextLine:
    """A visual line of text.

    Args:
        text: what stands on it.
        x0: left edge in pixels.
        y0: top edge.
        x1: right edge.
        y1: bottom edge.
    """

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


def text_lines(text: str, words: Sequence[Word]) -> tuple[TextLine, ...]:
    """Return the lines of a text with the boxes that their words take up together.

    Args:
        text: one visual line per line, words as in `words` and in their order.
        words: of one image.

    Returns: none where the words are not those of the text (a target of whole paragraphs, say).
    """
    left = list(words)
    lines = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        members: list[Word] = []
        rest = line
        while left and rest.startswith(left[0].text):
            rest = rest[len(left[0].text) :].lstrip()
            members.append(left.pop(0))
            if not rest:
                break
        if rest or not members:
            return ()
        lines.append(
            TextLine(
                line,
                min(word.x0 for word in members),
                min(word.y0 for word in members),
                max(word.x1 for word in members),
                max(word.y1 for word in members),
            )
        )
    return () if left else tuple(lines)
