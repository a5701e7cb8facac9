import pytest

from vary.eval.report.numbers import counted, interval, number, p_value, percent, seconds
from vary.eval.statistics import Estimate


@pytest.mark.parametrize(
    ("value", "digits", "is_signed", "shown"),
    [
        (0.03456, 4, False, "0.0346"),
        (-0.03456, 4, False, "−0.0346"),
        (0.5, 2, True, "+0.50"),
        (-0.00001, 4, True, "0.0000"),
        (0.0, 4, True, "0.0000"),
        (12345.678, 2, False, "12,345.68"),
        (None, 2, False, "–"),
    ],
)
def test_numbers(value, digits, is_signed, shown):
    assert number(value, digits, is_signed=is_signed) == shown


def test_intervals():
    assert interval(Estimate(0.5, 9, 9, 0.25, 0.75), 2) == "[0.25, 0.75]"
    assert interval(Estimate(0.5, 1, 1), 2) == "no interval"
    assert interval(Estimate(None, 0, 0), 2) == ""


def test_others():
    assert [p_value(p) for p in (None, 0.0002, 0.001, 0.25)] == ["–", "< 0.001", "0.001", "0.250"]
    assert (percent(None), percent(0.12345)) == ("–", "12.35 %")
    assert [seconds(s) for s in (0.01234, 4.567, 1234.5)] == ["0.0123 s", "4.57 s", "1,234 s"]
    assert (counted(1, "page"), counted(2000, "page")) == ("1 page", "2,000 pages")
