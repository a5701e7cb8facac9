"""Title, note and legend of a sheet, and the room that they leave."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vary.data.engines.chart.marks import Marks, line_of_points
from vary.data.engines.chart.pen import Pen
from vary.data.engines.chart.sheet import Crowded, Sheet
from vary.data.engines.chart.style import Rgb
from vary.data.engines.chart.text import Rect, Text

# Sizes over that of names and ticks.
LEGEND_SCALE, NOTE_SCALE = 0.95, 0.9
SMALLEST_SCALE = min(LEGEND_SCALE, NOTE_SCALE)
# Of a legend, over the size of its letters: handles, gaps, between columns and rows, at the edge.
HANDLE_EM, HANDLE_HIGH_EM, HANDLE_GAP_EM = 2.0, 0.7, 0.8
COLUMN_GAP_EM, ROW_GAP_EM, EDGE_EM = 2.0, 0.5, 0.4
ENTRY_EM = 4.2


class Room:
    """The part of a sheet that is not yet taken, in pixels from the upper left corner.

    Args:
        sheet: what it is a part of.
    """

    def __init__(self, sheet: Sheet) -> None:
        style, pad = sheet.style, sheet.style.padding_px
        self._gap = 0.5 * sheet.em
        self.x0, self.y0 = pad, pad
        self.x1, self.y1 = style.width_px - pad, style.height_px - pad

    @property
    def left(self) -> Rect:
        """The box that is left."""
        return self.x0, self.y0, self.x1, self.y1

    def take_top(self, height: float) -> float:
        """Return the upper edge of a strip that is taken away at the top."""
        self.y0 += height + self._gap
        return self.y0 - height - self._gap

    def take_bottom(self, height: float) -> float:
        """Return the lower edge of a strip that is taken away at the bottom."""
        self.y1 -= height + self._gap
        return self.y1 + height + self._gap

    def take_right(self, width: float) -> float:
        """Return the right edge of a strip that is taken away at the right."""
        self.x1 -= width + 2 * self._gap
        return self.x1 + width + 2 * self._gap


def lay_texts(sheet: Sheet, room: Room) -> None:
    """Write title and note.

    Raises:
        Crowded: the title is too long.
    """
    spec, style = sheet.spec, sheet.style
    if spec.note:
        left = style.text.note_align == "left"
        sheet.note = sheet.text(
            spec.note,
            NOTE_SCALE,
            x=room.x0 if left else room.x1,
            y=room.y1,
            across=style.text.note_align,
            along="bottom",
        )
        room.take_bottom(sheet.note.size[1])
    if spec.title:
        font = sheet.font(style.text.title_scale, style.text.title_face)
        text = sheet.wrap(spec.title, 0.96 * (room.x1 - room.x0), font)
        left = style.text.title_align == "left"
        sheet.title = sheet.text(
            text,
            font=font,
            x=room.x0 if left else (room.x0 + room.x1) / 2,
            y=room.y1 if style.text.title_below else room.y0,
            across="left" if left else "center",
            along="bottom" if style.text.title_below else "top",
        )
        take = room.take_bottom if style.text.title_below else room.take_top
        take(sheet.title.size[1])


@dataclass
class Legend:
    """Names of series or sectors, each beside a handle of its look.

    Attributes:
        texts: the names.
        handles: series and category that each is of.
        columns: how many.
        place: on the sheet, or in the plot.
        box: x0, y0, x1, y1 with its frame.
        em: size of its letters.
    """

    texts: list[Text]
    handles: list[tuple[int, int]]
    columns: int
    place: Literal["top", "bottom", "right", "inside"]
    box: Rect
    em: float

    @property
    def rows(self) -> int:
        """How many names the fullest column has."""
        return -(-len(self.texts) // self.columns)

    def measure(self) -> tuple[float, float]:
        """Return its width and height."""
        width = sum(self._widths()) + (self.columns - 1) * COLUMN_GAP_EM * self.em
        height = self.rows * self._row() + (self.rows - 1) * ROW_GAP_EM * self.em
        return width + 2 * EDGE_EM * self.em, height + 2 * EDGE_EM * self.em

    def put(self, x: float, y: float) -> None:
        """Put its upper left corner at a point, and its names with it."""
        width, height = self.measure()
        self.box = (x, y, x + width, y + height)
        row, left = self._row() + ROW_GAP_EM * self.em, x + EDGE_EM * self.em
        for texts, wide in zip(self._split(), self._widths(), strict=True):
            for number, text in enumerate(texts):
                text.x = left + (HANDLE_EM + HANDLE_GAP_EM) * self.em
                text.y = y + EDGE_EM * self.em + number * row + self._row() / 2
                text.across, text.along = "left", "middle"
            left += wide + COLUMN_GAP_EM * self.em

    def _row(self) -> float:
        return self.em * 1.05

    def _split(self) -> list[list[Text]]:
        """Return the names of each column: they run down the columns."""
        parts = np.array_split(np.arange(len(self.texts)), self.columns)
        return [[self.texts[int(at)] for at in part] for part in parts]

    def _widths(self) -> list[float]:
        handle = (HANDLE_EM + HANDLE_GAP_EM) * self.em
        return [handle + max(text.size[0] for text in texts) for texts in self._split()]


def lay_legend(sheet: Sheet, room: Room) -> None:
    """Lay the legend out where there are several series, or sectors that are named by it.

    Raises:
        Crowded: it is wider than the sheet.
    """
    names, handles = _entries(sheet)
    if not names:
        return
    style = sheet.style
    place = "right" if sheet.spec.round and style.legend == "inside" else style.legend
    font = sheet.font(LEGEND_SCALE)
    inner = room.x1 - room.x0
    columns = 1
    if place in {"top", "bottom"}:
        widest = max(map(font.width, names)) + ENTRY_EM * sheet.em
        columns = max(1, min(len(names), int(inner // widest)))
    texts = [sheet.text(name, font=font) for name in names]
    legend = Legend(texts, handles, columns, place, (0, 0, 0, 0), font.size_px)
    width, height = legend.measure()
    if width > inner or height > 0.8 * (room.y1 - room.y0):
        raise Crowded("no room for the legend")
    middle = (room.x0 + room.x1 - width) / 2
    if place == "top":
        legend.put(middle, room.take_top(height))
    elif place == "bottom":
        legend.put(middle, room.take_bottom(height) - height)
    elif place == "right":
        y = (room.y0 + room.y1 - height) / 2
        legend.put(room.take_right(width) - width, y)
    sheet.legend = legend


def _entries(sheet: Sheet) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the names of a legend and what each is of; none where the chart needs no legend."""
    spec = sheet.spec
    if spec.round:
        named = sheet.style.marks.pie_names == "legend"
        return list(spec.categories) if named else [], [
            (0, at) for at in range(len(spec.categories))
        ]
    if len(spec.series) == 1:
        return [], []
    return [series.name for series in spec.series], [(at, 0) for at in range(len(spec.series))]


