"""`vary extract`: a vocabulary out of a checkpoint, into a folder of its own."""

from pathlib import Path
from typing import Annotated

import typer

from vary.checkpoints import find_checkpoint


def extract(
    model: Annotated[
        str, typer.Argument(help="A bundled checkpoint's name (nano), or the folder of one.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for the vocabulary.")],
    index: Annotated[
        int, typer.Option("--index", min=0, help="Which of its vocabularies, from 0.")
    ] = 0,
) -> None:
    """Write a vocabulary as safetensors with its configuration, image rule and card."""
    folder = find_checkpoint(model)
    from vary.cli.quiet import settle_torch
    from vary.model.folders import check_is_free
    from vary.model.vocabulary_folder import extract_vocabulary

    check_is_free(out)
    settle_torch()
    typer.echo(str(extract_vocabulary(folder, out, index)))
