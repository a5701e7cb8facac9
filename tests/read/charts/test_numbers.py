import pytest

from vary.read.charts.numbers import (
    agreed,
    figures_of,
    mend_names,
    mended_by,
    parse_number,
    split_name,
)


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("1,234", 1234, "1,234"),
        ("27.0%", 27, "27.0%"),
        ("$5.20", 5.2, "$5.20"),
        ("-3.5", -3.5, "-3.5"),
        ("12 km", 12, "12 km"),
        ("3.2万", 3.2, "3.2万"),
        ("4O%", 40, "40%"),
        ("一1.0%", -1, "-1.0%"),
        ("27 0%", 27, "27.0%"),
        ("8, 89", 8.89, "8.89"),
        ("80%6", 80, "80%"),
    ],
)
def test_numbers(text, value, shown):
    number = parse_number(text)
    assert (number.value, number.text) == (value, shown)


@pytest.mark.parametrize("text", ["", "More", "Q1", "2-6 shows", "a 5", "1992年度报告"])
def test_texts_that_are_no_numbers(text):
    assert parse_number(text) is None


def test_names_with_their_values():
    name, number = split_name("Use either: 24.0%")
    assert (name, number.text) == ("Use either", "24.0%")
    assert split_name("5-10% 19.9%")[0] == "5-10%"
    assert split_name("Use either") is None


def test_what_may_be_a_number_is_read_as_one():
    assert "7" in figures_of("6O%")
    assert "k" in figures_of("12 km")
    assert figures_of("Total") == ""
    assert figures_of("18 men and a dog that barks") == ""


def test_values_of_one_series_have_one_form():
    numbers = [parse_number(text) for text in ("24.84%", "13.84%", "16.340", "1163%", "20.03%")]
    assert [number.text for number in agreed(numbers)][2:4] == ["16.34%", "11.63%"]
    whole = [parse_number(text) for text in ("5", "6", "17")]
    assert agreed(whole) == whole


def test_a_number_that_contradicts_its_mark():
    read = parse_number("25.77%")
    assert mended_by(read, 25.0, 0.07) is read
    assert mended_by(read, 23.7, 0.03).text == "23.77%"
    assert mended_by(parse_number("119%"), 11.8, 0.05).value == pytest.approx(11.9)
    assert mended_by(parse_number("5"), 40.2, 0.05).text == "40"


def test_names_are_mended_where_they_are_surely_misread():
    assert mend_names(["O一5%", "5—10%"]) == ["0-5%", "5-10%"]
    assert mend_names(["Q-5%", "5～10%", "[0-15%"]) == ["0-5%", "5-10%", "10-15%"]
    assert mend_names(["0-5%", "10-159"]) == ["0-5%", "10-15%"]
    assert mend_names(["10-159", "Oslo", "NOTE"]) == ["10-159", "Oslo", "NOTE"]
