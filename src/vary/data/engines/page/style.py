"""The look of a page, drawn at random: paper, grid, type, headings, colours.

The ranges are what books, papers, reports and slides use; a few of each kind of page are seen
in every hundred. All lengths are points (1/72 inch) until `PageStyle.px` makes them pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from vary.data.engines.page.typeset import Color

Align = Literal["justify", "left", "center", "right"]
Numbering = Literal["none", "decimal", "chapter", "roman"]
T = TypeVar("T")

PAGE_SIZES_PT: dict[str, tuple[float, float]] = {
    "a4": (595.3, 841.9),
    "letter": (612.0, 792.0),
    "book": (432.0, 648.0),
    "slide": (720.0, 405.0),
}
PAGE_SIZE_WEIGHTS = {"a4": 4.0, "letter": 4.0, "book": 2.0, "slide": 1.0}
# Below this a lower-case letter is 5 px high: what follows is guessing, not reading.
MIN_BODY_PX = 10.0
# Columns narrower than this many ems break after every third word.
MIN_COLUMN_EM = 16.0

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)


@dataclass(frozen=True)
class HeadingStyle:
    """How headings look.

    Attributes:
        numbering: what stands before their text.
        scale: size of level 1 over the body's; level 2 is half as much larger.
        bold: in the bold face where the family has one.
        align: left or center.
        capitals: all letters upper case.
        tracking_em: extra space between letters.
        rule: a line under level 1.
        color: RGB.
    """

    numbering: Numbering
    scale: float
    bold: bool
    align: Align
    capitals: bool
    tracking_em: float
    rule: bool
    color: Color


@dataclass(frozen=True)
class PageStyle:
    """The look of one page.

    Attributes:
        size: key of `PAGE_SIZES_PT`.
        dpi: pixels per inch.
        margins_pt: left, top, right, bottom.
        columns: 1-3.
        gutter_pt: between columns.
        column_rule: a line between columns.
        body_pt: size of the text.
        leading: baseline to baseline over `body_pt`.
        align: of paragraphs.
        indent_em: first line of a paragraph; negative for hanging.
        paragraph_gap: space between paragraphs over the leading.
        hyphenate: words at line ends.
        heading: how headings look.
        list_marker: the bullet, or the form of the number (``1.``, ``(1)``, ``a)``, ``i.``).
        head, page_number: where running head and number stand, or empty.
        head_rule: a line under the running head.
        ink, background: RGB.
    """

    size: str
    dpi: int
    margins_pt: tuple[float, float, float, float]
    columns: int
    gutter_pt: float
    column_rule: bool
    body_pt: float
    leading: float
    align: Align
    indent_em: float
    paragraph_gap: float
    hyphenate: bool
    heading: HeadingStyle
    list_marker: str
    head: Literal["", "left", "center", "spread"]
    page_number: Literal["", "left", "center", "right", "head"]
    head_rule: bool
    ink: Color
    background: Color

    def px(self, points: float) -> float:
        """Return a length in pixels."""
        return points * self.dpi / 72

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the page."""
        width, height = PAGE_SIZES_PT[self.size]
        return round(self.px(width)), round(self.px(height))

    @property
    def column_px(self) -> float:
        """Width of a column."""
        left, _, right, _ = self.margins_pt
        inside = PAGE_SIZES_PT[self.size][0] - left - right
        return self.px((inside - (self.columns - 1) * self.gutter_pt) / self.columns)


@dataclass(frozen=True)
class StyleChoices:
    """What may be drawn.

    Attributes:
        sizes: keys of `PAGE_SIZES_PT`.
        dpi: least and greatest.
        columns: numbers of columns.
        cjk: the text is Chinese: no hyphens, indents of two characters.
    """

    sizes: tuple[str, ...]
    dpi: tuple[int, int]
    columns: tuple[int, ...]
    cjk: bool


def draw_page_style(rng: np.random.Generator, choices: StyleChoices) -> PageStyle:
    """Return a page's look, drawn at random."""
    size = pick(rng, {name: PAGE_SIZE_WEIGHTS[name] for name in choices.sizes})
    slide = size == "slide"
    body_pt = float(rng.uniform(13, 22) if slide else _body_size(rng))
    dpi = int(rng.integers(choices.dpi[0], choices.dpi[1] + 1))
    dpi = max(dpi, min(choices.dpi[1], int(np.ceil(MIN_BODY_PX * 72 / body_pt))))
    margins = _margins(rng, size)
    gutter = float(rng.uniform(1.4, 3.0)) * body_pt
    inside = PAGE_SIZES_PT[size][0] - margins[0] - margins[2]
    columns = _columns(rng, choices.columns, inside, body_pt, gutter)
    ink, background = _colors(rng, slide=slide)
    align = _alignment(rng, slide=slide)
    indented = bool(rng.random() < (0.85 if choices.cjk else 0.5))
    indent = 2.0 if choices.cjk else float(rng.uniform(1.0, 2.2))
    gap = float(rng.uniform(0, 0.25) if indented else rng.uniform(0.4, 1.0))
    return PageStyle(
        size=size,
        dpi=dpi,
        margins_pt=margins,
        columns=columns,
        gutter_pt=gutter,
        column_rule=columns > 1 and bool(rng.random() < 0.12),
        body_pt=body_pt,
        leading=float(rng.uniform(1.3, 1.8) if choices.cjk else rng.uniform(1.12, 1.55)),
        align=align,
        indent_em=indent if indented and align != "center" else 0.0,
        paragraph_gap=gap,
        hyphenate=not choices.cjk and bool(rng.random() < (0.6 if align == "justify" else 0.2)),
        heading=_heading_style(rng, ink, choices.cjk),
        list_marker=pick(rng, _LIST_MARKERS),
        head=pick(rng, {"": 5.0, "left": 1.5, "center": 1.5, "spread": 2.0}) if not slide else "",
        page_number=pick(rng, _PAGE_NUMBERS),
        head_rule=bool(rng.random() < 0.3),
        ink=ink,
        background=background,
    )


