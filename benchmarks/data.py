"""How many samples the data engines make, beside the limits, and what the paper's sets would cost.

    python benchmarks/data.py --text-en FOLDER --text-zh FOLDER --pdf-en FOLDER --pdf-zh FOLDER \
        --tex-en FOLDER --tex-zh FOLDER --photos FOLDER --stories-en FILE [--only pages,pdf] \
        [--warm-up 5] [--seconds 20] [--json FILE]

Every recipe of recipes/data whose material is given, pages of 1024 px and lines: samples per second
of one core, images encoded, in a process of its own. `whole` counts all from the building of the
engine on; `steady` leaves out the building and the warm-up, in which engines load fonts. Seconds
are those of the processor, of the process and all that it starts (TeX, Node, the workers that open
PDFs), so that what else the machine does matters little. From the steady rate: core hours and
gigabytes for the recipe's whole count. MiB is the peak of all these processes together, own what
of it is not mapped from files such as fonts, at the end. Then the share of a page's time that
packing it as PNG takes.

Last, by the clock: the pdf engine beside PyMuPDF's bare calls (`data_pdf.py`), charts beside a bare
savefig (`data_charts.py`), and two workers beside one. These want an idle machine. Linux.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from data_rates import Rate, Window, packing_share, rate

from vary.data.degrade.engine import build_degraded
from vary.data.degrade.presets import DegradeConfig
from vary.data.engines.base import Engine
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.engines.page.features import PageFeatures
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.engine import build_pdf_engine
from vary.data.pool import Work, make_in_processes
from vary.data.recipe import load_set_recipe
from vary.data.shards import Run, begun_manifest
from vary.errors import VaryError

RECIPES = Path(__file__).resolve().parents[1] / "recipes" / "data"
# An A4 page at this resolution is 1024 px high.
DPI_OF_1024 = 88
# Which argument is which option of which recipes: the option's place takes the argument's value.
MATERIAL = {
    "text_en": {
        "pages-en": "text", "pages-markdown-en": "text", "pages-zh": "features.other_text",
        "charts-matplotlib-en": "text", "charts-echarts-en": "text",
    },
    "text_zh": {
        "pages-zh": "text", "pages-markdown-zh": "text", "pages-en": "features.other_text",
        "charts-matplotlib-zh": "text", "charts-echarts-zh": "text",
    },
    "pdf_en": {"pdf-en": "sources"},
    "pdf_zh": {"pdf-zh": "sources"},
    "tex_en": {"latex-en": "sources", "latex-tables": "sources"},
    "tex_zh": {"latex-zh": "sources"},
    "photos": {"natural": "photos"},
    "stories_en": {"association-en": "stories"},
    "stories_zh": {"association-zh": "stories"},
}  # fmt: skip
# What is asked of an engine, samples per second of one core.
LIMITS = {
    "page, 1024 px, en": 25.0,
    "page, 1024 px, zh": 25.0,
    "line, en": 500.0,
    "charts-echarts-en": 15.0,
    "charts-echarts-zh": 15.0,
}
LIMIT_TWO_WORKERS = 1.8
# How a kind of page is told, and its name.
PAGE_KINDS = {
    "page, 1024 px": "page",
    "page, Markdown and features": "rich",
    "page, degraded as paper": "paper",
    "page, degraded as scan": "scan",
    "line": "line",
}
HEADS = {"whole": 8, "steady": 8, "asked": 6, "% ok": 4, "MiB": 6, "own": 6, "core h": 9, "GB": 8}


@dataclass(frozen=True)
class Comparison:
    """Samples per second of ours and of a peer on the same work.

    Attributes:
        name: what is compared.
        ours: samples per second.
        theirs: of the peer.
        asked: least ratio of both.
    """

    name: str
    ours: float
    theirs: float
    asked: float


def recipe_rate(name: str, overrides: Sequence[str], window: Window) -> Rate:
    """Return what a recipe of recipes/data makes in some seconds."""
    recipe = load_set_recipe(RECIPES / f"{name}.yaml", overrides)
    return rate(recipe.engine_builder(), name, window, recipe.count)


def page_rate(name: str, text: Path, window: Window, language: str, kind: str) -> Rate:
    """Return what the page engine makes of one of the `PAGE_KINDS`, or of lines."""
    return rate(page_builder(text, language, kind), name, window)


def page_builder(text: Path, language: str, kind: str) -> Callable[[], Engine]:
    """Return what builds the engine of A4 pages of 1024 px, of one kind, or of lines."""
    config = PageConfig(text=text, language=language, kind="line")
    if kind != "line":
        dpi = (DPI_OF_1024, DPI_OF_1024)
        config = PageConfig(text=text, language=language, sizes=("a4",), dpi=dpi)
    if kind == "rich":
        features = PageFeatures(tables=0.2, footnotes=0.3, furniture=0.3)
        config = replace(config, target="markdown", features=features)
    build = partial(build_page_engine, config)
    if kind in ("paper", "scan"):
        return partial(build_degraded, build, DegradeConfig(kind))
    return build


def page_packing(text: Path, language: str) -> float:
    """Return the share of a plain page's time that packing it as PNG takes."""
    return packing_share(page_builder(text, language, "page")())


