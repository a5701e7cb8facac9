"""Specifications of charts from stories: names and values are given, the look is drawn."""

from dataclasses import replace

import numpy as np

from vary.data.engines.association.story import Story
from vary.data.engines.chart.compose import TITLE_SHARE
from vary.data.engines.chart.numbers import value_axis
from vary.data.engines.chart.spec import ChartSpec, Kind, NumberForm, Series, Thousands, ValueAxis
from vary.data.engines.chart.style import ChartStyle, StyleNeeds, draw_style
from vary.data.engines.chart.texts import CJK_LANGUAGES
from vary.data.engines.page.faces import draw_faces
from vary.data.engines.page.style import pick
from vary.data.fonts import FontLibrary

# Kinds of charts that a story can be drawn as, and how often.
LOOKS: dict[str, dict[Kind, float]] = {
    "bar": {"bar": 3.0, "bar-horizontal": 2.0},
    "grouped": {"grouped": 3.0, "grouped-horizontal": 1.5},
    "stacked": {"stacked": 2.0, "stacked-horizontal": 1.0},
    "line": {"line": 3.0, "area": 1.0, "bar": 1.0},
    "lines": {"lines": 3.0, "grouped": 1.0},
    "pie": {"pie": 2.0, "donut": 1.0},
}
_THOUSANDS: dict[Thousands, float] = {",": 3.0, "": 2.0}
AXIS_TITLE_SHARE = 0.8
# An axis of lines may begin above 0 where all values are far from it.
_FAR_FROM_ZERO = 0.5


def compose_story(
    story: Story,
    rng: np.random.Generator,
    fonts: FontLibrary,
    language: str,
    dpi: tuple[int, int],
) -> ChartSpec:
    """Return a chart of a story; every value is written beside its mark.

    Raises:
        Reject: no face has all its characters.
    """
    kind: Kind = pick(rng, LOOKS[story.kind])
    form = _form(story, rng)
    written = story.text + story.text.upper() + form.characters
    faces = draw_faces(rng, fonts, written + "%")
    title_face = faces.heading if rng.random() < 0.6 else faces.body
    wide = 2 if language in CJK_LANGUAGES else 1
    is_round = kind in {"pie", "donut"}
    needs = StyleNeeds(
        kind=kind,
        num_colors=len(story.categories) if is_round else len(story.series),
        num_categories=len(story.categories),
        longest_name=wide * max(map(len, story.categories)),
        labels=True,
        dpi=dpi,
    )
    style = _wide_enough(draw_style(rng, (faces.body, title_face), needs), story, form, kind)
    series = tuple(Series(part.name, part.values, form) for part in story.series)
    titles = [rng.random() < AXIS_TITLE_SHARE and not is_round for _ in range(2)]
    axis = () if is_round else (_axis(rng, kind, series, form),)
    return ChartSpec(
        kind=kind,
        title=story.title if rng.random() < TITLE_SHARE else "",
        categories=story.categories,
        series=series,
        category_title=story.category_title if titles[0] else "",
        axes=tuple(replace(one, title=story.value_title if titles[1] else "") for one in axis),
        labels=True,
        resolution=(),
        note="",
        style=style,
    )


def _form(story: Story, rng: np.random.Generator) -> NumberForm:
    """Return how the story's numbers are written: with as many decimals as any of them needs."""
    values = [value for series in story.series for value in series.values]
    decimals = next(count for count in range(10) if all(round(v, count) == v for v in values))
    return NumberForm(decimals, pick(rng, _THOUSANDS), story.prefix, story.suffix)


def _axis(
    rng: np.random.Generator, kind: Kind, series: tuple[Series, ...], form: NumberForm
) -> ValueAxis:
    rows = np.array([part.values for part in series])
    if kind.startswith("stacked"):
        low, high = 0.0, float(rows.sum(axis=0).max())
    else:
        low, high = float(rows.min()), float(rows.max())
    far = low > _FAR_FROM_ZERO * high and kind in {"line", "lines"} and rng.random() < 0.5
    low = low - 0.3 * (high - low) if far else min(low, 0.0)
    high = max(high, 0.0)
    room = rng.uniform(0.16, 0.3) * max(high - low, 1e-6)
    if low < 0:
        low -= room
    num_ticks = rng.uniform(3.5, 8.0)
    whole = bool(rng.random() < 0.6)
    return value_axis(low, high + room, num_ticks, form, whole_steps=whole)


def _wide_enough(style: ChartStyle, story: Story, form: NumberForm, kind: Kind) -> ChartStyle:
    """Return a look with room for the longest number over each bar or in each part of one."""
    if kind in {"pie", "donut"}:
        return style
    longest = max(len(form.format(v)) for series in story.series for v in series.values)
    em = style.text.size_px
    slots = len(story.categories) * (len(story.series) if kind.startswith("grouped") else 1)
    if kind.endswith("horizontal"):
        if kind.startswith("stacked"):
            values = np.array([series.values for series in story.series])
            part = float(values.min() / values.sum(axis=0).max())
            need = 0.62 * longest * em / part / 0.6
            return _widened(style, need, 90 * em)
        return style
    need = slots * (0.62 * longest + 0.8) * em / style.marks.bar_share + 10 * em
    if kind in {"line", "lines", "area"}:
        need = slots * (0.62 * longest + 0.8) * em + 10 * em
    return _widened(style, need, 100 * em)


def _widened(style: ChartStyle, least_px: float, most_px: float) -> ChartStyle:
    """Return a look at least so wide, and high enough not to be a strip."""
    width = round(min(max(style.width_px, least_px), most_px))
    return replace(style, width_px=width, height_px=max(style.height_px, round(0.42 * width)))
