"""The look of a chart, drawn at random; lengths are pixels."""

import colorsys
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from vary.data.engines.page.style import pick
from vary.data.fonts import FontFace

Rgb = tuple[int, int, int]
Legend = Literal["top", "bottom", "right", "inside"]
LabelPlace = Literal["end", "inside", "center"]
Grid = Literal["", "values", "categories", "both"]
PieNames = Literal["outside", "legend"]
PieValues = Literal["beside", "inside"]

# Letters below this em size are guessed rather than read.
LEAST_FONT_PX = 11.0
# Of marks to their ground, 0 to 255 in lightness: thin lines need more.
FILL_CONTRAST, LINE_CONTRAST = 30.0, 55.0
# Of colours to each other, in CIELAB: less than this is mistaken in a legend.
LEAST_DISTANCE = 17.0
# Shades of one hue that are still told from each other.
MOST_SHADES = 5


@dataclass(frozen=True)
class TextStyle:
    """Sizes and faces of the texts.

    Attributes:
        face: of all texts but the title.
        title_face: of the title.
        size_px: em size of names and ticks.
        title_scale, label_scale: title and value labels over `size_px`.
        title_align: left or center.
        title_below: the title stands under the chart.
        color: RGB of all texts.
        category_rotation: degrees.
        label_rotation: degrees, of value labels over bars.
        label_place: where value labels of bars stand.
        label_colored: value labels have their series' colour where that is readable.
        label_boxed: value labels of bars stand on a plate by ECharts; those of sectors break lines.
        note_align: left or right.
    """

    face: FontFace
    title_face: FontFace
    size_px: float
    title_scale: float
    label_scale: float
    title_align: Literal["left", "center"]
    title_below: bool
    color: Rgb
    category_rotation: int
    label_rotation: int
    label_place: LabelPlace
    label_colored: bool
    label_boxed: bool
    note_align: Literal["left", "right"]


@dataclass(frozen=True)
class AxesStyle:
    """Frame, grid and ticks.

    Attributes:
        frame: which sides are drawn: any of l, b, r, t.
        frame_px: their width.
        grid: which lines are drawn: values, categories, both, or none.
        grid_line: solid, dashed or dotted.
        grid_px: their width.
        ticks: small strokes at the axes: out, in or none.
        values_shown: the value axis has numbers; without them values are labelled.
        reversed: categories of lying bars run from the top down.
        bands: every other category has a ground of its own.
    """

    frame: str
    frame_px: float
    grid: Grid
    grid_line: Literal["-", "--", ":"]
    grid_px: float
    ticks: Literal["out", "in", "none"]
    values_shown: bool
    reversed: bool
    bands: bool


@dataclass(frozen=True)
class MarkStyle:
    """Bars, lines and sectors.

    Attributes:
        colors: of series, or of sectors; one color for a single series unless `by_category`.
        by_category: each bar of a single series has its own color.
        bar_share: how much of the room bars fill.
        edge_px: width of outlines; 0: none.
        hatches: one for each series; empty strings for plain ones.
        line_px: width of lines.
        lines: one line style for each series.
        markers: one for each series; empty strings for none.
        marker_px: their size.
        hollow: markers have the plot's colour within.
        alpha: opacity of areas.
        pie_start: degrees of the first sector's begin.
        pie_clockwise: direction.
        pie_apart: how far sectors stand apart, of the radius.
        pie_hole: radius of the hole, of the radius; pies have 0.
        pie_names, pie_values: where they stand.
    """

    colors: tuple[Rgb, ...]
    by_category: bool
    bar_share: float
    edge_px: float
    hatches: tuple[str, ...]
    line_px: float
    lines: tuple[str, ...]
    markers: tuple[str, ...]
    marker_px: float
    hollow: bool
    alpha: float
    pie_start: float
    pie_clockwise: bool
    pie_apart: float
    pie_hole: float
    pie_names: PieNames
    pie_values: PieValues


