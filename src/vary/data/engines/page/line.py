"""Single lines as strips: what the reader's cutting makes of real pages, made from text.

A line is put together from glyphs that are larger than they would be on a page, where hinting has
little say, reduced to the resolution that it would have there, degraded, and scaled to the strip's
height as the cutting does it.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from vary.data.engines.base import Reject
from vary.data.engines.page.breaking import NO_LINE_END, NO_LINE_START
from vary.data.engines.page.line_glyphs import (
    FaceGlyphs,
    GlyphShelf,
    PlacedInk,
    ink_canvas,
)
from vary.data.engines.page.line_text import LineTexts
from vary.data.engines.page.line_units import LineUnit, line_units, units_text
from vary.data.fonts import FontFace, FontLibrary
from vary.data.image_memory import image_over, pixels

# More than twice the usual text of a page, and about as large as its largest.
_DRAW_PX = 40
_REACH_TEXT = "bdfhklpqgyT"
_CJK_REACH_TEXT = "不大中"  # which every Chinese face has
# Strokes are made thicker or thinner by so many pixels of the drawing: 1/72 of the em.
_THICKEN_PX = 0.55
_LOG_USUAL_EM_PX = float(np.log(17.0))
_COVERAGES = np.arange(256) / 255
_KERNELS = (Image.Resampling.BOX, Image.Resampling.HAMMING, Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class LineConfig:
    """How lines vary; shares are chances between 0 and 1.

    Args:
        height_px: height of a strip.
        text_share: share of the strip's height from ascender to descender.
        text_jitter: standard deviation of the logarithm of that share.
        em_px: smallest and largest size of the text on its page.
        second_face: a part of the line in another face.
        justified: wide spaces.
        spaced: letters set apart.
        raised: a small raised or lowered number behind a word.
        neighbours: remains of the lines above and below.
        ruled: a rule under the text.
        degraded: noise, blur or JPEG traces.
    """

    height_px: int = 48
    text_share: float = 0.667
    text_jitter: float = 0.09
    em_px: tuple[float, float] = (9.0, 44.0)
    second_face: float = 0.15
    justified: float = 0.35
    spaced: float = 0.05
    raised: float = 0.04
    neighbours: float = 0.25
    ruled: float = 0.03
    degraded: float = 0.5


@dataclass(frozen=True)
class LineImage:
    """A drawn line.

    Args:
        strip: (height_px, W) uint8, dark text on white.
        text: what stands on it.
        words: each word with its left and right edge in pixels of the strip.
        faces: the faces that its words are set in, in order of their first word.
        sources: the files that its text was taken from; empty where none was, or it was given.
    """

    strip: np.ndarray
    text: str
    words: tuple[tuple[str, float, float], ...]
    faces: tuple[FontFace, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all words end on the strip: a single one that is wider is cut off."""
        return self.words[-1][2] <= self.strip.shape[1]


@dataclass(frozen=True)
class _Look:
    """How the words of a line are set, in pixels of the large drawing.

    Args:
        space: between words.
        tracking: between letters.
        cjk_tracking: between Chinese characters.
        cjk_beside_latin: between Chinese characters and other words.
        squeeze: share of its width that Chinese punctuation loses before other punctuation.
        wide: digits and letters take a Chinese character's width.
    """

    space: float
    tracking: float = 0.0
    cjk_tracking: float = 0.0
    cjk_beside_latin: float = 0.0
    squeeze: float = 0.0
    wide: bool = False


@dataclass(frozen=True)
class _Dress:
    """The faces of a line: of all words, of some in a row, of Latin words on Chinese lines."""

    main: FontFace
    second: FontFace
    start: int
    stop: int
    latin: FontFace

    def face(self, number: int, unit: LineUnit) -> FontFace:
        if self.start <= number < self.stop:
            return self.second
        return self.latin if self.latin is not self.main and unit.is_latin else self.main

    def faces(self, units: Sequence[LineUnit]) -> tuple[FontFace, ...]:
        """Return the faces of some units, in order of their first one."""
        used = {id(face): face for face in map(self.face, range(len(units)), units)}
        return tuple(dict.fromkeys(used.values()))


