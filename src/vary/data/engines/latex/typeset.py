r"""Blocks written as TeX, with marks that tell later on which page each piece came to stand.

A piece (`Atom`) is a word, a formula, a table, a heading. Its mark is a line that TeX writes when
the page is done, with the page's number: `\V{17}` gives ``17 x y page``. In Chinese a mark between
two characters would change how lines break, so that marks stand only at the ends of paragraphs, in
formulas, and behind those on lines of their own; where another stretch of text begins and ends
follows from its neighbours.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vary.data.engines.latex.names import THEOREMS_ZH
from vary.data.engines.latex.pieces import SEEN_GAP, Block, Cell, Run, Style, Table
from vary.data.engines.latex.tables import cell_letters, column_letters, restyle
from vary.data.engines.latex.templates import Look, Template

Segment = tuple[str, Style]
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "$": r"\$",
    "#": r"\#", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "…": r"\dots{}", "•": r"\textbullet{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "°": r"\textdegree{}", "µ": r"\textmu{}", "·": r"\textperiodcentered{}",
    "™": r"\texttrademark{}", "®": r"\textregistered{}", "±": r"\textpm{}", "×": r"\texttimes{}",
    "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "€": r"\texteuro{}", "\xad": "",
    '"': r"\textquotedbl{}", SEEN_GAP: r"\enspace{}",
}  # fmt: skip
_CODE_ESCAPES = {"'": r"\textquotesingle{}", "`": r"\textasciigrave{}", "-": "-{}"}
_FONTS = {"bold": r"\textbf", "italic": r"\emph", "code": r"\texttt"}
# Of an item: a number, a letter or a Roman number; "Check." is a word.
_NUMBER = re.compile(r"[(（\[]?(?:\d{1,3}|[A-Za-z]|[ivxl]{1,5}|[IVXL]{1,5})(?:\.\d{1,3})*[.)）\]]")
_APOSTROPHE = re.compile("(?<=[A-Za-z])’(?=[A-Za-z ])")
# A cell with more characters is set as a paragraph.
_WIDE_CELL = 34


@dataclass(frozen=True)
class Atom:
    """The smallest piece whose page is known.

    Attributes:
        block: number of its block on the document.
        kind: what it is.
        segments: printed characters and their styles, of ``text``.
        latex: of formulas and tables, as the target has it.
        space_before: whether a space stands before it.
        parts: of a ``table``: its cells' text, to be looked for on the page.
    """

    block: int
    kind: Literal["text", "inline", "display", "table"]
    segments: tuple[Segment, ...] = ()
    latex: str = ""
    space_before: bool = False
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placed:
    """A block as it was written: what Markdown needs besides its atoms.

    Attributes:
        kind: of the block; ``caption`` for a table's.
        level: of headings and items.
        label: printed label of an item.
        atoms: numbers of its atoms.
    """

    kind: str
    level: int
    label: str
    atoms: range


@dataclass(frozen=True)
class Document:
    """A written document.

    Attributes:
        body: TeX between begin and end of the document.
        atoms: all, in reading order; the number of an atom is its mark.
        blocks: in reading order.
    """

    body: str
    atoms: tuple[Atom, ...]
    blocks: tuple[Placed, ...]


def escape(text: str, style: Style = "") -> str:
    """Return printed characters as TeX; nothing in them is a command any more."""
    special = _ESCAPES | _CODE_ESCAPES if style == "code" else _ESCAPES
    written = "".join(special.get(character, character) for character in text)
    for pair in (",,", "<<", ">>", "!`", "?`", "``", "''", "--"):
        written = written.replace(pair, f"{pair[0]}{{}}{pair[1]}")
    return written


def write_document(
    blocks: Sequence[Block], template: Template, look: Look, language: str
) -> Document:
    """Return blocks as a document in a template and a look."""
    writer = _Writer(template, look, language)
    for block in blocks:
        writer.write(block)
    return Document("\n".join(writer.lines), tuple(writer.atoms), tuple(writer.blocks))


class _Writer:
    """Writes blocks, numbers them, and remembers each atom."""

    def __init__(self, template: Template, look: Look, language: str) -> None:
        self.lines: list[str] = []
        self.atoms: list[Atom] = []
        self.blocks: list[Placed] = []
        self._template, self._look, self._language = template, look, language
        self._gap = SEEN_GAP if language == "zh" else " "
        self._sections = [look.first_number, 0, 0, 0]
        self._equation = look.first_number + 2
        self._tables = look.first_number - 1
        self._theorems = 0
        self._items: dict[int, int] = {}

    def write(self, block: Block) -> None:
        """Write a block."""
        if block.kind != "item":
            self._items = {}
        if block.kind == "heading":
            number = self._section_number(block.level)
            runs = ((Run("text", number + self._gap),) if number else ()) + block.runs
            text = self._begin_block("heading", block.level, "", runs)
            self.lines.append(f"\\VH{{{block.level}}}{{{text}}}\n")
        elif block.kind == "item":
            self._write_item(block)
        elif block.table is not None:
            self._write_table(block.table)
        else:
            self._write_paragraph(block)

    def _begin_block(self, kind: str, level: int, label: str, runs: Iterable[Run]) -> str:
        """Remember a block of runs and return its TeX."""
        first = len(self.atoms)
        text = self._runs(runs, len(self.blocks))
        self.blocks.append(Placed(kind, level, label, range(first, len(self.atoms))))
        return text

    def _write_paragraph(self, block: Block) -> None:
        head: tuple[Run, ...] = ()
        font = ""
        if block.label:
            head = self._theorem_head(block.label)
            font = r"\itshape " if self._look.theorem_italic and "roof" not in block.label else ""
        text = self._begin_block("paragraph", 0, "", (*head, *block.runs))
        indent = "\\noindent " if head else "\\leavevmode "
        self.lines.append(f"{{{indent}{font}{text}\\par}}\n")

    def _theorem_head(self, title: str) -> tuple[Run, ...]:
        chinese = self._language == "zh"
        title = THEOREMS_ZH.get(title, title) if chinese else title
        if title in {"Proof", "证明", "Solution", "解"}:
            return (Run("text", f"{title}.", "italic"), Run("text", self._gap))
        self._theorems += 1
        number = f"{self._look.first_number}.{self._theorems}"
        space = "" if chinese else " "
        return (Run("text", f"{title}{space}{number}.", "bold"), Run("text", self._gap))

    def _write_item(self, block: Block) -> None:
        label, printed = block.label, block.label
        if label == "bullet":
            printed = "bullet"
            drawn = self._look.bullet
        elif label == "number":
            number = self._items.get(block.level, 0) + 1
            self._items = {k: v for k, v in self._items.items() if k < block.level}
            self._items[block.level] = number
            printed = _item_label(self._look.item_style, number)
            drawn = printed
        else:
            drawn = escape(label)
        text = self._begin_block("item", block.level, printed, block.runs)
        indent = f"{1.9 * block.level:.1f}em"
        if is_number(printed) or label == "bullet":
            self.lines.append(f"\\VL{{{indent}}}{{{drawn}}}{{{text}}}\n")
        else:
            self.lines.append(
                f"{{\\leftskip={indent}\\noindent\\hskip-{indent}\\textbf{{{drawn}}}\\enspace "
                f"{text}\\par}}\n"
            )

    def _write_table(self, table: Table) -> None:
        table = restyle(table, self._look.table_style)
        above, below = "", ""
        if table.caption and self._look.caption_above:
            above = self._caption(table.caption) + r"\par\smallskip "
        first = len(self.atoms)
        number = len(self.blocks)
        latex = table_latex(table)
        parts = tuple(text for row in table.rows for cell in row for text in _text_parts(cell.runs))
        self.atoms.append(Atom(number, "table", latex=latex, parts=parts))
        self.blocks.append(Placed("table", 0, "", range(first, first + 1)))
        if table.caption and not self._look.caption_above:
            below = r"\par\smallskip " + self._caption(table.caption)
        drawn = table_latex(table, is_drawn=True)
        self.lines.append(f"\\VT{{{first}}}{{{above}}}{{{drawn}}}{{{below}}}\n")

    def _caption(self, caption: Iterable[Run]) -> str:
        self._tables += 1
        word = f"表{self._tables}" if self._language == "zh" else f"Table {self._tables}:"
        head = Run("text", word + self._gap)
        text = self._begin_block("caption", 0, "", (head, *caption))
        return f"{{\\small {text}\\par}}"

    def _section_number(self, level: int) -> str:
        style = self._look.heading_numbers
        if style == "none" or self._template.class_name == "letter":
            return ""
        if level == 1:
            self._sections = [self._sections[0] + 1, 0, 0, 0]
            number = self._sections[0]
            if self._language == "zh":
                return f"第{number}章"
            return f"Chapter {number}:" if style == "chapter" else str(number)
        place = level - 1
        self._sections[place] += 1
        self._sections[place + 1 :] = [0] * (len(self._sections) - place - 1)
        first = 0 if style == "chapter" else 1
        numbers = [max(number, 1) for number in self._sections[first : place + 1]]
        written = ".".join(map(str, numbers))
        return f"§{written}" if style == "section" else written

    def _runs(self, runs: Iterable[Run], block: int) -> str:
        """Return runs as TeX, and remember their atoms."""
        merged = tuple(runs)
        if self._language == "zh":
            return self._runs_zh(merged, block)
        out: list[str] = []
        space = False
        for run in merged:
            if run.kind == "text":
                space = self._words(run, block, space, out)
            else:
                gap = " " if space and run.kind == "inline" else ""
                out.append(gap + self._formula(run, block, space))
                space = run.kind == "display"  # also where it is left out, as too wide
        return "".join(out)

    def _words(self, run: Run, block: int, space: bool, out: list[str]) -> bool:
        """Add the words of a run, each with its mark; return whether a space follows."""
        font = _FONTS.get(run.style, "")
        pieces = run.content.split(" ")
        for place, word in enumerate(pieces):
            space = space or place > 0
            if not word:
                continue
            number = len(self.atoms)
            self.atoms.append(Atom(block, "text", ((word, run.style),), space_before=space))
            drawn = escape(word, run.style)
            drawn = f"{font}{{{drawn}}}" if font else drawn
            out.append(f"{' ' if space else ''}\\V{{{number}}}{drawn}")
            space = False
        return space

    def _formula(self, run: Run, block: int, space: bool) -> str:
        number = len(self.atoms)
        if run.kind == "inline":
            self.atoms.append(Atom(block, "inline", latex=run.content, space_before=space))
            return f"\\VI{{{number}}}{{{number}e}}{{{run.content}}}"
        tag, room = "", "1em"
        if self._look.equation_numbers != "none":
            self._equation += 1
            before = (
                f"{self._look.first_number}." if self._look.equation_numbers == "chapter" else ""
            )
            tag, room = f"\\tag{{{before}{self._equation}}}", "6.5em"
        self.atoms.append(Atom(block, "display", latex=run.content + (f" {tag}" if tag else "")))
        return f"\\VD{{{number}}}{{{run.content}}}{{{tag}}}{{{room}}}\n"

    def _runs_zh(self, runs: Sequence[Run], block: int) -> str:
        """Return Chinese runs as TeX: stretches of text are one atom, whatever its styles."""
        out: list[str] = []
        stretch: list[Run] = []
        first = len(self.atoms)

        def close() -> None:
            if stretch:
                segments = tuple((run.content, run.style) for run in stretch)
                printed = tuple((text.replace(SEEN_GAP, " "), style) for text, style in segments)
                if len(self.atoms) > first and self.atoms[-1].kind == "display":
                    out.append(f"\\V{{{len(self.atoms)}s}}")  # it may begin on the next page
                self.atoms.append(Atom(block, "text", printed))
                out.extend(_styled(text, style) for text, style in segments)
                stretch.clear()

        for run in runs:
            if run.kind == "text":
                stretch.append(run)
            else:
                close()
                out.append(self._formula(run, block, space=False))
        close()
        last = len(self.atoms) - 1
        # A mark behind the space of a full-width sign, or behind a formula, gets a line of its own.
        ends_in_display = len(self.atoms) > first and self.atoms[-1].kind == "display"
        close_up = r"\par" if ends_in_display else r"\unskip\nobreak"
        return f"\\V{{{first}b}}{''.join(out)}{close_up}\\V{{{last}z}}"


def _styled(text: str, style: Style) -> str:
    """Return Chinese text as TeX; an apostrophe in a Latin word is not set as a wide quote."""
    font = _FONTS.get(style, "")
    written = _APOSTROPHE.sub("'", escape(text, style))
    return f"{font}{{{written}}}" if font else written


def _item_label(style: str, number: int) -> str:
    roman = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
    if style == "(a)" and number <= 26:
        return f"({chr(96 + number)})"
    if style == "i." and number <= len(roman):
        return f"{roman[number - 1]}."
    return f"({number})" if style == "(1)" else f"{number}."


def is_number(label: str) -> bool:
    """Return whether an item's label is a number or a letter, and no word."""
    return _NUMBER.fullmatch(label) is not None