def set_rate(text: Path, workers: int, shards: int = 12, shard_size: int = 24) -> float:
    """Return pages per second by the clock that some workers write into a set, once all are warm.

    Counted are the shards that are finished between the third of each worker and the time when
    the first of them has no more to do.
    """
    config = PageConfig(text=text, sizes=("a4",), dpi=(DPI_OF_1024, DPI_OF_1024))
    build = partial(build_page_engine, config)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder), shards * workers * shard_size, 1, shard_size, workers)
        work = Work(build, run, begun_manifest(build(), run), run.shards())
        ends = [time.perf_counter() for _ in make_in_processes(work)]
    counted = ends[3 * workers - 1 : len(ends) - workers + 1]
    return (len(counted) - 1) * shard_size / (counted[-1] - counted[0])


def _recipes(given: argparse.Namespace) -> dict[str, list[str]]:
    """Return the recipes that have all of their material, with their overrides."""
    overrides: dict[str, list[str]] = {}
    lacking = set()
    for argument, options in MATERIAL.items():
        path = getattr(given, argument)
        for recipe, option in options.items():
            if path is None:
                lacking.add(recipe)
                continue
            value = f"[{path}]" if recipe.startswith("pdf") else str(path)
            overrides.setdefault(recipe, []).append(f"options.{option}={value}")
    return {name: found for name, found in sorted(overrides.items()) if name not in lacking}


def _jobs(given: argparse.Namespace) -> dict[str, Callable[[], Rate]]:
    window = Window(given.warm_up, given.seconds)
    jobs: dict[str, Callable[[], Rate]] = {}
    for language in ("en", "zh"):
        text = getattr(given, f"text_{language}")
        if text is None:
            continue
        for told, kind in PAGE_KINDS.items():
            name = f"{told}, {language}"
            jobs[name] = partial(page_rate, name, text, window, language, kind)
    for name, overrides in _recipes(given).items():
        jobs[name] = partial(recipe_rate, name, overrides, window)
    return jobs


def beside_pymupdf(sources: Sequence[Path], pages: int = 100, rounds: int = 3) -> Comparison:
    """Return the pdf engine beside PyMuPDF's bare calls on the same pages, by the clock."""
    from data_pdf import measure  # noqa: PLC0415 - beside this script; needs PyMuPDF

    with tempfile.TemporaryDirectory() as cache:
        config = PdfConfig(tuple(sources), language="any", cache=Path(cache))
        speeds = measure(build_pdf_engine(config), pages, rounds)
    return Comparison("pdf, PyMuPDF's bare calls", speeds.engine, speeds.bare, 0.7)


def beside_savefig(text: Path, language: str, charts: int = 60) -> Comparison:
    """Return matplotlib charts beside a bare savefig of the same figures, by the processor.

    The figure is built, and was saved once before, when its fonts were loaded: that is left out.
    """
    from data_charts import matplotlib_rates  # noqa: PLC0415 - beside this script

    rates = matplotlib_rates(text, language, charts)
    ours = rates["charts_per_cpu_s"]
    name = f"charts-matplotlib-{language}, savefig"
    return Comparison(name, ours, ours / rates["% of a second one"] * 100, 0.7)


