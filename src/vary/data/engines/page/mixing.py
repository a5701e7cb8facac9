"""Text of two scripts: words and paragraphs of one among the other, and which script it is."""

from collections.abc import Sequence

import numpy as np

from vary.data.engines.page.breaking import is_cjk

PARAGRAPH_SHARE = 0.12
MIXED_PARAGRAPHS = 0.6
CHARACTERS_PER_PHRASE = 120
CHARACTERS_PER_PHRASE_CJK = 50
MOST_CHARACTERS = 10
MOST_WORDS = 4
MARKS = ".,;:!?()[]“”‘’\"'— -*_"
# Characters that are written otherwise in the other script, in pairs: the commonest ones.
_SIMPLIFIED = (
    "们这国个来为时会说学对发经过还实现开点问样长见种门话头员书进"
    "关东气让产间车业马给变应认将从儿觉书师边万难带华总战导连运决"
)
_TRADITIONAL = (
    "們這國個來為時會說學對發經過還實現開點問樣長見種門話頭員書進"
    "關東氣讓產間車業馬給變應認將從兒覺書師邊萬難帶華總戰導連運決"
)
# One in so many characters of the other script is a name or a quotation.
_STRAY_SHARE = 0.1


def mix_in(
    paragraphs: Sequence[str], others: Sequence[str], rng: np.random.Generator, *, cjk: bool
) -> list[str]:
    """Return paragraphs with words of others in many of them, and a few of the others whole.

    Args:
        paragraphs: the page's own, in the script that `cjk` names.
        others: in the other script; only their own script is taken.
        rng: decides where and what.
        cjk: the page is Chinese, the others are not.
    """
    mixed: list[str] = []
    for text in paragraphs:
        if mixed and rng.random() < PARAGRAPH_SHARE:
            mixed.append(others[int(rng.integers(len(others)))])
        mixed.append(text)
        if rng.random() < MIXED_PARAGRAPHS:
            most = 1 + len(text) // (CHARACTERS_PER_PHRASE_CJK if cjk else CHARACTERS_PER_PHRASE)
            for _ in range(int(rng.integers(1, min(most, 3) + 1))):
                phrase = _phrase(others, rng, cjk=not cjk)
                mixed[-1] = _insert(mixed[-1], phrase, rng, cjk=cjk)
    return mixed


def _phrase(others: Sequence[str], rng: np.random.Generator, *, cjk: bool) -> str:
    """Return a few words, or characters, of one of some texts."""
    text = others[int(rng.integers(len(others)))]
    if not cjk:
        words = text.split()
        start = int(rng.integers(len(words)))
        taken: list[str] = []
        for word in words[start : start + int(rng.integers(1, MOST_WORDS + 1))]:
            taken.append(word.strip(MARKS))
            if word[-1] in MARKS:
                break
        return " ".join(filter(None, taken))
    start = int(rng.integers(len(text)))
    letters = ""
    for character in text[start : start + 4 * MOST_CHARACTERS]:
        if is_cjk(character) and character.isalpha():
            letters += character
        elif letters:
            break
    return letters[: int(rng.integers(2, MOST_CHARACTERS + 1))]


def _insert(text: str, phrase: str, rng: np.random.Generator, *, cjk: bool) -> str:
    """Return a text with a phrase in it: between words, or between two Chinese characters."""
    if not phrase:
        return text
    if cjk:
        places = [
            at for at in range(1, len(text)) if _is_letter(text[at - 1]) and _is_letter(text[at])
        ]
        forms = (phrase, f" {phrase} ", f"（{phrase}）")
    else:
        places = [at for at, character in enumerate(text) if character == " "]
        forms = (f" {phrase}", f" ({phrase})", f" “{phrase}”")
    if not places:
        return text
    at = places[int(rng.integers(len(places)))]
    return text[:at] + forms[int(rng.integers(len(forms)))] + text[at:]


def _is_letter(character: str) -> bool:
    return is_cjk(character) and character.isalpha()


def script_of(text: str) -> str:
    """Return ``hans`` (simplified), ``hant`` (traditional), ``both``, or nothing if none tells.

    By a table of the commonest characters that the scripts write differently; a tenth of the other
    script is taken for names and quotations.
    """
    simplified = sum(map(text.count, set(_SIMPLIFIED) - set(_TRADITIONAL)))
    traditional = sum(map(text.count, set(_TRADITIONAL) - set(_SIMPLIFIED)))
    if not simplified and not traditional:
        return ""
    share = simplified / (simplified + traditional)
    if _STRAY_SHARE < share < 1 - _STRAY_SHARE:
        return "both"
    return "hans" if share > 0.5 else "hant"
