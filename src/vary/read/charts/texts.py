"""The pieces of text of a chart, as they were read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vary.read.charts.numbers import Number, parse_number
from vary.read.charts.pieces import Piece
from vary.read.cutting.layout import Box

_DEEP = set("gjpqyQ,;()[]{}|$/")


@dataclass(frozen=True)
class Text:
    """What was read, and where it stands.

    Attributes:
        text: without white space at its ends.
        box: x0, y0, x1, y1.
        confidence: 0 to 1.
        angle_deg: by which it is turned counter-clockwise.
        ground: the surface that it stands on.
        color: RGB of its ink.
        size_px: about the em size of its letters.
        figures: what was read by the rule that it is a number; empty where it is surely none.
    """

    text: str
    box: Box
    confidence: float
    angle_deg: float = 0.0
    ground: int = -1
    color: tuple[float, float, float] = (0.0, 0.0, 0.0)
    size_px: float = 12.0
    figures: str = ""

    @cached_property
    def number(self) -> Number | None:
        """What it says, where it is a number."""
        return (parse_number(self.figures) if self.figures else None) or parse_number(self.text)

    @property
    def x(self) -> float:
        """Middle of its box."""
        return (self.box[0] + self.box[2]) / 2

    @property
    def y(self) -> float:
        """Middle of its box."""
        return (self.box[1] + self.box[3]) / 2

    @property
    def anchor_x(self) -> float:
        """Where it meets the axis above it: of names turned obliquely, an end."""
        turn = self.angle_deg
        if abs(turn) <= 12 or abs(turn) >= 78:
            return self.x
        lean = 0.35 * self.size_px
        return self.box[2] - lean if turn > 0 else self.box[0] + lean


@dataclass(frozen=True)
class Reading:
    """What a recogniser reads on a strip.

    Attributes:
        text: the line.
        confidence: 0 to 1.
        figures: the line by the rule that it is a number; empty where it is surely none.
    """

    text: str
    confidence: float
    figures: str = ""


def as_text(piece: Piece, reading: Reading) -> Text:
    """Return what was read on a piece."""
    told = " ".join(reading.text.split())
    return Text(
        told,
        piece.box,
        reading.confidence,
        piece.angle_deg,
        piece.ground,
        piece.color,
        em_of(told, piece.em_px),
        reading.figures,
    )


def em_of(text: str, height_px: float) -> float:
    """Return the em size of a line from the height of its ink."""
    letters = [letter for letter in text if not letter.isspace()]
    if any(letter > "\u3000" for letter in letters):
        return height_px / 0.92
    tall = any(letter.isupper() or letter.isdigit() or letter in "bdfhkl" for letter in letters)
    deep = any(letter in _DEEP for letter in letters)
    return height_px / ((0.72 if tall else 0.5) + (0.21 if deep else 0.0))


def joined(texts: Sequence[Text], joint: str | None = None) -> Text:
    """Return one text of several, in their order.

    Args:
        texts: at least one.
        joint: between them; None for a space, and none between Chinese letters.
    """
    if len(texts) == 1:
        return texts[0]
    said = ""
    for text in texts:
        gap = " " if joint is None else joint
        if joint is None and said and text.text and said[-1] > "\u2e80" and text.text[0] > "\u2e80":
            gap = ""
        said = f"{said}{gap}{text.text}" if said else text.text
    boxes = [text.box for text in texts]
    box = (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
    first = texts[0]
    total = sum(max(1, len(text.text)) for text in texts)
    confidence = sum(max(1, len(text.text)) * text.confidence for text in texts) / total
    size = max(text.size_px for text in texts)
    figures = ""
    if any(text.figures for text in texts):
        figures = " ".join(text.figures or text.text for text in texts)
    return Text(said, box, confidence, first.angle_deg, first.ground, first.color, size, figures)


def join_units(texts: Sequence[Text]) -> list[Text]:
    """Return the texts with numbers and their units joined where a wide space parts them."""
    out = list(texts)
    for text in sorted(texts, key=lambda text: text.box[0]):
        if text.angle_deg or len(text.text) > 4:
            continue
        for left in out:
            if left is text or left.angle_deg or left.number is None:
                continue
            gap = text.box[0] - left.box[2]
            near = 0 <= gap <= 1.0 * left.size_px and abs(text.y - left.y) <= 0.4 * left.size_px
            if near and text in out and joined([left, text]).number is not None:
                out[out.index(left)] = joined([left, text])
                out.remove(text)
                break
    return out
