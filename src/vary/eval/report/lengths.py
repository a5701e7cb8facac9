"""The main metric by length of the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vary.eval.records import Score
from vary.eval.report.collect import metric_sums
from vary.eval.statistics import Estimate
from vary.eval.tasks.base import TaskInfo

# Fewer answers than this in a part tell little; more parts than this can hardly be seen apart.
MIN_IN_BIN, MAX_BINS = 10, 8


@dataclass(frozen=True)
class LengthBin:
    """Answers whose truths are about as long as one another.

    Attributes:
        shortest, longest: characters of the shortest and of the longest truth.
        mean: characters of the truths, on average.
        num: answers.
        systems: system -> the main metric over these answers.
    """

    shortest: int
    longest: int
    mean: float
    num: int
    systems: dict[str, Estimate]


def length_bins(scores: Mapping[str, Sequence[Score]], task: TaskInfo) -> tuple[LengthBin, ...]:
    """Return parts of about as many answers each, from the shortest truths to the longest.

    None where there are fewer than two parts' worth of answers, or all truths are as long.

    Args:
        scores: by system, each in the order of the prompts.
        task: its first metric is the one.
    """
    if not scores or not task.metrics:
        return ()
    lengths = np.array([score.length for score in next(iter(scores.values()))])
    num_bins = min(len(lengths) // MIN_IN_BIN, MAX_BINS)
    if num_bins < 2:
        return ()
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, num_bins + 1)))[1:-1]
    # Truths of one length are never parted.
    places = np.searchsorted(edges, lengths, side="left")
    if len(np.unique(places)) < 2:
        return ()
    main = task.metrics[0].name
    return tuple(
        LengthBin(
            shortest=int(lengths[members].min()),
            longest=int(lengths[members].max()),
            mean=float(lengths[members].mean()),
            num=len(members),
            systems={
                name: metric_sums([found[int(i)] for i in members], task, task.mean_of).estimate(
                    main
                )
                for name, found in scores.items()
            },
        )
        for place in np.unique(places)
        if len(members := np.flatnonzero(places == place))
    )
