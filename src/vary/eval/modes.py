r"""Compatibility modes: texts scored as the published scripts score them, faults included.

For comparing with published tables only. The package's own way (`vary.eval.metrics.text_metrics`)
is no mode: there the arguments are the right way round, every answer counts, and an empty answer of
a page with text gets the worst value of each metric.

What the modes give has the names of our metrics, with the values that the script prints under the
corresponding names. White space counts as it stands in all three. A page that `Mode.keeps` gives a
reason for takes no part in the script's means.

`fox` (`eval_tools/eval_ocr_test.py` of ucaslcl/Fox)
    Calls its function of (prediction, truth) with (label, answer): the two are exchanged. So its
    precision is our recall, its recall our precision. Its BLEU is the share of the *truth's*
    n-grams that stand in the answer, and its brevity penalty falls on answers that are *longer*
    than the truth: stopping early costs only what is lost, and going on costs twice. Its METEOR
    weighs precision, not recall, nine times. F1 and edit distance do not change, nor does METEOR's
    penalty for order, but for ties between equal words.
    Words by jieba where either text has a character of U+4E00-9FA5, else by white space. jieba's
    words include each white space character and each sign of punctuation, so that the blank counts
    as a word of Chinese pages. No page is dropped: the script ends with an error at the first
    answer or truth without words, after which it has no means to print.

`got` (`GOT/eval/pyevaltools/eval_ocr.py` of Ucas-HaoranWei/GOT-OCR2.0)
    As `fox`, exchange included; but a page whose answer or truth is empty is dropped without a word
    and counts nowhere, which favours a system that gives up on hard pages. An English page whose
    answer is white space alone ends the script with an error; the runner beside it strips answers
    before they are written, which makes them empty and drops them. `eval_ocr_format.py` does the
    same over three texts for each page, formulas and tables as nougat cuts them, but out of the
    whole page, which then stands uncut as its "text"; a part that is empty on one side is dropped.

`nougat` (`nougat/metrics.py` of facebookresearch/nougat)
    The arguments are the right way round. Words by white space always: a line of Chinese is one
    word. A page, or a part of one, with fewer than four characters on either side is dropped:
    formulas that were not found, or were invented, cost nothing where there are none on the other
    side. White space alone ends the script with an error. Run as a program it scores text, formulas
    and tables apart (`vary.eval.metrics.split_markdown`); `test.py` scores whole pages, and skips
    those whose picture cannot be read.
"""

import re
from dataclasses import dataclass

from vary.errors import InputError
from vary.eval.metrics.bleu import bleu
from vary.eval.metrics.chinese_words import chinese_cutter
from vary.eval.metrics.edit_distance import edit_distance
from vary.eval.metrics.meteor import meteor
from vary.eval.metrics.word_sets import word_set_overlap

_CHINESE = re.compile("[\u4e00-\u9fa5]")


@dataclass(frozen=True)
class Mode:
    """A published script's way of scoring; see the head of this file.

    Attributes:
        name: as on the command line.
        exchanges: whether it takes the truth for the prediction and the other way round.
        cuts_chinese: whether jieba cuts where Chinese occurs.
        min_characters: pages with fewer, on either side, are dropped.
    """

    name: str
    exchanges: bool
    cuts_chinese: bool
    min_characters: int

    def keeps(self, prediction: str, truth: str) -> str:
        """Return why the script has no value for a page; the empty text where it has one.

        Args:
            prediction: what was read.
            truth: what stands there.
        """
        sides = (("answer", prediction), ("truth", truth))
        for side, text in sides:
            if len(text) < self.min_characters:
                return f"{self.name} drops pages with {_shortage(self.min_characters, side)}"
        # Cut by jieba, only the empty text has no words: white space is some.
        is_cut = self._is_cut(prediction, truth)
        for side, text in sides:
            if not (text if is_cut else text.strip()):
                return f"the script of {self.name} ends with an error where the {side} has no words"
        return ""

    def metrics(
        self, prediction: str, truth: str, *, with_meteor: bool = False
    ) -> dict[str, float]:
        """Return what the script prints for a page: metric -> value.

        Args:
            prediction: what was read.
            truth: what stands there.
            with_meteor: also `meteor`, as all three scripts do.

        Raises:
            InputError: the script has no value for this page; the reason of `keeps`.
            MissingExtraError: rapidfuzz, or jieba or nltk where they are needed, is not installed.
            MissingResourceError: METEOR is asked for, and WordNet is not on this machine.
        """
        if reason := self.keeps(prediction, truth):
            raise InputError(f"{reason}; ask `keeps` first, and leave the page out")
        is_cut = self._is_cut(prediction, truth)
        hypothesis, reference = (
            chinese_cutter().cut(text) if is_cut else text.split() for text in (prediction, truth)
        )
        if self.exchanges:
            hypothesis, reference = reference, hypothesis
        shared = word_set_overlap(hypothesis, reference)
        values = {
            "edit_distance": edit_distance(prediction, truth),
            "f1": shared.f1,
            "precision": shared.precision,
            "recall": shared.recall,
            "bleu": bleu(hypothesis, reference),
        }
        if with_meteor:
            values["meteor"] = meteor(hypothesis, reference)
        return values

    def _is_cut(self, prediction: str, truth: str) -> bool:
        return self.cuts_chinese and any(map(_CHINESE.search, (prediction, truth)))


def _shortage(min_characters: int, side: str) -> str:
    if min_characters == 1:
        return f"an empty {side}"
    return f"fewer than {min_characters} characters in the {side}"


MODES = {
    mode.name: mode
    for mode in (
        Mode("fox", exchanges=True, cuts_chinese=True, min_characters=0),
        Mode("got", exchanges=True, cuts_chinese=True, min_characters=1),
        Mode("nougat", exchanges=False, cuts_chinese=False, min_characters=4),
    )
}
"""The modes by name. None of them is the default."""


def get_mode(name: str) -> Mode:
    """Return a mode by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in MODES:
        raise InputError(
            f"no compatibility mode {name!r}; there are {', '.join(MODES)}; without one the "
            "metrics are the correct ones"
        )
    return MODES[name]
