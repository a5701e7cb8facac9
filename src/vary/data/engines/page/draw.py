"""A composed page as an image, with the box of every word."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from vary.data.engines.page.glyphs import Bitmap, lay_on, merge
from vary.data.engines.page.placed import ComposedPage, PlacedWord, Rectangle
from vary.data.engines.page.png import png_bytes
from vary.data.engines.page.typeset import OVERSAMPLE, Color, TextStyle, Typesetter
from vary.data.schema import EncodedImage, Word

Box = tuple[int, int, int, int]


class _Ink(NamedTuple):
    """A drawn word at its place in the oversampled grid of the page: its ink and the box of it."""

    word: PlacedWord
    coverage: np.ndarray
    left: int
    top: int
    right: int
    bottom: int


class Brush:
    """Draws the words of one page; each word and style is drawn once and stamped again.

    Args:
        setter: where the fonts come from.
    """

    def __init__(self, setter: Typesetter) -> None:
        self.setter = setter
        self._drawn: dict[TextStyle, dict[str, Bitmap | None]] = {}
        # One style goes on for most of a page, and to look it up takes long.
        self._last: tuple[TextStyle, dict[str, Bitmap | None]] | None = None

    def ink(self, word: PlacedWord) -> _Ink | None:
        """Return a word's ink at its place; None where its glyphs are blank."""
        text, style, x, y, _ = word
        if self._last is None or self._last[0] is not style:
            self._last = style, self._drawn.setdefault(style, {})
        drawn = self._last[1]
        if text not in drawn:
            drawn[text] = self._draw(text, style)
        bitmap = drawn[text]
        if bitmap is None:
            return None
        coverage, left, top = bitmap
        left += round(x * OVERSAMPLE)
        top += round(y * OVERSAMPLE)
        height, width = coverage.shape
        return _Ink(word, coverage, left, top, left + width, top + height)

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
    is_grey = _is_grey(page)
    image = Image.new("L" if is_grey else "RGB", page.size, _tone(page.background, is_grey=is_grey))
    pen = ImageDraw.Draw(image)
    for rectangle in page.rectangles:
        pen.rectangle(_pixels(rectangle), fill=_tone(rectangle.color, is_grey=is_grey))
    brush = Brush(setter)
    words: list[Word] = []
    for role, line in page.lines_with_roles():
        inks = [ink for word in line.words if (ink := brush.ink(word)) is not None]
        for color in dict.fromkeys(ink.word.style.color for ink in inks):
            of_color = [ink for ink in inks if ink.word.style.color == color]
            _stamp(image, of_color, _tone(color, is_grey=is_grey))
        if role not in unread:
            words += [_word(ink, image.size) for ink in inks]
    return image, words


def encode_png(image: Image.Image, path: str, *, runs_only: bool = False) -> EncodedImage:
    """Return an image as PNG under a name, see `png_bytes`."""
    return EncodedImage(png_bytes(image, runs_only=runs_only), path, image.width, image.height)


def _stamp(image: Image.Image, inks: list[_Ink], color: Color | int) -> None:
    """Put words of one colour together, reduce them, and ink the page with them."""
    _, _, lefts, tops, rights, bottoms = zip(*inks, strict=True)
    x0, y0, x1, y1 = _reduced((min(lefts), min(tops), max(rights), max(bottoms)))
    canvas = np.zeros(((y1 - y0) * OVERSAMPLE, (x1 - x0) * OVERSAMPLE), np.uint8)
    left, top = x0 * OVERSAMPLE, y0 * OVERSAMPLE
    lay_on(canvas, ((ink.coverage, ink.left - left, ink.top - top) for ink in inks))
    image.paste(color, (x0, y0), Image.fromarray(canvas).reduce(OVERSAMPLE))


def _reduced(box: Box) -> Box:
    """Return the pixels of the page that a box of the oversampled grid touches."""
    x0, y0, x1, y1 = box
    return x0 // OVERSAMPLE, y0 // OVERSAMPLE, -(-x1 // OVERSAMPLE), -(-y1 // OVERSAMPLE)


def _word(ink: _Ink, size: tuple[int, int]) -> Word:
    """Return a word with the pixels of the page that its ink touches."""
    x0, y0, x1, y1 = _reduced(ink[2:])
    width, height = size
    # What lies within the page, and nearly all does, needs no limits: they take longest here.
    if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    return Word(0, ink.word.text, x0, y0, x1, y1)


def _tone(color: Color, *, is_grey: bool) -> Color | int:
    """Return a colour as images of the page's mode have it."""
    return color[0] if is_grey else color


def _pixels(rectangle: Rectangle) -> Box:
    """Return a rectangle as Pillow wants it, its last row and column included."""
    x0, y0 = round(rectangle.x0), round(rectangle.y0)
    return x0, y0, max(x0, round(rectangle.x1) - 1), max(y0, round(rectangle.y1) - 1)


def _is_grey(page: ComposedPage) -> bool:
    colors = {page.background, *(rectangle.color for rectangle in page.rectangles)}
    colors |= {word.style.color for line in page.lines() for word in line.words}
    return all(red == green == blue for red, green, blue in colors)
