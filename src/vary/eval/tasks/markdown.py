"""Pages as Markdown: formulas and tables kept.

Data:    a folder of pictures and .md files, Fox's JSON, or a generated set with the format
         markdown. The paper's 100 pages with formulas and 100 with tables were never released;
         sets of one's own are two folders below --data, and `META.json` may name them.
Split:   by --group-by.
Prompt:  "Convert the image to markdown format." / "将这幅图转成markdown格式。" (paper 3.3.2)
Metric:  whole pages as in the paper: normalised edit distance and F1; besides, text, formulas and
         tables cut out of both sides and scored apart, as nougat does.
Paper:   Vary-base, edit distance / F1: formula pages 0.082 / 85.94, table pages 0.280 / 76.26
         (Table 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from vary.data.questions import questions_of
from vary.eval.data import load_pages
from vary.eval.metrics.parts import split_markdown
from vary.eval.metrics.text import text_metrics
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, TaskInfo
from vary.eval.tasks.ocr import EDIT_DISTANCE, F1, OcrTask, page_prompt

PROMPTS = {language: questions_of("document", "markdown", language)[0] for language in ("zh", "")}
PARTS = ("text", "math", "tables")
# What is shown of each part.
_OF_PARTS = (EDIT_DISTANCE, F1)
# Parts that an answer may invent.
_INVENTIONS = tuple(
    Metric(f"{part}_invented", f"{part}: invented", "lower", 1.0, 0.0) for part in PARTS[1:]
)
PARTS_NOTE = (
    "Parts: text, math and tables are cut out of truth and answer and compared apart, on pages "
    "whose truth has the part; on the others it is told on which share of them it was invented."
)


@dataclass(frozen=True)
class MarkdownTask(OcrTask):
    """Pages as Markdown; see `OcrTask` for the options."""

    name: ClassVar[str] = "markdown"
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "markdown"

    @property
    def info(self) -> TaskInfo:
        """What a report says of it."""
        info = super().info
        parts = [
            replace(metric, name=f"{part}_{metric.name}", title=f"{part}: {metric.title}", paper="")
            for part in PARTS
            for metric in _OF_PARTS
        ]
        return replace(
            info,
            name=self.name,
            title=info.title.replace("Text of pages", "Pages as Markdown"),
            metrics=info.metrics if self.mode else (*info.metrics, *parts, *_INVENTIONS),
            notes=info.notes if self.mode else (*info.notes, PARTS_NOTE),
            paper="Vary-base on the paper's own pages (Table 1), edit distance / F1: formulas "
            "0.082 / 85.94, tables 0.280 / 76.26; not comparable with other pages.",
        )

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each page of the data."""
        for page in load_pages(data, self.group_by, (".md", ".mmd", ".txt"), "markdown"):
            yield page_prompt(page, PROMPTS)

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return the metrics of the whole page, and those of its parts."""
        measured = dict(super().score(prompt, answer))
        if self.mode:
            return measured
        sides = (split_markdown(answer), split_markdown(prompt.truth))
        for part in PARTS:
            answered, true = (getattr(side, part) for side in sides)
            if true.strip():
                values = text_metrics(answered, true)
                measured |= {f"{part}_{m.name}": values[m.name] for m in _OF_PARTS}
            elif part != PARTS[0]:
                measured[f"{part}_invented"] = float(bool(answered.strip()))
        return measured
