"""What paper and scanner add: texture, light, folds, dark edges, dust, noise."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from vary.data.engines.blank.canvas import (
    Canvas,
    Color,
    between,
    blurred,
    draw_on,
    from_image,
    grid_of,
    shade,
    size_of,
    smooth_noise,
    to_image,
)

PAPERS: tuple[tuple[Color, float], ...] = (
    ((255, 255, 255), 6.0),
    ((250, 250, 248), 3.0),
    ((240, 240, 238), 2.0),
    ((221, 221, 219), 1.0),
    ((253, 248, 234), 2.0),
    ((242, 230, 203), 1.5),
    ((255, 249, 190), 1.0),
    ((226, 236, 246), 0.8),
    ((232, 244, 230), 0.8),
    ((250, 228, 228), 0.8),
    ((201, 174, 136), 0.6),
    ((214, 208, 192), 1.0),
)


def paper_color(rng: np.random.Generator) -> Color:
    """Return the colour of a paper: mostly white, some grey, cream, pastel or brown."""
    weights = np.array([weight for _, weight in PAPERS])
    red, green, blue = PAPERS[int(rng.choice(len(PAPERS), p=weights / weights.sum()))][0]
    shift = int(rng.integers(-4, 1))
    return red + shift, green + shift, blue + shift


def add_texture(canvas: Canvas, rng: np.random.Generator) -> None:
    """Let fibres and clouds show in the paper."""
    size = size_of(canvas)
    light = smooth_noise(rng, size, between(rng, 2, 5)) * np.float32(between(rng, 0.001, 0.010))
    light += smooth_noise(rng, size, between(rng, 60, 300), 2) * np.float32(
        between(rng, 0.001, 0.005)
    )
    shade(canvas, 1 + light)


def add_light(canvas: Canvas, rng: np.random.Generator) -> None:
    """Light the page unevenly."""
    field = smooth_noise(rng, size_of(canvas), between(rng, 500, 1200))
    shade(canvas, 1 - np.float32(between(rng, 0.01, 0.06)) * np.clip(field + 1, 0, 3))


def add_noise(canvas: Canvas, rng: np.random.Generator) -> None:
    """Add what the sensor adds: grain, streaks along the way of the head, perhaps colour."""
    width, height = size_of(canvas)
    sigma = between(rng, 0.6, 5.0)
    grain = rng.standard_normal((height, width), np.float32) * np.float32(sigma)
    canvas += grain[:, :, None]
    if rng.random() < 0.3:
        canvas += rng.standard_normal(canvas.shape, np.float32) * np.float32(sigma / 2)
    if rng.random() < 0.35:
        columns = rng.standard_normal(width, np.float32) * np.float32(between(rng, 0.3, 1.6))
        canvas += columns[None, :, None]
    if rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 4))):
            x, strength = int(rng.integers(width)), between(rng, -40, 25)
            canvas[:, x : x + int(rng.integers(1, 3))] += np.float32(strength)


def add_dust(canvas: Canvas, rng: np.random.Generator) -> None:
    """Scatter specks and a hair or two."""
    width, height = size_of(canvas)
    specks = [
        (between(rng, 0, width), between(rng, 0, height), 0.4 + 1.8 * between(rng, 0, 1) ** 3)
        for _ in range(int(rng.integers(3, 90)))
    ]

    def draw_specks(pen: Any, scale: int) -> None:
        for x, y, radius in specks:
            box = [scale * value for value in (x - radius, y - radius, x + radius, y + radius)]
            pen.ellipse(box, fill=255)

    dark = int(rng.integers(20, 130))
    draw_on(canvas, (dark, dark, dark), draw_specks, between(rng, 0.4, 1.0))
    hairs = [_hair(rng, (width, height)) for _ in range(int(rng.integers(0, 3)))]

    def draw_hairs(pen: Any, scale: int) -> None:
        for hair in hairs:
            points = [(scale * x, scale * y) for x, y in hair]
            pen.line(points, fill=255, width=scale, joint="curve")

    draw_on(canvas, (dark, dark, dark), draw_hairs, between(rng, 0.25, 0.6))


def _hair(rng: np.random.Generator, size: tuple[int, int]) -> list[tuple[float, float]]:
    """Return a line that bends as it goes."""
    x, y = between(rng, 0, size[0]), between(rng, 0, size[1])
    dx, dy = between(rng, -3, 3), between(rng, -3, 3)
    bend_x, bend_y = between(rng, -0.2, 0.2), between(rng, -0.2, 0.2)
    points = [(x, y)]
    for _ in range(int(rng.integers(8, 40))):
        dx, dy = dx + bend_x, dy + bend_y
        x, y = x + dx, y + dy
        points.append((x, y))
    return points


def add_folds(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fold the sheet in halves or thirds: a ridge, and one side darker than the other."""
    width, height = size_of(canvas)
    x, y = grid_of((width, height))
    parts = int(rng.choice([2, 3, 4]))
    folds = [(y, height * at / parts) for at in range(1, parts)]
    if rng.random() < 0.5:
        folds.append((x, width / 2))
    for axis, place in folds:
        lean = smooth_noise(rng, (1, 1), 10)[0, 0]
        other = x if axis is y else y
        distance = axis - np.float32(place) + other * np.float32(lean * 0.004)
        thick = between(rng, 1.2, 3.5)
        ridge = np.clip(1 - np.abs(distance) / np.float32(thick), 0, 1)
        reach = between(rng, 30, 160)
        side = np.where(distance > 0, np.clip(1 - distance / np.float32(reach), 0, 1), 0)
        strength, ridge_strength = between(rng, 0.02, 0.09), between(rng, -0.10, 0.22)
        shade(canvas, 1 - side * np.float32(strength) - ridge * np.float32(ridge_strength))


