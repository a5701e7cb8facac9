"""Levenshtein distance on characters."""

from vary.eval.metrics.bounded import bounded_errors


def character_errors(prediction: str, truth: str) -> int:
    """Return how many characters must be inserted, deleted or exchanged.

    Code points as they stand: a letter with a combining accent is two. White space counts. Exact
    but for texts beyond all pages: `vary.eval.metrics.bounded`.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    return bounded_errors(prediction, truth)


def edit_distance(prediction: str, truth: str) -> float:
    """Return the normalised edit distance of two texts, white space counted as it stands.

    Args:
        prediction: what was read.
        truth: what stands there.

    Returns: 0 (equal, two empty texts among them) to 1 (nothing in common).

    Raises:
        MissingExtraError: rapidfuzz is not installed.

    Source: paper 4.2, by nougat's definition: Levenshtein over the longer text's length.
    """
    longer = max(len(prediction), len(truth))
    return character_errors(prediction, truth) / longer if longer else 0.0


def collapse_white_space(text: str) -> str:
    """Return the text with every run of white space as one space, none at the ends."""
    return " ".join(text.split())


def remove_white_space(text: str) -> str:
    """Return the text without white space: for Chinese, where its truth is not reliable."""
    return "".join(text.split())
