"""The runner: prompts, responses, scores, each from the file before; stopped, it goes on.

OUT/prompts.jsonl              what is asked
OUT/images/                    pictures of a generated set
OUT/SYSTEM/system.json         what answers
OUT/SYSTEM/responses.jsonl     a line as soon as there is an answer, or why there is none
OUT/SYSTEM/scores.jsonl        made anew each time: scoring is cheap
"""

import hashlib
import importlib.metadata
import itertools
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vary.data.manifest import replace_file
from vary.errors import InputError, VaryError
from vary.eval.data import extract_pictures, missing_picture
from vary.eval.evaluation import Evaluation, SystemRun
from vary.eval.pooled import Failure, score_all
from vary.eval.records import (
    Prompt,
    Response,
    Score,
    finite,
    json_line,
    read_json_lines,
    read_records,
    unique_by_id,
    write_records,
)
from vary.eval.systems import System
from vary.eval.tasks.base import Measured, Task

PROMPTS_FILE = "prompts.jsonl"
RESPONSES_FILE = "responses.jsonl"
SCORES_FILE = "scores.jsonl"
SYSTEM_FILE = "system.json"
# What decides the numbers besides this package.
_LIBRARIES = ("rapidfuzz", "nltk", "jieba", "apted", "lxml", "numpy")
# Called with the stage (a system's name, or "scores of NAME"), what is done of it and of how many.
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunOptions:
    """How an evaluation is run.

    Attributes:
        workers: processes that score.
        retry: ask again where an earlier run got no answer.
        watch: is told of the progress.
    """

    workers: int = 1
    retry: bool = False
    watch: Watch = lambda *_: None


def run_evaluation(
    task: Task,
    data: Path,
    systems: Sequence[System],
    out: Path,
    options: RunOptions | None = None,
) -> Evaluation:
    """Ask, score and return all that a report needs; what was answered before is not asked again.

    Args:
        task: what is asked and how it is scored.
        data: the data set, in a form that the task knows.
        systems: what is asked.
        out: folder of the run, see the module.
        options: see `RunOptions`.

    Raises:
        VaryError: the data cannot be understood, a system cannot do the task, or `out` holds
            another evaluation. Nothing is asked before all of this is known.
    """
    options = options or RunOptions()
    prompts = _prompts(task, data, out)
    for system in systems:
        system.check(task.reads, list(prompts.values()))
    _make_folder(out)
    extract_pictures(data, out)
    prompts = {name: _with_picture(prompt, out) for name, prompt in prompts.items()}
    data_hash = hash_prompts(prompts.values(), out)
    _keep_prompts(prompts, out)
    pictures = {name: hash_prompts([prompt], out)[:16] for name, prompt in prompts.items()}
    runs = []
    for system in systems:
        folder = out / system.name
        known = _known_answers(system, folder, pictures)
        responses = _respond(system, prompts, folder, known, options)
        scores = _score(task, prompts, responses, folder, options)
        runs.append(SystemRun(system.name, system.description, responses, scores))
    return _evaluation(task, data.name, data_hash, (out, prompts), runs)


def score_prompts(
    task: Task,
    prompts: Sequence[Prompt],
    system: System,
    out: Path | None,
    options: RunOptions | None = None,
) -> Evaluation:
    """Score answers that bring their own truths.

    Args:
        task: how they are scored.
        prompts: with their truths.
        system: a file of answers.
        out: folder for the records; None for none.
        options: see `RunOptions`.
    """
    if out is None and not task.is_parallel:
        raise VaryError(f"task {task.name} keeps what it pays for; name a folder with --out DIR")
    by_id = unique_by_id(prompts, system.description)
    _check_truths(task, prompts, system.description)
    responses = {response.id: response for response in system.answer(prompts, Path())}
    folder = None
    if out is not None:
        _check_same(by_id, out)
        _make_folder(out)
        _keep_prompts(by_id, out)
        folder = out / system.name
        folder.mkdir(exist_ok=True)
        write_records(responses.values(), folder / RESPONSES_FILE)
    scores = _score(task, by_id, responses, folder, options or RunOptions())
    run = SystemRun(system.name, system.description, responses, scores)
    data_hash = hash_prompts(prompts, Path())
    return _evaluation(task, system.description, data_hash, (out or Path(), by_id), [run])


