"""ChartQA: questions on charts.

Data:    the official folder of a split: `test_human.json`, `test_augmented.json` (imgname, query,
         label) and the pictures in `png/`; one of the two files alone for its half.
Split:   test, 1250 questions asked by people and 1250 made from texts.
Prompt:  "Answer the following questions using a single word or phrase:" and the question
         (the paper's).
Metric:  relaxed accuracy; the total is the mean of the two halves.
Paper:   Vary-base human / augmented / mean 43.2 / 87.3 / 65.3 (LLaVA-80k), 43.8 / 88.3 / 66.1
         (LLaVA-CC665k) (Table 2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from vary.errors import InputError, VaryError
from vary.eval.metrics.relaxed_accuracy import (
    RELAXED_RULES,
    RelaxedRule,
    exact_match,
    relaxed_accuracy,
)
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo
from vary.eval.tasks.official import (
    QUESTION_PREFIX,
    find_picture,
    plain_text,
    read_release,
    shown,
)

HALVES = ("human", "augmented")
FOLDERS = ("png", "images", "")
METRICS = (
    Metric("relaxed_accuracy", "relaxed accuracy", "higher", 0.0, 1.0, "Acc"),
    Metric("exact", "exact match", "higher", 0.0, 1.0),
)


@dataclass(frozen=True)
class ChartQaTask(Task):
    """Questions on charts.

    Args:
        rule: ``stripped`` leaves percent signs and thousands separators out; ``pix2struct``
            compares as most published numbers do.
    """

    rule: RelaxedRule = "stripped"
    name: ClassVar[str] = "chartqa"
    truth_types: ClassVar[tuple[type, ...]] = (str, int, float)
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "ask"

    @property
    def info(self) -> TaskInfo:
        """What a report says of it."""
        rules = {
            "stripped": "Relaxed accuracy: numbers within 5 % of the truth, years among them, "
            "percent signs and thousands separators left out; all else without case.",
            "pix2struct": "Relaxed accuracy as pix2struct computes it: 15% is 0.15, a number with "
            "thousands separators is a text.",
        }
        return TaskInfo(
            name=self.name,
            title="Questions on charts (ChartQA)",
            metrics=METRICS,
            mean_of="split",
            notes=(rules[self.rule], "The total is the mean of the two halves."),
            paper="Vary-base on the test split (Table 2), relaxed accuracy, human / augmented / "
            "mean: 43.2 / 87.3 / 65.3 with LLaVA-80k, 43.8 / 88.3 / 66.1 with LLaVA-CC665k.",
        )

    def check(self) -> None:
        """Refuse an unknown rule."""
        if self.rule not in RELAXED_RULES:
            raise VaryError(f"--rule {self.rule!r}: choose among {', '.join(RELAXED_RULES)}")

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each question, the human half first."""
        for half, file in _files(data).items():
            entries = read_release(file)
            if not isinstance(entries, list):
                raise InputError(f"{file}: expected a list of questions as ChartQA has it")
            for number, entry in enumerate(entries):
                yield _prompt(entry, half, number, file)

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return whether an answer is right."""
        truth = plain_text(prompt.truth) or ""
        return {
            "relaxed_accuracy": relaxed_accuracy(answer, truth, self.rule),
            "exact": exact_match(answer, truth),
        }


def _files(data: Path) -> dict[str, Path]:
    """Return half -> file of the data."""
    if data.is_file():
        half = next((half for half in HALVES if half in data.stem), None)
        if half is None:
            raise InputError(f"{data}: its name tells no half ({' or '.join(HALVES)}) of ChartQA")
        return {half: data}
    for folder in (data, data / "test"):
        files = {half: folder / f"test_{half}.json" for half in HALVES}
        there = [half for half in HALVES if files[half].is_file()]
        if len(there) == len(HALVES):
            return files
        if there:
            raise InputError(
                f"{folder}: holds test_{there[0]}.json alone; the score is the mean of two halves: "
                "add the other file, or give this one as --data to measure it alone"
            )
    raise InputError(f"{data}: holds no test_human.json and test_augmented.json; check --data")


def _prompt(entry: Any, half: str, number: int, file: Path) -> Prompt:
    if not isinstance(entry, dict):
        raise InputError(
            f"{file}, entry {number}: a {type(entry).__name__}, not an object with a query"
        )
    query, label = plain_text(entry.get("query")), plain_text(entry.get("label"))
    images, reason = find_picture((file.parent / part for part in FOLDERS), entry.get("imgname"))
    if not query:
        reason = f"its query is {shown(entry.get('query'))}"
    if label is None:
        reason = f"its label is {shown(entry.get('label'))}"
    return Prompt(
        id=f"{half}/{number}",
        images=images,
        prompt=f"{QUESTION_PREFIX} {query or ''}".rstrip(),
        truth=label or "",
        document=plain_text(entry.get("imgname")) or "",
        groups={"split": half},
        reason=reason,
    )
