"""Draws what a chart shows, from a shape, a corpus and fonts."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from vary.data.engines.chart.numbers import (
    Measure,
    decimals_of,
    draw_levels,
    draw_measure,
    draw_shares,
    readable_resolution,
    round_to,
    value_axis,
)
from vary.data.engines.chart.spec import ChartSpec, Kind, NumberForm, Series, ValueAxis
from vary.data.engines.chart.style import ChartStyle, StyleNeeds, draw_style
from vary.data.engines.chart.texts import CJK_LANGUAGES, ChartTexts
from vary.data.engines.page.faces import draw_faces
from vary.data.engines.page.style import pick
from vary.data.fonts import FontLibrary

KINDS: tuple[Kind, ...] = get_args(Kind)
# Fewest and most series, fewest and most categories.
SIZES: dict[Kind, tuple[int, int, int, int]] = {
    "bar": (1, 1, 3, 12),
    "bar-horizontal": (1, 1, 3, 14),
    "grouped": (2, 4, 2, 6),
    "grouped-horizontal": (2, 3, 2, 6),
    "stacked": (2, 5, 3, 8),
    "stacked-horizontal": (2, 5, 3, 8),
    "line": (1, 1, 4, 14),
    "lines": (2, 5, 4, 12),
    "area": (1, 1, 4, 14),
    "stacked-area": (2, 4, 4, 12),
    "pie": (1, 1, 3, 7),
    "donut": (1, 1, 3, 7),
    "composite": (2, 3, 4, 10),
}
# A part of the way between two ticks that can be told by eye.
LEAST_PART_PX = 4.0
TITLE_SHARE, AXIS_TITLE_SHARE, NOTE_SHARE = 0.95, 0.55, 0.15
NEGATIVE_SHARE = 0.1
_NOTES = {
    "en": {"Source: ": 5.0, "Note: ": 2.0, "Sources: ": 1.0, "© ": 1.0, "Data: ": 1.0, "* ": 0.5},
    "zh": {"来源：": 4.0, "数据来源：": 3.0, "注：": 2.0, "资料来源：": 1.0},
}
_SHAPE_SEED = 0x63_68_61_72_74  # "chart": its numbers are its own


@dataclass(frozen=True)
class ChartShape:
    """How much a chart shows.

    Attributes:
        kind: of the chart.
        num_series: 1 for bars, lines, areas and pies of one series.
        num_points: categories.
    """

    kind: Kind
    num_series: int
    num_points: int


def chart_shape(index: int, kinds: tuple[Kind, ...]) -> ChartShape:
    """Return the shape of a sample: a function of its index and the kinds alone."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([_SHAPE_SEED, index])))
    kind = kinds[int(rng.integers(len(kinds)))]
    least_series, most_series, least, most = SIZES[kind]
    return ChartShape(
        kind, int(rng.integers(least_series, most_series + 1)), int(rng.integers(least, most + 1))
    )


@dataclass(frozen=True)
class ChartChoices:
    """What may be drawn.

    Attributes:
        language: of the texts.
        labelled: share of charts whose values are written beside the marks.
        dpi: least and greatest resolution.
    """

    language: str
    labelled: float
    dpi: tuple[int, int]


