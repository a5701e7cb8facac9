"""`vary data index`: find near duplicates and overlaps with evaluation pages."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer


def index(
    folder: Annotated[Path, typer.Argument(help="A generated set.")],
    out: Annotated[Path, typer.Option(help="Drop list to write (JSON lines).")],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Evaluation set, folder of *.txt, or such a file (repeatable)."),
    ] = None,
    similarity: Annotated[
        float, typer.Option(help="Near duplicates share at least so much of their text.")
    ] = 0.8,
    overlap: Annotated[
        float, typer.Option(help="Leaks share at least so much with an evaluation page.")
    ] = 0.2,
) -> None:
    """List what a set holds twice or shares with evaluation pages; engines take it as `drop`."""
    from vary.data.index import Thresholds, index_set, write_drop_list

    drops = index_set(folder, against or (), Thresholds(similarity, overlap))
    write_drop_list(drops, out)
    typer.echo(f"{out}: {len(drops)} samples of {folder} to drop")
    for reason, number in sorted(Counter(drop.reason for drop in drops).items()):
        typer.echo(f"  {number} {reason}")
