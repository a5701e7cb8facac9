"""The text layer of a page: words with the boxes of their glyphs, as the file has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.data.engines.pdf.letters import WORD_PATTERN, is_cjk, is_undecoded, normal_text
from vary.data.engines.pdf.symbols import is_drawing_font, symbol_text
from vary.extras import require

# Bits of `char_flags` in PyMuPDF: painted by filling or by stroking, as render modes say.
FILLED, STROKED = 16, 32
# Sine of the slope up to which a line counts as horizontal.
LEVEL = 0.02
# In scripts without spaces a gap of so many em is a space that was meant.
CJK_SPACE_EM = 0.45
_SOLID = re.compile(r"\S+")

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Piece:
    """A word, or in scripts without spaces a character, of the text layer.

    Attributes:
        text: normalised, see `normal_text`.
        box: of the glyphs' outlines, pt from the upper left corner of the page as displayed.
        space: whether white space stands before it on its line.
        place: its row in the table of boxes in pixels, once there is one.
    """

    text: str
    box: Box
    space: bool
    place: int = -1


@dataclass(slots=True)
class Fragment:
    """Pieces that the text layer has as one horizontal line.

    Attributes:
        pieces: from left to right, at least one.
        baseline: y, pt.
        size: of the type, pt.
        box: around the pieces.
    """

    pieces: list[Piece]
    baseline: float
    size: float
    box: Box


@dataclass
class TextLayer:
    """What the text layer of a page holds.

    Attributes:
        fragments: the horizontal, visible text.
        characters: printable characters in all, those left out too.
        undecoded: of them, without a Unicode value that means something.
        invisible: of them, neither filled nor stroked, or wholly transparent.
        turned: of them, not horizontal from left to right.
    """

    fragments: list[Fragment] = field(default_factory=list)
    characters: int = 0
    undecoded: int = 0
    invisible: int = 0
    turned: int = 0


def read_layer(textpage: Any) -> TextLayer:
    """Return the text layer of a page.

    Args:
        textpage: PyMuPDF's, made with `layer_flags`.
    """
    layer = TextLayer()
    for block in textpage.extractRAWDICT()["blocks"]:
        for line in block.get("lines", ()):
            _add_line(layer, line)
    return layer


def layer_flags() -> int:
    """Return the flags that a text page must be made with: exact boxes, white space as it is."""
    pymupdf = require("pymupdf", extra="pdf")
    return pymupdf.TEXT_ACCURATE_BBOXES | pymupdf.TEXT_PRESERVE_WHITESPACE


def _add_line(layer: TextLayer, line: dict[str, Any]) -> None:
    """Count the characters of a line, and add what can be read of it."""
    cosine, sine = line["dir"]
    is_level = cosine > 0 and abs(sine) < LEVEL and line["wmode"] == 0
    chars: list[dict[str, Any]] = []
    text = ""
    sizes: list[float] = []
    for span in line["spans"]:
        if is_drawing_font(span["font"]):
            continue
        part = "".join([char["c"] for char in span["chars"]])
        printable = _printable(part)
        layer.characters += printable
        if not is_level:
            layer.turned += printable
        elif not span["char_flags"] & (FILLED | STROKED) or not span["alpha"]:
            layer.invisible += printable
        else:
            own = span["chars"]
            if not (part.isascii() and part.isprintable()):
                own = _decoded(span)
                layer.undecoded += len(part) - len(own)
                part = "".join([char["c"] for char in own])
            chars += own
            text += part
            sizes += [span["size"]] * len(own)
    if text and not text.isspace():
        layer.fragments += _fragments(chars, text, sizes)


def _printable(text: str) -> int:
    """Return how many characters of a text are no white space."""
    return len(text) - text.count(" ") if text.isascii() else len("".join(text.split()))


def _decoded(span: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the characters of a span that stand for something."""
    chars: list[dict[str, Any]] = span["chars"]
    if not any(is_undecoded(char["c"]) for char in chars):
        return chars
    for char in chars:
        char["c"] = symbol_text(char["c"], span["font"])
    return [char for char in chars if not is_undecoded(char["c"])]


def _fragments(chars: list[dict[str, Any]], text: str, sizes: list[float]) -> list[Fragment]:
    """Return a line's visible characters as fragments; it is cut where it steps back.

    Args:
        chars: PyMuPDF's.
        text: what they say, a character each.
        sizes: of the type of each.
    """
    boxes = np.array([char["bbox"] for char in chars])
    size = sizes[0] if sizes[0] == sizes[-1] else float(np.median(sizes))
    spans = _words(text, boxes, size)
    bounds = [place for span in spans for place in span]
    # Every other part lies between words; the last one ends with the line.
    ends = bounds[:-1] if bounds[-1] == len(text) else bounds
    lows = np.minimum.reduceat(boxes[:, :2], ends)[::2].tolist()
    highs = np.maximum.reduceat(boxes[:, 2:], ends)[::2].tolist()
    pieces: list[Piece] = []
    fragments: list[Fragment] = []
    first = 0
    for (start, stop), low, high in zip(spans, lows, highs, strict=True):
        word = normal_text("".join(text[start:stop].split()))
        if not word:
            continue
        if pieces and low[0] < pieces[-1].box[0] - size:
            fragments.append(_fragment(pieces, chars[first:start], size))
            pieces, first = [], start
        box = (low[0], low[1], high[0], high[1])
        pieces.append(Piece(word, box, _has_space(text, chars, start)))
    if pieces:
        fragments.append(_fragment(pieces, chars[first:], size))
    return fragments


def _words(text: str, boxes: np.ndarray, size: float) -> list[tuple[int, int]]:
    """Return where the words of a line begin and end."""
    if text.isascii():
        return [match.span() for match in _SOLID.finditer(text)]
    spans: list[tuple[int, int]] = []
    for match in WORD_PATTERN.finditer(text):
        start, stop = match.span()
        # A space between characters that overlap lies between an accent and its letter.
        is_false = (
            spans
            and spans[-1][1] < start
            and boxes[start, 0] < boxes[spans[-1][1] - 1, 2] - 0.1 * size
            and not is_cjk(text[start])
            and not is_cjk(text[spans[-1][1] - 1])
        )
        if is_false:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _has_space(text: str, chars: list[dict[str, Any]], start: int) -> bool:
    """Return whether white space was meant before the word that begins at `start`."""
    if start == 0 or not text[start - 1].isspace():
        return False
    last = start - 1
    while last >= 0 and text[last].isspace():
        last -= 1
    if last < 0:
        return False
    if not (is_cjk(text[last]) and is_cjk(text[start])):
        return True
    # Justified lines are stretched between characters, and some files put spaces there.
    before, after = chars[last], chars[start]
    em = after["bbox"][3] - after["bbox"][1]
    return bool(after["origin"][0] - before["bbox"][2] > CJK_SPACE_EM * em)


def around(pieces: Sequence[Piece]) -> Box:
    """Return the box around pieces."""
    return (
        min(piece.box[0] for piece in pieces),
        min(piece.box[1] for piece in pieces),
        max(piece.box[2] for piece in pieces),
        max(piece.box[3] for piece in pieces),
    )


def _fragment(pieces: list[Piece], chars: Sequence[dict[str, Any]], size: float) -> Fragment:
    # The middle one: a line may begin with a raised number.
    heights = sorted([char["origin"][1] for char in chars])
    return Fragment(pieces, heights[len(heights) // 2], size, around(pieces))
