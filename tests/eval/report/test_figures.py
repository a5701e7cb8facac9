import re

import pytest

from vary.eval.report.figures import (
    Scale,
    interval_bar,
    length_figure,
    nice_step,
    split_figure,
    value_range,
)
from vary.eval.report.lengths import LengthBin
from vary.eval.report.summary import SplitSummary
from vary.eval.statistics import Estimate
from vary.eval.tasks.base import Metric

LOWER = Metric("d", "Distance", "lower", worst=1, best=0)
HIGHER = Metric("a", "Accuracy", "higher", worst=0, best=100)


def estimate(value, low=None, high=None):
    return Estimate(value, 10, 10, low, high)


@pytest.mark.parametrize(
    ("size", "num", "step"), [(1, 2, 0.5), (0.8, 4, 0.2), (97, 4, 20), (0.0037, 2, 0.001)]
)
def test_steps_are_round(size, num, step):
    assert nice_step(size, num) == pytest.approx(step)


@pytest.mark.parametrize(
    ("metric", "found", "ends"),
    [
        (LOWER, [estimate(0.03, 0.02, 0.07)], (0, 0.08)),
        (LOWER, [estimate(0.03), estimate(1.7, 1.2, 2.3)], (0, 3)),
        (LOWER, [estimate(0.0, 0.0, 0.0)], (0, 1)),
        (LOWER, [estimate(1e-320)], (0, 1)),
        (LOWER, [estimate(None)], (0, 1)),
        (LOWER, [], (0, 1)),
        (HIGHER, [estimate(91, 87, 95)], (85, 100)),
        (HIGHER, [estimate(100, 100, 100)], (0, 100)),
        (HIGHER, [estimate(0.0, 0.0, 0.0)], (0, 100)),
    ],
)
def test_an_axis_begins_at_the_best_value_and_holds_all(metric, found, ends):
    assert value_range(metric, found) == pytest.approx(ends)


def test_a_scale_keeps_values_on_the_axis():
    scale = Scale(0, 2, 10, 100)
    assert [scale(value) for value in (-1, 0, 1, 2, 9)] == [10, 10, 60, 110, 110]


def test_a_bar_without_an_interval_is_a_mark_alone():
    assert interval_bar(estimate(0.5), (0, 1), 0).count("<line") == 1
    assert interval_bar(estimate(0.5, 0.25, 0.75), (0, 1), 0).count("<line") == 4
    assert "<circle" not in interval_bar(estimate(None), (0, 1), 0)


def test_bars_of_errors_are_as_long_as_the_errors():
    def split(cutting, characters, order):
        parts = {"cutting": cutting, "characters": characters, "order": order}
        return SplitSummary(cutting + characters + order, 1000, parts, {})

    figure = split_figure(
        [("a", split(100, 50, 50)), ("b", split(0, 100, 0)), ("<c>", split(0, 0, 0))]
    )
    widths = re.findall(r'width="([\d.]+)" height="20" class="part (\w+)"', figure)
    assert [(float(width), kind) for width, kind in widths] == [
        (280.0, "cutting"),
        (140.0, "characters"),
        (140.0, "order"),
        (0.0, "cutting"),
        (280.0, "characters"),
        (0.0, "order"),
        (0.0, "cutting"),
        (0.0, "characters"),
        (0.0, "order"),
    ]
    assert "&lt;c&gt;" in figure and "20.00 %" in figure


@pytest.mark.parametrize(("lengths", "is_log"), [((100, 200, 400), False), ((1, 50, 3000), True)])
def test_lengths_far_apart_stand_on_a_logarithmic_axis(lengths, is_log):
    bins = [LengthBin(n, n, n, 10, {"s": estimate(0.1, 0.05, 0.2)}) for n in lengths]
    figure = length_figure(bins, LOWER, ["s"], 4)
    assert ("(log)" in figure) == is_log
    assert figure.count("<circle") == 3
    (points,) = re.findall('points="([^"]*)"', figure)
    across = [float(point.split(",")[0]) for point in points.split()]
    assert across == sorted(across)
