"""An evaluation as a report sees it: one task, one data set, one or more systems."""

from dataclasses import dataclass, field
from pathlib import Path

from vary.eval.records import Prompt, Response, Score
from vary.eval.tasks.base import TaskInfo


@dataclass(frozen=True)
class SystemRun:
    """What one system answered, and how good it was.

    Attributes:
        name: short and unique, such as ``nano``.
        description: what was asked: a checkpoint with its hash, a command, a folder.
        responses: by the prompt's id; one for every prompt.
        scores: by the prompt's id; one for every prompt.
    """

    name: str
    description: str
    responses: dict[str, Response]
    scores: dict[str, Score]

    @property
    def num_missing(self) -> int:
        """How many prompts have no answer and count as the worst."""
        return sum(bool(score.reason) for score in self.scores.values())


@dataclass(frozen=True)
class Evaluation:
    """All that a report is made of.

    Attributes:
        task: what was asked, and by which metrics it is measured.
        data: what the data set is called.
        data_hash: sha256 over its prompts (ids, questions, truths) and pictures.
        folder: where the relative picture paths of `prompts` start.
        prompts: by id, in the data set's order.
        truths: by id, as people read them.
        systems: at least one; the first is the one that others are compared with.
        versions: of this package and of the libraries that decide the numbers.
    """

    task: TaskInfo
    data: str
    data_hash: str
    folder: Path
    prompts: dict[str, Prompt]
    truths: dict[str, str]
    systems: tuple[SystemRun, ...]
    versions: dict[str, str] = field(default_factory=dict)

    def picture(self, prompt: Prompt) -> Path | None:
        """Return the prompt's first picture, None where it has none."""
        return self.folder / prompt.images[0] if prompt.images else None
