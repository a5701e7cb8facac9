"""Tables read, restyled, and written again."""

import pytest

from vary.data.engines.latex.pieces import Rule
from vary.data.engines.latex.running_text import Script
from vary.data.engines.latex.tables import column_letters, read_columns, read_table, restyle
from vary.data.engines.latex.tokens import UnusableError, read_tokens
from vary.data.engines.latex.typeset import table_latex


def table(columns, body):
    return read_table("tabular", read_tokens(f"{{{columns}}}{body}"), Script("en"))


SIMPLE = r"\toprule a & 5\% \\ \midrule c & $x$ \\ \bottomrule"


def test_a_table_is_read_and_written():
    assert table_latex(table("l|r", SIMPLE)) == (
        "\\begin{tabular}{l|r}\n\\hline\na & 5\\% \\\\\n\\hline\nc & \\(x\\) \\\\\n\\hline\n"
        "\\end{tabular}"
    )


@pytest.mark.parametrize(
    ("given", "letters"),
    [
        ("lcr", "lcr"), ("|p{3cm}|X|", "|l|l|"), ("*{3}{c|}", "c|c|c|"),
        ("@{}l>{\\bfseries}c", "lc"),
        ("D{.}{.}{2}S[table-format=1]", "rr"), ("m {2cm} l", "ll"),
    ],
)  # fmt: skip
def test_columns(given, letters):
    columns, bars = read_columns(read_tokens(given))
    one = table("ll", "a&b\\\\c&d")
    assert column_letters(type(one)(columns, bars, one.rows, one.rules)) == letters


def test_rows_at_the_end_in_which_nothing_is_left_are_dropped():
    made = table("lr", r"a & 1 \\ b & 2 \\ \includegraphics{x} & \\ & \\ \hline")
    assert table_latex(made).splitlines()[1:] == [
        "a & 1 \\\\",
        "b & 2 \\\\",
        "\\hline",
        "\\end{tabular}",
    ]


def test_spans():
    made = table("lll", r"\multicolumn{2}{c|}{A} & \multirow{2}{*}{B} \\ \cline{1-2} a & b \\")
    written = table_latex(made)
    assert (
        "\\multicolumn{2}{c}{A} & \\multirow{2}{*}{B} \\\\\n\\cline{1-2}\na & b &  \\\\" in written
    )


@pytest.mark.parametrize(
    ("style", "rules", "letters"),
    [
        ("own", 3, "l|r"), ("booktabs", 3, "lr"), ("rows", 3, "lr"), ("grid", 3, "|l|r|"),
        ("open", 3, "l|r"), ("none", 0, "lr"),
    ],
)  # fmt: skip
def test_styles(style, rules, letters):
    made = restyle(table("l|r", SIMPLE), style)
    assert column_letters(made) == letters
    assert sum(Rule() in above for above in made.rules) == rules


def test_empty_columns_at_the_end_are_gone():
    assert table("lll", r"a & b & \\ c & d & ").columns == "ll"


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        ("ll", "a & b"), ("l", r"a \\ b"), ("ll", r"a & b & c \\ d & e"), ("lq", r"a & b \\ c & d"),
        ("ll", r"a & b \\ \foo & d"), ("ll", r"\multicolumn{9}{c}{x} \\ a & b"),
        ("l" * 20, "&" * 19 + r"\\" + "&" * 19), ("*{99}{*{99}{l}}", r"a & b \\ c & d"),
        ("ll", r" & \\ & "), ("ll", r"a & \begin{tabular}{l}x\end{tabular} \\ c & d"),
        ("ll", "a & b \\\\" * 60), ("ll", r"\cline{a-b} a & b \\ c & d"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_used(columns, body):
    with pytest.raises(UnusableError):
        table(columns, body)
