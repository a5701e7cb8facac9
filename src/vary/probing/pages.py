"""What a report and a probe leave: words, tables, JSON, a picture, and an HTML page with all."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vary.data.manifest import replace_file
from vary.errors import VaryError
from vary.markup import Html, document, plain, tag


@dataclass(frozen=True)
class Sheet:
    """A table of texts.

    Attributes:
        title: above it.
        head: names of the columns; all but the first are set flush right.
        rows: as many cells each.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """All that is told of a report or a probe.

    Attributes:
        kicker: what it is.
        title: of what.
        lines: what it says, in words; the first is the answer to the user's question.
        sheets: the figures.
        notes: how to read them.
        picture: ``png`` and ``svg``.
        values: everything, for programs.
    """

    kicker: str
    title: str
    lines: tuple[str, ...]
    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]
    picture: Mapping[str, bytes]
    values: Mapping[str, Any]


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print what an outcome says, its tables, and how to read them."""
    for line in outcome.lines:
        console.print(Text(plain(line)), soft_wrap=True)
    for sheet in outcome.sheets:
        console.print()
        table = Table(
            title=plain(sheet.title), title_justify="left", title_style="bold", box=None,
            pad_edge=False, padding=(0, 2, 0, 0), header_style="dim",
        )  # fmt: skip
        for number, name in enumerate(sheet.head):
            table.add_column(plain(name), justify="right" if number else "left", overflow="fold")
        for row in sheet.rows:
            table.add_row(*(Text(plain(cell)) for cell in row))
        console.print(table)
    console.print()
    for note in outcome.notes:
        console.print(Text(plain(note), "dim"), soft_wrap=True)


def write_outcome(outcome: Outcome, out: Path, name: str) -> list[Path]:
    """Write an outcome into a folder, and return the files: JSON, HTML, PNG and SVG.

    Raises:
        VaryError: they cannot be written.
    """
    values = json.dumps(outcome.values, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    contents = {
        "html": html_page(outcome).encode(),
        "json": values.encode(),
        **outcome.picture,
    }
    written = []
    try:
        for form, content in contents.items():
            path = out / f"{name}.{form}"
            replace_file(path, content)
            written.append(path)
    except OSError as error:
        raise VaryError(
            f"{out}: cannot be written ({error.strerror}); make room, and give the same command "
            "again: what was measured is kept"
        ) from error
    return written


def html_page(outcome: Outcome) -> str:
    """Return one HTML file that needs nothing else."""
    style = files("vary.eval.report").joinpath("style.css").read_text(encoding="utf-8")
    image = base64.b64encode(outcome.picture["png"]).decode("ascii")
    header = tag("header", tag("p", outcome.kicker, class_="kicker"), tag("h1", outcome.title))
    says = tag("section", tag("ul", *(tag("li", line) for line in outcome.lines), class_="notes"))
    plot = tag(
        "section",
        tag(
            "div",
            tag("img", src=f"data:image/png;base64,{image}", alt=outcome.title),
            class_="image",
        ),
    )
    notes = tag(
        "section",
        tag("h2", "How to read the numbers"),
        tag("ul", *(tag("li", note) for note in outcome.notes), class_="notes"),
    )
    tables = [tag("section", tag("h2", sheet.title), _table(sheet)) for sheet in outcome.sheets]
    body = tag("body", tag("main", header, says, plot, *tables, notes))
    return document(outcome.title, style, body)


def _table(sheet: Sheet) -> Html:
    def row(kind: str, cells: Sequence[str]) -> Html:
        first = tag("th", cells[0])
        return tag("tr", first, *(tag(kind, cell, class_="num") for cell in cells[1:]))

    table = tag(
        "table",
        tag("thead", row("th", sheet.head)),
        tag("tbody", *(row("td", cells) for cells in sheet.rows)),
    )
    return tag("div", table, class_="wide")
