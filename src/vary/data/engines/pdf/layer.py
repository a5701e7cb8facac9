"""The text layer of a page: words with the boxes of their glyphs, as the file has them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.data.engines.pdf.letters import (
    NEGATION,
    WORD_PATTERN,
    has_undecoded,
    is_cjk,
    normal_text,
)
from vary.data.engines.pdf.symbols import is_drawing_font, symbol_text
from vary.extras import require

# Bits of `char_flags` in PyMuPDF: painted by filling or by stroking, as render modes say.
FILLED, STROKED = 16, 32
# Sine of the slope up to which a line counts as horizontal.
LEVEL = 0.02
# In scripts without spaces, and between them and Latin letters, a gap of so many em is a space that
# was meant; of characters without one between them, so wide a gap.
CJK_SPACE_EM, CJK_GAP_EM = 0.45, 0.6
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


def read_characters(textpage: Any) -> TextLayer:
    """Return the text layer of a page, each of its characters looked at.

    Args:
        textpage: PyMuPDF's, made with `layer_flags`.
    """
    layer = TextLayer()
    lines: list[_Line] = []
    for block in textpage.extractRAWDICT()["blocks"]:
        for line in block.get("lines", ()):
            seen = _seen_of(layer, line)
            if seen is not None:
                lines.append(seen)
    if lines:
        _add_fragments(layer, lines)
    return layer


def layer_flags() -> int:
    """Return the flags that a text page must be made with: exact boxes, white space as it is."""
    pymupdf = require("pymupdf", extra="pdf")
    return pymupdf.TEXT_ACCURATE_BBOXES | pymupdf.TEXT_PRESERVE_WHITESPACE


def is_level(line: dict[str, Any]) -> bool:
    """Return whether one of PyMuPDF's lines runs from left to right."""
    cosine, sine = line["dir"]
    return bool(cosine > 0 and abs(sine) < LEVEL and line["wmode"] == 0)


def is_visible(span: dict[str, Any]) -> bool:
    """Return whether one of PyMuPDF's spans is painted."""
    return bool(span["char_flags"] & (FILLED | STROKED) and span["alpha"])


def middle_size(sizes: list[tuple[float, int]]) -> float:
    """Return the size of the type of a line, whose spans have these sizes and characters."""
    if sizes[0][0] == sizes[-1][0]:
        return sizes[0][0]
    return float(np.median(np.repeat([size for size, _ in sizes], [many for _, many in sizes])))


def printable_count(text: str) -> int:
    """Return how many characters of a text are no white space."""
    return len(text) - text.count(" ") if text.isascii() else len("".join(text.split()))


@dataclass(slots=True)
class _Line:
    """The visible characters of a horizontal line.

    Attributes:
        chars: PyMuPDF's.
        text: what they say, a character each.
        size: of the type that is in the middle of it, pt.
        words: where each word begins and ends in `text`.
    """

    chars: list[dict[str, Any]]
    text: str
    size: float
    words: list[tuple[int, int]]


def _seen_of(layer: TextLayer, line: dict[str, Any]) -> _Line | None:
    """Count the characters of a line, and return what can be read of it; None: nothing."""
    level = is_level(line)
    chars: list[dict[str, Any]] = []
    text = ""
    sizes: list[tuple[float, int]] = []
    for span in line["spans"]:
        if is_drawing_font(span["font"]):
            continue
        own = span["chars"]
        part = "".join([char["c"] for char in own])
        printable = printable_count(part)
        layer.characters += printable
        if not level:
            layer.turned += printable
        elif not is_visible(span):
            layer.invisible += printable
        else:
            if has_undecoded(part):
                own = _decoded(span)
                layer.undecoded += len(part) - len(own)
                part = "".join([char["c"] for char in own])
            chars += own
            text += part
            if own:
                sizes.append((span["size"], len(own)))
    if not text or text.isspace():
        return None
    size = middle_size(sizes)
    return _Line(chars, text, size, _words(text, chars, size))


