"""Values beside their marks, and the names and values of sectors."""

from typing import Any

import numpy as np

from vary.data.engines.chart.marks import Marks
from vary.data.engines.chart.sheet import Crowded, Sheet, unit
from vary.data.engines.chart.style import Rgb, contrast

# Between a mark and its number, in ems.
GAP_EM = 0.3
DARK: Rgb = (20, 20, 20)
LIGHT: Rgb = (255, 255, 255)
# A number stands in a mark only where it is read without effort.
LEAST_CONTRAST = 90.0


def draw_labels(sheet: Sheet, marks: list[Marks]) -> None:
    """Write each value beside its mark; where it stands follows the style and the room.

    Raises:
        Crowded: a label fits nowhere.
    """
    lines = [number for number, mark in enumerate(marks) if not mark.rectangles]
    for number, mark in enumerate(marks):
        for category in mark.tops:
            if mark.rectangles:
                _bar_label(sheet, mark, (number, category))
            else:
                _point_label(sheet, marks, (number, category), lines)


def readable_on(ground: Rgb) -> Rgb:
    """Return dark or light, whichever is told better from a ground."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, ground))


def _bar_label(sheet: Sheet, mark: Marks, at: tuple[int, int]) -> None:
    spec, look = sheet.spec, sheet.style.text
    series, category = spec.series[at[0]], at[1]
    value = series.values[category]
    patch = mark.rectangles[category]
    fill = tuple(round(part * 255) for part in patch.get_facecolor()[:3])
    text = series.form.format(value)
    rotation = 0 if spec.horizontal else look.label_rotation
    place = look.label_place
    plain = not any(sheet.style.marks.hatches)
    if place != "end" and not (plain and _fits(sheet, patch, text, rotation)):
        if spec.stacked:
            raise Crowded("no room for a value in its bar", text)
        place = "end"
    sign = -1 if value < 0 else 1
    x, y = mark.tops[category]
    if place == "center":
        box = patch.get_bbox()
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        shift, align = 0.0, "center"
    else:
        inside = -1 if place == "inside" else 1
        shift = sign * inside * GAP_EM * sheet.em
        align = "start" if sign * inside > 0 else "end"
    color = look.color if place == "end" else readable_on(fill)
    if place == "end" and look.label_colored and _readable(sheet, fill):
        color = fill
    sheet.labels[at] = _write(sheet, text, (x, y), (shift, align, rotation, color), series.axis)


def _point_label(sheet: Sheet, marks: list[Marks], at: tuple[int, int], lines: list[int]) -> None:
    """Write a value over its point, or under it where a line comes from above."""
    spec, look = sheet.spec, sheet.style.text
    number, category = at
    series = spec.series[number]
    value = series.values[category]
    others = [spec.series[other].values[category] for other in lines if other != number]
    around = series.values[max(category - 1, 0) : category + 2]
    if others:
        under = value < max(others) or (value == max(others) and number != lines[0])
    else:
        under = spec.kind == "line" and value < sum(around) / len(around)
    shift = (-1 if under else 1) * (GAP_EM * sheet.em + sheet.style.marks.marker_px / 2)
    mine = marks[number].color
    color = mine if look.label_colored and _readable(sheet, mine) else look.color
    layout = (shift, "end" if under else "start", 0, color)
    text = series.form.format(value)
    sheet.labels[at] = _write(sheet, text, marks[number].tops[category], layout, series.axis)


def _write(
    sheet: Sheet,
    text: str,
    point: tuple[float, float],
    layout: tuple[float, str, int, Rgb],
    axis: int,
) -> Any:
    """Return a label near a point; layout is shift, align along the values, rotation, colour."""
    shift, align, rotation, color = layout
    look = sheet.style.text
    options = sheet.text_options(look.label_scale) | {"color": unit(color), "zorder": 6}
    if sheet.spec.horizontal:
        offset, across = (shift, 0.0), {"start": "left", "end": "right"}.get(align, "center")
        options |= {"ha": across, "va": "center_baseline"}
    else:
        offset, along = (0.0, shift), {"start": "bottom", "end": "top"}.get(align, "center")
        options |= {"ha": "center", "va": along}
    plates = {"area", "composite"} | ({"line", "lines"} if look.label_boxed else set())
    if sheet.spec.kind in plates and sheet.spec.series[-1].axis == axis:
        options["bbox"] = {"facecolor": unit(sheet.style.plot), "linewidth": 0, "pad": 1.0}
    return sheet.axis_of(axis).annotate(
        text,
        xy=point,
        xytext=offset,
        textcoords="offset points",
        rotation=rotation,
        annotation_clip=False,
        **options,
    )


def _fits(sheet: Sheet, patch: Any, text: str, rotation: int) -> bool:
    """Whether a label has room within a bar."""
    font = sheet.font(sheet.style.text.label_scale)
    wide, high = sheet.width_of(text, font), sheet.em * sheet.style.text.label_scale * 1.25
    if rotation:
        wide, high = high, wide
    x0, y0, x1, y1 = sheet.extent(patch)
    gap = 2 * GAP_EM * sheet.em if not sheet.spec.stacked else 0.0
    along = (gap, 0.0) if sheet.spec.horizontal else (0.0, gap)
    return x1 - x0 > wide + along[0] + 2 and y1 - y0 > high + along[1]


def _readable(sheet: Sheet, color: Rgb) -> bool:
    return contrast(color, sheet.style.plot) >= LEAST_CONTRAST


def draw_sector_texts(sheet: Sheet, mark: Marks) -> None:
    """Write names and values of sectors: beside them or in them, names maybe in the legend.

    Raises:
        Crowded: a name is too long to stand beside its sector.
    """
    spec, look = sheet.spec, sheet.style.marks
    series = spec.series[0]
    inside = look.pie_values == "inside" or look.pie_names == "legend"
    for number, (name, value) in enumerate(zip(spec.categories, series.values, strict=True)):
        x, y = mark.tops[number]
        shown = series.form.format(value)
        if inside:
            radius = (1 + look.pie_hole) / 2 if look.pie_hole else 0.72
            middle = radius + look.pie_apart
            _check_sector(sheet, shown, value / sum(series.values), radius)
            color = readable_on(look.colors[number])
            sheet.labels[0, number] = sheet.axes.text(
                x * middle, y * middle, shown, ha="center", va="center",
                **(sheet.text_options(sheet.style.text.label_scale) | {"color": unit(color)}),
            )  # fmt: skip
        if look.pie_names == "outside":
            sheet.sector_names[number] = _sector_name(sheet, name, "" if inside else shown, (x, y))


def _check_sector(sheet: Sheet, text: str, share: float, radius: float) -> None:
    """Refuse numbers that are wider than their sector where they stand."""
    size = min(sheet.extent(sheet.axes)[2:][0] - sheet.extent(sheet.axes)[0], sheet.style.height_px)
    circle_px = size / (sheet.axes.get_xlim()[1] - sheet.axes.get_xlim()[0])
    width = sheet.width_of(text, sheet.font(sheet.style.text.label_scale))
    ring_px = circle_px * (1 - sheet.style.marks.pie_hole)
    arc_px = 2 * np.pi * share * radius * circle_px
    if arc_px < sheet.em * 1.25 or min(arc_px, ring_px) < width * 0.75:
        raise Crowded("no room for a value in its sector", text)


def _sector_name(sheet: Sheet, name: str, shown: str, at: tuple[float, float]) -> Any:
    """Return a name beside a sector, with its value where that stands there too."""
    x, y = at
    font = sheet.font()
    wrapped = sheet.wrap(name, 9.5 * sheet.em, font)
    joint = "\n" if "\n" in wrapped or sheet.style.text.label_boxed else " "
    text = f"{wrapped}{joint}{shown}" if shown else wrapped
    radius = 1.08 + sheet.style.marks.pie_apart
    return sheet.axes.text(
        x * radius,
        y * radius,
        text,
        ha="left" if x >= 0 else "right",
        va="center" if abs(y) < 0.75 else ("bottom" if y > 0 else "top"),
        multialignment="left" if x >= 0 else "right",
        **sheet.text_options(),
    )
