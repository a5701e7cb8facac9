"""Tables: tabulars read into cells and rules, and written again as LaTeX."""

import re
from collections.abc import Sequence
from dataclasses import replace

from vary.data.engines.latex.formulas import split_at
from vary.data.engines.latex.names import FULL_RULES, ROW_DROPPED, TABULARS
from vary.data.engines.latex.pieces import Cell, Rule, Table
from vary.data.engines.latex.running_text import Script, read_runs
from vary.data.engines.latex.tokens import TokenReader, UnusableError

MAX_ROWS, MAX_COLUMNS = 36, 12
_COLUMN_KINDS = {"l": "l", "c": "c", "r": "r", "p": "l", "m": "l", "b": "l", "X": "l", "L": "l",
                 "C": "c", "R": "r", "Y": "c", "S": "r", "D": "r", "J": "l", "d": "r"}  # fmt: skip
_WITH_ARGUMENT = {"p": 1, "m": 1, "b": 1, "D": 3, "w": 2}
_STAR = re.compile(r"\s*(\d{1,2})\s*")


def read_table(name: str, tokens: Sequence[str], script: Script) -> Table:
    """Return the table of a tabular environment.

    Args:
        name: of the environment, one of `TABULARS`.
        tokens: between its begin and its end, macros written out.
        script: what may stand in it.

    Raises:
        UnusableError: it holds what the engine does not know, is too large, or its rows and its
            columns do not agree.
    """
    reader = TokenReader(tokens)
    for sign in TABULARS[name][:-1]:
        reader.skip(sign)
    columns, bars = read_columns(reader.argument())
    rows, rules = _read_rows(reader.rest(), columns, script)
    _drop_empty_end(rows, rules)
    while len(columns) > 2 and all(row[-1] == Cell(()) for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
        bars = frozenset(min(bar, len(columns)) for bar in bars)
    if len(rows) < 2 or len(columns) < 2:
        raise UnusableError("a table of one row or one column")
    if len(rows) > MAX_ROWS or len(columns) > MAX_COLUMNS:
        raise UnusableError("a table too large")
    if not any(cell.runs for row in rows for cell in row):
        raise UnusableError("an empty table")
    return Table(columns, bars, tuple(rows), tuple(rules))


def _drop_empty_end(rows: list[tuple[Cell, ...]], rules: list[tuple[Rule, ...]]) -> None:
    """Take rows away in which nothing is left, as where a table ends in pictures."""
    if any(cell.rows > 1 for row in rows for cell in row):
        return
    while len(rows) > 2 and not any(cell.runs for cell in rows[-1]):
        rows.pop()
        rules[-2:] = [tuple(dict.fromkeys(rules[-2] + rules[-1]))]


def read_columns(tokens: Sequence[str]) -> tuple[str, frozenset[int]]:
    """Return the letters of a table's columns, and the places of its vertical rules.

    Raises:
        UnusableError: a column of an unknown kind.
    """
    reader = TokenReader(
        [sign for token in tokens for sign in ([token] if token[0] == "\\" else token)]
    )
    columns: list[str] = []
    bars: set[int] = set()
    while reader:
        token = reader.next()
        if token == "|":
            bars.add(len(columns))
        elif token in _COLUMN_KINDS:
            reader.skip("m" * _WITH_ARGUMENT.get(token, 0))
            if token == "S":
                reader.optional()
            columns.append(_COLUMN_KINDS[token])
        elif token in {"@", "!", ">", "<"}:
            reader.argument()
        elif token == "*":
            times = _STAR.fullmatch("".join(reader.argument()))
            if times is None or len(columns) > MAX_COLUMNS:
                raise UnusableError("a table too large")
            reader.put_back([*reader.argument()] * int(times.group(1)))
        elif token not in {" ", ":", ";"}:
            raise UnusableError("a column of an unknown kind")
    return "".join(columns), frozenset(bars)


def _read_rows(
    tokens: Sequence[str], columns: str, script: Script
) -> tuple[list[tuple[Cell, ...]], list[tuple[Rule, ...]]]:
    rows: list[tuple[Cell, ...]] = []
    rules: list[tuple[Rule, ...]] = []
    pending: list[Rule] = []
    for part in split_at(_with_row_ends(tokens), "\\\\"):
        found, rest = _take_rules(part)
        pending += found
        if not any(token.strip() for token in rest):
            continue
        rules.append(tuple(dict.fromkeys(pending)))
        rows.append(_read_row(rest, columns, script))
        pending = []
    rules.append(tuple(dict.fromkeys(pending)))
    return rows, rules


def _with_row_ends(tokens: Sequence[str]) -> list[str]:
    return ["\\\\" if token in {"\\tabularnewline", "\\cr"} else token for token in tokens]


def _take_rules(tokens: Sequence[str]) -> tuple[list[Rule], list[str]]:
    """Return the rules that a row begins with, and the rest of it."""
    reader, rules = TokenReader(tokens), []
    while reader:
        reader.skip_spaces()
        name = reader.peek()[1:] if reader.peek().startswith("\\") else ""
        if name in FULL_RULES:
            reader.next()
            reader.optional()
            if name == "Xhline":
                reader.argument()
            rules.append(Rule())
        elif name in {"cline", "cmidrule"}:
            reader.next()
            reader.optional()
            if reader.peek() == "(":
                reader.next()
                reader.until("", ")")
            rules.append(_part_rule("".join(reader.argument())))
        elif name in ROW_DROPPED:
            reader.next()
            reader.skip(ROW_DROPPED[name])
        else:
            break
    return rules, reader.rest()


def _part_rule(text: str) -> Rule:
    first, _, last = text.partition("-")
    if not (first.strip().isdecimal() and last.strip().isdecimal()):
        raise UnusableError("a rule of a table that is none")
    return Rule(int(first), int(last))


def _read_row(tokens: Sequence[str], columns: str, script: Script) -> tuple[Cell, ...]:
    cells = [_read_cell(part, script) for part in split_at(tokens, "&")]
    covered = sum(cell.columns for cell in cells)
    if covered > len(columns):
        raise UnusableError("a row with more cells than the table has columns")
    return (*cells, *(Cell(()) for _ in range(len(columns) - covered)))


def _read_cell(tokens: Sequence[str], script: Script) -> Cell:
    reader = TokenReader(tokens)
    reader.skip_spaces()
    cell = Cell(())
    if reader.peek() == "\\multicolumn":
        reader.next()
        count = "".join(reader.argument()).strip()
        letters, _ = read_columns(reader.argument())
        inner = reader.argument()
        _refuse_more(reader)
        cell = replace(cell, columns=_span(count, MAX_COLUMNS), align=letters[:1] or "l")
        reader = TokenReader(inner)
        reader.skip_spaces()
    if reader.peek() == "\\multirow":
        reader.next()
        reader.optional()
        count = "".join(reader.argument()).strip()
        reader.optional()
        reader.argument()
        reader.optional()
        inner = reader.argument()
        _refuse_more(reader)
        cell = replace(cell, rows=_span(count, MAX_ROWS))
        reader = TokenReader(inner)
    runs = read_runs(reader.rest(), script)
    if any(run.kind == "display" for run in runs):
        raise UnusableError("a table with formulas on lines of their own")
    return replace(cell, runs=runs)


def _refuse_more(reader: TokenReader) -> None:
    reader.skip_spaces()
    if reader:
        raise UnusableError("a cell with more behind its span")


def _span(text: str, most: int) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= most):
        raise UnusableError("a span of cells that is none")
    return int(text)


