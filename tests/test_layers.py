"""The layers of the package import one another one way only."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "vary"

# What every layer may use: no layer, and nothing of the package beyond itself.
BASE = {"errors", "extras", "strict", "checkpoints", "markup"}

# layer -> what it may import besides BASE and itself. A dotted name allows that module only.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "extras": set(),
    "strict": set(),
    "checkpoints": set(),
    "markup": set(),
    "vocabulary": set(),
    "model": {"vocabulary"},
    "data": {"vocabulary", "model"},
    "train": {"vocabulary", "model", "data", "eval.metrics"},
    "read": {"vocabulary", "model", "data.schema", "data.questions"},
    "eval": {"vocabulary", "model", "data", "read"},
    "serve": {"read"},
    "probing": {"vocabulary", "model", "data", "train", "eval", "read"},
    "cli": {"vocabulary", "model", "data", "train", "read", "eval", "probing", "serve"},
    # The package itself: `from vary import Reader` is looked up in `read` when it is asked for.
    "": {"read"},
    "__main__": {"cli"},
}


def module_name(file: Path, source: Path) -> str:
    """Return the name below the package: `read.cutting`, and the empty string for the package."""
    parts = list(file.relative_to(source).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the full name of all that is imported anywhere in a file, in functions too.

    `from a import b` gives `a.b`: whether `b` is a module or a name in one is left open.

    Args:
        tree: the parsed file.
        package: the package that relative imports start from, such as `vary.read`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def inner_imports(file: Path, source: Path) -> Iterator[str]:
    """Yield what a file imports of our package, without the leading `vary.`."""
    name = module_name(file, source)
    is_package = file.name == "__init__.py"
    package = ".".join(["vary", *(name.split(".") if is_package else name.split(".")[:-1])])
    for full in imported_names(ast.parse(file.read_text(encoding="utf-8")), package.rstrip(".")):
        if full == "vary.__version__":
            continue
        if full == "vary" or full.startswith("vary."):
            yield full.removeprefix("vary").removeprefix(".")


def layer_of(name: str) -> str:
    """Return the first part of a name below the package, or "" for names of the package itself."""
    first = name.split(".")[0]
    return first if first in ALLOWED else ""


def is_allowed(layer: str, name: str) -> bool:
    """Return whether a file of a layer may import a name below the package."""
    target = layer_of(name)
    if target in BASE | {layer}:
        return True
    return any(name == item or name.startswith(f"{item}.") for item in ALLOWED[layer])


def violations(source: Path) -> list[str]:
    """Return one line for each import that goes against the layers."""
    return [
        f"{module_name(file, source) or 'vary'} imports {name or 'vary'}"
        for file in sorted(source.rglob("*.py"))
        for name in inner_imports(file, source)
        if not is_allowed(layer_of(module_name(file, source)), name)
    ]


def layer_graph(source: Path) -> Mapping[str, set[str]]:
    """Return the layers that each layer imports in truth, the base and itself left out."""
    graph: dict[str, set[str]] = {}
    for file in source.rglob("*.py"):
        layer = layer_of(module_name(file, source))
        targets = {layer_of(name) for name in inner_imports(file, source)}
        graph.setdefault(layer, set()).update(targets - BASE - {layer})
    return graph


def test_every_folder_is_a_known_layer():
    folders = {path.parent.name for path in SOURCE.glob("*/*.py")}
    assert folders <= set(ALLOWED), f"name the layers of {sorted(folders - set(ALLOWED))} above"


def test_layers_import_one_way():
    assert violations(SOURCE) == []


def test_layers_have_no_cycle():
    tuple(TopologicalSorter(layer_graph(SOURCE)).static_order())


def test_the_table_itself_has_no_cycle():
    table = {layer: {name.split(".")[0] for name in names} for layer, names in ALLOWED.items()}
    tuple(TopologicalSorter(table).static_order())


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        (
            "data/engines/page.py",
            "from vary.train import recipe",
            "data.engines.page imports train.recipe",
        ),
        ("model/fusion.py", "import vary.read.reader", "model.fusion imports read.reader"),
        (
            "vocabulary/vitdet.py",
            "from ..eval.metrics import f1",
            "vocabulary.vitdet imports eval.metrics.f1",
        ),
        ("model/__init__.py", "from ..data import schema", "model imports data.schema"),
        ("read/reader.py", "from vary.data import shards", "read.reader imports data.shards"),
        (
            "model/late.py",
            "def f():\n    from vary.serve import app",
            "model.late imports serve.app",
        ),
        ("data/facade.py", "from vary import Reader", "data.facade imports Reader"),
        ("eval/all.py", "import vary", "eval.all imports vary"),
        ("read/cli.py", "from vary.cli.main import main", "read.cli imports cli.main.main"),
        ("errors.py", "from vary.data.schema import Sample", "errors imports data.schema.Sample"),
    ],
)
def test_a_planted_violation_is_seen(tmp_path, file, line, told):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    assert violations(tmp_path) == [told]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("read/reader.py", "from vary.data.schema import Sample"),
        ("read/reader.py", "from .cutting import cut_page"),
        ("train/loop.py", "from vary.errors import VaryError\nimport torch, varying"),
        ("__init__.py", "def __getattr__(name):\n    from vary.read.reader import Reader"),
        ("data/shards.py", "from vary import __version__"),
    ],
)
def test_what_is_allowed_passes(tmp_path, file, line):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    assert violations(tmp_path) == []


def test_a_planted_cycle_is_seen(tmp_path):
    for file, line in [("read/a.py", "import vary.eval"), ("eval/b.py", "import vary.read")]:
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(line, encoding="utf-8")
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(layer_graph(tmp_path)).static_order())
