"""Edit distance of a checkpoint on pages with known text, the language model beside CTC alone.

    python benchmarks/read_pages.py --pages FOLDER [--model nano] [--out FOLDER]

FOLDER holds pictures with a .txt of the same name. White space is collapsed on both sides (removed
where the truth holds Chinese). The limit that cutting sets is measured by `benchmarks/tiling.py`.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from vary.checkpoints import find_checkpoint
from vary.eval.metrics import collapse_white_space, edit_distance, remove_white_space
from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer


def score(prediction: str, truth: str) -> float:
    """Return the edit distance under the white-space policy of the truth's language."""
    is_chinese = any("\u4e00" <= character <= "\u9fff" for character in truth)
    tidy = remove_white_space if is_chinese else collapse_white_space
    return edit_distance(tidy(prediction), tidy(truth))


def interval(values: list[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean, resampled by page."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(np.array(values)[picks].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Read all pages and print a line for each, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--decoder", choices=["lm", "ctc"], default="lm")
    parser.add_argument("--out", type=Path, help="write what was read here")
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    recognizer = load_recognizer(find_checkpoint(arguments.model), decoder=arguments.decoder)
    reader = Reader(recognizer)
    pictures = [p for p in sorted(arguments.pages.glob("*.png")) if p.with_suffix(".txt").is_file()]
    distances: dict[str, list[float]] = {arguments.decoder: [], "ctc alone": []}
    seconds = []
    for picture in pictures[: arguments.limit]:
        truth = picture.with_suffix(".txt").read_text(encoding="utf-8")
        start = time.perf_counter()
        page = next(iter(reader.read(picture)))
        seconds.append(time.perf_counter() - start)
        distances[arguments.decoder].append(score(page.text, truth))
        distances["ctc alone"].append(score(page.draft, truth))
        num_ctc = sum(line.decoder == "ctc" for line in page.lines)
        print(
            f"{picture.stem}  {distances[arguments.decoder][-1]:.4f}  "
            f"ctc {distances['ctc alone'][-1]:.4f}  {page.status}  {len(page.lines)} lines "
            f"({num_ctc} by ctc)  confidence {page.confidence:.2f}  {seconds[-1]:.1f} s",
            flush=True,
        )
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / f"{picture.stem}.txt").write_text(page.text, encoding="utf-8")
    for name, values in distances.items():
        low, high = interval(values)
        print(
            f"{name}: mean {statistics.mean(values):.4f} [{low:.4f}, {high:.4f}], median "
            f"{statistics.median(values):.4f}, {len(values)} pages"
        )
    print(f"seconds per page: mean {statistics.mean(seconds):.2f}")


if __name__ == "__main__":
    main()