class LineRenderer:
    """Draws lines of text as strips.

    Args:
        texts: what to draw.
        fonts: what to draw with.
        config: how the lines vary.

    Raises:
        InputError: the texts are Chinese and no font is.
    """

    def __init__(
        self, texts: LineTexts, fonts: FontLibrary, config: LineConfig | None = None
    ) -> None:
        self.texts = texts
        self.fonts = fonts
        self.config = config or LineConfig()
        self._main_fonts = texts.fonts_for(fonts)
        self._shelf = GlyphShelf(fonts)
        low, high = np.log(self.config.em_px)
        self._log_em_px = float(low), float(high)

    def draw(self, rng: np.random.Generator, max_width_px: int) -> LineImage:
        """Return a line that is at most `max_width_px` wide, most of the time nearly so.

        A single word that is wider is cut off; `draw_whole` gives no such line.

        Raises:
            Reject: no font has the glyphs of the drawn text, or none of it is in the alphabet.
        """
        share = self.config.text_share * float(np.exp(rng.normal(0, self.config.text_jitter)))
        fill = 1.0 if rng.random() < 0.7 else float(rng.uniform(0.1, 1.0))
        width = self.config.height_px * share * self.texts.char_width
        num_chars = int(fill * max_width_px / width)
        text, sources = self.texts.draw_with_sources(rng, max(1, num_chars))
        face = self._main_fonts.pick(rng, _drawn_by_main(text))
        return replace(self.render(text, face, rng, max_width_px, share), sources=sources)

    def draw_whole(self, rng: np.random.Generator, max_width_px: int, tries: int = 1) -> LineImage:
        """Return a line of which nothing is cut off: its text stands on the strip, all of it.

        Args:
            rng: where all variation comes from; a further try goes on with it.
            max_width_px: the strip's greatest width.
            tries: how often a line may be drawn.

        Raises:
            Reject: none of the tries gave such a line; the reason is the last one's.
        """
        last = Reject("a word is wider than the strip", f"{max_width_px} px")
        for _ in range(tries):
            try:
                line = self.draw(rng, max_width_px)
            except Reject as reject:
                last = reject
                continue
            if line.is_whole:
                return line
            last = Reject("a word is wider than the strip", f"{max_width_px} px: {line.text[:80]}")
        raise last

    def render(
        self,
        text: str,
        face: FontFace,
        rng: np.random.Generator,
        max_width_px: int,
        share: float | None = None,
    ) -> LineImage:
        """Return a given text in a given face; words that do not fit on the strip are left out.

        Args:
            text: words with single spaces between.
            face: the main face.
            rng: where all variation comes from.
            max_width_px: the strip's greatest width.
            share: share of the strip's height that the text takes; None for the configuration's.
        """
        config = self.config
        self._shelf.tidy()
        units = line_units(text)
        has_cjk = not text.isascii() and any(unit.is_cjk for unit in units)
        main = self._shelf.face(face, _DRAW_PX)
        top, bottom = self._reach(main, text, rng, has_cjk=has_cjk)
        canvas_height = (bottom - top) / (share or config.text_share)
        limit = max_width_px * canvas_height / config.height_px
        margin = canvas_height * float(rng.uniform(0.1, 0.4))
        dress = self._dress(units, face, rng, has_cjk=has_cjk)
        look = self._look(main, rng, has_cjk=has_cjk)
        placed, words = self._set(units, dress, look, (margin, limit), rng)
        width = min(words[-1][2] + canvas_height * float(rng.uniform(0.1, 0.4)), limit)
        baseline = canvas_height / 2 - (top + bottom) / 2
        baseline += canvas_height * float(rng.normal(0, 0.035))
        # Pages are turned a little; on a line that is a slope that no letter shows by itself.
        turned = rng.random() < 0.6
        slope = math.tan(math.radians(float(rng.normal(0, 0.25)))) if turned else 0.0
        canvas = np.zeros((round(canvas_height), max(8, round(width))), np.uint8)
        ink_canvas(canvas, placed, baseline, slope, blank=True)
        if rng.random() < config.neighbours:
            self._draw_neighbours(canvas, main, baseline, ((top, bottom), slope), rng)
        if rng.random() < config.ruled:
            _draw_rule(canvas, baseline, slope, rng)
        strip = self._to_strip(_thicken(canvas, rng), rng, max_width_px)
        scale = strip.shape[1] / canvas.shape[1]
        on_strip = tuple((word, x0 * scale, x1 * scale) for word, x0, x1 in words)
        units = units[: len(words)]
        return LineImage(strip, units_text(units), on_strip, dress.faces(units))

    def _reach(
        self, glyphs: FaceGlyphs, text: str, rng: np.random.Generator, *, has_cjk: bool
    ) -> tuple[float, float]:
        """Return top and bottom of the line against its baseline, as the cutting would see them."""
        top, bottom = glyphs.usual_reach(_CJK_REACH_TEXT if has_cjk else _REACH_TEXT)
        if rng.random() < (0.6 if has_cjk else 0.3):
            own = glyphs.reach(text)
            if own[1] - own[0] > (0.8 if has_cjk else 0.62) * (bottom - top):
                return own
        return top, max(bottom, top + 1)

    def _look(self, glyphs: FaceGlyphs, rng: np.random.Generator, *, has_cjk: bool) -> _Look:
        config = self.config
        space = max(glyphs.advance(" ") or _DRAW_PX / 4, 0.16 * _DRAW_PX)
        is_justified = rng.random() < config.justified
        if is_justified:
            space *= float(rng.uniform(0.75, 3.2 if rng.random() < 0.3 else 1.8))
        tracking = 0.0
        if rng.random() < config.spaced:
            tracking = float(rng.uniform(-0.03, 0.22)) * _DRAW_PX
            space += max(tracking, 0.0) * 1.5
        if not has_cjk:
            return _Look(space, tracking)
        apart = float(rng.uniform(-0.03, 0.16)) * _DRAW_PX if is_justified else 0.0
        return _Look(
            space,
            tracking,
            apart + 2 * tracking,
            0.0 if rng.random() < 0.4 else float(rng.uniform(0.08, 0.3)) * _DRAW_PX,
            0.0 if rng.random() < 0.4 else float(rng.uniform(0.2, 0.5)),
            bool(rng.random() < 0.04),
        )

    def _dress(
        self, units: Sequence[LineUnit], face: FontFace, rng: np.random.Generator, *, has_cjk: bool
    ) -> _Dress:
        """Return the faces of a line; Chinese lines often have their Latin words in another."""
        second, start, stop = self._second_face(units, face, rng)
        latin = face
        if has_cjk:
            others = "".join(unit.text for unit in units if unit.is_latin)
            if others and (rng.random() < 0.6 or self.fonts.missing(face, others)):
                latin = self.fonts.pick(rng, others)
        return _Dress(face, second, start, stop, latin)

    def _second_face(
        self, units: Sequence[LineUnit], face: FontFace, rng: np.random.Generator
    ) -> tuple[FontFace, int, int]:
        if rng.random() >= self.config.second_face:
            return face, 0, 0
        start = int(rng.integers(len(units)))
        stop = start + int(rng.integers(1, 6))
        text = "".join(unit.text for unit in units[start:stop])
        if rng.random() < 0.6:
            family = self.fonts.families[face.family]
            other = family[rng.integers(len(family))]
        else:
            has_cjk = any(unit.is_cjk for unit in units[start:stop])
            other = (self._main_fonts if has_cjk else self.fonts).pick(rng, text)
        if self.fonts.missing(other, text):
            return face, 0, 0
        return other, start, stop

    def _set(
        self,
        units: Sequence[LineUnit],
        dress: _Dress,
        look: _Look,
        extent: tuple[float, float],
        rng: np.random.Generator,
    ) -> tuple[list[PlacedInk], list[tuple[str, float, float]]]:
        """Set words from left to right until the limit; the first one always stays."""
        x, limit = extent
        placed: list[PlacedInk] = []
        words: list[tuple[str, float, float]] = []
        before: LineUnit | None = None
        faces = {id(face): face for face in (dress.main, dress.latin, dress.second)}
        shelf = {key: self._shelf.face(face, _DRAW_PX) for key, face in faces.items()}
        for number, unit in enumerate(units):
            face = dress.face(number, unit)
            if before is not None:
                x += _gap(before, unit, look)
            raised = rng.random() < self.config.raised if unit.text[-1].isdigit() else False
            if raised and len(unit.text) > 2:
                inks, end = self._raise_last(unit.text, face, x)
            elif look.wide and unit.text.isalnum() and unit.text.isascii():
                inks, end = self._set_wide(unit.text, face, x)
            else:
                inks, end = shelf[id(face)].place(unit.text, x, look.tracking)
            if end > limit - 0.05 * _DRAW_PX and words:
                break
            placed += inks
            words.append((unit.text, x, end))
            x = end
            before = unit
        return placed, words

    def _raise_last(self, word: str, face: FontFace, x: float) -> tuple[list[PlacedInk], float]:
        """Return a word whose last character is the mark of a note."""
        body, end = self._shelf.face(face, _DRAW_PX).place(word[:-1], x)
        mark, end = self._shelf.face(face, 0.66 * _DRAW_PX).place(word[-1], end)
        rise = round(0.33 * _DRAW_PX)
        return [*body, *((ink, left, top - rise) for ink, left, top in mark)], end

    def _set_wide(self, word: str, face: FontFace, x: float) -> tuple[list[PlacedInk], float]:
        """Return a word in characters as wide as Chinese ones, where the face has them."""
        wide = "".join(chr(ord(character) + 0xFEE0) for character in word)
        shown = word if self.fonts.missing(face, wide) else wide
        return self._shelf.face(face, _DRAW_PX).place(shown, x)

    def _draw_neighbours(
        self,
        canvas: np.ndarray,
        glyphs: FaceGlyphs,
        baseline: float,
        reach: tuple[tuple[float, float], float],
        rng: np.random.Generator,
    ) -> None:
        """Ink what the lines above and below show of themselves."""
        (top, bottom), slope = reach
        pitch = (bottom - top) * float(rng.uniform(1.12, 1.5))
        width = _DRAW_PX * self.texts.char_width
        for direction in (-1, 1):
            if rng.random() < 0.7:
                text = self.texts.running(rng, 2 + int(canvas.shape[1] / width))
                start = float(rng.uniform(-0.6, 0.6)) * _DRAW_PX
                middle = baseline + direction * pitch
                spare = abs(slope) * canvas.shape[1] / 2
                if middle + bottom + spare > 0 and middle + top - spare < canvas.shape[0]:
                    ink_canvas(canvas, glyphs.place(text, start)[0], middle, slope)

    def _to_strip(
        self, canvas: np.ndarray, rng: np.random.Generator, max_width_px: int
    ) -> np.ndarray:
        """Take the coverage to the page's resolution, degrade it, and scale it to the strip."""
        config = self.config
        low, high = self._log_em_px
        middle = min(max(rng.normal(_LOG_USUAL_EM_PX, 0.38), low), high)
        reduction = np.exp(middle) / _DRAW_PX
        tall, wide = canvas.shape
        size = (max(4, round(wide * reduction)), max(4, round(tall * reduction)))
        kernel = _KERNELS[rng.integers(3)]
        # Reducing by a whole number first is cheaper; behind it a box would take or leave pixels.
        gap = None if kernel == Image.Resampling.BOX else 1.1
        page = image_over(canvas).resize(size, kernel, reducing_gap=gap)
        grey = image_over(_ink_table(rng).take(pixels(page.im)))
        if rng.random() < config.degraded:
            grey = _degrade(grey, rng)
        width = max(8, round(wide * config.height_px / tall))
        width = min(width, max_width_px)  # rounding may have added a pixel
        scaled = grey.resize((width, config.height_px), Image.Resampling.BICUBIC)
        return pixels(scaled.im)


