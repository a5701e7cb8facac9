import pytest

from vary.read.loops import cut_loop, find_repeated_lines


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("It is the end of the system" + " of the system" * 6, "It is the end of the system"),
        (
            "It is the end of the system" + " of the system" * 6 + " of th",
            "It is the end of the system",
        ),
        ("word " + "the " * 40, "word the"),
        ("Größe " + "x" * 200, "Größe x"),
        ("第一章" + "我们认为这个问题很重要，" * 5, "第一章我们认为这个问题很重要，"),
        ("first line\n" + "the same line again\n" * 9, "first line\nthe same line again"),
        ("total " + "0.00 " * 40, "total 0.00"),
        ("a1 " * 30, "a1"),
    ],
)
def test_a_loop_is_cut_to_its_first_turn(text, kept):
    assert cut_loop(text) == (kept, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "A line like any other, of which there are many.",
        "Contents " + "." * 300 + " 12",
        "Contents " + "." * 300,
        "Contents " + " ." * 150,
        "-" * 500,
        "_" * 80,
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        "* * * * * * * * * * * * * * * * * * * * * * * * * * * *",
        "……………………………………………………………………",
        "0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00 0.00",
        "N/A N/A N/A N/A N/A N/A N/A N/A",
        "Yes No Yes No Yes No Yes No",
        "1000000000000000000",
        "Card number XXXX XXXX XXXX XXXX",
        "ha ha ha ha ha",
        "哈哈哈哈哈哈哈哈",
        "to be or not to be or not to be",
        "the system of the system of the system is a system",
    ],
)
def test_what_people_write_is_no_loop(text):
    assert cut_loop(text) == (text, False)


def test_a_cut_text_is_not_cut_again():
    once, _ = cut_loop("so it goes " + "and so it goes " * 20)
    assert cut_loop(once) == (once, False)


LINE = "The committee has approved the minutes."


def test_equal_lines_over_unequal_ink_are_a_loop():
    texts = ["Title", *[LINE] * 7, "End"]
    widths = [4.0, 20.0, 31.0, 12.0, 30.0, 28.0, 30.0, 9.0, 3.0]
    assert find_repeated_lines(texts, widths) == [2, 3, 4, 5, 6, 7]


def test_equal_lines_over_equal_ink_are_a_form():
    assert find_repeated_lines([LINE] * 12, [30.0, 30.5] * 6) == []


def test_few_or_short_equal_lines_are_no_loop():
    assert find_repeated_lines([LINE] * 5, [10.0, 20.0, 30.0, 20.0, 10.0]) == []
    assert find_repeated_lines(["N/A"] * 30, [float(n) for n in range(1, 31)]) == []
    assert find_repeated_lines([], []) == []