@dataclass(frozen=True)
class ChartStyle:
    """The look of one chart.

    Attributes:
        width_px, height_px: of the image.
        dpi: what the lengths of the image's file would be in inches; it scales nothing.
        padding_px: around everything.
        background: around the plot.
        plot: under the marks.
        grid_color, frame_color: RGB.
        legend: where it stands.
        legend_framed: with a frame and a ground of its own.
        text, axes, marks: the parts' looks.
    """

    width_px: int
    height_px: int
    dpi: int
    padding_px: float
    background: Rgb
    plot: Rgb
    grid_color: Rgb
    frame_color: Rgb
    legend: Legend
    legend_framed: bool
    text: TextStyle
    axes: AxesStyle
    marks: MarkStyle


def enlarged(style: ChartStyle, factor: float) -> ChartStyle:
    """Return a look with all lengths so many times larger."""
    axes, marks, text = style.axes, style.marks, style.text
    return replace(
        style,
        width_px=round(style.width_px * factor),
        height_px=round(style.height_px * factor),
        padding_px=style.padding_px * factor,
        text=replace(text, size_px=text.size_px * factor),
        axes=replace(axes, frame_px=axes.frame_px * factor, grid_px=axes.grid_px * factor),
        marks=replace(
            marks,
            edge_px=marks.edge_px * factor,
            line_px=marks.line_px * factor,
            marker_px=marks.marker_px * factor,
        ),
    )


@dataclass(frozen=True)
class StyleNeeds:
    """What a look must be able to show.

    Attributes:
        kind: of the chart.
        num_colors: series, or sectors.
        num_categories: along the axis.
        longest_name: characters of the longest category.
        labels: values are written beside their marks.
        dpi: least and greatest resolution.
    """

    kind: str
    num_colors: int
    num_categories: int
    longest_name: int
    labels: bool
    dpi: tuple[int, int]


def draw_style(
    rng: np.random.Generator, faces: tuple[FontFace, FontFace], needs: StyleNeeds
) -> ChartStyle:
    """Return a chart's look, drawn at random from what charts in papers, papers and slides have.

    Args:
        rng: decides everything.
        faces: of the texts and of the title.
        needs: what is to be shown.
    """
    dpi = int(rng.integers(needs.dpi[0], needs.dpi[1] + 1))
    size_px = max(float(rng.uniform(7.5, 12)) * dpi / 72, LEAST_FONT_PX + float(rng.uniform(0, 3)))
    background, plot, ink, grid, frame = _ground(rng)
    width, height = _size(rng, needs, size_px)
    return ChartStyle(
        width_px=width,
        height_px=height,
        dpi=dpi,
        padding_px=size_px * float(rng.uniform(0.5, 1.6)),
        background=background,
        plot=plot,
        grid_color=grid,
        frame_color=frame,
        legend=pick(rng, {"top": 2.0, "bottom": 2.0, "right": 2.0, "inside": 2.0}),
        legend_framed=bool(rng.random() < 0.45),
        text=_text(rng, faces, size_px, ink, needs),
        axes=_axes(rng, needs),
        marks=_marks(rng, size_px, plot, needs),
    )


def band_color(style: ChartStyle) -> Rgb:
    """Return the colour of every other category's ground: hardly more than the plot's."""
    parts = zip(style.plot, style.grid_color, strict=True)
    red, green, blue = (round(0.65 * plot + 0.35 * grid) for plot, grid in parts)
    return red, green, blue


def luminance(color: Rgb) -> float:
    """Return how light a colour looks, 0 to 255."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the difference in lightness of two colours, 0 to 255."""
    return abs(luminance(one) - luminance(other))


