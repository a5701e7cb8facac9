"""What only ECharts has of a look: rounded bars, roses, themes; a function of the chart."""

import hashlib
import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import (
    FILL_CONTRAST,
    LEAST_DISTANCE,
    LINE_CONTRAST,
    Rgb,
    contrast,
    distance,
)
from vary.data.engines.page.style import pick

Step = Literal["", "start", "middle", "end"]
Icon = Literal["roundRect", "rect", "circle", "diamond", "triangle", "pin"]
Symbol = Literal["circle", "emptyCircle", "rect", "roundRect", "triangle", "diamond", "arrow"]

# The palettes of the library's own themes.
_THEMES = (
    "5070dd b6d634 505372 ff994d 0ca8df ffd10a fb628b 785db0 3fbe95",
    "5470c6 91cc75 fac858 ee6666 73c0de 3ba272 fc8452 9a60b4 ea7ccc",
    "4992ff 7cffb2 fddd60 ff6e76 58d9f9 05c091 ff8a45 8d48e3 dd79ff",
    "2ec7c9 b6a2de 5ab1ef ffb980 d87a80 8d98b3 e5cf0d 97b552 95706d",
    "c1232b 27727b fcce10 e87c25 b5c334 fe8463 9bca63 fad860 f3a43b",
    "c12e34 e6b600 0098d9 2b821d 005eaa 339ca8 cda819 32a487",
    "e01f54 001852 c0ae8a 4f6f8f d06b64 5f8a8b f0b67f 8a6f9e 3d5a45",
    "d87c7c 919e8b d7ab82 6e7074 61a0a8 efa18d 787464 cc7e63 724e58",
    "3fb1e3 6be6c1 626c91 a0a7e6 c4ebad 96dee8",
    "516b91 59c4e6 edafda 93b7e3 a5e7f0 cbb0e3",
    "893448 d95850 eb8146 ffb248 f2d643 ebdba4",
    "4ea397 22c3aa 7bd9a5 d0648a f58db2 f2b3c9",
    "9b8bba e098c7 8fd3e8 71669e cc70af 7cb4cc",
    "dd6b66 759aa0 e69d87 8dc1a9 ea7e53 eedd78 73a373 73b9bc 7289ab 91ca8c",
)


@dataclass(frozen=True)
class EchartsLook:
    """What a specification says nothing about.

    Attributes:
        colors: of series or sectors.
        radius_px: of the corners of bars.
        smooth: lines are curves.
        step: lines are stairs: start, middle, end, or empty.
        symbol: of points on lines.
        icon: before the names in the legend.
        legend_side: left or right where it stands beside the plot.
        background_bars: a ground behind each bar, as long as the axis.
        name_place: where the value axis' title stands.
        rose: sectors have a radius of their own too: radius, area, or empty.
        separator: between a sector's name and value.
        sector_radius_px: corners of sectors.
        axis_pad: the line chart begins beside the axis, not on it.
    """

    colors: tuple[Rgb, ...]
    radius_px: float
    smooth: bool
    step: Step
    symbol: Symbol
    icon: Icon
    legend_side: Literal["left", "right"]
    background_bars: bool
    name_place: Literal["end", "middle"]
    rose: Literal["", "radius", "area"]
    separator: str
    sector_radius_px: float
    axis_pad: bool


def draw_look(spec: ChartSpec) -> EchartsLook:
    """Return the look of a chart; the same chart has the same one."""
    rng = _rng_of(spec)
    size = spec.style.text.size_px
    step: Step = pick(rng, {"": 9.0, "start": 0.3, "middle": 0.3, "end": 0.3})
    return EchartsLook(
        colors=_colors(rng, spec),
        radius_px=size * float(rng.uniform(0.15, 0.6)) if rng.random() < 0.3 else 0.0,
        smooth=not step and bool(rng.random() < 0.3),
        step=step,
        symbol=pick(
            rng,
            {
                "emptyCircle": 4.0, "circle": 3.0, "rect": 1.0, "roundRect": 0.7,
                "triangle": 1.0, "diamond": 1.0, "arrow": 0.2,
            },
        ),
        icon=pick(
            rng, {"roundRect": 5.0, "rect": 2.0, "circle": 2.0, "diamond": 0.5, "triangle": 0.4}
        ),
        legend_side="left" if rng.random() < 0.35 else "right",
        background_bars=bool(rng.random() < 0.12),
        name_place=pick(rng, {"end": 5.0, "middle": 4.0}),
        rose=pick(rng, {"": 7.0, "radius": 1.0, "area": 1.0}),
        separator=pick(rng, {": ": 4.0, "\n": 2.0, " ": 1.0, "：": 0.6, " | ": 0.3}),
        sector_radius_px=size * 0.5 if rng.random() < 0.2 else 0.0,
        axis_pad=bool(rng.random() < 0.7),
    )  # fmt: skip


def _rng_of(spec: ChartSpec) -> np.random.Generator:
    """Return a generator that hangs on what is shown, not on the room that it is given."""
    told = [spec.chart_dict(), spec.kind, spec.style.dpi, spec.style.marks.colors]
    digest = hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _colors(rng: np.random.Generator, spec: ChartSpec) -> tuple[Rgb, ...]:
    """Return a theme's colours where they can be told on the ground, else the chart's own."""
    own = spec.style.marks.colors
    if rng.random() < 0.5:
        return own
    least = LINE_CONTRAST if spec.kind in {"line", "lines", "composite"} else FILL_CONTRAST
    theme = _THEMES[int(rng.integers(len(_THEMES)))]
    found: list[Rgb] = []
    for name in theme.split():
        color = (int(name[:2], 16), int(name[2:4], 16), int(name[4:], 16))
        if contrast(color, spec.style.plot) >= least and all(
            distance(color, other) >= LEAST_DISTANCE for other in found
        ):
            found.append(color)
    return tuple(found[: len(own)]) if len(found) >= len(own) else own
