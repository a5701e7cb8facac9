"""`vary train`: any recipe, stopped at any time, going on where it was."""

from pathlib import Path
from typing import Annotated

import typer

from vary.extras import require


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/nano.yaml.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Changes: key=value, dots between keys: stages.read.steps=500."),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0, help="Stop with a checkpoint after this time; run again to go on."),
    ] = None,
) -> None:
    """Train a model as a recipe says; the same command goes on after a stop."""
    require("accelerate", extra="train")
    from transformers.utils.logging import disable_progress_bar

    from vary.train.guard import RunDiverged
    from vary.train.recipe import load_recipe
    from vary.train.run import train as run

    disable_progress_bar()  # of loading weights; the run's log tells what matters
    try:
        finished = run(load_recipe(recipe, overrides or []), max_minutes)
    except RunDiverged as error:
        typer.echo(f"vary: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(str(finished))
