r"""Text, formulas and tables of a page in Markdown, cut apart.

The rules are those of nougat's `metrics.py`, with all that follows from them:

1. Inline formulas `\(...\)` are taken out first, then displayed ones `\[...\]`. Each ends at the
   first closing bracket that no further backslash precedes, and stands within one line; a formula
   over several lines stays in the text. An empty inline formula is one, an empty displayed one is
   none.
2. Tables reach from `\begin{tabular}` to the nearest `\end{tabular}`, over lines; one that is not
   closed reaches to the end, less a last line feed. A table keeps its column specification.
   Formulas in its cells are already gone.
3. The rest is the text, without white space at its ends; where something was cut out the gap stays.
4. Formulas are joined by line feeds, first the inline ones, then the displayed ones, without any
   sign between the last inline one and the first displayed one; tables are joined by line feeds.
   None has the brackets it was cut out by.

`$...$` is no formula here. The search is our own, in time linear in the page.
"""

from typing import NamedTuple


class MarkdownParts(NamedTuple):
    """A page's parts, each empty where the page has none of it."""

    text: str
    math: str
    tables: str


def split_markdown(text: str) -> MarkdownParts:
    """Return the text, the formulas and the tables of a page in Markdown.

    Args:
        text: the page.

    Source: nougat (Blecher et al. 2023), `split_text` of its `metrics.py`.
    """
    inline, rest = _cut_formulas(text, "(", ")", may_be_empty=True)
    displayed, rest = _cut_formulas(rest, "[", "]", may_be_empty=False)
    tables, rest = _cut_tables(rest)
    return MarkdownParts(rest.strip(), "\n".join(inline) + "\n".join(displayed), "\n".join(tables))


def _cut_formulas(
    text: str, opening: str, closing: str, *, may_be_empty: bool
) -> tuple[list[str], str]:
    """Return the formulas between backslash-bracket pairs, and what is left of the text."""
    formulas: list[str] = []
    lines = []
    for line in text.split("\n"):
        found, rest = _cut_line(line, "\\" + opening, "\\" + closing, may_be_empty=may_be_empty)
        formulas.extend(found)
        lines.append(rest)
    return formulas, "\n".join(lines)


def _cut_line(
    line: str, opening: str, closing: str, *, may_be_empty: bool
) -> tuple[list[str], str]:
    found, kept, place = [], [], 0
    while (start := line.find(opening, place)) >= 0:
        inner = start + len(opening)
        end = _find_closing(line, closing, inner + (not may_be_empty))
        if end < 0:
            break
        found.append(line[inner:end])
        kept.append(line[place:start])
        place = end + len(closing)
    kept.append(line[place:])
    return found, "".join(kept)


def _find_closing(line: str, closing: str, start: int) -> int:
    r"""Return where the first `closing` is that no backslash precedes, -1 for none.

    The sign before may lie before `start`: of `\\[` the second backslash opens, and of `\[\]`
    nothing is left that could close, since a displayed formula is not empty.
    """
    end = line.find(closing, start)
    while end > 0 and line[end - 1] == "\\":
        end = line.find(closing, end + 1)
    return end


def _cut_tables(text: str) -> tuple[list[str], str]:
    r"""Return what stands between `\begin{tabular}` and `\end{tabular}`, and the rest."""
    opening, closing = "\\begin{tabular}", "\\end{tabular}"
    tables, kept, place = [], [], 0
    while (start := text.find(opening, place)) >= 0:
        inner = start + len(opening)
        if inner == len(text):  # a table is not empty
            break
        # Its first sign belongs to it whatever it is, also the backslash of its own end.
        end = text.find(closing, inner + 1)
        kept.append(text[place:start])
        if end < 0:
            place = len(text) - (text[inner + 1 :].endswith("\n"))
            tables.append(text[inner:place])
        else:
            tables.append(text[inner:end])
            place = end + len(closing)
    kept.append(text[place:])
    return tables, "".join(kept)
