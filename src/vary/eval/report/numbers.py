"""Numbers as people read them."""

from vary.eval.statistics import Estimate
from vary.eval.tasks.base import Metric

ARROWS = {"lower": "↓", "higher": "↑"}
NO_VALUE = "–"
MINUS = "\u2212"


def num_digits(metric: Metric) -> int:
    """Return digits after the point: four for shares, two for percent."""
    return 2 if max(abs(metric.best), abs(metric.worst)) >= 10 else 4


def number(value: float | None, digits: int, *, is_signed: bool = False) -> str:
    """Return a number with a true minus sign, and a dash for none."""
    if value is None:
        return NO_VALUE
    shown = f"{value:+,.{digits}f}" if is_signed else f"{value:,.{digits}f}"
    if float(shown.replace(",", "")) == 0:
        shown = shown.lstrip("+-")
    return shown.replace("-", MINUS)


def interval(found: Estimate, digits: int) -> str:
    """Return an interval, or why there is none."""
    if found.value is None:
        return ""
    if found.low is None or found.high is None:
        return "no interval"
    return f"[{number(found.low, digits)}, {number(found.high, digits)}]"


def p_value(value: float | None) -> str:
    """Return a p-value, which random draws do not know better than to a thousandth."""
    if value is None:
        return NO_VALUE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Return a share in percent."""
    return NO_VALUE if value is None else f"{100 * value:.2f} %"


def seconds(value: float) -> str:
    """Return a time with three digits that count."""
    return f"{value:.3g} s" if value < 100 else f"{value:,.0f} s"


def counted(num: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it must be."""
    return f"{num:,} {noun}{'' if num == 1 else 's'}"