def _text_parts(runs: Sequence[Run]) -> list[str]:
    return [run.content for run in runs if run.kind == "text"]


def table_latex(table: Table, *, is_drawn: bool = False) -> str:
    r"""Return a table as LaTeX.

    Args:
        table: the table, in the style that it shall have.
        is_drawn: for TeX: long cells become paragraphs. Else for the target, which says nothing of
            widths: `\hline` and `\cline` stand for rules of any thickness.
    """
    letters = column_letters(table)
    if is_drawn:
        letters = _with_paragraphs(table, letters)
    lines = [f"\\begin{{tabular}}{{{letters}}}"]
    for rules, row in zip(table.rules, table.rows, strict=False):
        lines += _rules(rules)
        lines.append(_row(table, row, is_drawn=is_drawn) + " \\\\")
    lines += _rules(table.rules[-1])
    lines.append("\\end{tabular}")
    return "\n".join(lines)


def _with_paragraphs(table: Table, letters: str) -> str:
    """Return the specification with the columns of long cells as paragraphs."""
    widest = [0] * len(table.columns)
    for row in table.rows:
        place = 0
        for cell in row:
            if cell.columns == 1:
                widest[place] = max(widest[place], sum(len(run.content) for run in cell.runs))
            place += cell.columns
    long = [place for place, width in enumerate(widest) if width > _WIDE_CELL]
    short = sum(min(width, _WIDE_CELL) for place, width in enumerate(widest) if place not in long)
    share = max(0.2, (0.92 - 0.011 * short) / max(len(long), 1))
    out: list[str] = []
    place = 0
    for letter in letters:
        if letter == "|":
            out.append(letter)
            continue
        wide = f">{{\\raggedright\\arraybackslash}}p{{{share:.2f}\\linewidth}}"
        out.append(wide if place in long else letter)
        place += 1
    return "".join(out)


