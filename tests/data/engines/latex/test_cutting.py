"""Sources cut into blocks."""

import os
import random
from itertools import takewhile

import pytest

from vary.data.engines.latex.cutting import cut_source, read_definitions
from vary.data.engines.latex.pieces import SEEN_GAP, Block, Run
from vary.data.engines.latex.running_text import Script, read_runs
from vary.data.engines.latex.sources import (
    Choice,
    Nearest,
    Shelves,
    SourceLibrary,
    by_command,
    decode,
)
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


def test_a_label_takes_no_name_from_a_theorem():
    found = cut(
        "\\begin{lemma}\\label{l}\n\n\\begin{figure}\\end{figure} All is well known.\\end{lemma}"
        "\\begin{itemize}\\item\\label{i}\n\nOne thing is.\\item\\label{j}\\end{itemize}"
        "\\label{x}\n\nMore of these words."
    )
    kinds = [(block.kind, block.label) for block in found.blocks]
    assert kinds == [("paragraph", "Lemma"), ("item", "bullet"), ("paragraph", "")]


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


@pytest.mark.parametrize(
    ("source", "contents"),
    [
        ("标题页， 有 “词” 与 word 及 $x$ 不一", ["标题页，有“词”与word及", "x", "不一"]),
        (r"中 \textbf{a b} 中\emph{文 }字 第 3 章", ["中", "a b", "中", "文", "字第3章"]),
        ("（ a ） b， the dogs’ tail — a “q” c $x$ $y$ 中",  # what is seen stays
         ["（a）b，the dogs’ tail —a “q”c ", "x", " ", "y", "中"]),
    ],
)  # fmt: skip
def test_spaces_that_xetex_does_not_set_are_not_in_chinese_text(source, contents):
    runs = read_runs(read_tokens(source), Script("zh"))
    assert [run.content for run in runs] == contents


def test_a_heading_within_its_paragraph_stands_apart():
    for language, gap in (("en", " "), ("zh", SEEN_GAP)):
        runs = read_runs(read_tokens("\\paragraph{One}Two"), Script(language))
        assert list(runs) == [Run("text", "One", "bold"), Run("text", gap + "Two")]


def test_spaces_stay_in_english():
    assert read_runs(read_tokens("a “q” b"), Script("en"))[0].content == "a “q” b"


def test_a_large_folder_is_read_in_parts(tmp_path, monkeypatch):
    for number in range(12):
        text = rf"\newcommand{{\who}}{{Ada {number}}}" if number % 2 else ""
        (tmp_path / f"{number:02}.tex").write_text(f"{text} Written by \\who{{}} alone.\n")
    whole = Shelves(tmp_path, Choice("en"))
    assert len(whole) == 1
    assert len(whole.hashes()) == 12
    monkeypatch.setattr("vary.data.engines.latex.sources.WHOLE_BYTES", 100)
    monkeypatch.setattr("vary.data.engines.latex.sources.SHELF_BYTES", 120)
    shelves = Shelves(tmp_path, Choice("en", exclude=("0[0-6].tex",)))
    libraries = [shelves.library(number) for number in range(len(shelves))]
    names = [source.name for library in libraries for source in library.sources]
    assert names == ["07.tex", "08.tex", "09.tex", "10.tex", "11.tex"]
    assert 1 < len(libraries) < 5
    assert sorted(map(shelves.number_of, range(len(shelves)))) == list(range(len(shelves)))
    before = shelves.hashes()
    assert len(before) == 1
    (tmp_path / "11.tex").write_text("Written by nobody.")
    assert Shelves(tmp_path, Choice("en", exclude=("0[0-6].tex",))).hashes() != before
    with pytest.raises(InputError, match="nothing to set"):
        Shelves(tmp_path, Choice("en", include=("x*",)))


def test_the_nearest_of_many_files_gives_a_macro():
    """As of a search through all files, by the start that paths share, then by their order."""
    rng = random.Random(1)
    names = sorted({"".join(rng.choices("ab/", k=rng.randint(1, 6))) for _ in range(60)})
    defining = rng.sample(names, 25)
    meanings = by_command({name: {"\\who": name, "\\sin": name} for name in defining})
    for name in names:
        found = Nearest(name, meanings, kept_alone=frozenset({"sin"}))

        def nearness(other, name=name):
            pairs = zip(name, other, strict=False)
            return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs))), other

        nearest = max(defining, key=nearness)
        assert found["\\who"] == (name if name in defining else nearest)
        assert ("\\sin" in found) == (name in defining)
        assert "\\other" not in found
