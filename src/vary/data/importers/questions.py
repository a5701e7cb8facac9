"""Questions on pictures: one a sample, or all of a picture as one conversation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.base import Entry, Picture
from vary.data.importers.records import JsonRecords
from vary.data.importers.turns import ask


@dataclass(frozen=True)
class Question:
    """A question on a picture.

    Attributes:
        source_id: the source's name for it.
        picture: name of the picture.
        question: what is asked.
        answer: the target.
        meta: what else is kept: all right answers, document, half.
        unmapped: keys without a place.
    """

    source_id: str
    picture: str
    question: str
    answer: str
    meta: dict[str, Any] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()


ReadQuestion = Callable[[JsonRecords, int], Question]


class QuestionLayout:
    """Questions of one or several files.

    Args:
        files: their entries.
        read: makes a question of an entry, or raises `Reject`.
        kind: of the samples: ``document`` or ``chart``.
        by_picture: put all questions on a picture into one conversation.
    """

    def __init__(
        self, files: Sequence[JsonRecords], read: ReadQuestion, kind: str, *, by_picture: bool
    ) -> None:
        self.files = list(files)
        self.read = read
        self.kind = kind
        self.starts = np.cumsum([0, *map(len, files)])
        self.groups = self._by_picture() if by_picture else None

    def __len__(self) -> int:
        """Return how many samples there may be."""
        return int(self.starts[-1]) if self.groups is None else len(self.groups)

    def inputs(self) -> dict[str, str]:
        """Return file name -> hash."""
        return {records.file.path.name: records.file.sha256 for records in self.files}

    def length_hint(self, index: int) -> int:
        """Return how many characters the answers have."""
        members = [index] if self.groups is None else self.groups[index]
        total = 0
        for member in members:
            try:
                total += len(self._question(member).answer)
            except Reject:
                continue
        return total

    def entry(self, index: int, rng: np.random.Generator) -> Entry:
        """Return a question, or all on a picture.

        Raises:
            Reject: it cannot be used.
        """
        del rng
        members = [index] if self.groups is None else self.groups[index]
        questions = [self._question(member) for member in members]
        first = questions[0]
        meta = dict(first.meta)
        if self.groups is not None:
            meta = {"questions": [{"id": q.source_id, **q.meta} for q in questions]}
        return Entry(
            source_id=first.source_id if self.groups is None else first.picture,
            source=self._records(members[0])[0].file.path.name,
            kind=self.kind,
            format="answer",
            messages=ask([(q.question, q.answer) for q in questions]),
            pictures=(Picture(first.picture),),
            meta=meta,
            unmapped=tuple(key for question in questions for key in question.unmapped),
        )

    def _question(self, number: int) -> Question:
        return self.read(*self._records(number))

    def _records(self, number: int) -> tuple[JsonRecords, int]:
        file = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.files[file], number - int(self.starts[file])

    def _by_picture(self) -> list[list[int]]:
        """Return the numbers of the questions of each picture.

        One that cannot be used stands alone: it is dropped and named by itself.
        """
        groups: dict[str, list[int]] = {}
        for number in range(int(self.starts[-1])):
            try:
                name = self._question(number).picture
            except Reject:
                name = f"\x00{number}"
            groups.setdefault(name, []).append(number)
        return list(groups.values())
