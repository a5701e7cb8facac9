"""`docvqa`: questions on scanned documents, as DocVQA releases them.

Layout:  `train_v1.0_withQT.json` (or `val_...`): {data: [{questionId, question, question_types,
         image, docId, answers, ...}]}, pictures beside it in `documents/` or another folder.
Source:  https://www.docvqa.org, by registration.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vary.data.engines.base import Reject
from vary.data.importers.base import ImportConfig, ImportEngine
from vary.data.importers.pictures import PictureFolders
from vary.data.importers.questions import Question, QuestionLayout
from vary.data.importers.records import JsonRecords, open_members
from vary.data.importers.turns import plain_text
from vary.errors import InputError, VaryError

TargetAnswer = Literal["first", "common"]
# Releases put the pictures into a folder that the file may name or not.
_FOLDERS = ("", "documents", "images", "spdocvqa_images")
_META = {
    "docId": "document", "question_types": "question_types", "data_split": "split",
    "ucsf_document_id": "ucsf_document_id", "ucsf_document_page_no": "page",
}  # fmt: skip
_KNOWN = frozenset({"questionId", "question", "image", "answers", *_META})


@dataclass(frozen=True)
class DocVqaConfig(ImportConfig):
    """How DocVQA is imported.

    Attributes:
        answer: which of the right answers is the target: the ``first``, or the most ``common``
            (without case; the first of those that are equally common).
        by_picture: all questions on a page as one conversation, instead of one sample each.
    """

    answer: TargetAnswer = "first"
    by_picture: bool = False

    def __post_init__(self) -> None:
        """Refuse another rule.

        Raises:
            VaryError: as told.
        """
        if self.answer not in get_args(TargetAnswer):
            raise VaryError(f"answer {self.answer!r}: give first or common")

    @property
    def folders(self) -> PictureFolders:
        """Where pictures are looked for."""
        return PictureFolders(self.images or _beside(_file(self.source)))


def build_docvqa_engine(config: DocVqaConfig) -> ImportEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: the source cannot be read.
    """
    path = _file(config.source)
    records = open_members(path, ["data"], config.encoding).get("data")
    if records is None or not len(records):
        raise InputError(f'{path}: expected {{"data": [...]}} with questions, as DocVQA has it')
    layout = QuestionLayout(
        [records],
        Reader(config.answer),
        "document",
        by_picture=config.by_picture,
    )
    return ImportEngine("docvqa", config, layout)


@dataclass(frozen=True)
class Reader:
    """Reads entries of DocVQA.

    Args:
        answer: which of the right answers is the target.
    """

    answer: TargetAnswer

    def __call__(self, records: JsonRecords, at: int) -> Question:
        """Return a question.

        Raises:
            Reject: it has no text, picture or answer.
        """
        value, place = records.entry(at), records.place(at)
        question, picture = plain_text(value.get("question")), value.get("image")
        if not question:
            raise Reject("no question", place)
        if not isinstance(picture, str) or not picture.strip():
            raise Reject("picture without a name", place)
        answers = _answers(value.get("answers"))
        if not answers:
            raise Reject("no answer", f"{place}; those of the test split are not public")
        meta: dict[str, Any] = {"answers": answers}
        meta |= {ours: value[key] for key, ours in _META.items() if value.get(key) is not None}
        return Question(
            source_id=plain_text(value.get("questionId")) or str(at),
            picture=picture,
            question=question,
            answer=answers[0] if self.answer == "first" else most_common(answers),
            meta=meta,
            unmapped=tuple(key for key in value if key not in _KNOWN),
        )


def most_common(answers: list[str]) -> str:
    """Return the answer that most gave, without case; the first of those equally common."""
    counts = Counter(answer.casefold() for answer in answers)
    return max(answers, key=lambda answer: counts[answer.casefold()])


def _answers(value: Any) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return [text for text in map(plain_text, given) if text]


def _file(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(source.glob("*_v1.0*.json"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{source}: give the file of one split as the source; it holds {names}")
    return found[0]


def _beside(file: Path) -> list[Path]:
    # The site's archives unpack beside each other: questions in one folder, pictures in another.
    around = [file.parent.parent / name for name in _FOLDERS[1:]]
    return [*(file.parent / name for name in _FOLDERS), *around]
