from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from vary.errors import InputError, VaryError
from vary.strict import apply_overrides, build_value, read_fields


@dataclass(frozen=True)
class Part:
    name: str
    share: float = 1.0


@dataclass(frozen=True)
class Whole:
    folder: Path
    kind: Literal["a", "b"] = "a"
    parts: tuple[Part, ...] = ()
    places: tuple[Path, ...] | None = None
    known: dict[str, Part] = field(default_factory=dict)


def test_values_are_built_with_their_types():
    fields = {
        "folder": "texts",
        "parts": [{"name": "x", "share": "1e-3"}],
        "places": ["p", "q"],
        "known": {"y": {"name": "z"}},
    }
    assert build_value(Whole, fields, "recipe") == Whole(
        Path("texts"), "a", (Part("x", 0.001),), (Path("p"), Path("q")), {"y": Part("z")}
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folder": 3}, "recipe.folder must be Path, got 3"),
        ({}, "recipe lacks folder"),
        ({"folder": "t", "kinds": "a"}, "recipe has no key 'kinds'; did you mean kind?"),
        ({"folder": "t", "kind": "c"}, "recipe.kind must be one of a, b"),
        ({"folder": "t", "parts": [{"name": 1}]}, r"recipe.parts\[0\].name must be str"),
        ({"folder": "t", "known": {"y": {}}}, "recipe.known.y lacks name"),
    ],
)
def test_what_does_not_fit_is_named(fields, message):
    with pytest.raises(VaryError, match=message):
        build_value(Whole, fields, "recipe")


def test_overrides_reach_into_lists_by_name():
    fields = {"parts": [{"name": "x"}, {"name": "y"}]}
    apply_overrides(fields, ["parts.y.share=0.5", "folder=here", "new.key=[1, 2]"])
    assert fields == {
        "parts": [{"name": "x"}, {"name": "y", "share": 0.5}],
        "folder": "here",
        "new": {"key": [1, 2]},
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("folder", "write key=value"),
        ("folder=[", "is not YAML"),
        ("parts.z.share=1", "there are x"),
        ("folder.deep=1", "holds no keys"),
    ],
)
def test_overrides_that_lead_nowhere_are_named(override, message):
    with pytest.raises(VaryError, match=message):
        apply_overrides({"folder": "t", "parts": [{"name": "x"}]}, [override])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no recipe"),
        (b"a: [", "not YAML"),
        (b"- 1", "no recipe: expected"),
        (b"\xff", "YAML"),
    ],
)
def test_files_that_hold_no_recipe_are_named(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_fields(path)
