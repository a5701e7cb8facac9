"""Charts by matplotlib's canvas and letters: laid out once, drawn once, fonts by file."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from vary.data.engines.chart.axes import draw_frame, draw_ground, lay_axes
from vary.data.engines.chart.boxes import TextBox, first_outside, first_overlap, ink_words
from vary.data.engines.chart.drawn import DrawnChart
from vary.data.engines.chart.furniture import (
    SMALLEST_SCALE,
    Room,
    draw_legend,
    lay_legend,
    lay_texts,
    put_legend_inside,
)
from vary.data.engines.chart.glyphs import Lettering, largest_bitmap_px
from vary.data.engines.chart.labels import lay_labels, lay_sector_texts
from vary.data.engines.chart.layouts import roomier_layouts
from vary.data.engines.chart.marks import Marks, draw_fills, draw_lines, lay_marks, lay_sectors
from vary.data.engines.chart.pen import Pen
from vary.data.engines.chart.reading import read_back
from vary.data.engines.chart.sheet import Crowded, Sheet
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
        lettering = Lettering()
        for layout, roomier in enumerate(_layouts(_above_bitmaps(spec))):
            sheet = Sheet(roomier, lettering)
            try:
                marks = lay_out(sheet)
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


def lay_out(sheet: Sheet) -> list[Marks]:
    """Return the marks of a sheet on which all has its place.

    Raises:
        Crowded: something has none.
    """
    spec = sheet.spec
    room = Room(sheet)
    lay_texts(sheet, room)
    lay_legend(sheet, room)
    if spec.round:
        x0, y0, x1, y1 = sheet.plot = room.left
        if x1 - x0 < 10 * sheet.em or y1 - y0 < 7 * sheet.em:
            raise Crowded("no room for the plot")
        marks = [lay_sectors(sheet, 1.12 if spec.style.marks.pie_names == "legend" else 1.25)]
        lay_sector_texts(sheet, marks[0])
    else:
        lay_axes(sheet, room)
        _check_resolution(sheet)
        marks = lay_marks(sheet)
        if spec.labels:
            lay_labels(sheet, marks)
    if sheet.legend is not None and sheet.legend.place == "inside":
        put_legend_inside(sheet, marks)
    _check_places(sheet, marks)
    return marks


def _check_resolution(sheet: Sheet) -> None:
    """Refuse an axis that is too short for values to be read from it."""
    for number, resolution in enumerate(sheet.spec.resolution):
        scale = sheet.values(number)
        if abs(scale.px(resolution) - scale.px(0.0)) < LEAST_RESOLUTION_PX:
            raise Crowded("values cannot be read from the axis")


def _check_places(sheet: Sheet, marks: list[Marks]) -> None:
    """Refuse texts that are cut off, or stand on each other or on others' bars."""
    # The legend's own names got their places with it.
    inner = {id(text) for text in sheet.legend.texts} if sheet.legend is not None else set()
    boxes = [text.box() for text in sheet.texts() if id(text) not in inner]
    cut = first_outside(boxes, sheet.style.width_px, sheet.style.height_px)
    if cut is not None:
        raise Crowded("text beyond the edge", cut.name)
    met = first_overlap(boxes)
    if met is not None:
        raise Crowded("overlapping text", f"{met[0].name} and {met[1].name}")
    if not sheet.spec.round and sheet.labels:
        _check_labels_on_bars(sheet, marks)
    _check_legend(sheet, boxes)


def _check_labels_on_bars(sheet: Sheet, marks: list[Marks]) -> None:
    """Refuse values that stand on another bar than their own."""
    bars = {
        (number, category): box
        for number, mark in enumerate(marks)
        for category, box in mark.rectangles.items()
    }
    if not bars:
        return
    places = np.array(list(bars.values()))
    for at, text in sheet.labels.items():
        if sheet.spec.series[at[0]].line:
            continue
        x0, y0, x1, y1 = text.extent()
        met = (x0 + 1 < places[:, 2]) & (places[:, 0] < x1 - 1)
        met &= (y0 + 2 < places[:, 3]) & (places[:, 1] < y1 - 2)
        if any(other != at for other, on in zip(bars, met, strict=True) if on):
            raise Crowded("a value on another bar", text.text)


def _check_legend(sheet: Sheet, boxes: list[TextBox]) -> None:
    """Refuse a legend on which other texts stand."""
    if sheet.legend is None:
        return
    x0, y0, x1, y1 = sheet.legend.box
    if min(x0, y0) < 0 or x1 > sheet.style.width_px or y1 > sheet.style.height_px:
        raise Crowded("legend beyond the edge")
    for box in boxes:
        corners = box.corners(-1.0)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        if x0 < right and left < x1 and y0 < bottom and top < y1:
            raise Crowded("text on the legend", box.name)


def _finish(sheet: Sheet, marks: list[Marks], layout: int) -> DrawnChart:
    """Return the picture of a laid-out sheet, and what it shows."""
    style = sheet.style
    pen = Pen(style.width_px, style.height_px, style.background)
    if not sheet.spec.round:
        draw_ground(sheet, pen)
    draw_fills(sheet, marks, pen)
    if not sheet.spec.round:
        draw_frame(sheet, pen)
        draw_lines(sheet, marks, pen)
    draw_legend(sheet, marks, pen)
    texts = sheet.texts()
    for text in texts:
        text.draw(pen)
    pixels = pen.pixels()
    words = ink_words([text.box() for text in texts], pixels)
    meta = {"layout": layout, "width_px": pixels.shape[1], "height_px": pixels.shape[0]}
    return DrawnChart(Image.fromarray(pixels), read_back(sheet, marks), words, meta)