class ChartComposer:
    """Draws the specification of one chart.

    Args:
        shape: how much it shows.
        texts: where names come from.
        fonts: faces to choose from.
        choices: what may be drawn.
        rng: decides everything.
    """

    def __init__(
        self,
        shape: ChartShape,
        texts: ChartTexts,
        fonts: FontLibrary,
        choices: ChartChoices,
        *,
        rng: np.random.Generator,
    ) -> None:
        self._shape = shape
        self._texts = texts
        self._fonts = fonts
        self._choices = choices
        self._rng = rng

    def compose(self) -> ChartSpec:
        """Return what the chart shows and how it looks.

        Raises:
            Reject: no phrase, or no face that has all its characters.
        """
        rng, shape = self._rng, self._shape
        labels = self._labelled()
        categories = self._categories()
        names = ("",) if shape.num_series == 1 else self._texts.names(shape.num_series, 22)
        title = self._texts.title() if rng.random() < TITLE_SHARE else ""
        round_kind = shape.kind in {"pie", "donut"}
        axis_titles = tuple("" if round_kind else self._axis_title() for _ in range(3))
        note = self._note() if rng.random() < NOTE_SHARE else ""
        measures = [draw_measure(rng, self._choices.language) for _ in range(2)]
        written = "".join(
            [*categories, *names, title, *axis_titles, note, *(m.form.characters for m in measures)]
        )
        faces = draw_faces(rng, self._fonts, written + written.upper() + "%")
        title_face = faces.heading if rng.random() < 0.6 else faces.body
        style = draw_style(rng, (faces.body, title_face), self._needs(categories, labels))
        axes: tuple[ValueAxis, ...] = ()
        resolution: tuple[float, ...] = ()
        if round_kind:
            series = self._shares(measures[0])
        else:
            series, axes, resolution = self._values(names, measures, style, labels=labels)
        axes = tuple(
            replace(axis, title=told) for axis, told in zip(axes, axis_titles[1:], strict=False)
        )
        return ChartSpec(
            kind=shape.kind,
            title=title,
            categories=categories,
            series=series,
            category_title=axis_titles[0],
            axes=axes,
            labels=labels,
            resolution=resolution,
            note=note,
            style=style,
        )

    def _labelled(self) -> bool:
        """Whether values are written; where lines would cross each other's numbers they are not."""
        shape = self._shape
        if shape.kind in {"pie", "donut"}:
            return True
        if shape.kind == "stacked-area" or (shape.kind == "lines" and shape.num_series > 2):
            return False
        return bool(self._rng.random() < self._choices.labelled)

    def _categories(self) -> tuple[str, ...]:
        shape = self._shape
        ordered = shape.kind in {"line", "lines", "area", "stacked-area", "composite"}
        most = 26 if shape.kind.endswith("horizontal") else 22 - shape.num_points // 2
        return self._texts.categories(shape.num_points, most, ordered=ordered)

    def _axis_title(self) -> str:
        if self._rng.random() >= AXIS_TITLE_SHARE:
            return ""
        most = 10 if self._choices.language in CJK_LANGUAGES else 26
        return self._texts.phrase(2 if most == 10 else 4, most)

    def _note(self) -> str:
        zh = self._choices.language == "zh"
        most = 12 if self._choices.language in CJK_LANGUAGES else 40
        begin = pick(self._rng, _NOTES["zh" if zh else "en"])
        return begin + self._texts.phrase(3, most)

    def _needs(self, categories: tuple[str, ...], labels: bool) -> StyleNeeds:
        shape = self._shape
        wide = 2 if self._choices.language in CJK_LANGUAGES else 1
        return StyleNeeds(
            kind=shape.kind,
            num_colors=shape.num_points if shape.kind in {"pie", "donut"} else shape.num_series,
            num_categories=shape.num_points,
            longest_name=wide * max(map(len, categories)),
            labels=labels,
            dpi=self._choices.dpi,
        )

    def _shares(self, measure: Measure) -> tuple[Series, ...]:
        """Return the sectors: per cent that add up to 100, or amounts."""
        rng, num = self._rng, self._shape.num_points
        least = 0.055 if num < 7 else 0.05
        if rng.random() < 0.65:
            form = NumberForm(decimals=int(rng.choice([0, 1, 1, 2])), suffix="%")
        else:
            form = measure.form
        scale = 10**form.decimals
        total = 100 if form.suffix == "%" else max(int(measure.top * num), 40)
        parts = np.array(draw_shares(rng, num, total * scale, least)) / scale
        if rng.random() < 0.3:
            parts = np.sort(parts)[::-1]
        values = tuple(round(float(part), form.decimals) for part in parts)
        return (Series("", values, form),)

    def _values(
        self,
        names: tuple[str, ...],
        measures: list[Measure],
        style: ChartStyle,
        *,
        labels: bool,
    ) -> tuple[tuple[Series, ...], tuple[ValueAxis, ...], tuple[float, ...]]:
        """Return series, their axes, and what values were rounded to on each."""
        shape = self._shape
        levels = draw_levels(self._rng, shape.num_series, shape.num_points)
        lines = [0] * shape.num_series
        if shape.kind == "composite":
            lines[-1] = 1
        series: list[Series] = []
        axes: list[ValueAxis] = []
        resolutions: list[float] = []
        for number in sorted(set(lines)):
            rows = np.array([row for row, at in zip(levels, lines, strict=True) if at == number])
            plan = _AxisPlan(shape.kind, bool(number), labels, self._axis_px(style))
            values, form, axis, resolution = plan.fill(self._rng, rows, measures[number])
            axes.append(axis)
            resolutions.append(resolution)
            named = [name for name, at in zip(names, lines, strict=True) if at == number]
            series += [
                Series(name, tuple(map(float, row)), form, line=bool(number), axis=number)
                for name, row in zip(named, values, strict=True)
            ]
        return tuple(series), tuple(axes), () if labels else tuple(resolutions)

    def _axis_px(self, style: ChartStyle) -> float:
        """Return at least how long the value axis will be drawn."""
        horizontal = self._shape.kind.endswith("horizontal")
        return 0.45 * (style.width_px if horizontal else style.height_px)


