"""A text on a sheet: where its lines stand, the box around it, its ink."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vary.data.engines.chart.boxes import TextBox
from vary.data.engines.chart.glyphs import Font
from vary.data.engines.chart.pen import Pen, turned
from vary.data.engines.chart.style import Rgb

Across = Literal["left", "center", "right"]
Along = Literal["top", "bottom", "center", "middle"]
_SHARES = {"left": 0.0, "top": 0.0, "center": 0.5, "right": 1.0, "bottom": 1.0}
# Room around a text that stands on a plate of its own.
PLATE_PX = 1.0

Rect = tuple[float, float, float, float]


@dataclass
class Text:
    """A text at a point.

    Attributes:
        text: what is written; may have line breaks.
        font: face and size.
        color: RGB.
        x, y: the point, in pixels from the upper left corner.
        across: which side of the text lies at the point.
        along: likewise; `middle` takes what letters look centred by.
        degrees: how far it is turned, counterclockwise.
        anchored: it is turned around the point; else the box around the turned text lies there.
        align: of several lines.
        plate: colour of a ground of its own; None: it has none.
    """

    text: str
    font: Font
    color: Rgb
    x: float = 0.0
    y: float = 0.0
    across: Across = "left"
    along: Along = "top"
    degrees: int = 0
    anchored: bool = False
    align: Across | None = None
    plate: Rgb | None = None

    @property
    def lines(self) -> list[str]:
        """What stands on each line."""
        return self.text.split("\n")

    @property
    def size(self) -> tuple[float, float]:
        """Width and height before it is turned."""
        lines = self.lines
        return max(map(self.font.width, lines)), len(lines) * self.font.line_px

    def middle(self) -> tuple[float, float]:
        """Return where its centre lies."""
        width, height = self.size
        if self.anchored or not self.degrees:
            share = self._along_share(height)
            away = (0.5 - _SHARES[self.across]) * width, (0.5 - share) * height
            x, y = turned(*away, self.degrees)
            return self.x + x, self.y + y
        x0, y0, x1, y1 = self._around((0.0, 0.0))
        share = _SHARES[self.along] if self.along != "middle" else 0.5
        return (
            self.x + (0.5 - _SHARES[self.across]) * (x1 - x0),
            self.y + (0.5 - share) * (y1 - y0),
        )

    def extent(self) -> Rect:
        """Return x0, y0, x1, y1 of the box around it."""
        return self._around(self.middle())

    def box(self) -> TextBox:
        """Return where it stands, for checks and words."""
        x, y = self.middle()
        width, height = self.size
        return TextBox(
            lines=tuple(self.lines),
            x=x,
            y=y,
            width=width,
            height=height,
            degrees=float(self.degrees),
            align=self.align or self.across,
            color=self.color,
            measure=self.font.width,
        )

    def draw(self, pen: Pen) -> None:
        """Draw it."""
        if self.plate is not None:
            x0, y0, x1, y1 = self.extent()
            pen.rectangle((x0 - PLATE_PX, y0 - PLATE_PX, x1 + PLATE_PX, y1 + PLATE_PX), self.plate)
        pen.ink(self.stamps(), self.color)

    def stamps(self) -> list[tuple[np.ndarray, int, int]]:
        """Return masks of its ink with the pixels of their lower left corners."""
        found: list[tuple[np.ndarray, int, int]] = []
        middle, (width, height) = self.middle(), self.size
        for number, line in enumerate(self.lines):
            spare = _SHARES[self.align or self.across] * (width - self.font.width(line))
            down = number * self.font.line_px + self.font.baseline - height / 2
            x, y = turned(spare - width / 2, down, self.degrees)
            begin = middle[0] + x, middle[1] + y
            if self.degrees in {0, 90}:
                found += self._glyphs(line, begin)
            elif line:
                mask, right, under = self.font.turned(line, self.degrees)
                found.append((mask, round(begin[0]) + right, round(begin[1]) + under))
        return found

    def _glyphs(self, line: str, begin: tuple[float, float]) -> list[tuple[np.ndarray, int, int]]:
        found = []
        # Letters are fitted to whole pixels: the line begins at one.
        x, y = math.floor(begin[0] + 0.5), math.floor(begin[1] + 0.5)
        for character, at in zip(line, self.font.pens(line), strict=False):
            glyph = self.font.glyph(character)
            if glyph.mask is None:
                continue
            along = round(at) + glyph.left
            if self.degrees:
                mask = np.ascontiguousarray(np.rot90(glyph.mask))
                found.append((mask, x - glyph.top, y - along))
            else:
                found.append((glyph.mask, x + along, y - glyph.top + glyph.mask.shape[0]))
        return found

    def _along_share(self, height: float) -> float:
        if self.along != "middle":
            return _SHARES[self.along]
        # Between the top of the first line's letters and the last line's base.
        font = self.font
        top = font.baseline - font.ascent
        bottom = height - font.line_px + font.baseline
        return (top + bottom) / 2 / height

    def _around(self, middle: tuple[float, float]) -> Rect:
        width, height = self.size
        cos, sin = _turns(self.degrees)
        half_x, half_y = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
        x, y = middle
        return x - half_x, y - half_y, x + half_x, y + half_y


def _turns(degrees: int) -> tuple[float, float]:
    angle = math.radians(degrees)
    return abs(math.cos(angle)), abs(math.sin(angle))
