"""What a chart shows: kind, texts, axes, values and look, without any word on how it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vary.data.engines.chart.style import ChartStyle

Kind = Literal[
    "bar", "bar-horizontal", "grouped", "grouped-horizontal", "stacked", "stacked-horizontal",
    "line", "lines", "area", "stacked-area", "pie", "donut", "composite",
]  # fmt: skip
Thousands = Literal["", ",", "'", " "]


@dataclass(frozen=True)
class NumberForm:
    """How numbers are written.

    Attributes:
        decimals: digits after the point.
        thousands: what stands between groups of three digits.
        prefix: before the digits, such as ``$``.
        suffix: after them, such as ``%``.
    """

    decimals: int = 0
    thousands: Thousands = ""
    prefix: str = ""
    suffix: str = ""

    def format(self, value: float) -> str:
        """Return a number as it is shown."""
        digits = f"{abs(value):,.{self.decimals}f}".replace(",", self.thousands)
        sign = "-" if value < 0 and digits.strip("0.") else ""
        return f"{sign}{self.prefix}{digits}{self.suffix}"

    def parse(self, text: str) -> float:
        """Return the number that a text shows.

        Raises:
            ValueError: the text is not written in this form.
        """
        unsigned = text.removeprefix("-")
        digits = unsigned.removeprefix(self.prefix).removesuffix(self.suffix)
        if self.thousands:
            digits = digits.replace(self.thousands, "")
        value = float(digits) * (-1 if unsigned != text else 1)
        if self.format(value) != text:
            raise ValueError(f"{text!r} is not written as {self.format(value)!r}")
        return value

    @property
    def characters(self) -> str:
        """All characters that its numbers may have."""
        return f"0123456789-.{self.thousands}{self.prefix}{self.suffix}"


@dataclass(frozen=True)
class ValueAxis:
    """An axis that values are read from.

    Attributes:
        title: its name; empty where none is shown.
        low, high: its ends.
        step: between ticks, of which one lies at 0 or at a multiple of it.
        form: how ticks are written.
    """

    title: str
    low: float
    high: float
    step: float
    form: NumberForm

    @property
    def ticks(self) -> list[float]:
        """The values with a tick."""
        first = int(np.ceil(self.low / self.step - 1e-6))
        last = int(np.floor(self.high / self.step + 1e-6))
        return [round(number * self.step, 9) for number in range(first, last + 1)]


@dataclass(frozen=True)
class Series:
    """Values that belong together.

    Attributes:
        name: in the legend; empty where the chart has one series.
        values: one for each category, already rounded to what is shown.
        form: how they are written.
        line: drawn as a line; only composites have both lines and bars.
        axis: which of the value axes they belong to.
    """

    name: str
    values: tuple[float, ...]
    form: NumberForm
    line: bool = False
    axis: int = 0


@dataclass(frozen=True)
class ChartSpec:
    """All that a renderer needs to know of a chart.

    Attributes:
        kind: of the chart.
        title: empty where none is shown.
        categories: names along the category axis, or of the sectors.
        series: at least one.
        category_title: the category axis' name; empty where none is shown.
        axes: the value axes: one, two in composites, none in pies.
        labels: values are written beside their marks; else they are multiples of `resolution`.
        resolution: of each value axis, what values were rounded to so that ticks tell them.
        note: a line at the foot that is no part of the target; may be empty.
        style: the look.
    """

    kind: Kind
    title: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    category_title: str
    axes: tuple[ValueAxis, ...]
    labels: bool
    resolution: tuple[float, ...]
    note: str
    style: ChartStyle

    @property
    def horizontal(self) -> bool:
        """Whether bars lie."""
        return self.kind.endswith("horizontal")

    @property
    def round(self) -> bool:
        """Whether it is a pie or a donut."""
        return self.kind in {"pie", "donut"}

    @property
    def stacked(self) -> bool:
        """Whether series stand on each other."""
        return self.kind.startswith("stacked")

    def chart_dict(self) -> dict[str, Any]:
        """Return the target: title and data, values as they are shown."""
        values = [[series.form.format(value) for value in series.values] for series in self.series]
        return chart_dict(self.title, [s.name for s in self.series], self.categories, values)


def chart_dict(
    title: str,
    names: Sequence[str],
    categories: Sequence[str],
    values: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Return title and data as the paper nests them: one series flat, several by their names.

    Args:
        title: of the chart.
        names: of the series.
        categories: of the values.
        values: as texts, by series and category.
    """
    rows = [dict(zip(categories, row, strict=True)) for row in values]
    data = rows[0] if len(rows) == 1 else dict(zip(names, rows, strict=True))
    return {"title": title, "data": data}
