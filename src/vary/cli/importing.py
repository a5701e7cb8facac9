"""`vary import`: released weights as a checkpoint of ours, or as a vocabulary folder."""

from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 4


def import_weights(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC", help="A .safetensors, .bin or .pth file, or the folder that holds it."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    layout: Annotated[
        str | None, typer.Option("--layout", help="Without it, found by the names in the file.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="A folder, where the release has none.")
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Before all names, where several fit.")
    ] = None,
    prompt_form: Annotated[
        str | None, typer.Option("--prompt-form", help="Without it the release's.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For what SAM does not have.")] = 0,
) -> None:
    """Take in SAM, Vary-tiny, Vary-tiny-600k, OneChart, Vary-base, Vary-toy or GOT-OCR2.0."""
    from vary.cli.quiet import settle_torch
    from vary.model.folders import check_is_free

    check_is_free(out)
    settle_torch()
    from vary.model.layouts.importing import import_weights as take_in

    done = take_in(
        source,
        out,
        layout=layout,
        prefix=prefix,
        tokenizer=tokenizer,
        prompt_form=prompt_form,
        seed=seed,
    )
    behind = f" behind {done.prefix!r}" if done.prefix else ""
    typer.echo(f"layout {done.layout}{behind}: {done.tensors} tensors, none left over", err=True)
    if done.unused:
        typer.echo(
            f"not used here, kept beside for an export: {len(done.unused)} tensors "
            f"({', '.join(done.unused[:_SHOWN])}{' ...' * (len(done.unused) > _SHOWN)})",
            err=True,
        )
    for note in done.notes:
        typer.echo(note, err=True)
    typer.echo(str(done.folder))