def hash_prompts(prompts: Iterable[Prompt], folder: Path) -> str:
    """Return the sha256 of what is asked: ids, questions, truths, and the pictures' bytes."""
    digest = hashlib.sha256()
    for prompt in prompts:
        asked = [prompt.id, prompt.prompt, prompt.truth]
        digest.update(json.dumps(asked, ensure_ascii=False, sort_keys=True).encode())
        for image in prompt.images:
            path = folder / image
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of what decides the numbers."""
    versions = {}
    for name in ("vary", *_LIBRARIES):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _prompts(task: Task, data: Path, out: Path) -> dict[str, Prompt]:
    prompts = unique_by_id(task.prompts(data), str(data))
    if not prompts:
        raise InputError(f"{data}: holds nothing to ask; check --data")
    task.check()
    _check_same(prompts, out)
    return prompts


def _check_truths(task: Task, prompts: Iterable[Prompt], where: str) -> None:
    """Refuse truths of another kind than the task's.

    Raises:
        InputError: naming the first.
    """
    for prompt in prompts:
        if not isinstance(prompt.truth, task.truth_types):
            wanted = " or ".join(kind.__name__ for kind in task.truth_types)
            raise InputError(
                f"{where}: the truth of {prompt.id!r} is {type(prompt.truth).__name__}, task "
                f"{task.name} wants {wanted}"
            )


def _check_same(prompts: Mapping[str, Prompt], out: Path) -> None:
    file = out / PROMPTS_FILE
    if not file.is_file():
        return
    before = read_records(Prompt, file)
    if [_asked(prompt) for prompt in before] != [_asked(prompt) for prompt in prompts.values()]:
        raise VaryError(
            f"{out}: holds an evaluation of other data or of another task; give another --out"
        )


def _asked(prompt: Prompt) -> tuple[Any, ...]:
    # Not the pictures' paths: data may be moved. Their bytes are looked at when answers are kept.
    return prompt.id, prompt.prompt, prompt.truth


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise VaryError(
            f"--out {out}: cannot be written to ({error.strerror}); give a folder of yours"
        ) from error


def _with_picture(prompt: Prompt, out: Path) -> Prompt:
    """Return the prompt, with a reason if one of its pictures is not there."""
    if prompt.reason:
        return prompt
    missing = [missing_picture(out / image) for image in prompt.images]
    return replace(prompt, reason="; ".join(filter(None, missing)))


def _keep_prompts(prompts: Mapping[str, Prompt], out: Path) -> None:
    write_records(prompts.values(), out / PROMPTS_FILE)


def _known_answers(
    system: System, folder: Path, pictures: Mapping[str, str]
) -> dict[str, Response]:
    """Return what a system answered before to the same pictures.

    Args:
        system: who is asked.
        folder: of its answers.
        pictures: prompt -> hash of it and its pictures, as they are now.

    Raises:
        VaryError: another system of this name answered.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = {"name": system.name, "description": system.description, "pictures": dict(pictures)}
    file = folder / SYSTEM_FILE
    known: dict[str, Response] = {}
    if system.keeps_answers and file.is_file():
        before = next((row for _, row in read_json_lines(file)), {})
        if before.get("description") != system.description:
            raise VaryError(
                f"{folder}: holds answers of {before.get('description')}, not of "
                f"{system.description}; give another --out or another name (--model NAME=...), or "
                "delete that folder"
            )
        same = before.get("pictures", {})
        known = {
            name: response
            for name, response in _earlier(folder / RESPONSES_FILE).items()
            if name in pictures and same.get(name) == pictures[name]
        }
        write_records(known.values(), folder / RESPONSES_FILE)
    replace_file(file, (json.dumps(told, ensure_ascii=False) + "\n").encode())
    return known


def _earlier(file: Path) -> dict[str, Response]:
    """Return the answers of an earlier run, without a line that it did not finish."""
    if not file.is_file():
        return {}
    records = read_records(Response, file, torn_end=True)
    return {record.id: record for record in records}  # the last answer counts


def _respond(
    system: System,
    prompts: Mapping[str, Prompt],
    folder: Path,
    known: Mapping[str, Response],
    options: RunOptions,
) -> dict[str, Response]:
    """Return a response for each prompt, in the prompts' order, and write each as it comes."""
    responses = {
        name: response
        for name, response in known.items()
        if name in prompts and not (options.retry and response.answer is None)
    }
    for name, prompt in prompts.items():
        if prompt.reason and not _is_answered_without_picture(prompt, system, folder.parent):
            responses[name] = Response(name, None, prompt.reason)
    todo = [prompt for name, prompt in prompts.items() if name not in responses]
    total = len(prompts)
    options.watch(system.name, total - len(todo), total)
    file = folder / RESPONSES_FILE
    if not system.keeps_answers:
        file.unlink(missing_ok=True)
    with file.open("a", encoding="utf-8", newline="\n") as stream:
        for response in system.answer(todo, folder.parent):
            stream.write(json_line(response))
            stream.flush()
            responses[response.id] = response
            options.watch(system.name, len(responses), total)
        os.fsync(stream.fileno())
    for name in prompts:
        responses.setdefault(name, Response(name, None, "the system gave no answer"))
    ordered = {name: responses[name] for name in prompts}
    write_records(ordered.values(), file)
    return ordered


