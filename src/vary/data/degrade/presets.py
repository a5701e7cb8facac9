"""The two presets: ``paper``, as the authors augment their training, and ``scan``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from vary.data.degrade import marks
from vary.data.degrade.warp import (
    Fill,
    Warp,
    about_middle,
    grid_field,
    smooth_field,
    warp_image,
    warp_words,
)
from vary.data.schema import Word
from vary.errors import VaryError

Preset = Literal["paper", "scan"]
WHITE = (255, 255, 255)
MAX_STRENGTH = 3.0
# A warp that would push a word off the image is made weaker so often, then left out.
TRIES = 3
# Share of its ink that erosion and dilation may leave, or make of it.
LEAST_INK, MOST_INK = 0.4, 2.2


@dataclass(frozen=True)
class DegradeConfig:
    """How images are degraded.

    Args:
        name: ``paper``: the paper's augmentation, which leaves most images as they are; ``scan``:
            what prints and scanners do, to every image.
        strength: multiplies the amount of every step; how often each happens does not change.
            0: nothing is done, and nothing drawn from the generator.

    Raises:
        VaryError: no such preset, or a strength outside 0-3.
    """

    name: Preset
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(Preset):
            raise VaryError(f"degrade {self.name}: allowed are {', '.join(get_args(Preset))}")
        if not 0 <= self.strength <= MAX_STRENGTH:
            raise VaryError(
                f"strength {self.strength} of degrade {self.name}: give 0 to {MAX_STRENGTH:g}"
            )


@dataclass
class Page:
    """An image on its way through the steps.

    Attributes:
        image: ``L`` or ``RGB``.
        words: with boxes on it; None where the engine knows none.
        steps: what was done, in order.
        jpeg: the file that the image came out of, if that was the last step.
    """

    image: Image.Image
    words: tuple[Word, ...] | None
    steps: list[str]
    jpeg: bytes | None = None


def degrade(
    image: Image.Image,
    words: Sequence[Word] | None,
    config: DegradeConfig,
    rng: np.random.Generator,
) -> Page:
    """Return an image and its words, degraded: a function of the arguments alone.

    Args:
        image: any mode; what is neither grey nor RGB becomes RGB.
        words: of this image.
        config: preset and strength.
        rng: decides what is done and how much.
    """
    mode = image.mode if image.mode in {"L", "RGB"} else "RGB"
    page = Page(image.convert(mode), None if words is None else tuple(words), [])
    if config.strength > 0:
        _PRESETS[config.name](page, rng, config.strength)
    return page


def _do(page: Page, step: str, image: Image.Image) -> None:
    page.image = image
    page.jpeg = None
    page.steps.append(step)


def _warp(page: Page, step: str, make: Callable[[float], Warp], fill: Fill) -> None:
    """Warp a page; `make` takes the share of the drawn amount, less where words would be cut."""
    share = 1.0
    for _ in range(TRIES):
        warp = make(share)
        ink = _ink_boxes(page) if page.words is None else page.words
        moved = warp_words(ink, warp)
        if all(_is_inside(word, page.image.size) for word in moved):
            page.words = None if page.words is None else tuple(moved)
            _do(page, step, warp_image(page.image, warp, fill))
            return
        share /= 2


def _ink_boxes(page: Page) -> list[Word]:
    """Return the box of all that stands out from the paper, as one word; none on blank paper."""
    grey = np.asarray(page.image.convert("L")).astype(np.int16)
    paper = np.bincount(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])).argmax()
    dark = np.abs(grey - paper) > 48
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    if not len(rows):
        return []
    return [Word(0, "", *map(int, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)))]


def _is_inside(word: Word, size: tuple[int, int]) -> bool:
    # One pixel is the reserve of moved boxes, not ink.
    return word.x0 >= -1 and word.y0 >= -1 and word.x1 <= size[0] + 1 and word.y1 <= size[1] + 1


def _change_strokes(page: Page, width: int, *, thicker: bool) -> None:
    """Erode or dilate a page as far as its words stay legible, or not at all."""
    change = marks.thicken if thicker else marks.thin
    before = _ink_of(page.image)
    for narrower in range(width, 1, -1):
        changed = change(page.image, narrower)
        # Small print runs together, or vanishes, where large print only changes its weight.
        if LEAST_INK * before <= _ink_of(changed) <= MOST_INK * before:
            _do(page, "erosion" if thicker else "dilation", changed)
            return


def _ink_of(image: Image.Image) -> float:
    """Return how much stands out from the paper, summed over all pixels."""
    tones = np.asarray(image.convert("L"), np.float32)
    return float(np.abs(tones - np.median(tones)).sum())


def _paper(page: Page, rng: np.random.Generator, s: float) -> None:
    """Degrade a page as the paper's training does: each step now and then, white around."""
    image = page.image
    white: Fill = WHITE if image.mode == "RGB" else 255
    if rng.random() < 0.02:
        width = max(1, round(1 + (int(rng.integers(2, 4)) - 1) * s))
        _change_strokes(page, width, thicker=bool(rng.random() < 0.5))
    if rng.random() < 0.03:
        x, y = float(rng.uniform(0, 3)) * s, float(rng.uniform(-3, 0)) * s
        _warp(page, "shear", lambda share: about_middle(
            image.size, shear_degrees=(x * share, y * share)), white)  # fmt: skip
    if rng.random() < 0.03:
        right, down = rng.uniform(0, 0.04, 2) * s * image.size
        scale = float(np.clip(1 + float(rng.uniform(-0.15, 0.03)) * s, 0.5, 1.5))
        degrees = float(rng.uniform(-2, 2)) * s
        _warp(page, "shift-scale-rotate", lambda share: about_middle(
            image.size, degrees=degrees * share, scale=scale ** share,
            shift_px=(right * share, down * share)), white)  # fmt: skip
    if rng.random() < 0.04:
        grid = grid_field(rng, image.size, min(0.05 * s, 0.5))
        _warp(page, "grid", grid.scaled, white)
    if rng.random() < 0.04:
        # Uniform noise times alpha 50, smoothed by a Gaussian of sigma 12: 0.58 * 50 /
        # (2 sqrt(pi) 12) = 0.68 px of deviation, alike over about 2 sigma.
        elastic = smooth_field(rng, image.size, 24.0, 0.68 * s)
        _warp(page, "elastic", elastic.scaled, white)
    if rng.random() < 0.03:
        contrast, brightness = rng.uniform(-0.1, 0.1, 2) * s
        _do(page, "tones", marks.change_tones(page.image, 1 + contrast, brightness))
    if rng.random() < 0.03:
        _do(page, "blur", marks.blur(page.image, 0.8 * s))
    if rng.random() < 0.08:
        deviation = float(rng.uniform(10, 20)) ** 0.5 * s
        _do(page, "noise", marks.add_noise(page.image, rng, deviation))
    if rng.random() < 0.07:
        _jpeg(page, 95, s)


