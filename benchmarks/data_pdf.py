"""The pdf engine beside PyMuPDF's bare calls on the same pages, the same encoding on both sides.

    python benchmarks/data_pdf.py FOLDER [--pages 100] [--rounds 3] [--language any] [--image png]

Bare: load the page, draw it at 1024 px, encode it, ask for its words. The engine: the same picture
and encoding, reading order, words by their outlines, all label checks, in a worker that may die.
Both go through the pages in turn, a run of eight at a time, so that what else the machine does
hits both. Pages that the engine rejects are left out on both sides.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf

from vary.data.engines.base import Reject, sample_rng
from vary.data.engines.pdf.config import Language, PdfConfig
from vary.data.engines.pdf.engine import PdfEngine, build_pdf_engine
from vary.data.engines.pdf.inventory import RUN_PAGES
from vary.data.engines.pdf.made import encode, has_colour
from vary.errors import VaryError

LONG_SIDE_PX = 1024


@dataclass(frozen=True)
class Speeds:
    """Pages per second of both, as medians of the rounds.

    Attributes:
        pages: on which both were measured.
        bare: PyMuPDF's calls.
        engine: ours.
    """

    pages: int
    bare: float
    engine: float

    @property
    def share(self) -> float:
        """Ours over theirs."""
        return self.engine / self.bare


def measure(engine: PdfEngine, pages: int, rounds: int) -> Speeds:
    """Return the speeds on the first pages that the engine makes samples of.

    Args:
        engine: on any documents; its images have `LONG_SIDE_PX`.
        pages: how many.
        rounds: times that both go through them, after one that does not count.
    """
    indices = _usable(engine, pages)
    if not indices:
        raise VaryError("no page gives a sample; give other documents")
    runs = [indices[start : start + RUN_PAGES] for start in range(0, len(indices), RUN_PAGES)]
    times = np.zeros((rounds, 2))
    for number in range(rounds):
        for run in runs:
            times[number, 0] += _bare(engine, run)
            times[number, 1] += _engine(engine, run)
    bare, ours = (statistics.median(column) for column in times.T.tolist())
    return Speeds(len(indices), len(indices) / bare, len(indices) / ours)


def _usable(engine: PdfEngine, pages: int) -> list[int]:
    found: list[int] = []
    for index in range(len(engine)):
        try:
            engine.sample(index, sample_rng(1, engine.name, index))
        except Reject:
            continue
        found.append(index)
        if len(found) == pages:
            break
    return found


def _engine(engine: PdfEngine, indices: Sequence[int]) -> float:
    """Return the seconds that the engine takes."""
    start = time.perf_counter()
    for index in indices:
        engine.sample(index, sample_rng(1, engine.name, index))
    return time.perf_counter() - start


def _bare(engine: PdfEngine, indices: Sequence[int]) -> float:
    """Return the seconds that the bare calls take; a document is opened when it is another one."""
    start = time.perf_counter()
    path: Path | None = None
    document: Any = None
    for index in indices:
        known, number = engine.inventory.page(index)
        if known.place.path != path:
            path = known.place.path
            document = pymupdf.open(path)
        page = document.load_page(number)
        scale = LONG_SIDE_PX / max(page.rect.width, page.rect.height)
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
        pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3)
        encode(
            pixels if has_colour(pixels) else np.ascontiguousarray(pixels[..., 0]), engine.options
        )
        page.get_text("words")
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the speeds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--language", default="any")
    parser.add_argument("--image", default="png")
    given = parser.parse_args()
    language: Language = given.language
    with tempfile.TemporaryDirectory() as cache:
        config = PdfConfig((given.folder,), language=language, image=given.image, cache=Path(cache))
        speeds = measure(build_pdf_engine(config), given.pages, given.rounds)
    print(
        f"{speeds.pages} pages: bare {speeds.bare:.2f}/s, engine {speeds.engine:.2f}/s, "
        f"{100 * speeds.share:.0f} %"
    )


if __name__ == "__main__":
    main()
