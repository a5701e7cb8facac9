"""`vary data`: make training data with an engine, look at it, count it, check it."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vary.errors import VaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vary.data.engines.base import Engine
    from vary.data.engines.page.engine import PageConfig
    from vary.data.inspect import SetStats
    from vary.data.manifest import Manifest
    from vary.data.shards import Run

# Indices per shard: files of some tens of megabytes, and a stopped run loses little.
SHARD_SIZES = {"page": 128, "tile": 2048, "line": 4096, "block": 2048, "blank": 128}

app = typer.Typer(no_args_is_help=True, help="Make training data, look at it, check it.")


@app.callback()
def data() -> None:
    """Make training data with an engine, look at it, count it, check it."""


TextOption = Annotated[Path, typer.Option(help="Folder of *.txt files, one paragraph per line.")]
OutOption = Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")]
CountOption = Annotated[int, typer.Option(help="How many indices to try.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same bytes.")]
WorkersOption = Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")]
FontsOption = Annotated[
    list[Path] | None, typer.Option(help="Font folder (repeatable); else the system's.")
]
LanguageOption = Annotated[str, typer.Option(help="Language of the text.")]
TargetOption = Annotated[str, typer.Option(help="lines (as drawn) or paragraphs.")]
IncludeTextOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of text files to take (repeatable).")
]
ExcludeTextOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of text files to leave (repeatable).")
]
IncludeFontsOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of font families or files to take.")
]
ExcludeFontsOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of font families or files to leave.")
]
ShardSizeOption = Annotated[int | None, typer.Option(help="Indices per shard.")]


@app.command()
def page(
    text: TextOption,
    out: OutOption,
    count: CountOption,
    seed: SeedOption,
    kind: Annotated[str, typer.Option(help="page, tile (2-4 lines) or line.")] = "page",
    workers: WorkersOption = 1,
    fonts: FontsOption = None,
    language: LanguageOption = "en",
    target: TargetOption = "lines",
    dpi: Annotated[str, typer.Option(help="Resolution: a number or a range.")] = "72-200",
    columns: Annotated[str, typer.Option(help="Allowed numbers of columns.")] = "1,2,3",
    sizes: Annotated[str, typer.Option(help="Page sizes.")] = "a4,letter,book,slide",
    include_text: IncludeTextOption = None,
    exclude_text: ExcludeTextOption = None,
    include_fonts: IncludeFontsOption = None,
    exclude_fonts: ExcludeFontsOption = None,
    shard_size: ShardSizeOption = None,
) -> None:
    """Make pages, tiles or lines from plain text and fonts."""
    from vary.data.engines.page.engine import PageConfig

    config = PageConfig(
        text=text,
        fonts=tuple(fonts) if fonts else None,
        kind=kind,  # type: ignore[arg-type] # checked by PageConfig, which names what is allowed
        language=language,
        target=target,  # type: ignore[arg-type]
        dpi=_range(dpi, "--dpi"),
        columns=_numbers(columns, "--columns"),
        sizes=tuple(part.strip() for part in sizes.split(",")),
        include_text=tuple(include_text or ()),
        exclude_text=tuple(exclude_text or ()),
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
    )
    _make(config, (out, count, seed), shard_size, workers)


@app.command()
def block(
    text: TextOption,
    out: OutOption,
    count: CountOption,
    seed: SeedOption,
    canvas_px: Annotated[str, typer.Option(help="Height x width of the image.")] = "256x256",
    body_px: Annotated[str, typer.Option(help="Em size: a number or a range.")] = "16-24",
    lines: Annotated[str, typer.Option(help="Lines: a number or a range.")] = "1-12",
    words: Annotated[
        str | None, typer.Option(help="Words: a number or a range; else lines are full.")
    ] = None,
    shuffled: Annotated[float, typer.Option(help="Share whose letters change places.")] = 0.0,
    anywhere: Annotated[float, typer.Option(help="Share that stands anywhere.")] = 0.25,
    workers: WorkersOption = 1,
    fonts: FontsOption = None,
    language: LanguageOption = "en",
    target: TargetOption = "lines",
    include_text: IncludeTextOption = None,
    exclude_text: ExcludeTextOption = None,
    include_fonts: IncludeFontsOption = None,
    exclude_fonts: ExcludeFontsOption = None,
    shard_size: ShardSizeOption = None,
) -> None:
    """Make blocks: words, lines or small pages on a canvas of a given size."""
    from vary.data.engines.page.block import BlockConfig
    from vary.data.engines.page.engine import PageConfig

    height, _, width = canvas_px.partition("x")
    config = PageConfig(
        text=text,
        fonts=tuple(fonts) if fonts else None,
        kind="block",
        language=language,
        target=target,  # type: ignore[arg-type] # checked by PageConfig
        include_text=tuple(include_text or ()),
        exclude_text=tuple(exclude_text or ()),
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
        block=BlockConfig(
            canvas_px=_range(f"{height}-{width or height}", "--canvas-px"),
            body_px=_range(body_px, "--body-px"),
            lines=_range(lines, "--lines"),
            words=_range(words, "--words") if words else None,
            shuffled=shuffled,
            anywhere=anywhere,
        ),
    )
    _make(config, (out, count, seed), shard_size, workers)


@app.command()
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
        long_side_px=_range(long_side_px, "--long-side-px"),
        scanned=scanned,
        text=text,
        fonts=tuple(fonts) if fonts else None,
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
    )
    size = SHARD_SIZES["blank"] if shard_size is None else shard_size
    run = Run(out, count, seed, size, workers)
    _report(_generate_with_progress(partial(build_blank_engine, config), run), out)


@app.command()
def make(
    recipe: Annotated[Path, typer.Argument(help="A data recipe, as those in recipes/eval.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Changes: key=value, dots between keys: options.dpi=[72,100]."),
    ] = None,
    *,
    out: OutOption,
    workers: WorkersOption = 1,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 unless it is the frozen set, to the pixel.")
    ] = False,
) -> None:
    """Make a set from a recipe; a frozen one is checked against what was published."""
    from vary.data.frozen import check_fonts, hash_set, judge, pixel_versions, write_card
    from vary.data.recipe import load_set_recipe

    plan = load_set_recipe(recipe, overrides or [])
    frozen = plan.frozen
    if frozen is not None:
        check_fonts(plan.name, frozen, getattr(plan.config, "fonts", None))
    elif check:
        raise VaryError(f"{recipe}: not a frozen set, or changed by {overrides}: nothing to check")
    run = plan.run(out, workers)
    _report(_generate_with_progress(plan.engine_builder(), run), out)
    found = hash_set(out)
    verdict = None if frozen is None else judge(frozen, found, pixel_versions(plan.engine))
    write_card(out, plan, found, verdict)
    typer.echo(f"{plan.name}: text {found.text_sha256}, pixels {found.pixels_sha256}")
    if verdict is not None:
        typer.echo(f"{plan.name}: {verdict.message}")
        if not verdict.same_text or (check and not verdict.same_pixels):
            raise typer.Exit(1)


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A generated set.")],
    out: Annotated[Path | None, typer.Option(help="PNG to write; else beside the set.")] = None,
    count: Annotated[int, typer.Option(help="How many samples.", min=1)] = 12,
    start: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    boxes: Annotated[bool, typer.Option(help="Draw the words' boxes.")] = True,
) -> None:
    """Write a contact sheet of some samples; one alone (--count 1) at full size."""
    from vary.data.inspect import contact_sheet, draw_sample, some_samples

    samples = some_samples(folder, start, count)
    single = count == 1 and len(samples) == 1
    if single:
        picture = draw_sample(samples[0], boxes=boxes)
    else:
        picture = contact_sheet(samples, boxes=boxes)
    path = out or folder.resolve().with_name(f"{folder.resolve().name}-sheet.png")
    try:
        picture.save(path, format="PNG")
    except OSError as error:
        raise VaryError(
            f"{path}: cannot be written ({error.strerror}); give another --out"
        ) from error
    typer.echo(path)


@app.command()
def stats(
    folder: Annotated[Path, typer.Argument(help="A generated set.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count samples, words, characters, sources and rejects."""
    from vary.data.inspect import set_stats

    counts = set_stats(folder)
    if as_json:
        typer.echo(json.dumps(counts.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print_stats(counts)


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A generated set.")]) -> None:
    """Check hashes, columns, images and boxes; exit 1 if anything is wrong."""
    from vary.data.inspect import verify_set

    problems = 0
    for problem in verify_set(folder):
        problems += 1
        typer.echo(problem)
    typer.echo(f"{folder}: {problems} problems" if problems else f"{folder}: sound")
    if problems:
        raise typer.Exit(1)


def _make(
    config: "PageConfig", what: tuple[Path, int, int], shard_size: int | None, workers: int
) -> None:
    """Generate a set with the page engine; `what` is folder, count and seed."""
    from vary.data.engines.page.engine import build_page_engine
    from vary.data.shards import Run

    size = SHARD_SIZES[config.kind] if shard_size is None else shard_size
    run = Run(*what, size, workers)
    manifest = _generate_with_progress(partial(build_page_engine, config), run)
    _report(manifest, run.folder)


def _generate_with_progress(build_engine: "Callable[[], Engine]", run: "Run") -> "Manifest":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from vary.data.shards import generate

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(str(run.folder), total=run.count)
        return generate(build_engine, run, lambda shard: progress.advance(task, shard.count))


def _report(manifest: "Manifest", folder: Path) -> None:
    typer.echo(f"{folder}: {manifest.samples} samples in {len(manifest.shards)} shards")
    for reason, number in manifest.rejects.items():
        typer.echo(f"  {number} dropped: {reason}")
    if not manifest.samples:
        raise VaryError(f"{folder}: no sample could be made; rejects.jsonl says why")


def _print_stats(counts: "SetStats") -> None:
    from rich.table import Table

    table = Table("what", "value", show_header=False)
    for name, value in counts.as_dict().items():
        shown = value
        if isinstance(value, dict):
            shown = "\n".join(f"{key or '(empty)'}: {number}" for key, number in value.items())
        table.add_row(name.replace("_", " "), str(shown))
    Console().print(table)


def _range(text: str, option: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    numbers = _numbers(f"{low},{high or low}", option)
    return numbers[0], numbers[1]


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise VaryError(f"{option} {text!r}: give whole numbers, as in 72-200 or 1,2") from error
