"""How often what `vary read` reads is right, beside how sure it says it is.

    python benchmarks/reliability.py FOLDER [FOLDER ...] [--model nano] [--out OUT] [--fit]

A FOLDER holds pictures with a .txt of the same name, or is a set of `vary data make`. Of each word
that was read it is asked whether it stands so in the truth, and of each line what share of its
characters does. Confidences are put into ten bins; the table tells how sure the words of a bin are
in the mean, how many of them are right, and the expected calibration error: the mean distance of
the two, by words (of lines: by characters). All this once from the CTC head's own probabilities and
once as `vary read` tells it; they differ where the checkpoint has a calibration.

OUT gets `reliability.json`, and `reliability.png` with a plot for each FOLDER. `--fit` fits a
calibration to all FOLDERs together and writes it into the folder of the model; fit it to other
pages than those that are then measured. `--limit N` reads the first N pages of each FOLDER.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from rapidfuzz.distance import Levenshtein

from vary.checkpoints import find_checkpoint
from vary.data.decoding import decode
from vary.data.schema import read_samples
from vary.eval.metrics import collapse_white_space, remove_white_space
from vary.extras import require
from vary.read.calibration import (
    CALIBRATION_FILE,
    Calibration,
    SeenWord,
    fit_calibration,
    load_calibration,
    weights_digest,
)
from vary.read.reader import MIN_CONFIDENCE, Reader
from vary.read.recognizer import StripRecognizer, load_recognizer, mean_certainty
from vary.read.results import LineResult, PageResult

NUM_BINS = 10
KINDS = ("words", "lines")
# A line so long that stands in the truth as it was read is right, wherever it stands there: of
# lines in another order an alignment finds but a part.
_LONG_LINE = 8
_LONG_LINE_CHINESE = 5


class SeenLine(NamedTuple):
    """A line: its confidence by the head, the share of its characters that are right, its words."""

    confidence: float
    share: float
    words: tuple[SeenWord, ...]


def seen_lines(page: PageResult, truth: str) -> list[SeenLine]:
    """Return how sure and how right the lines and words of a page are.

    Args:
        page: as read without a calibration.
        truth: what stands there.
    """
    lines = [line for line in page.lines if line.words]
    seen = []
    for line, (right, share) in zip(lines, judge_lines(lines, truth), strict=True):
        words = [
            SeenWord(word.text, word.certainties, is_right)
            for word, is_right in zip(line.words, right, strict=True)
        ]
        seen.append(SeenLine(line.confidence, share, tuple(words)))
    return seen


def judge_lines(lines: Sequence[LineResult], truth: str) -> list[tuple[list[bool], float]]:
    """Return for each line which of its words are right, and the share of its right characters.

    The page's words are aligned with the truth by the Levenshtein distance. A word is right if all
    of its characters are matched, one behind the other, and a blank or the end follows where the
    script has blanks. A long line that stands in the truth as it is, wherever, is right.

    Args:
        lines: with words, in the order in which they were read.
        truth: the page's text.
    """
    is_chinese = any("\u4e00" <= character <= "\u9fff" for character in truth)
    gap = "" if is_chinese else " "
    true = remove_white_space(truth) if is_chinese else collapse_white_space(truth)
    texts = [gap.join(word.text for word in line.words) for line in lines]
    read = gap.join(texts)
    place = np.full(len(read) + 1, -1)
    for step in Levenshtein.opcodes(read, true):
        if step.tag == "equal":
            place[step.src_start : step.src_end] = np.arange(step.dest_start, step.dest_end)
    long = _LONG_LINE_CHINESE if is_chinese else _LONG_LINE
    judged, start = [], 0
    for line, text in zip(lines, texts, strict=True):
        if len(text) >= long and f"{gap}{text}{gap}" in f"{gap}{true}{gap}":
            judged.append(([True] * len(line.words), 1.0))
            start += len(text) + len(gap)
            continue
        right, num_right, num = [], 0, 0
        for word in line.words:
            stop = start + len(word.text)
            found = place[start:stop]
            num_right, num = num_right + int((found >= 0).sum()), num + len(found)
            right.append(_is_whole(found, true, has_gaps=not is_chinese))
            start = stop + len(gap)
        judged.append((right, num_right / max(1, num)))
    return judged


def _is_whole(found: np.ndarray, true: str, *, has_gaps: bool) -> bool:
    """Whether characters are matched with neighbours in the truth, and are a word there."""
    if (found < 0).any() or (np.diff(found) != 1).any():
        return False
    first, last = int(found[0]), int(found[-1])
    around = [true[first - 1] if first else " ", true[last + 1] if last + 1 < len(true) else " "]
    return not has_gaps or around == [" ", " "]


@dataclass(frozen=True)
class Bin:
    """Readings of like confidence.

    Attributes:
        low: the least confidence; `high`: the end.
        weight: words, or characters of lines.
        confidence: their mean.
        right: the share that is right.
    """

    low: float
    high: float
    weight: float
    confidence: float
    right: float


def bins_of(confidence: np.ndarray, right: np.ndarray, weight: np.ndarray) -> list[Bin]:
    """Return the bins of equal width that hold something."""
    number = np.minimum((confidence * NUM_BINS).astype(int), NUM_BINS - 1)
    made = []
    for index in range(NUM_BINS):
        own = number == index
        total = float(weight[own].sum())
        if total:
            means = [float((part[own] * weight[own]).sum() / total) for part in (confidence, right)]
            made.append(Bin(index / NUM_BINS, (index + 1) / NUM_BINS, total, *means))
    return made


def calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean distance of confidence and share of right ones, by weight (ECE).

    Source: Naeini et al. 2015; Guo et al. 2017, https://arxiv.org/abs/1706.04599.
    """
    total = sum(part.weight for part in bins)
    return sum(part.weight * abs(part.confidence - part.right) for part in bins) / total


