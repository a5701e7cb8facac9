"""A composed page as an image, with the box of every word."""

import io
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from vary.data.engines.page.glyphs import Bitmap, lay_on, merge
from vary.data.engines.page.placed import ComposedPage, PlacedWord, Rectangle
from vary.data.engines.page.typeset import OVERSAMPLE, Color, TextStyle, Typesetter
from vary.data.schema import EncodedImage, Word

Box = tuple[int, int, int, int]

# Of zlib: takes half as long as the default of 6, and drawn pages come out no larger.
PNG_LEVEL = 3


@dataclass(frozen=True)
class _Ink:
    """A drawn word at its place in the oversampled grid of the page."""

    word: PlacedWord
    coverage: np.ndarray
    left: int
    top: int

    @property
    def box(self) -> Box:
        """The box of the ink, in the oversampled grid."""
        return (
            self.left,
            self.top,
            self.left + self.coverage.shape[1],
            self.top + self.coverage.shape[0],
        )


class Brush:
    """Draws the words of one page; each word and style is drawn once and stamped again.

    Args:
        setter: where the fonts come from.
    """

    def __init__(self, setter: Typesetter) -> None:
        self.setter = setter
        self._drawn: dict[tuple[str, TextStyle], Bitmap | None] = {}

    def ink(self, word: PlacedWord) -> _Ink | None:
        """Return a word's ink at its place; None where its glyphs are blank."""
        key = (word.text, word.style)
        if key not in self._drawn:
            self._drawn[key] = self._draw(word.text, word.style)
        bitmap = self._drawn[key]
        if bitmap is None:
            return None
        coverage, left, top = bitmap
        x, y = round(word.x * OVERSAMPLE), round(word.y * OVERSAMPLE)
        return _Ink(word, coverage, x + left, y + top)

    def _draw(self, text: str, style: TextStyle) -> Bitmap | None:
        glyphs = self.setter.glyphs(style)
        if not style.tracking_px:
            return glyphs.word(text)
        letters, shift = [], 0.0
        for character in text:
            bitmap = glyphs.letter(character)
            if bitmap is not None:
                letters.append((bitmap[0], bitmap[1] + round(shift * OVERSAMPLE), bitmap[2]))
            shift += self.setter.width(character, style)
        return merge(letters)


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
    image.save(buffer, format="PNG", compress_level=PNG_LEVEL)
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
    canvas = np.zeros(((y1 - y0) * OVERSAMPLE, (x1 - x0) * OVERSAMPLE), np.uint8)
    left, top = x0 * OVERSAMPLE, y0 * OVERSAMPLE
    lay_on(canvas, ((ink.coverage, ink.left - left, ink.top - top) for ink in inks))
    image.paste(color, (x0, y0), Image.fromarray(canvas).reduce(OVERSAMPLE))


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
