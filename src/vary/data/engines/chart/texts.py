"""Names for charts: phrases cut from a corpus at word boundaries, and rows of years and such."""

import re
from collections.abc import Callable, Sequence

import numpy as np

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.content import clean_text
from vary.data.engines.page.style import pick

CJK_LANGUAGES = frozenset({"zh", "ja"})
TRIES = 40

_EN_WORD = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ0-9][A-Za-zÀ-ÖØ-öø-ÿ0-9&'’.-]*")
# Between these a phrase of English text breaks; what is in quotes or brackets is not half taken.
_EN_BREAKS = re.compile(r"[,;:!?()\[\]{}<>\"“”‘*_#|/\\=~`^…—–]+|\.(?=\s|$)")
# Words that no name ends with.
_DANGLING_WORDS = """a an the of and or to in on at by for from with as is was were are be been that
which who than but not if so it its his her their our my your this these those into upon he she
they we i you had has have will would shall should can could may might must no nor do did"""
_DANGLING = frozenset(_DANGLING_WORDS.split())
_ZH_CLAUSE = re.compile(r"[\u4e00-\u9fff0-9A-Za-z]+")
# Words of one character that stand between others: a name may begin or end beside them.
_ZH_DANGLING = "的了在和與与及或而也就都把被"
_ZH_PARTICLES = re.compile(
    r"[的了在是和与與及或而也就都把被将將从從对對为為于於向以之其者並并則则]+"
)

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ZH_DIGITS = "一二三四五六七八九十"
_ZH_MONTHS = (*(f"{digit}月" for digit in _ZH_DIGITS), "十一月", "十二月")
_ZH_DAYS = tuple(f"周{day}" for day in "一二三四五六日")


class ChartTexts:
    """Draws the texts of one chart; no name is given twice.

    Args:
        corpus: where phrases come from.
        language: ``zh`` and ``ja`` are cut at punctuation and particles, others between words.
        rng: decides everything.
    """

    def __init__(self, corpus: TextCorpus, language: str, rng: np.random.Generator) -> None:
        self._corpus = corpus
        self._rng = rng
        self._cjk = language in CJK_LANGUAGES
        self._used: set[str] = set()
        self._sources: set[str] = set()

    @property
    def sources(self) -> str:
        """The files that phrases were taken from so far."""
        return ", ".join(sorted(self._sources))

    def phrase(self, least: int, most: int) -> str:
        """Return a phrase of about so many characters that was not given before.

        Raises:
            Reject: none was found.
        """
        for _ in range(TRIES):
            paragraph = self._corpus.draw(self._rng)
            cut = self._cut_cjk if self._cjk else self._cut_words
            text = cut(clean_text(paragraph.text), least, most)
            key = "".join(text.split()).casefold()
            if least <= len(text) <= most and key not in self._used:
                self._used.add(key)
                self._sources.add(paragraph.source)
                return text
        raise Reject("no phrase for a name", f"of {least}-{most} characters in {TRIES} paragraphs")

    def title(self) -> str:
        """Return a title."""
        text = self.phrase(6, 22) if self._cjk else self.phrase(15, 64)
        if self._cjk:
            return text
        case = pick(self._rng, {"capital": 4.0, "title": 3.0, "upper": 0.7})
        return _recase(text, case)

    def names(self, num: int, most: int) -> tuple[str, ...]:
        """Return different names of at most so many characters."""
        if self._cjk:
            return tuple(self.phrase(2, max(3, most // 2)) for _ in range(num))
        case = pick(self._rng, {"capital": 6.0, "as is": 2.0, "title": 2.0, "upper": 0.4})
        return tuple(_recase(self.phrase(3, most), case) for _ in range(num))

    def categories(self, num: int, most: int, *, ordered: bool) -> tuple[str, ...]:
        """Return names of categories: phrases, or a row such as years.

        Args:
            num: how many.
            most: characters of a phrase.
            ordered: they stand for a course in time or size, as under a line.
        """
        if self._rng.random() < (0.15 if ordered else 0.62):
            return self.names(num, most)
        rows = _ZH_ROWS if self._cjk else _EN_ROWS
        fitting = [row for row in rows if row[1] >= num]
        return fitting[int(self._rng.integers(len(fitting)))][0](self._rng, num)

    def _cut_words(self, text: str, least: int, most: int) -> str:
        """Return whole words in a row without punctuation between them; may be too short."""
        pieces = [piece for piece in _EN_BREAKS.split(text) if len(piece.strip()) >= least]
        if not pieces:
            return ""
        words = [w.strip("'’.-&") for w in _one(self._rng, pieces).split() if _EN_WORD.fullmatch(w)]
        if not words:
            return ""
        wanted = int(self._rng.integers(least, most + 1))
        taken: list[str] = []
        for word in words[int(self._rng.integers(len(words))) :]:
            if taken and len(" ".join([*taken, word])) > wanted:
                break
            taken.append(word)
        while taken and taken[-1].lower() in _DANGLING:
            taken.pop()
        while taken and (taken[0].lower() in _DANGLING or not taken[0]):
            taken.pop(0)
        phrase = " ".join(taken)
        return phrase if any(c.isalpha() for c in phrase) else ""

    def _cut_cjk(self, text: str, least: int, most: int) -> str:
        """Return a clause, or where that is long a part of it between particles."""
        clauses = [clause for clause in _ZH_CLAUSE.findall(text) if len(clause) >= least]
        if not clauses:
            return ""
        clause = _one(self._rng, clauses).strip(_ZH_DANGLING)
        if len(clause) > most:
            parts = [part for part in _ZH_PARTICLES.split(clause) if least <= len(part) <= most]
            clause = _one(self._rng, parts) if parts else ""
        if clause.isascii() and (len(clause) < 3 or clause.isdigit()):
            return ""
        return clause


def _years(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    step = int(rng.choice([1, 1, 1, 1, 2, 5, 10]))
    last = int(rng.integers(1950 + num * step, 2031)) if num * step < 80 else 2030
    form = pick(rng, {"{y}": 8.0, "FY{y}": 0.5, "{y}*": 0.1, "'{s:02d}": 0.5})
    years = [last - step * back for back in range(num - 1, -1, -1)]
    return tuple(form.format(y=year, s=year % 100) for year in years)


def _months(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    names = _MONTHS if rng.random() < 0.35 else [month[:3] for month in _MONTHS]
    start = int(rng.integers(13 - num))
    return tuple(names[start : start + num])


def _months_of_years(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    form = pick(rng, {"{m} {y}": 3.0, "{m} '{s}": 1.0, "{y}-{n:02d}": 1.0, "{n:02d}/{y}": 1.0})
    first = int(rng.integers(1990 * 12, 2029 * 12))
    return tuple(
        form.format(m=_MONTHS[at % 12][:3], y=at // 12, s=f"{at // 12 % 100:02d}", n=at % 12 + 1)
        for at in range(first, first + num)
    )


def _quarters(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    form = pick(rng, {"Q{q} {y}": 3.0, "{y} Q{q}": 2.0, "Q{q} '{s}": 1.0, "{q}Q{s}": 1.0})
    first = int(rng.integers(1995 * 4, 2029 * 4))
    return tuple(
        form.format(q=at % 4 + 1, y=at // 4, s=f"{at // 4 % 100:02d}")
        for at in range(first, first + num)
    )


def _days(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    names = _DAYS if rng.random() < 0.3 else [day[:3] for day in _DAYS]
    return tuple(names[:num])


def _ages(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    width, start = int(rng.choice([5, 10, 15, 20])), int(rng.choice([0, 15, 18, 20]))
    dash = str(rng.choice(["-", "–"]))
    ends = [start + width * at for at in range(num)]
    rows = [f"{low}{dash}{low + width - 1}" for low in ends[:-1]]
    return (*rows, f"{ends[-1]}+")


def _percents(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    width = int(rng.choice([5, 10, 20] if num <= 5 else [5]))
    return tuple(f"{width * at}-{width * (at + 1)}%" for at in range(num))


def _numbered(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    forms = ("{n}", "Group {n}", "Week {n}", "Day {n}", "{a}", "Type {a}", "Level {n}", "Unit {a}")
    form = _one(rng, forms)
    return tuple(form.format(n=at + 1, a=chr(65 + at)) for at in range(num))


def _zh_years(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    years = [year[-4:] for year in _years(rng, num) if year[-4:].isdigit()]
    if len(years) < num:
        years = [str(2000 + at) for at in range(num)]
    return tuple(f"{year}年" for year in years) if rng.random() < 0.6 else tuple(years)


def _zh_months(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    start = int(rng.integers(13 - num))
    names = _ZH_MONTHS if rng.random() < 0.4 else [f"{at}月" for at in range(1, 13)]
    return tuple(names[start : start + num])


def _zh_months_of_years(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    form = pick(rng, {"{y}年{n}月": 3.0, "{y}-{n:02d}": 1.0, "{y}.{n}": 1.0})
    first = int(rng.integers(1990 * 12, 2029 * 12))
    return tuple(form.format(y=at // 12, n=at % 12 + 1) for at in range(first, first + num))


def _zh_quarters(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    first = int(rng.integers(1995 * 4, 2029 * 4))
    form = pick(rng, {"{y}年{z}季度": 2.0, "{y}Q{q}": 2.0, "{y}年第{z}季度": 1.0})
    return tuple(
        form.format(y=at // 4, q=at % 4 + 1, z=_ZH_DIGITS[at % 4])
        for at in range(first, first + num)
    )


def _zh_days(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    name = _one(rng, ("周", "星期"))
    return tuple(day.replace("周", name) for day in _ZH_DAYS[:num])


def _zh_ages(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    rows = _ages(rng, num)
    return (*(f"{row}岁" for row in rows[:-1]), f"{rows[-1].rstrip('+')}岁以上")


def _zh_numbered(rng: np.random.Generator, num: int) -> tuple[str, ...]:
    form = _one(rng, ("第{n}周", "第{n}组", "{n}", "{a}组", "第{n}天", "{a}类", "{n}号"))
    return tuple(form.format(n=at + 1, a=chr(65 + at)) for at in range(num))


# A row of names, and the longest of its kind.
_Row = tuple[Callable[[np.random.Generator, int], tuple[str, ...]], int]
_EN_ROWS: tuple[_Row, ...] = (
    (_years, 30), (_years, 30), (_years, 30), (_months, 12), (_months_of_years, 12),
    (_quarters, 16), (_days, 7), (_ages, 8), (_percents, 20), (_numbered, 26),
)  # fmt: skip
_ZH_ROWS: tuple[_Row, ...] = (
    (_zh_years, 30), (_zh_years, 30), (_zh_years, 30), (_zh_months, 12),
    (_zh_months_of_years, 12), (_zh_quarters, 16), (_zh_days, 7), (_zh_ages, 8),
    (_percents, 20), (_zh_numbered, 26),
)  # fmt: skip


def _recase(text: str, case: str) -> str:
    """Return a text with its first letter, its words' first letters or all letters large."""
    if case == "title":
        return _title_case(text)
    if case == "upper":
        return text.upper()
    return _capital(text) if case == "capital" else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title_case(text: str) -> str:
    """Return a text with capitals as titles have them."""
    words = text.split(" ")
    return " ".join(
        word if at and word.lower() in _DANGLING else _capital(word)
        for at, word in enumerate(words)
    )


def _one(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]
