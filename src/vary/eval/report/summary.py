"""The numbers of a report."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

from vary.eval.error_split import ErrorSplit, split_errors
from vary.eval.evaluation import Evaluation, SystemRun
from vary.eval.records import Score
from vary.eval.report.collect import (
    ALL,
    groups_of,
    metric_sums,
    num_not_finite,
    paired_sums,
    scores_of,
    value_of,
)
from vary.eval.report.lengths import LengthBin, length_bins
from vary.eval.statistics import NUM_RESAMPLES, Difference, Estimate, Row, Sums
from vary.eval.tasks.base import TaskInfo

KINDS = ("cutting", "characters", "order")
# Values of one answer that differ by less are the same.
TIE = 1e-9
NUM_WORST = 12


@dataclass(frozen=True)
class SplitSummary:
    """The errors of all answers of a system by kind.

    Attributes:
        errors: characters, in all.
        length: characters of all truths.
        parts: kind -> characters; they add up to `errors`.
        shares: kind -> errors per character of the truths.
    """

    errors: int
    length: int
    parts: dict[str, int]
    shares: dict[str, Estimate]


@dataclass(frozen=True)
class SystemSummary:
    """What a report says of one system.

    Attributes:
        name, description: as in `SystemRun`.
        num: prompts.
        missing: reason -> how many answers are missing for it, the most frequent first.
        num_not_finite: scores that hold a value that is no number, counted as the worst.
        metrics: metric -> total.
        groups: grouping -> group -> metric -> total.
        split: errors by kind, None for tasks without texts.
        seconds: median, mean and number of the times that answers took; None where none is known.
    """

    name: str
    description: str
    num: int
    missing: dict[str, int]
    num_not_finite: int
    metrics: dict[str, Estimate]
    groups: dict[str, dict[str, dict[str, Estimate]]]
    split: SplitSummary | None
    seconds: dict[str, float] | None

    @property
    def num_missing(self) -> int:
        """How many answers are missing."""
        return sum(self.missing.values())


@dataclass(frozen=True)
class MetricComparison:
    """The first system less another one, by one metric.

    Attributes:
        difference: of the totals; its sign is the metric's, whichever way is better.
        better, equal, worse: answers in which the first system is better, as good, worse.
    """

    difference: Difference
    better: int
    equal: int
    worse: int


@dataclass(frozen=True)
class Comparison:
    """The first system beside another one, on the same prompts."""

    first: str
    other: str
    metrics: dict[str, MetricComparison]


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    Attributes:
        evaluation: what it is made of.
        systems: in the evaluation's order.
        comparisons: of the first system with each other one.
        lengths: the main metric by length of the truth; empty where lengths tell nothing.
        worst: ids of the first system's worst answers by the main metric, the worst first. Missing
            answers, which count as the worst, are not among them: they have nothing to look at.
        num_units: documents.
    """

    evaluation: Evaluation
    systems: tuple[SystemSummary, ...]
    comparisons: tuple[Comparison, ...]
    lengths: tuple[LengthBin, ...]
    worst: tuple[str, ...]
    num_units: int

    @property
    def task(self) -> TaskInfo:
        """What was asked."""
        return self.evaluation.task

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; what has no number is None."""
        task = self.task
        return {
            "task": {
                "name": task.name,
                "title": task.title,
                "metrics": [asdict(metric) for metric in task.metrics],
                "mean_of": task.mean_of,
                "notes": list(task.notes),
                "paper": task.paper,
            },
            "data": {
                "name": self.evaluation.data,
                "hash": self.evaluation.data_hash,
                "num": len(self.evaluation.prompts),
                "num_documents": self.num_units,
            },
            "versions": dict(self.evaluation.versions),
            "interval": {
                "level": 0.95,
                "method": "percentile bootstrap by document",
                "resamples": NUM_RESAMPLES,
            },
            "systems": [asdict(s) | {"num_missing": s.num_missing} for s in self.systems],
            "comparisons": [asdict(comparison) for comparison in self.comparisons],
            "lengths": [asdict(part) for part in self.lengths],
            "worst": [self._worst_page(name) for name in self.worst],
        }

    def _worst_page(self, name: str) -> dict[str, Any]:
        main = self.task.metrics[0].name
        return {
            "id": name,
            "values": {
                system.name: value_of(system.scores[name], self.task, main)
                for system in self.evaluation.systems
            },
        }


def build_report(
    evaluation: Evaluation, *, num_worst: int = NUM_WORST, num_workers: int = 1
) -> Report:
    """Return the report of an evaluation; the same evaluation gives the same report.

    Args:
        evaluation: prompts, answers and scores.
        num_worst: how many of the worst answers to show.
        num_workers: processes that split errors; that takes milliseconds for each page.

    Raises:
        InputError: a system has no score for a prompt.
    """
    task = evaluation.task
    scores = {system.name: scores_of(system, evaluation) for system in evaluation.systems}
    first = evaluation.systems[0] if evaluation.systems else None
    firsts = scores[first.name] if first else []
    return Report(
        evaluation=evaluation,
        systems=tuple(
            _summarise(system, scores[system.name], evaluation, num_workers)
            for system in evaluation.systems
        ),
        comparisons=tuple(
            _compare((firsts, scores[other.name]), (evaluation.systems[0].name, other.name), task)
            for other in evaluation.systems[1:]
        ),
        lengths=length_bins(scores, task),
        worst=_worst(firsts, task, num_worst),
        num_units=len({prompt.unit for prompt in evaluation.prompts.values()}),
    )


def _summarise(
    system: SystemRun, scores: list[Score], evaluation: Evaluation, num_workers: int
) -> SystemSummary:
    task = evaluation.task
    seconds = [
        response.seconds
        for name in evaluation.prompts
        if (response := system.responses.get(name))
        and response.answer is not None
        and response.seconds is not None
        and math.isfinite(response.seconds)
    ]
    reasons = Counter(score.reason for score in scores if score.reason)
    return SystemSummary(
        name=system.name,
        description=system.description,
        num=len(scores),
        missing=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        num_not_finite=num_not_finite(scores),
        metrics=_estimates(metric_sums(scores, task, task.mean_of)),
        groups=_by_group(scores, task),
        split=_split(system, scores, evaluation, num_workers) if task.has_text else None,
        seconds={
            "median": statistics.median(seconds),
            "mean": statistics.fmean(seconds),
            "num": len(seconds),
        }
        if seconds
        else None,
    )


def _estimates(sums: Sums) -> dict[str, Estimate]:
    return {name: sums.estimate(name) for name in sums.columns}


def _by_group(scores: list[Score], task: TaskInfo) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Return grouping -> group -> metric -> total over the group's answers."""
    keys = sorted({key for score in scores for key in score.groups})
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    for key in keys:
        members: dict[str, list[Score]] = {}
        for score in scores:
            for group in groups_of(score, key):
                members.setdefault(group, []).append(score)
        found[key] = {
            group: _estimates(metric_sums(members[group], task, None))
            for group in sorted(members, key=_natural)
        }
    return found


