"""What stands on a line: running text mostly, and all that stands on real pages beside it."""

import re
import string
from collections.abc import Callable, Sequence

import numpy as np

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.breaking import is_cjk
from vary.data.fonts import FontLibrary
from vary.errors import InputError

Kinds = Sequence[tuple[float, Callable[[np.random.Generator, int], str]]]

# Latin letters with their accents, typographic signs, and the Greek and mathematics of articles.
LATIN_ALPHABET = (
    " "
    + string.ascii_letters
    + string.digits
    + string.punctuation
    + "¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
    "ĀāĂăĄąĆćČčĎďĐđĒēĖėĘęĚěĞğĢģĪīĮįİıĶķŁłŃńŇňŌōŐőŒœŘřŚśŞşŠšŤťŪūŮůŰűŲųŹźŻżŽž"
    "–—‘’‚“”„†‡•…‰‹›€™−≤≥≠≈∞→←↔⇒∈∑√∂∇∫·×∗"
    "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
)
LATIN_ALPHABET = "".join(dict.fromkeys(LATIN_ALPHABET))

_FOLDED = {
    "\u00ad": "", "\u200b": "", "\ufeff": "", "\u2010": "-", "\u2011": "-", "\u2012": "–",
    "\u2015": "—", "\u2022": "•", "\u2032": "'", "\u2033": '"', "\ufb00": "ff", "\ufb01": "fi",
    "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\u2500": "—", "\u25cf": "•", "\u2044": "/",
}  # fmt: skip
_FOLD_TABLE = str.maketrans(_FOLDED)
_TO_FOLD = re.compile(f"[{''.join(_FOLDED)}]")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_UNITS = ("kg", "km", "mm", "ms", "MB", "GB", "kB", "Hz", "GHz", "%", "°C", "pp.", "€", "px", "pt")
_LABELS = ("Figure", "Fig.", "Table", "Section", "Chapter", "Eq.", "Appendix", "Algorithm", "Note")
_DOMAINS = ("com", "org", "net", "edu", "io", "gov", "co.uk", "de", "eu", "info")


# Words outside the alphabet are left out; where that is most of them, what remains is no text.
_LEAST_SHARE = 0.5
_NUM_PROBED = 2000


def fold_text(text: str) -> str:
    """Return a text with characters that look alike written in one way, spaces single."""
    return " ".join(folded_words(text))


def folded_words(text: str) -> list[str]:
    """Return the words of a text, with characters that look alike written in one way."""
    if not text.isascii() and _TO_FOLD.search(text):
        text = text.translate(_FOLD_TABLE)
    return text.split()


