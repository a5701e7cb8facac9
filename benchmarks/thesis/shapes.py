"""Twenty-four things to draw, as parts in a unit square.

A part is a polygon, an ellipse or its erasure: ``+`` fills with the thing's colour, ``-`` with the
background, so that rings have holes and moons are crescents.
"""

import math

from PIL import ImageDraw

Point = tuple[float, float]
# A polygon's corners, or an ellipse's box as two corners, and whether it fills or erases.
Part = tuple[str, str, tuple[Point, ...]]
Colour = tuple[int, int, int]


def _polygon(*corners: Point) -> Part:
    return ("+", "polygon", corners)


def _ellipse(left: float, top: float, right: float, bottom: float) -> Part:
    return ("+", "ellipse", ((left, top), (right, bottom)))


def _box(left: float, top: float, right: float, bottom: float) -> Part:
    return _polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _erase(part: Part) -> Part:
    return ("-", part[1], part[2])


def _round(radii: tuple[float, ...], points: int) -> Part:
    """Return a polygon round the middle whose corners lie at the radii in turn."""
    corners = []
    for number in range(points):
        angle = 2 * math.pi * number / points - math.pi / 2
        radius = radii[number % len(radii)]
        corners.append((0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)))
    return _polygon(*corners)


def _petals() -> tuple[Part, ...]:
    middles = [
        (0.5 + 0.3 * math.cos(angle), 0.5 + 0.3 * math.sin(angle))
        for angle in (2 * math.pi * number / 5 - math.pi / 2 for number in range(5))
    ]
    parts = [_ellipse(x - 0.2, y - 0.2, x + 0.2, y + 0.2) for x, y in middles]
    return (*parts, _erase(_ellipse(0.38, 0.38, 0.62, 0.62)))


SHAPES: dict[str, tuple[Part, ...]] = {
    "ball": (_ellipse(0.05, 0.05, 0.95, 0.95),),
    "box": (_box(0.08, 0.08, 0.92, 0.92),),
    "triangle": (_polygon((0.5, 0.02), (1.0, 0.95), (0.0, 0.95)),),
    "star": (_round((0.52, 0.2), 10),),
    "heart": (
        _ellipse(0.02, 0.08, 0.52, 0.56),
        _ellipse(0.48, 0.08, 0.98, 0.56),
        _polygon((0.05, 0.42), (0.95, 0.42), (0.5, 0.98)),
    ),
    "cross": (_box(0.36, 0.02, 0.64, 0.98), _box(0.02, 0.36, 0.98, 0.64)),
    "ring": (_ellipse(0.02, 0.02, 0.98, 0.98), _erase(_ellipse(0.28, 0.28, 0.72, 0.72))),
    "moon": (_ellipse(0.05, 0.02, 0.95, 0.98), _erase(_ellipse(0.38, -0.02, 1.2, 0.88))),
    "arrow": (_box(0.0, 0.38, 0.6, 0.62), _polygon((0.55, 0.1), (1.0, 0.5), (0.55, 0.9))),
    "house": (_box(0.12, 0.48, 0.88, 0.98), _polygon((0.5, 0.02), (1.0, 0.5), (0.0, 0.5)),
              _erase(_box(0.42, 0.66, 0.6, 0.98))),
    "tree": (_box(0.42, 0.6, 0.58, 1.0), _polygon((0.5, 0.0), (0.85, 0.4), (0.15, 0.4)),
             _polygon((0.5, 0.2), (0.98, 0.72), (0.02, 0.72))),
    "fish": (_ellipse(0.0, 0.22, 0.72, 0.78), _polygon((0.6, 0.5), (1.0, 0.15), (1.0, 0.85)),
             _erase(_ellipse(0.12, 0.38, 0.24, 0.5))),
    "cup": (_polygon((0.05, 0.15), (0.68, 0.15), (0.6, 0.92), (0.13, 0.92)),
            _ellipse(0.5, 0.25, 0.98, 0.72), _erase(_ellipse(0.66, 0.37, 0.86, 0.6))),
    "car": (_box(0.0, 0.45, 1.0, 0.72),
            _polygon((0.2, 0.45), (0.32, 0.2), (0.7, 0.2), (0.84, 0.45)),
            _ellipse(0.1, 0.6, 0.36, 0.86), _ellipse(0.64, 0.6, 0.9, 0.86),
            _erase(_box(0.38, 0.27, 0.62, 0.42))),
    "boat": (_polygon((0.0, 0.66), (1.0, 0.66), (0.8, 0.96), (0.2, 0.96)),
             _polygon((0.52, 0.02), (0.52, 0.6), (0.95, 0.6)),
             _polygon((0.45, 0.12), (0.45, 0.6), (0.1, 0.6))),
    "flower": _petals(),
    "mushroom": (_ellipse(0.02, 0.05, 0.98, 0.9), _erase(_box(0.0, 0.5, 1.0, 1.0)),
                 _box(0.36, 0.5, 0.64, 0.98)),
    "key": (_ellipse(0.0, 0.28, 0.44, 0.72), _erase(_ellipse(0.13, 0.41, 0.31, 0.59)),
            _box(0.42, 0.44, 1.0, 0.56), _box(0.7, 0.5, 0.78, 0.75), _box(0.9, 0.5, 0.98, 0.75)),
    "umbrella": (_ellipse(0.0, 0.05, 1.0, 0.95), _erase(_box(-0.02, 0.5, 1.02, 1.0)),
                 _box(0.46, 0.45, 0.54, 0.95), _box(0.3, 0.88, 0.54, 0.96)),
    "ladder": (_box(0.15, 0.0, 0.28, 1.0), _box(0.72, 0.0, 0.85, 1.0), _box(0.2, 0.15, 0.8, 0.25),
               _box(0.2, 0.45, 0.8, 0.55), _box(0.2, 0.75, 0.8, 0.85)),
    "flag": (_box(0.08, 0.0, 0.18, 1.0), _polygon((0.18, 0.04), (0.95, 0.28), (0.18, 0.52))),
    "hourglass": (_polygon((0.08, 0.02), (0.92, 0.02), (0.55, 0.5), (0.92, 0.98), (0.08, 0.98),
                           (0.45, 0.5)),),
    "bolt": (_polygon((0.55, 0.0), (0.12, 0.58), (0.45, 0.58), (0.3, 1.0), (0.88, 0.38),
                      (0.55, 0.38), (0.8, 0.0)),),
    "bottle": (_box(0.4, 0.0, 0.6, 0.3), _polygon((0.4, 0.25), (0.6, 0.25), (0.76, 0.45),
                                                 (0.76, 1.0), (0.24, 1.0), (0.24, 0.45))),
}  # fmt: skip


def draw_shape(
    canvas: ImageDraw.ImageDraw,
    name: str,
    box: tuple[float, float, float, float],
    colour: Colour,
    background: Colour,
) -> None:
    """Draw a thing into a box (left, top, right, bottom, in pixels)."""
    left, top, right, bottom = box
    for mode, form, points in SHAPES[name]:
        corners = [(left + x * (right - left), top + y * (bottom - top)) for x, y in points]
        fill = colour if mode == "+" else background
        if form == "polygon":
            canvas.polygon(corners, fill)
        else:
            canvas.ellipse([corners[0], corners[1]], fill)
