"""Title, note, legend, axes and ticks of a sheet, and the room that they leave."""

from typing import Any

import numpy as np

from vary.data.engines.chart.marks import Marks
from vary.data.engines.chart.sheet import Crowded, Sheet, pyplot_free, unit

SIDES = {"l": "left", "b": "bottom", "r": "right", "t": "top"}
# Space around a legend's entries: handle, gap and column space, in ems.
ENTRY_EM = 4.2
# Sizes over that of names and ticks.
LEGEND_SCALE, NOTE_SCALE = 0.95, 0.9
SMALLEST_SCALE = min(LEGEND_SCALE, NOTE_SCALE)


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
    def left(self) -> tuple[float, float, float, float]:
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


def draw_texts(sheet: Sheet, room: Room) -> None:
    """Write title and note.

    Raises:
        Crowded: the title is too long.
    """
    spec, style = sheet.spec, sheet.style
    if spec.note:
        options = sheet.text_options(NOTE_SCALE)
        sheet.note = _put(sheet, spec.note, (room.x0, room.y1, "left", "bottom"), options)
        _, y0, _, y1 = sheet.extent(sheet.note)
        room.take_bottom(y1 - y0)
    if spec.title:
        options = sheet.text_options(style.text.title_scale, style.text.title_face)
        text = sheet.wrap(spec.title, 0.96 * (room.x1 - room.x0), options["fontproperties"])
        left = style.text.title_align == "left"
        x = room.x0 if left else (room.x0 + room.x1) / 2
        align = "left" if left else "center"
        edge = (room.y1, "bottom") if style.text.title_below else (room.y0, "top")
        sheet.title = _put(sheet, text, (x, edge[0], align, edge[1]), options)
        _, y0, _, y1 = sheet.extent(sheet.title)
        take = room.take_bottom if style.text.title_below else room.take_top
        take(y1 - y0)