def pages_of(folder: Path) -> Iterator[tuple[Path | Image.Image, str]]:
    """Yield the pages of a folder with their truths."""
    pictures = sorted(folder.glob("*.png"))
    for picture in pictures:
        if picture.with_suffix(".txt").is_file():
            yield picture, picture.with_suffix(".txt").read_text(encoding="utf-8")
    for shard in sorted(folder.glob("**/*.parquet")) if not pictures else ():
        for sample in read_samples(shard):
            yield decode(sample.images[0]), sample.text


def read_folder(reader: Reader, folder: Path, limit: int | None) -> list[SeenLine]:
    """Return the lines of a folder's pages, read without a calibration."""
    seen: list[SeenLine] = []
    for page, truth in islice(pages_of(folder), limit):
        (result,) = reader.read(page)
        seen += seen_lines(result, truth)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if not seen:
        raise SystemExit(f"{folder}: nothing was read; it needs pictures with a .txt, or shards")
    return seen


class Reliability(NamedTuple):
    """Bins of words and of lines, and the calibration error of each."""

    words: list[Bin]
    lines: list[Bin]

    @property
    def errors(self) -> tuple[float, float]:
        """Of words, and of lines."""
        return calibration_error(self.words), calibration_error(self.lines)


def measure(lines: Sequence[SeenLine], calibration: Calibration) -> Reliability:
    """Return how reliable confidences are, by a calibration."""
    words = [word for line in lines for word in line.words]
    sure = [math.prod(calibration.characters(word.text, word.certainties)) for word in words]
    right = np.array([word.is_right for word in words], float)
    of_words = bins_of(np.array(sure), right, np.ones(len(words)))
    told, lengths = [], []
    for line in lines:
        raw = [chance for word in line.words for chance in word.certainties]
        text = "".join(word.text for word in line.words)
        better = mean_certainty(calibration.characters(text, raw)) / mean_certainty(raw)
        told.append(min(1.0, line.confidence * better))
        lengths.append(len(text))
    share = np.array([line.share for line in lines])
    return Reliability(of_words, bins_of(np.array(told), share, np.array(lengths, float)))


