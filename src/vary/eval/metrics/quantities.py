"""Numbers as people write them in answers, compared without the noise of floats."""

import re
from decimal import Decimal

# A longer run of digits is a runaway answer, not a number.
_LONGEST = 64
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.\d*|\.\d+)?(?:[eE][+-]?\d{1,3})?"
)
_NUMBERS_WITHIN = re.compile(r"(?:(?<!\w)[+-])?[\d.,]*\d[\d.,]*(?:(?<=\d)[eE][+-]?\d{1,3}(?!\w))?")
_PERCENT = "%％"
_MINUS = str.maketrans("−－，．", "--,.")


def parse_number(text: str) -> Decimal | None:
    """Return the number that a text is, None where it is not one number alone.

    White space around it and one percent sign behind it are left out, and thousands separators
    where they stand as they should: ``1,234.5 %`` is 1234.5, and ``1,23``, ``5 million``, ``nan``
    and ``inf`` are no numbers.
    """
    bare = text.strip().translate(_MINUS)
    if bare[-1:] in _PERCENT:
        bare = bare[:-1].rstrip()
    if len(bare) > _LONGEST or not any(letter.isdigit() for letter in bare):
        return None
    if not _NUMBER.fullmatch(bare) or bare[:1] in "eE":
        return None
    return Decimal(bare.replace(",", ""))


def number_within(text: str) -> Decimal | None:
    """Return the only number in a text, whatever stands around it; None for none or several.

    ``$1,234.5 million`` gives 1234.5; ``2013-14`` holds two numbers.
    """
    if len(text) > 4 * _LONGEST:
        return None
    found = _NUMBERS_WITHIN.findall(text.translate(_MINUS))
    return parse_number(found[0].rstrip(".,").lstrip(",")) if len(found) == 1 else None


def is_within(prediction: Decimal, truth: Decimal, tolerance: Decimal) -> bool:
    """Return whether a number lies within a share of the truth, the bound itself included.

    A truth of 0 is met by 0 alone.
    """
    return abs(prediction - truth) <= tolerance * abs(truth)
