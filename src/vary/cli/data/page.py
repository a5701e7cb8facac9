"""`vary data page` and `block`: text and fonts as pages, lines, blocks."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vary.cli.data.making import generate_with_progress, report
from vary.cli.data.options import (
    CountOption,
    ExcludeFontsOption,
    ExcludeTextOption,
    FontsOption,
    IncludeFontsOption,
    IncludeTextOption,
    LanguageOption,
    OutOption,
    SeedOption,
    ShardSizeOption,
    TargetOption,
    TextOption,
    WorkersOption,
    number_range,
    numbers,
)

if TYPE_CHECKING:
    from vary.data.engines.page.engine import PageConfig

# Indices per shard: files of some tens of megabytes, and a stopped run loses little.
SHARD_SIZES = {"page": 128, "tile": 2048, "line": 4096, "block": 2048}

ShareOption = Annotated[float, typer.Option(help="Share, 0 to 1; kind page only.", min=0, max=1)]
OtherTextOption = Annotated[
    Path | None, typer.Option(help="Text in the other script, for --mixed.")
]
TableMarkupOption = Annotated[str, typer.Option(help="Tables in Markdown: latex or pipe.")]
KeepFurnitureOption = Annotated[
    bool, typer.Option("--keep-furniture", help="Markdown keeps running heads and page numbers.")
]

AlphabetOption = Annotated[
    str | None,
    typer.Option(
        help="Characters of lines: latin, zh or a file of them; else the language's. Kind line "
        "only."
    ),
]


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
    tables: ShareOption = 0.0,
    footnotes: ShareOption = 0.0,
    furniture: ShareOption = 0.0,
    mixed: ShareOption = 0.0,
    other_text: OtherTextOption = None,
    table_markup: TableMarkupOption = "latex",
    keep_furniture: KeepFurnitureOption = False,
    include_text: IncludeTextOption = None,
    exclude_text: ExcludeTextOption = None,
    include_fonts: IncludeFontsOption = None,
    exclude_fonts: ExcludeFontsOption = None,
    alphabet: AlphabetOption = None,
    shard_size: ShardSizeOption = None,
) -> None:
    """Make pages, tiles or lines from plain text and fonts.

    The shares are those of pages with footnotes, further running heads and page numbers, or mixed
    scripts; that of tables is the chance after each paragraph.
    """
    from vary.data.engines.page.engine import PageConfig
    from vary.data.engines.page.features import PageFeatures

    config = PageConfig(
        text=text,
        fonts=tuple(fonts) if fonts else None,
        kind=kind,  # type: ignore[arg-type] # checked by PageConfig, which names what is allowed
        language=language,
        alphabet=alphabet,
        target=target,  # type: ignore[arg-type]
        dpi=number_range(dpi, "--dpi"),
        columns=numbers(columns, "--columns"),
        sizes=tuple(part.strip() for part in sizes.split(",")),
        include_text=tuple(include_text or ()),
        exclude_text=tuple(exclude_text or ()),
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
        features=PageFeatures(
            tables=tables,
            footnotes=footnotes,
            furniture=furniture,
            mixed=mixed,
            other_text=other_text,
            table_markup=table_markup,  # type: ignore[arg-type]
            keep_furniture=keep_furniture,
        ),
    )
    _make(config, (out, count, seed), shard_size, workers)


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
            canvas_px=number_range(f"{height}-{width or height}", "--canvas-px"),
            body_px=number_range(body_px, "--body-px"),
            lines=number_range(lines, "--lines"),
            words=number_range(words, "--words") if words else None,
            shuffled=shuffled,
            anywhere=anywhere,
        ),
    )
    _make(config, (out, count, seed), shard_size, workers)


def _make(
    config: "PageConfig", what: tuple[Path, int, int], shard_size: int | None, workers: int
) -> None:
    """Generate a set with the page engine; `what` is folder, count and seed."""
    from vary.data.engines.page.engine import build_page_engine
    from vary.data.shards import Run

    size = SHARD_SIZES[config.kind] if shard_size is None else shard_size
    run = Run(*what, size, workers)
    manifest = generate_with_progress(partial(build_page_engine, config), run)
    report(manifest, run.folder)
