"""The command `vary`: a table of commands, each imported when it is called."""

from typing import Annotated, Any

import typer

from vary import __version__
from vary.cli.table import CommandTable, Table
from vary.errors import VaryError

EXIT_USAGE = 2
EXIT_STOPPED = 130  # as shells report an interrupt

COMMANDS: Table = {
    "read": ("vary.cli.read:read", "Read PDFs, images and folders of them into text."),
    "data": ("vary.cli.data:app", "Generate training data; look at it, count it, check it."),
    "plan": ("vary.cli.plan:plan", "Tell what a recipe takes: memory, FLOPs, hours."),
    "train": ("vary.cli.train:train", "Train by a recipe, or go on with a training."),
    "eval": ("vary.cli.eval:app", "Measure models and other programs on a task."),
    "merge": ("vary.cli.merge:merge", "Put vocabularies into a language or a finished model."),
    "extract": ("vary.cli.extract:extract", "Take a vocabulary out, into a folder of its own."),
    "import": ("vary.cli.importing:import_weights", "Take released weights in (SAM, Vary, GOT)."),
    "export": ("vary.cli.exporting:export_weights", "Write a model in a release's layout."),
    "vocab": ("vary.cli.vocab:app", "Tell what a vocabulary brings, and which sees what."),
    "info": ("vary.cli.info:info", "Show a checkpoint's parameters, tokens and shapes."),
}


class VaryCommands(CommandTable):
    """The commands of `vary`."""

    table = COMMANDS

    def invoke(self, ctx: Any) -> Any:
        """Run the called command; what the user can mend is told in one line, without a trace."""
        try:
            return super().invoke(ctx)
        except VaryError as error:
            typer.echo(f"vary: {error}", err=True)
            raise typer.Exit(EXIT_USAGE) from None
        except KeyboardInterrupt:
            typer.echo("vary: stopped; what is written stays, the same command goes on", err=True)
            raise typer.Exit(EXIT_STOPPED) from None


app = typer.Typer(
    name="vary",
    cls=VaryCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Grow a vision vocabulary for a vision-language model, and read documents with it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vary {__version__}")
        raise typer.Exit


@app.callback()
def vary_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Grow a vision vocabulary for a vision-language model, and read documents with it."""


def main() -> None:
    """Run the command line."""
    app(prog_name="vary")
