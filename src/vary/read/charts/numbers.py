"""Numbers as charts show them: what a text says, and whether it is one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

FIGURES = "0123456789.,%-+−$€£¥ "
"""What the text of a number is made of, units aside."""
_LIKE_FIGURES = set("。，．OoQDlIi|[]SsZzBbgqyGJT〇一十LřşŻ‘’“”/\\") | set(FIGURES)
_UNIT = re.compile(r"(?:[A-Za-z]{1,3}|[\u4e00-\u9fff]{1,2})$")
_LOOKALIKES = str.maketrans(
    {
        "O": "0",
        "o": "0",
        "〇": "0",
        "l": "1",
        "I": "1",
        "|": "1",
        "−": "-",
        "–": "-",
        "—": "-",
        "一": "-",
        "＝": "-",
        "，": ",",
        "．": ".",
        "。": ".",
        "％": "%",
        "：": ":",
        "￥": "¥",
        "半": "¥",
        "羊": "¥",
        "·": ".",
    }
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
    out = re.sub(r"%\s?[/\d'’]$", "%", text.translate(_LOOKALIKES))
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
    text = re.sub(r"(?<=\d)(?:%[\d/]|9/6)(?=$|\s)", "%", text)
    text = re.sub(r"(?<![^\s])[\[|](?=\d?\s?[-一—–～~]\s?\d)", "1", text)
    text = re.sub(r"(?<![^\s])Q(?=\s?[-一—–～~]\s?\d)", "0", text)
    out = re.sub(r"(?<=[\dOo%])\s?[一—–−=~～]\s?(?=[\dO])", "-", text)
    out = re.sub(r"(?<![A-Za-z])[Oo](?=[-\d%.,]|$)(?=.*\d)", "0", out)
    out = re.sub(r"(?<=\d)[Oo](?![A-Za-z])", "0", out)
    return re.sub(r"(?<=\d)l(?=\d)|(?<=\d)I(?=\d)", "1", out)


def mend_names(names: Sequence[str]) -> list[str]:
    """Return the names of one chart, mended; a range ends in a per cent sign where others do."""
    told = [mend_name(name) for name in names]
    if not any(re.search(r"\d-\d+%$", name) for name in told):
        return told
    return [re.sub(r"(?<=\d)(-\d+?)(?:9|96|0/0)$", r"\1%", name) for name in told]


def agreed(numbers: Sequence[Number], ticks: Sequence[Number] = ()) -> list[Number]:
    """Return the numbers of a series, all in the form that most of them have.

    What ends most of them ends all: where a per cent sign was read as a figure, it is one figure
    more behind the point. A point that was lost is put back where the others have theirs.

    Args:
        numbers: of one series.
        ticks: of its axis, which end as the values do.
    """
    if len(numbers) + len(ticks) < 3:
        return list(numbers)
    if any("%" in number.tail for number in ticks):
        numbers = [_with_per_cent(number) for number in numbers]
    tails = [number.tail for number in (*numbers, *ticks)]
    tail = "%" if tails.count("%") >= 0.3 * len(tails) else _usual(tails)
    head = _usual([number.head.strip("-+− ") for number in numbers])
    decimals = _usual([number.decimals for number in numbers if number.tail == tail] or [0])
    return [_in_form(number, (head, tail, decimals)) for number in numbers]


def _with_per_cent(number: Number) -> Number:
    """Return a number whose per cent sign was read as the figures 96, which it looks like."""
    if number.tail or not re.search(r"\d[.\d]*9[6b]$", number.text):
        return number
    return parse_number(f"{number.text[:-2]}%") or number


def _usual(values: Sequence[Any]) -> Any:
    return max(sorted(set(values)), key=list(values).count)


def _in_form(number: Number, form: tuple[str, str, int]) -> Number:
    """Return a number in a form (head, tail, decimals), where its text allows it."""
    head, tail, decimals = form
    if (number.tail, number.decimals) == (tail, decimals):
        return number
    figures = number.text[len(number.head) : len(number.text) - len(number.tail)]
    if tail.strip() and not number.tail and len(figures) > 1:
        cut = figures[:-1].rstrip(".,")
        if number.decimals == decimals + 1 or (not decimals and figures[-1] in "0679"):
            return parse_number(f"{number.head}{cut}{tail}") or number
    plain = figures.replace(",", "")
    if decimals and plain.isdigit() and len(plain) > decimals:
        whole = f"{plain[:-decimals]}.{plain[-decimals:]}"
        return parse_number(f"{number.head or head}{whole}{number.tail or tail}") or number
    if tail and not number.tail and number.decimals == decimals:
        return parse_number(f"{number.text}{tail}") or number
    return number


def mended_by(number: Number, measure: float, slack: float) -> Number:
    """Return a number that was read, mended where it contradicts what was measured.

    Of what it may be with its point elsewhere, or a figure more or less, the nearest to the
    measure is taken if it is within the slack; else the measure itself stands, in the same form.

    Args:
        number: as it was read.
        measure: the value that its mark shows.
        slack: share of the measure by which the two may differ.
    """
    room = slack * max(abs(measure), 1e-9)
    if abs(number.value - measure) <= room:
        return number
    figures = number.text[len(number.head) : len(number.text) - len(number.tail)]
    tries = [parse_number(f"{number.head}{told}{number.tail}") for told in _variants(figures)]
    near = [told for told in tries if told and abs(told.value - measure) <= 0.6 * room]
    if near:
        return min(near, key=lambda told: abs(told.value - measure))
    told = f"{abs(measure):.{number.decimals}f}"
    sign = "-" if measure < 0 else ""
    head = number.head.replace("-", "").replace("+", "")
    return parse_number(f"{sign}{head}{told}{number.tail}") or number


def _variants(figures: str) -> Iterator[str]:
    """Yield what figures may have been: with a point, or one of them taken for another."""
    plain = figures.replace(",", "").replace(".", "").replace(" ", "")
    for cut in range(1, len(plain)):
        yield f"{plain[:cut]}.{plain[cut:]}"
    yield plain
    yield from (figures[:-1], figures[:-2], figures[1:])
    for place, letter in enumerate(figures):
        if letter.isdigit():
            for other in _CONFUSED.get(letter, ""):
                yield figures[:place] + other + figures[place + 1 :]
    for first in "123456789":
        yield first + figures


_CONFUSED = {
    "0": "689", "1": "47", "2": "7", "3": "589", "4": "1", "5": "36", "6": "058", "7": "12",
    "8": "0369", "9": "038",
}  # fmt: skip
