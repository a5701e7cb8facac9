"""Seconds, memory and errors of `vary read`, plain `generate` and other OCR programs on pages.

    python benchmarks/read.py --pages FOLDER --out OUT [--rows vary,generate,tesseract,...]
                              [--threads 2] [--model nano] [--rapidocr-python PYTHON] [--worst N]

FOLDER holds pictures with a .txt of the same name (see docs/evaluation.md); a `META.json` there or
above tells documents and languages. One row runs after the other, alone, on the same pixels:

    vary           `vary read` with --model, in the type of number that it takes here by itself
    vary-bf16, vary-fp32
                   the same in bfloat16 and in float32
    vary-int8      the same in float32 with the linear layers in int8 (torch's dynamic quantization,
                   which leaves convolutions alone); `vary read` has no such option
    generate       transformers' `model.generate` on the same weights and the same strips, in the
                   order in which they stand on the page: what one would write without the reader
    tesseract      Tesseract, eng or chi_sim by the page's language, with one thread, which is its
                   fastest way
    tesseract-300  Tesseract at its best: the page's PDF drawn at 300 dpi, where one lies there
    rapidocr       RapidOCR (PP-OCR models by ONNX Runtime) with its defaults; its lines in the
                   order it gives them. --rapidocr-python names an environment that has it:
                   `pip install rapidocr onnxruntime`

It prints edit distance and F1 with 95 % intervals by document; seconds for each page (of the
program alone, after loading its model; Tesseract loads its for each page, as it is used), by the
clock and of processors; characters of the truth for each second, and English pages as if they had
400 words; and the largest resident memory. OUT holds the answers, the report and `speed.json`. What
ran before is not run again: take another OUT to time anew.
"""

import argparse
import json
import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from readers import DEFAULT_ROWS, find_peers
from rich.console import Console

from vary.eval.report import build_report, print_table, write_html
from vary.eval.runner import RunOptions, run_evaluation
from vary.eval.tasks.ocr import OcrTask

WORDS = 400  # of an English page that seconds are told for


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", default=DEFAULT_ROWS)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--threads", type=int, help="cores to run on; all", default=0)
    parser.add_argument("--rapidocr-python", default=sys.executable)
    parser.add_argument("--worst", type=int, default=12)
    return parser.parse_args()


def keep_to_cores(number: int) -> int:
    """Keep this process and its children to some cores, and return how many these are (Linux)."""
    cores = sorted(os.sched_getaffinity(0))
    chosen = cores[: number or len(cores)]
    os.sched_setaffinity(0, chosen)
    os.environ["OMP_NUM_THREADS"] = str(len(chosen))
    return len(chosen)


@dataclass(frozen=True)
class Speed:
    """How fast a row read some pages.

    Attributes:
        pages: that it answered.
        seconds_per_page: by the clock; `median_seconds`: of the median page.
        cpu_seconds_per_page: of all processors.
        characters_per_second: of the truth, white space collapsed.
        seconds_per_400_words: as many English words; None without English pages.
        peak_mb: largest resident memory, MiB.
        missing: pages without an answer.
    """

    pages: int
    seconds_per_page: float
    median_seconds: float
    cpu_seconds_per_page: float
    characters_per_second: float
    seconds_per_400_words: float | None
    peak_mb: float
    missing: int


def speed_of(run: Any, prompts: dict[str, Any], language: str = "") -> Speed:
    """Return how fast a row was.

    Args:
        run: what it answered.
        prompts: by id.
        language: of the pages that count; empty for all.
    """
    chosen = {
        name: response
        for name, response in run.responses.items()
        if not language or prompts[name].groups.get("language") == language
    }
    timed = {name: r for name, r in chosen.items() if r.seconds is not None}
    seconds = [response.seconds for response in timed.values()]
    cpu = [response.meta.get("cpu_seconds") or 0.0 for response in timed.values()]
    truths = {name: " ".join(prompts[name].truth.split()) for name in timed}
    english = [name for name in timed if not any("\u4e00" <= c <= "\u9fff" for c in truths[name])]
    words = sum(len(truths[name].split()) for name in english)
    spent = sum(timed[name].seconds for name in english)
    number, total = max(1, len(timed)), sum(seconds)
    return Speed(
        pages=len(timed),
        seconds_per_page=total / number,
        median_seconds=statistics.median(seconds) if seconds else 0.0,
        cpu_seconds_per_page=sum(cpu) / number,
        characters_per_second=sum(map(len, truths.values())) / total if total else 0.0,
        seconds_per_400_words=WORDS * spent / words if words else None,
        peak_mb=max((response.meta.get("peak_mb", 0) for response in chosen.values()), default=0),
        missing=sum(response.answer is None for response in chosen.values()),
    )


