"""Values beside their marks, and the names and values of sectors."""

import math

from vary.data.engines.chart.boxes import VALUE_SLACK, Sector, beyond_sector
from vary.data.engines.chart.marks import Marks
from vary.data.engines.chart.sheet import Crowded, Sheet
from vary.data.engines.chart.style import Rgb, contrast
from vary.data.engines.chart.text import Rect, Text

# Between a mark and its number, in ems.
GAP_EM = 0.3
DARK: Rgb = (20, 20, 20)
LIGHT: Rgb = (255, 255, 255)
# A number stands in a mark only where it is read without effort.
LEAST_CONTRAST = 90.0


def lay_labels(sheet: Sheet, marks: list[Marks]) -> None:
    """Put each value beside its mark; where it stands follows the style and the room.

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
    box, fill = mark.rectangles[category], mark.colors[category]
    text = series.form.format(value)
    rotation = 0 if spec.horizontal else look.label_rotation
    place = look.label_place
    plain = not any(sheet.style.marks.hatches)
    if place != "end" and not (plain and _fits(sheet, box, text, rotation)):
        if spec.stacked:
            raise Crowded("no room for a value in its bar", text)
        place = "end"
    sign = -1 if value < 0 else 1
    x, y = mark.tops[category]
    if place == "center":
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
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
    mine = marks[number].colors[0]
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
) -> Text:
    """Return a label near a point; layout is shift, align along the values, rotation, colour."""
    shift, align, rotation, color = layout
    look = sheet.style.text
    label = sheet.text(text, look.label_scale, color=color, degrees=rotation)
    if sheet.spec.horizontal:
        label.x, label.y, label.along = point[0] + shift, point[1], "middle"
        label.across = {"start": "left", "end": "right"}.get(align, "center")  # type: ignore[assignment]
    else:
        label.x, label.y, label.across = point[0], point[1] - shift, "center"
        label.along = {"start": "bottom", "end": "top"}.get(align, "middle")  # type: ignore[assignment]
    # Lines run through numbers unless these stand on a plate.
    on_line = sheet.spec.kind in {"line", "lines", "area", "composite"}
    if on_line and sheet.spec.series[-1].axis == axis:
        label.plate = sheet.style.plot
    return label


def _fits(sheet: Sheet, box: Rect, text: str, rotation: int) -> bool:
    """Whether a label has room within a bar."""
    scale = sheet.style.text.label_scale
    wide, high = sheet.font(scale).width(text), sheet.em * scale * 1.25
    if rotation:
        wide, high = high, wide
    x0, y0, x1, y1 = box
    gap = 2 * GAP_EM * sheet.em if not sheet.spec.stacked else 0.0
    along = (gap, 0.0) if sheet.spec.horizontal else (0.0, gap)
    return x1 - x0 > wide + along[0] + 2 and y1 - y0 > high + along[1]


def _readable(sheet: Sheet, color: Rgb) -> bool:
    return contrast(color, sheet.style.plot) >= LEAST_CONTRAST


def lay_sector_texts(sheet: Sheet, mark: Marks) -> None:
    """Put names and values of sectors: beside them or in them, names maybe in the legend.

    Raises:
        Crowded: a name is too long to stand beside its sector.
    """
    spec, look = sheet.spec, sheet.style.marks
    series = spec.series[0]
    inside = look.pie_values == "inside" or look.pie_names == "legend"
    for number, (name, value) in enumerate(zip(spec.categories, series.values, strict=True)):
        shown = series.form.format(value)
        if inside:
            share = (1 + look.pie_hole) / 2 if look.pie_hole else 0.72
            _check_sector(sheet, mark, number, shown, share)
            x, y = _from_middle(sheet, mark, number, share + look.pie_apart)
            sheet.labels[0, number] = sheet.text(
                shown, sheet.style.text.label_scale, x=x, y=y, across="center", along="middle",
                color=readable_on(look.colors[number]),
            )  # fmt: skip
        if look.pie_names == "outside":
            sheet.sector_names[number] = _sector_name(
                sheet, mark, number, (name, "" if inside else shown)
            )


def _from_middle(sheet: Sheet, mark: Marks, number: int, share: float) -> tuple[float, float]:
    """Return the point at a share of the radius, in the middle of a sector's angle."""
    x0, y0, x1, y1 = sheet.plot
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    top = mark.tops[number]
    return middle[0] + share * (top[0] - middle[0]), middle[1] + share * (top[1] - middle[1])


def _check_sector(sheet: Sheet, mark: Marks, number: int, text: str, share: float) -> None:
    """Refuse numbers without room in their sector, in which they stand at a share of its radius."""
    begin, end = (math.radians(edge) for edge in mark.sectors[number][:2])
    hole, scale = sheet.style.marks.pie_hole, sheet.style.text.label_scale
    width, size = sheet.font(scale).width(text), sheet.em * scale
    radius = share * mark.radius
    arc_px, ring_px = (end - begin) * radius, mark.radius * (1 - hole)
    sector = Sector(begin, end, hole * mark.radius, mark.radius)
    is_beyond = beyond_sector(sector, width, size, radius) > VALUE_SLACK * size
    if is_beyond or arc_px < sheet.em * 1.25 or min(arc_px, ring_px) < width * 0.75:
        raise Crowded("no room for a value in its sector", text)


def _sector_name(sheet: Sheet, mark: Marks, number: int, told: tuple[str, str]) -> Text:
    """Return a name beside a sector, with its value where that stands there too."""
    name, shown = told
    wrapped = sheet.wrap(name, 9.5 * sheet.em, sheet.font())
    joint = "\n" if "\n" in wrapped or sheet.style.text.label_boxed else " "
    text = f"{wrapped}{joint}{shown}" if shown else wrapped
    x, y = _from_middle(sheet, mark, number, 1.08 + sheet.style.marks.pie_apart)
    x0, y0, x1, y1 = sheet.plot
    right = mark.tops[number][0] >= (x0 + x1) / 2
    up = ((y0 + y1) / 2 - mark.tops[number][1]) / mark.radius
    along = "middle" if abs(up) < 0.75 else ("bottom" if up > 0 else "top")
    side = "left" if right else "right"
    return sheet.text(text, x=x, y=y, across=side, along=along, align=side)
