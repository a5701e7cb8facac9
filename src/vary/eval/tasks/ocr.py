"""Reading pages: all text of a page, in reading order.

Data:    a folder of pictures and .txt files, Fox's JSON, or a generated set of pages.
Split:   none; the paper's 100 English and 100 Chinese pages were never released.
Prompt:  "Provide the OCR results of this image." / "写出这幅图中所有文字。" (paper 3.3.2)
Metric:  normalised edit distance; F1, precision, recall over words (paper 4.2); BLEU and METEOR
         as in the authors' later work; ours besides: the same over bags of words, ROUGE-L,
         character and word error rate, and text invented on empty pages.
Paper:   Vary-base, edit distance / F1: English 0.106 / 88.24, Chinese 0.174 / 87.32 (Table 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from vary.data.questions import questions_of
from vary.eval.data import Page, load_pages
from vary.eval.metrics.meteor import load_wordnet
from vary.eval.metrics.text import text_metrics
from vary.eval.modes import Mode, get_mode
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo
from vary.extras import require

PROMPTS = {language: questions_of("document", "text", language)[0] for language in ("zh", "")}
EDIT_DISTANCE = Metric("edit_distance", "edit distance", "lower", 1.0, 0.0, "edit distance")
F1 = Metric("f1", "F1 (sets of words)", "higher", 0.0, 1.0, "F1-score")
PRECISION = Metric("precision", "precision (sets)", "higher", 0.0, 1.0, "precision")
RECALL = Metric("recall", "recall (sets)", "higher", 0.0, 1.0, "recall")
BLEU = Metric("bleu", "BLEU", "higher", 0.0, 1.0)
METEOR = Metric("meteor", "METEOR", "higher", 0.0, 1.0)
METRICS = (
    EDIT_DISTANCE,
    F1,
    PRECISION,
    RECALL,
    Metric("bag_f1", "F1 (bags of words)", "higher", 0.0, 1.0),
    Metric("bag_precision", "precision (bags)", "higher", 0.0, 1.0),
    Metric("bag_recall", "recall (bags)", "higher", 0.0, 1.0),
    BLEU,
    METEOR,
    Metric("rouge_l", "ROUGE-L", "higher", 0.0, 1.0),
    Metric("cer", "char. error rate", "lower", 1.0, 0.0),
    Metric("wer", "word error rate", "lower", 1.0, 0.0),
)
INVENTED = Metric("invented", "text on empty pages", "lower", 1.0, 0.0)
MODE_METRICS = (EDIT_DISTANCE, F1, PRECISION, RECALL, BLEU, METEOR)
WHITE_SPACE = (
    "White space: for edit distance and character error rate every run of it counts as one space, "
    "and none at all on pages whose truth holds Chinese."
)

_EXCHANGED = "precision and recall are exchanged, and BLEU is taken of the truth against the answer"
MODE_NOTES = {
    "fox": f"As Fox's script computes them: {_EXCHANGED}; pages on which the script ends with an "
    "error are left out.",
    "got": f"As GOT's script computes them: {_EXCHANGED}; pages with an empty answer or truth are "
    "dropped without a word, which favours a system that gives up.",
    "nougat": "As nougat's script computes them: words by white space, Chinese too; pages with "
    "fewer than four characters on either side are dropped.",
}


@dataclass(frozen=True)
class OcrTask(Task):
    """Reading pages.

    Args:
        mode: the name of a published script whose numbers are reproduced; empty for the right ones.
        meteor: whether METEOR is computed, which needs WordNet and is slow.
        group_by: keys of `META.json` by which results are told apart.
    """

    mode: str = ""
    meteor: bool = False
    group_by: tuple[str, ...] = ()
    name: ClassVar[str] = "ocr"

    @property
    def info(self) -> TaskInfo:
        """What a report says of it."""
        published = _published(self.mode)
        left_out = set() if self.meteor else {METEOR.name}
        metrics = MODE_METRICS if published else (*METRICS, INVENTED)
        return TaskInfo(
            name=self.name,
            title="Text of pages" + (f", as scored by {published.name}" if published else ""),
            metrics=tuple(metric for metric in metrics if metric.name not in left_out),
            notes=(MODE_NOTES[self.mode],) if published else (WHITE_SPACE,),
            paper="Vary-base on the paper's own pages (Table 1), edit distance / F1: "
            "English 0.106 / 88.24, Chinese 0.174 / 87.32; not comparable with other pages.",
            has_text=True,
        )

    def check(self) -> None:
        """Refuse to begin without the libraries, or without WordNet where METEOR is wanted."""
        _published(self.mode)
        for module in ("rapidfuzz", "nltk", "jieba"):
            require(module, extra="eval")
        if self.meteor:
            load_wordnet()

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each page of the data."""
        for page in load_pages(data, self.group_by):
            yield page_prompt(page, PROMPTS)

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return the metrics of a page's text; none for a page that a published script drops."""
        published = _published(self.mode)
        if published is None:
            measured = dict(text_metrics(answer, prompt.truth, with_meteor=self.meteor))
            if not prompt.truth.strip():
                measured[INVENTED.name] = float(bool(answer.strip()))
            return measured
        if published.keeps(answer, prompt.truth):
            return {}
        return published.metrics(answer, prompt.truth, with_meteor=self.meteor)


def page_prompt(page: Page, prompts: Mapping[str, str]) -> Prompt:
    """Return the prompt of a page.

    Args:
        page: with its truth.
        prompts: language -> what is asked; under the empty name for all other languages.
    """
    return Prompt(
        id=page.id,
        images=(page.image,) if page.image else (),
        prompt=prompts.get(page.groups.get("language", ""), prompts[""]),
        truth=page.truth,
        document=page.document,
        groups=page.groups,
        reason=page.reason,
    )


def _published(mode: str) -> Mode | None:
    return get_mode(mode) if mode else None
