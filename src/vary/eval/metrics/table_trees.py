"""Tables as trees: from HTML, from Markdown pipe tables and from LaTeX tabulars."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from vary.eval.metrics.edit_distance import collapse_white_space
from vary.extras import require

# HTML's own bounds: what is larger counts as these.
_MOST_COLUMNS, _MOST_ROWS = 1000, 65534

_TABLE_TAG = re.compile(r"<table[\s>]", re.IGNORECASE)
_TABULAR = re.compile(r"\\begin\s*\{(tabular[*xy]?|longtable|tabulary)\}")
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_RULES = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot|centering)(?![a-zA-Z])"
    r"|\\(?:cline|addlinespace|specialrule|cmidrule(?:\([^)]*\))?)(?:\[[^\]]*\])?(?:\{[^{}]*\})*"
)
_COMMENT = re.compile(r"(?<!\\)%[^\n]*\n?")
_MARKS = re.compile(r"\\(?:textbf|textit|emph|textrm|texttt|underline|bf|it|mathrm)(?![a-zA-Z])")
_ESCAPED = re.compile(r"\\([&%$#_{}])")
_BREAK = re.compile(r"\\\\\*?(?:\[[^\]]*\])?|\\tabularnewline(?![a-zA-Z])")
_DELIMITER = re.compile(r"\|?(?::?-+:?\|)*:?-+:?\|?")
_UNESCAPED_BAR = re.compile(r"(?<!\\)\|")
_BOLD = re.compile(r"(\*\*|`)(.+?)\1")


@dataclass(frozen=True)
class TableNode:
    """A node of a table: the table, a row, a cell; sections only where they are asked for.

    Attributes:
        tag: HTML's name.
        children: the nodes below, in order.
        colspan, rowspan: of a cell; 0 for all others.
        content: of a cell, in pieces that count one each: characters, and tags where kept.
    """

    tag: str
    children: tuple["TableNode", ...] = ()
    colspan: int = 0
    rowspan: int = 0
    content: tuple[str, ...] = ()

    def size(self) -> int:
        """Return how many nodes the tree has, itself among them."""
        return 1 + sum(child.size() for child in self.children)


@dataclass(frozen=True)
class TableCell:
    """A cell as it is written: its text, and how many columns and rows it covers."""

    text: str
    colspan: int = 1
    rowspan: int = 1


@dataclass
class _Environment:
    """How deep a place in LaTeX lies in braces and environments."""

    braces: int = 0
    inner: int = 0
    starts: list[int] = field(default_factory=list)

    @property
    def is_outer(self) -> bool:
        return self.braces == 0 and self.inner == 0


def table_tree(text: str) -> TableNode | None:
    """Return the tree of the first table in a text, None where there is none.

    HTML counts before LaTeX, and LaTeX before pipes. Rows lie right below the table, head cells
    are cells like others, and a cell's content is its text without markup, runs of white space
    as one space: so the same table is the same tree, however it is written.

    Raises:
        MissingExtraError: lxml is not installed, and the table is HTML.
    """
    if _TABLE_TAG.search(text):
        return _from_html(text)
    begin = _TABULAR.search(text)
    rows = _latex_rows(text, begin) if begin else pipe_rows(text)
    return _tree(rows) if rows else None


def pipe_rows(text: str) -> list[list[TableCell]]:
    r"""Return the cells of the first pipe table in a text; none where there is none.

    It starts at the first line with a bar that has a delimiter line (``|---|``) below it, or
    starts with a bar, and ends before the first line without one. ``\|`` is a bar in a cell.
    """
    rows: list[list[TableCell]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        has_bar = bool(_UNESCAPED_BAR.search(line))
        if not rows:
            below = lines[number + 1] if number + 1 < len(lines) else ""
            has_bar = has_bar and (line.lstrip().startswith("|") or _is_delimiter(below))
        if has_bar and not _is_delimiter(line):
            rows.append([TableCell(text) for text in _pipe_cells(line)])
        elif rows and not has_bar:
            break
    return rows


def html_node(table: Any, structure_only: bool = False) -> TableNode:
    """Return the tree of an lxml table exactly as PubTabNet builds it.

    Sections are nodes, only ``td`` is a cell, and its content is its characters as they stand
    and a piece for each tag in it.
    """
    if table.tag == "td":
        pieces = () if structure_only else tuple(_pieces(table))[1:-1]
        return TableNode("td", (), _span(table, "colspan"), _span(table, "rowspan"), pieces)
    below = tuple(html_node(child, structure_only) for child in table if isinstance(child.tag, str))
    return TableNode(table.tag, below)


def parse_html_table(text: str) -> Any:
    """Return the first table of an HTML text as an lxml element, None where there is none."""
    html = require("lxml.html", extra="eval")
    etree = require("lxml.etree", extra="eval")
    # No character that XML has not: lxml refuses the whole text for one NUL.
    clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)
    parser = html.HTMLParser(remove_comments=True, remove_pis=True, encoding="utf-8")
    try:
        page = html.document_fromstring(clean.encode(), parser=parser)
    except (etree.ParserError, ValueError):
        return None
    return next(iter(page.iter("table")), None)


def _from_html(text: str) -> TableNode | None:
    table = parse_html_table(text)
    if table is None:
        return None
    rows: list[list[TableCell]] = []
    for row in _own(table, "tr"):
        cells = list(_own(row, "td", "th"))
        rows.append(
            [
                TableCell(_html_text(cell), _span(cell, "colspan"), _span(cell, "rowspan"))
                for cell in cells
            ]
        )
    return _tree(rows)


def _html_text(cell: Any) -> str:
    # A line break parts words; every other tag stands within them.
    for line_break in cell.iter("br"):
        line_break.tail = " " + (line_break.tail or "")
    return str(cell.text_content())


def _own(element: Any, *tags: str) -> Iterator[Any]:
    """Yield the elements of some names below one, those of tables within it left out."""
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag != "table":
            yield from _own(child, *tags)


def _span(cell: Any, name: str) -> int:
    most = _MOST_COLUMNS if name == "colspan" else _MOST_ROWS
    digits = re.match(r"\s*(\d{1,9})", cell.get(name, "1"))
    return max(1, min(int(digits.group(1)), most)) if digits else 1


def _pieces(element: Any) -> Iterator[str]:
    yield f"<{element.tag}>"
    yield from element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            yield from _pieces(child)
    yield f"</{element.tag}>"
    if element.tag != "td":
        yield from element.tail or ""


def _tree(rows: Iterable[Sequence[TableCell]]) -> TableNode:
    return TableNode(
        "table",
        tuple(
            TableNode(
                "tr",
                tuple(
                    TableNode(
                        "td", (), cell.colspan, cell.rowspan, tuple(collapse_white_space(cell.text))
                    )
                    for cell in row
                ),
            )
            for row in rows
        ),
    )


def _is_delimiter(line: str) -> bool:
    return "-" in line and "|" in line and bool(_DELIMITER.fullmatch("".join(line.split())))


def _pipe_cells(line: str) -> list[str]:
    bare = line.strip()
    parts = _UNESCAPED_BAR.split(bare)
    if bare.startswith("|"):
        parts = parts[1:]
    if parts and not parts[-1].strip():
        parts = parts[:-1]
    return [_BOLD.sub(r"\2", part.replace("\\|", "|")).strip() for part in parts]


def _latex_rows(text: str, begin: re.Match[str]) -> list[list[TableCell]]:
    r"""Return the cells of a tabular, those left out that a `\multirow` above covers."""
    body = _COMMENT.sub("", text[begin.end() :])
    body = _without_options(_until_end(body), begin.group(1))
    rows: list[list[TableCell]] = []
    covered: dict[int, int] = {}  # column -> rows that a cell above still covers
    for source in _split_outer(_RULES.sub(" ", body), _BREAK):
        if not source.strip():
            continue
        row: list[TableCell] = []
        column = 0
        for piece in _split_outer(source, re.compile("&")):
            cell = _latex_cell(piece)
            columns = range(column, column + cell.colspan)
            column += cell.colspan
            is_covered = all(covered.get(place, 0) for place in columns)
            if not (is_covered and not cell.text):
                row.append(cell)
            for place in columns:
                covered[place] = covered.get(place, 0) - 1 if is_covered else cell.rowspan - 1
        rows.append(row)
    return rows


def _until_end(text: str) -> str:
    """Return what stands before the end of the environment that is open; all where it is cut."""
    depth = 0
    for mark in _ENVIRONMENT.finditer(text):
        depth += 1 if mark.group(1) == "begin" else -1
        if depth < 0:
            return text[: mark.start()]
    return text


def _without_options(text: str, name: str) -> str:
    """Return a tabular's body without its position, its width and its columns."""
    num_arguments = 2 if name in {"tabular*", "tabularx", "tabulary"} else 1
    rest = re.sub(r"\A\s*\[[^\]]*\]", "", text)
    for _ in range(num_arguments):
        rest = re.sub(r"\A\s*\[[^\]]*\]", "", rest)
        rest = _argument(rest)[1]
    return rest


