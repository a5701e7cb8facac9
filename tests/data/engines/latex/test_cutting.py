"""Sources cut into blocks."""

import os

import pytest

from vary.data.engines.latex.cutting import cut_source, read_definitions
from vary.data.engines.latex.pieces import Block, Run
from vary.data.engines.latex.running_text import Script, read_runs
from vary.data.engines.latex.sources import SourceLibrary, decode
from vary.data.engines.latex.tokens import UnusableError, read_tokens
from vary.errors import InputError


def cut(text, language="en"):
    tokens = read_tokens(text)
    known = read_definitions(tokens)
    return cut_source(tokens, known.macros, known.theorems, Script(language))


def text_of(block):
    return "".join(run.content for run in block.runs)


def test_a_chapter_without_a_preamble():
    found = cut(r"""
        \section{On \emph{groups}} \label{sec:g}
        Let $G$ be a group; see~\cite{a,b} and Section~\ref{x}.\footnote{Gone.}

        \begin{enumerate} \item First thing. \item[(b)] Second: \[ x = 1 \] and on.
        \end{enumerate}
        \begin{theorem}[Cayley] Each group is one of permutations. \end{theorem}
        \begin{figure}\caption{Gone.}\end{figure}
    """)
    kinds = [(block.kind, block.level, block.label) for block in found.blocks]
    assert kinds == [
        ("heading", 2, ""), ("paragraph", 0, ""), ("item", 1, "number"), ("item", 1, "(b)"),
        ("paragraph", 0, "Theorem"),
    ]  # fmt: skip
    assert text_of(found.blocks[0]) == "On groups"
    assert found.blocks[1].runs[1] == Run("inline", "G")
    assert "Gone" not in "".join(map(text_of, found.blocks))
    assert found.blocks[3].num_displays == 1
    assert text_of(found.blocks[4]).startswith("(Cayley) Each")
    assert found.dropped["left out: figure"] == 1


def test_a_piece_that_cannot_be_used_costs_itself_only():
    found = cut(
        "A first paragraph.\n\n\\catcode`\\@=11 A second one.\n\nA third paragraph.\n\n"
        "\\input{/etc/passwd} A fourth paragraph.\n\n\\write18{id} and a fifth one."
    )
    assert [text_of(block) for block in found.blocks] == [
        "A first paragraph.", "A third paragraph.", "A fourth paragraph.",
    ]  # fmt: skip
    assert found.dropped["unknown in text: \\catcode"] == 1
    assert found.dropped["unknown in text: \\write"] == 1


def test_groups_over_paragraphs_lose_their_braces():
    found = cut("\\intro{A first one.\n\\begin{center}A second one.\\end{center} And a third.}")
    assert [text_of(block) for block in found.blocks] == [
        "A first one.", "A second one.", "And a third.",
    ]  # fmt: skip


def test_tables_have_their_captions():
    found = cut(
        r"\begin{table}\caption{Sizes in cm.}\begin{tabular}{ll}a&b\\c&d\end{tabular}\end{table}"
        r"\begin{table}\begin{tabular}{ll}a&b\\c&d\end{tabular}\caption{Below.}\end{table}"
        r"\begin{tabular}{ll}a&b\\c&d\end{tabular}"
    )
    captions = [block.table.caption for block in found.blocks if block.table]
    assert captions == [(Run("text", "Sizes in cm."),), (Run("text", "Below."),), ()]


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("a ``b'' -- c---d~e", [Run("text", "a “b” – c—d e")]),
        (r"\'etude \c{c}a na\"{\i}ve \ss", [Run("text", "étude ça naïve ß")]),
        (r"\textbf{x $y$} z", [Run("text", "x ", "bold"), Run("inline", "y"), Run("text", " z")]),
        (r"{\it a} b", [Run("text", "a", "italic"), Run("text", " b")]),
        (r"\verb|a_b| \url{x_y}", [Run("text", "a_b", "code"), Run("text", " "),
                                   Run("text", "x_y", "code")]),
        (r"10\,\% \& \LaTeX{} x", [Run("text", "10 % & LaTeX x")]),
        ("$$x$$", [Run("display", "x")]),
        (r"\href{http://a}{b}", [Run("text", "b")]),
    ],
)  # fmt: skip
def test_running_text(source, runs):
    assert list(read_runs(read_tokens(source), Script("en"))) == runs


@pytest.mark.parametrize("source", ["a & b", "a_b", "{a", "a}", "中文", "\\foo{a}", "$x", "☃"])
def test_text_that_cannot_be_used(source):
    with pytest.raises(UnusableError):
        read_runs(read_tokens(source), Script("en"))


def test_chinese_is_chinese_only_in_chinese():
    assert read_runs(read_tokens("中文，English。"), Script("zh"))[0].content == "中文，English。"


def test_macros_of_the_nearest_file_count(tmp_path):
    for name, body in {
        "a/macros.tex": r"\newcommand{\who}{Ada}",
        "b/macros.tex": r"\newcommand{\who}{Bob}",
        "a/one.tex": r"This was written by \who{} alone.",
        "b/two.tex": r"This was written by \who{} alone.",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(body, encoding="utf-8")
    library = SourceLibrary.from_folder(tmp_path, "en")
    assert [text_of(source.blocks[0]) for source in library.sources] == [
        "This was written by Ada alone.", "This was written by Bob alone.",
    ]  # fmt: skip


def test_files_that_are_none_of_these(tmp_path):
    (tmp_path / "good.tex").write_text("A paragraph of text.", encoding="utf-8")
    (tmp_path / "large.tex").write_bytes(b"x" * 4_000_001)
    (tmp_path / "folder.tex").mkdir()
    os.mkfifo(tmp_path / "pipe.tex")  # reading it would never end
    library = SourceLibrary.from_folder(tmp_path, "en")
    assert list(library.hashes()) == ["good.tex"]
    assert library.dropped["a file too large"] == 1
    with pytest.raises(InputError, match="nothing to set"):
        SourceLibrary.from_folder(tmp_path, "en", exclude=["good*"])
    with pytest.raises(InputError, match="no folder"):
        SourceLibrary.from_folder(tmp_path / "absent", "en")


def test_encodings():
    assert decode("中文".encode("gbk")) == "中文"
    assert decode("中文".encode()) == "中文"
    assert decode(b"caf\xe9 ") in {"café ", "caf\ufffd "}


@pytest.mark.parametrize("text", ["{" * 50_000, "}" * 50_000, "$" * 9999, "\\begin{a}" * 9999,
                                  "\\[" * 9999, "\\section" * 999, "\\" * 999])  # fmt: skip
def test_malformed_sources_end(text):
    assert all(isinstance(block, Block) for block in cut(text).blocks)


def test_spaces_that_xetex_does_not_set_are_not_in_chinese_text():
    runs = read_runs(read_tokens("标题页， 有 “词” 与 word 及 $x$ 不一"), Script("zh"))
    assert [run.content for run in runs] == ["标题页，有“词”与 word 及 ", "x", " 不一"]
