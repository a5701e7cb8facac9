r"""What a composed page says, as Markdown in the manner of mathpix.

Titles are ``#``, headings ``##`` and ``###``; bullets are ``-`` and numbers stay as they are drawn,
nested items indented by four; tables are LaTeX tabulars or pipe tables with their captions beside
them; marks of footnotes are ``[^1]`` and the notes ``[^1]: ...`` after all text. Running heads,
feet and page numbers are left out unless they are asked for. Bold and italic are not marked, and
characters of the text are not escaped but in tables, where they would part cells or end them.
"""

from vary.data.engines.page.content import NESTED_MARKERS
from vary.data.engines.page.features import TableMarkup
from vary.data.engines.page.placed import ComposedPage, PlacedLine, PlacedParagraph
from vary.data.engines.page.table import Table, has_rule_above

_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip
_PIPES = {"l": ":---", "c": ":---:", "r": "---:", "d": "---:"}
_HEADS = {"title": "# ", "heading1": "## ", "heading2": "### "}


def page_markdown(page: ComposedPage, markup: TableMarkup, *, furniture: bool) -> str:
    """Return a page as Markdown, in reading order.

    Args:
        page: what was drawn.
        markup: how tables are written.
        furniture: keep running heads, feet and page numbers.
    """
    parts: list[str] = []
    for paragraph in page.paragraphs:
        if not paragraph.lines or (paragraph.role == "furniture" and not furniture):
            continue
        if parts:
            parts.append("\n" if paragraph.tight else "\n\n")
        parts.append(_paragraph(paragraph, markup))
    return "".join(parts)


def table_latex(table: Table) -> str:
    r"""Return a table as a LaTeX tabular, with ``\hline`` for every rule that is drawn."""
    letters = table.aligns.replace("d", "r")
    grid = table.rules == "grid"
    last = len(table.rows) - 1
    lines = [f"\\begin{{tabular}}{{{'|' + '|'.join(letters) + '|' if grid else letters}}}"]
    for number, row in enumerate(table.rows):
        if has_rule_above(table, number):
            lines.append("\\hline")
        lines.append(" & ".join(_latex(cell) for cell in row) + " \\\\")
    if has_rule_above(table, last + 1):
        lines.append("\\hline")
    lines.append("\\end{tabular}")
    return "\n".join(lines)


def table_pipes(table: Table) -> str:
    """Return a table as a pipe table; rules cannot be told in it."""
    rows = [[cell.replace("\\", "\\\\").replace("|", "\\|") for cell in row] for row in table.rows]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join(_PIPES[align] for align in table.aligns) + " |")
    return "\n".join(lines)


def _paragraph(paragraph: PlacedParagraph, markup: TableMarkup) -> str:
    if paragraph.table is not None:
        write = table_latex if markup == "latex" else table_pipes
        return write(paragraph.table)
    text = _running_text(paragraph)
    if paragraph.role == "heading":
        return _HEADS[f"heading{paragraph.level}"] + text
    if paragraph.role == "title":
        return _HEADS["title"] + text
    if paragraph.role == "item":
        return "    " * paragraph.level + text
    if paragraph.role == "note":
        return f"[^{paragraph.note}]: {text}"
    return text


def _running_text(paragraph: PlacedParagraph) -> str:
    """Return the lines of a block as they were before they were broken, marks written out."""
    text = ""
    for number, line in enumerate(paragraph.lines):
        text += _line(line, paragraph, first=number == 0)
        if line.join == "soft":
            text = text[:-1]
        elif line.join == "space":
            text += " "
    return text.strip()


def _line(line: PlacedLine, paragraph: PlacedParagraph, *, first: bool) -> str:
    parts: list[str] = []
    for at, word in enumerate(line.words):
        written = word.text
        if word.style.note and paragraph.role == "note":
            continue  # the note's own mark: told by what is written before its text
        if word.style.note:
            written = f"[^{word.style.note}]"
        elif first and not at and paragraph.marker:
            written = "-" if paragraph.marker in NESTED_MARKERS else paragraph.marker
        parts.append((" " if word.space and at else "") + written)
    return "".join(parts)


def _latex(cell: str) -> str:
    return "".join(_LATEX.get(character, character) for character in cell)
