"""Figures as inline SVG, whose colours come from the page's style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vary.eval.report.lengths import LengthBin
from vary.eval.report.numbers import number
from vary.eval.report.summary import KINDS, SplitSummary
from vary.eval.statistics import Estimate
from vary.eval.tasks.base import Metric
from vary.markup import Html, join, tag

# Systems beyond these take the colours and marks again from the start.
NUM_COLOURS = 5
# Values this near the best one need no axis of their own.
_TINY = 1e-9


@dataclass(frozen=True)
class Scale:
    """An axis: values from `low` to `high` on `size` pixels from `start`."""

    low: float
    high: float
    start: float
    size: float

    def __call__(self, value: float) -> float:
        """Return the place of a value, kept on the axis."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + self.size * min(1.0, max(0.0, share)), 1)


def value_range(metric: Metric, estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Return the ends of an axis that holds all values and intervals, from the best value on."""
    values = [
        value
        for found in estimates
        for value in (found.value, found.low, found.high)
        if value is not None
    ]
    far = max((abs(value - metric.best) for value in values), default=0.0)
    if far < _TINY:
        far = abs(metric.worst - metric.best) or 1.0
    step = nice_step(far, 2)
    reach = math.ceil(far / step - 1e-9) * step
    if metric.better == "lower":
        return metric.best, metric.best + reach
    return metric.best - reach, metric.best


def nice_step(size: float, num: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten, at least `num` of which fit in."""
    power = 10.0 ** math.floor(math.log10(size / num))
    return max(
        (s * power for s in (1, 2, 5) if s * power <= size / num * (1 + 1e-9)), default=power
    )


def interval_bar(found: Estimate, ends: tuple[float, float], colour: int) -> Html:
    """Return a value as a mark on its interval, on a thin axis."""
    scale = Scale(*ends, 6, 148)
    parts = [_line(6, 9, 154, 9, "axis")]
    if found.low is not None and found.high is not None:
        low, high = scale(found.low), scale(found.high)
        parts += [
            _line(low, 9, high, 9, "range"),
            *(_line(x, 5, x, 13, "end") for x in (low, high)),
        ]
    if found.value is not None:
        parts.append(mark(scale(found.value), 9, colour))
    return _svg(160, 18, parts, class_=f"bar s{colour % NUM_COLOURS}", aria_hidden="true")


def mark(x: float, y: float, colour: int) -> Html:
    """Return a system's mark: its shape tells it where colours cannot."""
    shapes = (
        lambda: tag("circle", cx=x, cy=y, r=3.6),
        lambda: tag("rect", x=x - 3.3, y=y - 3.3, width=6.6, height=6.6),
        lambda: tag("path", d=f"M{x} {y - 4.4}l4.4 7.6h-8.8z"),
        lambda: tag("path", d=f"M{x} {y - 4.8}l4.8 4.8l-4.8 4.8l-4.8 -4.8z"),
        lambda: tag("path", d=f"M{x} {y + 4.4}l4.4 -7.6h-8.8z"),
    )
    return tag("g", shapes[colour % NUM_COLOURS](), class_="mark")


def legend_mark(colour: int) -> Html:
    """Return a system's mark for a legend."""
    return _svg(
        12, 12, [mark(6, 6, colour)], class_=f"legend s{colour % NUM_COLOURS}", aria_hidden="true"
    )


def length_figure(
    bins: Sequence[LengthBin], metric: Metric, systems: Sequence[str], digits: int
) -> Html:
    """Return the metric over the length of the truth: means, intervals, a line for each system."""
    ends = value_range(metric, [found for part in bins for found in part.systems.values()])
    longest = max(part.mean for part in bins)
    shortest = min(part.mean for part in bins)
    is_wide = longest > 8 * max(shortest, 1)
    place = (lambda v: math.log10(max(v, 1.0))) if is_wide else float
    pad = 0.04 * (place(longest) - place(shortest) or 1)
    across = Scale(place(shortest) - pad, place(longest) + pad, 64, 600)
    up = Scale(*ends, 284, -264)
    step = nice_step(ends[1] - ends[0], 4)
    ticks = [ends[0] + i * step for i in range(round((ends[1] - ends[0]) / step) + 1)]
    parts = [join(_line(64, up(v), 664, up(v), "grid") for v in ticks)]
    parts += [_text(56, up(v) + 4, number(v, _tick_digits(step, digits)), "end") for v in ticks]
    parts += [
        join(
            [
                _line(across(place(v)), 284, across(place(v)), 289, "axis"),
                _tick(across(place(v)), v),
            ]
        )
        for v in _length_ticks(shortest, longest, is_wide)
    ]
    parts.append(_line(64, 284, 664, 284, "axis"))
    parts.append(
        _text(364, 326, "characters of the truth" + (" (log)" if is_wide else ""), "middle")
    )
    for colour, name in enumerate(systems):
        shift = 5 * (colour - (len(systems) - 1) / 2)
        points = [
            (across(place(part.mean)) + shift, found)
            for part in bins
            if (found := part.systems[name]).value is not None
        ]
        parts.append(_curve(points, up, colour))
    title = f"{metric.title} by length of the truth"
    return _svg(680, 336, [tag("title", title), *parts], class_="figure", role="img")


def _tick(x: float, value: float) -> Html:
    return _text(x, 304, f"{value:,.0f}", "middle")


def _tick_digits(step: float, digits: int) -> int:
    return min(digits, max(0, -math.floor(math.log10(step))))


def _length_ticks(shortest: float, longest: float, is_wide: bool) -> list[float]:
    if is_wide:
        powers = range(math.floor(math.log10(max(shortest, 1))), math.ceil(math.log10(longest)) + 1)
        found = [float(s * 10**p) for p in powers for s in (1, 2, 5)]
    else:
        step = nice_step(longest - shortest or max(longest, 1), 4)
        first = math.ceil(shortest / step)
        found = [step * i for i in range(first, math.floor(longest / step) + 1)]
    return [value for value in found if shortest <= value <= longest]


def _curve(points: Sequence[tuple[float, Estimate]], up: Scale, colour: int) -> Html:
    parts: list[Html] = []
    places = [(x, up(found.value)) for x, found in points if found.value is not None]
    parts.append(tag("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in places), class_="line"))
    for x, found in points:
        if found.low is not None and found.high is not None:
            low, high = up(found.low), up(found.high)
            parts.append(_line(x, low, x, high, "range"))
            parts += [_line(x - 3, y, x + 3, y, "end") for y in (low, high)]
    parts += [mark(x, y, colour) for x, y in places]
    return tag("g", *parts, class_=f"s{colour % NUM_COLOURS}")


def split_figure(splits: Sequence[tuple[str, SplitSummary]]) -> Html:
    """Return a bar for each system: its errors by kind, per 100 characters of the truths."""
    totals = [split.errors / split.length if split.length else 0.0 for _, split in splits]
    longest = max([*totals, 1e-9])
    left, row = 0, 44
    height = row * len(splits)
    scale = Scale(0, longest, left, 560)
    parts: list[Html] = [_patterns()]
    for i, ((name, split), total) in enumerate(zip(splits, totals, strict=True)):
        y = row * i + 18
        parts.append(_text(left, y - 4, name if len(name) <= 60 else name[:59] + "…", "start"))
        at = 0.0
        for kind in KINDS:
            share = split.parts[kind] / split.length if split.length else 0.0
            x, end = scale(at), scale(at + share)
            tip = tag("title", f"{kind}: {split.parts[kind]:,} characters")
            shape = {"x": x, "y": y, "width": round(end - x, 1), "height": 20}
            parts.append(tag("rect", tip, **shape, class_=f"part {kind}"))
            parts.append(tag("rect", **shape, class_="hatch", fill=f"url(#{kind})"))
            at += share
        parts.append(_text(scale(at) + 6, y + 14, f"{100 * total:.2f} %", "start"))
    title = tag("title", "Errors by kind, per 100 characters of the truths")
    return _svg(680, height, [title, *parts], class_="figure split", role="img")


def kind_swatch(kind: str) -> Html:
    """Return the fill of a kind of errors for a legend."""
    shape = {"x": 0.5, "y": 0.5, "width": 17, "height": 11}
    parts = [
        tag("rect", **shape, class_=f"part {kind}"),
        tag("rect", **shape, class_="hatch", fill=f"url(#{kind})"),
    ]
    return _svg(18, 12, parts, class_="swatch", aria_hidden="true")


def _patterns() -> Html:
    """Return hatchings, so that kinds differ without colour: none, strokes, dots."""

    def pattern(kind: str, shape: Html | None) -> Html:
        return Html(
            f'<pattern id="{kind}" width="6" height="6" patternUnits="userSpaceOnUse">'
            f"{shape or ''}</pattern>"
        )

    return tag(
        "defs",
        pattern("cutting", None),
        pattern("characters", tag("path", d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5", class_="stroke")),
        pattern("order", tag("circle", cx=3, cy=3, r=1.2, class_="dot")),
    )


def _svg(width: float, height: float, parts: Sequence[object], **attributes: object) -> Html:
    inner = tag("svg", *parts, width=width, height=height, **attributes)
    return Html(inner.replace("<svg ", f'<svg viewBox="0 0 {width:g} {height:g}" ', 1))


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    return tag("line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", class_=class_)


def _text(x: float, y: float, label: str, anchor: str) -> Html:
    return tag("text", label, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)
