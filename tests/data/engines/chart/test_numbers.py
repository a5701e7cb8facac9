import numpy as np
import pytest

from vary.data.engines.chart.numbers import (
    decimals_of,
    draw_levels,
    draw_shares,
    nice_step,
    readable_resolution,
    round_to,
    value_axis,
)
from vary.data.engines.chart.spec import NumberForm


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (NumberForm(2, suffix="%"), 12.94, "12.94%"),
        (NumberForm(0, ",", "$"), -1234567.0, "-$1,234,567"),
        (NumberForm(1, "", "", "万"), 0.04, "0.0万"),
        (NumberForm(1), -0.04, "0.0"),
        (NumberForm(3, " "), 12345.5, "12 345.500"),
    ],
)
def test_numbers_are_written_in_their_form(form, value, text):
    assert form.format(value) == text
    assert form.parse(text) == pytest.approx(value, abs=0.05)


@pytest.mark.parametrize("text", ["1234", "$1234", "$12,34", "$1,234.0", "", "$"])
def test_other_forms_are_refused(text):
    with pytest.raises(ValueError, match=r"not written|could not convert"):
        NumberForm(0, ",", "$").parse(text)


@pytest.mark.parametrize(
    ("rough", "step"), [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (21, 25), (26, 50), (0.03, 0.05)]
)
def test_steps_are_round(rough, step):
    assert nice_step(rough) == step


def test_an_axis_holds_its_values_between_round_ticks():
    axis = value_axis(-3.2, 17.9, 5, NumberForm(2, suffix="%"), whole_steps=True)
    assert axis.ticks == [-5, 0, 5, 10, 15, 20]
    assert [axis.form.format(tick) for tick in axis.ticks[:2]] == ["-5%", "0%"]
    open_axis = value_axis(0, 17.9, 5, NumberForm(), whole_steps=False)
    assert (open_axis.high, open_axis.ticks[-1]) == (17.9, 15)


def test_values_are_read_as_finely_as_pixels_allow():
    axis = value_axis(0, 100, 5, NumberForm(), whole_steps=True)
    assert axis.step == 20
    assert readable_resolution(axis, 200, 4.0) == 2.0
    assert readable_resolution(axis, 100, 4.0) == 4.0
    assert readable_resolution(axis, 20, 4.0) == 20.0


def test_rounding_leaves_no_zero():
    values = round_to(np.array([0.1, -0.1, 7.4, 13.0]), 5.0)
    assert values.tolist() == [5.0, -5.0, 5.0, 15.0]
    assert decimals_of(0.25) == 2


def test_shares_add_up_and_none_vanishes():
    rng = np.random.default_rng(0)
    for num in range(3, 8):
        parts = draw_shares(rng, num, 1000)
        assert sum(parts) == 1000
        assert min(parts) >= 44


def test_levels_lie_between_nothing_and_one():
    rng = np.random.default_rng(0)
    for num_series in (1, 4):
        levels = draw_levels(rng, num_series, 6)
        assert levels.shape == (num_series, 6)
        assert 0 < levels.min() <= levels.max() == 1.0