def restyle(table: Table, style: str) -> Table:
    """Return a table with other rules.

    Args:
        table: the table; one whose cells cover rows keeps its rules, but for ``booktabs``.
        style: ``own`` (as in the source), ``booktabs`` (above, below the head, below), ``rows``
            (between all rows), ``grid`` (and columns), ``open`` (grid without sides), ``none``.
    """
    spans_rows = any(cell.rows > 1 for row in table.rows for cell in row)
    number, full = len(table.rows), (Rule(),)
    if style == "own" or (spans_rows and style in {"rows", "grid", "open"}):
        return table
    if style == "none":
        return replace(table, bars=frozenset(), rules=((),) * (number + 1))
    if style == "booktabs":
        head = max((cell.rows for cell in table.rows[0]), default=1)
        parts = [rule for rule in table.rules[1] if rule.first] if number > 1 else []
        rules = [full, *(((),) * (number - 1)), full]
        rules[min(head, number - 1)] = full
        if parts and head > 1:
            rules[1] = tuple(parts)
        return replace(table, bars=frozenset(), rules=tuple(rules))
    everywhere = (full,) * (number + 1)
    if style == "rows":
        return replace(table, bars=frozenset(), rules=everywhere)
    last = len(table.columns)
    sides = {0, last} if style == "grid" else set()
    return replace(table, bars=frozenset(sides | set(range(1, last))), rules=everywhere)


def column_letters(table: Table) -> str:
    """Return the column specification, as `|l|c|`."""
    out = []
    for place in range(len(table.columns) + 1):
        out.append("|" if place in table.bars else "")
        out.append(table.columns[place : place + 1])
    return "".join(out)


def cell_letters(table: Table, place: int, cell: Cell) -> str:
    """Return the specification of a cell over columns, with the rules beside it."""
    left = "|" if place == 0 and 0 in table.bars else ""
    right = "|" if place + cell.columns in table.bars else ""
    return f"{left}{cell.align or 'c'}{right}"
