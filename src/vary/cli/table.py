"""Tables of commands, each imported when it is called."""

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

# name -> (module:function, or module:app of several commands; what it does)
Table = dict[str, tuple[str, str]]


class CommandTable(TyperGroup):
    """A group that lists its commands from a table and imports the one that is called."""

    table: ClassVar[Table] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, help_text) in self.table.items():
            self.commands[name] = TyperCommand(name, callback=None, help=help_text)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the called command, imported, and its arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name in self.table else command, rest

    def load(self, name: str) -> Any:
        """Import a command of the table."""
        return load_command(name, *self.table[name])


def load_command(name: str, target: str, help_text: str) -> Any:
    """Import a command and name it."""
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
