"""The command `vary`: a table of commands, each imported when it is called."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vary import __version__
from vary.errors import VaryError

EXIT_USAGE = 2
EXIT_STOPPED = 130  # as shells report an interrupt

# name -> (module:function, or module:app of several commands; what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "read": ("vary.cli.read:read", "Read PDFs, images and folders of them into text."),
    "data": ("vary.cli.data:app", "Generate training data; look at it, count it, check it."),
    "plan": ("vary.cli.plan:plan", "Tell what a recipe takes: memory, FLOPs, hours."),
    "train": ("vary.cli.train:train", "Train by a recipe, or go on with a training."),
    "eval": ("vary.cli.eval:app", "Measure models and other programs on a task."),
    "info": ("vary.cli.info:info", "Show a checkpoint's parameters, tokens and shapes."),
}


class CommandTable(TyperGroup):
    """A group that lists its commands from the table and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, help_text) in COMMANDS.items():
            self.commands[name] = TyperCommand(name, callback=None, help=help_text)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the called command, imported, and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else command, rest

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


def load_command(name: str) -> Any:
    """Import a command of the table."""
    target, help_text = COMMANDS[name]
    module_name, _, attribute = target.partition(":")
    found = getattr(import_module(module_name), attribute)
    if isinstance(found, typer.Typer):
        command = typer.main.get_command(found)
        shells = {"install_completion", "show_completion"}  # of the whole command only
        command.params = [option for option in command.params if option.name not in shells]
    else:
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        command = typer.main.get_command(single)
    command.name = name
    command.help = command.help or help_text
    return command


app = typer.Typer(
    name="vary",
    cls=CommandTable,
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
