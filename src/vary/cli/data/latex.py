"""`vary data latex`: pages of text, formulas and tables from LaTeX sources."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vary.errors import VaryError

# Indices per shard: a page takes half a second, and a stopped run loses little.
SHARD_SIZE = 128


def latex(
    sources: Annotated[Path, typer.Option(help="Folder of *.tex files, subfolders too.")],
    out: Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")],
    count: Annotated[int, typer.Option(help="How many indices to try.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")],
    kind: Annotated[str, typer.Option(help="page, formulas, tables, or table (alone).")] = "page",
    language: Annotated[str, typer.Option(help="en (pdflatex) or zh (xelatex).")] = "en",
    text: Annotated[
        Path | None, typer.Option(help="Folder of *.txt files whose paragraphs come between.")
    ] = None,
    templates: Annotated[
        str | None, typer.Option(help="Templates to take, with commas between; else all.")
    ] = None,
    exclude_templates: Annotated[
        str | None, typer.Option(help="Templates to leave, with commas between.")
    ] = None,
    dpi: Annotated[str, typer.Option(help="Resolution: a number or a range.")] = "80-160",
    workers: Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")] = 1,
    include_sources: Annotated[
        list[str] | None, typer.Option(help="Pattern of source files to take (repeatable).")
    ] = None,
    exclude_sources: Annotated[
        list[str] | None, typer.Option(help="Pattern of source files to leave (repeatable).")
    ] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Folder of Chinese fonts (repeatable).")
    ] = None,
    shard_size: Annotated[int, typer.Option(help="Indices per shard.")] = SHARD_SIZE,
) -> None:
    """Make pages of text, formulas and tables, set anew from LaTeX sources; it needs TeX."""
    from vary.cli.data.making import generate_with_progress, report
    from vary.data.engines.latex.engine import LatexConfig, build_latex_engine
    from vary.data.shards import Run

    config = LatexConfig(
        sources=sources,
        language=language,  # type: ignore[arg-type] # checked by LatexConfig
        kind=kind,  # type: ignore[arg-type]
        text=text,
        templates=_names(templates),
        exclude_templates=_names(exclude_templates),
        dpi=_range(dpi),
        include_sources=tuple(include_sources or ()),
        exclude_sources=tuple(exclude_sources or ()),
        fonts=tuple(fonts) if fonts else None,
    )
    run = Run(out, count, seed, shard_size, workers)
    report(generate_with_progress(partial(build_latex_engine, config), run), out)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    try:
        return int(low), int(high or low)
    except ValueError as error:
        raise VaryError(f"--dpi {text!r}: give whole numbers, as in 80-160") from error