def _argument(text: str) -> tuple[str, str]:
    """Return the first argument of a text, in braces or one letter, and what follows it."""
    bare = text.lstrip()
    if not bare.startswith("{"):
        return bare[:1], bare[1:]
    depth = 0
    for place, letter in enumerate(bare):
        if letter in "{}" and bare[place - 1 : place] != "\\":
            depth += 1 if letter == "{" else -1
            if depth == 0:
                return bare[1:place], bare[place + 1 :]
    return bare[1:], ""


def _split_outer(text: str, separator: re.Pattern[str]) -> list[str]:
    """Return the parts between separators that stand in no braces and no environment."""
    parts: list[str] = []
    start = place = 0
    at = _Environment()
    while place < len(text):
        mark = separator.match(text, place) if at.is_outer else None
        environment = _ENVIRONMENT.match(text, place) if text[place] == "\\" else None
        if mark:
            parts.append(text[start:place])
            start = place = mark.end()
        elif environment:
            at.inner = max(0, at.inner + (1 if environment.group(1) == "begin" else -1))
            place = environment.end()
        elif text[place] == "\\":
            place += 2
        else:
            at.braces = max(0, at.braces + {"{": 1, "}": -1}.get(text[place], 0))
            place += 1
    parts.append(text[start:])
    return parts


