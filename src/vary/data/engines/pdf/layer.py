"""The text layer of a page: words with the boxes of their glyphs, as the file has them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from vary.data.engines.pdf.letters import is_cjk, is_undecoded, normal_text
from vary.data.engines.pdf.symbols import is_drawing_font, symbol_text
from vary.extras import require

# Bits of `char_flags` in PyMuPDF: painted by filling or by stroking, as render modes say.
FILLED, STROKED = 16, 32
# Sine of the slope up to which a line counts as horizontal.
LEVEL = 0.02
# In scripts without spaces a gap of so many em is a space that was meant.
CJK_SPACE_EM = 0.45

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
    sizes: list[float] = []
    for span in line["spans"]:
        if is_drawing_font(span["font"]):
            continue
        printable = sum(not char["c"].isspace() for char in span["chars"])
        layer.characters += printable
        if not is_level:
            layer.turned += printable
        elif not span["char_flags"] & (FILLED | STROKED) or not span["alpha"]:
            layer.invisible += printable
        else:
            decoded = _decoded(span)
            layer.undecoded += len(span["chars"]) - len(decoded)
            chars += decoded
            sizes += [span["size"]] * len(decoded)
    if chars:
        layer.fragments += _fragments(chars, sizes)


def _decoded(span: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the characters of a span that stand for something."""
    chars: list[dict[str, Any]] = span["chars"]
    if not any(is_undecoded(char["c"]) for char in chars):
        return chars
    for char in chars:
        char["c"] = symbol_text(char["c"], span["font"])
    return [char for char in chars if not is_undecoded(char["c"])]


def _fragments(chars: list[dict[str, Any]], sizes: list[float]) -> list[Fragment]:
    """Return a line's visible characters as fragments; it is cut where it steps back."""
    solid = [number for number, char in enumerate(chars) if not char["c"].isspace()]
    if not solid:
        return []
    boxes = np.array([chars[number]["bbox"] for number in solid])
    size = float(np.median([sizes[number] for number in solid]))
    starts = _word_starts(chars, solid, boxes, size)
    lows = np.minimum.reduceat(boxes[:, :2], starts)
    highs = np.maximum.reduceat(boxes[:, 2:], starts)
    pieces: list[Piece] = []
    fragments: list[Fragment] = []
    first = 0
    origins = [chars[number]["origin"][1] for number in solid]
    bounds = [*starts, len(solid)]
    corners = np.concatenate([lows, highs], axis=1).tolist()
    for at, (start, stop) in enumerate(pairwise(bounds)):
        text = normal_text("".join(chars[number]["c"] for number in solid[start:stop]))
        box = tuple(corners[at])
        is_back = pieces and box[0] < pieces[-1].box[0] - size
        if is_back:
            fragments.append(_fragment(pieces, origins[first:start], size))
            pieces, first = [], start
        if text:
            pieces.append(Piece(text, box, _has_space(chars, solid, start)))
    if pieces:
        fragments.append(_fragment(pieces, origins[first:], size))
    return fragments


def _word_starts(
    chars: list[dict[str, Any]], solid: list[int], boxes: np.ndarray, size: float
) -> list[int]:
    """Return which of the solid characters begin a word."""
    starts = [0]
    was_cjk = is_cjk(chars[solid[0]]["c"])
    for at in range(1, len(solid)):
        cjk = is_cjk(chars[solid[at]]["c"])
        apart = solid[at] != solid[at - 1] + 1
        if cjk or was_cjk or (apart and not _is_false_space(boxes, at, size)):
            starts.append(at)
        was_cjk = cjk
    return starts


def _is_false_space(boxes: np.ndarray, at: int, size: float) -> bool:
    """Return whether a space lies between characters that overlap: an accent and its letter."""
    return bool(boxes[at, 0] < boxes[at - 1, 2] - 0.1 * size)


def _has_space(chars: list[dict[str, Any]], solid: list[int], start: int) -> bool:
    """Return whether white space was meant before the solid character at `start`."""
    if start == 0 or solid[start] == solid[start - 1] + 1:
        return False
    before, after = chars[solid[start - 1]], chars[solid[start]]
    if not (is_cjk(before["c"]) and is_cjk(after["c"])):
        return True
    # Justified lines are stretched between characters, and some files put spaces there.
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


def _fragment(pieces: list[Piece], origins: Sequence[float], size: float) -> Fragment:
    # The middle one: a line may begin with a raised number.
    return Fragment(pieces, float(np.median(origins)), size, around(pieces))
