"""Drawn scenes, their facts, and captions that are right by construction.

A scene has one or two groups of things of one kind and colour. A caption names each group's count,
colour and kind, and how the first stands to the second: what is to the left is named first, then
what is above, so that a picture has one caption. Pairs of groups that stand both to the left of
and above one another are not drawn.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from shapes import SHAPES, Colour, draw_shape

HEIGHT, WIDTH = 144, 256
ROWS, COLUMNS = 2, 4  # places that a thing can have

KINDS = tuple(SHAPES)
COUNTS = ("one", "two", "three", "four")
RELATIONS = ("left-of", "above")
COLOURS: dict[str, Colour] = {
    "red": (210, 40, 40),
    "orange": (240, 140, 30),
    "yellow": (235, 205, 40),
    "green": (40, 150, 60),
    "blue": (50, 90, 215),
    "purple": (145, 60, 165),
    "brown": (125, 80, 45),
    "black": (35, 35, 35),
}
COLOUR_NAMES = tuple(COLOURS)
SLOTS = ("count", "colour", "kind", "relation", "count", "colour", "kind")
_PAIR_SHARE = 0.6

Place = tuple[int, int]


@dataclass(frozen=True)
class Group:
    """Things of one kind and colour, and the places where they stand."""

    kind: str
    colour: str
    places: tuple[Place, ...]

    @property
    def words(self) -> list[str]:
        """The group's facts as words of a caption."""
        return [COUNTS[len(self.places) - 1], self.colour, self.kind]


@dataclass(frozen=True)
class Scene:
    """What a picture shows: one group, or two and how the first stands to the second."""

    groups: tuple[Group, ...]
    relation: str | None = None

    @property
    def caption(self) -> list[str]:
        """The words of the caption, each of them a fact."""
        words = self.groups[0].words
        if self.relation is not None:
            words = [*words, self.relation, *self.groups[1].words]
        return words


@dataclass(frozen=True)
class Thing:
    """A drawn thing: kind, colour and box in pixels (left, top, right, bottom)."""

    kind: str
    colour: str
    box: tuple[float, float, float, float]


def is_left(first: Group, second: Group) -> bool:
    """Return whether all of the first group stands in columns before the second's."""
    return max(column for _, column in first.places) < min(column for _, column in second.places)


def is_above(first: Group, second: Group) -> bool:
    """Return whether all of the first group stands in rows above the second's."""
    return max(row for row, _ in first.places) < min(row for row, _ in second.places)


def make_scene(rng: np.random.Generator) -> Scene:
    """Return a scene drawn by lot."""
    kinds = rng.choice(len(KINDS), 2, replace=False)
    colours = rng.integers(len(COLOURS), size=2)
    names = [(KINDS[k], COLOUR_NAMES[c]) for k, c in zip(kinds, colours, strict=True)]
    if rng.random() >= _PAIR_SHARE:
        places = [(row, column) for row in range(ROWS) for column in range(COLUMNS)]
        return Scene((Group(*names[0], _some(rng, places)),))
    relation = RELATIONS[rng.integers(2)]
    while True:
        if relation == "above":
            regions = [[(row, column) for column in range(COLUMNS)] for row in range(ROWS)]
        else:
            cut = int(rng.integers(1, COLUMNS))
            regions = [
                [(row, column) for row in range(ROWS) for column in part]
                for part in (range(cut), range(cut, COLUMNS))
            ]
        first, second = (
            Group(*name, _some(rng, region)) for name, region in zip(names, regions, strict=True)
        )
        crossed = is_left if relation == "above" else is_above
        if not crossed(first, second) and not crossed(second, first):
            return Scene((first, second), relation)


def _some(rng: np.random.Generator, places: list[Place]) -> tuple[Place, ...]:
    number = int(rng.integers(1, min(len(COUNTS), len(places)) + 1))
    chosen = rng.choice(len(places), number, replace=False)
    return tuple(sorted(places[int(place)] for place in chosen))


def draw_scene(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, list[Thing]]:
    """Return (HEIGHT, WIDTH, 3) uint8 and the things on it."""
    background = _background(rng)
    image = Image.new("RGB", (WIDTH, HEIGHT), background)
    canvas = ImageDraw.Draw(image)
    things = []
    for group in scene.groups:
        for row, column in group.places:
            box = _box_in(row, column, rng)
            shade = rng.integers(-14, 15, 3)
            red, green, blue = np.clip(np.array(COLOURS[group.colour]) + shade, 0, 255).tolist()
            draw_shape(canvas, group.kind, box, (red, green, blue), background)
            things.append(Thing(group.kind, group.colour, box))
    return add_noise(np.asarray(image), rng), things


def _background(rng: np.random.Generator) -> Colour:
    red, green, blue = (255 - rng.integers(0, 40, 3)).tolist()
    return (red, green, blue)


def _box_in(row: int, column: int, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return a box within a place."""
    tall, wide = HEIGHT / ROWS, WIDTH / COLUMNS
    height, width = rng.uniform(44, 60, 2)
    top = row * tall + rng.uniform(2, tall - height - 2)
    left = column * wide + rng.uniform(1, wide - width - 1)
    return (left, top, left + width, top + height)


def add_noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture with a camera's noise, uint8."""
    strength = int(rng.integers(1, 8))
    noise = rng.integers(-strength, strength + 1, pixels.shape, dtype=np.int16)
    return np.clip(pixels.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def score_caption(answer: list[str], truth: list[str]) -> dict[str, tuple[int, int]]:
    """Return how many facts are right, and of how many, per kind of fact and for `all`.

    A fact is a word in its place. A fact that is missing is wrong, and so is one that was made up:
    `all` is over the longer of the two, the kinds of facts over the truth's. `exact` is 1 of 1
    where every word is right and none is too many.
    """
    right = [given == true for given, true in zip(answer, truth, strict=False)]
    right += [False] * (len(truth) - len(right))
    scores: dict[str, tuple[int, int]] = {
        "all": (sum(right), max(len(answer), len(truth))),
        "exact": (int(answer == truth), 1),
    }
    for name in dict.fromkeys(SLOTS):
        told = [is_right for is_right, slot in zip(right, SLOTS, strict=False) if slot == name]
        if told:
            scores[name] = (sum(told), len(told))
    return scores
