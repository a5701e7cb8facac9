"""`vary data natural`: photos as negatives."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

# Photos per shard: files of some tens of megabytes.
SHARD_SIZE = 512


def natural(
    photos: Annotated[Path, typer.Argument(help="Folder of photos, subfolders too; or COCO's.")],
    out: Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")],
    seed: Annotated[int, typer.Option(help="Same seed, same sentences.")],
    count: Annotated[int | None, typer.Option(help="How many photos; else all.")] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="COCO's JSON (instances, captions): only its photos.")
    ] = None,
    text_annotations: Annotated[
        Path | None, typer.Option(help="COCO-Text's JSON: photos that hold text are dropped.")
    ] = None,
    max_texts: Annotated[int, typer.Option(help="Legible texts that a photo may hold.")] = 0,
    order: Annotated[str, typer.Option(help="name, or mixed (by a hash of the name).")] = "name",
    licence: Annotated[str, typer.Option(help="Of the photos, for their source.")] = "",
    max_side_px: Annotated[
        int, typer.Option(help="Longer photos are made smaller; 0: none is.", min=0)
    ] = 1024,
    min_side_px: Annotated[int, typer.Option(help="Photos shorter than this are dropped.")] = 64,
    quality: Annotated[int, typer.Option(help="Of JPEG, where encoded anew.")] = 90,
    own_bytes: Annotated[
        bool, typer.Option(help="Keep the files of photos that need no change.")
    ] = True,
    workers: Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")] = 1,
    shard_size: Annotated[int, typer.Option(help="Photos per shard.")] = SHARD_SIZE,
) -> None:
    """Make negatives of photos: each with a sentence that says that it is a photo."""
    from vary.cli.data.importing import generate_source
    from vary.data.engines.natural import NaturalConfig, build_natural_engine

    config = NaturalConfig(
        photos=photos,
        annotations=annotations,
        text_annotations=text_annotations,
        max_texts=max_texts,
        order=order,  # type: ignore[arg-type] # checked by NaturalConfig
        licence=licence,
        max_side_px=max_side_px or None,
        min_side_px=min_side_px,
        quality=quality,
        own_bytes=own_bytes,
    )
    generate_source(partial(build_natural_engine, config), (out, count, seed), shard_size, workers)
