import time

import pytest

from vary.eval.metrics.table_trees import pipe_rows, table_tree

HTML = """<p>Before</p><table border=1>
<caption>Sales</caption><thead><tr><th>Year</th><th colspan="2">A &amp; B</th></tr></thead>
<tr><td rowspan=2>x</td><td> <b>1</b></td><td>2<br>3</td></tr>
<tr><td></td><td>4 % <!-- no --></td></tr></table><table><tr><td>second</td></tr></table>"""
LATEX = r"""\begin{table}[h]\centering
\begin{tabular}[t]{l|c@{\,}c}
\toprule Year & \multicolumn{2}{c|}{A \& B} \\ \cmidrule(lr){2-3} % Year & comment \\
\multirow{2}{*}{x} & \textbf{1} & 2
3 \\[2pt] \cline{2-3}
 & & 4 \% \\ \bottomrule
\end{tabular}
\end{table}"""


def cells(tree):
    return [
        [("".join(cell.content), cell.colspan, cell.rowspan) for cell in row.children]
        for row in tree.children
    ]


def test_html_and_latex_of_one_table_are_one_tree():
    wanted = [
        [("Year", 1, 1), ("A & B", 2, 1)],
        [("x", 1, 2), ("1", 1, 1), ("2 3", 1, 1)],
        [("", 1, 1), ("4 %", 1, 1)],
    ]
    assert cells(table_tree(HTML)) == wanted
    assert cells(table_tree(LATEX)) == wanted
    assert table_tree(HTML).size() == 1 + 3 + 7


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a\n\n| x | y |\n|---|:-:|\n| **1** | 2 |\n\n| z |", [["x", "y"], ["1", "2"]]),
        ("x | y\n--- | ---\n1 | 2\nend", [["x", "y"], ["1", "2"]]),
        ("| a \\| b | |\n|--|--|\n|  | $x$ |", [["a | b", ""], ["", "$x$"]]),
        ("|1|2|\n|3|4|", [["1", "2"], ["3", "4"]]),
        ("this or | that", []),
        ("--- | ---", []),
        ("", []),
    ],
)
def test_pipe_tables(text, rows):
    assert [[cell.text for cell in row] for row in pipe_rows(text)] == rows


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        (r"\begin{tabular}{cc} a & b \\ c & d \end{tabular} after & it",
         [[("a", 1, 1), ("b", 1, 1)], [("c", 1, 1), ("d", 1, 1)]]),
        (r"\begin{tabular}{cc} a & b \\ c & d", [[("a", 1, 1), ("b", 1, 1)],
         [("c", 1, 1), ("d", 1, 1)]]),
        (r"\begin{tabularx}{\textwidth}{XX} \hline a & {b & c} \\ \hline \end{tabularx}",
         [[("a", 1, 1), ("b & c", 1, 1)]]),
        (r"\begin{tabular}{c} \begin{tabular}{c} a & b \\ c \end{tabular} \\ d \end{tabular}",
         [[(r"\begintabularc a & b \\ c \endtabular", 1, 1)], [("d", 1, 1)]]),
        (r"\begin{tabular}{cc} \multicolumn{2}{c}{\multirow{2}{*}{a}} \\ \multicolumn{2}{c}{} \\"
         r" b & c \end{tabular}",
         [[("a", 2, 2)], [], [("b", 1, 1), ("c", 1, 1)]]),
        (r"\begin{tabular}{c} $\frac{a}{b}$ \\ 5\,\% \end{tabular}",
         [[(r"$\frac{a}{b}$", 1, 1)], [("5\\,%", 1, 1)]]),
        (r"\begin{longtable}{c} a \tabularnewline b \end{longtable}",
         [[("a", 1, 1)], [("b", 1, 1)]]),
        (r"\begin{tabular}{c} \multirow{-2}{*}{a} \\ \multicolumn{x}{c}{b} \end{tabular}",
         [[("a", 1, 1)], [("b", 1, 1)]]),
    ],
)  # fmt: skip
def test_latex_tables(source, rows):
    assert cells(table_tree(source)) == rows


def test_tables_within_cells_belong_to_the_cell():
    outer = "<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c</td></tr></table>"
    assert cells(table_tree(outer)) == [[("ab", 1, 1), ("c", 1, 1)]]


@pytest.mark.parametrize("text", ["", "words", "a < b", r"\begin{array}{c} a & b \end{array}"])
def test_no_table(text):
    assert table_tree(text) is None


@pytest.mark.parametrize(
    "flood",
    ["|" * 300_000, "| a " * 99_999 + "\n" + "|-" * 99_999, " " * 300_000 + "-|x\n|",
     "\\begin{tabular}{" + "{" * 300_000, "\\begin{tabular}" * 30_000,
     "\\begin{tabular}{c}" + " & " * 100_000, "| `" * 100_000],
    ids=range(7),
)  # fmt: skip
def test_floods_end(flood):
    begin = time.process_time()
    table_tree(flood)
    assert time.process_time() - begin < 10
