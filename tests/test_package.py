"""What pyproject.toml, constraints.txt and the code say about one another agrees."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import vary

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PYTHON_FILES = sorted(
    path
    for folder in ("src", "examples", "scripts", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)

# Style's hard stops.
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500
MAX_EXAMPLE_LINES = 60


def normal_name(requirement: str) -> str:
    """Return the normalised distribution name of a requirement such as `RapidFuzz>=3`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def pins() -> dict[str, str]:
    """Return name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {normal_name(name): version for name, version in pairs}


def required_extras(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (module, extra) of every call of `vary.extras.require` with plain strings."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "require"
        ):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            strings = [value.value for value in values if isinstance(value, ast.Constant)]
            if len(strings) == 2:
                yield strings[0], strings[1]


def test_version():
    assert vary.__version__ == PROJECT["version"]


def test_everything_required_is_pinned():
    wanted = {normal_name(item) for item in PROJECT["dependencies"]}
    wanted |= {normal_name(item) for items in EXTRAS.values() for item in items}
    assert wanted - {"vary"} <= pins().keys()
    assert pins()["torch"] == "2.13.0"


def test_nothing_is_required_without_a_lower_bound():
    assert [item for item in PROJECT["dependencies"] if ">=" not in item] == []


def test_hints_name_extras_that_bring_the_module():
    calls = {
        call
        for path in (ROOT / "src").rglob("*.py")
        for call in required_extras(ast.parse(path.read_text(encoding="utf-8")))
    }
    wrong = [
        (module, extra)
        for module, extra in sorted(calls)
        if module.split(".")[0] not in {normal_name(item) for item in EXTRAS.get(extra, [])}
    ]
    assert wrong == []


def test_a_wrong_hint_would_be_seen():
    tree = ast.parse('require("rapidfuzz", extra="evil")')
    assert list(required_extras(tree)) == [("rapidfuzz", "evil")]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_stop_where_the_style_says(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name
)
def test_examples_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_EXAMPLE_LINES
