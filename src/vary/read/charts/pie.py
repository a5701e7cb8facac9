"""Pies and rings: sectors, and the names and values in them and around them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vary.read.charts.legend import Entry, color_distance
from vary.read.charts.numbers import Number, agreed, mended_by, split_name
from vary.read.charts.surfaces import Canvas
from vary.read.charts.texts import Text, joined

_NUM_ANGLES = 720
_TWO_PI = 2 * math.pi


@dataclass(frozen=True)
class Sector:
    """A sector.

    Attributes:
        surface: its number.
        color: RGB.
        middle: its angle in the middle, clockwise from the top, in radians.
        share: of the full angle.
    """

    surface: int
    color: tuple[float, float, float]
    middle: float
    share: float


@dataclass(frozen=True)
class Pie:
    """A pie or a ring: its sectors clockwise, its middle and its radius."""

    sectors: tuple[Sector, ...]
    x: float
    y: float
    radius: float

    def angle_of(self, x: float, y: float) -> float:
        """Return the angle of a point, clockwise from the top."""
        return math.atan2(x - self.x, self.y - y) % _TWO_PI

    def distance_of(self, x: float, y: float) -> float:
        """Return how far a point is from the middle, in radii."""
        return math.hypot(x - self.x, y - self.y) / self.radius


def find_pie(canvas: Canvas) -> Pie | None:
    """Return the pie, None where the marks make no round figure."""
    width, height = canvas.size
    side = canvas.boxes[:, 2:] - canvas.boxes[:, :2]
    paper = canvas.colors[canvas.paper].astype(float)
    is_mark = (canvas.areas >= 0.0012 * width * height) & (side.min(1) >= 8)
    is_mark &= np.abs(canvas.colors - paper).max(-1) > 12
    is_mark &= (side[:, 0] < 0.95 * width) | (side[:, 1] < 0.95 * height)
    marks = np.flatnonzero(is_mark)
    for chosen in (marks, _touching(canvas, marks)):
        if len(chosen):
            pie = _round_figure(canvas, chosen)
            if pie is not None:
                return pie
    return None


def _touching(canvas: Canvas, marks: np.ndarray) -> np.ndarray:
    """Return the marks whose boxes lie near the largest one's."""
    if not len(marks):
        return marks
    largest = marks[int(np.argmax(canvas.areas[marks]))]
    chosen = {int(largest)}
    is_busy = True
    while is_busy:
        is_busy = False
        for mark in marks.tolist():
            if mark in chosen:
                continue
            box = canvas.boxes[mark]
            for other in chosen:
                near = canvas.boxes[other]
                gap = max(box[0] - near[2], near[0] - box[2], box[1] - near[3], near[1] - box[3])
                if gap <= 4:
                    chosen.add(mark)
                    is_busy = True
                    break
    return np.array(sorted(chosen))


def _round_figure(canvas: Canvas, marks: np.ndarray) -> Pie | None:
    """Return the pie that the marks make together, if their outline is a circle."""
    x0, y0 = canvas.boxes[marks, :2].min(0)
    x1, y1 = canvas.boxes[marks, 2:].max(0)
    wide, high = float(x1 - x0), float(y1 - y0)
    if min(wide, high) < 40 or abs(wide - high) > 0.12 * max(wide, high):
        return None
    x, y, radius = (x0 + x1) / 2, (y0 + y1) / 2, (wide + high) / 4
    angles = np.arange(_NUM_ANGLES) * _TWO_PI / _NUM_ANGLES
    rings = []
    for share in (0.66, 0.72, 0.78, 0.84, 0.9):
        columns = np.round(x + share * radius * np.sin(angles)).astype(int)
        rows = np.round(y - share * radius * np.cos(angles)).astype(int)
        rows = np.clip(rows, 0, canvas.rgb.shape[0] - 1)
        columns = np.clip(columns, 0, canvas.rgb.shape[1] - 1)
        seen = canvas.ground[rows, columns]
        rings.append(np.where(np.isin(seen, marks), seen, -1))
    stack = np.stack(rings)
    if (stack >= 0).mean() < 0.72 or not _is_clear_around(canvas, (x, y, radius), marks):
        return None
    owner = np.full(_NUM_ANGLES, -1)
    for index in range(_NUM_ANGLES):
        column = stack[:, index]
        column = column[column >= 0]
        if len(column):
            values, counts = np.unique(column, return_counts=True)
            owner[index] = values[counts.argmax()]
    sectors = _sectors(canvas, owner)
    if len(sectors) < 2:
        return None
    return Pie(tuple(sectors), x, y, radius)


def _is_clear_around(canvas: Canvas, circle: tuple[float, float, float], marks: np.ndarray) -> bool:
    """Return whether the corners of the figure's box are free of marks."""
    x, y, radius = circle
    hits = []
    for dx, dy in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        column, row = round(x + 0.88 * dx * radius), round(y + 0.88 * dy * radius)
        if 0 <= row < canvas.rgb.shape[0] and 0 <= column < canvas.rgb.shape[1]:
            hits.append(bool(np.isin(canvas.ground[row, column], marks)))
    return not any(hits)


