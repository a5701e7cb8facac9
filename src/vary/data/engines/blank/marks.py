"""What stands on paper without being text: rules, tables, stains, holes, frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vary.data.engines.blank.canvas import (
    Canvas,
    Color,
    between,
    draw_on,
    grid_of,
    size_of,
    smooth_noise,
    tint,
)

RULE_COLORS: tuple[Color, ...] = (
    (150, 175, 215), (120, 150, 200), (170, 170, 170), (120, 120, 120), (200, 150, 150),
    (150, 200, 170), (200, 180, 140),
)  # fmt: skip
INKS: tuple[Color, ...] = (
    (0, 0, 0), (40, 40, 40), (90, 90, 90), (20, 40, 110), (110, 20, 20), (20, 90, 60),
    (120, 90, 30),
)  # fmt: skip
STAIN_COLORS: tuple[Color, ...] = (
    (150, 105, 60), (120, 80, 40), (170, 140, 90), (190, 170, 120), (120, 120, 125),
    (160, 120, 120),
)  # fmt: skip
Segment = tuple[float, float, float, float]


def pick_color(rng: np.random.Generator, colors: Sequence[Color]) -> Color:
    """Return one of some colours."""
    return colors[int(rng.integers(len(colors)))]


def draw_lines(
    canvas: Canvas, lines: Sequence[Segment], color: Color, width_px: float, opacity: float = 1.0
) -> None:
    """Draw straight lines; thinner ones than a pixel are paler instead."""

    def draw(pen: Any, scale: int) -> None:
        for line in lines:
            thick = max(1, round(width_px * scale))
            pen.line([scale * value for value in line], fill=255, width=thick)

    draw_on(canvas, color, draw, opacity * min(1.0, width_px * 2))


def add_ruling(canvas: Canvas, rng: np.random.Generator) -> str:
    """Rule the paper and return how: lines, squares, dots, staves, millimetres, rows of boxes."""
    forms = ("lines", "margin", "squares", "dots", "staves", "millimetres", "columns")
    form = forms[int(rng.integers(len(forms)))]
    color = pick_color(rng, RULE_COLORS)
    thick = between(rng, 0.5, 1.6)
    width, height = size_of(canvas)
    step = between(rng, 0.014, 0.032) * max(width, height)
    bleeds = rng.random() < 0.6
    left, right = (0, width) if bleeds else (width * 0.08, width * 0.92)
    top = height * between(rng, 0.03, 0.14)
    bottom = height * (1.0 if bleeds else between(rng, 0.88, 0.97))
    rows = np.arange(top, bottom, step).tolist()
    across: list[Segment] = [(left, y, right, y) for y in rows]
    if form == "dots":
        _draw_dots(canvas, color, np.arange(left + step, right, step).tolist(), rows)
    elif form == "staves":
        _draw_staves(canvas, rng, color, (width * 0.07, top, width * 0.93, height * 0.95))
    elif form == "millimetres":
        _draw_millimetres(canvas, color, step, (left, top, right, bottom))
    else:
        if form == "squares":
            across += [(x, top, x, bottom) for x in np.arange(left, right, step).tolist()]
        elif form == "columns":
            xs = np.sort(rng.uniform(0.1, 0.9, int(rng.integers(1, 5)))) * width
            across += [(x, top, x, bottom) for x in xs.tolist()]
        draw_lines(canvas, across, color, thick)
        if form == "margin":
            x = width * between(rng, 0.08, 0.16)
            margin: list[Segment] = [(x, 0, x, height)]
            if rng.random() < 0.4:
                margin.append((x + 4, 0, x + 4, height))
            draw_lines(canvas, margin, (225, 120, 120), thick)
    return form


def _draw_dots(canvas: Canvas, color: Color, xs: Sequence[float], ys: Sequence[float]) -> None:
    def draw(pen: Any, scale: int) -> None:
        for x in xs:
            for y in ys:
                box = (x - 1.1, y - 1.1, x + 1.1, y + 1.1)
                pen.ellipse([scale * value for value in box], fill=255)

    draw_on(canvas, color, draw)


def _draw_staves(canvas: Canvas, rng: np.random.Generator, color: Color, box: Segment) -> None:
    left, top, right, bottom = box
    step = (bottom - top) * between(rng, 0.007, 0.011)
    gap = step * between(rng, 9, 14)
    lines = [
        (left, y + line * step, right, y + line * step)
        for y in np.arange(top, bottom - 4 * step, gap).tolist()
        for line in range(5)
    ]
    draw_lines(canvas, lines, color, 1.0)


def _draw_millimetres(canvas: Canvas, color: Color, step: float, box: Segment) -> None:
    left, top, right, bottom = box
    for every, thick, opacity in ((step / 5, 0.6, 0.5), (step, 1.2, 0.9)):
        xs, ys = np.arange(left, right, every).tolist(), np.arange(top, bottom, every).tolist()
        lines = [(x, top, x, bottom) for x in xs] + [(left, y, right, y) for y in ys]
        draw_lines(canvas, lines, color, thick, opacity)


def add_table(canvas: Canvas, rng: np.random.Generator) -> str:
    """Draw the rules of empty tables and forms, and return their form."""
    forms = ("grid", "booktabs", "zebra", "rows", "form", "calendar")
    form = forms[int(rng.integers(len(forms)))]
    width, height = size_of(canvas)
    color = pick_color(rng, INKS)
    tables = 1 if form == "calendar" else int(rng.integers(1, 4))
    top = height * between(rng, 0.05, 0.15)
    for _ in range(tables):
        left, right = width * between(rng, 0.05, 0.15), width * between(rng, 0.7, 0.95)
        bottom = min(height * 0.96, top + height * between(rng, 0.5, 0.8) / tables)
        _draw_table(canvas, rng, form, (left, top, right, bottom), color)
        top = bottom + height * between(rng, 0.02, 0.06)
    return form


def _draw_table(
    canvas: Canvas, rng: np.random.Generator, form: str, box: Segment, color: Color
) -> None:
    left, top, right, bottom = box
    if bottom - top < 20:
        return
    rows = 6 if form == "calendar" else int(rng.integers(3, 26))
    columns = 7 if form == "calendar" else int(rng.integers(2, 9))
    ys = np.linspace(top, bottom, rows + 1).tolist()
    shares = np.cumsum([0.0, *rng.uniform(0.5, 1.8, columns).tolist()])
    if form == "calendar":
        shares = np.arange(8.0)
    xs = (left + (right - left) * shares / shares[-1]).tolist()
    thick = between(rng, 0.7, 2.2)
    if form == "form":
        _draw_form(canvas, rng, (xs, ys), color)
        return
    if form == "zebra" or rng.random() < 0.35:
        shaded = ys[1:-1:2] if form == "zebra" else ys[:1]
        grey = int(rng.integers(200, 240))
        step = ys[1] - ys[0]
        for y in shaded:
            _fill(canvas, (left, y, right, y + step), (grey, grey, min(255, grey + 8)))
    lines: list[Segment] = []
    if form in {"grid", "calendar"}:
        lines += [(x, top, x, bottom) for x in xs]
    if form in {"grid", "calendar", "rows"}:
        lines += [(left, y, right, y) for y in ys]
    if form == "booktabs":
        lines += [(left, ys[1], right, ys[1])]
        draw_lines(canvas, [(left, y, right, y) for y in (top, bottom)], color, thick * 1.8)
    draw_lines(canvas, lines, color, thick)


def _draw_form(
    canvas: Canvas, rng: np.random.Generator, grid: tuple[list[float], list[float]], color: Color
) -> None:
    """Draw boxes to tick and lines to write on."""
    xs, ys = grid
    side = max(8.0, min(0.55 * (ys[1] - ys[0]), 26.0))
    boxes = []
    lines: list[Segment] = []
    for y in ys[:-1]:
        for left, right in zip(xs[:-1:2], xs[1::2], strict=False):
            if rng.random() < 0.4:
                boxes.append((left, y, left + side, y + side))
            else:
                lines.append((left, y + side, right - side, y + side))
    draw_lines(canvas, lines, color, 1.0)

    def draw(pen: Any, scale: int) -> None:
        for box in boxes:
            pen.rectangle([scale * value for value in box], outline=255, width=scale)

    draw_on(canvas, color, draw)


def _fill(canvas: Canvas, box: Segment, color: Color) -> None:
    left, top, right, bottom = (round(value) for value in box)
    tint(canvas[top:bottom, left:right], np.ones((bottom - top, right - left)), color)


def add_stains(canvas: Canvas, rng: np.random.Generator) -> str:
    """Spill something: rings, blots, smudges, drops, sticky tape."""
    forms = ("ring", "blot", "smudge", "drops", "tape", "foxing")
    chosen = [forms[int(rng.integers(len(forms)))] for _ in range(int(rng.integers(1, 4)))]
    width, height = size_of(canvas)
    for form in chosen:
        color = pick_color(rng, STAIN_COLORS)
        center = (between(rng, 0.02, 0.98) * width, between(rng, 0.02, 0.98) * height)
        if form == "ring":
            _ring(canvas, rng, center, color)
        elif form == "tape":
            _tape(canvas, rng, center)
        elif form == "drops":
            _drops(canvas, rng, color)
        else:
            scale = {"blot": 0.12, "smudge": 0.3, "foxing": 0.02}[form] * width
            _patches(canvas, rng, scale, color)
    return ", ".join(chosen)


def _ring(
    canvas: Canvas, rng: np.random.Generator, center: tuple[float, float], color: Color
) -> None:
    """Leave the ring of a cup: darker at its rim, broken, with a pale middle."""
    size = size_of(canvas)
    x, y = grid_of(size)
    radius = between(rng, 0.06, 0.2) * size[0]
    wobble = smooth_noise(rng, size, radius) * np.float32(0.015)
    distance = np.sqrt((x - np.float32(center[0])) ** 2 + (y - np.float32(center[1])) ** 2)
    distance = distance / np.float32(radius) + wobble
    thick = between(rng, 0.04, 0.13)
    rim = np.clip(1 - np.abs(distance - 1) / np.float32(thick), 0, 1)
    gaps = np.clip(smooth_noise(rng, size, radius * 0.9) + np.float32(between(rng, 0, 1.4)), 0, 1)
    inside = np.where(distance < 1, np.float32(between(rng, 0, 0.12)), np.float32(0))
    tint(canvas, (rim * gaps + inside) * np.float32(between(rng, 0.3, 0.9)), color)


def _patches(canvas: Canvas, rng: np.random.Generator, scale: float, color: Color) -> None:
    """Leave patches with soft or sharp rims where noise is high."""
    size = size_of(canvas)
    field = smooth_noise(rng, size, scale, 4) + smooth_noise(rng, size, size[0] * 0.8)
    over = field - np.float32(between(rng, 2.2, 3.2))
    body = np.clip(over * np.float32(between(rng, 0.3, 4)), 0, 1)
    rim = np.clip(1 - np.abs(over) * 12, 0, 1) * np.float32(between(rng, 0, 0.6))
    tint(canvas, (body + rim) * np.float32(between(rng, 0.1, 0.55)), color)


def _drops(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    width, height = size_of(canvas)
    x0, y0 = between(rng, 0.1, 0.9) * width, between(rng, 0.1, 0.9) * height
    drops = [
        (
            x0 + float(rng.normal()) * width * 0.12,
            y0 + float(rng.normal()) * width * 0.12,
            1 + 14 * between(rng, 0, 1) ** 4,
        )
        for _ in range(int(rng.integers(4, 40)))
    ]

    def draw(pen: Any, scale: int) -> None:
        for x, y, radius in drops:
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse([scale * value for value in box], fill=255)

    draw_on(canvas, color, draw, between(rng, 0.3, 0.9))


def _tape(canvas: Canvas, rng: np.random.Generator, center: tuple[float, float]) -> None:
    x, y = grid_of(size_of(canvas))
    a, b = between(rng, -0.5, 0.5), between(rng, -0.5, 0.5)
    along = (x - np.float32(center[0])) + (y - np.float32(center[1])) * np.float32(a)
    across = (y - np.float32(center[1])) + (x - np.float32(center[0])) * np.float32(b)
    length, breadth = between(rng, 60, 260), between(rng, 14, 40)
    inside = (np.abs(along) < length) & (np.abs(across) < breadth)
    rim = inside & (np.abs(across) > breadth - 2)
    tint(canvas, inside * np.float32(0.35) + rim * np.float32(0.2), (225, 205, 150))


def add_holes(canvas: Canvas, rng: np.random.Generator) -> str:
    """Punch holes, bind with a spiral, or staple."""
    forms = ("two", "four", "three", "spiral", "staples", "ring binder")
    form = forms[int(rng.integers(len(forms)))]
    width, height = size_of(canvas)
    x = width * between(rng, 0.02, 0.05)
    radius = max(width, height) * between(rng, 0.006, 0.011)
    flip = rng.random() < 0.3
    if form == "staples":
        _staples(canvas, rng)
        return form
    places = {
        "two": [0.43, 0.57], "three": [0.12, 0.5, 0.88], "four": [0.22, 0.4, 0.6, 0.78],
        "ring binder": [0.1, 0.14, 0.48, 0.52, 0.86, 0.9],
        "spiral": np.linspace(0.03, 0.97, int(rng.integers(24, 50))).tolist(),
    }[form]  # fmt: skip
    if form == "spiral":
        radius *= 0.7
    at_top = rng.random() < 0.25
    reach = width if at_top else height
    centers = [(share * reach, x) if at_top else (x, share * reach) for share in places]
    if flip:
        centers = [(width - a, height - b) for a, b in centers]
    inside = int(rng.integers(0, 90)) if rng.random() < 0.7 else int(rng.integers(190, 240))
    _discs(canvas, [(a + 1.2, b + 1.2) for a, b in centers], radius * 1.12, (110, 110, 110), 0.4)
    if form in {"two", "four"} and rng.random() < 0.25:
        _discs(canvas, centers, radius * 1.9, (245, 245, 240), 0.9)
    _discs(canvas, centers, radius, (inside, inside, inside), 1.0)
    return form


def _discs(
    canvas: Canvas,
    centers: Sequence[tuple[float, float]],
    radius: float,
    color: Color,
    opacity: float,
) -> None:
    def draw(pen: Any, scale: int) -> None:
        for x, y in centers:
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse([scale * value for value in box], fill=255)

    draw_on(canvas, color, draw, opacity)


def _staples(canvas: Canvas, rng: np.random.Generator) -> None:
    width, height = size_of(canvas)
    for _ in range(int(rng.integers(1, 3))):
        x, y = between(rng, 0.02, 0.1) * width, between(rng, 0.02, 0.08) * height
        length = between(rng, 0.02, 0.035) * width
        rise = between(rng, -0.8, 0.8) * length
        shadow = [(x + 1.5, y + 2.0, x + length + 1.5, y + rise + 2.0)]
        draw_lines(canvas, shadow, (120, 120, 120), 3.0, 0.4)
        draw_lines(canvas, [(x, y, x + length, y + rise)], (140, 140, 145), 2.4)
        draw_lines(canvas, [(x, y - 0.6, x + length, y + rise - 0.6)], (225, 225, 228), 0.8)


def add_frame(canvas: Canvas, rng: np.random.Generator) -> str:
    """Draw a frame around the page or boxes on it, and return its form."""
    forms = ("single", "double", "thick", "rounded", "dashed", "corners", "certificate", "boxes")
    form = forms[int(rng.integers(len(forms)))]
    width, height = size_of(canvas)
    inset = between(rng, 0.02, 0.09) * min(width, height)
    color = pick_color(rng, INKS)
    box = (inset, inset, width - inset, height - inset)
    thick = between(rng, 10, 34) if form == "thick" else between(rng, 1.0, 4.0)
    if form == "certificate":
        _certificate(canvas, rng, box, color)
    elif form == "dashed":
        _dashes(canvas, rng, box, color)
    elif form == "corners":
        _corners(canvas, box, color, thick, between(rng, 0.05, 0.2) * width)
    elif form == "boxes":
        for _ in range(int(rng.integers(2, 8))):
            x, y = between(rng, 0.03, 0.7) * width, between(rng, 0.03, 0.8) * height
            right = min(width * 0.97, x + between(rng, 0.1, 0.5) * width)
            bottom = min(height * 0.97, y + between(rng, 0.04, 0.3) * height)
            _rectangle(canvas, (x, y, right, bottom), color, thick, 0)
    else:
        corner = between(rng, 10, 60) if form == "rounded" else 0.0
        _rectangle(canvas, box, color, thick, corner)
        if form == "double":
            gap = between(rng, 4, 12)
            inner = (box[0] + gap, box[1] + gap, box[2] - gap, box[3] - gap)
            _rectangle(canvas, inner, color, max(1.0, thick / 2), 0)
    return form


def _rectangle(canvas: Canvas, box: Segment, color: Color, thick: float, corner: float) -> None:
    def draw(pen: Any, scale: int) -> None:
        placed = [scale * value for value in box]
        line = max(1, round(thick * scale))
        pen.rounded_rectangle(placed, radius=corner * scale, outline=255, width=line)

    draw_on(canvas, color, draw)


def _dashes(canvas: Canvas, rng: np.random.Generator, box: Segment, color: Color) -> None:
    left, top, right, bottom = box
    dash = between(rng, 6, 30)
    xs = np.arange(left, right - dash, dash * 1.8).tolist()
    ys = np.arange(top, bottom - dash, dash * 1.8).tolist()
    lines = [(x, y, x + dash, y) for x in xs for y in (top, bottom)]
    lines += [(x, y, x, y + dash) for y in ys for x in (left, right)]
    draw_lines(canvas, lines, color, between(rng, 1, 3))


def _corners(canvas: Canvas, box: Segment, color: Color, thick: float, reach: float) -> None:
    left, top, right, bottom = box
    lines: list[Segment] = []
    for x, step_x in ((left, reach), (right, -reach)):
        for y, step_y in ((top, reach), (bottom, -reach)):
            lines += [(x, y, x + step_x, y), (x, y, x, y + step_y)]
    draw_lines(canvas, lines, color, thick)


def _certificate(canvas: Canvas, rng: np.random.Generator, box: Segment, color: Color) -> None:
    """Draw a band of loops around the page, between two lines."""
    left, top, right, bottom = box
    band = between(rng, 16, 44)
    _rectangle(canvas, box, color, 2.0, 0)
    inner = (left + band, top + band, right - band, bottom - band)
    _rectangle(canvas, inner, color, 1.2, 0)
    step = band * between(rng, 0.4, 0.9)
    middle = band / 2
    centers = [(x, y) for x in np.arange(left + middle, right, step).tolist()
               for y in (top + middle, bottom - middle)]  # fmt: skip
    centers += [(x, y) for y in np.arange(top + middle, bottom, step).tolist()
                for x in (left + middle, right - middle)]  # fmt: skip

    def draw(pen: Any, scale: int) -> None:
        for x, y in centers:
            box = (x - middle * 0.8, y - middle * 0.8, x + middle * 0.8, y + middle * 0.8)
            pen.ellipse([scale * value for value in box], outline=255, width=scale)

    draw_on(canvas, color, draw, 0.8)
