import time

import pytest

from vary.eval.metrics import split_markdown


@pytest.mark.parametrize(
    ("page", "text", "math", "tables"),
    [
        ("", "", "", ""),
        ("  plain text \n", "plain text", "", ""),
        (r"a \(x\) b", "a  b", "x", ""),
        (r"\(x\) and \(y\)", "and", "x\ny", ""),
        (r"\[x\] and \[y\]", "and", "x\ny", ""),
        # Nothing between the last inline formula and the first displayed one.
        (r"\[d\] \(i\)", "", "id", ""),
        (r"\(i\) \(j\) \[d\] \[e\]", "", "i\njd\ne", ""),
        # Inline formulas may be empty, displayed ones not.
        (r"\(\)\(a\)", "", "\na", ""),
        (r"\[\]", r"\[\]", "", ""),
        (r"\[\] x\]", "", r"\] x", ""),
        # One that is not closed, or over lines, is text.
        (r"a \(x", r"a \(x", "", ""),
        ("\\[x\ny\\]", "\\[x\ny\\]", "", ""),
        ("\\(x\n\\) \\(y\\)", "\\(x\n\\)", "y", ""),
        ("\\(x\ry\\)", "", "x\ry", ""),
        # A closing bracket that a further backslash precedes does not close.
        (r"\(a \\) b\) c", "c", r"a \\) b", ""),
        (r"\[a \\\] b\] c", "c", r"a \\\] b", ""),
        (r"\\(a\)", "\\", "a", ""),
        # An inline formula goes first, out of a displayed one too.
        (r"\[a \(b\) c\]", "", "ba  c", ""),
        (r"\(a \[b\) c\]", "c\\]", r"a \[b", ""),
        (r"$x$", "$x$", "", ""),
        (r"\begin{tabular}{cc} a & b \\ \end{tabular}", "", "", r"{cc} a & b \\ "),
        ("\\begin{tabular}{c}\na\n\\end{tabular} after", "after", "", "{c}\na\n"),
        ("\\begin{tabular}a\\end{tabular}\\begin{tabular}b\\end{tabular}", "", "", "a\nb"),
        ("x \\begin{tabular}a & b", "x", "", "a & b"),
        ("x \\begin{tabular}a & b\n\n", "x", "", "a & b\n"),
        ("\\begin{tabular}\n", "", "", "\n"),
        ("\\begin{tabular}", "\\begin{tabular}", "", ""),
        ("\\begin{tabular}\\end{tabular}", "", "", "\\end{tabular}"),
        ("\\begin{tabular}a \\(x\\) b\\end{tabular}", "", "x", "a  b"),
        ("\\begin{tabular}\\begin{tabular}a\\end{tabular}b\\end{tabular}", "b\\end{tabular}", "",
         "\\begin{tabular}a"),
    ],
)  # fmt: skip
def test_pages_are_cut_as_nougat_cuts_them(page, text, math, tables):
    assert split_markdown(page) == (text, math, tables)


@pytest.mark.parametrize(
    "page",
    ["\\(" * 500_000, "\\[" * 500_000, "\\(a\\\\)" * 200_000, "\\begin{tabular}" * 60_000],
    ids=["inline", "displayed", "escaped", "tables"],
)
def test_a_megabyte_that_never_closes_takes_no_time(page):
    start = time.process_time()
    split_markdown(page)
    assert time.process_time() - start < 5
