"""Which script a character is of, by the names that Unicode gives."""

import unicodedata
from collections import Counter
from functools import cache

DIGITS, SIGNS, SPACE = "digits", "signs", "space"
_NAMES = {"CJK": "Han", "HIRAGANA": "kana", "KATAKANA": "kana", "IDEOGRAPHIC": "Han"}
_FORMS = ("FULLWIDTH", "HALFWIDTH", "MATHEMATICAL")


@cache
def script_of(character: str) -> str:
    """Return the script of a letter (Latin, Han, Cyrillic, ...), or `DIGITS`, `SIGNS`, `SPACE`.

    A mark that stands on or beside letters counts with its script where its name tells it
    (Devanagari's vowels), else as a sign. Wide and narrow forms count as what they are forms of.
    """
    plain = unicodedata.normalize("NFKC", character)[:1] or character
    if plain.isspace():
        return SPACE
    category = unicodedata.category(plain)
    words = unicodedata.name(plain, "").split()
    if category[0] == "N" and words[:1] != ["IDEOGRAPHIC"]:  # 〇 is a number to Unicode
        return DIGITS
    if category[0] not in "LMN":
        return SIGNS
    word = next((word for word in words if word not in _FORMS), "")
    if (category == "Lm" and word == "MODIFIER") or word in ("COMBINING", "VARIATION", ""):
        return SIGNS
    return _NAMES.get(word, word.capitalize())


def main_script(text: str) -> str:
    """Return the script that most letters of a text are of; digits or signs where it has none."""
    counts = Counter(script_of(character) for character in text)
    order = sorted(counts, key=lambda name: (name in (DIGITS, SIGNS, SPACE), -counts[name], name))
    return order[0] if order else SIGNS