# Ground, plot, ink, grid, frame.
_GROUNDS: tuple[tuple[str, str, str, str, str], ...] = (
    ("ffffff", "ffffff", "000000", "b0b0b0", "000000"),
    ("ffffff", "ffffff", "262626", "d9d9d9", "808080"),
    ("ffffff", "ffffff", "404040", "e3e3e3", "bfbfbf"),
    ("ffffff", "eaeaf2", "262626", "ffffff", "eaeaf2"),
    ("ffffff", "e5e5e5", "333333", "ffffff", "ffffff"),
    ("f0f0f0", "f0f0f0", "3c3c3c", "cbcbcb", "a0a0a0"),
    ("fffaf0", "fffaf0", "3b2f2f", "e2d8c3", "8c7b6b"),
    ("d5e4eb", "d5e4eb", "10262f", "ffffff", "4f6b78"),
    ("f7fbff", "ffffff", "08306b", "deebf7", "6baed6"),
    ("ffffff", "f7f7f7", "1a1a2e", "dddddd", "555555"),
    ("1e1e28", "1e1e28", "f2f2f2", "44444f", "9a9aa5"),
    ("0f2537", "143049", "ecf3f8", "2c4a63", "7fa1bb"),
    ("2b2b2b", "333333", "eeeeee", "555555", "aaaaaa"),
)
_GROUND_WEIGHTS = np.array([6, 5, 4, 2, 1.5, 1.5, 1, 0.8, 1, 1.5, 1, 0.6, 0.6])
_PALETTES: tuple[str, ...] = (
    "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2 7f7f7f bcbd22 17becf",
    "4e79a7 f28e2b e15759 76b7b2 59a14f edc948 b07aa1 ff9da7 9c755f bab0ac",
    "4472c4 ed7d31 a5a5a5 ffc000 5b9bd5 70ad47 264478 9e480e 636363 997300",
    "4f81bd c0504d 9bbb59 8064a2 4bacc6 f79646 2c4d75 772c2a 5f7530 4d3b62",
    "1b9e77 d95f02 7570b3 e7298a 66a61e e6ab02 a6761d 666666",
    "66c2a5 fc8d62 8da0cb e78ac3 a6d854 ffd92f e5c494 b3b3b3",
    "e41a1c 377eb8 4daf4a 984ea3 ff7f00 a65628 f781bf 999999",
    "0072b2 e69f00 009e73 cc79a7 56b4e9 d55e00 f0e442 555555",
    "003f5c 58508d bc5090 ff6361 ffa600 2f4b7c a05195 d45087 f95d6a 665191",
    "5470c6 91cc75 fac858 ee6666 73c0de 3ba272 fc8452 9a60b4 ea7ccc",
    "c23531 2f4554 61a0a8 d48265 91c7ae 749f83 ca8622 bda29a 6e7074 546570",
    "264653 2a9d8f e9c46a f4a261 e76f51 6d6875 b5838d 457b9d",
    "222222 8a8a8a d3d3d3 5a5a5a b0b0b0",
    "3366cc dc3912 ff9900 109618 990099 0099c6 dd4477 66aa00 b82e2e 316395",
)
_MARKERS = ("o", "s", "^", "D", "v", "x", "P", "*", "X", "<")
_HATCHES = ("//", "\\\\", "xx", "..", "--", "++", "oo")
_FRAMES = {"lbrt": 4.0, "lb": 5.0, "b": 2.0, "l": 0.5, "": 0.7}


def _ground(rng: np.random.Generator) -> tuple[Rgb, Rgb, Rgb, Rgb, Rgb]:
    row = rng.choice(len(_GROUNDS), p=_GROUND_WEIGHTS / _GROUND_WEIGHTS.sum())
    background, plot, ink, grid, frame = map(_rgb, _GROUNDS[int(row)])
    return background, plot, ink, grid, frame