@dataclass(frozen=True)
class _AxisPlan:
    """How values lie on an axis.

    Attributes:
        kind: of the chart.
        over_bars: it is the line of a composite.
        labels: values are written.
        length_px: about how long the axis is.
    """

    kind: Kind
    over_bars: bool
    labels: bool
    length_px: float

    def fill(
        self, rng: np.random.Generator, levels: np.ndarray, measure: Measure
    ) -> tuple[np.ndarray, NumberForm, ValueAxis, float]:
        """Return values by series and category, how they are written, the axis, the resolution."""
        stacked = self.kind.startswith("stacked")
        if stacked:
            # The parts of a stack are read one by one: none may vanish.
            least = 0.3 if self.labels else 0.12
            levels = least + (1 - least) * levels
            if measure.form.suffix == "%":
                levels = levels / levels.shape[0]
        if self.over_bars and self.labels:
            # The line runs above bars that fill the lower half: their numbers do not meet.
            levels = 0.75 + 0.25 * levels
        values = levels * measure.top
        signed = not stacked and self.kind not in {"area", "composite"}
        if signed and rng.random() < NEGATIVE_SHARE:
            values = values - measure.top * rng.uniform(0.2, 0.6)
        form = measure.form
        values = self._rounded(values, form)
        axis = self._axis(rng, values, form)
        if self.labels:
            return values, form, axis, 10.0**-form.decimals
        resolution = readable_resolution(axis, self.length_px, LEAST_PART_PX)
        values = np.clip(round_to(values, resolution), axis.low, None)
        form = replace(form, decimals=decimals_of(resolution))
        if stacked:  # rounding up may have lifted a stack above the axis
            axis = replace(axis, high=max(axis.high, _reach(self.kind, values)[1]))
        return values, form, axis, resolution

    def _rounded(self, values: np.ndarray, form: NumberForm) -> np.ndarray:
        """Return values with the decimals that are written, none of them 0."""
        return round_to(values, 10.0**-form.decimals)

    def _axis(self, rng: np.random.Generator, values: np.ndarray, form: NumberForm) -> ValueAxis:
        low, high = _reach(self.kind, values)
        if self.kind in {"line", "lines"} and low > 0 and rng.random() < 0.5:
            low -= (high - low) * rng.uniform(0.1, 0.4)
        else:
            low = min(low, 0.0)
        low = max(low, 0.0) if _reach(self.kind, values)[0] >= 0 else low
        span = max(high - low, 1e-6)
        num_ticks = rng.uniform(3.5, 8.0)
        if not self.labels:
            return value_axis(low, high, num_ticks, form, whole_steps=True)
        if self.kind == "composite":
            high *= 1.12 if self.over_bars else 2.0
            return value_axis(0.0, high, num_ticks, form, whole_steps=True)
        room = rng.uniform(0.14, 0.3)
        if low < 0:
            low -= room * span
        return value_axis(
            low, high + room * span, num_ticks, form, whole_steps=bool(rng.random() < 0.6)
        )


def _reach(kind: Kind, values: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest place of marks."""
    if kind.startswith("stacked"):
        return 0.0, float(values.sum(axis=0).max())
    return float(values.min()), float(values.max())
