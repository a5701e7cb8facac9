"""A page with the boxes of what was read on it, coloured by confidence."""

from collections import Counter
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from vary.read.results import Box, PageResult

_Color = tuple[int, int, int]


class Level(NamedTuple):
    """A range of confidences, from `least` up to the next level's, and its colour."""

    least: float
    color: _Color
    label: str


# Told apart with any kind of colour vision (Okabe and Ito's palette), and dark enough on white.
LEVELS = (
    Level(0.95, (0, 134, 98), "0.95 and more"),
    Level(0.8, (0, 114, 178), "0.80 to 0.95"),
    Level(0.5, (214, 138, 0), "0.50 to 0.80"),
    Level(0.0, (200, 40, 20), "below 0.50"),
)
_LEFT_OUT: _Color = (120, 120, 120)
_LINE: _Color = (190, 190, 190)
_FILL_ALPHA = 48
# Sizes hang on the page's shorter side, so that an overlay looks alike at any resolution.
_FONT_SHARE, _LEAST_FONT_PX = 1 / 64, 11
_STROKE_SHARE = 1 / 900


def level_of(confidence: float) -> Level:
    """Return the level that a confidence belongs to."""
    return next(level for level in LEVELS if confidence >= level.least or level is LEVELS[-1])


def draw_overlay(image: Image.Image, page: PageResult) -> Image.Image:
    """Return an RGB picture of a page with its boxes, below a legend.

    Words are outlined and tinted in their level's colour, lines in pale grey. A line whose words
    are not known has its own colour. One whose text was left out is grey and struck through.

    Args:
        image: the page as it came, of the size that the result tells.
        page: what was read on it.

    Raises:
        ValueError: the picture has another size than the page.
    """
    if page.size != image.size:
        raise ValueError(f"the picture is {image.size}, the page that was read {page.size}")
    picture = image.convert("RGBA")
    tint = Image.new("RGBA", picture.size)
    pen = ImageDraw.Draw(tint)
    stroke = max(1, round(min(image.size) * _STROKE_SHARE))
    counts = Counter[str]()
    for line in page.lines:
        if line.box is None:
            continue
        if not line.text.strip():
            pen.rectangle(_around(line.box, stroke), outline=(*_LEFT_OUT, 255), width=stroke)
            pen.line((*line.box[:2], *line.box[2:]), fill=(*_LEFT_OUT, 255), width=stroke)
            counts["left out"] += 1
            continue
        if line.words:
            pen.rectangle(_around(line.box, 2 * stroke), outline=(*_LINE, 255), width=stroke)
        marked = [(word.box, word.confidence) for word in line.words]
        for box, confidence in marked or [(line.box, line.confidence)]:
            level = level_of(confidence)
            counts[level.label] += 1
            pen.rectangle(
                _around(box, stroke),
                fill=(*level.color, _FILL_ALPHA),
                outline=(*level.color, 255),
                width=stroke,
            )
    drawn = Image.alpha_composite(picture, tint).convert("RGB")
    return _with_legend(drawn, counts, page)


def _around(box: Box, reach: int) -> Box:
    """Return a box as Pillow wants it, its last pixels included, this much wider at all sides."""
    x0, y0, x1, y1 = box
    return x0 - reach, y0 - reach, x1 - 1 + reach, y1 - 1 + reach


def _with_legend(drawn: Image.Image, counts: Counter[str], page: PageResult) -> Image.Image:
    """Return the picture below a band that tells the colours, and how many there are of each."""
    font_px = max(_LEAST_FONT_PX, round(min(drawn.size) * _FONT_SHARE))
    font = ImageFont.load_default(font_px)
    entries = [(level.label, level.color) for level in LEVELS]
    if counts["left out"]:
        entries.append(("left out", _LEFT_OUT))
    told = [("confidence:", None), *((f"{name}: {counts[name]}", color) for name, color in entries)]
    if page.turned_deg:
        told.append((f"turned by {page.turned_deg}° to be read", None))
    swatch, gap = font_px, font_px // 2
    places, x, row = [], gap, 0
    for text, color in told:
        width = round(font.getlength(text)) + (swatch + gap if color else 0)
        if x > gap and x + width + gap > drawn.width:
            x, row = gap, row + 1
        places.append((x, row))
        x += width + 2 * gap
    pitch = round(1.6 * font_px)
    band_px = (row + 1) * pitch + gap
    whole = Image.new("RGB", (drawn.width, drawn.height + band_px), "white")
    whole.paste(drawn, (0, band_px))
    pen = ImageDraw.Draw(whole)
    for (text, color), (left, number) in zip(told, places, strict=True):
        middle = gap // 2 + number * pitch + pitch // 2
        if color:
            top = middle - swatch // 2
            pen.rectangle((left, top, left + swatch, top + swatch), fill=color)
        text_left = left + (swatch + gap if color else 0)
        pen.text((text_left, middle), text, fill="black", font=font, anchor="lm")
    pen.line((0, band_px - 1, whole.width, band_px - 1), fill=_LINE)
    return whole
