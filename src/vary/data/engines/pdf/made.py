"""A page made in a worker: its picture, its text, and where each word stands."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.engines.pdf.checks import check_layer, check_text, seen_fragments
from vary.data.engines.pdf.config import MAX_LONG_SIDE_PX, PdfConfig
from vary.data.engines.pdf.layer import TextLayer, layer_flags
from vary.data.engines.pdf.order import Line, read_order
from vary.data.engines.pdf.paragraphs import cut_paragraphs, target_text
from vary.data.engines.pdf.plain import read_layer
from vary.extras import require

POINTS_PER_INCH = 72


@dataclass(frozen=True)
class MadePage:
    """What a worker hands back.

    Attributes:
        text: the target.
        words: text, x0, y0, x1, y1 of each; px, half-open.
        size: width and height, px.
        meta: what else is known of the page, as JSON values.
        image: the encoded picture.
    """

    text: str
    words: list[tuple[str, int, int, int, int]]
    size: tuple[int, int]
    meta: dict[str, Any]
    image: bytes


def make_page(page: Any, config: PdfConfig, *, long_side_px: int, dpi: int | None) -> MadePage:
    """Return a page as picture and text.

    Args:
        page: PyMuPDF's.
        config: what is asked of it.
        long_side_px: of the picture, without `dpi`.
        dpi: resolution, in place of it.

    Raises:
        Reject: the text does not fit the picture or what is asked for; see `checks`.
    """
    width, height = page.rect.width, page.rect.height
    long_pt = max(width, height)
    if not 1 <= min(width, height) <= long_pt < float("inf"):
        raise Reject("no usable page size", f"{width:.0f} x {height:.0f} pt")
    scale = long_side_px / long_pt if dpi is None else dpi / POINTS_PER_INCH
    if long_pt * scale > MAX_LONG_SIDE_PX:
        raise Reject("page too large", f"{long_pt * scale:.0f} px")
    drawing = page.get_displaylist()
    # The text is looked at first: pages that are rejected for it need no picture.
    layer = read_layer(_textpage(drawing))
    check_layer(layer, config)
    pixels = render(drawing, scale)
    fragments, boxes = seen_fragments(layer, scale, pixels, config)
    lines = read_order(fragments)
    text = target_text(cut_paragraphs(lines), config.target)
    type_px = _type_px(lines, scale)
    check_text(text, type_px, config)
    words = [(piece.text, *boxes[piece.place].tolist()) for line in lines for piece in line.pieces]
    meta = _meta(layer, lines, scale, type_px, sum(len(word[0]) for word in words))
    height_px, width_px = pixels.shape[:2]
    return MadePage(text, words, (width_px, height_px), meta, encode(pixels, config))


def _textpage(drawing: Any) -> Any:
    """Return the text page of a display list; PyMuPDF gives it wrapped or not, by version."""
    textpage = drawing.get_textpage(layer_flags())
    if hasattr(textpage, "extractRAWDICT"):
        return textpage
    return require("pymupdf", extra="pdf").TextPage(textpage)


def render(drawing: Any, scale: float) -> np.ndarray:
    """Return a picture of a display list: (H, W) uint8, or (H, W, 3) where it has colours."""
    pymupdf = require("pymupdf", extra="pdf")
    pixmap = drawing.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=0)
    pixels = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.width, 3)
    # A copy: the memory is the pixmap's, and goes with it.
    return pixels.copy() if has_colour(pixels) else np.ascontiguousarray(pixels[..., 0])


def has_colour(pixels: np.ndarray) -> bool:
    """Return whether some pixel of an (H, W, 3) picture is not grey."""
    # Rows of the middle first: coloured pages are mostly known by a few of them.
    for rows in (pixels[:: max(1, len(pixels) // 16)], pixels):
        red, green, blue = rows[..., 0], rows[..., 1], rows[..., 2]
        if not (np.array_equal(red, green) and np.array_equal(green, blue)):
            return True
    return False


def encode(pixels: np.ndarray, config: PdfConfig) -> bytes:
    """Return a picture in the format that is asked for."""
    buffer = io.BytesIO()
    options = {} if config.image == "png" else {"quality": config.quality}
    Image.fromarray(pixels).save(buffer, format=config.image, **options)
    return buffer.getvalue()


def _type_px(lines: list[Line], scale: float) -> float:
    """Return the em of most of the type, in pixels."""
    sizes = np.array([part.size for line in lines for part in line.segments])
    weights = np.array([part.weight for line in lines for part in line.segments])
    order = np.argsort(sizes)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    return float(sizes[order][min(middle, len(sizes) - 1)]) * scale


def _meta(
    layer: TextLayer, lines: list[Line], scale: float, type_px: float, characters: int
) -> dict[str, Any]:
    rest = layer.characters - layer.undecoded - layer.invisible - layer.turned
    return {
        "dpi": round(scale * POINTS_PER_INCH, 2),
        "type_px": round(type_px, 2),
        "lines": len(lines),
        "columns": len({line.column for line in lines}),
        "left_out": {
            "undecoded": layer.undecoded,
            "invisible": layer.invisible,
            "turned": layer.turned,
            "unseen": max(0, rest - characters),
        },
    }
