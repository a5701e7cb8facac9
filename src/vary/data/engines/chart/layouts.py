"""The same chart with more room, for one whose texts do not fit."""

from collections.abc import Iterator
from dataclasses import replace

from vary.data.engines.chart.spec import ChartSpec

# Sides of a picture over the em size: seen at 1024 px, its letters are still 9 px large.
LARGEST_EM = 112.0


def roomier_layouts(spec: ChartSpec) -> Iterator[ChartSpec]:
    """Yield a chart larger and larger, its names turned further, as far as texts stay legible."""
    turned = spec.style.text.category_rotation or 30
    for factor, rotation in ((1.2, turned), (1.45, 45), (1.75, 90)):
        roomier = _roomier(spec, factor, rotation)
        largest_px = LARGEST_EM * spec.style.text.size_px
        if max(roomier.style.width_px, roomier.style.height_px) <= largest_px:
            yield roomier


def _roomier(spec: ChartSpec, factor: float, rotation: int) -> ChartSpec:
    style = spec.style
    marks = style.marks
    if spec.round and factor > 1.4:
        marks = replace(marks, pie_names="legend", pie_values="inside", pie_apart=0.0)
    rotated = rotation if not spec.horizontal and not spec.round else 0
    return replace(
        spec,
        style=replace(
            style,
            width_px=round(style.width_px * factor),
            height_px=round(style.height_px * factor),
            text=replace(style.text, category_rotation=rotated),
            marks=marks,
        ),
    )
