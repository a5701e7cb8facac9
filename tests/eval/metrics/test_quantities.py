from decimal import Decimal

import pytest

from vary.eval.metrics.quantities import is_within, number_within, parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", "5"), ("5.", "5"), (".5", "0.5"), ("-.5", "-0.5"), ("+3", "3"), ("1e3", "1000"),
        (" 1,234.5 % ", "1234.5"), ("12,345,678", "12345678"), ("−3", "-3"), ("１５％", "15"),
        ("", None), ("%", None), ("-", None), (".", None), ("e3", None), ("+-3", None),
        ("1,23", None), ("1234,567", None), ("1_000", None), ("nan", None), ("inf", None),
        ("5 million", None), ("5%%", None), ("1e9999", None), ("9" * 65, None),
    ],
)  # fmt: skip
def test_a_number_alone(text, number):
    assert parse_number(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$1,234.5 million", "1234.5"), ("12.94%", "12.94"), ("(3)", "3"), ("x-5", "5"),
        ("v. 5.", "5"), ("3.5M", "3.5"), ("¥12,000", "12000"), ("约3.1亿", "3.1"),
        ("2013-14", None), ("1.2.3", None), ("12,3456", None), ("n/a", None), ("", None),
        ("1 of 3", None), ("5" + " " * 1000, None),
    ],
)  # fmt: skip
def test_the_only_number_in_a_text(text, number):
    assert number_within(text) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("prediction", "truth", "within"),
    [("105", "100", True), ("105.01", "100", False), ("-95", "-100", True), ("0", "0.0", True),
     ("0.001", "0", False), ("1e300", "1e308", False)],
)  # fmt: skip
def test_within_a_share(prediction, truth, within):
    assert is_within(Decimal(prediction), Decimal(truth), Decimal("0.05")) is within
