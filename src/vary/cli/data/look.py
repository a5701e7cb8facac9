"""`vary data show`, `stats` and `verify`: look at a set, count it, check it."""

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from vary.errors import VaryError

if TYPE_CHECKING:
    from vary.data.distributions import SetStats
    from vary.data.schema import Sample

FolderArgument = Annotated[Path, typer.Argument(help="A generated set.")]
# Values of a property that the table shows.
_SHOWN_VALUES = 12


def show(
    folder: FolderArgument,
    out: Annotated[
        Path | None, typer.Option(help="File to write, .png or .html; else a PNG beside the set.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many samples.", min=1)] = 12,
    start: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    boxes: Annotated[bool, typer.Option(help="Draw the words' boxes.")] = True,
) -> None:
    """Write a contact sheet of some samples; one alone (--count 1, PNG) at full size."""
    from vary.data.sheet import some_samples

    path = out or folder.resolve().with_name(f"{folder.resolve().name}-sheet.png")
    suffix = path.suffix.lower()
    if suffix not in {".png", ".html"}:
        raise VaryError(f"--out {path}: write .png or .html")
    samples = some_samples(folder, start, count)
    content = (_page if suffix == ".html" else _picture)(folder, samples, boxes)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise VaryError(
            f"{path}: cannot be written ({error.strerror}); give another --out"
        ) from error
    typer.echo(path)


def stats(
    folder: FolderArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plots: Annotated[
        Path | None, typer.Option(help="Folder for histograms and bars, and a page of them.")
    ] = None,
) -> None:
    """Count what a set holds: how long, how large, in which language, and what was dropped."""
    from vary.data.distributions import set_stats

    found = set_stats(folder)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print_stats(found)
    if plots is not None:
        from vary.data.stats_plots import write_plots

        typer.echo(write_plots(found, plots), err=as_json)


def verify(folder: FolderArgument) -> None:
    """Check shards, counts, ids, images and boxes; exit 1 if anything is wrong."""
    from vary.data.verifying import verify_set
    from vary.markup import plain

    problems = 0
    for problem in verify_set(folder):
        problems += 1
        typer.echo(plain(problem))
    typer.echo(f"{folder}: {problems} problems" if problems else f"{folder}: sound")
    if problems:
        raise typer.Exit(1)


def _picture(folder: Path, samples: "list[Sample]", boxes: bool) -> bytes:
    from vary.data.manifest import read_manifest
    from vary.data.sheet import contact_sheet, draw_sample

    if len(samples) == 1 and samples[0].images:
        picture = draw_sample(samples[0], boxes=boxes)
    else:
        picture = contact_sheet(samples, read_manifest(folder).rejects, boxes=boxes)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()


def _page(folder: Path, samples: "list[Sample]", boxes: bool) -> bytes:
    from vary.data.manifest import read_manifest, read_rejects
    from vary.data.sheet_page import sheet_page

    manifest, rejects = read_manifest(folder), read_rejects(folder)
    text = sheet_page(folder.resolve().name, manifest, samples, rejects, boxes=boxes)
    return text.encode("utf-8")


def _print_stats(found: "SetStats") -> None:
    from rich.table import Table

    console = Console()
    totals = Table("what", "value", show_header=False)
    for name in ("engine", "seed", "count", "samples", "size_bytes", "images", "words",
                 "characters", "distinct_characters"):  # fmt: skip
        totals.add_row(name.replace("_", " "), str(getattr(found, name)))
    console.print(totals)
    names = ("fewest", "quarter", "median", "three_quarters", "most", "mean")
    spreads = Table("of a sample", *(name.replace("_", " ") for name in names))
    for what, spread in found.distributions.items():
        spreads.add_row(_shown(what), *(f"{getattr(spread, name):,.4g}" for name in names))
    console.print(spreads)
    values = Table("property", "value", "samples")
    for what, counts in found.counts.items():
        shown = list(counts.items())[:_SHOWN_VALUES]
        values.add_row(
            _shown(what),
            "\n".join(_shown(value) or "(empty)" for value, _ in shown),
            "\n".join(str(number) for _, number in shown),
        )
        if (more := found.distinct[what] - len(shown)) > 0:
            values.add_row("", f"and {more} values more", "")
    console.print(values)
    if found.rejects:
        dropped = Table("dropped for", "indices")
        for reason, number in found.rejects.items():
            dropped.add_row(_shown(reason), str(number))
        console.print(dropped)


def _shown(value: str) -> str:
    """Return a text of the set in one short line that means nothing to the terminal."""
    from vary.markup import plain

    line = plain(" ".join(value.split()))
    return escape(line if len(line) <= 100 else f"{line[:99]}…")
