"""Figures without text: plots without labels, diagrams, gradients, contours, halftones, photos."""

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
)
from vary.data.engines.blank.marks import INKS, Segment, draw_lines, pick_color

PALETTE: tuple[Color, ...] = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75),
    (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207), (60, 60, 60), (230, 190, 80),
)  # fmt: skip
FORMS = (
    "lines", "bars", "scatter", "pie", "boxes", "network", "gradient", "photo", "halftone",
    "contours", "shapes",
)  # fmt: skip


def add_figure(canvas: Canvas, rng: np.random.Generator) -> str:
    """Put one or two figures on a page and return their forms."""
    count = 1 if rng.random() < 0.7 else 2
    width, height = size_of(canvas)
    chosen = []
    for number in range(count):
        form = FORMS[int(rng.integers(len(FORMS)))]
        left, right = between(rng, 0.04, 0.25) * width, between(rng, 0.65, 0.96) * width
        share = height / count
        top = share * number + between(rng, 0.05, 0.3) * share
        bottom = share * number + between(rng, 0.6, 0.95) * share
        box = (round(left), round(top), round(right), round(bottom))
        if rng.random() < 0.12 and count == 1:
            box = (0, 0, width, height)
        _DRAW[form](canvas, rng, box)
        chosen.append(form)
    return ", ".join(chosen)


Box = tuple[int, int, int, int]


