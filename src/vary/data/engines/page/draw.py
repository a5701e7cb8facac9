"""A composed page as an image, with the box of every word."""

import io
import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from vary.data.engines.page.compose import ComposedPage, PlacedLine, PlacedWord, Rectangle
from vary.data.engines.page.typeset import OVERSAMPLE, Color, Typesetter
from vary.data.schema import EncodedImage, Word

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Ink:
    """A word in the oversampled grid: its origin, and the box of its ink."""

    word: PlacedWord
    origin: tuple[int, int]
    box: Box


def draw_page(page: ComposedPage, setter: Typesetter) -> tuple[Image.Image, list[Word]]:
    """Return the image of a page and its words in reading order.

    The image is grey (``L``) where page and text are, else ``RGB``. The boxes hold all ink.
    """
    image = Image.new("RGB", page.size, page.background)
    pen = ImageDraw.Draw(image)
    for rectangle in page.rectangles:
        pen.rectangle(_pixels(rectangle), fill=rectangle.color)
    words: list[Word] = []
    for line in page.lines():
        words += _draw_line(image, line, setter)
    return (image.convert("L") if _is_grey(page) else image), words


def encode_png(image: Image.Image, path: str) -> EncodedImage:
    """Return an image as PNG under a name."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), path, image.width, image.height)


def _draw_line(image: Image.Image, line: PlacedLine, setter: Typesetter) -> list[Word]:
    inks = [_ink(word, setter) for word in line.words]
    for color in dict.fromkeys(ink.word.style.color for ink in inks):
        _stamp(image, [ink for ink in inks if ink.word.style.color == color], color, setter)
    return [
        Word(0, ink.word.text, *_clip(_reduced(ink.box), image.size))
        for ink in inks
        if ink.box[0] < ink.box[2] and ink.box[1] < ink.box[3]
    ]


def _ink(word: PlacedWord, setter: Typesetter) -> _Ink:
    x, y = round(word.x * OVERSAMPLE), round(word.y * OVERSAMPLE)
    boxes = [
        setter.font(word.style).getbbox(text, anchor="ls") for text, _ in _glyph_runs(word, setter)
    ]
    shifts = [shift for _, shift in _glyph_runs(word, setter)]
    box = (
        x + math.floor(min(b[0] + s for b, s in zip(boxes, shifts, strict=True))),
        y + math.floor(min(b[1] for b in boxes)),
        x + math.ceil(max(b[2] + s for b, s in zip(boxes, shifts, strict=True))),
        y + math.ceil(max(b[3] for b in boxes)),
    )
    return _Ink(word, (x, y), box)


def _glyph_runs(word: PlacedWord, setter: Typesetter) -> list[tuple[str, int]]:
    """Return what is drawn in one go, and how far from the origin; letter-spaced text by letter."""
    if not word.style.tracking_px:
        return [(word.text, 0)]
    runs, shift = [], 0.0
    for character in word.text:
        runs.append((character, round(shift * OVERSAMPLE)))
        shift += setter.width(character, word.style)
    return runs


def _stamp(image: Image.Image, inks: list[_Ink], color: Color, setter: Typesetter) -> None:
    """Draw words of one colour, enlarged, and reduce them onto the page."""
    x0, y0, x1, y1 = _reduced(
        (
            min(ink.box[0] for ink in inks),
            min(ink.box[1] for ink in inks),
            max(ink.box[2] for ink in inks),
            max(ink.box[3] for ink in inks),
        )
    )
    if x0 >= x1 or y0 >= y1:
        return
    mask = Image.new("L", ((x1 - x0) * OVERSAMPLE, (y1 - y0) * OVERSAMPLE), 0)
    pen = ImageDraw.Draw(mask)
    for ink in inks:
        x, y = ink.origin[0] - x0 * OVERSAMPLE, ink.origin[1] - y0 * OVERSAMPLE
        for text, shift in _glyph_runs(ink.word, setter):
            pen.text((x + shift, y), text, fill=255, font=setter.font(ink.word.style), anchor="ls")
    image.paste(color, (x0, y0), mask.reduce(OVERSAMPLE))


def _reduced(box: Box) -> Box:
    """Return the pixels of the page that a box of the oversampled grid touches."""
    x0, y0, x1, y1 = box
    return x0 // OVERSAMPLE, y0 // OVERSAMPLE, -(-x1 // OVERSAMPLE), -(-y1 // OVERSAMPLE)


def _clip(box: Box, size: tuple[int, int]) -> Box:
    x0, y0, x1, y1 = box
    return max(0, x0), max(0, y0), min(size[0], x1), min(size[1], y1)


def _pixels(rectangle: Rectangle) -> Box:
    """Return a rectangle as Pillow wants it, its last row and column included."""
    x0, y0 = round(rectangle.x0), round(rectangle.y0)
    return x0, y0, max(x0, round(rectangle.x1) - 1), max(y0, round(rectangle.y1) - 1)


def _is_grey(page: ComposedPage) -> bool:
    colors = {page.background, *(rectangle.color for rectangle in page.rectangles)}
    colors |= {word.style.color for line in page.lines() for word in line.words}
    return all(red == green == blue for red, green, blue in colors)
