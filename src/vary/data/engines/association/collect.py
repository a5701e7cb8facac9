"""Stories from a language model into one file; what was paid for is never asked for again."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vary.data.corpus import TextCorpus
from vary.data.engines.association.answers import AnswerCache, Endpoint, EndpointSettings
from vary.data.engines.association.prompts import StoryPrompt, story_prompt
from vary.data.engines.association.story import Story, StoryError, parse_answer, story_line

# How often a question is put with another seed after an answer that is no story.
MOST_ANSWERS = 3
# Questions between two looks whether a run shall end, per worker.
_BATCH = 8


@dataclass(frozen=True)
class StoryRun:
    """What is collected.

    Attributes:
        out: file of stories; its cache and summary stand beside it.
        count: how many are asked for; some may fail.
        seed: same seed, same questions.
        language: of the stories.
        workers: questions at once.
    """

    out: Path
    count: int
    seed: int
    language: str = "en"
    workers: int = 4


@dataclass
class StorySummary:
    """What came out, and what it cost.

    Attributes:
        stories: written.
        failures: indices without a story, by the last answer's reason.
        bad_answers: answers that were no story, by reason.
        answers: of the model, used in this file.
        asked: answers that were paid for in this run; the others were in the cache.
        prompt_tokens, answer_tokens: of all answers used, as the endpoint counted.
        models: names that the endpoint told, and how many answers of each.
        sha256: of the file of stories.
    """

    stories: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    bad_answers: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    asked: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    models: Counter[str] = field(default_factory=Counter)
    sha256: str = ""


def beside(out: Path, end: str) -> Path:
    """Return a file that belongs to a file of stories, such as its cache."""
    return out.with_name(f"{out.name}.{end}")


def collect_stories(
    run: StoryRun,
    corpus: TextCorpus,
    settings: EndpointSettings,
    progress: Callable[[int], None] | None = None,
) -> StorySummary:
    """Write a file of stories by a language model; return what came out.

    Stories stand in the order of their indices: same answers, same bytes. A run that was stopped
    goes on where it was, since each answer is in the cache before the next is asked for.

    Raises:
        EndpointError: the endpoint cannot be asked; what was answered is in the cache.
        InputError: the cache is damaged.
    """
    run.out.parent.mkdir(parents=True, exist_ok=True)
    endpoint = Endpoint(settings, AnswerCache(beside(run.out, "cache")))
    summary = StorySummary()
    stories: list[Story] = []
    with ThreadPoolExecutor(run.workers) as pool:
        for start in range(0, run.count, run.workers * _BATCH):
            indices = range(start, min(start + run.workers * _BATCH, run.count))
            prompts = [story_prompt(corpus, run.language, run.seed, at) for at in indices]
            futures = [pool.submit(_story, endpoint, prompt, run.seed) for prompt in prompts]
            try:
                found = [future.result() for future in futures]
            except BaseException:
                endpoint.stopping.set()
                for future in futures:
                    future.cancel()
                raise
            for story, told in found:
                _add(summary, told)
                stories += [story] if story else []
            if progress is not None:
                progress(indices.stop)
    summary.stories = len(stories)
    summary.sha256 = write_stories(run.out, stories)
    write_summary(run.out, vars(summary) | {"run": _run_fields(run), "endpoint": settings.url})
    return summary


def write_stories(out: Path, stories: list[Story]) -> str:
    """Write a file of stories as a whole, and return its sha256."""
    content = "".join(f"{story_line(story)}\n" for story in stories).encode()
    _write(out, content)
    return hashlib.sha256(content).hexdigest()


def write_summary(out: Path, fields: dict[str, Any]) -> None:
    """Write what came out beside a file of stories."""
    text = json.dumps(fields, ensure_ascii=False, indent=2, sort_keys=True, default=str)
    _write(beside(out, "summary.json"), f"{text}\n".encode())


def _write(file: Path, content: bytes) -> None:
    """Write a file beside and rename it, so that it is whole or not there."""
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(content)
    part.replace(file)


def _story(endpoint: Endpoint, prompt: StoryPrompt, seed: int) -> tuple[Story | None, StorySummary]:
    """Return a story, if an answer holds one of the kind that was asked for, and what it cost."""
    told = StorySummary()
    reason = ""
    for attempt in range(MOST_ANSWERS):
        # Endpoints take seeds of 31 bits; each story and each try has its own.
        number = (seed * 1_000_003 + prompt.index * MOST_ANSWERS + attempt) % 2**31
        answer, is_new = endpoint.ask(prompt.system, prompt.text, number)
        told.answers += 1
        told.asked += is_new
        told.prompt_tokens += answer.prompt_tokens
        told.answer_tokens += answer.answer_tokens
        told.models[answer.model] += 1
        try:
            if answer.reason:
                raise StoryError("refused by the endpoint", answer.reason)
            story = parse_answer(answer.text)
            if story.kind != prompt.kind:
                raise StoryError("another kind than asked for", f"{story.kind}, {prompt.kind}")
        except StoryError as error:
            reason = error.reason
            told.bad_answers[reason] += 1
            continue
        return replace(story, source=f"written by {answer.model}"[:60]), told
    told.failures[reason] += 1
    return None, told


def _add(summary: StorySummary, told: StorySummary) -> None:
    for name in ("failures", "bad_answers", "models"):
        getattr(summary, name).update(getattr(told, name))
    for name in ("answers", "asked", "prompt_tokens", "answer_tokens"):
        setattr(summary, name, getattr(summary, name) + getattr(told, name))


def _run_fields(run: StoryRun) -> dict[str, Any]:
    return {"count": run.count, "seed": run.seed, "language": run.language}
