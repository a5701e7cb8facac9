"""From scores to sums: the rows that statistics are made of."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from vary.errors import InputError
from vary.eval.evaluation import Evaluation, SystemRun
from vary.eval.records import Score
from vary.eval.statistics import Row, Sums
from vary.eval.tasks.base import TaskInfo

# The one group of a mean that is taken over all answers.
ALL = ("",)
NO_GROUP = "(none)"


def scores_of(system: SystemRun, evaluation: Evaluation) -> list[Score]:
    """Return a system's scores in the order of the prompts.

    Raises:
        InputError: a prompt has no score; what is missing must be scored as missing, not left out.
    """
    without = [name for name in evaluation.prompts if name not in system.scores]
    if without:
        raise InputError(
            f"{system.name}: no score for {len(without)} of {len(evaluation.prompts)} prompts, "
            f"{without[0]!r} first; score its answers again"
        )
    return [system.scores[name] for name in evaluation.prompts]


def cells(score: Score, task: TaskInfo) -> dict[str, tuple[float, float]]:
    """Return metric -> (numerator, denominator); what is no number counts as the worst."""
    found = {}
    for metric in task.metrics:
        if metric.name not in score.values:
            continue
        value, weight = score.values[metric.name], score.weight(metric.name)
        if not math.isfinite(weight) or weight < 0:
            weight = 1.0
        if not math.isfinite(value):
            value = metric.worst * (weight or 1.0)
        found[metric.name] = (float(value), float(weight))
    return found


def num_not_finite(scores: Iterable[Score]) -> int:
    """Return how many scores hold a value that is no number."""
    return sum(
        not all(map(math.isfinite, [*score.values.values(), *score.weights.values()]))
        for score in scores
    )


def value_of(score: Score, task: TaskInfo, metric: str) -> float | None:
    """Return a metric of one answer; None where it does not apply or divides by 0."""
    numerator, denominator = cells(score, task).get(metric, (0.0, 0.0))
    return numerator / denominator if denominator else None


def groups_of(score: Score, key: str) -> tuple[str, ...]:
    """Return the groups that a score belongs to, in a grouping."""
    found = score.groups.get(key)
    if isinstance(found, list | tuple):
        names = tuple(dict.fromkeys(map(_name, found)))
        return names or (NO_GROUP,)
    return (_name(found),)


def _name(group: Any) -> str:
    return NO_GROUP if group is None or group == "" else str(group)


def metric_sums(scores: Sequence[Score], task: TaskInfo, mean_of: str | None) -> Sums:
    """Return the sums of all metrics of one system.

    Args:
        scores: of the answers that count.
        task: names the metrics.
        mean_of: the grouping whose groups' means are averaged, None for a mean over all.
    """
    rows = [
        Row(score.unit, groups_of(score, mean_of) if mean_of else ALL, cells(score, task))
        for score in scores
    ]
    return Sums(rows, [metric.name for metric in task.metrics])


def paired_sums(first: Sequence[Score], other: Sequence[Score], task: TaskInfo) -> Sums:
    """Return the sums of two systems side by side: columns ``NAME/first`` and ``NAME/other``.

    A prompt's metric counts where both have it.
    """
    rows = []
    for one, two in zip(first, other, strict=True):
        left, right = cells(one, task), cells(two, task)
        both = [name for name in left if name in right]
        rows.append(
            Row(
                one.unit,
                groups_of(one, task.mean_of) if task.mean_of else ALL,
                {f"{name}/first": left[name] for name in both}
                | {f"{name}/other": right[name] for name in both},
            )
        )
    columns = [f"{metric.name}/{side}" for side in ("first", "other") for metric in task.metrics]
    return Sums(rows, columns)
