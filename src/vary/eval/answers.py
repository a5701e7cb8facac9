"""Answers of any system in one file: JSON lines, or a JSON list as other projects write them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vary.errors import InputError
from vary.eval.data import read_json
from vary.eval.records import Prompt, Response, read_json_lines
from vary.read.inputs import SUFFIXES

# Our own names first; the others are those of the official files (DocVQA: questionId, answer; Fox
# and GOT: image, answer and label; ChartQA: imgname).
ID_KEYS = ("id", "questionId", "question_id", "image", "imgname", "image_path")
ANSWER_KEYS = ("answer", "response", "prediction", "pred", "output", "text")
TRUTH_KEYS = ("truth", "label", "gt", "ground_truth", "reference", "answers")
_SHOWN = 5
_LONGEST_S = 1e9


@dataclass(frozen=True)
class AnswerFile:
    """A file of answers, read.

    Args:
        path: the file.
        rows: (place in the file, object) of each answer.
    """

    path: Path
    rows: tuple[tuple[str, Mapping[str, Any]], ...]

    @classmethod
    def load(cls, path: Path) -> "AnswerFile":
        """Return the answers of a file.

        Args:
            path: JSON lines, a JSON list of objects, or one JSON object of id -> answer.

        Raises:
            InputError: it cannot be read, or a line is no JSON object; file and line are named.
        """
        if path.suffix.lower() == ".json":
            value = read_json(path)
            if isinstance(value, dict):
                value = [{"id": key, "answer": answer} for key, answer in value.items()]
            if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
                raise InputError(
                    f"{path}: expected a list of objects, each with an id and an answer"
                )
            rows = [(f"{path}, entry {number}", row) for number, row in enumerate(value)]
        else:
            rows = list(read_json_lines(path))
        if not rows:
            raise InputError(f"{path}: holds no answers")
        return cls(path, tuple(rows))

    def ids(self) -> list[str]:
        """Return the id of each answer.

        Raises:
            InputError: one has none, or two have the same.
        """
        ids = [_id_of(row, place) for place, row in self.rows]
        twice = [name for name, count in Counter(ids).items() if count > 1]
        if twice:
            raise InputError(f"{self.path}: {_list(twice)} answered twice; keep one answer of each")
        return ids

    def responses(self, prompts: Sequence[Prompt]) -> Iterator[Response]:
        """Yield the answer to each prompt, or why there is none.

        An id matches as it stands, by its last part, or by the picture's name, where only one
        prompt has that.

        Raises:
            InputError: an answer's id is that of no prompt.
        """
        known = _aliases(prompts)
        rows: dict[str, tuple[str, Mapping[str, Any]]] = {}
        strange: list[str] = []
        for given, (place, row) in zip(self.ids(), self.rows, strict=True):
            # A path to a picture: its name is enough where only one prompt has it.
            is_path = Path(given).suffix.lower() in SUFFIXES
            prompt_id = known.get(given) or (known.get(Path(given).name) if is_path else None)
            if prompt_id is None:
                strange.append(given)
            elif prompt_id in rows:
                raise InputError(f"{place}: {given!r} is the second answer to {prompt_id!r}")
            else:
                rows[prompt_id] = (place, row)
        if strange:
            raise InputError(
                f"{self.path}: {len(strange)} answers are to no prompt of this data "
                f"({_list(strange)}); was another data set or split answered?"
            )
        for prompt in prompts:
            if prompt.id in rows:
                yield _response(prompt.id, *rows[prompt.id])
            else:
                yield Response(prompt.id, None, f"not in {self.path.name}")

    def prompts(self) -> list[Prompt]:
        """Return the prompts that the file itself brings: each answer with its truth.

        Raises:
            InputError: a row has no truth.
        """
        return [
            Prompt(
                id=given,
                images=_images(row, self.path.parent),
                prompt=str(row.get("prompt") or row.get("question") or ""),
                truth=_truth(row, place),
                document=str(row.get("document") or ""),
                groups=row["groups"] if isinstance(row.get("groups"), dict) else {},
            )
            for given, (place, row) in zip(self.ids(), self.rows, strict=True)
        ]


def _images(row: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Return the row's pictures that are there: they are only for looking at."""
    given = row.get("images", row.get("image", ()))
    names = [given] if isinstance(given, str) else given
    paths = [folder / name for name in names if isinstance(name, str)]
    return tuple(str(path.resolve()) for path in paths if path.is_file())


def _response(prompt_id: str, place: str, row: Mapping[str, Any]) -> Response:
    reason = str(row.get("reason") or row.get("error") or "")
    key = next((key for key in ANSWER_KEYS if key in row), None)
    if key is None:
        return Response(prompt_id, None, reason or f"{place}: no `answer`")
    answer, seconds = row[key], row.get("seconds")
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
        kind = "null" if answer is None else type(answer).__name__
        return Response(prompt_id, None, reason or f"`{key}` is no text but {kind}")
    told = None
    if isinstance(seconds, (int, float)) and 0 <= seconds < _LONGEST_S:
        told = float(seconds)
    return Response(prompt_id, str(answer), "", told)


def _id_of(row: Mapping[str, Any], place: str) -> str:
    key = next((key for key in ID_KEYS if row.get(key) not in {None, ""}), None)
    if key is None:
        raise InputError(f"{place}: has no id; expected one of {', '.join(ID_KEYS)}")
    return str(row[key])


def _truth(row: Mapping[str, Any], place: str) -> Any:
    key = next((key for key in TRUTH_KEYS if key in row), None)
    if key is None:
        raise InputError(
            f"{place}: has no truth ({', '.join(TRUTH_KEYS)}); add it, or name the data set that "
            "was answered with --data"
        )
    return row[key]


def _aliases(prompts: Iterable[Prompt]) -> dict[str, str]:
    """Return name -> prompt id, for every name that is one prompt's alone; ids come first."""
    prompts = list(prompts)
    names: dict[str, set[str]] = {}
    for prompt in prompts:
        last = Path(prompt.id).name
        paths = [Path(image) for image in prompt.images]
        for name in {last, *(path.name for path in paths), *(path.stem for path in paths)}:
            names.setdefault(name, set()).add(prompt.id)
    found = {name: next(iter(ids)) for name, ids in names.items() if len(ids) == 1}
    return {**found, **{prompt.id: prompt.id for prompt in prompts}}


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if names[_SHOWN:] else "")
