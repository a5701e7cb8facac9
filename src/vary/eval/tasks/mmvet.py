"""MM-Vet: open questions on pictures, graded by a language model.

Data:    the official `mm-vet.json` (id -> imagename, question, answer, capability) and its folder
         `images/`.
Split:   its 218 questions.
Prompt:  the question as it stands.
Metric:  the mean of the grades, 0 to 1, of five runs of a grader, in total and per capability.
         The published numbers are 100 times as large and are GPT-4's under the authors' rubric;
         ours has words of its own, and any language model may be asked: not comparable.
Paper:   Vary-base 36.2 (Qwen-7B, LLaVA-80k), 32.9 (Vicuna-7B, LLaVA-CC665k).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, ClassVar, Literal

from vary.errors import InputError, VaryError
from vary.eval.grading import (
    GRADES_FILE,
    Grade,
    GradeBook,
    Grader,
    GraderSettings,
    Question,
    rubric_hash,
)
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo
from vary.eval.tasks.official import (
    find_picture,
    plain_text,
    read_release,
    release_file,
    shown,
)

FILES = ("mm-vet*.json",)
FOLDERS = ("images", "")
METRICS = (
    Metric("score", "grade", "higher", 0.0, 1.0, "total"),
    Metric("failed_grades", "grades that failed", "lower", 0.0, 0.0),
)


class UngradedError(Exception):
    """An answer that the grader gave no grade: it is counted as missing, not as bad."""


@dataclass
class _State:
    """What a task knows of its grading as it goes on."""

    grader: Grader | None = None
    book: GradeBook | None = None
    system: str = ""
    # system -> prompt -> grades of its runs
    grades: dict[str, dict[str, list[Grade]]] = field(default_factory=dict)


@dataclass(frozen=True)
class MmVetTask(Task):
    """Open questions on pictures.

    Args:
        grader_url: an OpenAI-compatible endpoint; empty for OpenAI's own.
        grader_model: the model that grades.
        grader_key: environment variable that holds its key.
        runs: how often each answer is graded.
        timeout_s: how long a reply of the grader may take.
        max_retries: how often a question is put again where the grader fails.
        concurrency: questions at once.
    """

    grader_url: str = ""
    grader_model: str = ""
    grader_key: str = "OPENAI_API_KEY"
    runs: int = 5
    timeout_s: float = 60.0
    max_retries: int = 6
    concurrency: int = 4
    _state: _State = field(default_factory=_State, init=False, repr=False, compare=False)
    name: ClassVar[str] = "mmvet"
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "ask"
    is_parallel: ClassVar[bool] = False

    @property
    def info(self) -> TaskInfo:
        """What a report says of it; with the spread over the runs once answers are graded."""
        grader = self.grader_model or "not named"
        return TaskInfo(
            name=self.name,
            title="Open questions (MM-Vet)",
            metrics=METRICS,
            notes=(
                f"Not comparable with published MM-Vet: grader {grader}, rubric ours "
                f"({rubric_hash()}), temperature 0, {self.runs} runs.",
                *self._spread(),
            ),
            paper="Vary-base in total, graded by GPT-4 under the authors' rubric, of "
            "100: 36.2 with Qwen-7B and LLaVA-80k, 32.9 with Vicuna-7B and LLaVA-CC665k.",
        )

    def check(self) -> None:
        """Refuse to begin without a grader, its key or openai."""
        if self.runs < 1:
            raise VaryError(f"--runs {self.runs}: must be 1 or more")
        self._settings().check()

    def prepare(self, folder: Path) -> None:
        """Open the grades that lie in a system's folder."""
        self._state.book = GradeBook(folder / GRADES_FILE, self.grader_model)
        self._state.system = folder.name

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each question."""
        file = release_file(data, FILES, "file of MM-Vet")
        release = read_release(file)
        if not isinstance(release, dict) or not release:
            raise InputError(f'{file}: expected {{"v1_0": {{...}}, ...}} as MM-Vet has it')
        for name, entry in release.items():
            yield _prompt(name, entry, file)

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return the mean grade over the runs; an empty answer is 0 and is not asked about.

        Raises:
            GraderError: the grader cannot be asked.
        """
        if not answer.strip():
            return self.worst(prompt)
        state = self._state
        if state.grader is None:
            state.grader = Grader(self._settings())
        if state.book is None:
            state.book = GradeBook(None, self.grader_model)
        question = Question(prompt.id, prompt.prompt, str(prompt.truth), answer)
        grades = state.grader.grade_runs(question, self.runs, state.book)
        state.grades.setdefault(state.system, {})[prompt.id] = grades
        if all(grade.reason for grade in grades):
            raise UngradedError(f"{grades[0].reason}; the same command asks the grader again")
        return {
            "score": fmean(grade.score for grade in grades),
            "failed_grades": fmean(bool(grade.reason) for grade in grades),
        }

    def worst(self, prompt: Prompt) -> Mapping[str, Measured]:  # noqa: ARG002
        """Return what a missing answer gets: 0, and no grade that failed."""
        return {metric.name: metric.worst for metric in METRICS}

    def text_of(self, prompt: Prompt) -> str:
        """Return the reference, its marks as words."""
        return str(prompt.truth).replace("<AND>", " and ").replace("<OR>", " or ")

    def _settings(self) -> GraderSettings:
        return GraderSettings(
            url=self.grader_url,
            model=self.grader_model,
            key_variable=self.grader_key,
            timeout_s=self.timeout_s,
            max_retries=self.max_retries,
            concurrency=self.concurrency,
        )

    def _spread(self) -> Iterator[str]:
        for system, grades in self._state.grades.items():
            means = [fmean(own[run].score for own in grades.values()) for run in range(self.runs)]
            yield (
                f"Standard deviation over the {self.runs} runs"
                f"{f' of {system}' if system else ''}: {pstdev(means):.4f} "
                f"({len(grades)} graded answers)."
            )


def _prompt(name: str, entry: Any, file: Path) -> Prompt:
    if not isinstance(entry, dict):
        raise InputError(f"{file}, {name}: a {type(entry).__name__}, not an object with a question")
    question, answer = plain_text(entry.get("question")), plain_text(entry.get("answer"))
    images, reason = find_picture((file.parent / part for part in FOLDERS), entry.get("imagename"))
    if not question:
        reason = f"its question is {shown(entry.get('question'))}"
    if not answer:
        reason = f"its answer is {shown(entry.get('answer'))}"
    capability = entry.get("capability")
    return Prompt(
        id=name,
        images=images,
        prompt=question or "",
        truth=answer or "",
        document=plain_text(entry.get("imagename")) or "",
        groups={"capability": [str(part) for part in capability]}
        if isinstance(capability, list) and capability
        else {},
        reason=reason,
    )
