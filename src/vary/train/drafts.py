"""Drafts with faults, for a language model that is to check them and not to copy."""

import numpy as np


def spoil(text: str, alphabet: str, rng: np.random.Generator, *, is_good: bool = False) -> str:
    """Return a draft with characters dropped, doubled or exchanged, more in some lines than others.

    A vocabulary reads the lines that it learns from too well; without further faults the language
    model would learn to copy.

    Args:
        text: the draft.
        alphabet: characters, the most common first, that others are exchanged for.
        rng: where all faults come from.
        is_good: few faults, as the vocabulary makes on pages that are easier than its training.
    """
    rates = [0.0, 0.01, 0.03] if is_good else [0.0, 0.03, 0.12]
    rate = float(rng.choice(rates, p=[0.5, 0.3, 0.2] if is_good else [0.7, 0.2, 0.1]))
    spoiled: list[str] = []
    for character in text:
        chance = rng.random() / rate if rate else 1.0
        if chance < 0.3:
            continue
        if chance < 0.8:
            spoiled.append(alphabet[rng.integers(min(95, len(alphabet)))])
        else:
            spoiled.append(character)
        if 0.8 <= chance < 1.0:
            spoiled.append(character)
    return "".join(spoiled)
