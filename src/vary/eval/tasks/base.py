"""What a task is: data in, prompts out, and a score for each answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from vary.eval.records import Prompt

# A value, or numerator and denominator of a ratio that is taken over all answers together.
Measured = float | tuple[float, float]


@dataclass(frozen=True)
class Metric:
    """A column of a report.

    Attributes:
        name: as in `Score.values`.
        title: a few words for people.
        better: which way.
        worst: what a missing answer gets. For a ratio it is times the denominator.
        best: what a right answer gets.
        paper: the metric's name in the paper's tables; empty where it is not the paper's.
    """

    name: str
    title: str
    better: Literal["lower", "higher"]
    worst: float
    best: float
    paper: str = ""


@dataclass(frozen=True)
class TaskInfo:
    """What a report says of a task.

    Attributes:
        name: as on the command line.
        title: for people.
        metrics: the first is the main one, by which pages are ranked and systems compared.
        mean_of: a grouping of `Prompt.groups`; the means of its groups are averaged to the overall
            value, as those of ChartQA's two halves. None for a mean over all answers.
        notes: what one has to know to read the numbers: white space, mode, comparability.
        paper: the paper's numbers on its own data, for people; empty where it has none.
        has_text: whether answers are texts as they stand on a page, whose errors can be split into
            cutting, characters and order.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    mean_of: str | None = None
    notes: tuple[str, ...] = ()
    paper: str = ""
    has_text: bool = False

    def metric(self, name: str) -> Metric:
        """Return a metric by its name."""
        return next(metric for metric in self.metrics if metric.name == name)


@dataclass(frozen=True)
class Task(ABC):
    """One task of evaluation; picklable, so that worker processes can score."""

    name: ClassVar[str]
    # What a model of this package must have been trained for, as its card and `vary read` name it.
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "ocr"
    # What a truth is, in Python's kinds of JSON values.
    truth_types: ClassVar[tuple[type, ...]] = (str,)
    # Whether scoring is plain computation that a pool of processes may share.
    is_parallel: ClassVar[bool] = True

    @property
    @abstractmethod
    def info(self) -> TaskInfo:
        """What a report says of the task with these options."""

    @abstractmethod
    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield the prompts of a data set; one whose picture is missing says so in `reason`.

        Raises:
            InputError: the data cannot be understood at all.
        """

    @abstractmethod
    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return metric -> value of an answer; metrics that do not apply are left out."""

    def worst(self, prompt: Prompt) -> Mapping[str, Measured]:
        """Return what a missing answer gets: of each metric the worst."""
        empty = self.score(prompt, "")
        return {
            name: (self.info.metric(name).worst * (value[1] or 1.0), value[1])
            if isinstance(value, tuple)
            else self.info.metric(name).worst
            for name, value in empty.items()
        }

    def length(self, prompt: Prompt) -> int:
        """Return how many characters the truth has."""
        return len(prompt.truth) if isinstance(prompt.truth, str) else 0

    def text_of(self, prompt: Prompt) -> str:
        """Return the truth as people read it."""
        return prompt.truth if isinstance(prompt.truth, str) else str(prompt.truth)

    def check(self) -> None:  # noqa: B027 - most tasks need nothing
        """Refuse to begin where something is missing that scoring needs.

        Raises:
            VaryError: what is missing, and how to get it.
        """

    def prepare(self, folder: Path) -> None:  # noqa: B027 - most tasks have nothing to prepare
        """Get ready to score the answers in a folder; for tasks that keep records of their own."""