def put_legend_inside(sheet: Sheet, marks: list[Marks]) -> None:
    """Put the legend into a corner of the plot where nothing is.

    Raises:
        Crowded: there is none.
    """
    width, height = sheet.legend.measure()
    left, top, right, bottom = sheet.plot
    gap = 0.4 * sheet.em
    taken = _taken(sheet, marks)
    corners = {
        "upper right": (right - gap - width, top + gap),
        "upper left": (left + gap, top + gap),
        "lower right": (right - gap - width, bottom - gap - height),
        "lower left": (left + gap, bottom - gap - height),
    }
    for x, y in corners.values():
        meets = (
            (taken[:, 0] < x + width + gap)
            & (taken[:, 2] > x - gap)
            & (taken[:, 1] < y + height + gap)
            & (taken[:, 3] > y - gap)
        )
        if not meets.any() and x > left and y + height < bottom and y > top:
            sheet.legend.put(x, y)
            return
    raise Crowded("no room for the legend in the plot")


def draw_legend(sheet: Sheet, marks: list[Marks], pen: Pen) -> None:
    """Draw the legend's frame and handles; its names are drawn with all other texts."""
    legend, style = sheet.legend, sheet.style
    if legend is None:
        return
    inside = legend.place == "inside"
    if style.legend_framed or inside:
        ground = style.plot if inside else style.background
        edge = style.frame_color if style.legend_framed else None
        pen.rectangle(legend.box, ground, edge=edge, edge_px=1.0 if edge else 0.0)
    for (number, category), text in zip(legend.handles, legend.texts, strict=True):
        mark = marks[number]
        x1 = text.x - HANDLE_GAP_EM * legend.em
        x0 = x1 - HANDLE_EM * legend.em
        high = HANDLE_HIGH_EM * legend.em
        if mark.points is not None:
            line_of_points(sheet, pen, number, np.array([(x0, text.y), (x1, text.y)]), middle=True)
            continue
        fill: Rgb = mark.colors[category]
        pen.rectangle((x0, text.y - high / 2, x1, text.y + high / 2), fill, **mark.look)


def _taken(sheet: Sheet, marks: list[Marks]) -> np.ndarray:
    """Return the boxes of marks and labels: (N, 4) floats, x0, y0, x1, y1 in pixels."""
    boxes = [text.extent() for text in sheet.labels.values()]
    base = sheet.plot[3]
    for mark in marks:
        boxes += mark.rectangles.values()
        line = mark.points if mark.points is not None else mark.upper
        if line is None:
            continue
        fine = np.linspace(0, len(line) - 1, 12 * (len(line) - 1) + 1)
        xs, ys = (np.interp(fine, np.arange(len(line)), line[:, side]) for side in (0, 1))
        floor = ys + 2 if mark.upper is None else np.full(len(xs), base)
        boxes += list(zip(xs - 2, ys - 2, xs + 2, floor, strict=True))
    return np.array(boxes, float).reshape(-1, 4)
