"""Tokens, macros, and sources that would grow without end."""

import pytest

from vary.data.engines.latex.cutting import read_definitions
from vary.data.engines.latex.tokens import (
    PAR,
    VERB,
    TokenReader,
    UnusableError,
    expand,
    read_tokens,
)


def expanded(definitions: str, text: str) -> str:
    macros = read_definitions(read_tokens(definitions)).macros
    return "".join(expand(read_tokens(text), macros))


def test_tokens_are_those_of_tex():
    assert read_tokens(r"ab \frac12 {x}% gone" "\n  y\n\n\nz") == [
        "ab", " ", "\\frac", "12", " ", "{", "x", "}", "y", PAR, "z",
    ]  # fmt: skip
    assert read_tokens(r"\% \\ \verb|a%b{| \url{a_b#c}") == [
        "\\%", " ", "\\\\", " ", VERB + "a%b{", " ", VERB + "a_b#c",
    ]  # fmt: skip
    assert read_tokens("a%\n\nb") == ["a", PAR, "b"]


def test_verbatim_environments_are_gone_even_without_an_end():
    assert read_tokens("a\\begin{verbatim}$%\\end{verbatim}b") == ["a", PAR, "b"]
    assert read_tokens("a\\begin{lstlisting} x") == ["a", PAR]


def test_an_argument_is_one_character_or_a_group():
    reader = TokenReader(read_tokens(r"{a{b}}12"))
    assert reader.argument() == ["a", "{", "b", "}"]
    assert reader.argument() == ["1"]
    assert reader.argument() == ["2"]
    with pytest.raises(UnusableError, match="missing"):
        reader.argument()
    with pytest.raises(UnusableError, match="no }"):
        TokenReader(["{", "a"]).argument()


@pytest.mark.parametrize(
    ("definitions", "text", "result"),
    [
        (r"\newcommand{\R}{\mathbb{R}}", r"x\in\R", r"x\in\mathbb{R}"),
        (r"\newcommand{\p}[2][1]{(#1,#2)}", r"\p{2}\p[3]{4}", "(1,2)(3,4)"),
        (r"\def\pair#1#2{<#1|#2>}", r"\pair ab", "<a|b>"),
        (r"\let\eps=\varepsilon", r"\eps", r"\varepsilon"),
        (r"\DeclareMathOperator{\Hom}{Hom}", r"\Hom", r"\operatorname{Hom}"),
        (r"\DeclareMathOperator*{\argmin}{arg\,min}", r"\argmin", r"\operatorname*{arg\,min}"),
        (r"\newcommand{\a}{\b}\newcommand{\b}{c}", r"\a", "c"),
        # What only TeX itself could carry out stays as it is, and is refused later.
        (r"\def\upto#1.{#1}", r"\upto x.", r"\uptox."),
        # Names of structure mean what LaTeX says.
        (r"\renewcommand{\textbf}[1]{#1}", r"\textbf{x}", r"\textbf{x}"),
    ],
)
def test_macros_are_written_out(definitions, text, result):
    assert expanded(definitions, text) == result


@pytest.mark.parametrize(
    "definitions",
    [
        r"\def\a{\a}",
        r"\def\a{\b\b}\def\b{\a\a}",
        r"\newcommand{\a}[1]{#1#1#1#1\a{#1#1#1#1}}",
        "".join(
            rf"\def\{'abcdefghijk'[n]}{{{(chr(92) + 'abcdefghijkl'[n + 1]) * 10}}}"
            for n in range(11)
        ),
    ],
)
def test_macros_that_grow_without_end_are_stopped(definitions):
    with pytest.raises(UnusableError, match=r"without end|too long"):
        expanded(definitions, r"\a{x}")