HEAD = (
    f"{'':<13}  {'edit distance':<23}  {'F1':<23}  s/page  median  cpu s   chars/s  s/400 words  "
    "peak MiB  missing"
)


def row_of(name: str, metrics: dict[str, Any], speed: Speed) -> str:
    """Return a row of the table.

    Args:
        name: of the row.
        metrics: of these pages, from the report.
        speed: on these pages.
    """
    cells = [f"{name:<13}"]
    for metric in ("edit_distance", "f1"):
        told = metrics[metric]
        interval = "no interval"
        if told["low"] is not None:
            interval = f"[{told['low']:.4f}, {told['high']:.4f}]"
        cells.append(f"{told['value']:.4f} {interval:<16}")
    per_words = speed.seconds_per_400_words
    cells += [
        f"{speed.seconds_per_page:6.2f}",
        f"{speed.median_seconds:6.2f}",
        f"{speed.cpu_seconds_per_page:5.2f}",
        f"{speed.characters_per_second:8.0f}",
        f"{'' if per_words is None else format(per_words, '.2f'):>11}",
        f"{speed.peak_mb:8.0f}",
        f"{speed.missing:7}",
    ]
    return "  ".join(cells)


def print_rows(evaluation: Any, report: dict[str, Any]) -> list[dict[str, Any]]:
    """Print a table for each language of the pages, or one where there is but one.

    Returns: what was printed, as plain values.
    """
    groups = report["systems"][0]["groups"].get("language", {})
    rows = []
    for language in groups if len(groups) > 1 else [""]:
        print(f"\n{language or 'all pages'}")
        print(HEAD)
        for run, told in zip(evaluation.systems, report["systems"], strict=True):
            metrics = told["groups"]["language"][language] if language else told["metrics"]
            speed = speed_of(run, evaluation.prompts, language)
            print(row_of(run.name, metrics, speed))
            quality = {name: metrics[name] for name in ("edit_distance", "f1")}
            rows.append({"row": run.name, "language": language, **quality, **asdict(speed)})
    return rows


def machine(threads: int) -> dict[str, Any]:
    """Return what a timing hangs on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": threads,
        "torch": torch.__version__,
        "load": round(os.getloadavg()[0], 1),
    }


def tell(stage: str, done: int, total: int) -> None:
    """Print how far a stage is."""
    print(f"{stage}: {done} of {total}", file=sys.stderr)


def main() -> None:
    """Run the rows, print the table, write the report."""
    arguments = parse_arguments()
    threads = keep_to_cores(arguments.threads)
    where = machine(threads)
    told = ", ".join(f"{name} {value}" for name, value in where.items())
    print(f"{told} (a load above 0 when this began: something else was running)")
    peers = find_peers(arguments.rows.split(","), arguments.model, arguments.rapidocr_python)
    options = RunOptions(watch=tell)
    evaluation = run_evaluation(OcrTask(), arguments.pages, peers, arguments.out, options)
    report = build_report(evaluation, num_worst=arguments.worst)
    print_table(report, Console(width=100))
    found = report.to_dict()
    (arguments.out / "report.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    write_html(report, arguments.out / "report.html")
    rows = print_rows(evaluation, found)
    speed = {"machine": where, "rows": rows}
    (arguments.out / "speed.json").write_text(json.dumps(speed, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