def _size(rng: np.random.Generator, needs: StyleNeeds, size_px: float) -> tuple[int, int]:
    """Return width and height with room for what is shown: in ems, whatever the resolution."""
    if needs.kind in {"pie", "donut"}:
        width, height = rng.uniform(30, 48), rng.uniform(24, 34)
    elif needs.kind.endswith("horizontal"):
        rows = needs.num_categories * (needs.num_colors if needs.kind[0] == "g" else 1)
        width = rng.uniform(36, 62)
        height = 13 + rows * rng.uniform(1.9, 2.8)
    else:
        columns = needs.num_categories * (needs.num_colors if needs.kind[0] == "g" else 1)
        each = rng.uniform(2.9, 4.4) if needs.labels else rng.uniform(2.2, 3.6)
        width = float(np.clip(12 + columns * each, 30, 78))
        height = max(width * rng.uniform(0.5, 0.8), 24.0)
    return round(width * size_px), round(height * size_px)


def _text(
    rng: np.random.Generator,
    faces: tuple[FontFace, FontFace],
    size_px: float,
    ink: Rgb,
    needs: StyleNeeds,
) -> TextStyle:
    crowded = needs.num_categories * needs.longest_name > 70
    rotations = {0: 1.0, 30: 2.0, 45: 3.0, 90: 1.5} if crowded else {0: 12.0, 45: 1.0, 90: 0.7}
    horizontal = needs.kind.endswith("horizontal")
    place: LabelPlace = pick(rng, {"end": 6.0, "inside": 1.5, "center": 1.0})
    if needs.kind.startswith("stacked"):
        place = "center"
    return TextStyle(
        face=faces[0],
        title_face=faces[1],
        size_px=size_px,
        title_scale=float(rng.uniform(1.05, 1.6)),
        label_scale=float(rng.uniform(0.82, 1.0)),
        title_align="left" if rng.random() < 0.25 else "center",
        title_below=bool(rng.random() < 0.07),
        color=ink,
        category_rotation=0 if horizontal else pick(rng, rotations),
        label_rotation=0 if horizontal or rng.random() < 0.93 else 90,
        label_place=place,
        label_colored=bool(rng.random() < 0.3),
        label_boxed=bool(rng.random() < 0.3),
        note_align="right" if rng.random() < 0.3 else "left",
    )


def _axes(rng: np.random.Generator, needs: StyleNeeds) -> AxesStyle:
    grid: Grid = pick(rng, {"": 3.0, "values": 5.0, "categories": 0.4, "both": 1.6})
    if not needs.labels and rng.random() < 0.7:
        grid = "values"
    return AxesStyle(
        frame=pick(rng, _FRAMES),
        frame_px=float(rng.uniform(0.8, 1.8)),
        grid=grid,
        grid_line=pick(rng, {"-": 5.0, "--": 3.0, ":": 2.0}),
        grid_px=float(rng.uniform(0.6, 1.3)),
        ticks=pick(rng, {"out": 5.0, "in": 1.5, "none": 4.0}),
        values_shown=not needs.labels or bool(rng.random() < 0.75),
        reversed=bool(rng.random() < 0.5),
        bands=bool(rng.random() < 0.08),
    )


