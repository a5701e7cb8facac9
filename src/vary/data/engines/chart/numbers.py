"""Numbers for charts: how they are written, what they are, and axes to read them from."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from vary.data.engines.chart.spec import NumberForm, Thousands, ValueAxis
from vary.data.engines.page.style import pick

# Steps between ticks, times a power of ten.
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
# Into how many parts a reader can divide the way between two ticks.
PARTS = (10, 5, 4, 2, 1)
# Values stay this far from nothing, of the largest: a bar must be seen.
LEAST_LEVEL = 0.04

_MEASURES = {"integer": 4.0, "decimal": 2.0, "percent": 3.0, "currency": 1.5, "unit": 1.5}
_UNITS = {
    "en": ("K", "M", "bn", " kg", " km", " t", "x", " h", " pts"),
    "zh": ("万", "亿", "人", "吨", "次", "件", "元", "万元", "公里"),
}
_CURRENCIES = {"en": ("$", "$", "£", "€", "¥"), "zh": ("¥", "¥", "$")}
_PATTERNS = {
    "uniform": 3.0,
    "rise": 2.0,
    "fall": 1.5,
    "peak": 1.0,
    "skewed": 1.5,
    "even": 1.0,
    "sorted": 1.0,
}


@dataclass(frozen=True)
class Measure:
    """What a series counts.

    Attributes:
        form: how its numbers are written.
        top: about the largest.
    """

    form: NumberForm
    top: float


def draw_measure(rng: np.random.Generator, language: str) -> Measure:
    """Return what is counted, and about how much of it, drawn at random."""
    kind = pick(rng, _MEASURES)
    zh = language == "zh"
    if kind == "percent":
        form = NumberForm(decimals=int(rng.integers(0, 3)), suffix="%")
        return Measure(form, float(rng.choice([rng.uniform(3, 100), rng.uniform(20, 95)])))
    if kind == "decimal":
        return Measure(NumberForm(decimals=int(rng.choice([1, 1, 2, 2, 3]))), _power(rng, 0.3, 3))
    if kind == "unit":
        suffix = str(rng.choice(_UNITS["zh" if zh else "en"]))
        return Measure(NumberForm(int(rng.integers(0, 3)), "", "", suffix), _power(rng, 1, 3))
    if kind == "currency":
        prefix = str(rng.choice(_CURRENCIES["zh" if zh else "en"]))
        form = NumberForm(int(rng.choice([0, 0, 1, 2])), _thousands(rng), prefix)
        return Measure(form, _power(rng, 1, 5 - form.decimals))
    return Measure(NumberForm(0, _thousands(rng)), _power(rng, 1, 6))


def draw_levels(rng: np.random.Generator, num_series: int, num_points: int) -> np.ndarray:
    """Return values between 0 and 1 with a course as charts show it: (series, points) floats."""
    pattern = pick(rng, _PATTERNS)
    rows = []
    for _ in range(num_series):
        shape = pattern if rng.random() < 0.6 else pick(rng, _PATTERNS)
        height = 1.0 if num_series == 1 else float(rng.uniform(0.45, 1.0))
        rows.append(_course(rng, shape, num_points) * height)
    levels = np.stack(rows)
    return np.clip(levels / levels.max(), LEAST_LEVEL, 1.0)


def draw_shares(
    rng: np.random.Generator, num: int, total: int, least: float = 0.045
) -> tuple[int, ...]:
    """Return whole numbers that add up to a total, none of them a very small part of it."""
    parts = rng.dirichlet(np.full(num, 2.5))
    parts = least + parts * (1 - num * least)
    whole = np.floor(parts * total).astype(int)
    order = np.argsort(whole - parts * total, kind="stable")
    whole[order[: total - int(whole.sum())]] += 1
    return tuple(int(part) for part in whole)


def value_axis(
    low: float, high: float, num_ticks: float, form: NumberForm, *, whole_steps: bool
) -> ValueAxis:
    """Return an axis whose ticks are round numbers.

    Args:
        low: the least that must lie on it.
        high: the most; an axis of no length is given some.
        num_ticks: about how many intervals.
        form: of its ticks; decimals are set as the step needs them.
        whole_steps: both ends have a tick; else only the lower one, or none.
    """
    span = max(high - low, abs(high) * 1e-3, 1e-6)
    step = nice_step(span / num_ticks)
    first = np.floor(low / step + 1e-6) * step
    last = np.ceil(high / step - 1e-6) * step
    ticks = replace(form, decimals=decimals_of(step))
    return ValueAxis(
        "", round(float(first), 9), round(float(last), 9) if whole_steps else high, step, ticks
    )


def nice_step(rough: float) -> float:
    """Return the round number next above a rough step."""
    power = 10.0 ** np.floor(np.log10(rough))
    best = next(step for step in STEPS if step * power >= rough * (1 - 1e-9))
    return round(float(best * power), 9)


def decimals_of(number: float) -> int:
    """Return how many decimals write a round number exactly."""
    return next(count for count in range(10) if abs(round(number, count) - number) < 1e-9)


def readable_resolution(axis: ValueAxis, length_px: float, least_px: float) -> float:
    """Return the finest part of a step that is still some pixels long.

    Args:
        axis: with its ends.
        length_px: about how long it is drawn.
        least_px: how long a part must be to be told from its neighbours.
    """
    px = length_px / (axis.high - axis.low)
    parts = next((n for n in PARTS if axis.step / n * px >= least_px and _is_short(axis, n)), 1)
    return round(axis.step / parts, 9)


def round_to(values: np.ndarray, resolution: float) -> np.ndarray:
    """Return values as multiples of a resolution, none of them 0."""
    numbers = np.rint(values / resolution)
    signs = np.where(values < 0, -1.0, 1.0)
    return np.round(np.where(numbers == 0, signs, numbers) * resolution, 9)


def _is_short(axis: ValueAxis, parts: int) -> bool:
    """Whether a part needs at most one decimal more than the step."""
    return decimals_of(axis.step / parts) <= decimals_of(axis.step) + 1


def _course(
    rng: np.random.Generator,
    pattern: Literal["uniform", "rise", "fall", "peak", "skewed", "even", "sorted"] | str,
    num: int,
) -> np.ndarray:
    noise = rng.normal(0, 0.06, num)
    ramp = np.linspace(rng.uniform(0.1, 0.5), 1.0, num)
    if pattern == "rise":
        levels = ramp + noise
    elif pattern == "fall":
        levels = ramp[::-1] + noise
    elif pattern == "peak":
        place = rng.uniform(0.2, 0.8) * num
        levels = 0.2 + 0.8 * np.exp(-(((np.arange(num) - place) / (num * 0.3)) ** 2)) + noise
    elif pattern == "skewed":
        levels = rng.lognormal(-1.2, 0.8, num)
        levels = levels / levels.max()
    elif pattern == "sorted":
        levels = np.sort(rng.uniform(0.08, 1.0, num))[::-1]
    elif pattern == "even":
        levels = rng.uniform(0.75, 1.0, num)
    else:
        levels = rng.uniform(0.1, 1.0, num)
    return np.clip(levels, 0.05, 1.2)


def _power(rng: np.random.Generator, low: float, high: float) -> float:
    return float(10 ** rng.uniform(low, high))


def _thousands(rng: np.random.Generator) -> Thousands:
    return pick(rng, {",": 5.0, "": 4.0})