def _sectors(canvas: Canvas, owner: np.ndarray) -> list[Sector]:
    """Return the sectors from whose each angle is."""
    sectors = []
    for surface in np.unique(owner[owner >= 0]):
        places = np.flatnonzero(owner == surface)
        if len(places) < 0.006 * _NUM_ANGLES:
            continue
        turn = places * _TWO_PI / _NUM_ANGLES
        middle = math.atan2(float(np.sin(turn).mean()), float(np.cos(turn).mean())) % _TWO_PI
        if len(places) > 0.5 * _NUM_ANGLES:
            free = np.flatnonzero(owner != surface) * _TWO_PI / _NUM_ANGLES
            far = math.atan2(float(np.sin(free).mean()), float(np.cos(free).mean()))
            middle = (far + math.pi) % _TWO_PI
        red, green, blue = (float(value) for value in canvas.colors[surface])
        sectors.append(Sector(int(surface), (red, green, blue), middle, len(places)))
    total = sum(sector.share for sector in sectors)
    sectors = [
        Sector(sector.surface, sector.color, sector.middle, sector.share / total)
        for sector in sectors
    ]
    return sorted(sectors, key=lambda sector: sector.middle)


@dataclass(frozen=True)
class Slice:
    """What is told of a sector: its name and its value, either of them missing or not."""

    name: Text | None
    value: Number | None
    confidence: float
    share: float


def in_one_form_of(slices: Sequence[Slice]) -> list[Slice]:
    """Return the slices with all values in the form that most of them have."""
    known = [part.value for part in slices if part.value is not None]
    told = iter(agreed(known))
    slices = [part if part.value is None else replace(part, value=next(told)) for part in slices]
    return _measured(slices)


def _measured(slices: Sequence[Slice]) -> list[Slice]:
    """Return the slices with the values that contradict their angles mended.

    What a full circle is worth is the median of what the slices say, each by its share.
    """
    known = [part for part in slices if part.value is not None and part.value.value > 0]
    if len(known) < 3:
        return list(slices)
    whole = float(np.median([part.value.value / part.share for part in known if part.value]))
    return [
        part
        if part.value is None
        else replace(part, value=mended_by(part.value, part.share * whole, 0.12))
        for part in slices
    ]


def read_slices(
    pie: Pie, texts: Sequence[Text], entries: Sequence[Entry]
) -> tuple[list[Slice], set[int]]:
    """Return what is told of each sector, clockwise, and the ids of the texts that tell it."""
    legend = {id(entry.text) for entry in entries}
    used = set(legend)
    told = _Told()
    values, sureness, names = told.values, told.sureness, told.names
    surfaces = {sector.surface: number for number, sector in enumerate(pie.sectors)}
    outside: list[Text] = []
    for text in texts:
        if id(text) in legend or not text.text:
            continue
        far = pie.distance_of(text.x, text.y)
        if far < 1.0 and text.number is not None:
            number = surfaces.get(text.ground)
            if number is None:
                number = _sector_at(pie, pie.angle_of(text.x, text.y))
            if number not in values or sureness[number] < text.confidence:
                values[number], sureness[number] = text.number, text.confidence
            used.add(id(text))
        elif far < 1.0 and text.ground in surfaces and surfaces[text.ground] not in names:
            names[surfaces[text.ground]] = text
            used.add(id(text))
        elif 0.98 <= _nearest(pie, text) <= 1.75:
            outside.append(text)
    for entry in entries:
        number = _by_color(pie, entry)
        if number is not None:
            names[number] = entry.text
    used |= _read_around(pie, outside, told)
    slices = [
        Slice(
            names.get(number),
            values.get(number),
            _confidence(names.get(number), sureness.get(number)),
            sector.share,
        )
        for number, sector in enumerate(pie.sectors)
    ]
    return slices, used


def _confidence(name: Text | None, value: float | None) -> float:
    known = [part for part in (name.confidence if name else None, value) if part is not None]
    return min(known, default=0.0)


def _nearest(pie: Pie, text: Text) -> float:
    """Return how far the nearest point of a text's box is from the middle, in radii."""
    x0, y0, x1, y1 = text.box
    x, y = min(max(pie.x, x0), x1), min(max(pie.y, y0), y1)
    return pie.distance_of(x, y)


def _by_color(pie: Pie, entry: Entry) -> int | None:
    far = [color_distance(sector.color, entry.color) for sector in pie.sectors]
    best = int(np.argmin(far))
    return best if far[best] <= 40 else None


def _sector_at(pie: Pie, angle: float) -> int:
    off = [_apart(sector.middle, angle) / max(0.02, sector.share) for sector in pie.sectors]
    return int(np.argmin(off))