def _natural(name: str) -> tuple[bool, float, str]:
    """Sort numbers by value, before words."""
    try:
        number = float(name)
    except ValueError:
        number = math.nan
    return (False, number, name) if math.isfinite(number) else (True, 0.0, name)


def _split(
    system: SystemRun, scores: Sequence[Score], evaluation: Evaluation, num_workers: int
) -> SplitSummary:
    pairs = [
        (_answer(system, score), evaluation.truths.get(score.id, "") or "") for score in scores
    ]
    if num_workers > 1:
        with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
            splits = list(pool.map(_split_pair, pairs, chunksize=16))
    else:
        splits = list(map(_split_pair, pairs))
    rows = [
        Row(
            score.unit,
            ALL,
            {kind: (float(getattr(split, kind)), float(split.length)) for kind in KINDS},
        )
        for score, split in zip(scores, splits, strict=True)
    ]
    parts = {kind: sum(getattr(split, kind) for split in splits) for kind in KINDS}
    return SplitSummary(
        errors=sum(parts.values()),
        length=sum(split.length for split in splits),
        parts=parts,
        shares=_estimates(Sums(rows, KINDS)),
    )


def _split_pair(pair: tuple[str, str]) -> ErrorSplit:
    return split_errors(*pair)


def _answer(system: SystemRun, score: Score) -> str:
    """Return the answer as it was scored: one that is missing has no text."""
    response = system.responses.get(score.id)
    return "" if score.reason or response is None else response.answer or ""


def _compare(
    scores: tuple[list[Score], list[Score]], names: tuple[str, str], task: TaskInfo
) -> Comparison:
    sums = paired_sums(*scores, task)
    metrics = {}
    for metric in task.metrics:
        sign = -1 if metric.better == "lower" else 1
        gains = [
            sign * (one - two)
            for first, other in zip(*scores, strict=True)
            if (one := value_of(first, task, metric.name)) is not None
            and (two := value_of(other, task, metric.name)) is not None
        ]
        better, worse = sum(gain > TIE for gain in gains), sum(gain < -TIE for gain in gains)
        metrics[metric.name] = MetricComparison(
            difference=sums.compare(f"{metric.name}/first", f"{metric.name}/other"),
            better=better,
            equal=len(gains) - better - worse,
            worse=worse,
        )
    return Comparison(*names, metrics)


def _worst(scores: list[Score], task: TaskInfo, num: int) -> tuple[str, ...]:
    """Return the ids of the worst answers; a perfect one is none of them."""
    main = task.metrics[0]
    sign = 1 if main.better == "lower" else -1
    valued = [
        (value, score.id)
        for score in scores
        if not score.reason and (value := value_of(score, task, main.name)) is not None
    ]
    faulty = [(value, name) for value, name in valued if abs(value - main.best) > TIE]
    # The sort keeps the data set's order among equals.
    faulty.sort(key=lambda pair: -sign * pair[0])
    return tuple(name for _, name in faulty[:num])
