"""Lines of text on pictures: what a light reader learns from and is measured with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vary.data.schema import Word
from vary.data.shares import share_by_hash
from vary.data.text_lines import TextLine, text_lines
from vary.errors import InputError
from vary.probing.items import Item
from vary.probing.scripts import main_script

HELD_OUT_SHARE = 0.25
# A line without a box is taken to fill its picture, which is so of strips alone.
_LEAST_ASPECT = 2.0
# Columns of a reader per height of a line's box: narrow letters are a fifth as wide as that.
_COLUMNS_PER_HEIGHT = 10
_MOST_COLUMNS = 480
_PIECE_CHARACTERS = 16


@dataclass(frozen=True)
class CharacterPlace:
    """Where a character stands, about: boxes are of words, dealt out among their characters."""

    character: str
    x: float


@dataclass(frozen=True)
class Line:
    """A line of text on a picture.

    Attributes:
        id: of its item.
        unit: what is drawn together, and held out together.
        group: kind of the item, by which results are told apart.
        picture: number of its picture among all.
        box: left, top, right, bottom in pixels of the picture.
        text: what stands there, white space as one space each.
        script: the one of most of its letters.
        places: of its characters that are no spaces.
    """

    id: str
    unit: str
    group: str
    picture: int
    box: tuple[float, float, float, float]
    text: str
    script: str
    places: tuple[CharacterPlace, ...]

    @property
    def columns(self) -> int:
        """How many columns a reader looks at, the same over any vocabulary."""
        left, top, right, bottom = self.box
        wanted = round((right - left) / max(bottom - top, 1.0) * _COLUMNS_PER_HEIGHT)
        return max(4, min(_MOST_COLUMNS, wanted))


def lines_of(item: Item, picture: int, size: tuple[int, int]) -> list[Line]:
    """Return the lines on an item's picture, long ones cut between words.

    Short pieces are learned from sooner than long lines, and cost less.

    Args:
        item: a sample with one picture.
        picture: the picture's number.
        size: its width and height in pixels.

    Raises:
        InputError: it has no text, or nobody knows where its lines stand.
    """
    width, height = size
    texts = [line for line in map(str.strip, item.text.split("\n")) if line]
    if not texts:
        raise InputError("no text to read")
    found = [_pieces(line, item.words or ()) for line in text_lines(item.text, item.words or ())]
    pieces = [piece for line in found for piece in line]
    if not pieces:
        if len(texts) > 1 or width < _LEAST_ASPECT * height:
            raise InputError(
                "nobody knows where its lines stand: it has no boxes of words that fit its text"
            )
        pieces = [_Piece(texts[0], (0, 0, width, height), [(texts[0], 0, width)])]
    made = [_line(piece, item, picture) for piece in pieces]
    return [line for line in made if len(line.text) <= line.columns and line.box[3] > line.box[1]]


@dataclass(frozen=True)
class _Piece:
    """A part of a line: its text, its box, and the extents of its words."""

    text: str
    box: tuple[float, float, float, float]
    words: list[tuple[str, float, float]]


def _pieces(line: TextLine, words: Sequence[Word]) -> list[_Piece]:
    """Return a line cut between words into pieces of at most `_PIECE_CHARACTERS`."""
    inside = [
        word
        for word in words
        if word.x0 >= line.x0 and word.x1 <= line.x1 and word.y0 >= line.y0 and word.y1 <= line.y1
    ]
    pieces: list[list[tuple[str, Word]]] = []
    rest = line.text
    for word in inside:
        if not rest.startswith(word.text):
            # Words of another line lie within the box of this one: it is taken whole.
            whole = [(line.text, line.x0, line.x1)]
            return [_Piece(line.text, (line.x0, line.y0, line.x1, line.y1), whole)]
        behind = rest[len(word.text) :]
        gap = behind[: len(behind) - len(behind.lstrip())]
        length = sum(len(part) for part, _ in pieces[-1]) if pieces else _PIECE_CHARACTERS
        if length + len(word.text) > _PIECE_CHARACTERS:
            pieces.append([])
        pieces[-1].append((word.text + gap, word))
        rest = behind.lstrip()
    return [_joined(piece, line) for piece in pieces]


def _joined(piece: list[tuple[str, Word]], line: TextLine) -> _Piece:
    text = "".join(part for part, _ in piece).strip()
    left, right = min(word.x0 for _, word in piece), max(word.x1 for _, word in piece)
    return _Piece(
        text,
        (left, line.y0, right, line.y1),
        [(word.text, word.x0, word.x1) for _, word in piece],
    )


def _line(piece: _Piece, item: Item, picture: int) -> Line:
    """Return a piece as a line, with the places of its characters."""
    places = []
    for text, x0, x1 in piece.words:
        step = (x1 - x0) / len(text)
        places += [
            CharacterPlace(character, x0 + (number + 0.5) * step)
            for number, character in enumerate(text)
            if not character.isspace()
        ]
    clean = " ".join(piece.text.split())
    script = main_script(clean)
    return Line(item.id, item.unit, item.kind, picture, piece.box, clean, script, tuple(places))


@dataclass(frozen=True)
class Split:
    """Lines to learn from and lines to measure with, of different documents.

    Attributes:
        learned: numbers of lines.
        held_out: numbers of lines.
    """

    learned: tuple[int, ...]
    held_out: tuple[int, ...]


def split_lines(lines: Sequence[Line], share: float = HELD_OUT_SHARE) -> Split:
    """Return which lines are held out, by a hash of their documents' names.

    Raises:
        InputError: fewer than two documents.
    """
    units = {line.unit for line in lines}
    if len(units) < 2:
        raise InputError(
            f"{len(units)} documents with readable lines: at least two are needed, one to learn "
            "from and one to measure with"
        )
    held = share_by_hash(units, share)
    return Split(
        tuple(number for number, line in enumerate(lines) if line.unit not in held),
        tuple(number for number, line in enumerate(lines) if line.unit in held),
    )


def learned_alphabet(lines: Sequence[Line], least: int) -> str:
    """Return the characters that occur often enough to be learned, the space first."""
    counts = Counter(character for line in lines for character in line.text)
    known = sorted(c for c, number in counts.items() if number >= least and not c.isspace())
    return " " + "".join(known)
