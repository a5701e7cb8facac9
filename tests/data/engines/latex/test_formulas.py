"""Formulas in their canonical form."""

import pytest

from vary.data.engines.latex.formulas import read_formula, read_rows
from vary.data.engines.latex.tokens import UnusableError, read_tokens


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (r" a  +  b ", "a+b"),
        (r"\alpha x", r"\alpha x"),
        (r"\alpha 1", r"\alpha1"),
        (r"{\bf x} + {\cal A}", r"\mathbf{x}+\mathcal{A}"),
        (r"\hat x + \mathbb R + 0.70{} + {y}", r"\hat{x}+\mathbb{R}+0.70+y"),
        (r"\frac 1{x} + \frac{a}{b}{} + {}^2 1{,}000 {=} {\rm ab}",
         r"\frac{1}{x}+\frac{a}{b}+{}^21{,}000{=}\mathrm{ab}"),
        (r"\tilde\Vx + x^{\mathbf{T}} + \sqrt[3]{\mathbf{y}}",
         r"\tilde{\mathrm{Vx}}+x^{\mathbf{T}}+\sqrt[3]{\mathbf{y}}"),
        (r"\mathbb{1} \mathcal{Mod} \mathscr{XY}",  # their fonts have capitals alone
         r"\mathbf{1}\mathit{Mod}\mathscr{XY}"),
        (r"\alpha\sin{A} + \log{2x} + \frac\sin{A} + \sqrt x{y}",  # braces that say nothing
         r"\alpha\sin A+\log2x+\frac{\sin}{A}+\sqrt{x}y"),
        (r"\begin{cases} a \\ b \\ \end{cases} \begin{aligned} c \\ d \\[2pt] \end{aligned}",
         r"\begin{cases}a\\b\end{cases}\begin{aligned}c\\d\end{aligned}"),
        (r"\begin{array}{c} a \\ \hline \end{array}", r"\begin{array}{c}a\\\hline\end{array}"),
        (r"x \label{eq:a} \nonumber", "x"),
        (r"\mbox{if } x > 0", r"\text{if }x>0"),
        (r"\text{for $n$ even}", r"\text{for $n$ even}"),
        (r"\left( a \right]", r"\left(a\right]"),
        (r"\begin{array}[t]{c@{}c|r} a & b \\[2pt] c & d\end{array}",
         r"\begin{array}{cc|r}a&b\\c&d\end{array}"),
        (r"a \hspace{1cm} b", "ab"),
        (r"\Spec R", r"\mathrm{Spec}R"),  # a name of the author's, defined who knows where
        (r"x − y ≤ z", r"x-y\leq z"),
    ],
)  # fmt: skip
def test_formulas_have_one_form(source, target):
    assert read_formula(read_tokens(source)) == target


@pytest.mark.parametrize(
    ("rows", "source", "target"),
    [
        ("aligned", r"a &= b \\ &= c \nonumber \\", r"\begin{aligned}a&=b\\&=c\end{aligned}"),
        ("gathered", r"a \\*[3pt] b", r"\begin{gathered}a\\b\end{gathered}"),
        ("eqnarray", r"a &=& b \\ c &<& d", r"\begin{aligned}a&=b\\c&<d\end{aligned}"),
        ("aligned", r"a &= b", r"\begin{aligned}a&=b\end{aligned}"),
        ("", r"a \tag{7}", "a"),
        ("", r"a \\ [b]", r"\begin{gathered}a\\{}[b]\end{gathered}"),
        ("", r"[a] \\ {}* b", r"\begin{gathered}{}[a]\\{}*b\end{gathered}"),
    ],
)
def test_rows_become_one_line(rows, source, target):
    written = read_rows(read_tokens(source), rows, str.isascii)
    assert written == target
    assert "\n" not in written


@pytest.mark.parametrize(
    "source",
    [
        r"\input{/etc/passwd}", r"\csname input\endcsname", r"\write18{id}", r"\catcode`\$=12 x",
        r"\def\x{y}", r"\begin{tikzcd} A \end{tikzcd}", r"\includegraphics{x}", r"\ref{x}",
        r"{x", r"x}", r"\left( x", r"", r"\,", r"a # b", "汉", r"\begin{cases} x", r"\kern 2pt x",
        r"\openout3=x", r"\expandafter x", r"\special{x}", "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(source):
    with pytest.raises(UnusableError):
        read_formula(read_tokens(source))


def test_no_command_of_files_reaches_tex():
    """Unknown names are set as letters; the primitives of TeX are refused even as such."""
    for name in ("input", "openin", "openout", "write", "immediate", "special", "read", "include"):
        with pytest.raises(UnusableError):
            read_formula(read_tokens(f"\\{name} x"))
