"""`vary data pdf`: page images and their texts from real PDFs."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vary.cli.data.making import generate_with_progress, report
from vary.cli.data.options import number_range

SHARD_SIZE = 128

IncludeOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of documents to take (repeatable).")
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of documents to leave (repeatable).")
]
DropOption = Annotated[
    Path | None, typer.Option(help="A list of `vary data index`: pages to leave out.")
]
CacheOption = Annotated[
    Path | None, typer.Option(help="Folder that remembers documents; else the user's cache.")
]


def pdf(
    sources: Annotated[
        list[Path],
        typer.Argument(help="PDFs, folders, tar archives, or lists of paths (*.txt)."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")],
    count: Annotated[
        int | None, typer.Option(help="How many pages to try; else all there are.")
    ] = None,
    language: Annotated[str, typer.Option(help="en, zh, or any, which checks none.")] = "en",
    target: Annotated[str, typer.Option(help="lines (as drawn) or paragraphs.")] = "lines",
    long_side_px: Annotated[str, typer.Option(help="Longer side: a number or a range.")] = "1024",
    dpi: Annotated[
        str | None, typer.Option(help="Resolution instead: a number or a range.")
    ] = None,
    image: Annotated[str, typer.Option(help="png, jpeg or webp.")] = "png",
    quality: Annotated[int, typer.Option(help="Of jpeg and webp.")] = 90,
    order: Annotated[str, typer.Option(help="shuffled or listed.")] = "shuffled",
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    min_characters: Annotated[int, typer.Option(help="Of a target.")] = 100,
    max_characters: Annotated[int, typer.Option(help="Of a target.")] = 8000,
    drop: DropOption = None,
    cache: CacheOption = None,
    cpu_s: Annotated[int, typer.Option(help="Processor seconds that a page may take.")] = 30,
    memory_mib: Annotated[int, typer.Option(help="Memory that opening PDFs may take.")] = 1024,
    workers: Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")] = 1,
    shard_size: Annotated[int, typer.Option(help="Indices per shard.")] = SHARD_SIZE,
) -> None:
    """Make page images and texts with word boxes from PDFs; needs PyMuPDF (AGPL)."""
    from vary.data.engines.pdf.config import PdfConfig
    from vary.data.engines.pdf.engine import build_pdf_engine
    from vary.data.shards import Run

    config = PdfConfig(
        sources=tuple(sources),
        language=language,  # type: ignore[arg-type] # checked by PdfConfig, which names what is
        target=target,  # type: ignore[arg-type]     # allowed
        long_side_px=number_range(long_side_px, "--long-side-px"),
        dpi=None if dpi is None else number_range(dpi, "--dpi"),
        image=image,  # type: ignore[arg-type]
        quality=quality,
        order=order,  # type: ignore[arg-type]
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        min_characters=min_characters,
        max_characters=max_characters,
        drop=drop,
        cache=cache,
        cpu_s=cpu_s,
        memory_mib=memory_mib,
    )
    build = partial(build_pdf_engine, config)
    number = len(build()) if count is None else count
    run = Run(out, number, seed, shard_size, workers)
    report(generate_with_progress(build, run), out)