def _apart(one: float, other: float) -> float:
    gap = abs(one - other) % _TWO_PI
    return min(gap, _TWO_PI - gap)


@dataclass
class _Told:
    """What is known of the sectors so far, by their numbers."""

    names: dict[int, Text] = field(default_factory=dict)
    values: dict[int, Number] = field(default_factory=dict)
    sureness: dict[int, float] = field(default_factory=dict)


def _read_around(pie: Pie, outside: Sequence[Text], told: _Told) -> set[int]:
    """Give names and values around the pie to its sectors, in place; return the texts' ids."""
    blocks = [(joined(lines), lines) for lines in _blocks(outside)]
    used: set[int] = set()
    if not blocks:
        return used
    sectors = range(len(pie.sectors))
    free = [n for n in sectors if n not in told.names or n not in told.values]
    for (block, lines), number in _matched(pie, blocks, free):
        both = split_name(block.text)
        if block.number is not None and number in told.names:
            told.values[number], told.sureness[number] = block.number, block.confidence
        elif number not in told.values and both is not None:
            told.names.setdefault(number, _renamed(block, both[0]))
            told.values[number], told.sureness[number] = both[1], block.confidence
        elif number not in told.names:
            told.names[number] = block
        else:
            continue
        used.update(id(line) for line in lines)
    return used


def _renamed(text: Text, name: str) -> Text:
    return replace(text, text=name, figures="")


def _matched(
    pie: Pie, told: Sequence[tuple[Text, list[Text]]], free: Sequence[int]
) -> list[tuple[tuple[Text, list[Text]], int]]:
    """Return blocks with the sectors that they tell of: nearest angles first, each once."""
    pairs = []
    for index, (block, _) in enumerate(told):
        angle = pie.angle_of(*_toward(pie, block))
        for number in free:
            sector = pie.sectors[number]
            off = _apart(sector.middle, angle)
            inside = off <= math.pi * sector.share
            pairs.append((0.25 * off if inside else off, index, number))
    if len(told) == len(free):
        return _in_order(pie, told, free)
    out, taken_blocks, taken = [], set(), set()
    for off, index, number in sorted(pairs):
        if index in taken_blocks or number in taken or off > 0.9:
            continue
        taken_blocks.add(index)
        taken.add(number)
        out.append((told[index], number))
    return out


def _in_order(
    pie: Pie, told: Sequence[tuple[Text, list[Text]]], free: Sequence[int]
) -> list[tuple[tuple[Text, list[Text]], int]]:
    """Return blocks and sectors paired around the circle by the turn that brings them nearest."""
    angles = [pie.angle_of(*_toward(pie, block)) for block, _ in told]
    order = sorted(range(len(told)), key=angles.__getitem__)
    best: tuple[float, int] = (1e9, 0)
    for shift in range(len(order)):
        turned = order[shift:] + order[:shift]
        off = sum(
            _apart(angles[index], pie.sectors[number].middle) ** 2
            for index, number in zip(turned, free, strict=True)
        )
        best = min(best, (off, shift))
    turned = order[best[1] :] + order[: best[1]]
    return [(told[index], number) for index, number in zip(turned, free, strict=True)]


def _toward(pie: Pie, text: Text) -> tuple[float, float]:
    """Return the point of a text that is near the pie: names begin there."""
    x0, _, x1, _ = text.box
    reach = min(x1 - x0, 1.2 * text.size_px)
    if x0 > pie.x:
        return x0 + reach / 2, text.y
    if x1 < pie.x:
        return x1 - reach / 2, text.y
    return text.x, text.y


def _blocks(texts: Sequence[Text]) -> list[list[Text]]:
    """Return lines that stand together, from top to bottom, and words that share a line."""
    groups: list[list[Text]] = []
    for text in sorted(texts, key=lambda text: (text.box[1], text.box[0])):
        home = next((group for group in groups if any(_near(text, other) for other in group)), None)
        if home is None:
            groups.append([text])
        else:
            home.append(text)
    return [_reading_order(group) for group in groups]


def _near(one: Text, other: Text) -> bool:
    size = min(one.size_px, other.size_px)
    if abs(one.size_px - other.size_px) > 0.45 * size:
        return False
    gap_x = max(one.box[0], other.box[0]) - min(one.box[2], other.box[2])
    gap_y = max(one.box[1], other.box[1]) - min(one.box[3], other.box[3])
    beside = gap_y < -0.4 * size and gap_x <= 1.15 * size
    below = gap_x < -0.3 * size and gap_y <= 0.62 * size
    return beside or below


def _reading_order(group: Sequence[Text]) -> list[Text]:
    rows: list[list[Text]] = []
    for text in sorted(group, key=lambda text: text.y):
        if rows and abs(rows[-1][0].y - text.y) <= 0.45 * text.size_px:
            rows[-1].append(text)
        else:
            rows.append([text])
    return [text for row in rows for text in sorted(row, key=lambda text: text.x)]
