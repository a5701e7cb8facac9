"""Small data sets, and a task that needs no library."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from vary.eval.data import load_pages
from vary.eval.records import Prompt
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo


@dataclass(frozen=True)
class ExactTask(Task):
    """Right or wrong, and the share of wrong characters of all texts together."""

    name: ClassVar[str] = "exact"

    @property
    def info(self) -> TaskInfo:
        return TaskInfo(
            "exact",
            "Exact texts",
            (
                Metric("exact", "exact", "higher", 0.0, 1.0),
                Metric("wrong", "wrong characters", "lower", 1.0, 0.0),
            ),
        )

    def prompts(self, data: Path) -> Iterator[Prompt]:
        for page in load_pages(data):
            images = (page.image,) if page.image else ()
            yield Prompt(
                page.id, images, "What?", page.truth, page.document, page.groups, page.reason
            )

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        if "boom" in answer:
            raise RuntimeError("cannot be")
        wrong = sum(a != b for a, b in zip(answer, prompt.truth, strict=False))
        wrong += abs(len(answer) - len(prompt.truth))
        return {"exact": float(answer == prompt.truth), "wrong": (wrong, len(prompt.truth))}


@pytest.fixture
def exact_task() -> ExactTask:
    return ExactTask()


@pytest.fixture
def make_pages(tmp_path) -> Callable[..., Path]:
    """Return a function that writes a folder of pictures and texts."""

    def make(texts: Mapping[str, str], meta: list[dict] | None = None, name: str = "pages") -> Path:
        folder = tmp_path / name
        for index, (page, text) in enumerate(texts.items()):
            path = folder / f"{page}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8 + index, 8), 255).save(path)
            path.with_suffix(".txt").write_text(text, encoding="utf-8")
        if meta is not None:
            (folder / "META.json").write_text(json.dumps(meta), encoding="utf-8")
        return folder

    return make
