"""Where texts stand: tilted boxes, whether they meet, and the ink of each word."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vary.data.engines.base import Reject
from vary.data.schema import Word

_CJK = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]|[^\s\u3000-\u9fff]+")
# Of the way from the ground's colour to the text's: more than this is ink.
INK_SHARE = 0.4
# Texts fainter than this, of 255, are not read.
LEAST_CONTRAST = 60.0
# Antialiased hairlines of small letters stay below their colour; empty places have nothing.
LEAST_INK_PIXELS = 2

# Of a number's size: its height, and how far it may stand beyond its sector.
_DIGIT_HEIGHT, VALUE_SLACK = 0.72, 0.1

Measure = Callable[[str], float]


@dataclass(frozen=True)
class Sector:
    """A sector of a pie or a donut.

    Attributes:
        begin, end: radians.
        inner, outer: radii, px.
    """

    begin: float
    end: float
    inner: float
    outer: float


@dataclass(frozen=True)
class TextBox:
    """A text as it was placed, in pixels from the upper left corner.

    Attributes:
        lines: what stands on each line.
        x, y: centre.
        width, height: along and across the text, before it was turned.
        degrees: how far it is turned, counterclockwise.
        align: of several lines.
        color: RGB.
        measure: width of a part of a line.
    """

    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    degrees: float
    align: str
    color: tuple[int, int, int]
    measure: Measure

    @property
    def name(self) -> str:
        """The text in one line."""
        return " ".join(self.lines)

    def corners(self, margin: float = 0.0) -> np.ndarray:
        """Return its four corners, (4, 2) floats."""
        half_x, half_y = self.width / 2 + margin, self.height / 2 + margin
        around = np.array(
            [(-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y)]
        )
        return self._turned(around)

    def words(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield its words with their corners; in scripts without spaces each character is one."""
        line_height = self.height / len(self.lines)
        for number, line in enumerate(self.lines):
            whole = self.measure(line)
            start = {"left": 0.0, "center": 0.5, "right": 1.0}[self.align] * (self.width - whole)
            top = number * line_height - self.height / 2
            before = 0, 0.0  # a word begins where the one before ended, or after a space
            for match in _CJK.finditer(line):
                if match.start() != before[0]:
                    before = match.start(), self.measure(line[: match.start()])
                x0 = start + before[1]
                last = match.end() == len(line)
                before = match.end(), whole if last else self.measure(line[: match.end()])
                x1 = start + before[1]
                left, right = x0 - self.width / 2, x1 - self.width / 2
                bottom = top + line_height
                around = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
                yield match.group(), self._turned(around)

    def _turned(self, around: np.ndarray) -> np.ndarray:
        angle = math.radians(-self.degrees)  # rows of a picture run downwards
        cos, sin = math.cos(angle), math.sin(angle)
        turned: np.ndarray = around @ np.array([[cos, sin], [-sin, cos]]) + (self.x, self.y)
        return turned


def first_overlap(boxes: Sequence[TextBox]) -> tuple[TextBox, TextBox] | None:
    """Return two texts that stand on each other, if there are any."""
    # A line's height holds room above and below its letters, which may overlap.
    corners = [box.corners(-0.08 * box.height / len(box.lines)) for box in boxes]
    lows, highs = (np.array([fold(c, axis=0) for c in corners]) for fold in (np.min, np.max))
    for one in range(len(boxes)):
        near = ((lows[one] < highs) & (lows < highs[one])).all(axis=1)
        for other in np.flatnonzero(near):
            if other > one and not _apart(corners[one], corners[int(other)]):
                return boxes[one], boxes[int(other)]
    return None


def first_outside(boxes: Sequence[TextBox], width: int, height: int) -> TextBox | None:
    """Return a text that is cut off by the picture's edge, if there is one."""
    for box in boxes:
        corners = box.corners()
        if corners.min() < 0 or (corners > (width, height)).any():
            return box
    return None


