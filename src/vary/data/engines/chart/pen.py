"""Draws on matplotlib's Agg canvas without figures or artists: shapes, lines, markers, letters.

A figure's artists look their settings up, lay texts out and find ticks again for every drawing;
that takes several times as long as the drawing. What is drawn here is the same: paths and masks.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from vary.data.engines.chart.glyphs import DPI
from vary.data.engines.chart.style import Rgb
from vary.extras import require

# Strokes and gaps over a line's width, as matplotlib has them.
DASHES = {"--": (3.7, 1.6), "-.": (6.4, 1.6, 1.0, 1.6), ":": (1.0, 1.65)}
# Markers that have no face.
OPEN_MARKERS = frozenset({"x", "+"})

Rgba = tuple[float, float, float, float]


def part_of(module: str) -> Any:
    """Return a module of matplotlib; never pyplot, which keeps figures and picks a backend."""
    return require(f"matplotlib.{module}", extra="data")


class Pen:
    """A canvas of fixed pixels; places are from the upper left corner.

    Args:
        width, height: pixels.
        ground: colour.
    """

    def __init__(self, width: int, height: int, ground: Rgb) -> None:
        # Python's renderer only looks settings up and hands on to this one.
        self._agg = part_of("backends._backend_agg").RendererAgg(width, height, DPI)
        self._context = part_of("backend_bases").GraphicsContextBase
        self._height = height
        self._flip = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, height], [0.0, 0.0, 1.0]])
        self.rectangle((0, 0, width, height), ground)

    def rectangle(self, box: Sequence[float], fill: Rgb, **look: Any) -> None:
        """Fill a rectangle x0, y0, x1, y1; `look` is that of `shape`."""
        x0, y0, x1, y1 = box
        self.shape(np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]), fill, **look)

    def shape(
        self,
        points: np.ndarray,
        fill: Rgb,
        *,
        edge: Rgb | None = None,
        edge_px: float = 0.0,
        hatch: str = "",
        alpha: float = 1.0,
        codes: np.ndarray | None = None,
    ) -> None:
        """Fill a closed shape.

        Args:
            points: (N, 2), without its first one again at the end; with codes as they want it.
            fill: colour.
            edge: colour of its outline and its pattern.
            edge_px: width of its outline; 0: none.
            hatch: pattern, as matplotlib names them.
            alpha: opacity of the fill.
            codes: of a path with curves.
        """
        context = self._context()
        context.set_joinstyle("miter")
        context.set_linewidth(edge_px if edge else 0.0)
        if edge:
            context.set_foreground(_rgba(edge), isRGBA=True)
        if hatch and edge:
            context.set_hatch(hatch)
            context.set_hatch_color(_rgba(edge))
            context.set_hatch_linewidth(1.0)
        self._agg.draw_path(context, _closed(points, codes), self._flip, _rgba(fill, alpha))

    def line(self, points: np.ndarray, color: Rgb, width_px: float, style: str = "-") -> None:
        """Draw a line through (N, 2) points."""
        context = self._context()
        context.set_linewidth(width_px)
        context.set_foreground(_rgba(color), isRGBA=True)
        context.set_joinstyle("round")
        context.set_capstyle("projecting" if style == "-" else "butt")
        if style != "-":
            context.set_dashes(0, [part * width_px for part in DASHES[style]])
        self._agg.draw_path(context, _open(points), self._flip, None)

    def markers(
        self, points: np.ndarray, marker: str, colors: tuple[Rgb, Rgb], size_px: float
    ) -> None:
        """Draw a marker at each of (N, 2) points; colours are of its outline and within."""
        shape, joins = _marker(marker)
        context = self._context()
        context.set_linewidth(1.0 if colors[0] == colors[1] else max(1.0, size_px / 6))
        context.set_foreground(_rgba(colors[0]), isRGBA=True)
        context.set_joinstyle(joins)
        context.set_capstyle("butt")
        scale = np.diag([size_px, size_px, 1.0])
        fill = None if marker in OPEN_MARKERS else _rgba(colors[1])
        self._agg.draw_markers(context, shape, scale, _open(points), self._flip, fill)

    def ink(self, stamps: Sequence[tuple[np.ndarray, int, int]], color: Rgb) -> None:
        """Lay masks in a colour; each has the pixel of its lower left corner."""
        context = self._context()
        context.set_foreground(_rgba(color), isRGBA=True)
        for mask, left, bottom in stamps:
            self._agg.draw_text_image(mask, left, bottom, 0, context)

    def pixels(self) -> np.ndarray:
        """Return what was drawn: (H, W, 3) uint8, contiguous."""
        drawn = np.asarray(self._agg)
        height, width = drawn.shape[:2]
        whole = Image.frombuffer("RGBA", (width, height), drawn, "raw", "RGBA", 0, 1)
        return np.array(whole.convert("RGB"))


def _rgba(color: Rgb, alpha: float = 1.0) -> Rgba:
    return color[0] / 255, color[1] / 255, color[2] / 255, alpha


def _open(points: np.ndarray) -> Any:
    return part_of("path").Path(points)


def _closed(points: np.ndarray, codes: np.ndarray | None) -> Any:
    path = part_of("path").Path
    if codes is not None:
        return path(points, codes)
    around = np.concatenate([points, points[:1]])
    told = np.full(len(around), path.LINETO, path.code_type)
    told[0], told[-1] = path.MOVETO, path.CLOSEPOLY
    return path(around, told)


@lru_cache(maxsize=64)
def _marker(name: str) -> tuple[Any, str]:
    """Return a marker's outline in a square of 1, and how its corners are joined."""
    style = part_of("markers").MarkerStyle(name, fillstyle="full")
    return style.get_path().transformed(style.get_transform()), str(
        getattr(style.get_joinstyle(), "value", style.get_joinstyle())
    )


def sector_path(
    middle: tuple[float, float], radius: float, hole: float, degrees: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and codes of a sector.

    Args:
        middle: x, y of the circle's centre.
        radius: of the circle.
        hole: radius of the hole, of the radius; 0: none.
        degrees: begin and end, counterclockwise from the right.
    """
    path = part_of("path").Path
    arc = path.arc(*degrees)
    outer = arc.vertices * (radius, -radius)
    if hole:
        inner = outer[::-1] * hole
        points = np.concatenate([outer, inner, outer[:1]])
        codes = np.concatenate([arc.codes, arc.codes, [path.CLOSEPOLY]])
        codes[len(outer)] = path.LINETO
    else:
        points = np.concatenate([np.zeros((1, 2)), outer, np.zeros((1, 2))])
        codes = np.concatenate([[path.MOVETO], arc.codes, [path.CLOSEPOLY]])
        codes[1] = path.LINETO
    return points + middle, codes.astype(path.code_type)


def turned(x: float, y: float, degrees: float) -> tuple[float, float]:
    """Return a point turned counterclockwise around 0, 0; y runs downwards."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return x * cos + y * sin, y * cos - x * sin
