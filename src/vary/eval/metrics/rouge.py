"""ROUGE-L: what two texts share in the same order."""

from collections.abc import Sequence

from vary.eval.metrics.bounded import bounded_common
from vary.eval.metrics.word_sets import Overlap, overlap
from vary.eval.metrics.words import as_symbols


def rouge_l(prediction: Sequence[str], truth: Sequence[str]) -> Overlap:
    """Return precision, recall and F1 of the longest common subsequence of words.

    Args:
        prediction: words of what was read.
        truth: words of what stands there.

    Returns: 0 to 1, higher is better; 1 where neither has words, 0 where one has none. Exact but
        for texts beyond all pages: `vary.eval.metrics.bounded`.

    Raises:
        InputError: more than a million different words.
        MissingExtraError: rapidfuzz is not installed.

    Source: Lin 2004, with precision and recall weighed alike, as in Google's `rouge_score` without
        stemming; which, other than here, cuts words itself, lower-cases them and knows Latin only,
        and gives 0 for two empty texts.
    """
    common = bounded_common(*as_symbols(prediction, truth))
    return overlap(common, len(prediction), len(truth))
