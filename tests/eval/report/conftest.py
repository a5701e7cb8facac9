"""Evaluations made on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from vary.eval.evaluation import Evaluation, SystemRun
from vary.eval.metrics import edit_distance
from vary.eval.records import Prompt, Response, Score
from vary.eval.tasks.base import Metric, TaskInfo

OCR = TaskInfo(
    "ocr",
    "OCR of pages",
    (
        Metric("edit_distance", "Edit distance", "lower", worst=1, best=0, paper="edit distance"),
        Metric("cer", "Character error rate", "lower", worst=1, best=0),
    ),
    notes=("White space is collapsed.",),
    has_text=True,
)


def make_run(task, prompts, name, answers, *, seconds=1.0):
    """A system whose answers are scored by edit distance, or as right or wrong."""
    responses, scores = {}, {}
    for prompt in prompts:
        answer = answers.get(prompt.id)
        reason = "" if answer is not None else "timed out"
        responses[prompt.id] = Response(prompt.id, answer, reason, seconds)
        if task.has_text:
            distance = 1.0 if reason else edit_distance(answer, prompt.truth)
            values = {"edit_distance": distance, "cer": distance * len(prompt.truth)}
            weights = {"cer": float(len(prompt.truth))}
        else:
            values, weights = {"accuracy": 100.0 * (answer == prompt.truth)}, {}
        scores[prompt.id] = Score(
            prompt.id, values, weights, prompt.document, prompt.groups, len(prompt.truth), reason
        )
    return SystemRun(name, f"folder {name}", responses, scores)


Make = Callable[..., Evaluation]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a maker of evaluations: truths by id, and each system's answers by id."""

    def made(truths, systems, *, task=OCR, documents=None, groups=None, pictures=True):
        prompts = []
        for name, truth in truths.items():
            picture = tmp_path / f"{len(prompts)}.png"
            if pictures:
                Image.new("L", (60, 80), 200).save(picture)
            prompts.append(
                Prompt(
                    name,
                    (str(picture),),
                    f"Question {name}?",
                    truth,
                    (documents or {}).get(name, ""),
                    (groups or {}).get(name, {}),
                )
            )
        return Evaluation(
            task,
            "made pages",
            "0f" * 32,
            tmp_path,
            {prompt.id: prompt for prompt in prompts},
            dict(truths),
            tuple(make_run(task, prompts, name, answers) for name, answers in systems.items()),
            {"vary": "0.1.0"},
        )

    return made


@pytest.fixture
def two_systems(make: Make) -> Evaluation:
    truths = {f"p{i}": f"the {i}. page tells of {i} ships\nand of harbours" for i in range(6)}
    first = {name: truth.replace("ships", "shlps") for name, truth in truths.items()}
    first["p3"] = ""
    other = {name: truth for name, truth in truths.items() if name != "p4"}
    documents = {f"p{i}": f"d{i // 2}" for i in range(6)}
    groups = {f"p{i}": {"language": "en" if i % 2 else "de"} for i in range(6)}
    return make(truths, {"first": first, "other": other}, documents=documents, groups=groups)