def _axes(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    """Draw axes with ticks, sometimes a grid or a frame, and no label."""
    left, top, right, bottom = box
    ink = pick_color(rng, INKS[:3])
    xs = np.linspace(left, right, int(rng.integers(4, 12))).tolist()
    ys = np.linspace(top, bottom, int(rng.integers(4, 10))).tolist()
    if rng.random() < 0.5:
        grid: list[Segment] = [(left, y, right, y) for y in ys]
        grid += [(x, top, x, bottom) for x in xs] if rng.random() < 0.5 else []
        draw_lines(canvas, grid, (210, 210, 210), 1.0)
    lines: list[Segment] = [(left, top, left, bottom), (left, bottom, right, bottom)]
    if rng.random() < 0.5:
        lines += [(left, top, right, top), (right, top, right, bottom)]
    lines += [(x, bottom, x, bottom + 6) for x in xs] + [(left - 6, y, left, y) for y in ys]
    draw_lines(canvas, lines, ink, 1.3)


def _lines(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    _axes(canvas, rng, box)
    left, top, right, bottom = box
    for number in range(int(rng.integers(1, 6))):
        points = int(rng.integers(5, 120))
        walk = np.cumsum(rng.standard_normal(points)) * between(rng, 0.2, 1.0)
        walk = (walk - walk.min()) / max(1e-6, float(walk.max() - walk.min()))
        spread, base = between(rng, 0.2, 0.9), between(rng, 0.02, 0.1)
        ys = bottom - (base + walk * spread * (1 - base)) * (bottom - top)
        xs = np.linspace(left, right, points)
        path = list(zip(xs.tolist(), ys.tolist(), strict=True))
        _polyline(canvas, path, PALETTE[number % len(PALETTE)], between(rng, 1.2, 3.5))


def _polyline(canvas: Canvas, path: list[tuple[float, float]], color: Color, thick: float) -> None:
    def draw(pen: Any, scale: int) -> None:
        placed = [(scale * x, scale * y) for x, y in path]
        pen.line(placed, fill=255, width=max(1, round(thick * scale)), joint="curve")

    draw_on(canvas, color, draw)


def _bars(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    _axes(canvas, rng, box)
    left, top, right, bottom = box
    groups, series = int(rng.integers(3, 14)), int(rng.integers(1, 4))
    step = (right - left) / groups
    breadth = step * between(rng, 0.5, 0.9) / series
    for at in range(series):
        heights = rng.uniform(0.05, 0.95, groups) * (bottom - top)
        bars = [
            (left + group * step + step * 0.08 + at * breadth, bottom - high, breadth)
            for group, high in enumerate(heights.tolist())
        ]

        def draw(pen: Any, scale: int, bars: list[tuple[float, float, float]] = bars) -> None:
            for x, y, wide in bars:
                box = (x, y, x + wide, bottom)
                pen.rectangle([scale * value for value in box], fill=255)

        draw_on(canvas, PALETTE[int(rng.integers(len(PALETTE)))], draw, between(rng, 0.7, 1.0))


def _scatter(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    _axes(canvas, rng, box)
    left, top, right, bottom = box
    for number in range(int(rng.integers(1, 4))):
        points = int(rng.integers(15, 200))
        xs = rng.uniform(0.04, 0.96, points)
        slope, spread = between(rng, -0.8, 0.8), between(rng, 0.02, 0.2)
        ys = np.clip(0.5 + slope * (xs - 0.5) + rng.standard_normal(points) * spread, 0.03, 0.97)
        radius = between(rng, 1.5, 5)
        places = list(zip((left + xs * (right - left)).tolist(),
                          (top + ys * (bottom - top)).tolist(), strict=True))  # fmt: skip
        _dots(canvas, places, radius, PALETTE[number])


def _dots(canvas: Canvas, places: list[tuple[float, float]], radius: float, color: Color) -> None:
    def draw(pen: Any, scale: int) -> None:
        for x, y in places:
            box = (x - radius, y - radius, x + radius, y + radius)
            pen.ellipse([scale * value for value in box], fill=255)

    draw_on(canvas, color, draw, 0.85)


def _pie(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    radius = min(right - left, bottom - top) * 0.45
    x, y = (left + right) / 2, (top + bottom) / 2
    cuts = np.sort(rng.uniform(0, 360, int(rng.integers(2, 9)))).tolist()
    hole = rng.random() < 0.3
    for number, start in enumerate(cuts):
        end = [*cuts[1:], cuts[0] + 360][number]

        def draw(pen: Any, scale: int, start: float = start, end: float = end) -> None:
            circle = (x - radius, y - radius, x + radius, y + radius)
            pen.pieslice([scale * value for value in circle], start, end, fill=255)
            if hole:
                ring = (x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2)
                pen.ellipse([scale * value for value in ring], fill=0)

        draw_on(canvas, PALETTE[number % len(PALETTE)], draw)


def _boxes(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    """Draw a flow chart with nothing in its boxes."""
    left, top, right, bottom = box
    rows = int(rng.integers(2, 6))
    color, thick = pick_color(rng, INKS), between(rng, 1.2, 2.6)
    tall = (bottom - top) / rows
    before: list[tuple[float, float]] = []
    for row in range(rows):
        columns = int(rng.integers(1, 4))
        wide = (right - left) / columns
        here = []
        for column in range(columns):
            x, y = left + wide * (column + 0.5), top + tall * (row + 0.5)
            half = (wide * 0.32, tall * 0.28)
            _outline(canvas, (x - half[0], y - half[1], x + half[0], y + half[1]), rng, color)
            here.append((x, y - half[1]))
            if before:
                start = before[int(rng.integers(len(before)))]
                _arrow(canvas, start, (x, y - half[1]), color, thick)
        before = [(x, y + 2 * tall * 0.28) for x, y in here]


def _outline(canvas: Canvas, box: Segment, rng: np.random.Generator, color: Color) -> None:
    form, fill = int(rng.integers(3)), PALETTE[int(rng.integers(len(PALETTE)))]
    filled = rng.random() < 0.5

    def shape(pen: Any, scale: int, **look: Any) -> None:
        placed = [scale * value for value in box]
        if form == 0:
            pen.rounded_rectangle(placed, radius=8 * scale, **look)
        elif form == 1:
            pen.ellipse(placed, **look)
        else:
            pen.rectangle(placed, **look)

    if filled:
        draw_on(canvas, fill, lambda pen, scale: shape(pen, scale, fill=255), 0.35)
    draw_on(canvas, color, lambda pen, scale: shape(pen, scale, outline=255, width=2 * scale))


def _arrow(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], color: Color, thick: float
) -> None:
    draw_lines(canvas, [(*start, *end)], color, thick)
    x, y = end
    head = [(x, y), (x - 5, y - 10), (x + 5, y - 10)]
    draw_on(canvas, color, lambda pen, scale: pen.polygon(
        [(scale * a, scale * b) for a, b in head], fill=255))  # fmt: skip


def _network(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    count = int(rng.integers(6, 30))
    places = list(zip(rng.uniform(left, right, count).tolist(),
                      rng.uniform(top, bottom, count).tolist(), strict=True))  # fmt: skip
    edges = [
        (*places[int(rng.integers(count))], *places[int(rng.integers(count))])
        for _ in range(count * 2)
    ]
    draw_lines(canvas, edges, (130, 130, 130), 1.2)
    _dots(canvas, places, between(rng, 5, 18), PALETTE[int(rng.integers(len(PALETTE)))])


def _gradient(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    x, y = grid_of((right - left, bottom - top))
    x, y = x / (right - left), y / (bottom - top)
    if rng.random() < 0.5:
        share = x * np.float32(between(rng, 0, 1)) + y * np.float32(between(rng, 0, 1))
    else:
        away_x, away_y = x - np.float32(between(rng, 0, 1)), y - np.float32(between(rng, 0, 1))
        share = np.sqrt(away_x * away_x + away_y * away_y)
    share = np.clip(share, 0, 1)[:, :, None]
    first, last = (np.asarray(PALETTE[int(rng.integers(len(PALETTE)))]) for _ in range(2))
    canvas[top:bottom, left:right] = first * (1 - share) + last * share


def _photo(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    """Fill a box with what a photo of hills, clouds or leaves might be from afar."""
    left, top, right, bottom = box
    canvas[top:bottom, left:right] = _scene(rng, (right - left, bottom - top))


def _scene(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    _, y = grid_of(size)
    sky = np.asarray((between(rng, 120, 230), between(rng, 150, 230), between(rng, 180, 250)))
    scene = np.empty((height, width, 3), np.float32)
    scene[:] = sky
    clouds = np.clip(smooth_noise(rng, size, width / 3, 5), -1, 2)
    scene += clouds[:, :, None] * np.float32(between(rng, 5, 35))
    horizon = height * between(rng, 0.2, 0.7)
    for layer in range(int(rng.integers(1, 5))):
        ridge = smooth_noise(rng, (width, 1), width / between(rng, 1.5, 6), 5)[0]
        line = horizon + layer * height * 0.12 + ridge * np.float32(height * 0.06)
        below = np.clip(y - line[None, :] + 0.5, 0, 1)[:, :, None]
        color = np.asarray([between(rng, 20, 150) for _ in range(3)], np.float32)
        rough = smooth_noise(rng, size, between(rng, 8, 60), 4)[:, :, None]
        land = color * (1 + rough * np.float32(between(rng, 0.05, 0.3)))
        scene += (land - scene) * below
    return np.clip(scene, 0, 255).astype(np.float32)


def _halftone(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    """Print a photo by dots of one ink, as newspapers do."""
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    scene = _scene(rng, size)
    tone = 1 - (scene[:, :, 0] + scene[:, :, 1] + scene[:, :, 2]) / np.float32(765)
    x, y = grid_of(size)
    pitch = np.float32(between(rng, 4, 9))
    slope = np.float32(between(rng, -1, 1))
    u, v = (x + y * slope) / pitch, (y - x * slope) / pitch
    u, v = u - np.floor(u) - np.float32(0.5), v - np.floor(v) - np.float32(0.5)
    distance = np.sqrt(u * u + v * v)
    ink = np.clip((np.sqrt(tone) * np.float32(0.72) - distance) * pitch + np.float32(0.5), 0, 1)
    part = canvas[top:bottom, left:right]
    part += (np.asarray(pick_color(rng, INKS), np.float32) - part) * ink[:, :, None]


def _contours(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    field = smooth_noise(rng, size, size[0] / between(rng, 1.5, 5), 3)
    steps = field * np.float32(between(rng, 2, 7))
    offset = np.abs(steps - np.rint(steps))
    across, down = np.gradient(steps)
    slope = np.sqrt(across * across + down * down) + np.float32(1e-4)
    line = np.clip(np.float32(1.2) - offset / slope, 0, 1)[:, :, None]
    part = canvas[top:bottom, left:right]
    if rng.random() < 0.4:
        low, high = (np.asarray(PALETTE[int(rng.integers(len(PALETTE)))]) for _ in range(2))
        share = np.clip(np.rint(steps) / 6 + np.float32(0.5), 0, 1)[:, :, None]
        part[:] = low * (1 - share) + high * share
    part += (np.asarray(pick_color(rng, INKS), np.float32) - part) * line


def _shapes(canvas: Canvas, rng: np.random.Generator, box: Box) -> None:
    left, top, right, bottom = box
    for _ in range(int(rng.integers(2, 9))):
        corners = list(zip(rng.uniform(left, right, 4).tolist(),
                           rng.uniform(top, bottom, 4).tolist(), strict=True))  # fmt: skip
        round_one = rng.random() < 0.4

        def draw(
            pen: Any,
            scale: int,
            corners: list[tuple[float, float]] = corners,
            round_one: bool = round_one,
        ) -> None:
            placed = [(scale * x, scale * y) for x, y in corners]
            if round_one:
                (x0, y0), (x1, y1) = placed[:2]
                pen.ellipse([min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)], fill=255)
            else:
                pen.polygon(placed[:3], fill=255)

        color = PALETTE[int(rng.integers(len(PALETTE)))]
        draw_on(canvas, color, draw, between(rng, 0.4, 1.0))


_DRAW = {
    "lines": _lines, "bars": _bars, "scatter": _scatter, "pie": _pie, "boxes": _boxes,
    "network": _network, "gradient": _gradient, "photo": _photo, "halftone": _halftone,
    "contours": _contours, "shapes": _shapes,
}  # fmt: skip
