"""Repetition loops: where a language model writes the same thing over and over.

The thresholds are a judgement, not a measurement: high enough for what people do write (leaders,
rules, rows of equal table cells, laughter), low enough that a loop ends before it fills a page.
"""

from collections.abc import Sequence

MAX_PERIOD = 400  # characters; a longer phrase that recurs has filled a page before it is a loop
MIN_REPEATED_LINES = 6
MIN_LINE_LETTERS = 20
# Equal lines of real ink have equal widths within a few per cent; invented ones lie over any ink.
MAX_WIDTH_RATIO = 1.15


def cut_loop(text: str) -> tuple[str, bool]:
    """Return the text with a loop at its end cut down to its first turn, and whether there was one.

    A loop is a phrase that recurs without a gap to the end of the text, the last turn perhaps in
    part. Runs without a letter or digit (leaders, rules, table dashes) are none, at any length.
    """
    for period in range(1, min(MAX_PERIOD, len(text) // 2) + 1):
        if text[-period:] != text[-2 * period : -period]:
            continue
        phrase = text[-period:]
        if not _is_primitive(phrase):
            continue
        start = _start_of_run(text, period)
        if len(text) - start >= period * _turns_allowed(phrase):
            return text[: start + period].rstrip(), True
    return text, False


def _is_primitive(phrase: str) -> bool:
    """Tell whether a phrase is no repetition itself, so that its own threshold counts."""
    return (phrase + phrase).find(phrase, 1) == len(phrase)


def _start_of_run(text: str, period: int) -> int:
    start = len(text) - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return start


def _turns_allowed(phrase: str) -> float:
    """Return from how many turns on a phrase is a loop."""
    num_written = sum(character.isalnum() for character in phrase)
    if num_written == 0:
        return float("inf")
    if not any(character.isalpha() for character in phrase):
        return 24  # digits: table rows of equal cells, long numbers
    if num_written == 1:
        return 24  # "xxxxxxxx" in forms
    if num_written <= 3:
        return 12  # "N/A N/A N/A", laughter
    if num_written < 10:
        return 8  # "Yes No Yes No"
    return 4


def find_repeated_lines(texts: Sequence[str], widths: Sequence[float]) -> list[int]:
    """Return the indices of lines that only repeat the one before them, over ink that does not.

    Args:
        texts: the lines of a page in reading order.
        widths: the width of each line's ink in multiples of its height. A form may well print
            the same sentence many times; then the ink is as wide each time, and nothing is found.
    """
    repeats: list[int] = []
    start = 0
    for end in range(1, len(texts) + 1):
        if end < len(texts) and texts[end] == texts[start]:
            continue
        run = widths[start:end]
        if (
            end - start >= MIN_REPEATED_LINES
            and sum(character.isalpha() for character in texts[start]) >= MIN_LINE_LETTERS
            and max(run) > MAX_WIDTH_RATIO * min(run)
        ):
            repeats += range(start + 1, end)
        start = end
    return repeats