def _marks(rng: np.random.Generator, size_px: float, plot: Rgb, needs: StyleNeeds) -> MarkStyle:
    num = needs.num_colors
    by_category = needs.kind in {"bar", "bar-horizontal"} and bool(rng.random() < 0.15)
    stacked_labels = needs.labels and needs.kind.startswith("stacked")
    hatched = needs.kind not in {"pie", "donut"} and not stacked_labels and rng.random() < 0.12
    hatches = rng.permutation(_HATCHES)[:num] if hatched else [""] * num
    marked = rng.random() < 0.65
    same_marker = rng.random() < 0.5
    markers = [str(m) for m in rng.permutation(_MARKERS)[:num]]
    same_line = rng.random() < 0.7
    styles = [str(s) for s in rng.permutation(["-", "--", "-.", ":", "-"])]
    return MarkStyle(
        colors=_colors(
            rng,
            plot,
            max(num, needs.num_categories if by_category else 1),
            LINE_CONTRAST if needs.kind in {"line", "lines", "composite"} else FILL_CONTRAST,
        ),
        by_category=by_category,
        bar_share=float(rng.uniform(0.45, 0.92)),
        edge_px=float(rng.uniform(0.7, 1.6)) if hatched or rng.random() < 0.3 else 0.0,
        hatches=tuple(str(hatch) for hatch in hatches),
        line_px=size_px * float(rng.uniform(0.08, 0.26)),
        lines=tuple("-" if same_line else styles[at % len(styles)] for at in range(num)),
        markers=tuple(("o" if same_marker else markers[at]) if marked else "" for at in range(num)),
        marker_px=size_px * float(rng.uniform(0.3, 0.65)),
        hollow=bool(rng.random() < 0.25),
        alpha=float(rng.uniform(0.35, 1.0)),
        pie_start=float(rng.choice([0.0, 90.0, rng.uniform(0, 360)])),
        pie_clockwise=bool(rng.random() < 0.5),
        pie_apart=float(rng.uniform(0.01, 0.06)) if rng.random() < 0.2 else 0.0,
        pie_hole=float(rng.uniform(0.35, 0.65)) if needs.kind == "donut" else 0.0,
        pie_names="legend" if rng.random() < 0.4 else "outside",
        pie_values="beside" if rng.random() < 0.4 and needs.kind == "pie" else "inside",
    )


def _colors(rng: np.random.Generator, plot: Rgb, num: int, least: float) -> tuple[Rgb, ...]:
    """Return different colours that are seen on a ground: of a palette, one hue, or by lot.

    Args:
        rng: decides everything.
        plot: the ground.
        num: how many.
        least: contrast to the ground.
    """
    kind = pick(rng, {"palette": 7.0, "hue": 1.5, "random": 1.5})
    if kind == "hue" and num <= MOST_SHADES:
        hue, vivid = rng.random(), rng.uniform(0.35, 0.9)
        lights = np.linspace(0.2, 0.82, num) if num > 1 else [rng.uniform(0.3, 0.6)]
        found = [_hls(hue, float(light), vivid) for light in lights]
    elif kind == "random":
        start = rng.random()
        found = [
            _hls((start + at / num) % 1.0, rng.uniform(0.35, 0.62), rng.uniform(0.35, 0.85))
            for at in range(num)
        ]
    else:
        found = [_rgb(name) for name in _PALETTES[int(rng.integers(len(_PALETTES)))].split()]
        if rng.random() < 0.3:
            found = [found[int(at)] for at in rng.permutation(len(found))]
    seen: list[Rgb] = []
    apart = LEAST_DISTANCE
    while len(seen) < num:
        if found:
            color = found.pop(0)
        else:
            color = _hls(rng.random(), rng.uniform(0.25, 0.75), rng.uniform(0.4, 0.9))
            apart *= 0.99  # of many colours the last ones may find no place
        if contrast(color, plot) < least:
            continue
        if all(distance(color, other) >= apart for other in seen):
            seen.append(color)
    return tuple(seen)


def distance(one: Rgb, other: Rgb) -> float:
    """Return how different two colours look: in CIELAB, where black and white are 100 apart."""
    return math.dist(_lab(one), _lab(other))


@lru_cache(maxsize=4096)
def _lab(color: Rgb) -> tuple[float, float, float]:
    """Return a colour of sRGB in CIELAB, white being D65."""
    parts = [part / 255 for part in color]
    r, g, b = (((p + 0.055) / 1.055) ** 2.4 if p > 0.04045 else p / 12.92 for p in parts)
    white = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in white)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _hls(hue: float, light: float, vivid: float) -> Rgb:
    red, green, blue = colorsys.hls_to_rgb(hue, light, vivid)
    return round(red * 255), round(green * 255), round(blue * 255)


def _rgb(name: str) -> Rgb:
    return int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16)