def add_creases(canvas: Canvas, rng: np.random.Generator) -> None:
    """Crumple the sheet: facets that catch the light differently."""
    size = size_of(canvas)
    x, y = grid_of(size)
    light = np.zeros((size[1], size[0]), np.float32)
    for _ in range(int(rng.integers(6, 30))):
        a, b = between(rng, -1, 1), between(rng, -1, 1)
        distance = x * np.float32(a) + y * np.float32(b)
        distance = distance - np.float32(
            a * between(rng, 0, size[0]) + b * between(rng, 0, size[1])
        )
        reach = between(rng, 40, 300)
        facet = np.clip(distance / np.float32(reach), -1, 1) - np.clip(distance / 3, -1, 1)
        light += facet * np.float32(between(rng, 0.002, 0.02))
    shade(canvas, 1 + light)


def add_gutter(canvas: Canvas, rng: np.random.Generator) -> None:
    """Darken one side, as beside the fold of a bound book."""
    width, height = size_of(canvas)
    x, _ = grid_of((width, height))
    reach = width * between(rng, 0.04, 0.2)
    bend = smooth_noise(rng, (1, height), height / 2)[:, :1] * np.float32(reach * 0.06)
    near = np.clip(1 - (x + bend) / np.float32(reach), 0, 1)
    light = 1 - near * near * np.float32(between(rng, 0.3, 0.95))
    shade(canvas, light if rng.random() < 0.5 else light[:, ::-1])


def on_a_bed(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Return the sheet as it lies on the scanner: askew, with dark or light edges around it."""
    dark = rng.random() < 0.7
    level = int(rng.integers(0, 60)) if dark else int(rng.integers(190, 236))
    image = to_image(canvas)
    margins = [round(between(rng, 0, 0.05) * side) for side in image.size * 2]
    size = (image.width + margins[0] + margins[2], image.height + margins[1] + margins[3])
    bed = Image.new("RGB", size, (level, level, min(255, level + 3)))
    angle = between(rng, -2.2, 2.2)
    turned = image.rotate(angle, Image.Resampling.BICUBIC, expand=False)
    sheet = Image.new("L", image.size, 255).rotate(angle, Image.Resampling.BICUBIC)
    bed.paste(turned, (margins[0], margins[1]), sheet)
    return from_image(bed.resize(image.size, Image.Resampling.BILINEAR))


def fold_corner(canvas: Canvas, rng: np.random.Generator) -> None:
    """Turn down a corner."""
    width, height = size_of(canvas)
    side = between(rng, 0.03, 0.12) * width
    flip_x, flip_y = rng.random() < 0.5, rng.random() < 0.5

    def place(x: float, y: float) -> tuple[float, float]:
        return (width - x if flip_x else x), (height - y if flip_y else y)

    def triangle(*points: tuple[float, float]) -> Callable[[Any, int], None]:
        def draw(pen: Any, scale: int) -> None:
            placed = [tuple(scale * value for value in place(*point)) for point in points]
            pen.polygon(placed, fill=255)

        return draw

    grey = int(rng.integers(0, 80))
    draw_on(canvas, (grey, grey, grey), triangle((0, 0), (side, 0), (0, side)))
    shadow = triangle((side * 1.12, 0), (side, side * 1.06), (0, side * 1.12))
    draw_on(canvas, (90, 90, 90), shadow, 0.25)
    flap = triangle((side, 0), (side * 0.98, side * 0.98), (0, side))
    draw_on(canvas, (225, 223, 218), flap)


def as_bilevel(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Return the page as a fax has it: black and white only, with pepper."""
    size = size_of(canvas)
    grey = (canvas[:, :, 0] + canvas[:, :, 1] + canvas[:, :, 2]) / 3
    grey += rng.standard_normal((size[1], size[0]), np.float32) * 12
    clumps = smooth_noise(rng, size, between(rng, 1.5, 3))
    bar = between(rng, 3.2, 4.2)
    level = np.percentile(grey[::8, ::8], 0.5) - between(rng, 12, 40)
    black = (grey < level) | (clumps > bar)
    return np.repeat(np.where(black, 0, 255).astype(np.float32)[:, :, None], 3, axis=2)


def scanned(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Return a page as a scanner gives it."""
    add_texture(canvas, rng)
    if rng.random() < 0.6:
        add_light(canvas, rng)
    if rng.random() < 0.5:
        add_dust(canvas, rng)
    if rng.random() < 0.25:
        canvas = on_a_bed(canvas, rng)
    canvas = blurred(canvas, between(rng, 0.3, 0.9))
    add_noise(canvas, rng)
    return canvas
