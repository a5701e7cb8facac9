"""What stands on Chinese lines: running text mostly, with the Latin words and digits within."""

import re
import string
from collections.abc import Sequence

import numpy as np

from vary.data.corpus import TextCorpus
from vary.data.engines.page.alphabets import chinese_alphabet
from vary.data.engines.page.breaking import NO_LINE_START, is_cjk
from vary.data.engines.page.line_text import Kinds, LineTexts, fold_text, pick_one
from vary.data.fonts import FontLibrary
from vary.errors import InputError

# Letters and digits as wide as Chinese characters are read as what they are.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum()}
_WIDE[ord("￥")] = ord("¥")
_SINGLE_SPACE = re.compile("(?<=[^ \u3000]) (?=[^ \u3000])")
_HALF_WIDTH = str.maketrans("，。；：？！（）", ",.;:?!()")
_QUOTES = ("“”‘’", "「」『』", "《》〈〉", "【】〔〕")
_NUMBERS = "一二三四五六七八九十"
_UNITS = (
    "元",
    "万元",
    "亿元",
    "人",
    "年",
    "次",
    "个",
    "％",
    "%",
    "公里",
    "米",
    "千克",
    "℃",
    "岁",
    "号",
    "kg",
    "cm",
    "km²",
)
_LABELS = ("图", "表", "附录", "公式", "例", "注", "圖", "附錄", "註")
_PARTS = ("章", "节", "条", "部分", "卷", "回", "節", "條", "編")
_PROBES = "一人不大中"
_NUM_PROBED = 500
_LEAST_SHARE = 0.3


def fold_chinese(text: str) -> str:
    """Return a text as it is read from a Chinese line: `fold_text`, and spaces that mean a gap.

    Between Chinese and Latin words a gap is set whether the text has a space there or not, so the
    space goes; between two Chinese characters it stays, and so does one that is as wide as they.
    """
    spaced = text.translate(_WIDE)
    return _without_border_spaces(fold_text(spaced))


def _without_border_spaces(text: str) -> str:
    def kept(match: re.Match[str]) -> str:
        before, after = text[match.start() - 1], text[match.end()]
        return "" if is_cjk(before) != is_cjk(after) else " "

    return _SINGLE_SPACE.sub(kept, text)


def is_chinese(text: str) -> bool:
    """Return whether three in ten of a text's characters are Chinese."""
    return sum(map(is_cjk, text)) > _LEAST_SHARE * len(text)