def two_beside_one(text: Path) -> Comparison:
    """Return pages that two workers write into a set beside one worker's, by the clock."""
    one, two = (set_rate(text, workers) for workers in (1, 2))
    return Comparison("pages by 2 workers, by 1", two, one, LIMIT_TWO_WORKERS)


def _comparisons(given: argparse.Namespace) -> dict[str, Callable[[], Comparison]]:
    compare: dict[str, Callable[[], Comparison]] = {}
    documents = [path for path in (given.pdf_en, given.pdf_zh) if path is not None]
    if documents:
        compare["pdf"] = partial(beside_pymupdf, documents)
    for language in ("en", "zh"):
        text = getattr(given, f"text_{language}")
        if text is not None:
            compare[f"charts-matplotlib-{language}"] = partial(beside_savefig, text, language)
    if given.text_en is not None:
        compare["pages"] = partial(two_beside_one, given.text_en)
    return compare


def _alone(job: Callable[[], Any]) -> Any:
    """Return what a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job).result()


def _told(found: Rate) -> str:
    limit = LIMITS.get(found.name)
    asked = "" if limit is None else f"{limit:.0f}"
    cost = f"{found.core_hours:9,.0f} {found.gigabytes:8,.0f}" if found.count else f"{'':18}"
    made = f"{100 * found.samples / found.indices:4.0f}"
    mib = f"{found.mib:6.0f} {found.own_mib:6.0f}"
    speeds = f"{found.whole:8.1f} {found.steady:8.1f}"
    return f"{found.name:35} {speeds} {asked:>6} {made} {mib} {cost}"


def _rates(given: argparse.Namespace, only: tuple[str, ...]) -> list[Rate]:
    """Measure and print all rates."""
    print(f"whole: from the start; steady: after {given.warm_up:g} s; both per second of one core")
    print(" " * 35, *(f"{head:>{width}}" for head, width in HEADS.items()))
    rates = []
    for name, job in _jobs(given).items():
        if not name.startswith(only):
            continue
        try:
            rates.append(_alone(job))
        except VaryError as error:
            print(f"{name}: {error}", flush=True)
            continue
        print(_told(rates[-1]), flush=True)
    return rates


def _packing(given: argparse.Namespace, only: tuple[str, ...]) -> dict[str, float]:
    """Measure and print how much of a page's time its packing takes."""
    shares = {}
    for language in ("en", "zh"):
        text = getattr(given, f"text_{language}")
        name = f"packing of a page, {language}"
        if text is not None and name.startswith(only):
            shares[name] = _alone(partial(page_packing, text, language))
            print(f"{name}: {100 * shares[name]:.0f} % of its time", flush=True)
    return shares


def _compared(given: argparse.Namespace, only: tuple[str, ...]) -> list[Comparison]:
    """Measure and print all comparisons."""
    print(f"\n{'':36}{'ours':>8} {'theirs':>8} {'ratio':>6} {'asked':>6}")
    comparisons = []
    for name, compare in _comparisons(given).items():
        if name.startswith(only):
            found = _alone(compare)
            comparisons.append(found)
            ratio = f"{found.ours / found.theirs:6.2f} {found.asked:6.2f}"
            print(f"{found.name:36}{found.ours:8.1f} {found.theirs:8.1f} {ratio}", flush=True)
    return comparisons


def main() -> None:
    """Measure what there is material for, and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    for argument in MATERIAL:
        parser.add_argument(f"--{argument.replace('_', '-')}", type=Path)
    parser.add_argument("--only", default="", help="beginnings of names, with commas between")
    parser.add_argument("--warm-up", type=float, default=5.0, help="seconds of the processor")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the processor, after that")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    only = tuple(given.only.split(","))
    rates = _rates(given, only)
    shares = _packing(given, only)
    comparisons = _compared(given, only)
    if given.json is not None:
        told = {
            "rates": [asdict(found) for found in rates],
            "packing": shares,
            "comparisons": [asdict(found) for found in comparisons],
        }
        given.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