def _scan(page: Page, rng: np.random.Generator, s: float) -> None:
    """Degrade a page as print, paper, glass, lamp, sensor and compression do, in this order."""
    _scan_print(page, rng, s)
    _scan_geometry(page, rng, s)
    _scan_light(page, rng, s)
    if rng.random() < 0.4:
        _do(page, "speckles", marks.sprinkle(page.image, rng, float(rng.uniform(8, 45)) * s))
    if rng.random() < 0.6:
        _do(page, "blur", marks.blur(page.image, float(rng.uniform(0.25, 0.75)) * s))
    if rng.random() < 0.7:
        deviation = float(rng.uniform(1.5, 9)) * s
        _do(page, "noise", marks.add_noise(page.image, rng, deviation))
    if rng.random() < 0.12:
        _do(page, "fax", marks.as_fax(page.image, float(rng.uniform(0.5, 0.72))))
    elif rng.random() < 0.6:
        _jpeg(page, int(rng.integers(45, 92)), s)


def _scan_print(page: Page, rng: np.random.Generator, s: float) -> None:
    if rng.random() < 0.2:
        shift = int(rng.integers(-12, 13)), int(rng.integers(-12, 13))
        depth = min(0.3, float(rng.uniform(0.04, 0.14)) * s)
        _do(page, "bleed-through", marks.shine_through(page.image, depth, shift))
    if rng.random() < 0.35:
        share = min(1.0, float(rng.uniform(0.15, 0.5)) * s)
        thicker = rng.random() < 0.7
        change = marks.thicken if thicker else marks.thin
        # Thinning may undo hairlines altogether, so it is kept weak.
        changed = change(page.image, 2, share if thicker else share * 0.6)
        _do(page, "thicker ink" if thicker else "thinner ink", changed)


def _scan_geometry(page: Page, rng: np.random.Generator, s: float) -> None:
    size = page.image.size
    if rng.random() < 0.75:
        degrees = float(np.clip(rng.normal(0, 0.8), -2.5, 2.5)) * s
        scale = 1 - float(rng.uniform(0, 0.04)) * s
        x, y = rng.uniform(-0.01, 0.01, 2) * s * size
        _warp(page, "skew", lambda share: about_middle(
            size, degrees=degrees * share, scale=scale,
            shift_px=(x * share, y * share)), marks.paper_of(page.image))  # fmt: skip
    if rng.random() < 0.3:
        bend = smooth_field(rng, size, max(size) / 4, float(rng.uniform(0.5, 2.0)) * s)
        _warp(page, "bend", bend.scaled, marks.paper_of(page.image))


def _scan_light(page: Page, rng: np.random.Generator, s: float) -> None:
    if rng.random() < 0.45:
        dark = round(min(110.0, float(rng.uniform(10, 75)) * s))
        level = 255 - float(rng.uniform(0, 35)) * s
        yellow = float(rng.uniform(0, 22)) * s if rng.random() < 0.3 else 0.0
        light = (round(level), round(level - yellow / 4), round(level - yellow))
        _do(page, "low contrast", marks.between_tones(page.image, dark, light))
    if rng.random() < 0.6:
        depth = min(0.6, float(rng.uniform(0.03, 0.22)) * s)
        wave = float(rng.uniform(0.4, 1.2)) * max(page.image.size)
        _do(page, "uneven light", marks.shade(page.image, rng, depth, wave))
    if rng.random() < 0.12:
        depth = min(0.7, float(rng.uniform(0.2, 0.5)) * s)
        reach, left = float(rng.uniform(0.04, 0.14)), bool(rng.random() < 0.5)
        _do(page, "gutter", marks.shade_side(page.image, reach, depth, left=left))


def _jpeg(page: Page, quality: int, s: float) -> None:
    image, file = marks.as_jpeg(page.image, max(20, round(100 - (100 - quality) * s)))
    _do(page, "jpeg", image)
    page.jpeg = file


_PRESETS: dict[str, Callable[[Page, np.random.Generator, float], None]] = {
    "paper": _paper,
    "scan": _scan,
}