class ChineseLineTexts(LineTexts):
    """Draws texts of Chinese lines; the number of characters asked for counts Chinese ones.

    Args:
        corpus: running text in Chinese, simplified or traditional.
        alphabet: characters that may stand in a text; others are left out.

    Raises:
        InputError: the corpus is not in Chinese, or few of its characters are in the alphabet.
    """

    char_width = 1.08

    def __init__(self, corpus: TextCorpus, alphabet: str | None = None) -> None:
        super().__init__(corpus, chinese_alphabet() if alphabet is None else alphabet)
        self._characters = "".join(filter(is_cjk, self.alphabet))
        self._beside = LineTexts.narrow(self.alphabet)

    @property
    def _kinds(self) -> Kinds:
        return (
            (0.58, self.running),
            (0.08, self.heading),
            (0.08, self.figures),
            (0.08, self.identifiers),
            (0.03, self.reference),
            (0.15, self.scattered),
        )

    def _is_drawn(self, character: str) -> bool:
        return bool(character)

    def fonts_for(self, fonts: FontLibrary) -> FontLibrary:
        """Return the fonts that have Chinese characters.

        Raises:
            InputError: none has.
        """
        able = [face for face in fonts.faces if not fonts.missing(face, _PROBES)]
        if not able:
            raise InputError(
                "no font has Chinese characters; install one (on Debian: apt install "
                "fonts-noto-cjk fonts-wqy-zenhei) or name a folder that holds some"
            )
        return FontLibrary(able)

    def running(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return running text as it stands on a line: from the middle of a sentence."""
        text = self._chunk(rng, num_chars)
        chance = rng.random()
        if chance < 0.05:
            text = text.translate(_HALF_WIDTH)
        elif chance < 0.10:
            text = _enclose(text, rng)
        elif chance < 0.14:
            text = f"{pick_one('•◆■·', rng)} {text}"
        elif chance < 0.20:
            number = int(rng.integers(1, 30))
            name = _NUMBERS[number % 10]
            forms = (
                f"{number}.",
                f"（{name}）",
                f"({number})",
                f"{name}、",
                f"{number}）",
                f"{number}、",
            )
            text = pick_one(forms, rng) + text
        return text

    def heading(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a heading, a caption, a line of contents or a page number."""
        words = self._chunk(rng, int(rng.integers(2, min(20, num_chars + 3)))).rstrip("，。；：、")
        n, m, page = (int(rng.integers(1, most)) for most in (15, 15, 400))
        name = _NUMBERS[n % 10]
        part, label = pick_one(_PARTS, rng), pick_one(_LABELS, rng)
        dots = "." * int(rng.integers(6, 20))
        forms = (
            f"第{name}{part} {words}", f"第{n}{part} {words}", f"{n}.{m} {words}",
            f"{n}.{m}.{n} {words}", f"{label}{n}-{m} {words}", f"{label} {n} {words}",
            f"{label}{n}：{words}", f"{words}{dots}{page}", f"{words} {'…' * 4} {page}",
            f"第{page}页", f"- {page} -", f"第{page}页 共{page + n}页", words, f"【{words}】",
            f"——{words}",
        )  # fmt: skip
        return pick_one(forms, rng)

    def figures(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return numbers, dates and amounts, with words between."""
        parts: list[str] = []
        while sum(map(len, parts)) < num_chars * 1.3:
            parts.append(_figure(rng))
            parts.append(self._chunk(rng, int(rng.integers(1, 9))) if rng.random() < 0.8 else " ")
        return "".join(parts)

    def identifiers(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return Latin words, names and addresses within Chinese."""
        parts: list[str] = []
        while sum(map(len, parts)) < num_chars * 1.3:
            parts.append(self._chunk(rng, int(rng.integers(2, 12))))
            parts.append(self._latin(rng))
        return "".join(parts)

    def reference(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a line of a list of references."""
        names = [self._some(rng, int(rng.integers(2, 4))) for _ in range(rng.integers(1, 4))]
        title = self._chunk(rng, max(4, num_chars - 16)).rstrip("，。；：、")
        year, first = int(rng.integers(1950, 2026)), int(rng.integers(1, 900))
        authors = pick_one((", ", "，", "、"), rng).join(names)
        number, n = int(rng.integers(1, 90)), first % 12
        forms = (
            f"[{number}] {authors}. {title}[J]. {year}, {number}({n}): {first}-{first + 9}.",
            f"[{number}]{authors}．{title}[M]．{self._some(rng, 2)}：{year}．",
            f"{authors}（{year}）。《{title}》，第{first}页。",
        )
        return pick_one(forms, rng)

    def scattered(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return characters by lot, the rare as often as the common."""
        groups: list[str] = []
        while sum(map(len, groups)) < num_chars:
            groups.append(self._some(rng, int(rng.integers(2, 12))))
            chance = rng.random()
            if chance < 0.35:
                groups.append(pick_one("，。、；：", rng))
            elif chance < 0.45:
                groups.append(_enclose(groups.pop(), rng))
            elif chance < 0.5:
                groups.append(self._latin(rng))
        return "".join(groups)

    def _fold(self, text: str) -> str:
        return fold_chinese(text)

    def _allow(self, text: str) -> str:
        kept = "".join(filter(self._allowed.__contains__, self._fold(text)))
        return " ".join(kept.split()).strip()

    def _check_corpus(self) -> None:
        paragraphs = self.corpus.paragraphs
        probed = paragraphs[:: max(1, len(paragraphs) // _NUM_PROBED)]
        text = "".join(paragraph.text for paragraph in probed)
        known = sum(1 for c in text if c in self._allowed)
        if not is_chinese(text) or known < 0.8 * len(text):
            raise InputError(
                f"of {len(text)} characters of the text that were looked at "
                f"{sum(map(is_cjk, text))} are Chinese and {known} in the alphabet of lines: give "
                "Chinese text, another --language, or an alphabet with its characters"
            )

    def _chunk(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return about so many characters in a row, from anywhere in a paragraph."""
        text = ""
        while len(text) < num_chars:
            drawn = self.corpus.draw(rng)
            self._sources.append(drawn.source)
            start = int(rng.integers(max(1, len(drawn.text) - min(12, num_chars))))
            # Latin characters are half as wide: more of them stand on a line.
            part = self._fold(drawn.text[start : start + 2 * num_chars + 4])
            while part and part[0] in NO_LINE_START:
                part = part[1:]
            text += part[: _as_wide(part, num_chars - len(text))]
            if not part and len(drawn.text) < 3:
                break
        return text

    def _some(self, rng: np.random.Generator, count: int) -> str:
        """Return characters by lot, no punctuation."""
        picks = rng.integers(len(self._characters), size=count)
        return "".join(self._characters[pick] for pick in picks)

    def _latin(self, rng: np.random.Generator) -> str:
        """Return a Latin word or two: of the corpus, an acronym, a number, or letters by lot."""
        drawn = self.corpus.draw(rng).text
        words = re.findall(r"[A-Za-z][\w.'-]*", drawn, re.ASCII)
        if words and rng.random() < 0.6:
            start = int(rng.integers(len(words)))
            return " ".join(words[start : start + int(rng.integers(1, 4))])
        pools = (string.ascii_uppercase, string.ascii_lowercase, self._beside or string.digits)
        pool = pools[int(rng.integers(3))]
        picks = rng.integers(len(pool), size=int(rng.integers(1, 8)))
        return "".join(pool[pick] for pick in picks)


def _as_wide(text: str, num_chars: int) -> int:
    """Return how many characters of a text are as wide as so many Chinese ones."""
    width = 0.0
    for at, character in enumerate(text):
        width += 1.0 if is_cjk(character) else 0.5
        if width >= num_chars:
            return at + 1
    return len(text)


def _enclose(text: str, rng: np.random.Generator) -> str:
    """Return a text of which a part stands in quotation marks or brackets."""
    if len(text) < 3:
        return text
    start = int(rng.integers(len(text) - 2))
    stop = start + int(rng.integers(1, min(12, len(text) - start)))
    marks: Sequence[str] = (*_QUOTES, "（）()")
    chosen = pick_one(marks, rng)
    at = 2 * int(rng.integers(2))
    return f"{text[:start]}{chosen[at]}{text[start:stop]}{chosen[at + 1]}{text[stop:]}"


def _figure(rng: np.random.Generator) -> str:
    n, m = int(rng.integers(0, 10 ** rng.integers(1, 7))), int(rng.integers(0, 100))
    unit = pick_one(_UNITS, rng)
    year, month, day = 1950 + m, n % 12 + 1, m % 28 + 1
    forms = (
        f"{n}{unit}", f"{n:,}{unit}", f"{n}.{m:02d}{unit}", f"{m}%", f"{year}年{month}月{day}日",
        f"{year}年", f"{month}月{day}日", f"{year}-{month:02d}-{day:02d}", f"{n % 24}:{m % 60:02d}",
        f"{m}～{m + n % 50}{unit}", f"{m}-{m + n % 50}", f"（{m}）", f"[{m}]", f"¥{n}.{m:02d}",
        f"{m}×{n % 99}", f"{m}.{n % 10}.{m % 7}", f"第{m}", f"±{m}.{n % 9}", f"{n}",
        f"{_NUMBERS[m % 9]}十{_NUMBERS[n % 9]}{unit}", f"二〇{_NUMBERS[m % 9]}{_NUMBERS[n % 9]}年",
    )  # fmt: skip
    return pick_one(forms, rng)
