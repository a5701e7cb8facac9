"""Tables and pictures of what run.py has left.

    python benchmarks/thesis/plot.py DIR [--out docs/images] [--fill docs/thesis.md]

Tables go to the standard output as Markdown: means over the seeds, with the half width of a 95 %
t-interval where there are two seeds or more. Pictures are thesis-final.png and thesis-curves.png,
and thesis-pictures.jpg shows what the arms saw.
"""

import argparse
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from arms import ARMS, score_reading, score_scenes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from samples import PARTS, answer, picture
from scenes import SLOTS
from vocabularies import general_config, pixels_for

# Student's t at 97.5 % by degrees of freedom.
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}
_METRICS = {
    "edit_distance": "edit distance",
    "words": "words right",
    "facts_all": "facts right",
    "facts_exact": "captions exact",
}
_FACTS = ("count", "colour", "kind", "relation")
_LINES = ("-", "-", "-", "--", "--", "--", ":", ":")


def interval(values: list[float]) -> tuple[float, float]:
    """Return the mean and the half width of its 95 % interval; none for one value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan
    spread = float(np.std(values, ddof=1))
    return mean, _T[len(values) - 1] * spread / math.sqrt(len(values))


def shown(values: list[float]) -> str:
    """Return a mean with its half width, for a table."""
    mean, half = interval(values)
    return f"{mean:.3f}" if math.isnan(half) else f"{mean:.3f} ± {half:.3f}"


def load(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the results of each arm by seed, in the arms' order."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name in ARMS:
        paths = sorted(folder.glob(f"arm-{name}-[0-9]*.json"))
        if paths:
            results[name] = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return results


def table(results: dict[str, list[dict[str, Any]]], names: dict[str, str]) -> str:
    """Return a Markdown table of final scores, a row for each arm."""
    lines = [
        f"| arm | seeds | {' | '.join(names.values())} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for arm, runs in results.items():
        cells = [shown([run["final"][name] for run in runs]) for name in names]
        lines.append(f"| {ARMS[arm].title} | {len(runs)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def differences(results: dict[str, list[dict[str, Any]]], names: dict[str, str]) -> str:
    """Return a Markdown table of differences to the general vocabulary alone, seed by seed."""
    base = {run["seed"]: run["final"] for run in results["general"]}
    lines = [f"| to general alone | {' | '.join(names.values())} |", f"|---|{'---|' * len(names)}"]
    for arm, runs in results.items():
        pairs = [(run["final"], base[run["seed"]]) for run in runs if run["seed"] in base]
        if arm == "general" or not pairs:
            continue
        cells = []
        for name in names:
            mean, half = interval([ours[name] - theirs[name] for ours, theirs in pairs])
            cells.append(f"{mean:+.3f}" + ("" if math.isnan(half) else f" ± {half:.3f}"))
        lines.append(f"| {ARMS[arm].title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def guess(num_samples: int) -> str:
    """Return what one answer for all pictures scores.

    For scenes, of the training captions of one group and of two, the commonest word in each place;
    for pages, three short words of the commonest letters.
    """
    known = [answer("scenes", n) for n in range(1000)]
    wanted = [answer("test-scenes", n) for n in range(num_samples)]
    told = []
    for length in (3, len(SLOTS)):
        columns = zip(*(words for words in known if len(words) == length), strict=True)
        blind = [Counter(column).most_common(1)[0][0] for column in columns]
        scores = score_scenes([blind] * num_samples, wanted)
        told.append(f"{' '.join(blind)}: " + json.dumps(scores))
    pages = [answer("test-pages", n) for n in range(num_samples)]
    told.append("re se te: " + json.dumps(score_reading([list("re/se/te")] * num_samples, pages)))
    return "\n".join(told)


def costs(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return a Markdown table of parameters and processor time."""
    lines = [
        "| arm | parameters trained | of the vocabularies | processor seconds of a seed |",
        "|---|---|---|---|",
    ]
    for arm, runs in results.items():
        seconds = np.mean([run["cpu_seconds"] for run in runs])
        first = runs[0]
        lines.append(
            f"| {ARMS[arm].title} | {first['trained_parameters']:,} | "
            f"{first['vocabulary_parameters']:,} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def negatives(folder: Path) -> str:
    """Return a Markdown table of what nano's vocabulary does after learning further."""
    lines = [
        "| trained | seeds | edit distance of words | by CTC | text invented for scenes | by CTC |"
        " one of the five sentences |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, title in (("with", "with negatives"), ("without", "without")):
        runs = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob(f"vocabulary-{kind}-*.json"))
        ]
        if runs:
            columns = [
                [run["reading"]["edit_distance"] for run in runs],
                [run["reading_ctc"]["edit_distance"] for run in runs],
                *([run[key] for run in runs] for key in ("invented", "invented_ctc", "sentences")),
            ]
            lines.append(f"| {title} | {len(runs)} | {' | '.join(map(shown, columns))} |")
    return "\n".join(lines)