def _decoded(span: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the characters of a span that stand for something."""
    chars: list[dict[str, Any]] = span["chars"]
    for char in chars:
        char["c"] = symbol_text(char["c"], span["font"])
    return [char for char in chars if not has_undecoded(char["c"])]


def _add_fragments(layer: TextLayer, lines: list[_Line]) -> None:
    """Add the lines of a page as fragments; the boxes of all its words are taken at once."""
    chars = [char["bbox"] for line in lines for char in line.chars]
    bounds: list[int] = []
    offset = 0
    for line in lines:
        for start, stop in line.words:
            bounds += (offset + start, offset + stop)
        offset += len(line.chars)
    # Every other part lies between words; the last one ends with the page.
    if bounds[-1] == offset:
        bounds.pop()
    boxes = np.array(chars)
    ends = np.array(bounds)
    lows = np.minimum.reduceat(boxes[:, :2], ends)[::2]
    highs = np.maximum.reduceat(boxes[:, 2:], ends)[::2]
    words = list(map(tuple, np.concatenate([lows, highs], axis=1).tolist()))
    first = 0
    for line in lines:
        last = first + len(line.words)
        layer.fragments += _fragments(line, words[first:last])
        first = last


def _fragments(line: _Line, boxes: list[Box]) -> list[Fragment]:
    """Return a line as fragments; it is cut where it steps back.

    Args:
        line: what is seen of it.
        boxes: of its words.
    """
    text, size = line.text, line.size
    is_plain = text.isascii() and text.isprintable()
    pieces: list[Piece] = []
    fragments: list[Fragment] = []
    first = 0
    stroke = ""
    for number, ((start, stop), box) in enumerate(zip(line.words, boxes, strict=True)):
        if is_plain:
            word, space = text[start:stop], number > 0
        else:
            word = normal_text(stroke + "".join(text[start:stop].split()))
            stroke = NEGATION if word.endswith(NEGATION) else ""
            word = word.removesuffix(NEGATION)  # of the sign that follows
            if not word:
                continue
            space = start > 0 and _has_space(line, start)
        if pieces and box[0] < pieces[-1].box[0] - size:
            fragments.append(_fragment(pieces, line.chars[first:start], size))
            pieces, first = [], start
        pieces.append(Piece(word, box, space))
    if pieces:
        fragments.append(_fragment(pieces, line.chars[first:] if first else line.chars, size))
    return fragments


def _words(text: str, chars: list[dict[str, Any]], size: float) -> list[tuple[int, int]]:
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
            and chars[start]["bbox"][0] < chars[spans[-1][1] - 1]["bbox"][2] - 0.1 * size
            and not is_cjk(text[start])
            and not is_cjk(text[spans[-1][1] - 1])
        )
        if is_false:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _has_space(line: _Line, start: int) -> bool:
    """Return whether a space that was meant stands before the word that begins at `start`."""
    text, chars = line.text, line.chars
    last = start - 1
    while last >= 0 and text[last].isspace():
        last -= 1
    if last < 0:
        return False
    is_spaced = last < start - 1
    ends = text[last], text[start]
    cjk = [is_cjk(end) for end in ends]
    if not any(cjk) or not all(is_cjk(end) or end.isalnum() for end in ends):
        return is_spaced
    if not is_spaced and not all(cjk):
        return False
    # Justified lines are stretched between characters, and some files put spaces there. The gap
    # between Chinese and Latin is set by programs, which give a space to one of its sides only.
    before, after = chars[last], chars[start]
    gap = after["origin"][0] - before["bbox"][2]
    if not is_spaced:
        return bool(gap > CJK_GAP_EM * line.size)
    return bool(gap > CJK_SPACE_EM * (after["bbox"][3] - after["bbox"][1]))


def around(pieces: Sequence[Piece]) -> Box:
    """Return the box around pieces."""
    x0, y0, x1, y1 = zip(*[piece.box for piece in pieces], strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _fragment(pieces: list[Piece], chars: Sequence[dict[str, Any]], size: float) -> Fragment:
    # The middle one: a line may begin with a raised number.
    heights = sorted([char["origin"][1] for char in chars])
    return Fragment(pieces, heights[len(heights) // 2], size, around(pieces))
