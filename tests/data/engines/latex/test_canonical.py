"""What is drawn alike is written alike."""

import pytest

from vary.data.engines.latex.formulas import join_tokens, read_formula
from vary.data.engines.latex.tokens import read_tokens


def canonical_of(source):
    return read_formula(read_tokens(source))


@pytest.mark.parametrize(
    ("sources", "target"),
    [
        # scripts
        ([r"x_{i}^{2}", r"x^2_i", r"{x}_{i}^{{2}}", "x_i^2"], "x_i^2"),
        ([r"x_i'", r"x'_i", r"x^{'}_i", r"x_{i}^\prime", r"x^{\prime}_{i}"], "x_i'"),
        ([r"x''", r"x^{\prime\prime}", r"x^{''}"], "x''"),
        ([r"x'^{2}", "x'^2"], "x'^2"),
        ([r"a=_{}b", r"a=^{}b", r"a=_{{}}b", "a=b"], "a=b"),
        ([r"f_{\alpha}x", r"f_\alpha x"], r"f_\alpha x"),
        ([r"a\times_\mathcal{X}b", r"a\times_{\mathcal{X}}b"], r"a\times_{\mathcal{X}}b"),
        ([r"(S)_\text{fin}", r"(S)_{\text{fin}}"], r"(S)_{\text{fin}}"),
        ([r"x^\frac12", r"x^{\frac{1}{2}}"], r"x^{\frac{1}{2}}"),
        ([r"\int\limits^b_a", r"\int\limits_{a}^{b}"], r"\int\limits_a^b"),
        ([r"x_{i,j}^{k+1}", r"x^{k+1}_{i,j}"], r"x_{i,j}^{k+1}"),
        ([r"x_\Vunknown", r"x_{\Vunknown}"], r"x_{\mathrm{Vunknown}}"),
        # groups
        ([r"{x=_{X}y}", r"{{x}=_Xy}", "x=_Xy"], "x=_Xy"),
        ([r"({a=b})\simeq{\mathsf{f}_{}}", r"(a=b)\simeq\mathsf{f}"], r"(a=b)\simeq\mathsf{f}"),
        ([r"A\to{\mathcal{U}}", r"A\to\mathcal{U}"], r"A\to\mathcal{U}"),
        ([r"{(p,q)}_{*}", "(p,q)_*"], "(p,q)_*"),
        ([r"\mathopen{}\left(f\right)\mathclose{}", r"\left(f\right)"], r"\left(f\right)"),
        ([r"x\mathop{}\!\mathrm{d}x", r"x\mathrm{d}x"], r"x\mathrm{d}x"),
        ([r"c_{{\mathsf{r}_{}}}", r"c_{\mathsf{r}}", r"c_\mathsf{r}"], r"c_{\mathsf{r}}"),
        ([r"x\vphantom{\sum_i}\phantom{a}+\phantom b", "x+"], "x+"),
        ([r"x\hphantom{y}_i", r"x{}_i"], r"x{}_i"),
        (
            [r"\sum_{{\begin{subarray}{l}a\\b\end{subarray}}}x"],
            r"\sum_{\begin{subarray}{l}a\\b\end{subarray}}x",
        ),
        # arguments
        ([r"\frac12", r"\frac 1{2}", r"\frac{{1}}{2}"], r"\frac{1}{2}"),
        ([r"\sqrt[{3}]x", r"\sqrt[3]{x}"], r"\sqrt[3]{x}"),
        ([r"n\pmod p", r"n\pmod{p}"], r"n\pmod{p}"),
        ([r"\text{at $x_{i}$}", r"\text{at $x_i$}"], r"\text{at $x_i$}"),
    ],
)
def test_what_is_drawn_alike_is_written_alike(sources, target):
    assert {canonical_of(source) for source in sources} == {target}


@pytest.mark.parametrize(
    "source",
    [
        r"a{=}b",  # set closer than a relation
        r"1{,}000",
        r"{x_i}^2",  # its scripts do not stand one above the other
        r"{}^2x",
        r"1+{a\over b}",
        r"{\displaystyle\sum x}+\sum x",
        r"{\cdot}\vdash a",
        r"x\mathrel{R}y",
        r"\bigl(x\bigr)",
        r"\left\{x\right.",
        r"\begin{matrix}a&b\\c&d\end{matrix}^T",
        r"\xrightarrow[f]{g}",
        r"\operatorname*{argmax}_x",
        r"\overset{!}{=}",
        r"x_{-1}",
    ],
)
def test_what_is_seen_stays(source):
    assert canonical_of(source) == source


def test_a_canonical_formula_is_its_own_canonical_form():
    source = r"\hom_{{\mathcal{R}el}}({x_{i}'}^{2},\frac{a_{1}}\sqrt2)={}_{b}'c"
    once = canonical_of(source)
    assert canonical_of(once) == once


def test_a_row_never_begins_with_what_its_break_would_take():
    assert join_tokens(["a", "\\\\", "*", "b"]) == r"a\\{}*b"
