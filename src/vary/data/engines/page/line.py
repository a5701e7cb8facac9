"""Single lines as strips: what the reader's cutting makes of real pages, made from text.

A line is drawn large, without the effect of hinting, reduced to the resolution that it would have
on a page, degraded, and scaled to the strip's height as the cutting does it.
"""

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from vary.data.engines.base import Reject
from vary.data.engines.page.line_text import LineTexts
from vary.data.fonts import FontFace, FontLibrary

_DRAW_PX = 72
_REACH_TEXT = "bdfhklpqgyT"


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
class _Piece:
    """A word or letter with its face, its place and its size, in pixels of the large drawing."""

    text: str
    face: FontFace
    size_px: float
    x: float
    rise: float


class LineRenderer:
    """Draws lines of text as strips.

    Args:
        texts: what to draw.
        fonts: what to draw with.
        config: how the lines vary.
    """

    def __init__(
        self, texts: LineTexts, fonts: FontLibrary, config: LineConfig | None = None
    ) -> None:
        self.texts = texts
        self.fonts = fonts
        self.config = config or LineConfig()

    def draw(self, rng: np.random.Generator, max_width_px: int) -> LineImage:
        """Return a line that is at most `max_width_px` wide, most of the time nearly so.

        A single word that is wider is cut off; `draw_whole` gives no such line.

        Raises:
            Reject: no font has the glyphs of the drawn text, or none of it is in the alphabet.
        """
        share = self.config.text_share * float(np.exp(rng.normal(0, self.config.text_jitter)))
        fill = 1.0 if rng.random() < 0.7 else float(rng.uniform(0.1, 1.0))
        # Letters are about half as wide as the text is high from ascender to descender.
        num_chars = int(fill * max_width_px / (self.config.height_px * share * 0.46))
        text, sources = self.texts.draw_with_sources(rng, max(1, num_chars))
        face = self.fonts.pick(rng, text)
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
        share = share or config.text_share
        top, bottom = self._reach(face, text, rng)
        canvas_height = (bottom - top) / share
        limit = max_width_px * canvas_height / config.height_px
        margin = canvas_height * float(rng.uniform(0.1, 0.4))
        pieces, words = self._set(text.split(" "), face, margin, limit, rng)
        width = min(words[-1][2] + canvas_height * float(rng.uniform(0.1, 0.4)), limit)
        baseline = canvas_height / 2 - (top + bottom) / 2
        baseline += canvas_height * float(rng.normal(0, 0.035))
        large = Image.new("L", (max(8, round(width)), round(canvas_height)), 0)
        self._draw_pieces(large, pieces, baseline)
        if rng.random() < config.neighbours:
            self._draw_neighbours(large, face, baseline, bottom - top, rng)
        if rng.random() < config.ruled:
            self._draw_rule(large, baseline, rng)
        strip = self._to_strip(_thicken(large, rng), rng, max_width_px)
        scale = strip.shape[1] / large.width
        placed = tuple((word, x0 * scale, x1 * scale) for word, x0, x1 in words)
        faces = tuple(dict.fromkeys(piece.face for piece in pieces))
        return LineImage(strip, " ".join(word for word, _, _ in words), placed, faces)

    def _reach(self, face: FontFace, text: str, rng: np.random.Generator) -> tuple[float, float]:
        """Return top and bottom of the line against its baseline, as the cutting would see them."""
        font = self.fonts.load(face, _DRAW_PX)
        box = font.getbbox(_REACH_TEXT, anchor="ls")
        top, bottom = float(box[1]), float(box[3])
        if rng.random() < 0.3:
            own = font.getbbox(text, anchor="ls")
            if own[3] - own[1] > 0.62 * (bottom - top):
                return float(own[1]), float(own[3])
        return top, bottom

    def _set(
        self,
        words: list[str],
        face: FontFace,
        left: float,
        limit: float,
        rng: np.random.Generator,
    ) -> tuple[list[_Piece], list[tuple[str, float, float]]]:
        """Set words from left to right until the limit; the first one always stays."""
        config = self.config
        space = self.fonts.load(face, _DRAW_PX).getlength(" ") or _DRAW_PX / 4
        space = max(space, 0.16 * _DRAW_PX)
        if rng.random() < config.justified:
            space *= float(rng.uniform(0.75, 3.2 if rng.random() < 0.3 else 1.8))
        tracking = 0.0
        if rng.random() < config.spaced:
            tracking = float(rng.uniform(-0.03, 0.22)) * _DRAW_PX
            space += max(tracking, 0.0) * 1.5
        second, start, stop = self._second_face(words, face, rng)
        pieces: list[_Piece] = []
        placed: list[tuple[str, float, float]] = []
        x = left
        for number, word in enumerate(words):
            drawn_in = second if start <= number < stop else face
            raised = rng.random() < config.raised and len(word) > 2 and word[-1].isdigit()
            word_pieces, end = self._set_word(word, drawn_in, x, tracking, raised)
            if end > limit - 0.05 * _DRAW_PX and placed:
                break
            pieces.extend(word_pieces)
            placed.append((word, x, end))
            x = end + space
        return pieces, placed

    def _second_face(
        self, words: list[str], face: FontFace, rng: np.random.Generator
    ) -> tuple[FontFace, int, int]:
        if rng.random() >= self.config.second_face:
            return face, 0, 0
        start = int(rng.integers(len(words)))
        stop = start + int(rng.integers(1, 6))
        if rng.random() < 0.6:
            family = self.fonts.families[face.family]
            other = family[rng.integers(len(family))]
        else:
            other = self.fonts.pick(rng, "".join(words[start:stop]))
        if self.fonts.missing(other, "".join(words[start:stop])):
            return face, 0, 0
        return other, start, stop

    def _set_word(
        self, word: str, face: FontFace, x: float, tracking: float, raised: bool
    ) -> tuple[list[_Piece], float]:
        """Return a word's pieces and where it ends."""
        font = self.fonts.load(face, _DRAW_PX)
        if raised:
            body, mark = word[:-1], word[-1]
            small = 0.66 * _DRAW_PX
            end = x + font.getlength(body)
            pieces = [
                _Piece(body, face, _DRAW_PX, x, 0.0),
                _Piece(mark, face, small, end, 0.33 * _DRAW_PX),
            ]
            return pieces, end + self.fonts.load(face, small).getlength(mark)
        if not tracking:
            return [_Piece(word, face, _DRAW_PX, x, 0.0)], x + font.getlength(word)
        pieces = []
        for letter in word:
            pieces.append(_Piece(letter, face, _DRAW_PX, x, 0.0))
            x += font.getlength(letter) + tracking
        return pieces, x - tracking

    def _draw_pieces(self, image: Image.Image, pieces: list[_Piece], baseline: float) -> None:
        draw = ImageDraw.Draw(image)
        for piece in pieces:
            font = self.fonts.load(piece.face, piece.size_px)
            place = (piece.x, baseline - piece.rise)
            draw.text(place, piece.text, fill=255, font=font, anchor="ls")

    def _draw_neighbours(
        self,
        image: Image.Image,
        face: FontFace,
        baseline: float,
        reach: float,
        rng: np.random.Generator,
    ) -> None:
        draw = ImageDraw.Draw(image)
        font = self.fonts.load(face, _DRAW_PX)
        pitch = reach * float(rng.uniform(1.12, 1.5))
        for direction in (-1, 1):
            if rng.random() < 0.7:
                text = self.texts.running(rng, 20 + image.width // 30)
                place = (float(rng.uniform(-40, 40)), baseline + direction * pitch)
                draw.text(place, text, fill=255, font=font, anchor="ls")

    def _draw_rule(self, image: Image.Image, baseline: float, rng: np.random.Generator) -> None:
        draw = ImageDraw.Draw(image)
        y = baseline + _DRAW_PX * float(rng.uniform(0.08, 0.2))
        left = image.width * float(rng.uniform(0, 0.5))
        right = left + image.width * float(rng.uniform(0.2, 1.0))
        draw.line((left, y, right, y), fill=255, width=int(rng.integers(2, 6)))

    def _to_strip(
        self, large: Image.Image, rng: np.random.Generator, max_width_px: int
    ) -> np.ndarray:
        """Take the coverage to the page's resolution, degrade it, and scale it to the strip."""
        config = self.config
        low, high = np.log(config.em_px)
        middle = float(np.clip(rng.normal(np.log(17.0), 0.38), low, high))
        reduction = np.exp(middle) / _DRAW_PX
        if rng.random() < 0.6:
            large = large.rotate(float(rng.normal(0, 0.25)), Image.Resampling.BILINEAR)
        size = (max(4, round(large.width * reduction)), max(4, round(large.height * reduction)))
        kernel = (Image.Resampling.BOX, Image.Resampling.HAMMING, Image.Resampling.BICUBIC)
        page = large.resize(size, kernel[rng.integers(3)], reducing_gap=2.0)
        grey = self._ink(np.asarray(page, dtype=np.float32) / 255, rng)
        if rng.random() < config.degraded:
            grey = _degrade(grey, rng)
        width = max(8, round(large.width * config.height_px / large.height))
        width = min(width, max_width_px)  # rounding may have added a pixel
        scaled = Image.fromarray(grey).resize((width, config.height_px), Image.Resampling.BICUBIC)
        return np.asarray(scaled)

    @staticmethod
    def _ink(coverage: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return grey values of a coverage: ink and paper of some shade, some gamma."""
        gamma = float(np.exp(rng.normal(0, 0.25)))
        ink = float(rng.uniform(0, 30) if rng.random() < 0.7 else rng.uniform(30, 140))
        paper = float(255 if rng.random() < 0.7 else rng.uniform(225, 255))
        return (paper + (ink - paper) * coverage**gamma).clip(0, 255).astype(np.uint8)


def _thicken(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return strokes a little thicker or thinner, as other rasterisers and printers make them."""
    chance = rng.random()
    if chance < 0.12:
        return _with_extremes(image, np.maximum)
    if chance < 0.18:
        return _with_extremes(image, np.minimum)
    return image


def _with_extremes(image: Image.Image, choose: np.ufunc) -> Image.Image:
    """Return the greatest or least of each pixel's 3 x 3, as Pillow's rank filters do, but soon."""
    pixels = np.array(image)
    rows = pixels.copy()
    choose(rows[1:], pixels[:-1], out=rows[1:])
    choose(rows[:-1], pixels[1:], out=rows[:-1])
    whole = rows.copy()
    choose(whole[:, 1:], rows[:, :-1], out=whole[:, 1:])
    choose(whole[:, :-1], rows[:, 1:], out=whole[:, :-1])
    return Image.fromarray(whole)


def _degrade(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a strip with the traces of one or two of blur, noise and JPEG."""
    image = Image.fromarray(grey)
    if rng.random() < 0.4:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.75))))
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(1, 14), size=grey.shape)
        noisy = np.asarray(image, dtype=np.float32) + noise
        image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(30, 95)))
        image = Image.open(buffer).convert("L")
    return np.asarray(image)