def _drawn_by_main(text: str) -> str:
    """Return what a line's main face has to have: Latin words on Chinese lines may have another."""
    if text.isascii():
        return text
    units = line_units(text)
    if not any(unit.is_cjk for unit in units):
        return text
    return "".join(unit.text for unit in units if not unit.is_latin)


def _gap(before: LineUnit, unit: LineUnit, look: _Look) -> float:
    """Return what stands between two units, px of the large drawing."""
    if unit.space:
        return look.space
    if before.is_cjk and unit.is_cjk:
        closes = before.text in NO_LINE_START and unit.text in (NO_LINE_START | NO_LINE_END)
        opens = before.text in NO_LINE_END and unit.text in NO_LINE_END
        return look.cjk_tracking - (look.squeeze * _DRAW_PX if closes or opens else 0.0)
    is_sign = unit.text in NO_LINE_START or before.text in NO_LINE_END or not unit.text[0].isalnum()
    return look.cjk_tracking if is_sign else max(look.cjk_tracking, look.cjk_beside_latin)


def _draw_rule(canvas: np.ndarray, baseline: float, slope: float, rng: np.random.Generator) -> None:
    """Draw a rule under the text."""
    height, width = canvas.shape
    y = baseline + _DRAW_PX * float(rng.uniform(0.08, 0.2))
    left = width * float(rng.uniform(0, 0.5))
    columns = np.arange(int(left), min(width, int(left + width * float(rng.uniform(0.2, 1.0)))))
    thickness = float(rng.uniform(0.028, 0.07)) * _DRAW_PX
    rows = np.round(y + slope * (columns - width / 2)).astype(np.intp)
    for part in range(max(1, round(thickness))):
        inside = (rows + part >= 0) & (rows + part < height)
        canvas[rows[inside] + part, columns[inside]] = 255


