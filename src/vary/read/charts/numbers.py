"""Numbers as charts show them: what a text says, and whether it is one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FIGURES = "0123456789.,%-+−$€£¥ "
"""What the text of a number is made of, units aside."""
_LIKE_FIGURES = set("OoQDlIi|[]SsZzBbgqyGJT〇一十LřşŻ‘'’\"”“/\\:;") | set(FIGURES)
_UNIT = re.compile(r"(?:[A-Za-z]{1,3}|[\u4e00-\u9fff]{1,2})$")
_LOOKALIKES = str.maketrans(
    {"O": "0", "o": "0", "〇": "0", "l": "1", "I": "1", "|": "1", "−": "-", "–": "-", "—": "-", "一": "-", "＝": "-",
     "，": ",", "．": ".", "。": ".", "％": "%", "：": ":", "￥": "¥", "半": "¥", "羊": "¥", "·": "."}
)
_PREFIX = r"(?:US\$|HK\$|NT\$|R\$|RMB|[$€£¥₩₹])"
_SUFFIX = (
    r"(?:%|‰|°C?|[KMBTk]|bn|mn|tn|thousand|million|billion|pts?|[kmc]?[gm]|mm|km|kWh|[MGT]W|[hs]|min|"
    r"hrs?|days?|[A-Za-z]{1,3}|[千万亿兆百][\u4e00-\u9fff]{0,2}|[元个人次件台家年月日岁倍吨米克时分天度万亿])"
)
_NUMBER = re.compile(
    rf"^(?P<head>[-+(]?\s?{_PREFIX}?\s?-?)\s?(?P<digits>\d[\d.,' ]*\d|\d|\.\d+)\s?"
    rf"(?P<tail>{_SUFFIX}?\)?)$"
)
_TRAILING = re.compile(
    rf"(?P<name>^.*?\S)(?P<joint>\s*[:：|]\s*|\s+|(?<=[\u4e00-\u9fff])(?=[-+$€£¥\d]))"
    rf"(?P<number>[-+]?\s?{_PREFIX}?\s?-?\d[\d.,]*\s?{_SUFFIX}?)$"
)


@dataclass(frozen=True)
class Number:
    """A number that stands on a chart.

    Attributes:
        value: without its unit.
        text: as it is shown.
        head, tail: what stands before and behind the figures.
    """

    value: float
    text: str
    head: str = ""
    tail: str = ""

    @property
    def decimals(self) -> int:
        """How many figures stand behind the point."""
        digits = self.text[len(self.head) : len(self.text) - len(self.tail)]
        return len(digits.rpartition(".")[2]) if "." in digits else 0


def parse_number(text: str) -> Number | None:
    """Return the number that a text is, None for other texts.

    Letters that look like figures count as figures where figures stand beside them.
    """
    plain = " ".join(text.split())
    if not plain:
        return None
    for variant in (plain, _mended(plain)):
        found = _NUMBER.match(variant)
        if found:
            digits = _grouped(found["digits"])
            value = _value(digits)
            if value is None:
                continue
            head, tail = found["head"].replace(" ", ""), found["tail"]
            gap = " " if tail and variant[: -len(tail)].endswith(" ") else ""
            sign = -1.0 if "-" in head or head.startswith("(") else 1.0
            return Number(sign * value, f"{head}{digits}{gap}{tail}", head, gap + tail)
    return None


def figures_of(text: str) -> str:
    """Return the characters that a text has if it is a number, empty where it is surely none.

    A number that was read badly still has a figure, and letters that look like figures.
    """
    plain = "".join(text.split())
    unit = _UNIT.search(plain)
    tail = unit.group() if unit and not set(unit.group()) <= _LIKE_FIGURES else ""
    body = plain[: len(plain) - len(tail)] if tail else plain
    if not body or len(plain) > 16 or not any(letter.isdigit() for letter in body):
        return ""
    strange = sum(letter not in _LIKE_FIGURES for letter in body)
    if strange > (1 if len(body) >= 4 else 0):
        return ""
    return FIGURES + "".join(sorted(set(tail)))


def split_name(text: str) -> tuple[str, Number] | None:
    """Return name and number of a text such as `Use either: 24.0%`; None if it holds no both."""
    found = _TRAILING.match(" ".join(text.split()))
    if not found:
        return None
    number = parse_number(found["number"])
    name = found["name"].rstrip(" :：|")
    return (name, number) if number and name else None


def _mended(text: str) -> str:
    """Return the text with figures for letters that look like them."""
    out = text.translate(_LOOKALIKES)
    figures = sum(letter.isdigit() for letter in out)
    return out if figures >= 0.4 * len(out.replace(" ", "")) else text


def _grouped(digits: str) -> str:
    """Return figures without gaps: one before three figures parts thousands, else it is a point."""
    digits = digits.strip(" .,")
    digits = re.sub(r"\s*([.,])\s*", r"\1", digits)
    digits = re.sub(r"[.,]{2,}", ".", digits)
    if digits.count(",") == 1 and not re.search(r",\d{3}(\.|$)", digits):
        digits = digits.replace(",", ".")
    parts = digits.split(" ")
    if len(parts) == 1:
        return digits
    if all(len(part) == 3 and part.isdigit() for part in parts[1:]) and len(parts[0]) <= 3:
        return " ".join(parts) if len(parts) > 2 else "".join(parts)
    if len(parts) == 2 and not any(mark in digits for mark in ".,"):
        return ".".join(parts)
    return "".join(parts)


def _value(digits: str) -> float | None:
    plain = digits.replace(" ", "").replace("'", "")
    if plain.count(",") and re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    elif plain.count(".") > 1 and re.fullmatch(r"\d{1,3}(\.\d{3})+", plain):
        plain = plain.replace(".", "")
    elif plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None


def mend_name(text: str) -> str:
    """Return a name with its figures and dashes as they are surely meant: `O一5%` is `0-5%`."""
    out = re.sub(r"(?<=[\dOo%])\s?[一—–−=~]\s?(?=[\dO])", "-", text)
    out = re.sub(r"(?<![A-Za-z])[Oo](?=[-\d%.,]|$)(?=.*\d)", "0", out)
    out = re.sub(r"(?<=\d)[Oo](?![A-Za-z])", "0", out)
    return re.sub(r"(?<=\d)l(?=\d)|(?<=\d)I(?=\d)", "1", out)


def is_progression(values: Sequence[float], places: Sequence[float], slack_px: float) -> bool:
    """Return whether values lie on a straight line over their places, within some pixels."""
    if len(values) < 3 or values[0] == values[-1] or places[0] == places[-1]:
        return False
    slope = (values[-1] - values[0]) / (places[-1] - places[0])
    if not slope or any(a == b for a, b in pairwise(values)):
        return False
    return all(
        abs(values[0] + slope * (place - places[0]) - value) <= slack_px * abs(slope)
        for value, place in zip(values, places, strict=True)
    )
