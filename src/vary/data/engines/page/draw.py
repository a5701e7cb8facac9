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
    """A drawn word in the oversampled grid: its coverage, cut to the ink, and its place."""

    word: PlacedWord
    coverage: Image.Image
    left: int
    top: int

    @property
    def box(self) -> Box:
        """The box of the ink, in the oversampled grid."""
        return (
            self.left,
            self.top,
            self.left + self.coverage.width,
            self.top + self.coverage.height,
        )


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
    inks = [ink for word in line.words if (ink := _draw_word(word, setter)) is not None]
    for color in dict.fromkeys(ink.word.style.color for ink in inks):
        _stamp(image, [ink for ink in inks if ink.word.style.color == color], color)
    return [Word(0, ink.word.text, *_clip(_reduced(ink.box), image.size)) for ink in inks]


def _draw_word(word: PlacedWord, setter: Typesetter) -> _Ink | None:
    """Return a word's ink; None where its glyphs are blank."""
    font = setter.font(word.style)
    runs = _glyph_runs(word, setter)
    boxes = [font.getbbox(text, anchor="ls") for text, _ in runs]
    # One more on each side: hinting may put ink a little beside the box that is announced.
    x0 = math.floor(min(box[0] + shift for box, (_, shift) in zip(boxes, runs, strict=True))) - 1
    x1 = math.ceil(max(box[2] + shift for box, (_, shift) in zip(boxes, runs, strict=True))) + 1
    y0 = math.floor(min(box[1] for box in boxes)) - 1
    y1 = math.ceil(max(box[3] for box in boxes)) + 1
    coverage = Image.new("L", (x1 - x0, y1 - y0), 0)
    pen = ImageDraw.Draw(coverage)
    for text, shift in runs:
        pen.text((shift - x0, -y0), text, fill=255, font=font, anchor="ls")
    # What is announced holds the space beside the letters too: cut to the ink itself.
    ink = coverage.getbbox()
    if ink is None:
        return None
    left = round(word.x * OVERSAMPLE) + x0 + ink[0]
    top = round(word.y * OVERSAMPLE) + y0 + ink[1]
    return _Ink(word, coverage.crop(ink), left, top)


def _glyph_runs(word: PlacedWord, setter: Typesetter) -> list[tuple[str, int]]:
    """Return what is drawn in one go, and how far from the origin; letter-spaced text by letter."""
    if not word.style.tracking_px:
        return [(word.text, 0)]
    runs, shift = [], 0.0
    for character in word.text:
        runs.append((character, round(shift * OVERSAMPLE)))
        shift += setter.width(character, word.style)
    return runs


def _stamp(image: Image.Image, inks: list[_Ink], color: Color) -> None:
    """Put words of one colour together, reduce them, and ink the page with them."""
    boxes = [ink.box for ink in inks]
    x0, y0, x1, y1 = _reduced(
        (
            min(box[0] for box in boxes),
            min(box[1] for box in boxes),
            max(box[2] for box in boxes),
            max(box[3] for box in boxes),
        )
    )
    coverage = Image.new("L", ((x1 - x0) * OVERSAMPLE, (y1 - y0) * OVERSAMPLE), 0)
    for ink in inks:
        place = (ink.left - x0 * OVERSAMPLE, ink.top - y0 * OVERSAMPLE)
        coverage.paste(255, place, ink.coverage)
    image.paste(color, (x0, y0), coverage.reduce(OVERSAMPLE))


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
