"""Small pages of one to three lines, a word on each, in the installed fonts.

Words are letters by lot and the English words of `words.txt`. Words and font families are held out
to measure on: words by a hash, and the families that nano never saw, where they are installed.
"""

import zlib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scenes import HEIGHT, WIDTH, add_noise

from vary.data.fonts import FontLibrary
from vary.errors import InputError

LETTERS = "abcdefghijklmnopqrstuvwxyz"
STRIP = 48  # px; a line stands in the middle of its strip
LINES = HEIGHT // STRIP
HELD_OUT_FONTS = (
    "Gentium*", "Open Sans*", "Linux Libertine*", "Nimbus Sans*", "Hack*", "CMU Concrete*",
)  # fmt: skip
_LOT_SHARE = 0.5
_HELD_OUT_IN = 8


@cache
def fonts(held_out: bool) -> FontLibrary:
    """Return the fonts to learn from, or those to measure on.

    Where none of nano's held-out families is installed, every eighth family is held out.
    """
    try:
        measured = FontLibrary.discover(include=HELD_OUT_FONTS)
    except InputError:
        families = tuple(FontLibrary.discover().families)[::_HELD_OUT_IN]
        measured = FontLibrary.discover(include=families)
    if held_out:
        return measured
    return FontLibrary.discover(exclude=tuple(measured.families))


@cache
def english_words() -> tuple[str, ...]:
    """Return English words of three to eight letters, taken once from this project's documents."""
    path = Path(__file__).with_name("words.txt")
    return tuple(path.read_text(encoding="utf-8").split())


def is_held_out(word: str) -> bool:
    """Return whether a word is kept for measuring."""
    return zlib.crc32(word.encode()) % _HELD_OUT_IN == 0


def make_word(rng: np.random.Generator, longest: int, held_out: bool) -> str:
    """Return a word of three letters or more of one side of the split."""
    while True:
        if rng.random() < _LOT_SHARE:
            letters = rng.integers(len(LETTERS), size=int(rng.integers(3, longest + 1)))
            word = "".join(LETTERS[letter] for letter in letters)
        else:
            word = english_words()[rng.integers(len(english_words()))]
        if len(word) <= longest and is_held_out(word) == held_out:
            return word


def make_page(
    rng: np.random.Generator, most_lines: int = LINES, longest: int = 8, held_out: bool = False
) -> list[str]:
    """Return the words of a page, one for each line."""
    number = int(rng.integers(1, most_lines + 1))
    return [make_word(rng, longest, held_out) for _ in range(number)]


def draw_page(words: list[str], rng: np.random.Generator, held_out: bool = False) -> np.ndarray:
    """Return (HEIGHT, WIDTH, 3) uint8: the first line in the first strip, one face throughout."""
    paper = 255 - int(rng.integers(0, 30))
    image = Image.new("RGB", (WIDTH, HEIGHT), (paper, paper, paper))
    canvas = ImageDraw.Draw(image)
    library = fonts(held_out)
    face = library.pick(rng, LETTERS)
    size = float(rng.integers(28, 37))
    ink = int(rng.integers(0, 90))
    for line, word in enumerate(words):
        font = library.load(face, size)
        while font.getlength(word) > WIDTH - 24:
            size -= 2
            font = library.load(face, size)
        left = rng.uniform(4, min(40.0, WIDTH - 8 - font.getlength(word)))
        # The x-height's middle stands in the middle of the strip, a little off by lot.
        middle = line * STRIP + STRIP / 2 + rng.uniform(-3, 3)
        _, top, _, bottom = font.getbbox("lp", anchor="ls")
        canvas.text((left, middle - (top + bottom) / 2), word, (ink, ink, ink), font, anchor="ls")
    return add_noise(np.asarray(image), rng)
