"""`vary export`: a checkpoint of ours in the layout of a release."""

from pathlib import Path
from typing import Annotated

import typer

from vary.checkpoints import find_checkpoint


def export_weights(
    model: Annotated[str, typer.Argument(metavar="DIR", help="A checkpoint or vocabulary folder.")],
    layout: Annotated[str, typer.Option("--layout", help="Such as vary-tiny, got-hf, sam.")],
    out: Annotated[
        Path, typer.Option("--out", help="A new folder, or a .safetensors, .bin or .pth file.")
    ],
) -> None:
    """Write a model so that the release's own code, or transformers, loads it."""
    folder = find_checkpoint(model)
    from vary.cli.quiet import settle_torch
    from vary.model.folders import check_is_free

    check_is_free(out)
    settle_torch()
    from vary.model.layouts.exporting import export_weights as write_out

    done = write_out(folder, layout, out)
    typer.echo(f"layout {done.layout}: {done.tensors} tensors", err=True)
    if done.left_out:
        typer.echo(f"left out, the layout has no place: {', '.join(done.left_out)}", err=True)
    if done.given_back:
        typer.echo(f"{len(done.given_back)} of them kept since the import", err=True)
    typer.echo(str(done.out))
