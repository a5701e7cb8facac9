"""Tables of LaTeX sources: cells as plain texts, titles from the captions of their floats."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from vary.data.engines.association.table_stories import FoundTable
from vary.data.engines.latex.cutting import read_definitions
from vary.data.engines.latex.names import MATH_COMMANDS, TABULARS
from vary.data.engines.latex.pieces import Run, Table
from vary.data.engines.latex.running_text import Script, read_runs
from vary.data.engines.latex.sources import MAX_BYTES, Nearest, by_command, decode
from vary.data.engines.latex.tables import read_table
from vary.data.engines.latex.tokens import Macro, TokenReader, UnusableError, expand, read_tokens

T = TypeVar("T")
_FLOATS = frozenset(("table", "table*", "figure", "figure*", "wraptable", "wrapfigure", "SCtable"))
# All that these languages write; which of it can be drawn the chart engine's fonts decide.
_SCRIPT = Script("zh")
# Formulas that are no more than numbers, names and signs.
_PLAIN_FORMULA = re.compile(r"[A-Za-z0-9 .,+\-%<>=/()*]*")
# What a caption may hold besides text: switches of fonts, and marks that print nothing.
_PRINT_NOTHING = {
    "\\fontfamily": 1, "\\fontsize": 2, "\\selectfont": 0, "\\label": 1, "\\index": 1,
    "\\footnote": 1, "\\footnotemark": 0, "\\cite": 1, "\\citep": 1, "\\citet": 1,
}  # fmt: skip
_SENTENCE = re.compile(r"(.{8,}?[.。])(?:\s|$|(?<=。))")
# How the readers tell of a command, and how many of them a table may have.
_UNKNOWN = re.compile(r"^unknown in text: (\\\w+)$")
_MOST_UNKNOWN = 6
_NOTE = re.compile(r"\s*\[[\d, ]+\]")


def tables_of_tex(folder: Path, reasons: Counter[str]) -> Iterator[FoundTable]:
    """Yield the tables in floats of a folder's `.tex` files.

    Args:
        folder: where they lie, subfolders too; macros may stand in any of them.
        reasons: counts what cannot be read.
    """
    tokens = dict(_read_files(folder, reasons))
    nothing = {command: Macro(number, None, ()) for command, number in _PRINT_NOTHING.items()}
    # No file's own meaning of a command counts where that prints nothing here.
    meanings = by_command({name: read_definitions(own).macros for name, own in tokens.items()})
    meanings = {command: found for command, found in meanings.items() if command not in nothing}
    meanings |= by_command({"": nothing})
    for name, own in tokens.items():
        macros = Nearest(name, meanings, kept_alone=MATH_COMMANDS)
        for body in _floats(own):
            yield from _tables_of_float(body, macros, name, reasons)


def _read_files(folder: Path, reasons: Counter[str]) -> Iterator[tuple[str, list[str]]]:
    for path in sorted(folder.rglob("*.tex")):
        try:
            if not path.is_file() or path.stat().st_size > MAX_BYTES:
                continue
            content = path.read_bytes()
        except OSError as error:
            reasons[f"unreadable file ({type(error).__name__})"] += 1
            continue
        yield path.relative_to(folder).as_posix(), read_tokens(decode(content))


def _floats(tokens: Sequence[str]) -> Iterator[list[str]]:
    reader = TokenReader(tokens)
    while reader:
        if reader.next() != "\\begin":
            continue
        try:
            name = "".join(reader.argument())
            if name in _FLOATS:
                yield reader.environment(name)
        except UnusableError:  # of an environment without end: nothing more can be told apart
            continue


def _tables_of_float(
    body: Sequence[str], macros: Mapping[str, Macro], source: str, reasons: Counter[str]
) -> Iterator[FoundTable]:
    """Yield a float's tables; its caption is the title of the only one."""
    reader = TokenReader(body)
    caption, tabulars = "", []
    while reader:
        token = reader.next()
        try:
            if token == "\\caption":
                reader.take("*")
                reader.optional()
                caption = _title(reader.argument(), macros)
            elif token == "\\begin":
                name = "".join(reader.argument())
                if name in TABULARS:
                    tabulars.append((name, reader.environment(name)))
        except UnusableError:
            continue
    for name, inner in tabulars:
        try:
            rows = _rows(_leniently(partial(_table, name), inner, macros))
        except UnusableError as error:
            reasons[f"LaTeX: {error}"] += 1
            continue
        yield FoundTable(caption if len(tabulars) == 1 else "", rows, source)


def _title(tokens: Sequence[str], macros: Mapping[str, Macro]) -> str:
    """Return the first sentence of a caption, empty where it cannot be read."""
    try:
        text = _NOTE.sub("", _text(_leniently(_runs, tokens, macros)))
    except UnusableError:
        return ""
    first = _SENTENCE.match(text)
    return (first.group(1) if first else text).strip().rstrip(".。:：")


def _table(name: str, tokens: Sequence[str]) -> Table:
    return read_table(name, tokens, _SCRIPT)


def _runs(tokens: Sequence[str]) -> tuple[Run, ...]:
    return read_runs(tokens, _SCRIPT)


def _leniently(
    read: Callable[[Sequence[str]], T], tokens: Sequence[str], macros: Mapping[str, Macro]
) -> T:
    """Return what is read; commands that nobody knows print their arguments.

    Nothing is set by these texts as LaTeX, and in captions and cells such commands mostly change
    the face of a name.

    Raises:
        UnusableError: it cannot be read.
    """
    for _ in range(_MOST_UNKNOWN):
        try:
            return read(expand(tokens, macros))
        except UnusableError as error:
            command = _UNKNOWN.search(str(error))
            if command is None or command.group(1) not in tokens:
                raise
            tokens = [token for token in tokens if token != command.group(1)]
    raise UnusableError("too many unknown commands")


def _text(runs: Sequence[Run]) -> str:
    r"""Return what runs print; empty where a formula has more than numbers and plain signs."""
    parts = []
    for run in runs:
        content = run.content
        if run.kind != "text":
            content = content.replace("\\%", "%").replace("{,}", ",").replace("\\$", "$")
            if not _PLAIN_FORMULA.fullmatch(content.replace("$", "")):
                return ""
        parts.append(content)
    return " ".join("".join(parts).split())


def _rows(table: Table) -> tuple[tuple[str, ...], ...]:
    """Return cells as texts; the rows of a head are one.

    Raises:
        UnusableError: a cell below the head covers several columns.
    """
    rows = [[(_text(cell.runs), cell.columns) for cell in row] for row in table.rows]
    height = 1
    while height < len(rows) and not rows[height][0][0]:
        height += 1
    if any(columns > 1 for row in rows[height:] for _, columns in row):
        raise UnusableError("cells over several columns")
    spread = [[text for text, columns in row for _ in range(columns)] for row in rows[:height]]
    head = [_head(column) for column in zip(*spread, strict=True)]
    body = [[text for text, _ in row] for row in rows[height:]]
    used = [at for at, name in enumerate(head) if name or any(row[at] for row in body)]
    return tuple(tuple(row[at] for at in used) for row in [head, *body])


def _head(cells: Sequence[str]) -> str:
    """Return the cells of a column's head as one text, without dashes that stand for nothing."""
    return " ".join(cell for cell in cells if cell.strip("-–— "))
