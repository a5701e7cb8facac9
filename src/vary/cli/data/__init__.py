"""`vary data`: make training data with an engine, look at it, count it, check it."""

from typing import Any

import typer

from vary.cli.data.making import add_cluster_option, add_degrade_option
from vary.cli.table import CommandTable, Table

# Commands that make a set. A new engine's command is a function in a module of its own and a row
# here; it calls `generate_with_progress` and `report`; `--ray` and `--degrade` come of themselves.
ENGINES: Table = {
    "make": ("vary.cli.data.make:make", "Make a set from a recipe."),
    "page": ("vary.cli.data.page:page", "Make pages, tiles or lines from plain text and fonts."),
    "block": ("vary.cli.data.page:block", "Make blocks of words or lines on a canvas."),
    "blank": ("vary.cli.data.blank:blank", "Make pages and pictures without text."),
    "pdf": ("vary.cli.data.pdf:pdf", "Make page images and texts from PDFs."),
    "natural": ("vary.cli.data.natural:natural", "Make negatives of photos."),
    "latex": ("vary.cli.data.latex:latex", "Make pages of text, formulas and tables by TeX."),
    "association": ("vary.cli.data.association:association", "Make charts that tell something."),
    "import": ("vary.cli.data.importing:import_set", "Import a data set of others."),
}
# Commands that read one, or make what an engine takes.
OTHERS: Table = {
    "show": ("vary.cli.data.look:show", "Write a contact sheet of some samples."),
    "stats": ("vary.cli.data.look:stats", "Count what a set holds, and plot it."),
    "verify": ("vary.cli.data.look:verify", "Check that a set is whole and sound."),
    "stories": ("vary.cli.data.association:stories", "Collect what charts tell: for association."),
    "index": ("vary.cli.data.index:index", "List near duplicates and overlaps with tests."),
}


class DataCommands(CommandTable):
    """The commands of `vary data`."""

    table = {**ENGINES, **OTHERS}

    def load(self, name: str) -> Any:
        """Import a command; one that makes a set gets `--ray` and, but for recipes, `--degrade`."""
        command = super().load(name)
        if name in ENGINES:
            add_cluster_option(command)
        if name in ENGINES and name != "make":
            add_degrade_option(command)
        return command


app = typer.Typer(
    cls=DataCommands, no_args_is_help=True, help="Make training data, look at it, check it."
)


@app.callback()
def data() -> None:
    """Make training data with an engine, look at it, count it, check it."""
