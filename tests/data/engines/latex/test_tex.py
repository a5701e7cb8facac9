"""TeX in its cage: what hostile sources can and cannot do. Needs pdflatex."""

import shutil
import time

import pytest

from vary.data.engines.base import Reject
from vary.data.engines.latex import tex
from vary.data.engines.latex.tex import Limits, Tex, first_error
from vary.errors import VaryError

needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
SHARED = "\\documentclass{article}\n"


@pytest.fixture(scope="module")
def cage():
    return Tex("en", Limits(seconds=2, memory_mib=1024, file_mib=4))


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