class LineTexts:
    """Draws texts of lines, in words with spaces between.

    Args:
        corpus: running text; other kinds of line take their words from it.
        alphabet: characters that may stand in a text; words with others are left out, as are
            those with Chinese characters, which `ChineseLineTexts` draws.

    Attributes:
        char_width: of a character in the mean, over the height from ascender to descender.

    Raises:
        InputError: most of the corpus' words have characters outside the alphabet.
    """

    char_width = 0.46

    def __init__(self, corpus: TextCorpus, alphabet: str = LATIN_ALPHABET) -> None:
        self.corpus = corpus
        self.alphabet = "".join(filter(self._is_drawn, alphabet))
        self._allowed = frozenset(self.alphabet)
        self._check_corpus()
        self._sources: list[str] = []
        self._rare = "".join(c for c in self.alphabet if not c.isascii())
        shares = np.array([share for share, _ in self._kinds])
        self._bounds = np.cumsum(shares / shares.sum())

    @property
    def _kinds(self) -> Kinds:
        return (
            (0.66, self.running),
            (0.07, self.heading),
            (0.08, self.figures),
            (0.07, self.identifiers),
            (0.04, self.code),
            (0.04, self.reference),
            (0.04, self.scattered),
        )

    def _is_drawn(self, character: str) -> bool:
        """Return whether a character of the alphabet may stand on these lines."""
        return not is_cjk(character)

    @staticmethod
    def narrow(alphabet: str) -> str:
        """Return an alphabet without the space and without Chinese characters."""
        return "".join(c for c in alphabet if c != " " and not is_cjk(c))

    def fonts_for(self, fonts: FontLibrary) -> FontLibrary:
        """Return the fonts of which a line's main face is taken."""
        return fonts

    def draw(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a text of about `num_chars` characters, never empty.

        Raises:
            Reject: no word that was drawn is in the alphabet.
        """
        return self.draw_with_sources(rng, num_chars)[0]

    def draw_with_sources(
        self, rng: np.random.Generator, num_chars: int
    ) -> tuple[str, tuple[str, ...]]:
        """Return a text as `draw` does, and the files that its words were taken from, sorted.

        A line of numbers or of signs alone comes from no file.

        Raises:
            Reject: no word that was drawn is in the alphabet.
        """
        self._sources.clear()
        number = int(np.searchsorted(self._bounds, rng.random(), side="right"))
        kind = self._kinds[min(number, len(self._bounds) - 1)][1]
        text = self._allow(kind(rng, num_chars))
        text = text or self._allow(self.running(rng, num_chars))
        if not text:
            raise Reject("no text in the alphabet")
        return text, tuple(sorted(set(self._sources)))

    def running(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return words of running text as they stand on a line: mid-sentence, maybe hyphenated."""
        words = self._words(rng, num_chars)
        text = " ".join(words)
        if len(text) > num_chars > 12 and rng.random() < 0.5:
            cut = text[:num_chars].rstrip()
            last = cut.rsplit(" ", 1)[-1]
            if len(last) > 2 and last.isalpha() and text[len(cut) : len(cut) + 2].isalpha():
                text = cut + "-"
        chance = rng.random()
        if chance < 0.04:
            return text.upper()
        if chance < 0.06:
            return text.title()
        if chance < 0.10:
            return f"{'•–-*'[rng.integers(4)]} {text}"
        if chance < 0.13:
            return f"{rng.integers(1, 30)}{'.)'[rng.integers(2)]} {text}"
        return _requote(text, rng)

    def heading(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a heading, a caption's start, a line of contents or a page number."""
        words = " ".join(self._words(rng, min(num_chars, 40)))
        number = ".".join(str(rng.integers(1, 15)) for _ in range(rng.integers(1, 4)))
        dots = ("." * 12, " . . . . . .", "......")[rng.integers(3)]
        page = rng.integers(1, 400)
        forms = (
            f"{number} {words.title()}", f"{number}. {words.capitalize()}", words.upper(),
            f"{pick_one(_LABELS, rng)} {number}: {words}", f"{words.title()} {dots} {page}",
            f"Page {page} of {rng.integers(page, 900)}", str(rng.integers(1, 1500)),
        )  # fmt: skip
        return pick_one(forms, rng)

    def figures(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return numbers, dates, amounts and times, with words between."""
        parts: list[str] = []
        while sum(map(len, parts)) + len(parts) < num_chars:
            parts.append(self._figure(rng))
            if rng.random() < 0.4:
                parts.extend(self._words(rng, 8)[:1])
        return " ".join(parts)

    def identifiers(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return addresses, paths, names of programs and acronyms, with words between."""
        parts: list[str] = []
        while sum(map(len, parts)) + len(parts) < num_chars:
            parts.append(self._identifier(rng))
            parts.extend(self._words(rng, 12)[: rng.integers(0, 3)])
        return " ".join(parts)

    def code(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a line that looks like a program or a command."""
        names = [re.sub(r"\W", "", w).lower() or "x" for w in self._words(rng, 60)]
        a, b, c = [*names, "i", "n", "key"][:3]
        number = rng.integers(0, 256)
        forms = (
            f"def {a}_{b}({c}: int = {number}) -> str:", f"{a} = {b}[{c}] + {number}",
            f"for (int i = 0; i < {a}; i++) {{ {b}.{c}(i); }}", f'print(f"{{{a}:>{number}}} {b}")',
            f"$ {a} --{b}={c} -{a[0]} {number}", f"<{a} {b}=\"{c}\">{number}</{a}>",
            f"import {a}.{b} as {c}", f'"{a}": {{"{b}": [{number}, {number // 2}], "{c}": null}},',
            f"if {a} != {b} && !{c}:", f"let {a} = |{b}| {c}::<{a.title()}>({b}) * {number};",
            f"# {a} {b} {c}", f"return {a}({b}, {c}) / {number};  // {b}",
        )  # fmt: skip
        return pick_one(forms, rng)[: max(num_chars, 8)]

    def reference(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return a line of a list of references."""
        names = [w for w in self._words(rng, 40) if w.isalpha()] or ["Doe"]
        authors = ", ".join(
            f"{pick_one(string.ascii_uppercase, rng)}. {name.title()}" for name in names[:3]
        )
        title = " ".join(self._words(rng, max(num_chars - len(authors) - 12, 8)))
        year, first = rng.integers(1900, 2026), rng.integers(1, 900)
        forms = (
            f"[{rng.integers(1, 99)}] {authors}, “{title},” {year}.",
            f"{authors} ({year}). {title}. {rng.integers(1, 80)}({rng.integers(1, 12)}), "
            f"{first}–{first + rng.integers(2, 30)}.",
            f"{title}, pp. {first}-{first + 9}, {year}. doi:10.{rng.integers(1000, 9999)}/{first}",
            f"{authors} et al., {year}; {title}",
        )
        return pick_one(forms, rng)

    def scattered(self, rng: np.random.Generator, num_chars: int) -> str:
        """Return characters by lot, so that no character is only known from its words."""
        pool = self.alphabet if rng.random() < 0.5 else string.printable[:94]
        groups: list[str] = []
        while sum(map(len, groups)) + len(groups) < min(num_chars, 40):
            picks = rng.integers(len(pool), size=rng.integers(1, 8))
            groups.append("".join(pool[i] for i in picks).replace(" ", ""))
            if rng.random() < 0.3:
                groups.extend(self._words(rng, 10)[:2])
            if self._rare and rng.random() < 0.5:
                groups.append(self._rare[rng.integers(len(self._rare))])
        return " ".join(groups)

    def _words(self, rng: np.random.Generator, num_chars: int) -> list[str]:
        """Return words in a row of about this many characters, from anywhere in a paragraph."""
        words: list[str] = []
        count = 0
        while count < num_chars:
            drawn = self.corpus.draw(rng)
            self._sources.append(drawn.source)
            paragraph = folded_words(drawn.text) or [""]
            start = int(rng.integers(max(1, len(paragraph) - 4)))
            for word in paragraph[start:]:
                words.append(word)
                count += len(word) + 1
                if count >= num_chars:
                    break
        return words

    def _check_corpus(self) -> None:
        paragraphs = self.corpus.paragraphs
        probed = paragraphs[:: max(1, len(paragraphs) // _NUM_PROBED)]
        words = [word for paragraph in probed for word in fold_text(paragraph.text).split()]
        foreign = [word for word in words if not self._allowed.issuperset(word)]
        if len(foreign) > (1 - _LEAST_SHARE) * len(words):
            outside = sorted(set("".join(foreign)) - self._allowed)
            raise InputError(
                f"{len(foreign)} of {len(words)} words that were looked at have characters outside "
                f"the alphabet of lines ({''.join(outside[:20])!r}): give text in a language "
                "that it can write, name the text's own (--language zh for Chinese), or make tiles "
                "or pages (--kind tile, page)"
            )

    def _allow(self, text: str) -> str:
        return " ".join(filter(self._allowed.issuperset, folded_words(text)))

    def _figure(self, rng: np.random.Generator) -> str:
        n, m = int(rng.integers(0, 10 ** rng.integers(1, 7))), int(rng.integers(0, 100))
        month, unit, label = (pick_one(names, rng) for names in (_MONTHS, _UNITS, _LABELS))
        forms = (
            f"{n}", f"{n:,}", f"{n}.{m:02d}", f"${n:,}.{m:02d}", f"({n})", f"{m}%", f"-{m}",
            f"{m}–{m + n % 50}", f"{n % 24}:{m % 60:02d}", f"{n % 12 + 1}/{m % 28 + 1}/{1950 + m}",
            f"{1950 + m}-{n % 12 + 1:02d}-{m % 28 + 1:02d}", f"{m % 28 + 1} {month}",
            f"{month} {m % 28 + 1}, {1950 + m}", f"{n}{unit}",
            f"{m} {unit}", f"[{m}]", f"{m}.{n % 10}.{m % 7}", f"#{n}", f"±{m}.{n % 9}",
            f"{m}×{n % 99}", f"1e-{m % 9}", f"0x{n:x}", f"{n % 9}th", f"{label} {m}",
            f"€{n}", f"£{m}.{n % 100:02d}", f"+{n}", f"n={m}", f"p<0.{m:02d}", f"{n}/{m}",
        )  # fmt: skip
        return pick_one(forms, rng)

    def _identifier(self, rng: np.random.Generator) -> str:
        words = [re.sub(r"[^A-Za-z]", "", w) or "x" for w in self._words(rng, 40)]
        a, b, c = [*words, "main", "x", "doc"][:3]
        low_a, low_b, low_c = a.lower(), b.lower(), c.lower()
        letters = "".join(pick_one(string.ascii_uppercase, rng) for _ in range(rng.integers(2, 6)))
        domain = pick_one(_DOMAINS, rng)
        forms = (
            f"https://www.{low_a}{low_b}.{domain}/{low_c}", f"{low_a}.{low_b}@{low_c}.{domain}",
            f"http://{low_a}.{domain}/{low_b}?{low_c}={rng.integers(100)}", letters,
            f"{low_a}_{low_b}", f"{low_a}{b.title()}{c.title()}", f"{low_a}.{low_b}()",
            f"/{low_a}/{low_b}/{low_c}.txt", f"{letters}-{rng.integers(1, 999)}", f"({letters})",
            f"{a}.{low_b}", f"{low_a}-{low_b}", f"@{low_a}", f"{letters}s", f"‘{a}’", f"“{a} {b}”",
            f"{a}/{b}", f"{letters}_{low_c.upper()}", f"{a.title()}’s", f"C:\\{a}\\{b}",
            f"--{low_a}",
        )  # fmt: skip
        return pick_one(forms, rng)


def pick_one(choices: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of some texts by lot."""
    return choices[int(rng.integers(len(choices)))]


def _requote(text: str, rng: np.random.Generator) -> str:
    """Return the text with its quotes all straight or all curly, as the lot falls."""
    if rng.random() < 0.5:
        return text
    if "’" in text or "“" in text:
        return text.translate(str.maketrans("‘’“”", "''\"\""))
    text = re.sub(r'"([^"]*)"', r"“\1”", text)
    return text.replace("'", "’")
