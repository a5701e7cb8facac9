"""METEOR, by nltk and WordNet."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from vary.errors import MissingResourceError
from vary.extras import require

HINT = "python -m nltk.downloader wordnet"


def meteor(prediction: Sequence[str], truth: Sequence[str], wordnet: Any = None) -> float:
    """Return the METEOR of two sequences of words.

    Words are matched as they stand in lower case, then by Porter's stems, then by the synonyms that
    WordNet has of the stems: English ones, and those only where stem and word are the same.
    Precision and recall of the matches are averaged with recall nine times as heavy, and up to half
    is taken off where the matches lie in many pieces. Words of other languages match as they stand.
    A text that is wholly right stays a little below 1, since one piece is still counted.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.
        wordnet: what knows the synonyms; None is nltk's WordNet.

    Returns: 0 to 1, higher is better; 1 where neither has words, 0 where one has none.

    Raises:
        MissingExtraError: nltk is not installed.
        MissingResourceError: WordNet is not on this machine. Nothing is ever downloaded.

    Source: Lavie and Agarwal 2007, by `nltk.translate.meteor_score` with its defaults, which the
        scripts of nougat, Fox and GOT call. nltk gives 0 for two empty texts.
    """
    if not prediction and not truth:
        return 1.0
    by_nltk = require("nltk.translate.meteor_score", extra="eval").meteor_score
    return float(by_nltk([truth], prediction, wordnet=wordnet or load_wordnet()))


@cache
def load_wordnet() -> Any:
    """Return nltk's WordNet, ready to be asked.

    Raises:
        MissingExtraError: nltk is not installed.
        MissingResourceError: WordNet is not on this machine.
    """
    wordnet = require("nltk.corpus", extra="eval").wordnet
    try:
        wordnet.synsets("word")
    except LookupError as error:
        raise MissingResourceError(
            f"METEOR needs WordNet, which nltk does not find; get it with: {HINT}"
        ) from error
    return wordnet