def _ink_table(rng: np.random.Generator) -> np.ndarray:
    """Return the grey value of each coverage, (256,) uint8: ink, paper and gamma by lot."""
    gamma = float(np.exp(rng.normal(0, 0.25)))
    ink = float(rng.uniform(0, 30) if rng.random() < 0.7 else rng.uniform(30, 140))
    paper = float(255 if rng.random() < 0.7 else rng.uniform(225, 255))
    return (paper + (ink - paper) * _COVERAGES**gamma).astype(np.uint8)


def _thicken(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return strokes a little thicker or thinner, as other rasterisers and printers make them."""
    chance = rng.random()
    if chance < 0.18:
        extreme = _extremes(canvas, np.maximum if chance < 0.12 else np.minimum)
        share = np.float32(_THICKEN_PX)
        return (canvas * (1 - share) + extreme * share).astype(np.uint8)
    return canvas


def _extremes(pixels: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """Return the greatest or least of each pixel's 3 x 3, as Pillow's rank filters do, but soon."""
    rows = pixels.copy()
    choose(rows[1:], pixels[:-1], out=rows[1:])
    choose(rows[:-1], pixels[1:], out=rows[:-1])
    whole = rows.copy()
    choose(whole[:, 1:], rows[:, :-1], out=whole[:, 1:])
    choose(whole[:, :-1], rows[:, 1:], out=whole[:, :-1])
    return whole


def _degrade(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a grey image with the traces of one or two of blur, noise and JPEG."""
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.75))))
    if rng.random() < 0.4:
        noisy = rng.standard_normal((image.height, image.width), np.float32)
        noisy *= np.float32(rng.uniform(1, 14))
        noisy += pixels(image.im)
        np.minimum(np.maximum(noisy, 0, out=noisy), 255, out=noisy)
        image = image_over(noisy.astype(np.uint8))
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(30, 95)))
        image = Image.open(buffer, formats=("JPEG",))
    return image