def show(title: str, before: Reliability, after: Reliability) -> None:
    """Print the table of a folder: bins of words as the head has them, and as they are told."""
    print(f"\n{title}: words, by the head's own probabilities and as told")
    print("confidence     words    mean   right      words    mean   right")
    for index in range(NUM_BINS):
        cells = []
        for bins in (before.words, after.words):
            own = next((b for b in bins if round(b.low * NUM_BINS) == index), None)
            told = f"{own.weight:9.0f}  {own.confidence:6.3f}  {own.right:6.3f}" if own else ""
            cells.append(f"{told:<25}")
        print(
            f"{index / NUM_BINS:.1f} to {(index + 1) / NUM_BINS:.1f}  {'  '.join(cells)}".rstrip()
        )
    for name, number in (("words", 0), ("lines", 1)):
        print(
            f"expected calibration error of {name}: {before.errors[number]:.4f}, "
            f"as told {after.errors[number]:.4f}"
        )


def plot(found: dict[str, tuple[Reliability, Reliability]], path: Path) -> None:
    """Draw share of right words over confidence, a column for each folder, words above lines."""
    pyplot = require("matplotlib.pyplot", extra="data")
    figure, axes = pyplot.subplots(
        2, len(found), figsize=(4 * len(found), 8), squeeze=False, layout="constrained"
    )
    for column, (name, pair) in enumerate(found.items()):
        for row, kind in enumerate(("words", "lines")):
            axis = axes[row][column]
            axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
            for reliability, told, color in zip(
                pair, ("the head's own", "as told"), ("tab:orange", "tab:blue"), strict=True
            ):
                bins, error = getattr(reliability, kind), reliability.errors[row]
                sizes = [4 + 60 * b.weight / sum(b.weight for b in bins) for b in bins]
                x, y = [b.confidence for b in bins], [b.right for b in bins]
                axis.plot(x, y, color=color, linewidth=1, label=f"{told}: error {error:.3f}")
                axis.scatter(x, y, s=sizes, color=color)
            axis.set(xlim=(0, 1.02), ylim=(0, 1.02), title=f"{name}: {kind}", xlabel="confidence")
            axis.set_ylabel("right words" if kind == "words" else "right characters")
            axis.legend(loc="upper left", fontsize=8)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--limit", type=int, help="pages of each folder")
    parser.add_argument("--fit", action="store_true", help="write the model's calibration")
    parser.add_argument("--measured-on", default="", help="what --fit says of the pages")
    return parser.parse_args()


def main() -> None:
    """Read, print, draw; fit if asked."""
    arguments = parse_arguments()
    checkpoint = find_checkpoint(arguments.model)
    # What is to be fitted anew may belong to other weights.
    calibration = Calibration() if arguments.fit else load_calibration(checkpoint)
    loaded = load_recognizer(checkpoint, calibrated=False)
    if not isinstance(loaded, StripRecognizer):
        raise SystemExit(f"{checkpoint} reads whole pages, which have no words with confidences")
    reader = Reader(loaded, min_confidence=MIN_CONFIDENCE)
    seen = {
        folder.name: read_folder(reader, folder, arguments.limit) for folder in arguments.folders
    }
    if arguments.fit:
        words = [word for lines in seen.values() for line in lines for word in line.words]
        told = arguments.measured_on or ", ".join(seen)
        calibration = Calibration(*fit_calibration(words), weights_digest(checkpoint), told)
        calibration.save(checkpoint)
        print(f"{checkpoint / CALIBRATION_FILE}: {calibration}")
    found = {
        name: (measure(lines, Calibration()), measure(lines, calibration))
        for name, lines in seen.items()
    }
    for name, pair in found.items():
        show(name, *pair)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        plot(found, arguments.out / "reliability.png")
        raw = {
            name: {
                told: {
                    "errors": one.errors,
                    **{k: [asdict(b) for b in getattr(one, k)] for k in KINDS},
                }
                for told, one in zip(("own", "told"), pair, strict=True)
            }
            for name, pair in found.items()
        }
        (arguments.out / "reliability.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
