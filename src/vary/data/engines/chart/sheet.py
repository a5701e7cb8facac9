"""A matplotlib figure of fixed pixels: its texts, their measures, and room for the axes."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.chart.boxes import TextBox
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import Rgb
from vary.data.fonts import FontFace
from vary.extras import require

# A figure of 72 dots per inch: a point is a pixel, so all lengths are pixels.
DPI = 72
# Settings that say nothing about pictures and may not be set everywhere.
_NO_SETTINGS = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone"})


class Crowded(Reject):
    """What is shown does not fit as it was laid out; another layout may do."""


def pyplot_free(module: str) -> Any:
    """Return a module of matplotlib; never pyplot, which keeps figures and picks a backend."""
    return require(f"matplotlib.{module}", extra="data")


@contextmanager
def default_settings() -> Iterator[None]:
    """Draw with the settings that matplotlib ships, whatever a user's matplotlibrc says."""
    matplotlib = require("matplotlib", extra="data")
    defaults = dict.items(matplotlib.rcParamsDefault)
    settings = {name: value for name, value in defaults if name not in _NO_SETTINGS}
    with matplotlib.rc_context(settings):
        yield


def unit(color: Rgb) -> tuple[float, float, float]:
    """Return a colour as matplotlib has it."""
    return color[0] / 255, color[1] / 255, color[2] / 255


@lru_cache(maxsize=1024)
def largest_bitmap_px(face: FontFace) -> int:
    """Return the em size of the largest bitmaps that a face brings, 0 if none.

    Some Chinese faces draw small sizes as bitmaps. Matplotlib takes them and draws nothing of use,
    so their outlines must be drawn larger than this.
    """
    font = require("matplotlib.ft2font", extra="data").FT2Font
    at = {"face_index": face.index} if face.index else {}
    if not font(str(face.path), **at).num_fixed_sizes:
        return 0
    tables = importlib.import_module("fontTools.ttLib")  # matplotlib, which is there, brings it
    number = face.index if face.path.suffix.lower() in {".ttc", ".otc"} else -1
    with tables.TTFont(str(face.path), fontNumber=number, lazy=True) as opened:
        strikes = [
            strike.bitmapSizeTable.ppemY
            for name in ("EBLC", "CBLC")
            if name in opened
            for strike in opened[name].strikes
        ]
    return max(strikes, default=0)


