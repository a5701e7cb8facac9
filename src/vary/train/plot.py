"""The picture of a run: losses, held-out errors and throughput against steps."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vary.extras import require

_ERRORS = ("ctc_error", "text_error", "draft_error")
_GOALS = tuple(f"goal_{name}" for name in _ERRORS)
_PANELS = (
    ("loss (nats)", ("ctc", "text")),
    ("held-out character error", (*_ERRORS, *_GOALS)),
    ("seconds per step", ("seconds_per_step",)),
)


def plot_metrics(metrics: Path, picture: Path) -> None:
    """Draw a run's `metrics.jsonl`; stages stand one behind the other.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require("matplotlib", extra="train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    entries = list(_entries(metrics))
    figure = Figure(figsize=(8, 9), layout="constrained")
    FigureCanvasAgg(figure)
    starts = _stage_starts(entries)
    for axes, (title, names) in zip(figure.subplots(len(_PANELS), 1), _PANELS, strict=True):
        drawn: list[float] = []
        for name in names:
            # By step, the last counts: a run that goes on repeats those since its checkpoint.
            points = {starts[e["stage"]] + e["step"]: e[name] for e in entries if name in e}
            if points:
                style = "--" if name in _GOALS else "-"
                places, values = zip(*sorted(points.items()), strict=True)
                drawn += values
                axes.plot(places, values, style, label=name, marker=".")
        for start in starts.values():
            axes.axvline(start, color="grey", linewidth=0.5)
        axes.set_ylabel(title)
        if any(value > 0 for value in drawn) or not drawn:
            axes.set_yscale("log")  # which has no place for nothing but zeros
        axes.grid(visible=True, which="both", alpha=0.2)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    _name_stages(figure.axes[0], starts)
    axes.set_xlabel("steps")
    figure.savefig(picture, dpi=110)


def _name_stages(axes: Any, starts: dict[str, int]) -> None:
    """Write the stages' names above the picture, slanted, so that short stages stay readable."""
    for stage, start in starts.items():
        axes.text(
            start, 1.01, stage, transform=axes.get_xaxis_transform(), va="bottom", rotation=30
        )


def _entries(metrics: Path) -> Iterator[dict[str, Any]]:
    """Yield a log's entries; a line that a lost machine left half written is passed over."""
    for line in metrics.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def _stage_starts(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Return the number of steps before each stage, in the order in which they came."""
    last: dict[str, int] = {}
    for entry in entries:
        last[entry["stage"]] = max(last.get(entry["stage"], 0), entry["step"])
    starts, total = {}, 0
    for stage, steps in last.items():
        starts[stage] = total
        total += steps
    return starts
