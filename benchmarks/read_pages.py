"""Edit distance of a checkpoint on pages with known text.

Three rows: what the language model wrote alone, as it came; what `vary read` gives, where the CTC
head's draft stands for the lines that the model lost; and the draft alone.

    python benchmarks/read_pages.py --pages FOLDER [--model nano] [--out FOLDER]

FOLDER holds pictures with a .txt of the same name. White space is collapsed on both sides (removed
where the truth holds Chinese). The limit that cutting sets is measured by `benchmarks/tiling.py`.
Pages whose truths cannot be trusted (`META.json` beside FOLDER tells which) stand apart.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from tiling import broken_pages

from vary.checkpoints import find_checkpoint
from vary.eval.metrics import collapse_white_space, edit_distance, remove_white_space
from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer
from vary.read.results import PageResult


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


def measure(page: PageResult, truth: str, decoder: str) -> dict[str, float]:
    """Return the distances of a page's texts: by each reader alone, and what `vary read` gives.

    Args:
        page: as it was read.
        truth: what stands on it.
        decoder: ``lm``, or ``ctc`` where the language model was not asked.
    """
    texts = {"ctc alone": page.draft}
    if decoder == "lm":
        texts = {"lm alone": page.written, "vary read": page.text, **texts}
    return {name: score(text, truth) for name, text in texts.items()}


def describe(name: str, page: PageResult, distances: dict[str, float], seconds: float) -> str:
    """Return the line of a page."""
    told = ", ".join(f"{name} {distance:.4f}" for name, distance in distances.items())
    confidence = "none" if page.confidence is None else f"{page.confidence:.2f}"
    return (
        f"{name}  {told}  {page.status}  {len(page.lines)} lines ({num_ctc(page)} by ctc)  "
        f"confidence {confidence}  {seconds:.1f} s"
    )


def num_ctc(page: PageResult) -> int:
    """Return how many lines with text are the CTC head's."""
    return sum(line.decoder == "ctc" and bool(line.text.strip()) for line in page.lines)


def summarise(name: str, values: list[float]) -> str:
    """Return the row of a reader."""
    low, high = interval(values)
    return (
        f"{name}: mean {statistics.mean(values):.4f} [{low:.4f}, {high:.4f}], median "
        f"{statistics.median(values):.4f}, {len(values)} pages"
    )


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--decoder", choices=["lm", "ctc"], default="lm")
    parser.add_argument("--min-confidence", type=float, default=0.0)
    parser.add_argument("--out", type=Path, help="write what was read here")
    parser.add_argument("--limit", type=int)
    return parser.parse_args()


def main() -> None:
    """Read all pages and print a line for each, and the means."""
    arguments = parse_arguments()
    recognizer = load_recognizer(find_checkpoint(arguments.model), decoder=arguments.decoder)
    reader = Reader(recognizer, min_confidence=arguments.min_confidence)
    pictures = [p for p in sorted(arguments.pages.glob("*.png")) if p.with_suffix(".txt").is_file()]
    broken = broken_pages(arguments.pages.parent)
    rows: dict[str, list[float]] = {}
    seconds, lines_by_ctc, num_lines = [], 0, 0
    for picture in pictures[: arguments.limit]:
        truth = picture.with_suffix(".txt").read_text(encoding="utf-8")
        start = time.perf_counter()
        page = next(iter(reader.read(picture)))
        seconds.append(time.perf_counter() - start)
        distances = measure(page, truth, arguments.decoder)
        for name, distance in distances.items():
            group = f"{name}, broken glyph maps" if picture.stem in broken else name
            rows.setdefault(group, []).append(distance)
        lines_by_ctc += num_ctc(page)
        num_lines += len(page.lines)
        print(describe(picture.stem, page, distances, seconds[-1]), flush=True)
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            (arguments.out / f"{picture.stem}.txt").write_text(page.text, encoding="utf-8")
    for name, values in rows.items():
        print(summarise(name, values))
    print(f"lines by ctc: {lines_by_ctc} of {num_lines}")
    print(f"seconds per page: mean {statistics.mean(seconds):.2f}")


if __name__ == "__main__":
    main()