def ink_words(boxes: Sequence[TextBox], pixels: np.ndarray) -> tuple[Word, ...]:
    """Return the words of texts with the boxes of their ink.

    Args:
        boxes: where texts were placed.
        pixels: (H, W, 3) uint8, the picture.

    Raises:
        Reject: a word without ink, or hardly to be told from its ground.
    """
    words: list[Word] = []
    for box in boxes:
        ground = _ground(box, pixels)
        way = np.array(box.color, float) - ground
        if abs(way @ (0.299, 0.587, 0.114)) < LEAST_CONTRAST:
            raise Reject("text without contrast", box.name)
        for text, corners in box.words():
            x0, y0, x1, y1 = _pixel_box(corners, pixels)
            share = (pixels[y0:y1, x0:x1] - ground) @ way / (way @ way)
            ink = share > INK_SHARE
            if ink.sum() < LEAST_INK_PIXELS:
                raise Reject("text without ink", f"{text} of {box.name}")
            rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
            x1, y1 = x0 + int(columns[-1]) + 1, y0 + int(rows[-1]) + 1
            words.append(Word(0, text, x0 + int(columns[0]), y0 + int(rows[0]), x1, y1))
    return tuple(words)


def _ground(box: TextBox, pixels: np.ndarray) -> np.ndarray:
    """Return the colour under a text: the commonest beside its own, which covers less."""
    x0, y0, x1, y1 = _pixel_box(box.corners(), pixels)
    around = pixels[y0:y1, x0:x1].reshape(-1, 3).astype(np.int32)
    codes = (around[:, 0] << 16) | (around[:, 1] << 8) | around[:, 2]
    values, counts = np.unique(codes, return_counts=True)
    own = (box.color[0] << 16) | (box.color[1] << 8) | box.color[2]
    counts = np.where(values == own, 0, counts)
    common = int(values[int(counts.argmax())])
    return np.array([common >> 16, (common >> 8) & 255, common & 255], float)


def _pixel_box(corners: np.ndarray, pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Return the pixels around some corners, at least one."""
    height, width = pixels.shape[:2]
    x0, y0 = np.floor(corners.min(axis=0)).astype(int)
    x1, y1 = np.ceil(corners.max(axis=0)).astype(int)
    x0, y0 = min(max(int(x0), 0), width - 1), min(max(int(y0), 0), height - 1)
    return x0, y0, max(min(int(x1), width), x0 + 1), max(min(int(y1), height), y0 + 1)


def _apart(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two rectangles, tilted or not, do not meet: some side's direction parts them."""
    for corners in (one, other):
        for side in (corners[1] - corners[0], corners[2] - corners[1]):
            mine, theirs = one @ side, other @ side
            if mine.max() <= theirs.min() or theirs.max() <= mine.min():
                return True
    return False


def beyond_sector(
    sector: Sector, width: float, size_px: float, radius: float | None = None
) -> float:
    """Return how far a number stands out of its sector, px; below 0 where it does not.

    Args:
        sector: where it stands, in the middle of its angle.
        width: of the number, px.
        size_px: of its digits.
        radius: of its own middle, px; None: between the inner and the outer one.
    """
    half_width, half_height = width / 2, _DIGIT_HEIGHT * size_px / 2
    turn, half_angle = (sector.begin + sector.end) / 2, abs(sector.end - sector.begin) / 2
    away = (sector.inner + sector.outer) / 2 if radius is None else radius
    middle = away * np.exp(1j * turn)
    sides = np.array([1, 1, -1, -1]) * half_width, np.array([1, -1, 1, -1]) * half_height
    corners = middle + sides[0] + 1j * sides[1]
    radii, angles = np.abs(corners), np.abs(np.angle(corners * np.exp(-1j * turn)))
    # The hole may reach into a side of the box, between its corners.
    nearest = np.hypot(
        max(abs(middle.real) - half_width, 0), max(abs(middle.imag) - half_height, 0)
    )
    beyond = np.max([radii - sector.outer, radii * (angles - half_angle)])
    return float(max(beyond, sector.inner - nearest))