def draw_final(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw the final scores: a point for each seed, and the mean with its interval."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3, sharey=True)
    names = list(results)[::-1]
    for axis, metric in zip(axes, ("edit_distance", "words", "facts_all"), strict=True):
        for row, name in enumerate(names):
            values = [run["final"][metric] for run in results[name]]
            mean, half = interval(values)
            axis.errorbar(mean, row, xerr=0 if math.isnan(half) else half, fmt="o", color="C0")
            axis.plot(values, [row - 0.22] * len(values), "|", color="grey")
        axis.set_title(
            _METRICS[metric] + (" (lower is better)" if metric == "edit_distance" else "")
        )
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), [ARMS[name].title for name in names])
    figure.savefig(path, dpi=110)


def draw_curves(results: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw reading and captions over the steps: means, and the range of the seeds."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    for number, (name, runs) in enumerate(results.items()):
        steps = [point["step"] for point in runs[0]["curve"]]
        for axis, metric in zip(axes, ("edit_distance", "facts_all"), strict=True):
            values = np.array([[point[metric] for point in run["curve"]] for run in runs])
            colour = f"C{number}"
            axis.plot(steps, values.mean(0), _LINES[number], color=colour, label=ARMS[name].title)
            axis.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.1)
            axis.set_xlabel("steps")
            axis.set_title(_METRICS[metric])
            axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=110)


def draw_pictures(path: Path) -> None:
    """Draw held-out samples, as they are and as the general vocabulary sees them."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(4, 4)
    for column in range(4):
        for half, part in enumerate(PARTS[-2:]):
            whole = picture(part, column)
            upper, lower = axes[2 * half][column], axes[2 * half + 1][column]
            upper.imshow(whole)
            lower.imshow(pixels_for(general_config(), [whole])[0])
            words = answer(part, column)
            upper.set_title("".join(words) if half == 0 else " ".join(words), fontsize=7)
    for axis in axes.flat:
        axis.set_axis_off()
    figure.savefig(path, dpi=90, pil_kwargs={"quality": 80})


def fill(document: Path, tables: list[str]) -> None:
    """Put tables into a document, each where one with the same first line stands."""
    text = document.read_text(encoding="utf-8")
    for made in tables:
        head, _, _ = made.partition("\n")
        before, found, rest = text.partition(head + "\n")
        if found:
            text = before + made + "\n" + rest[rest.index("\n\n") + 1 :]
    document.write_text(text, encoding="utf-8")


def main() -> None:
    """Print the tables, and draw where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="for the pictures")
    parser.add_argument("--fill", type=Path, help="a document whose tables are made anew")
    given = parser.parse_args()
    results = load(given.folder)
    tables = [
        table(results, _METRICS),
        differences(results, _METRICS),
        table(results, {f"facts_{name}": name for name in _FACTS}),
        negatives(given.folder),
        costs(results),
    ]
    print("\n\n".join([*tables, table(results, {"invented": "letters written for a scene"})]))
    print(guess(250))
    for run in results.get("general-unfrozen", []):
        print("own head, seed", run["seed"], json.dumps(run["own_head"]))
    if given.fill:
        fill(given.fill, tables)
    if given.out:
        draw_final(results, given.out / "thesis-final.png")
        draw_curves(results, given.out / "thesis-curves.png")
        draw_pictures(given.out / "thesis-pictures.jpg")


if __name__ == "__main__":
    main()
