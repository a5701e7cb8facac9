"""What the worker drew, read back from its report and held against the specification."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.chart.boxes import (
    VALUE_SLACK,
    Sector,
    TextBox,
    beyond_sector,
    first_outside,
    first_overlap,
)
from vary.data.engines.chart.echarts_look import EchartsLook
from vary.data.engines.chart.echarts_options import has_legend
from vary.data.engines.chart.echarts_pie import rose_of
from vary.data.engines.chart.echarts_text import LINE_EM, width_of
from vary.data.engines.chart.reading import squeeze
from vary.data.engines.chart.sheet import Crowded
from vary.data.engines.chart.spec import ChartSpec, ValueAxis, chart_dict

# A mark may end this far from the place of its value.
_TOLERANCE_PX = 0.6
# Values that are read from ticks must differ by this much to be told apart.
LEAST_RESOLUTION_PX = 2.5
_LEAST_SECTOR_TOLERANCE = 0.02


@dataclass(frozen=True)
class Block:
    """A text of one or more lines, as it was drawn.

    Attributes:
        part: title, legend, xAxis, yAxis or series.
        number: which of them.
        at: the category whose label it is; None for all else.
        anid: ECharts' own mark of axis names.
        text: its lines, joined by a space.
        x, y: centre of the first line.
    """

    part: str
    number: int
    at: int | None
    anid: str
    text: str
    x: float
    y: float


class EchartsReport:
    """A worker's report about one chart.

    Args:
        spec: what was asked for.
        look: how.
        report: the worker's answer.
    """

    def __init__(self, spec: ChartSpec, look: EchartsLook, report: dict[str, Any]) -> None:
        self.spec, self.look = spec, look
        self.plot: dict[str, float] = report["plot"]
        self._lines = report["texts"]
        self._series = report["series"]
        self.blocks = _blocks(self._lines)

    def boxes(self) -> list[TextBox]:
        """Return the places of all lines of text."""
        spec = self.spec
        text = spec.style.text
        return [
            TextBox(
                lines=(line["text"],),
                x=line["x"],
                y=line["y"],
                width=line["width"],
                height=line["em"] * LINE_EM,
                degrees=line["degrees"],
                align="center",
                color=_rgb(line["color"]),
                measure=_measure(
                    text.title_face if self._is_title(line) else text.face, line["text"], line
                ),
            )
            for line in self._lines
        ]

    def check_places(self) -> None:
        """Refuse texts that are cut off, stand on each other, or on others' bars.

        Raises:
            Crowded: as told; a roomier layout may do.
        """
        style, boxes = self.spec.style, self.boxes()
        cut = first_outside(boxes, style.width_px, style.height_px)
        if cut is not None:
            raise Crowded("text beyond the edge", cut.name)
        met = first_overlap(boxes)
        if met is not None:
            raise Crowded("overlapping text", f"{met[0].name} and {met[1].name}")
        self._check_plot()
        self._check_ticks_apart(boxes)
        if not self.spec.round and self.spec.labels:
            self._check_labels_on_bars()

    def read(self) -> dict[str, Any]:
        """Return title and data as they were drawn, in the form of the target.

        Raises:
            Reject: a mark is not where its value is, or a label tells another value.
            Crowded: a label was left out.
        """
        spec = self.spec
        if spec.round:
            self._check_sectors()
        else:
            self._check_axes()
        rows = [
            [self._told(number, at) for at in range(len(spec.categories))]
            for number in range(len(spec.series))
        ]
        legend = [block.text for block in self.blocks if block.part == "legend"]
        names = [""] if len(spec.series) == 1 else legend
        if len(names) != len(spec.series):
            raise Crowded("a legend without a name", ", ".join(names))
        titles = [b for b in self.blocks if b.part == "title" and b.number == 0 and spec.title]
        title = titles[0].text if titles else ""
        return chart_dict(title, names, self._categories(legend), rows)

    def _is_title(self, line: dict[str, Any]) -> bool:
        return bool(self.spec.title) and line.get("part") == "title" and line["number"] == 0

    def _categories(self, legend: Sequence[str]) -> list[str]:
        """Return the names of categories in the order in which they stand.

        Raises:
            Crowded: not all are there.
        """
        spec = self.spec
        if not spec.round:
            part = "yAxis" if spec.horizontal else "xAxis"
            labels = [b for b in self.blocks if b.part == part and b.anid != "name"]
            if spec.horizontal:
                labels.sort(key=lambda block: self._middle(block)[1])
                if not spec.style.axes.reversed:
                    labels.reverse()
            else:
                labels.sort(key=lambda block: block.x)
            names = [block.text for block in labels]
        elif has_legend(spec):
            names = list(legend)
        else:
            names = []
            value = spec.series[0].form.format
            for at, number in enumerate(spec.series[0].values):
                drawn = self._label(0, at)
                beside = spec.style.marks.pie_values == "beside"
                told = drawn.text.replace("\n", " ")
                if beside:
                    told = _without(told, value(number), self.look.separator)
                names.append(told)
        if len(names) != len(spec.categories):
            raise Crowded("names are missing", f"{len(names)} of {len(spec.categories)}")
        return names

    def _middle(self, block: Block) -> tuple[float, float]:
        return block.x, block.y

    def _label(self, number: int, at: int) -> Block:
        for block in self.blocks:
            if block.part == "series" and block.number == number and block.at == at:
                return block
        raise Crowded("a label is missing", f"of {self.spec.categories[at]}")

    def _told(self, number: int, at: int) -> str:
        """Return a value as it is written, or where it is not, as its mark's place tells it."""
        spec = self.spec
        text = spec.series[number].form.format(spec.series[number].values[at])
        if not spec.labels:
            return text  # its mark was held against it
        over = spec.round and not has_legend(spec) and spec.style.marks.pie_values == "inside"
        block = self._label(1 if over else number, at)
        if not squeeze(block.text).endswith(squeeze(text)):
            raise Reject("label and mark differ", f"{block.text!r} at {text!r}")
        return text

    def _check_sectors(self) -> None:
        """Refuse a pie whose sectors are not as large as their values."""
        values = np.array(self.spec.series[0].values)
        marks = self._series[0]["marks"]
        if any(mark is None for mark in marks) or len(marks) != len(values):
            raise Reject("a sector is missing")
        angles = np.array([abs(mark["end"] - mark["begin"]) for mark in marks])
        share = values / values.sum()
        if rose_of(self.spec, self.look) == "area":
            share = np.full(len(values), 1 / len(values))
        tolerance = _LEAST_SECTOR_TOLERANCE + self.spec.style.marks.pie_apart
        if np.abs(angles / (2 * math.pi) - share).max() > tolerance:
            raise Reject("sector and value differ", str(np.round(angles / (2 * math.pi), 3)))
        if self.spec.style.marks.pie_values == "inside" or has_legend(self.spec):
            self._check_values_in_sectors(marks)

    def _check_values_in_sectors(self, marks: list[dict[str, float]]) -> None:
        """Refuse numbers that stand beyond their sector: on other colours they cannot be read."""
        style = self.spec.style
        size, form = style.text.size_px * style.text.label_scale, self.spec.series[0].form
        for value, mark in zip(self.spec.series[0].values, marks, strict=True):
            told = form.format(value)
            sector = Sector(mark["begin"], mark["end"], mark["inner"], mark["outer"])
            width = width_of(style.text.face, size, told)
            if beyond_sector(sector, width, size) > VALUE_SLACK * size:
                raise Crowded("no room for a value in its sector", told)

    def _check_axes(self) -> None:
        """Refuse marks that do not end at their values' places, and ticks that tell others."""
        spec = self.spec
        scales = [self._scale(number, axis) for number, axis in enumerate(spec.axes)]
        # An outline takes half its width off its bar.
        allowed = _TOLERANCE_PX + spec.style.marks.edge_px / 2
        sums = {True: np.zeros(len(spec.categories)), False: np.zeros(len(spec.categories))}
        for number, (series, drawn) in enumerate(zip(spec.series, self._series, strict=True)):
            start, per_unit = scales[series.axis]
            for at, (value, mark) in enumerate(zip(series.values, drawn["marks"], strict=True)):
                if mark is None:
                    raise Reject("a mark is missing", f"{series.name} at {spec.categories[at]}")
                stack = sums[value >= 0]
                base = stack[at] if spec.stacked else 0.0
                stack[at] += value
                wanted = start + (base + value) * per_unit
                found = _ends(mark, spec.horizontal)
                if min(abs(end - wanted) for end in found) > allowed:
                    raise Reject("mark and value differ", f"{value} of series {number}")

    def _scale(self, number: int, axis: ValueAxis) -> tuple[float, float]:
        """Return where 0 lies and how long 1 is, in pixels, from ticks or the plot's edges.

        Raises:
            Reject: a tick's text is not what stands at its place.
            Crowded: the axis is too short for values to be read from it.
        """
        spec = self.spec
        x0, y0, x1, y1 = self._edges()
        ends = (x0, x1) if spec.horizontal else (y1, y0)
        per_unit = (ends[1] - ends[0]) / (axis.high - axis.low)
        start = ends[0] - axis.low * per_unit
        part = "xAxis" if spec.horizontal else "yAxis"
        ticks = [
            b for b in self.blocks if b.part == part and b.number == number and b.anid != "name"
        ]
        for block in ticks:
            place = block.x if spec.horizontal else block.y
            wanted = start + axis.form.parse(block.text) * per_unit
            # Texts at an axis' ends may be moved a little to stay whole.
            if abs(place - wanted) > 2.0:
                raise Reject("tick and place differ", f"{block.text!r} at {place:.1f}")
        if not spec.labels:
            if len(ticks) < 2:
                raise Reject("too few ticks to read values from")
            if abs(per_unit) * spec.resolution[number] < LEAST_RESOLUTION_PX:
                raise Crowded("values cannot be read from the axis")
        return start, per_unit

    def _check_ticks_apart(self, boxes: Sequence[TextBox]) -> None:
        """Refuse numbers along a lying axis that run into each other or are left out."""
        spec = self.spec
        if not spec.horizontal or not spec.style.axes.values_shown:
            return
        row = [
            box
            for box, line in zip(boxes, self._lines, strict=True)
            if line.get("part") == "xAxis" and line["anid"] != "name"
        ]
        row.sort(key=lambda box: box.x)
        least = 0.5 * spec.style.text.size_px
        for one, other in pairwise(row):
            if other.x - other.width / 2 - one.x - one.width / 2 < least:
                raise Crowded("overlapping text", f"{one.name} and {other.name}")
        if len(row) < sum(len(axis.ticks) for axis in spec.axes):
            raise Crowded("ticks are missing", f"{len(row)} are shown")

    def _edges(self) -> tuple[float, float, float, float]:
        return tuple(self.plot[side] for side in ("x0", "y0", "x1", "y1"))  # type: ignore[return-value]

    def _check_plot(self) -> None:
        """Refuse a plot of which names and legend leave too little."""
        x0, y0, x1, y1 = self._edges()
        style = self.spec.style
        if x1 - x0 < 0.35 * style.width_px or y1 - y0 < 0.35 * style.height_px:
            raise Crowded("no room for the plot")

    def _check_labels_on_bars(self) -> None:
        """Refuse values that stand on another bar than their own, or reach out of theirs."""
        bars = {
            (number, at): (mark["x0"], mark["y0"], mark["x1"], mark["y1"])
            for number, drawn in enumerate(self._series)
            for at, mark in enumerate(drawn["marks"])
            if mark is not None and "x0" in mark
        }
        if not bars:
            return
        places = np.array([(*np.sort(b[0::2]), *np.sort(b[1::2])) for b in bars.values()])
        inside = self.spec.stacked or self.spec.style.text.label_place != "end"
        for line, box in zip(self._lines, self.boxes(), strict=True):
            at = (line["number"], line.get("at")) if line.get("part") == "series" else None
            if at not in bars:
                continue
            corners = box.corners(-1.0)
            (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
            met = (x0 < places[:, 1]) & (places[:, 0] < x1)
            met &= (y0 + 1 < places[:, 3]) & (places[:, 2] < y1 - 1)
            if any(other != at for other, on in zip(bars, met, strict=True) if on):
                raise Crowded("a value on another bar", line["text"])
            own = places[list(bars).index(at)]
            out = own[0] > x0 or x1 > own[1] or own[2] > y0 + 2 or y1 - 2 > own[3]
            if inside and not any(self.spec.style.marks.hatches) and out:
                raise Crowded("no room for a value in its bar", line["text"])


def _blocks(lines: Sequence[dict[str, Any]]) -> list[Block]:
    """Return texts whose lines belong together, in the order in which they were drawn."""
    grouped: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        grouped.setdefault(line["block"], []).append(line)
    return [
        Block(
            part=members[0].get("part", ""),
            number=members[0].get("number", 0),
            at=members[0].get("at"),
            anid=members[0]["anid"],
            text=" ".join(line["text"] for line in members),
            x=float(np.mean([line["x"] for line in members])),
            y=float(np.mean([line["y"] for line in members])),
        )
        for members in grouped.values()
    ]


def _ends(mark: dict[str, float], horizontal: bool) -> tuple[float, ...]:
    """Return where a mark ends along the value axis: bars have two ends."""
    if "x" in mark:
        return (mark["y"],)
    return (mark["x0"], mark["x1"]) if horizontal else (mark["y0"], mark["y1"])


def _without(told: str, value: str, separator: str) -> str:
    """Return a sector's text without its value and what stands before that."""
    head = squeeze(told).removesuffix(squeeze(value))
    return head.removesuffix(squeeze(separator)) if squeeze(separator) else head


def _rgb(color: Sequence[float] | None) -> tuple[int, int, int]:
    red, green, blue = (round(part) for part in (color or (0, 0, 0))[:3])
    return red, green, blue


def _measure(face: Any, whole: str, line: dict[str, Any]) -> Any:
    """Return what tells the width of a part of a line: its share of the width that was drawn."""
    total = width_of(face, 1.0, whole) or 1.0
    return lambda part: width_of(face, 1.0, part) / total * line["width"]
