"""DocVQA: questions on scanned documents.

Data:    the official JSON (`val_v1.0.json`, `val_v1.0_withQT.json`, ...) and its pictures beside
         it, in `documents/` or another folder; https://www.docvqa.org, by registration.
Split:   validation; the answers of the test split are not public.
Prompt:  "Answer the following questions using a single word or phrase:" and the question
         (the paper's).
Metric:  ANLS by the official script, or by the paper's formula (`rule`).
Paper:   Vary-base 78.2 (LLaVA-80k), 78.1 (LLaVA-CC665k) on validation, 76.3 on test (Table 2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from vary.errors import InputError, VaryError
from vary.eval.metrics.anls import ANLS_RULES, AnlsRule, anls
from vary.eval.metrics.relaxed_accuracy import exact_match
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo
from vary.eval.tasks.official import (
    QUESTION_PREFIX,
    find_picture,
    plain_text,
    read_release,
    release_file,
    shown,
)
from vary.extras import require

FILES = ("*_v1.0*.json",)
# Releases put the pictures in a folder that the file may name or not.
FOLDERS = ("", "documents", "images", "spdocvqa_images")
METRICS = (
    Metric("anls", "ANLS", "higher", 0.0, 1.0, "ANLS"),
    Metric("exact", "exact match", "higher", 0.0, 1.0),
)


@dataclass(frozen=True)
class DocVqaTask(Task):
    """Questions on scanned documents.

    Args:
        rule: ``official`` keeps answers that are exactly half right, ``paper`` does not.
    """

    rule: AnlsRule = "official"
    name: ClassVar[str] = "docvqa"
    truth_types: ClassVar[tuple[type, ...]] = (list, str)
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "ask"

    @property
    def info(self) -> TaskInfo:
        """What a report says of it."""
        rules = {
            "official": "ANLS as the official script has it: a distance of exactly one half counts",
            "paper": "ANLS by its formula: 0 from a distance of one half on",
        }
        return TaskInfo(
            name=self.name,
            title="Questions on documents (DocVQA)",
            metrics=METRICS,
            notes=(f"{rules[self.rule]}; case and runs of white space do not.",),
            paper="Vary-base on the validation split (Table 2), ANLS: 78.2 with LLaVA-80k, 78.1 "
            "with LLaVA-CC665k; on the test split 76.3.",
        )

    def check(self) -> None:
        """Refuse an unknown rule, and to begin without rapidfuzz."""
        if self.rule not in ANLS_RULES:
            raise VaryError(f"--rule {self.rule!r}: choose among {', '.join(ANLS_RULES)}")
        require("rapidfuzz", extra="eval")

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each question."""
        file = release_file(data, FILES, "file of DocVQA")
        release = read_release(file)
        entries = release.get("data") if isinstance(release, dict) else None
        if not isinstance(entries, list):
            raise InputError(f'{file}: expected {{"data": [...]}} as DocVQA has it')
        if entries and not any(isinstance(e, dict) and e.get("answers") for e in entries):
            raise InputError(
                f"{file}: no question has answers; those of the test split are not public: give "
                "the validation split"
            )
        for number, entry in enumerate(entries):
            yield _prompt(entry, f"{file}, entry {number}", file.parent)

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return how near an answer comes to the best of the right ones."""
        answers = _answers(prompt.truth)
        return {
            "anls": anls(answer, answers, self.rule),
            "exact": max((exact_match(answer, right) for right in answers), default=0.0),
        }

    def length(self, prompt: Prompt) -> int:
        """Return how many characters the shortest right answer has."""
        return min(map(len, _answers(prompt.truth)), default=0)

    def text_of(self, prompt: Prompt) -> str:
        """Return the right answers."""
        return " | ".join(_answers(prompt.truth))


def _answers(truth: Any) -> list[str]:
    answers = truth if isinstance(truth, list) else [truth]
    return [text for text in map(plain_text, answers) if text is not None]


def _prompt(entry: Any, place: str, folder: Path) -> Prompt:
    if not isinstance(entry, dict):
        raise InputError(f"{place}: a {type(entry).__name__}, not an object with a question")
    name = plain_text(entry.get("questionId"))
    if name is None:
        raise InputError(f"{place}: its questionId is {shown(entry.get('questionId'))}")
    question, answers = plain_text(entry.get("question")), _answers(entry.get("answers"))
    images, reason = find_picture((folder / part for part in FOLDERS), entry.get("image"))
    if not question:
        reason = f"its question is {shown(entry.get('question'))}"
    if not answers:
        reason = "it has no right answer"
    types = entry.get("question_types")
    return Prompt(
        id=name,
        images=images,
        prompt=f"{QUESTION_PREFIX} {question or ''}".rstrip(),
        truth=answers,
        document=plain_text(entry.get("docId")) or plain_text(entry.get("image")) or "",
        groups={"question_type": [str(kind) for kind in types]}
        if isinstance(types, list) and types
        else {},
        reason=reason,
    )
