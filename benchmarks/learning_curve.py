"""Edit distance on real pages against samples seen, for a run's checkpoints, with a forecast.

    vary train recipes/nano.yaml data.text=TEXT stages.vocabulary.save_steps=125 \\
        stages.vocabulary.keep_checkpoints=8
    python benchmarks/learning_curve.py runs/nano/vocabulary --pages PAGES [--json FILE]

Each checkpoint reads the pages (pictures with a .txt of the same name) by its CTC head, and by its
language model too with `--decoder lm`. The forecast is a power law, a * n^-b + c, fitted to the
logarithms. What it is worth is told in the same run: it is fitted once more without the last
point, and that point is forecast.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

import numpy as np
from read_pages import interval, measure

from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer

_FACTORS = (2, 4, 10)


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


def fit(samples: list[int], errors: list[float]) -> tuple[float, float, float]:
    """Return a, b, c of a * n^-b + c with the least squares of the logarithms.

    c is looked for on a grid up to the least error; a and b follow in closed form.
    """
    n, e = np.log(np.array(samples, float)), np.array(errors, float)
    best = (np.inf, 0.0, 0.0, 0.0)
    for floor in np.linspace(0.0, 0.99 * e.min(), 200):
        slope, start = np.polyfit(n, np.log(e - floor), 1)
        fitted = np.exp(start) * np.exp(slope * n) + floor
        loss = float(np.square(np.log(fitted) - np.log(e)).sum())
        best = min(best, (loss, float(np.exp(start)), float(-slope), float(floor)))
    return best[1:]


def predict(law: tuple[float, float, float], samples: float) -> float:
    """Return the error that a law gives."""
    a, b, c = law
    return float(a * samples**-b + c)


def main() -> None:
    """Print the curve, the law, the forecast and the check of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stage", type=Path, help="a stage's folder in a run's folder")
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--decoder", choices=["ctc", "lm"], default="ctc")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seen = samples_seen(arguments.stage)
    rows = []
    for step, checkpoint in checkpoints(arguments.stage).items():
        distances = read_all(checkpoint, arguments.pages, arguments.decoder)
        low, high = interval(distances)
        mean = statistics.mean(distances)
        rows.append({"step": step, "samples": seen[step], "mean": mean, "low": low, "high": high})
        print(f"step {step}  {seen[step]} samples  {mean:.4f} [{low:.4f}, {high:.4f}]", flush=True)
    told: dict[str, object] = {"pages": len(distances), "points": rows}
    if len(rows) >= 4:
        samples, errors = [row["samples"] for row in rows], [row["mean"] for row in rows]
        law = fit(samples, errors)
        a, b, c = law
        print(f"law: {a:.3g} * n^-{b:.3f} + {c:.4f}")
        for factor in _FACTORS:
            print(f"forecast at {factor}x samples: {predict(law, factor * samples[-1]):.4f}")
        held = predict(fit(samples[:-1], errors[:-1]), samples[-1])
        print(f"check: the last point forecast from those before it {held:.4f}, is {errors[-1]:.4f}")
        told |= {"law": law, "check": {"forecast": held, "measured": errors[-1]}}
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
