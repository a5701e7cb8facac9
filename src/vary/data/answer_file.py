"""Answers of an endpoint, kept in a file as they come: none is asked or paid for twice."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Key = TypeVar("Key")
Answer = TypeVar("Answer", bound="DataclassInstance")


class AnswerFile(Generic[Key, Answer]):
    """Answers by their keys: read from a file of JSON lines, and written as they come.

    Args:
        file: the lines; a torn last one, as a killed run leaves it, is cut off. None keeps answers
            in memory only.
        parse: the answer of a line, from its bytes and its place (file and line) for messages;
            raises where it is none.
        key: what an answer is known by; of equal keys the last counts.
    """

    def __init__(
        self,
        file: Path | None,
        parse: Callable[[bytes, str], Answer],
        key: Callable[[Answer], Key],
    ) -> None:
        self.file = file
        self._key = key
        self._lock = threading.Lock()
        self._answers: dict[Key, Answer] = {}
        if file is not None and file.is_file():
            # Not by `splitlines`, which would also split where no line of JSON ends.
            lines = _whole_lines(file).split(b"\n")
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    answer = parse(line, f"{file}, line {number}")
                    self._answers[key(answer)] = answer

    def __len__(self) -> int:
        """Return how many answers it holds."""
        return len(self._answers)

    def find(self, key: Key) -> Answer | None:
        """Return an answer, None where there is none."""
        return self._answers.get(key)

    def add(self, answer: Answer) -> None:
        """Keep an answer, on disk before anything else is asked."""
        text = json.dumps(asdict(answer), ensure_ascii=False, allow_nan=False)
        line = text.encode("utf-8", "replace") + b"\n"
        with self._lock:
            self._answers[self._key(answer)] = answer
            if self.file is not None:
                with self.file.open("ab") as stream:
                    stream.write(line)
                    stream.flush()
                    os.fsync(stream.fileno())


def _whole_lines(file: Path) -> bytes:
    """Return the lines that have an end; cut off what has none, so that the next starts anew."""
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with file.open("r+b") as stream:
            stream.truncate(whole)
    return content[:whole]
