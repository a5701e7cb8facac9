"""The text layer of a page read by words where that suffices, and else by characters.

PyMuPDF makes a dozen objects of each character, which costs more than drawing the page. Most
pages without ideographs need none of them: the boxes of words and the type of spans are enough.
"""

from collections.abc import Iterator
from typing import Any

from vary.data.engines.pdf.layer import (
    Box,
    Fragment,
    Piece,
    TextLayer,
    around,
    is_level,
    is_visible,
    middle_size,
    printable_count,
    read_characters,
)
from vary.data.engines.pdf.letters import NEGATION, has_cjk, has_undecoded, normal_text
from vary.data.engines.pdf.symbols import is_drawing_font, symbol_text

# What has no Unicode value, in texts that keep its place.
_LOST = "\ufffd"
# Words that overlap by so many em may be a letter and its accent.
OVERLAP_EM = 0.1
# Ink above and below the line that it stands on, or what hangs on another line.
ASCENT_EM, DESCENT_EM = 1.0, 0.33


class _Particular(Exception):  # noqa: N818 - a way out, not an error
    """A page's words do not tell enough."""


def read_layer(textpage: Any) -> TextLayer:
    """Return the text layer of a page.

    Args:
        textpage: PyMuPDF's, made with `layer_flags`.
    """
    words = textpage.extractWORDS()
    if not has_cjk("".join([word[4] for word in words])):
        try:
            return _read_words(textpage, words)
        except _Particular:
            pass
    return read_characters(textpage)


def _read_words(textpage: Any, words: list[tuple[Any, ...]]) -> TextLayer:
    """Return the text layer of a page without ideographs.

    Raises:
        _Particular: characters of it have to be looked at.
    """
    layer = TextLayer()
    rest = iter(words)
    for block in textpage.extractDICT()["blocks"]:
        for line in block.get("lines", ()):
            _add_line(layer, line, rest)
    if next(rest, None) is not None:
        raise _Particular
    return layer


def _add_line(layer: TextLayer, line: dict[str, Any], rest: Iterator[tuple[Any, ...]]) -> None:
    """Add a line, and take its words from the rest of the page's.

    Raises:
        _Particular: characters of it have to be looked at.
    """
    spans = [span for span in line["spans"] if span["text"]]
    texts = "".join([span["text"] for span in spans]).split()
    words = [word for _, word in zip(texts, rest, strict=False)]
    if texts != [word[4] for word in words]:
        raise _Particular
    if not texts:
        return
    drawn = sum(is_drawing_font(span["font"]) for span in spans)
    if drawn == len(spans):
        return
    if drawn:
        raise _Particular
    printable = sum(map(len, texts))
    layer.characters += printable
    if not is_level(line):
        layer.turned += printable
        return
    shown = [span for span in spans if is_visible(span)]
    if len(shown) == len(spans):
        _add_fragment(layer, spans, words)
    elif any(printable_count(span["text"]) for span in shown):
        raise _Particular
    else:
        layer.invisible += printable


def _add_fragment(
    layer: TextLayer, spans: list[dict[str, Any]], words: list[tuple[Any, ...]]
) -> None:
    """Add a visible line as one fragment, or as none if nothing of it stands for something.

    Raises:
        _Particular: it steps back, or words overlap, or glyphs without Unicode are in words.
    """
    texts = [word[4] for word in words]
    if has_undecoded("".join(texts)):
        texts = _decoded(spans)
        if len(texts) != len(words):
            raise _Particular
        layer.undecoded += sum(text.count(_LOST) for text in texts)
    sizes = [(span["size"], many) for span in spans if (many := _characters(span))]
    if not sizes:
        return
    size = middle_size(sizes)
    pieces = _pieces(texts, words, OVERLAP_EM * size)
    if pieces:
        layer.fragments.append(Fragment(pieces, _baseline(spans), size, around(pieces)))


def _pieces(texts: list[str], words: list[tuple[Any, ...]], overlap: float) -> list[Piece]:
    """Return the words of a line that stand for something.

    Args:
        texts: what they say.
        words: PyMuPDF's.
        overlap: pt, by which one may begin before the end of the one before.

    Raises:
        _Particular: one begins earlier, or has a glyph without Unicode among others, or a negated
            sign's stroke.
    """
    pieces: list[Piece] = []
    is_first = True
    end = float("-inf")
    for text, word in zip(texts, words, strict=True):
        if NEGATION in text:
            raise _Particular
        if _LOST in text:
            if text.strip(_LOST):
                raise _Particular
            continue
        box: Box = word[:4]
        if box[0] < end - overlap:
            raise _Particular
        end = box[2]
        normal = normal_text(text)
        if normal:
            pieces.append(Piece(normal, box, not is_first))
        is_first = False
    return pieces


def _decoded(spans: list[dict[str, Any]]) -> list[str]:
    """Return the words of spans; characters that stand for nothing are `_LOST` in them."""
    for span in spans:
        if has_undecoded(span["text"]):
            known = [symbol_text(char, span["font"]) for char in span["text"]]
            span["text"] = "".join([_LOST if has_undecoded(char) else char for char in known])
    return "".join([span["text"] for span in spans]).split()


def _characters(span: dict[str, Any]) -> int:
    """Return how many characters of a span stand for something."""
    text: str = span["text"]
    return len(text) - text.count(_LOST)


def _baseline(spans: list[dict[str, Any]]) -> float:
    """Return the y, pt, on which the character in the middle of all their heights stands.

    Raises:
        _Particular: it may be one of those that do not tell.
    """
    heights: list[float] = []
    doubtful = 0
    for span in spans:
        if _stands_elsewhere(span):
            doubtful += _characters(span)
        else:
            heights += [span["origin"][1]] * _characters(span)
    heights.sort()
    middle = (len(heights) + doubtful) // 2
    if not doubtful:
        return heights[middle]
    if not doubtful <= middle < len(heights) or heights[middle - doubtful] != heights[middle]:
        raise _Particular
    return heights[middle]


def _stands_elsewhere(span: dict[str, Any]) -> bool:
    """Return whether some of a span may not stand where its first character does.

    That one may be a space, or the uppermost of glyphs above one another.
    """
    text = span["text"]
    if not printable_count(text):
        return False
    y, size, (_, top, _, bottom) = span["origin"][1], span["size"], span["bbox"]
    if not (top > y - ASCENT_EM * size and bottom < y + DESCENT_EM * size):
        return True
    return bool(text[0] == " " and bottom <= y - DESCENT_EM * size)