def pick(rng: np.random.Generator, weights: dict[T, float]) -> T:
    """Return one key, drawn by the weights."""
    names, values = list(weights), np.array(list(weights.values()))
    return names[int(rng.choice(len(names), p=values / values.sum()))]


_LIST_MARKERS = {
    "•": 5.0, "–": 2.0, "-": 1.0, "*": 0.5, "◦": 0.7, "▪": 1.0,
    "1.": 4.0, "(1)": 1.0, "1)": 1.0, "a)": 1.0, "(a)": 1.0, "i.": 0.7,
}  # fmt: skip
_PAGE_NUMBERS: dict[Literal["", "left", "center", "right", "head"], float] = {
    "": 2.0, "left": 0.7, "center": 4.0, "right": 1.5, "head": 1.5,
}  # fmt: skip
_HEADING_COLORS: tuple[Color, ...] = (
    (0, 51, 102), (31, 73, 125), (47, 84, 150), (128, 0, 0), (0, 96, 80), (90, 90, 90),
    (180, 40, 20), (84, 39, 136), (0, 112, 192),
)  # fmt: skip
_LIGHT_BACKGROUNDS: tuple[Color, ...] = (
    (255, 253, 245), (250, 245, 230), (245, 245, 245), (240, 246, 252), (246, 250, 242),
    (252, 244, 240), (235, 235, 235),
)  # fmt: skip
_DARK_BACKGROUNDS: tuple[Color, ...] = ((20, 30, 60), (30, 30, 30), (15, 60, 60), (60, 20, 40))


def _body_size(rng: np.random.Generator) -> float:
    """Most text is set in 9-12 pt; footnote-like 7 and large-print 14 occur."""
    size = rng.normal(10.4, 1.4)
    return float(np.clip(size, 7.0, 14.0))


def _margins(rng: np.random.Generator, size: str) -> tuple[float, float, float, float]:
    width, height = PAGE_SIZES_PT[size]
    left, right = rng.uniform(0.06, 0.16, 2) * width
    if rng.random() < 0.6:
        right = left
    top, bottom = rng.uniform(0.07, 0.13, 2) * height
    return float(left), float(top), float(right), float(bottom)


def _columns(
    rng: np.random.Generator,
    allowed: Sequence[int],
    inside_pt: float,
    body_pt: float,
    gutter_pt: float,
) -> int:
    """Return a number of columns wide enough to read; the least allowed if none is."""
    weights = {1: 5.0, 2: 4.0, 3: 1.0}
    wide = {
        count: weights.get(count, 1.0)
        for count in allowed
        if (inside_pt - (count - 1) * gutter_pt) / count >= MIN_COLUMN_EM * body_pt
    }
    return pick(rng, wide) if wide else min(allowed)


def _colors(rng: np.random.Generator, *, slide: bool) -> tuple[Color, Color]:
    """Return ink and background: mostly black on white."""
    if slide and rng.random() < 0.3:
        return (245, 245, 245), _one_of(rng, _DARK_BACKGROUNDS)
    ink = BLACK
    if rng.random() < 0.25:
        grey = int(rng.integers(20, 80))
        ink = (grey, grey, min(255, grey + int(rng.integers(0, 30))))
    colored = rng.random() < (0.4 if slide else 0.15)
    return ink, _one_of(rng, _LIGHT_BACKGROUNDS) if colored else WHITE


def _alignment(rng: np.random.Generator, *, slide: bool) -> Align:
    if slide:
        return pick(rng, {"left": 9.0, "center": 1.0})
    return pick(rng, {"justify": 6.0, "left": 3.6, "center": 0.3, "right": 0.1})


def _heading_style(rng: np.random.Generator, ink: Color, cjk: bool) -> HeadingStyle:
    dark_on_light = sum(ink) < 300
    colored = dark_on_light and rng.random() < 0.25
    spaced = not cjk and rng.random() < 0.08
    return HeadingStyle(
        numbering=pick(rng, {"none": 4.0, "decimal": 4.0, "chapter": 0.6, "roman": 0.6}),
        scale=float(rng.uniform(1.0, 1.7)),
        bold=bool(rng.random() < 0.75),
        align="center" if rng.random() < 0.2 else "left",
        capitals=not cjk and bool(rng.random() < 0.12),
        tracking_em=float(rng.uniform(0.05, 0.2)) if spaced else 0.0,
        rule=bool(rng.random() < 0.1),
        color=_one_of(rng, _HEADING_COLORS) if colored else ink,
    )


def _one_of(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]
