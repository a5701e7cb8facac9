"""A picture of fixed pixels that is laid out: its texts, its axes, the plot that they leave."""

from dataclasses import dataclass
from typing import Any

from vary.data.engines.base import Reject
from vary.data.engines.chart.glyphs import Font, Lettering
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import Rgb
from vary.data.engines.chart.text import Rect, Text
from vary.data.fonts import FontFace


class Crowded(Reject):
    """What is shown does not fit as it was laid out; another layout may do."""


@dataclass(frozen=True)
class Scale:
    """Where the values of an axis lie.

    Attributes:
        low, high: values at its ends.
        start, end: pixels of its ends.
    """

    low: float
    high: float
    start: float
    end: float

    def px(self, value: Any) -> Any:
        """Return the pixel of a value, or of each of several."""
        return self.start + (value - self.low) * (self.end - self.start) / (self.high - self.low)

    def value(self, px: Any) -> Any:
        """Return the value at a pixel, or at each of several."""
        return self.low + (px - self.start) * (self.high - self.low) / (self.end - self.start)


@dataclass
class Tick:
    """A place on an axis.

    Attributes:
        place: in values, or the number of a category.
        text: what is written at it.
    """

    place: float
    text: Text


class Sheet:
    """All that stands on a chart.

    Args:
        spec: what it shows.
        lettering: the fonts; shared by all layouts of a chart.
    """

    def __init__(self, spec: ChartSpec, lettering: Lettering) -> None:
        self.spec, self.style = spec, spec.style
        self._lettering = lettering
        self.plot: Rect = (0.0, 0.0, 0.0, 0.0)
        self.title: Text | None = None
        self.note: Text | None = None
        self.legend: Any = None
        self.category_ticks: list[Tick] = []
        self.value_ticks: list[list[Tick]] = []  # of each value axis
        self.axis_names: list[Text] = []
        self.category_ends = (0.0, 1.0)
        self.labels: dict[tuple[int, int], Text] = {}  # (series, category) -> value label
        self.sector_names: dict[int, Text] = {}

    @property
    def em(self) -> float:
        """The em size of names and ticks."""
        return self.style.text.size_px

    def font(self, scale: float = 1.0, face: FontFace | None = None) -> Font:
        """Return the face of a size relative to that of names."""
        return self._lettering.font(face or self.style.text.face, self.em * scale)

    def text(self, text: str, scale: float = 1.0, **options: Any) -> Text:
        """Return a text in the chart's face and colour; `options` are fields of `Text`."""
        color: Rgb = options.pop("color", self.style.text.color)
        return Text(text, options.pop("font", None) or self.font(scale), color, **options)

    def wrap(self, text: str, width_px: float, font: Font, most_lines: int = 3) -> str:
        """Return a text with line breaks, between words or in Chinese anywhere.

        Raises:
            Crowded: it takes too many lines, or a word is wider than a line.
        """
        if font.width(text) <= width_px:
            return text
        cjk = any("\u3400" <= character <= "\u9fff" for character in text)
        joint, parts = ("", list(text)) if cjk else (" ", text.split(" "))
        lines: list[str] = []
        for part in parts:
            longer = f"{lines[-1]}{joint}{part}" if lines else part
            if lines and font.width(longer) <= width_px:
                lines[-1] = longer
            else:
                lines.append(part)
        lines = [line.strip() for line in lines if line.strip()]
        if len(lines) > most_lines or max(map(font.width, lines)) > width_px:
            raise Crowded("no room for a name", text)
        return "\n".join(lines)

    def values(self, number: int) -> Scale:
        """Return where the values of an axis lie."""
        axis, (x0, y0, x1, y1) = self.spec.axes[number], self.plot
        if self.spec.horizontal:
            return Scale(axis.low, axis.high, x0, x1)
        return Scale(axis.low, axis.high, y1, y0)

    @property
    def categories(self) -> Scale:
        """Where the numbers of categories lie."""
        (low, high), (x0, y0, x1, y1) = self.category_ends, self.plot
        if not self.spec.horizontal:
            return Scale(low, high, x0, x1)
        if self.style.axes.reversed:
            return Scale(low, high, y0, y1)
        return Scale(low, high, y1, y0)

    def texts(self) -> list[Text]:
        """Return all texts that are drawn: title, axes, ticks, legend, labels, note."""
        found = [self.title, *self.axis_names, *(tick.text for tick in self.category_ticks)]
        found += [tick.text for ticks in self.value_ticks for tick in ticks]
        found += self.sector_names.values()
        found += self.labels.values()
        if self.legend is not None:
            found += self.legend.texts
        found.append(self.note)
        return [text for text in found if text is not None and text.text]
