"""`vary data blank`: pages and pictures without text."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vary.cli.data.making import generate_with_progress, report
from vary.cli.data.options import (
    CountOption,
    ExcludeFontsOption,
    FontsOption,
    IncludeFontsOption,
    OutOption,
    SeedOption,
    ShardSizeOption,
    WorkersOption,
    number_range,
)

# Indices per shard: files of some tens of megabytes, and a stopped run loses little.
SHARD_SIZE = 128


def blank(
    out: OutOption,
    count: CountOption,
    seed: SeedOption,
    kinds: Annotated[
        str | None, typer.Option(help="Kinds, taken in turn; else all that can be made.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Folder of *.txt files that shine through: kind bleed.")
    ] = None,
    long_side_px: Annotated[str, typer.Option(help="Longer side: a number or a range.")] = (
        "1000-1700"
    ),
    scanned: Annotated[float, typer.Option(help="Share of drawn pages that look scanned.")] = 0.6,
    workers: WorkersOption = 1,
    fonts: FontsOption = None,
    include_fonts: IncludeFontsOption = None,
    exclude_fonts: ExcludeFontsOption = None,
    shard_size: ShardSizeOption = None,
) -> None:
    """Make pages and pictures without text: noise, rules, stains, folds, figures, frames."""
    from vary.data.engines.blank.engine import KINDS, BlankConfig, build_blank_engine
    from vary.data.shards import Run

    able = tuple(kind for kind in KINDS if text is not None or kind != "bleed")
    config = BlankConfig(
        kinds=tuple(part.strip() for part in kinds.split(",")) if kinds else able,
        long_side_px=number_range(long_side_px, "--long-side-px"),
        scanned=scanned,
        text=text,
        fonts=tuple(fonts) if fonts else None,
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
    )
    size = SHARD_SIZE if shard_size is None else shard_size
    run = Run(out, count, seed, size, workers)
    report(generate_with_progress(partial(build_blank_engine, config), run), out)