def _is_answered_without_picture(prompt: Prompt, system: System, out: Path) -> bool:
    """Return whether an answer that lies there counts although a picture is missing here."""
    has_pictures = prompt.images and all((out / image).is_file() for image in prompt.images)
    return not system.keeps_answers and not has_pictures


def _score(
    task: Task,
    prompts: Mapping[str, Prompt],
    responses: Mapping[str, Response],
    folder: Path | None,
    options: RunOptions,
) -> dict[str, Score]:
    """Return the score of each response, and write them."""
    if folder is not None:
        task.prepare(folder)
    pairs = [(task, prompt, responses[name]) for name, prompt in prompts.items()]
    stage = f"scores of {folder.name}" if folder is not None else "scores"
    counted = itertools.count(1)

    def tell(*_: object) -> None:
        options.watch(stage, next(counted), len(pairs))

    if task.is_parallel:
        results = score_all(score_response, pairs, options.workers, tell)
    else:
        results = _score_here(pairs, tell)
    scores = {}
    for (_, prompt, _), result in zip(pairs, results, strict=True):
        if isinstance(result, Failure):
            result = worst_score(task, prompt, f"cannot be scored: {result.reason}")  # noqa: PLW2901
        scores[prompt.id] = result
    if folder is not None:
        write_records(scores.values(), folder / SCORES_FILE)
    return scores


def _score_here(
    pairs: Sequence[tuple[Task, Prompt, Response]], tell: Callable[[], None]
) -> list[Score | Failure]:
    """Return the scores of a task with records of its own; what the user can mend stops it."""
    results: list[Score | Failure] = []
    for pair in pairs:
        try:
            results.append(score_response(pair))
        except VaryError:  # a grader that is down: its grades lie on disk, the run goes on later
            raise
        except Exception as error:  # the edge: one answer must not stop the others
            results.append(Failure(f"{type(error).__name__}: {error}"))
        tell()
    return results


def score_response(item: tuple[Task, Prompt, Response]) -> Score:
    """Return the score of a response; where there is no answer, the worst, and why."""
    task, prompt, response = item
    if response.answer is None:
        return worst_score(task, prompt, response.reason or "no answer")
    return _as_score(task, prompt, task.score(prompt, response.answer))


def worst_score(task: Task, prompt: Prompt, reason: str) -> Score:
    """Return the score of a missing answer; also where the truth itself cannot be scored."""
    measured: Mapping[str, Measured]
    try:
        measured = task.worst(prompt)
    except VaryError:
        raise
    except Exception:  # the edge: of a truth that nothing can be measured by, all is the worst
        measured = {metric.name: metric.worst for metric in task.info.metrics}
    return replace(_as_score(task, prompt, measured), reason=reason)


def _as_score(task: Task, prompt: Prompt, measured: Mapping[str, Measured]) -> Score:
    ratios = {name: value for name, value in measured.items() if isinstance(value, tuple)}
    plain = {name: value for name, value in measured.items() if not isinstance(value, tuple)}
    values = finite({**plain, **{name: float(ratio[0]) for name, ratio in ratios.items()}})
    weights = {name: float(ratio[1]) for name, ratio in ratios.items()}
    assert all(map(math.isfinite, weights.values())), weights
    return Score(
        id=prompt.id,
        values={name: values[name] for name in measured},
        weights=weights,
        document=prompt.document,
        groups=prompt.groups,
        length=task.length(prompt),
    )


def _evaluation(
    task: Task,
    data: str,
    data_hash: str,
    folder_and_prompts: tuple[Path, Mapping[str, Prompt]],
    runs: Sequence[SystemRun],
) -> Evaluation:
    folder, prompts = folder_and_prompts
    return Evaluation(
        task=task.info,
        data=data,
        data_hash=data_hash,
        folder=folder,
        prompts=dict(prompts),
        truths={name: task.text_of(prompt) for name, prompt in prompts.items()},
        systems=tuple(runs),
        versions=library_versions(),
    )