def draw_legend(sheet: Sheet, marks: list[Marks], room: Room) -> None:
    """Draw the legend where there are several series, or sectors that are named by it.

    Raises:
        Crowded: it is wider than the sheet.
    """
    handles, names = _entries(sheet, marks)
    if not names:
        return
    style = sheet.style
    place = "right" if sheet.spec.round and style.legend == "inside" else style.legend
    font = sheet.font(LEGEND_SCALE)
    inner = room.x1 - room.x0
    widths = [sheet.width_of(name, font) + ENTRY_EM * sheet.em for name in names]
    columns = 1
    if place in {"top", "bottom"}:
        columns = max(1, min(len(names), int(inner // max(widths))))
    anchor: dict[str, Any] = {
        "top": ("upper center", (room.x0 + room.x1) / 2, room.y0),
        "bottom": ("lower center", (room.x0 + room.x1) / 2, room.y1),
        "right": ("center right", room.x1, (room.y0 + room.y1) / 2),
        "inside": ("upper right", room.x1, room.y0),
    }
    corner, x, y = anchor[place]
    legend = sheet.figure.legend(
        handles,
        names,
        loc=corner,
        bbox_to_anchor=(x, style.height_px - y),
        bbox_transform=pyplot_free("transforms").IdentityTransform(),
        borderaxespad=0.0,
        ncols=columns,
        prop=font,
        labelcolor=unit(style.text.color),
        frameon=style.legend_framed or place == "inside",
        facecolor=unit(style.plot if place == "inside" else style.background),
        edgecolor=unit(style.frame_color) if style.legend_framed else "none",
        framealpha=1.0,
        fancybox=False,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    sheet.legend = legend
    x0, y0, x1, y1 = sheet.extent(legend)
    if x1 - x0 > inner or y1 - y0 > 0.8 * (room.y1 - room.y0):
        raise Crowded("no room for the legend")
    if place == "top":
        room.take_top(y1 - y0)
    elif place == "bottom":
        room.take_bottom(y1 - y0)
    elif place == "right":
        room.take_right(x1 - x0)


def _entries(sheet: Sheet, marks: list[Marks]) -> tuple[list[Any], list[str]]:
    """Return the handles and names of a legend; none where the chart needs no legend."""
    spec = sheet.spec
    if spec.round:
        named = sheet.style.marks.pie_names == "legend"
        return (marks[0].handle, list(spec.categories)) if named else ([], [])
    if len(spec.series) == 1:
        return [], []
    return [mark.handle for mark in marks], [series.name for series in spec.series]


def draw_axes(sheet: Sheet, room: Room) -> None:
    """Draw ticks, their numbers and names, the grid, the frame and the names of the axes."""
    spec, look = sheet.spec, sheet.style.axes
    main = sheet.axes
    for number, axis in enumerate(spec.axes):
        axes = sheet.axis_of(number)
        options = sheet.text_options()
        places = axis.ticks
        told = [axis.form.format(place) for place in places]
        if spec.horizontal:
            axes.set_xlim(axis.low, axis.high)
            axes.set_xticks(places, told, **options)
            axes.set_xlabel(axis.title, **options)
        else:
            axes.set_ylim(axis.low, axis.high)
            axes.set_yticks(places, told, **options)
            axes.set_ylabel(axis.title, **options)
        if not look.values_shown:
            (axes.set_xticks if spec.horizontal else axes.set_yticks)([])
    _draw_categories(sheet, room)
    for axes in (main, sheet.second):
        if axes is not None:
            _draw_frame(sheet, axes)
    grid = {"color": unit(sheet.style.grid_color), "linestyle": look.grid_line}
    value_side, category_side = ("x", "y") if spec.horizontal else ("y", "x")
    sides = {"values": [value_side], "categories": [category_side], "": []}
    main.set_axisbelow(True)
    for side in sides.get(look.grid, [value_side, category_side]):
        main.grid(visible=True, axis=side, linewidth=look.grid_px, **grid)


def _draw_categories(sheet: Sheet, room: Room) -> None:
    """Write the categories' names, broken to the room that each has."""
    spec, style = sheet.spec, sheet.style
    options = sheet.text_options()
    font, num = options["fontproperties"], len(spec.categories)
    margin = 0.5 if any(not series.line for series in spec.series) else 0.35
    if spec.kind in {"area", "stacked-area"}:
        margin = 0.4 if spec.labels else 0.0
    if spec.kind in {"line", "lines"}:
        margin = 0.5 if spec.labels else 0.3
    ends = (-margin, num - 1 + margin)
    rotation = style.text.category_rotation
    if spec.horizontal:
        width = 0.32 * (room.x1 - room.x0)
        names = [sheet.wrap(name, width, font, 2) for name in spec.categories]
        sheet.axes.set_ylim(*(reversed(ends) if style.axes.reversed else ends))
        sheet.axes.set_yticks(range(num), names, multialignment="right", **options)
        sheet.axes.set_ylabel(spec.category_title, **sheet.text_options())
        return
    slot = 0.84 * (room.x1 - room.x0) / num
    if rotation == 0:
        names = [sheet.wrap(name, slot * 0.94, font) for name in spec.categories]
    else:
        longest = 0.42 * (room.y1 - room.y0)
        names = [sheet.wrap(name, longest, font, 1) for name in spec.categories]
    turned = {"rotation": rotation, "ha": "center" if rotation in {0, 90} else "right"}
    if rotation not in {0, 90}:
        turned["rotation_mode"] = "anchor"
    sheet.axes.set_xlim(*ends)
    sheet.axes.set_xticks(range(num), names, **turned, **options)
    sheet.axes.set_xlabel(spec.category_title, **sheet.text_options())


def _draw_frame(sheet: Sheet, axes: Any) -> None:
    look, color = sheet.style.axes, unit(sheet.style.frame_color)
    second = axes is sheet.second
    for letter, side in SIDES.items():
        shown = letter in look.frame or (second and letter == "r")
        axes.spines[side].set_visible(shown)
        axes.spines[side].set_color(color)
        axes.spines[side].set_linewidth(look.frame_px)
    length = 0.0 if look.ticks == "none" else 0.3 * sheet.em
    axes.tick_params(
        length=length,
        width=look.frame_px,
        color=color,
        direction="in" if look.ticks == "in" else "out",
        pad=0.35 * sheet.em,
    )
    axes.xaxis.labelpad = axes.yaxis.labelpad = 0.45 * sheet.em


def put_legend_inside(sheet: Sheet, marks: list[Marks]) -> None:
    """Move the legend into a corner of the plot where nothing is.

    Raises:
        Crowded: there is none.
    """
    x0, y0, x1, y1 = sheet.extent(sheet.legend)
    width, height = x1 - x0, y1 - y0
    left, top, right, bottom = sheet.extent(sheet.axes)
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
            sheet.legend.set_loc("upper left")
            sheet.legend.set_bbox_to_anchor(
                (x, sheet.style.height_px - y), pyplot_free("transforms").IdentityTransform()
            )
            sheet.legend.set_zorder(10)
            return
    raise Crowded("no room for the legend in the plot")


def _taken(sheet: Sheet, marks: list[Marks]) -> np.ndarray:
    """Return the boxes of marks and labels: (N, 4) floats, x0, y0, x1, y1 in pixels."""
    boxes = [sheet.extent(text) for text in sheet.labels.values()]
    base = sheet.extent(sheet.axes)[3]
    for series, mark in zip(sheet.spec.series, marks, strict=True):
        boxes += [sheet.extent(patch) for patch in mark.rectangles.values()]
        if mark.rectangles:
            continue
        values = np.array(series.values)
        if sheet.spec.stacked:
            values = np.sum([other.values for other in sheet.spec.series], axis=0)
        fine = np.linspace(0, len(values) - 1, 12 * (len(values) - 1) + 1)
        points = np.stack([fine, np.interp(fine, np.arange(len(values)), values)], axis=1)
        places = sheet.axis_of(series.axis).transData.transform(points)
        xs, ys = places[:, 0], sheet.style.height_px - places[:, 1]
        floor = np.full(len(xs), base) if "area" in sheet.spec.kind else ys + 2
        boxes += list(zip(xs - 2, ys - 2, xs + 2, floor, strict=True))
    return np.array(boxes, float).reshape(-1, 4)


def _put(
    sheet: Sheet, text: str, place: tuple[float, float, str, str], options: dict[str, Any]
) -> Any:
    """Return a text at pixels from the upper left corner; place is x, y and both alignments."""
    x, y, across, along = place
    width, height = sheet.style.width_px, sheet.style.height_px
    return sheet.figure.text(x / width, 1 - y / height, text, ha=across, va=along, **options)
