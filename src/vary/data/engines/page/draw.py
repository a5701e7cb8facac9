"""A composed page as an image, with the box of every word."""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass

from PIL import Image, ImageDraw

from vary.data.engines.page.placed import ComposedPage, PlacedWord, Rectangle
from vary.data.engines.page.typeset import OVERSAMPLE, Color, TextStyle, Typesetter
from vary.data.schema import EncodedImage, Word

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Glyphs:
    """A drawn word: its coverage, enlarged and cut to the ink, and where it lies to the origin."""

    coverage: Image.Image
    left: int
    top: int


@dataclass(frozen=True)
class _Ink:
    """A drawn word at its place in the oversampled grid of the page."""

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


class Brush:
    """Draws the words of one page; each word and style is drawn once and stamped again.

    Args:
        setter: where the fonts come from.
    """

    def __init__(self, setter: Typesetter) -> None:
        self.setter = setter
        self._drawn: dict[tuple[str, TextStyle], _Glyphs | None] = {}

    def ink(self, word: PlacedWord) -> _Ink | None:
        """Return a word's ink at its place; None where its glyphs are blank."""
        key = (word.text, word.style)
        if key not in self._drawn:
            self._drawn[key] = self._draw(word.text, word.style)
        glyphs = self._drawn[key]
        if glyphs is None:
            return None
        left = round(word.x * OVERSAMPLE) + glyphs.left
        top = round(word.y * OVERSAMPLE) + glyphs.top
        return _Ink(word, glyphs.coverage, left, top)

    def _draw(self, text: str, style: TextStyle) -> _Glyphs | None:
        font = self.setter.font(style)
        runs = self._runs(text, style)
        boxes = [font.getbbox(part, anchor="ls") for part, _ in runs]
        # One more on each side: hinting may put ink a little beside the box that is announced.
        x0 = math.floor(min(b[0] + shift for b, (_, shift) in zip(boxes, runs, strict=True))) - 1
        x1 = math.ceil(max(b[2] + shift for b, (_, shift) in zip(boxes, runs, strict=True))) + 1
        y0 = math.floor(min(box[1] for box in boxes)) - 1
        y1 = math.ceil(max(box[3] for box in boxes)) + 1
        coverage = Image.new("L", (x1 - x0, y1 - y0), 0)
        pen = ImageDraw.Draw(coverage)
        for part, shift in runs:
            pen.text((shift - x0, -y0), part, fill=255, font=font, anchor="ls")
        # What is announced holds the space beside the letters too: cut to the ink itself.
        ink = coverage.getbbox()
        if ink is None:
            return None
        return _Glyphs(coverage.crop(ink), x0 + ink[0], y0 + ink[1])

    def _runs(self, text: str, style: TextStyle) -> list[tuple[str, int]]:
        """Return what is drawn in one go, and how far from the origin: letters, if spaced."""
        if not style.tracking_px:
            return [(text, 0)]
        runs, shift = [], 0.0
        for character in text:
            runs.append((character, round(shift * OVERSAMPLE)))
            shift += self.setter.width(character, style)
        return runs


def draw_page(
    page: ComposedPage, setter: Typesetter, unread: Collection[str] = ()
) -> tuple[Image.Image, list[Word]]:
    """Return the image of a page and its words in reading order, those of some roles left out.

    The image is grey (``L``) where page and text are, else ``RGB``. The boxes hold all ink.
    """
    image = Image.new("RGB", page.size, page.background)
    pen = ImageDraw.Draw(image)
    for rectangle in page.rectangles:
        pen.rectangle(_pixels(rectangle), fill=rectangle.color)
    brush = Brush(setter)
    words: list[Word] = []
    for role, line in page.lines_with_roles():
        inks = [ink for word in line.words if (ink := brush.ink(word)) is not None]
        for color in dict.fromkeys(ink.word.style.color for ink in inks):
            _stamp(image, [ink for ink in inks if ink.word.style.color == color], color)
        if role in unread:
            continue
        boxes = (_clip(_reduced(ink.box), image.size) for ink in inks)
        words += [Word(0, ink.word.text, *box) for ink, box in zip(inks, boxes, strict=True)]
    return (image.convert("L") if _is_grey(page) else image), words


def encode_png(image: Image.Image, path: str) -> EncodedImage:
    """Return an image as PNG under a name."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), path, image.width, image.height)


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
