"""Widths and line breaks of a chart's texts, and their style as ECharts names it."""

import hashlib
from functools import lru_cache
from itertools import pairwise
from typing import Any

from vary.data.engines.chart.sheet import Crowded
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import Rgb
from vary.data.font_tables import font_tables
from vary.data.fonts import FontFace
from vary.data.scaled_faces import OpenFace, ScaledFace

# Widths are measured at this size and scaled: hinting at small sizes has no say.
_MEASURE_PX = 64
# Skia's widths differ from FreeType's by less than this.
_SAFETY = 1.02
# From line to line, and the height of a line's box.
LINE_EM = 1.2


def css(color: Rgb, alpha: float = 1.0) -> str:
    """Return a colour as ECharts reads it."""
    red, green, blue = color
    return f"rgba({red},{green},{blue},{alpha:.3g})" if alpha < 1 else f"rgb({red},{green},{blue})"


def alias(face: FontFace) -> str:
    """Return the name under which a face is known to the worker; it leads to one file alone."""
    return "f" + hashlib.sha256(f"{face.path}\0{face.index}".encode()).hexdigest()[:16]


def fonts_of(spec: ChartSpec) -> list[dict[str, Any]]:
    """Return the faces of a chart as the worker loads them."""
    faces = dict.fromkeys((spec.style.text.face, spec.style.text.title_face))
    return [
        {"family": alias(face), "path": str(face.path.absolute()), "index": face.index}
        for face in faces
    ]


def font_style(
    spec: ChartSpec, scale: float = 1.0, face: FontFace | None = None, color: Rgb | None = None
) -> dict[str, Any]:
    """Return face, size and colour of a text; weight is the face's own."""
    text = spec.style.text
    size = round(text.size_px * scale, 2)
    return {
        "fontFamily": alias(face or text.face),
        "fontSize": size,
        "lineHeight": round(size * LINE_EM, 2),
        "fontWeight": "normal",
        "fontStyle": "normal",
        "color": css(color or text.color),
    }


def width_of(face: FontFace, size_px: float, text: str) -> float:
    """Return about how wide a line is, rather too much than too little."""
    return _width(face, text) * size_px / _MEASURE_PX * _SAFETY


def wrap(face: FontFace, size_px: float, text: str, width_px: float, most_lines: int = 3) -> str:
    """Return a text with line breaks, between words or in Chinese anywhere.

    Raises:
        Crowded: it takes too many lines, or a word is wider than a line.
    """
    if width_of(face, size_px, text) <= width_px:
        return text
    cjk = any("\u3400" <= character <= "\u9fff" for character in text)
    joint, parts = ("", list(text)) if cjk else (" ", text.split(" "))
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{joint}{part}" if lines else part
        if lines and width_of(face, size_px, longer) <= width_px:
            lines[-1] = longer
        else:
            lines.append(part)
    lines = [line.strip() for line in lines if line.strip()]
    if len(lines) > most_lines or max(width_of(face, size_px, line) for line in lines) > width_px:
        raise Crowded("no room for a name", text)
    return "\n".join(lines)


@lru_cache(maxsize=8192)
def _width(face: FontFace, text: str) -> float:
    kerned = pairwise(text) if font_tables(face.path, face.index).has_kern else ()
    kerns = sum(_scaled(face).kern(before + after) for before, after in kerned)
    return sum(_advance(face, character) for character in text) + kerns


@lru_cache(maxsize=1 << 15)
def _advance(face: FontFace, character: str) -> float:
    return _scaled(face).glyph(character).advance


@lru_cache(maxsize=64)
def _scaled(face: FontFace) -> ScaledFace:
    return OpenFace(face.path, face.index).scaled(_MEASURE_PX)
