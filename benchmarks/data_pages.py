"""How many pages, lines and degraded pages the page engine makes per second of one core.

Seconds are the process's own (CPU time), so that a machine that others use gives about the same
numbers. Images are encoded. One warm-up per kind: the engine first learns which font has what, and
lines are put together from glyphs that are drawn once each, so that they are counted after more.

    python benchmarks/data_pages.py TEXT_FOLDER [--language en] [--count 60] [--only line]
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from vary.data.degrade.engine import build_degraded
from vary.data.degrade.presets import DegradeConfig
from vary.data.engines.base import Engine, Reject, make_sample
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.engines.page.features import PageFeatures
from vary.data.engines.page.png import png_bytes

# An A4 page at this resolution is 1024 px high.
DPI_OF_1024 = 88


# Of a set of lines of any size the first ones are few.
LINE_WARM_UP = 3000


def samples_per_second(engine: Engine, count: int, warm_up: int | None = None) -> float:
    """Return how many samples an engine makes per second of CPU time, after a warm-up."""
    _make(engine, 0, max(10, count // 2) if warm_up is None else warm_up)
    start = time.process_time()
    made = _make(engine, 1, count)
    return made / (time.process_time() - start)


def encoding_share(engine: Engine, count: int) -> float:
    """Return the share of an engine's time that encoding its images again would take."""
    pictures = [
        Image.open(io.BytesIO(make_sample(engine, 1, index).images[0].bytes))
        for index in range(count)
    ]
    for picture in pictures:
        picture.load()
    start = time.process_time()
    for picture in pictures:
        png_bytes(picture)
    seconds = (time.process_time() - start) / count
    return seconds * samples_per_second(engine, count)


def engines(text: Path, language: str) -> dict[str, Callable[[], Engine]]:
    """Return what is measured: a name for each engine, and what builds it."""
    page = PageConfig(text=text, language=language, sizes=("a4",), dpi=(DPI_OF_1024, DPI_OF_1024))
    rich = PageConfig(
        text=text,
        language=language,
        sizes=("a4",),
        dpi=(DPI_OF_1024, DPI_OF_1024),
        target="markdown",
        features=PageFeatures(tables=0.2, footnotes=0.3, furniture=0.3),
    )
    built: dict[str, Callable[[], Engine]] = {
        "page, 1024 px": lambda: build_page_engine(page),
        "page, 1024 px, Markdown and features": lambda: build_page_engine(rich),
        "page, 1024 px, degrade paper": lambda: build_degraded(
            lambda: build_page_engine(page), DegradeConfig("paper")
        ),
        "page, 1024 px, degrade scan": lambda: build_degraded(
            lambda: build_page_engine(page), DegradeConfig("scan")
        ),
    }
    line = PageConfig(text=text, language=language, kind="line")
    built["line"] = lambda: build_page_engine(line)
    return built


def _make(engine: Engine, seed: int, count: int) -> int:
    made = 0
    for index in range(count):
        try:
            make_sample(engine, seed, index)
        except Reject:
            continue
        made += 1
    return made


def main() -> None:
    """Print the rates of all engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--only", default="", help="of those whose name holds this")
    given = parser.parse_args()
    print(f"numpy {np.__version__}, {given.language}, {given.count} samples each")
    for name, build in engines(given.text, given.language).items():
        if given.only not in name:
            continue
        is_line = name == "line"
        count = given.count * (10 if is_line else 1)
        rate = samples_per_second(build(), count, LINE_WARM_UP if is_line else None)
        print(f"{name}: {rate:.1f} per second of one core", flush=True)
    if given.only not in "encoding":
        return
    share = encoding_share(build_page_engine(PageConfig(given.text, language=given.language)), 20)
    print(f"encoding: {100 * share:.0f} % of a page's time")


if __name__ == "__main__":
    main()
