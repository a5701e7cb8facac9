"""TeX in its cage: what hostile sources can and cannot do. Needs pdflatex and xelatex."""

import fcntl
import io
import shutil
import time

import pypdfium2
import pytest

from vary.data.engines.base import Reject
from vary.data.engines.latex import tex
from vary.data.engines.latex.tex import Limits, Tex, first_error
from vary.errors import VaryError

needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
needs_xetex = pytest.mark.skipif(shutil.which("xelatex") is None, reason="no xelatex")
SHARED = "\\documentclass{article}\n"
LIMITS = Limits(seconds=1, memory_mib=1024, file_mib=4)


@pytest.fixture(scope="module")
def cage():
    return Tex("en", LIMITS)


@pytest.fixture(scope="module")
def cage_zh():
    return Tex("zh", LIMITS)


def run(cage, body):
    return cage.set_document(SHARED, f"\\begin{{document}}\n{body}\n\\end{{document}}\n")


@needs_tex
def test_a_document_is_set_twice_alike(cage):
    one, two = (run(cage, r"Hello \today") for _ in range(2))
    assert one.pdf[:5] == b"%PDF-"
    assert one.pdf == two.pdf


@needs_tex
@pytest.mark.parametrize(
    "body",
    [
        r"\input{/etc/passwd}",
        r"\input{../secret}",
        r"\newread\r \openin\r=/etc/passwd \ifeof\r \undefinedthen \else \read\r to\l \l \fi",
        r"\input{|cat /etc/passwd}",
        r"\include{../secret}",
        r"\includegraphics{/etc/passwd}",
    ],
)
def test_files_outside_are_not_read(cage, body):
    with pytest.raises(Reject, match="TeX found an error"):
        run(cage, body)


@needs_tex
def test_no_command_is_run_and_no_file_written_outside(cage, tmp_path):
    target = tmp_path / "made"
    run(cage, rf"x\immediate\write18{{touch {target}}}")
    with pytest.raises(Reject):
        run(cage, rf"x\newwrite\w\immediate\openout\w={target} \immediate\write\w{{x}}")
    assert not target.exists()


@needs_tex
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (r"\def\x{\x}\x", "TeX took too long"),
        (r"\newwrite\w\immediate\openout\w=a \def\x{\immediate\write\w{0123456789}\x}\x",
         "TeX wrote too much"),
        (r"\def\x{ab\x c}\x", "TeX found an error"),  # TeX's own memory is full
        (r"\undefined", "TeX found an error"),
        (r"\loop\iftrue\repeat", "TeX took too long"),
        (r"\def\x{\special{pdf: 0123456789}\newpage x\x}\x", "TeX wrote too much"),
        ("{" * 3000, "TeX found an error"),
        (r"\hskip99999999pt x", "TeX found an error"),
        (r"\shipout\vbox{\hrule height16000pt\hrule height16000pt}",
         "TeX found an error"),
        (r"\catcode`\\=12 \catcode`\{=12 x", "TeX found an error"),  # there is no end any more
        ("a\0b", "TeX found an error"),
    ],
)  # fmt: skip
def test_what_never_ends_is_stopped(cage, body, reason):
    begun = time.monotonic()
    with pytest.raises(Reject) as caught:
        run(cage, body)
    assert caught.value.reason in {reason, "TeX took too long"}
    if body == r"\undefined":
        assert caught.value.detail == "Undefined control sequence. l.2 \\undefined"
    assert time.monotonic() - begun < 25


@needs_xetex
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (r"\input{/etc/passwd}", "TeX found an error"),
        (r"x\newwrite\w\immediate\openout\w=../out \immediate\write\w{x}", "TeX found an error"),
        (r"\def\x{\x}\x", "TeX took too long"),
        ("a\0b", "TeX found an error"),
    ],
)
def test_xetex_is_in_the_same_cage(cage_zh, body, reason):
    with pytest.raises(Reject) as caught:
        run(cage_zh, body)
    assert caught.value.reason == reason
    assert caught.value.detail or reason != "TeX found an error"


@needs_xetex
def test_xetex_keeps_a_format_too_and_then_loads_its_fonts(cage_zh):
    # ctex brings fontspec, which chooses OpenType fonts while the preamble is read.
    shared = SHARED + "\\usepackage[scheme=plain,fontset=none]{ctex}\n"
    made = cage_zh.set_document(
        shared, r"\begin{document}Office \textbf{bold} \texttt{code} $x_1$\end{document}"
    )
    page = pypdfium2.PdfDocument(io.BytesIO(made.pdf))[0]
    assert "Office bold code" in page.get_textpage().get_text_range()
    fonts = {line.split("/")[-1] for line in made.log.splitlines() if line.startswith("Missing")}
    assert not fonts
    assert list((next(iter(cage_zh._formats.values())).parent).glob("*.fmt"))


@needs_xetex
def test_a_class_that_measures_letters_finds_some_while_its_format_is_made(cage_zh):
    shared = r"\documentclass{scrartcl}\newlength\Vseen\settowidth\Vseen{mm}\edef\Vtold{\the\Vseen}"
    made = cage_zh.set_document(shared, r"\begin{document}\Vtold\end{document}")
    text = pypdfium2.PdfDocument(io.BytesIO(made.pdf))[0].get_textpage().get_text_range()
    assert float(text.split("pt")[0]) > 10


@needs_tex
def test_what_killed_processes_left_is_removed(tmp_path, monkeypatch):
    left, used, foreign = (tmp_path / f"vary-tex-{name}" for name in ("left", "used", "foreign"))
    for home in (left, used, foreign):
        home.mkdir()
    (left / "lock").touch()
    (left / "page.fmt").touch()
    with (used / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        monkeypatch.setattr(tex.tempfile, "tempdir", str(tmp_path))
        one = Tex("en")
        two = Tex("en")
        assert not left.exists()
        assert used.exists()
        assert foreign.exists()  # has no lock yet, or is not ours
        assert one._home.name != two._home.name
        assert all((tmp_path / made._home.name / "lock").exists() for made in (one, two))


def test_without_tex_the_packages_are_named(monkeypatch):
    monkeypatch.setattr(tex.shutil, "which", lambda name: None)
    with pytest.raises(
        VaryError, match=r"xelatex is not installed; on Debian: apt install .*xetex"
    ):
        Tex("zh")


def test_the_first_error_of_a_log():
    log = "pdfTeX\n! Undefined control sequence.\n<x> \nl.12 \\foo\n          bar\n! Second.\n"
    assert first_error(log) == "Undefined control sequence. l.12 \\foo"
    assert first_error("all is well") == ""
