"""Charts by matplotlib: Agg on figure objects, defaults for settings, fonts by file."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from vary.data.engines.chart.boxes import first_outside, first_overlap, ink_words
from vary.data.engines.chart.drawn import DrawnChart
from vary.data.engines.chart.furniture import (
    SMALLEST_SCALE,
    Room,
    draw_axes,
    draw_legend,
    draw_texts,
    put_legend_inside,
)
from vary.data.engines.chart.labels import draw_labels, draw_sector_texts
from vary.data.engines.chart.layouts import roomier_layouts
from vary.data.engines.chart.marks import Marks, draw_marks, draw_sectors
from vary.data.engines.chart.reading import read_back
from vary.data.engines.chart.sheet import (
    Crowded,
    Sheet,
    default_settings,
    largest_bitmap_px,
)
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.style import enlarged
from vary.extras import require

# Values that are read from ticks must differ by this much to be told apart.
LEAST_RESOLUTION_PX = 2.5


class MatplotlibRenderer:
    """Draws charts by matplotlib; where something does not fit, it tries roomier layouts."""

    def draw(self, spec: ChartSpec) -> DrawnChart:
        """Return the chart as a picture, in the first layout in which nothing overlaps.

        Raises:
            Reject: there is none, or what was drawn cannot be read.
        """
        crowded: Crowded | None = None
        with default_settings():
            for layout, roomier in enumerate(_layouts(_above_bitmaps(spec))):
                sheet = Sheet(roomier)
                try:
                    marks = _lay_out(sheet)
                except Crowded as error:
                    crowded = error
                    continue
                return _finish(sheet, marks, layout)
        assert crowded is not None
        raise crowded

    def versions(self) -> dict[str, str]:
        """Return the versions of matplotlib and of the FreeType that it brings."""
        matplotlib = require("matplotlib", extra="data")
        freetype = require("matplotlib.ft2font", extra="data").__freetype_version__
        return {"matplotlib": matplotlib.__version__, "matplotlib_freetype": freetype}


def can_use_collections() -> bool:
    """Return whether matplotlib takes faces of font collections by number (from 3.11 on)."""
    return hasattr(require("matplotlib.font_manager", extra="data"), "FontPath")


def _above_bitmaps(spec: ChartSpec) -> ChartSpec:
    """Return a chart whose smallest letters are larger than the bitmaps of its faces."""
    text = spec.style.text
    factors = [
        (largest_bitmap_px(face) + 0.6) / (text.size_px * scale)
        for face, scale in (
            (text.face, min(SMALLEST_SCALE, text.label_scale)),
            (text.title_face, text.title_scale),
        )
    ]
    return replace(spec, style=enlarged(spec.style, max(1.0, *factors)))


def _layouts(spec: ChartSpec) -> Iterator[ChartSpec]:
    """Yield a chart as it was drawn by lot, then with more and more room."""
    yield spec
    if spec.style.legend == "inside":
        spec = replace(spec, style=replace(spec.style, legend="top"))
        yield spec
    yield from roomier_layouts(spec)


def _lay_out(sheet: Sheet) -> list[Marks]:
    """Return the marks of a sheet on which all has its place.

    Raises:
        Crowded: something has none.
    """
    spec = sheet.spec
    room = Room(sheet)
    draw_texts(sheet, room)
    if spec.round:
        marks = [draw_sectors(sheet)]
        draw_legend(sheet, marks, room)
        sheet.axes.set_axis_off()
        sheet.axes.set_aspect("equal")
        reach = 1.12 if spec.style.marks.pie_names == "legend" else 1.25
        sheet.axes.set_xlim(-reach, reach)
        sheet.axes.set_ylim(-reach, reach)
        sheet.place_axes(room.left)
        sheet.axes.apply_aspect()
        draw_sector_texts(sheet, marks[0])
    else:
        marks = draw_marks(sheet)
        draw_legend(sheet, marks, room)
        draw_axes(sheet, room)
        sheet.place_axes(room.left)
        _check_resolution(sheet)
        if spec.labels:
            draw_labels(sheet, marks)
    if sheet.legend is not None and spec.style.legend == "inside" and not spec.round:
        put_legend_inside(sheet, marks)
    _check_places(sheet, marks)
    return marks


def _check_resolution(sheet: Sheet) -> None:
    """Refuse an axis that is too short for values to be read from it."""
    plot = sheet.extent(sheet.axes)
    length = plot[2] - plot[0] if sheet.spec.horizontal else plot[3] - plot[1]
    for axis, resolution in zip(sheet.spec.axes, sheet.spec.resolution, strict=False):
        if length / (axis.high - axis.low) * resolution < LEAST_RESOLUTION_PX:
            raise Crowded("values cannot be read from the axis")


def _check_places(sheet: Sheet, marks: list[Marks]) -> None:
    """Refuse texts that are cut off, or stand on each other or on others' bars."""
    texts = sheet.texts()
    # The legend's own texts get their places as they are drawn; its box was given room.
    inner = set(sheet.legend.get_texts()) if sheet.legend is not None else set()
    boxes = [sheet.text_box(text) for text in texts if text not in inner]
    cut = first_outside(boxes, sheet.style.width_px, sheet.style.height_px)
    if cut is not None:
        raise Crowded("text beyond the edge", cut.name)
    met = first_overlap(boxes)
    if met is not None:
        raise Crowded("overlapping text", f"{met[0].name} and {met[1].name}")
    if sheet.spec.round or not sheet.labels:
        _check_legend(sheet, boxes)
        return
    _check_labels_on_bars(sheet, marks)
    _check_legend(sheet, boxes)


def _check_labels_on_bars(sheet: Sheet, marks: list[Marks]) -> None:
    """Refuse values that stand on another bar than their own."""
    bars = {
        (number, category): sheet.extent(patch)
        for number, mark in enumerate(marks)
        for category, patch in mark.rectangles.items()
    }
    if not bars:
        return
    places = np.array(list(bars.values()))
    for at, text in sheet.labels.items():
        if sheet.spec.series[at[0]].line:
            continue
        x0, y0, x1, y1 = sheet.extent(text)
        met = (x0 + 1 < places[:, 2]) & (places[:, 0] < x1 - 1)
        met &= (y0 + 2 < places[:, 3]) & (places[:, 1] < y1 - 2)
        if any(other != at for other, on in zip(bars, met, strict=True) if on):
            raise Crowded("a value on another bar", text.get_text())


def _check_legend(sheet: Sheet, boxes: list[Any]) -> None:
    """Refuse a legend on which other texts stand."""
    if sheet.legend is None:
        return
    x0, y0, x1, y1 = sheet.extent(sheet.legend)
    if min(x0, y0) < 0 or x1 > sheet.style.width_px or y1 > sheet.style.height_px:
        raise Crowded("legend beyond the edge")
    for box in boxes:
        corners = box.corners(-1.0)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        if x0 < right and left < x1 and y0 < bottom and top < y1:
            raise Crowded("text on the legend", box.name)


def _finish(sheet: Sheet, marks: list[Marks], layout: int) -> DrawnChart:
    """Return the picture of a laid-out sheet, and what it shows."""
    sheet.canvas.draw()
    pixels = np.asarray(sheet.canvas.buffer_rgba())[..., :3]
    words = ink_words([sheet.text_box(text) for text in sheet.texts()], pixels)
    meta = {"layout": layout, "width_px": pixels.shape[1], "height_px": pixels.shape[0]}
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return DrawnChart(image, read_back(sheet, marks), words, meta)
