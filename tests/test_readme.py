"""What the documents promise holds: commands, options, files, links, examples in docstrings."""

import doctest
import functools
import importlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFont

from vary.data.shards import Run, generate

ROOT = Path(__file__).parents[1]
# Fonts that are there wherever matplotlib is.
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
# The installed script may be another version's; this is the tree under test.
RUN_VARY = "import sys; from vary.cli.main import main; sys.argv[0] = 'vary'; main()"
MODULES_WITH_EXAMPLES = sorted(
    path
    for path in (ROOT / "src").rglob("*.py")
    if re.search(r"^\s*>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)


def fences(path: Path, *languages: str) -> list[str]:
    """Return the code blocks of a document in any of the languages."""
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [code for language, code in found if language in languages]


def shell_lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of each command in the shell blocks of a document."""
    for block in fences(path, "sh", "bash", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                yield words


def vary_commands() -> list[list[str]]:
    """Return the words behind `vary` of each command that the documents show."""
    commands = [
        words[1:] for path in DOCUMENTS for words in shell_lines(path) if words[0] == "vary"
    ]
    unique = {tuple(words) for words in commands}
    return [list(words) for words in sorted(unique)]


@functools.cache
def help_text(*command: str) -> str | None:
    """Return the help of a command, None where there is no such command."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_VARY, *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"},
    )
    return done.stdout if done.returncode == 0 else None


def deepest_command(words: list[str]) -> tuple[str, ...]:
    """Return the longest leading part of the words (two at most) that names a command."""
    names = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    for length in range(len(names), 0, -1):
        text = help_text(*names[:length])
        # A command that takes arguments swallows the next word and shows its own help.
        if text is not None and f"{' '.join(names[:length])} [" in text:
            return tuple(names[:length])
    return ()


def test_the_two_commands_come_first():
    for name in ("README.md", "README.zh.md"):
        assert fences(ROOT / name, "sh")[0] == "make demo\nmake test\n"


def test_both_languages_show_the_same_code_and_figures():
    english, chinese = (ROOT / name for name in ("README.md", "README.zh.md"))
    assert FENCE.findall(english.read_text("utf-8")) == FENCE.findall(chinese.read_text("utf-8"))
    links = [LINK.findall(path.read_text("utf-8"))[1:] for path in (english, chinese)]
    assert links[0] == links[1]
    rows = [
        [
            re.findall(r"\d+\.\d+", line)
            for line in path.read_text("utf-8").splitlines()
            if "|" in line
        ]
        for path in (english, chinese)
    ]
    assert rows[0] == rows[1], "the tables of the two languages hold different figures"


@pytest.mark.parametrize("words", vary_commands(), ids=" ".join)
def test_commands_and_their_options_exist(words):
    command = deepest_command(words)
    assert command, f"there is no command `vary {words[0]}`"
    text = help_text(*command)
    options = [word.split("=")[0] for word in words if word.startswith("--")]
    missing = [option for option in options if not re.search(rf"{option}\b", text)]
    assert not missing, f"vary {' '.join(command)} does not know {missing}:\n{text}"


def test_an_unknown_command_would_be_seen():
    assert help_text("raed") is None


def section_lines(word: str, document: str = "README.md") -> list[list[str]]:
    """Return the `vary` commands of a document whose first word behind `vary` is this one."""
    return [words for words in shell_lines(ROOT / document) if words[:2] == ["vary", word]]


def run_vary(words: list[str], folder: Path) -> str:
    """Run a command in a folder, with the options of its test, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_VARY, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "TERM": "dumb"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A folder of text, as the documents' FOLDER."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    article = (ROOT / "examples" / "documents" / "article.txt").read_text(encoding="utf-8")
    folder.joinpath("article.txt").write_text(article, encoding="utf-8")
    return folder


@pytest.mark.parametrize("document", ["README.md", "docs/data.md", "docs/engines/page.md"])
def test_the_data_commands_of_the_documents_run(tmp_path, corpus, document):
    said = []
    for words in section_lines("data", document):
        command = [str(corpus) if word == "FOLDER" else word for word in words[1:]]
        if "--ray" in command:  # needs a cluster; tests of the pool have one
            continue
        if "--count" in command and "--text" in command:
            # Eight pages show as much as a hundred, and a machine of tests need not have fonts.
            command[command.index("--count") + 1] = "8"
            command += ["--fonts", str(FONTS), "--include-fonts", "DejaVu S*"]
        elif command[1] == "make":
            command[2] = str(ROOT / command[2])
            command += [
                "count=2",
                f"options.fonts=[{FONTS}]",
                "options.include_fonts=['DejaVu S*']",
            ]
        said.append(run_vary(command, tmp_path))
    assert any(line.endswith("sound\n") for line in said) or document == "docs/engines/page.md"


def test_python_of_data_makes_a_sample(corpus):
    code = fences(ROOT / "docs" / "data.md", "python")[1]
    assert 'text=Path("FOLDER")' in code
    code = code.replace("text=", "fonts=(FONTS,), text=").replace('"FOLDER"', "FOLDER")
    shown: dict[str, Any] = {"__name__": "shown", "FOLDER": corpus, "FONTS": FONTS}
    exec(compile(code, "data.md", "exec"), shown)
    assert shown["sample"].id == "page/1/7"


def test_python_of_cutting_cuts_and_joins(tmp_path, monkeypatch):
    (code,) = fences(ROOT / "docs" / "cutting.md", "python")
    page = Image.new("L", (700, 300), 255)
    draw = ImageDraw.Draw(page)
    for line in range(3):
        draw.text((60, 60 + 40 * line), "words of a line", font=ImageFont.load_default(24))
    page.save(tmp_path / "page.png")
    monkeypatch.chdir(tmp_path)
    shown: dict[str, Any] = {"__name__": "shown", "read": lambda strip: f"{strip.shape[0]} px"}
    exec(compile(code, "cutting.md", "exec"), shown)
    assert shown["text"].split() == ["48", "px"] * 3


def test_the_read_commands_of_the_readme_run(tmp_path):
    tmp_path.joinpath("examples").symlink_to(ROOT / "examples")
    alone, folder = section_lines("read")
    assert "vocabular" in run_vary(alone[1:], tmp_path)
    run_vary(folder[1:], tmp_path)
    assert [path.name for path in (tmp_path / "out" / "read").glob("*.json")]


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    shown = {words[1] for path in DOCUMENTS for words in shell_lines(path) if words[0] == "make"}
    assert shown <= targets


def test_files_in_commands_exist():
    words = {word for path in DOCUMENTS for line in shell_lines(path) for word in line}
    named = {
        word for word in words if re.match(r"(examples|recipes|benchmarks|scripts|tests)/", word)
    }
    assert sorted(word for word in named if not (ROOT / word).exists()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    links = [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_python_of_the_readme_reads_the_example(monkeypatch, capsys):
    (code,) = fences(ROOT / "README.md", "python")
    monkeypatch.chdir(ROOT)
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert printed.startswith("1 ok ")
    assert "vocabular" in printed


@pytest.mark.parametrize(
    "code", fences(ROOT / "CONTRIBUTING.md", "python"), ids=["engine", "vocabulary", "metric"]
)
def test_python_of_contributing_runs(code, tmp_path):
    shown: dict[str, Any] = {"__name__": "shown"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), shown)
    if "DigitEngine" in shown:
        run = Run(tmp_path, count=5, seed=1, shard_size=2)
        assert generate(shown["DigitEngine"], run).samples == 5


@pytest.mark.parametrize("path", MODULES_WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_in_docstrings(path):
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    assert not doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed
