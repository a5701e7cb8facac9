import importlib
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

import vary
from vary.cli import main
from vary.errors import InputError


def run(*arguments: str):
    return CliRunner().invoke(main.app, arguments)


def test_help_lists_every_command_and_imports_no_framework():
    code = (
        "import sys; sys.argv = ['vary', '--help']; from vary.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = {'torch', 'transformers', 'pypdfium2', 'vary.cli.read'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for name in main.COMMANDS:
        assert name in done.stdout


def test_importing_the_package_imports_no_framework():
    code = (
        "import sys, vary, vary.read, vary.checkpoints, vary.cli.main, vary.cli.read\n"
        "loaded = {'torch', 'transformers'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert 'Reader' in dir(vary)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_version():
    result = run("--version")
    assert (result.exit_code, result.stdout.strip()) == (0, f"vary {vary.__version__}")


def test_a_slip_of_the_pen_is_answered_with_the_nearest_command():
    result = run("raed")
    assert result.exit_code == 2
    assert "'read'" in result.stderr


def test_without_a_command_the_help_is_shown():
    result = run()
    assert result.exit_code == 2
    assert "Usage" in result.output


@pytest.fixture
def scripted(monkeypatch):
    """Return a function that puts an object in the place of the module behind `vary train`."""

    def script(value):
        monkeypatch.setitem(main.COMMANDS, "train", ("scripted:entry", "Told by the table."))
        module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("scripted", None))
        module.entry = value
        monkeypatch.setitem(sys.modules, "scripted", module)

    return script


def test_a_function_becomes_a_command(scripted):
    def train(recipe: str, steps: int = 1) -> None:
        typer.echo(f"{recipe} {steps}")

    scripted(train)
    assert run("train", "tiny.yaml", "--steps", "3").stdout == "tiny.yaml 3\n"
    assert "Told by the table." in run("train", "--help").stdout


def test_an_app_becomes_a_command_with_commands(scripted):
    group = typer.Typer()
    group.command("show")(lambda: typer.echo("shown"))
    group.command("stats")(lambda: typer.echo("counted"))
    scripted(group)
    assert run("train", "stats").stdout == "counted\n"
    help_text = run("train", "--help").stdout
    assert "show" in help_text
    assert "--install-completion" not in help_text


def test_a_users_mistake_is_told_in_one_line(scripted):
    def train() -> None:
        raise InputError("a.yaml: no such recipe; write one")

    scripted(train)
    result = run("train")
    assert (result.exit_code, result.stderr) == (2, "vary: a.yaml: no such recipe; write one\n")


def test_a_fault_of_ours_is_not_hidden(scripted):
    def train() -> None:
        raise ZeroDivisionError

    scripted(train)
    assert isinstance(run("train").exception, ZeroDivisionError)


def test_an_interrupt_says_that_it_can_go_on(scripted):
    def train() -> None:
        raise KeyboardInterrupt

    scripted(train)
    result = run("train")
    assert result.exit_code == 130
    assert "goes on" in result.stderr


def test_unknown_names_of_the_package():
    with pytest.raises(AttributeError, match="no attribute 'Writer'"):
        _ = vary.Writer
