r"""Edit distance on real pages against samples seen, for a run's checkpoints, with a forecast.

    vary train recipes/nano.yaml data.text=TEXT stages.vocabulary.save_steps=125 \
        stages.vocabulary.keep_checkpoints=8
    python benchmarks/learning_curve.py runs/nano/vocabulary --pages PAGES [--json FILE]

Each checkpoint reads the pages (pictures with a .txt of the same name) by its CTC head, and by its
language model too with `--decoder lm`. The forecast is a power law, a * n^-b + floor, fitted to the
logarithms of the points below `--reads-below`, since what comes before is another law: not reading
yet. The floor is the limit that the cutting sets (`benchmarks/tiling.py`). What a forecast is worth
is told in the same run: it is fitted once more without the last two points, and they are forecast.
"""

import argparse
import json
import re
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from read_pages import interval, measure

from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer

_FACTORS = (2, 4, 10)
_NUM_CHECKED = 2
_LEAST_POINTS = 3


def checkpoints(stage: Path) -> dict[int, Path]:
    """Return a stage's checkpoints by their steps."""
    found = {
        int(match[1]): path
        for path in stage.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))
    }
    return dict(sorted(found.items()))


def samples_seen(stage: Path) -> dict[int, int]:
    """Return the samples seen at each step of a stage that the run's log tells of."""
    lines = (stage.parent / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return {e["step"]: e["samples"] for e in entries if e["stage"] == stage.name and "samples" in e}


def read_all(checkpoint: Path, pages: Path, decoder: str) -> list[float]:
    """Return the edit distance of each page."""
    reader = Reader(load_recognizer(checkpoint, decoder=decoder), min_confidence=0.0)
    distances = []
    for picture in sorted(pages.glob("*.png")):
        if not picture.with_suffix(".txt").is_file():
            continue
        truth = picture.with_suffix(".txt").read_text(encoding="utf-8")
        page = next(iter(reader.read(picture)))
        name = "ctc alone" if decoder == "ctc" else "vary read"
        distances.append(measure(page, truth, decoder)[name])
    return distances


@dataclass(frozen=True)
class Law:
    """An error that falls with a power of the samples seen."""

    factor: float
    power: float
    floor: float

    def error(self, samples: float) -> float:
        """Return the error after so many samples."""
        return self.factor * samples**-self.power + self.floor


def fit(points: list[tuple[int, float]], floor: float) -> Law:
    """Return the law with the least squares of the logarithms."""
    samples, errors = (np.array(column, float) for column in zip(*points, strict=True))
    slope, start = np.polyfit(np.log(samples), np.log(errors - floor), 1)
    return Law(float(np.exp(start)), float(-slope), floor)


def forecast(points: list[tuple[int, float]], law: Law) -> dict[str, object]:
    """Print the law of a curve, what it forecasts, and what such forecasts were worth so far."""
    print(f"law: {law.factor:.3g} * n^-{law.power:.3f} + {law.floor:.4f}")
    ahead = {factor: law.error(factor * points[-1][0]) for factor in _FACTORS}
    for factor, error in ahead.items():
        print(f"forecast at {factor}x samples: {error:.4f}")
    told: dict[str, object] = {"law": asdict(law), "forecast": ahead}
    before, after = points[:-_NUM_CHECKED], points[-_NUM_CHECKED:]
    if len(before) >= _LEAST_POINTS:
        earlier = fit(before, law.floor)
        told["check"] = [[samples, earlier.error(samples), error] for samples, error in after]
        for samples, error in after:
            guess = earlier.error(samples)
            print(f"check: {samples} samples, forecast from before {guess:.4f}, is {error:.4f}")
    return told


def draw(rows: list[dict[str, float]], law: Law | None, picture: Path) -> None:
    """Draw the points with their intervals, and the law with its forecast."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    samples, means = [row["samples"] for row in rows], [row["mean"] for row in rows]
    spread = [[r["mean"] - r["low"] for r in rows], [r["high"] - r["mean"] for r in rows]]
    axes.errorbar(samples, means, spread, fmt="o", capsize=3, label="measured, 95 % interval")
    if law is not None:
        ahead = np.geomspace(samples[0], _FACTORS[-1] * samples[-1], 100)
        axes.plot(ahead, [law.error(n) for n in ahead], "--", label="law and forecast")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5 * min(means) / _FACTORS[-1] ** 0.5, 1.0)
    axes.set_xlabel("samples seen")
    axes.set_ylabel("edit distance on pages")
    axes.grid(visible=True, which="both", alpha=0.2)
    axes.legend()
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Print the curve, the law, the forecast and the check of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", type=Path, help="a stage's folder in a run's folder")
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--decoder", choices=["ctc", "lm"], default="ctc")
    parser.add_argument("--reads-below", type=float, default=0.05)
    parser.add_argument("--floor", type=float, default=0.0)
    parser.add_argument("--picture", type=Path, help="draw the curve into this PNG")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seen = samples_seen(arguments.stage)
    rows = []
    for step, checkpoint in checkpoints(arguments.stage).items():
        if step not in seen:
            print(f"step {step}: the log tells no samples of it; left out")
            continue
        distances = read_all(checkpoint, arguments.pages, arguments.decoder)
        low, high = interval(distances)
        mean = statistics.mean(distances)
        rows.append({"step": step, "samples": seen[step], "mean": mean, "low": low, "high": high})
        print(f"step {step}  {seen[step]} samples  {mean:.4f} [{low:.4f}, {high:.4f}]", flush=True)
    if not rows:
        parser.error(f"{arguments.stage} holds no checkpoint that the run's log tells of")
    told: dict[str, object] = {"pages": len(distances), "points": rows}
    below = arguments.reads_below
    law = None
    points = [
        (row["samples"], row["mean"]) for row in rows if arguments.floor < row["mean"] < below
    ]
    if len(points) >= _LEAST_POINTS:
        law = fit(points, arguments.floor)
        told |= forecast(points, law)
    if arguments.picture:
        draw(rows, law, arguments.picture)
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
