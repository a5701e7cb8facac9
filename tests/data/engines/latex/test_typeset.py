"""What TeX is told of blocks."""

import pytest

from vary.data.engines.latex.typeset import is_number


@pytest.mark.parametrize(
    "label", ["1.", "12)", "(3)", "(a)", "B.", "iv.", "(xviii)", "1.2.", "[4]", "（2）"]
)
def test_numbers_of_items(label):
    assert is_number(label)


@pytest.mark.parametrize("label", ["Check.", "Note.", "So.", "bullet", "(or)", "TST", "a"])
def test_words_before_items_are_no_numbers(label):
    assert not is_number(label)