class Sheet:
    """A figure with one or two axes, to be filled by marks.

    Args:
        spec: what it shows.
    """

    def __init__(self, spec: ChartSpec) -> None:
        self.spec, self.style = spec, spec.style
        style = self.style
        size = (style.width_px / DPI, style.height_px / DPI)
        self.figure = pyplot_free("figure").Figure(
            figsize=size, dpi=DPI, facecolor=unit(style.background)
        )
        self.canvas = pyplot_free("backends.backend_agg").FigureCanvasAgg(self.figure)
        self.renderer = self.canvas.get_renderer()
        self.axes = self.figure.add_axes((0.1, 0.1, 0.8, 0.8), facecolor=unit(style.plot))
        self.second = self.axes.twinx() if len(spec.axes) > 1 else None
        self.title: Any = None
        self.note: Any = None
        self.legend: Any = None
        self.labels: dict[tuple[int, int], Any] = {}  # (series, category) -> value label
        self._widths: dict[tuple[str, str, float], float] = {}
        self.sector_names: dict[int, Any] = {}

    @property
    def em(self) -> float:
        """The em size of names and ticks."""
        return self.style.text.size_px

    def font(self, scale: float = 1.0, face: FontFace | None = None) -> Any:
        """Return font properties by file, so that no search by name has a say."""
        manager = pyplot_free("font_manager")
        chosen = face or self.style.text.face
        # Collections by number need matplotlib 3.11; the renderer leaves them out before.
        path = manager.FontPath(str(chosen.path), chosen.index) if chosen.index else chosen.path
        return manager.FontProperties(fname=path, size=self.em * scale)

    def text_options(self, scale: float = 1.0, face: FontFace | None = None) -> dict[str, Any]:
        """Return font and colour, as options of matplotlib's texts; dollars are no mathematics."""
        return {
            "fontproperties": self.font(scale, face),
            "color": unit(self.style.text.color),
            "parse_math": False,
        }

    def width_of(self, text: str, font: Any) -> float:
        """Return how wide a line is."""
        key = (text, font.get_file(), font.get_size_in_points())
        if key not in self._widths:
            width, _, _ = self.renderer.get_text_width_height_descent(text, font, False)
            self._widths[key] = float(width)
        return self._widths[key]

    def wrap(self, text: str, width_px: float, font: Any, most_lines: int = 3) -> str:
        """Return a text with line breaks, between words or in Chinese anywhere.

        Raises:
            Crowded: it takes too many lines, or a word is wider than a line.
        """
        if self.width_of(text, font) <= width_px:
            return text
        cjk = any("\u3400" <= character <= "\u9fff" for character in text)
        joint, parts = ("", list(text)) if cjk else (" ", text.split(" "))
        lines: list[str] = []
        for part in parts:
            longer = f"{lines[-1]}{joint}{part}" if lines else part
            if lines and self.width_of(longer, font) <= width_px:
                lines[-1] = longer
            else:
                lines.append(part)
        lines = [line.strip() for line in lines if line.strip()]
        if len(lines) > most_lines or max(self.width_of(line, font) for line in lines) > width_px:
            raise Crowded("no room for a name", text)
        return "\n".join(lines)

    def axis_of(self, number: int) -> Any:
        """Return the axes that a value axis belongs to."""
        return self.second if number else self.axes

    def extent(self, artist: Any) -> tuple[float, float, float, float]:
        """Return x0, y0, x1, y1 of an artist, in pixels from the upper left corner."""
        box = artist.get_window_extent(self.renderer)
        height = self.style.height_px
        return float(box.x0), height - float(box.y1), float(box.x1), height - float(box.y0)

    def texts(self) -> list[Any]:
        """Return all texts that are drawn: title, axes, ticks, legend, labels, note."""
        found = [self.title, self.axes.xaxis.label, self.axes.yaxis.label]
        if self.second is not None:
            found.append(self.second.yaxis.label)
        if not self.spec.round:
            found += [*self.axes.get_xticklabels(), *self.axes.get_yticklabels()]
            if self.second is not None:
                found += self.second.get_yticklabels()
        found += self.sector_names.values()
        found += self.labels.values()
        if self.legend is not None:
            found += self.legend.get_texts()
        found.append(self.note)
        return [text for text in dict.fromkeys(found) if text is not None and text.get_text()]

    def text_box(self, text: Any) -> TextBox:
        """Return where a text stands."""
        x0, y0, x1, y1 = self.extent(text)
        degrees = float(text.get_rotation())
        width, height = x1 - x0, y1 - y0
        if degrees % 180:
            text.set_rotation(0)
            flat = text.get_window_extent(self.renderer)
            text.set_rotation(degrees)
            width, height = float(flat.width), float(flat.height)
        font = text.get_fontproperties()
        color = pyplot_free("colors").to_rgb(text.get_color())
        return TextBox(
            lines=tuple(text.get_text().split("\n")),
            x=(x0 + x1) / 2,
            y=(y0 + y1) / 2,
            width=width,
            height=height,
            degrees=degrees,
            align=text._multialignment or text.get_horizontalalignment(),
            color=(round(color[0] * 255), round(color[1] * 255), round(color[2] * 255)),
            measure=lambda part: self.width_of(part, font),
        )

    def place_axes(self, room: tuple[float, float, float, float]) -> None:
        """Put the axes into a room so that their numbers and names lie in it as well.

        Args:
            room: x0, y0, x1, y1 in pixels from the upper left corner.

        Raises:
            Crowded: too little is left for the plot.
        """
        width, height = self.style.width_px, self.style.height_px
        inner = room
        for _ in range(2):
            x0, y0, x1, y1 = inner
            if x1 - x0 < 10 * self.em or y1 - y0 < 7 * self.em:
                raise Crowded("no room for the plot")
            place = (x0 / width, 1 - y1 / height, (x1 - x0) / width, (y1 - y0) / height)
            self.axes.set_position(place)
            if self.second is not None:
                self.second.set_position(place)
            outer = self._axes_extent()
            over = np.array(outer) - np.array(inner)
            inner = (room[0] - over[0], room[1] - over[1], room[2] - over[2], room[3] - over[3])
        # Where numbers stand depends on the place; it is final only now.

    def _axes_extent(self) -> tuple[float, float, float, float]:
        """Return the box around the plot with ticks and names."""
        box = self.axes.get_window_extent(self.renderer)
        boxes = [box]
        for axes in (self.axes, self.second):
            if axes is not None:
                parts = (axes.xaxis, axes.yaxis)
                boxes += [part.get_tightbbox(self.renderer) for part in parts]
        boxes = [box for box in boxes if box is not None]
        height = self.style.height_px
        return (
            float(min(box.x0 for box in boxes)),
            height - float(max(box.y1 for box in boxes)),
            float(max(box.x1 for box in boxes)),
            height - float(min(box.y0 for box in boxes)),
        )