def _rules(rules: Iterable[object]) -> list[str]:
    full = [rule for rule in rules if not getattr(rule, "first", 0)]
    parts = [rule for rule in rules if getattr(rule, "first", 0)]
    written = [f"\\cline{{{rule.first}-{rule.last}}}" for rule in parts]  # type: ignore[attr-defined]
    return (["\\hline"] if full else []) + ([" ".join(written)] if written else [])


def _row(table: Table, row: Sequence[Cell], *, is_drawn: bool) -> str:
    out: list[str] = []
    place = 0
    for cell in row:
        text = cell_text(cell.runs, is_drawn=is_drawn)
        if cell.rows > 1:
            text = f"\\multirow{{{cell.rows}}}{{*}}{{{text}}}"
        if cell.columns > 1 or cell.align:
            letters = cell_letters(table, place, cell)
            text = f"\\multicolumn{{{cell.columns}}}{{{letters}}}{{{text}}}"
        out.append(text)
        place += cell.columns
    return " & ".join(out)


def cell_text(runs: Iterable[Run], *, is_drawn: bool = False) -> str:
    r"""Return a cell as LaTeX; in targets accents and quotes are characters, not commands."""
    out = []
    for run in runs:
        if run.kind == "text":
            text = escape(run.content, run.style) if is_drawn else escape_target(run.content)
            font = {"bold": "\\textbf", "italic": "\\textit", "code": "\\texttt"}.get(run.style)
            lead = run.content[: len(run.content) - len(run.content.lstrip())]
            trail = run.content[len(run.content.rstrip()) :] if run.content.strip() else ""
            out.append(f"{lead}{font}{{{text.strip()}}}{trail}" if font and text.strip() else text)
        else:
            out.append(f"\\({run.content}\\)")
    return "".join(out)


def escape_target(text: str) -> str:
    """Return text of a table's target: LaTeX's signs escaped, all else as printed."""
    signs = {"\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "%": "\\%", "&": "\\&",
             "$": "\\$", "#": "\\#", "_": "\\_", "^": "\\^{}", "~": "\\~{}"}  # fmt: skip
    return "".join(signs.get(character, character) for character in text)