def _latex_cell(source: str) -> TableCell:
    r"""Return a cell of its source: `\multicolumn` and `\multirow` around it become spans."""
    text, colspan, rowspan = source.strip(), 1, 1
    while command := re.match(r"\\(multicolumn|multirow)\s*(?:\[[^\]]*\])?(?=\s*\{)", text):
        number, rest = _argument(text[command.end() :])
        if command.group(1) == "multirow":
            rest = re.sub(r"\A\s*\[[^\]]*\]", "", rest)
        rest = _argument(rest)[1]
        rest = re.sub(r"\A\s*\[[^\]]*\]", "", rest)
        content, _ = _argument(rest)
        digits = re.match(r"\s*(\d{1,5})\s*\Z", number)
        span = max(1, int(digits.group(1))) if digits else 1
        if command.group(1) == "multicolumn":
            colspan = min(span, _MOST_COLUMNS)
        else:
            rowspan = min(span, _MOST_ROWS)
        text = content.strip()
    return TableCell(_latex_text(text), colspan, rowspan)


def _latex_text(source: str) -> str:
    """Return a cell's text without marks of weight and escapes; formulas stay as they are."""
    text = _MARKS.sub("", source)
    if "$" not in re.sub(r"\\\$", "", text) and "\\(" not in text:
        text = re.sub(r"(?<!\\)[{}]", "", text)
    return collapse_white_space(_ESCAPED.sub(r"\1", text))
