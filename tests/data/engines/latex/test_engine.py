"""The engine: options everywhere, samples where TeX is installed."""

import json
import shutil
from functools import partial

import pytest

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.latex.engine import LatexConfig, build_latex_engine
from vary.data.engines.latex.names import MATH_COMMANDS
from vary.data.engines.latex.running_text import Script
from vary.data.engines.latex.sources import SourceLibrary
from vary.data.engines.latex.templates import FONTS, HEADING_STYLES, TEMPLATES, shared_preamble
from vary.data.engines.latex.typeset import escape
from vary.data.shards import Run, generate
from vary.errors import InputError, VaryError

needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
SOURCE = r"""
\section{Sums of squares}
The sum of the first squares is well known, and it is found in many books of old and new authors.
\begin{equation} \sum_{k=1}^{n} k^2 = \frac{n(n+1)(2n+1)}{6} \end{equation}
One proves it by induction: it is right for $n = 1$, and what is added is the next square.
\[ (n+1)^2 = n^2 + 2n + 1 \]
\begin{table}\caption{Some squares.}
\begin{tabular}{l|r} \hline number & square \\ \hline two & 4 \\ three & 9 \\ \hline \end{tabular}
\end{table}
\begin{itemize}\item The difference of squares is odd. \item The sum need not be a square.
\end{itemize}
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tex")
    (folder / "squares.tex").write_text(SOURCE, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kind": "chart"}, "kind chart"),
        ({"language": "fr"}, "language fr"),
        ({"dpi": (10, 20)}, "dpi 10-20"),
        ({"passages": 0}, "passages 0"),
        ({"templates": ("nature",)}, "no template nature"),
        ({"exclude_templates": tuple(TEMPLATES)}, "no template is left"),
        ({"seconds": 0}, "seconds 0"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, told):
    with pytest.raises(VaryError, match=told):
        LatexConfig(sources=tmp_path, **options)


def test_there_are_twelve_templates_and_more():
    assert len(TEMPLATES) >= 12
    for template in TEMPLATES.values():
        assert template.fonts in FONTS
        assert template.heading in HEADING_STYLES
        assert shared_preamble(template, "en").startswith("\\documentclass")


@needs_tex
def test_kinds_have_what_they_are_named_for(sources):
    for kind, wanted, form in (
        ("formulas", "\\[", "markdown"), ("tables", "\\begin{tabular}", "markdown"),
        ("table", "\\begin{tabular}", "latex"),
    ):  # fmt: skip
        engine = build_latex_engine(LatexConfig(sources=sources, kind=kind, templates=("article",)))
        sample = _first(engine)
        assert wanted in sample.text
        assert sample.format == form
        assert sample.source == "squares.tex"
        assert json.loads(sample.meta)["template"] == "article"
        assert engine.length_hint(0) > 0
    assert sample.text.startswith("\\begin{tabular}")


@needs_tex
@pytest.mark.parametrize("template", ["ams", "letter"])
def test_a_table_alone_is_cut_out_without_a_page_number(sources, template):
    engine = build_latex_engine(
        LatexConfig(sources=sources, kind="table", templates=(template,), dpi=(80, 80))
    )
    image = _first(engine).images[0]
    assert image.height < 160  # a page has 880 rows


def _first(engine, seed=1):
    for index in range(8):
        try:
            return make_sample(engine, seed, index)
        except Reject:
            continue
    raise AssertionError("no sample of eight")


@needs_tex
def test_sets_are_the_same_with_two_workers(sources, tmp_path):
    build = partial(build_latex_engine, LatexConfig(sources=sources, templates=("ams",)))
    one, two = (
        generate(build, Run(tmp_path / str(workers), 4, 5, 2, workers)) for workers in (1, 2)
    )
    assert one.samples > 0
    assert [shard.sha256 for shard in one.shards] == [shard.sha256 for shard in two.shards]
    assert one.configuration["sources"].keys() == {"squares.tex"}
    assert "TeX Live" in one.configuration["tex"]


@needs_tex
def test_every_known_command_of_formulas_is_one_of_tex(sources):
    engine = build_latex_engine(LatexConfig(sources=sources, templates=("article",)))
    names = sorted(MATH_COMMANDS)
    body = "\n".join(f"\\ifdefined\\{name}\\else \\errmessage{{{name}}}\\fi" for name in names)
    engine._tex.set_document(
        shared_preamble(TEMPLATES["article"], "en"),
        f"\\begin{{document}}x\\begingroup {body}\\endgroup\\end{{document}}",
    )


@needs_tex
@pytest.mark.parametrize("name", ["times", "memo", "handout"])  # the fonts with the fewest signs
def test_faces_have_every_character_that_is_let_through(sources, name):
    engine = build_latex_engine(LatexConfig(sources=sources, templates=(name,)))
    allows = Script("en").allows
    signs = [chr(code) for code in range(0x21, 0x2200) if allows(chr(code))]
    words = " ".join(escape(sign) for sign in signs)
    document = (
        f"\\begin{{document}}{words} \\emph{{{words}}} \\textbf{{{words}}}\n$\\coprod\\amalg$"
    )
    result = engine._tex.set_document(
        shared_preamble(TEMPLATES[name], "en"), f"{document} $\\jmath$\n\\end{{document}}"
    )
    assert len(signs) > 200
    assert "Missing character" not in result.log
    assert "glyph" not in result.log  # as pdfTeX says of one that an encoding names in vain


@needs_tex
def test_hostile_sources_cost_themselves_only(sources, tmp_path, monkeypatch):
    folder = tmp_path / "hostile"
    shutil.copytree(sources, folder)
    target = tmp_path / "made"
    text = "A paragraph that is long enough to be set on a page of its own, were it not for this: "
    for name, source in {
        "loop": r"\def\x{\x}\x \newcommand\y{\y\y}\y \loop\iftrue\repeat",
        "shell": rf"\write18{{touch {target}}} \immediate\write18{{touch {target}}}",
        "read": r"\input{/etc/passwd} \include{../../secret} \openin5=/etc/passwd",
        "write": rf"\newwrite\w\immediate\openout\w={target} \immediate\write\w{{x}}",
        "nul": "\0 $a\0b$ \\input\0{x}",
        "catcode": r"\catcode`\\=12 \catcode`\{=12 \catcode`\}=12",
        "huge": r"\vspace{99999999pt}\rule{99999999pt}{1pt} $\kern99999999pt x$",
        "deep": "$" + r"\hat{" * 3000 + "x" + "}" * 3000 + "$ " + r"\textbf{" * 3000 + "x",
        "braces": "{" * 30_000 + r"\begin{itemize}" * 3000,
    }.items():
        (folder / f"{name}.tex").write_text(f"{text}\n{source}\n\n{text}{source}\n")
    (folder / "gbk.tex").write_bytes("这一段文字用国标码写成，英文页面不收。".encode("gbk"))
    monkeypatch.chdir(tmp_path)
    library = SourceLibrary.from_folder(folder, "en")
    assert "nested too deep" in library.dropped
    assert "macros without end" in library.dropped
    before = sorted(tmp_path.rglob("*"))
    engine = build_latex_engine(LatexConfig(sources=folder, templates=("article",)))
    assert _first(engine).text
    written = " ".join(
        run.content for source in library.sources for block in source.blocks for run in block.runs
    )
    for command in ("write", "input", "openout", "openin", "catcode", "kern", "loop"):
        assert f"\\{command}" not in written
    assert sorted(tmp_path.rglob("*")) == before


def test_less_material_than_passages(sources, monkeypatch):
    monkeypatch.setattr("vary.data.engines.latex.engine.Tex", lambda *_: None)
    with pytest.raises(VaryError, match="give fewer passages"):
        build_latex_engine(LatexConfig(sources=sources, passages=999))
    with pytest.raises(InputError, match="no folder"):
        build_latex_engine(LatexConfig(sources=sources / "absent"))
