"""What an evaluation writes between its stages: prompts, responses, scores, as JSON lines."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from vary.errors import InputError

# A half of a surrogate pair is no character: no file in UTF-8 can hold it.
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"


@dataclass(frozen=True)
class Prompt:
    """One thing to answer.

    Attributes:
        id: unique in its set.
        images: picture files; absolute, or relative to the file of prompts.
        prompt: what a model is asked, in the task's words.
        truth: the right answer in the task's own form, plain JSON: a text, a list of answers, ...
        document: what is resampled together; pages of one document are not independent.
        groups: name of a grouping -> the group, or several, that this prompt belongs to, such as
            ``{"language": "zh"}`` or ``{"capability": ["ocr", "math"]}``.
        reason: why it cannot be asked, such as a missing picture; empty for most. It then counts
            as a missing answer.
    """

    id: str
    images: tuple[str, ...]
    prompt: str
    truth: Any
    document: str = ""
    groups: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def unit(self) -> str:
        """What is resampled: the document, or the prompt alone where none is known."""
        return self.document or self.id


@dataclass(frozen=True)
class Response:
    """What a system answered.

    Attributes:
        id: of the prompt.
        answer: the answer; None where there is none. An empty text is an answer.
        reason: why there is none.
        seconds: time that it took, None where that is not known.
        meta: what else the system told, such as its confidence.
    """

    id: str
    answer: str | None
    reason: str = ""
    seconds: float | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """How good an answer is.

    Attributes:
        id: of the prompt.
        values: metric -> value, or a ratio's numerator; a metric that does not apply is absent.
        weights: metric -> the denominator, for ratios only; 1 for all others.
        document, groups: of the prompt.
        length: characters of the truth.
        reason: why there was nothing to score: the values are then the worst ones. Empty for most.
    """

    id: str
    values: dict[str, float]
    weights: dict[str, float] = field(default_factory=dict)
    document: str = ""
    groups: dict[str, Any] = field(default_factory=dict)
    length: int = 0
    reason: str = ""

    @property
    def unit(self) -> str:
        """What is resampled: the document, or the prompt alone where none is known."""
        return self.document or self.id

    def weight(self, metric: str) -> float:
        """Return the metric's denominator."""
        return self.weights.get(metric, 1.0)

    def value(self, metric: str) -> float | None:
        """Return the metric of this answer alone; None where it does not apply or divides by 0."""
        if metric not in self.values or not self.weight(metric):
            return None
        return self.values[metric] / self.weight(metric)


Record = TypeVar("Record", Prompt, Response, Score)


def write_records(records: Iterable[Prompt | Response | Score], path: Path) -> None:
    """Write records as JSON lines, beside and renamed: whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json_line(record))
    partial.replace(path)


def json_line(record: Prompt | Response | Score) -> str:
    """Return a record as one line of JSON, its line feed included."""
    return json.dumps(asdict(record), ensure_ascii=False, allow_nan=False) + "\n"


def read_records(kind: type[Record], path: Path, *, torn_end: bool = False) -> list[Record]:
    """Return the records of a file of ours.

    Args:
        kind: what its lines are.
        path: the file.
        torn_end: leave out a last line that a stopped run cut short.

    Raises:
        InputError: the file is missing, or a line is no such record: file and line are named.
    """
    names = {part.name for part in fields(kind)}
    records: list[Record] = []
    for place, row in read_json_lines(path, torn_end=torn_end):
        unknown = sorted(row.keys() - names)
        try:
            if unknown:
                raise TypeError(f"unknown keys {', '.join(unknown)}")
            if kind is Prompt:
                row["images"] = tuple(row["images"])
            records.append(kind(**row))
        except (TypeError, KeyError) as error:
            raise InputError(
                f"{place}: no {kind.__name__.lower()} of an evaluation ({error})"
            ) from error
    return records


def read_json_lines(path: Path, *, torn_end: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file and line, object) of a file of JSON lines; empty lines are left out.

    Lone surrogates become U+FFFD.

    Args:
        path: the file.
        torn_end: leave out a last line that is no JSON and has no line feed: a run was stopped.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            yield place, parse_object(line, place)
        except InputError:
            if torn_end and number == len(lines):
                return
            raise


def parse_object(line: bytes, place: str) -> dict[str, Any]:
    """Return the JSON object of a line.

    Raises:
        InputError: it is none, or holds NaN or an infinity, which JSON has not.
    """
    try:
        value = json_value(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        shown = line[:60].decode("utf-8", "replace")
        raise InputError(f"{place}: no JSON ({error}): {shown!r}") from error
    if not isinstance(value, dict):
        raise InputError(f"{place}: a {type(value).__name__}, not a JSON object like {{...}}")
    return value


def json_value(text: str) -> Any:
    """Return the value of a JSON text, lone surrogates replaced.

    Raises:
        ValueError: it is none, holds a number that no JSON may hold (NaN, an infinity, 1e999), or
            an object has a key twice.
    """
    value = json.loads(
        text,
        parse_constant=_refuse_constant,
        parse_float=_finite_float,
        object_pairs_hook=without_doubles,
    )
    return clean_json(value)


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; for `json.loads`, which would keep the last of equal keys.

    Raises:
        ValueError: a key stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object; make them different")
    return found


def clean_json(value: Any) -> Any:
    """Return a JSON value without lone surrogates."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean_json(part) for part in value]
    if isinstance(value, dict):
        return {clean_text(key): clean_json(part) for key, part in value.items()}
    return value


def clean_text(text: str) -> str:
    """Return a text that UTF-8 can hold: U+FFFD for each lone surrogate."""
    return _LONE_SURROGATES.sub(REPLACEMENT, text)


def unique_by_id(records: Iterable[Record], where: str) -> dict[str, Record]:
    """Return records by their ids.

    Raises:
        InputError: an id comes twice.
    """
    found: dict[str, Record] = {}
    for record in records:
        if record.id in found:
            raise InputError(f"{where}: id {record.id!r} comes twice; make the ids different")
        found[record.id] = record
    return found


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values, which must be numbers; a metric that gives another is wrong."""
    wrong = {name: value for name, value in values.items() if not math.isfinite(value)}
    assert not wrong, wrong
    return dict(values)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value
