import pickle
from pathlib import Path

import pytest
import yaml
from PIL import ImageFont

from vary.data.engines.page.engine import PageConfig
from vary.data.recipe import ENGINES, load_set_recipe
from vary.errors import InputError, VaryError

FIELDS = {
    "name": "slides",
    "engine": "page",
    "count": 2,
    "seed": 1,
    "options": {"text": "text", "fonts": ["fonts"], "sizes": ["slide"], "dpi": [72, 80]},
}
HASHES = {"samples": 2, "text_sha256": "a", "pixels_sha256": "b"}
FROZEN = {"whole": HASHES, "first": HASHES, "versions": {}}


@pytest.fixture
def written(tmp_path):
    """A function that writes a recipe, with changes, beside its text and fonts."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("A short paragraph.\n" * 9, encoding="utf-8")
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.ttf").write_bytes(ImageFont.load_default(20).path.getvalue())

    def write(**changes):
        path = tmp_path / "set.yaml"
        path.write_text(yaml.safe_dump({**FIELDS, **changes}), encoding="utf-8")
        return path

    return write


def test_a_recipe_builds_the_engine_with_paths_beside_its_file(written, monkeypatch, tmp_path):
    path = written()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recipe = load_set_recipe(path)
    assert recipe.config == PageConfig(
        text=tmp_path / "text", fonts=(tmp_path / "fonts",), sizes=("slide",), dpi=(72, 80)
    )
    assert recipe.engine_builder()().name == "page"
    assert pickle.loads(pickle.dumps(recipe.engine_builder()))().name == "page"
    run = recipe.run(tmp_path / "out", workers=3)
    assert (run.count, run.seed, run.shard_size, run.workers) == (2, 1, 128, 3)


def test_nested_paths_and_home_are_found_too(written, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    recipe = load_set_recipe(written(options={"text": "~/text", "fonts": [str(tmp_path)]}))
    assert (recipe.config.text, recipe.config.fonts) == (tmp_path / "text", (tmp_path,))


def test_overrides_change_values_and_their_paths_begin_where_they_are_given(written):
    recipe = load_set_recipe(written(), ["count=5", "options.text=other", "options.dpi=[90, 90]"])
    assert (recipe.count, recipe.config.text, recipe.config.dpi) == (5, Path("other"), (90, 90))


@pytest.mark.parametrize(
    ("override", "frozen"),
    [("shard_size=1", True), ("options.fonts=[.]", True), ("seed=2", False), ("count=1", False)],
)
def test_what_makes_another_set_takes_its_freezing_away(written, override, frozen):
    assert (load_set_recipe(written(frozen=FROZEN), [override]).frozen is not None) == frozen


def test_a_frozen_set_takes_its_fonts_alone(written):
    frozen = FROZEN | {"fonts": {"a.ttf": {"sha256": "x", "package": "fonts-a"}}}
    assert load_set_recipe(written(frozen=frozen)).config.font_hashes == ("x",)
    assert load_set_recipe(written()).config.font_hashes == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engin": "page"}, "no key 'engin'; did you mean engine?"),
        ({"engine": "pages"}, "did you mean page?"),
        ({"options": {"text": "text", "colums": [1]}}, "did you mean columns?"),
        ({"options": {}}, "options lacks text"),
        ({"options": {"text": 3}}, "options.text must be Path, got 3"),
        ({"options": {"text": "text", "columns": [4]}}, "columns 4: allowed are 1, 2, 3"),
        ({"options": {"text": "text", "passages": 0}}, "passages 0"),
        ({"count": "many"}, "recipe.count must be int"),
        ({"frozen": {"whole": HASHES, "versions": {}}}, "recipe.frozen lacks first"),
        ({"sources": [{"what": "a", "origin": "b"}]}, "lacks licence"),
    ],
)
def test_mistakes_are_named(written, changes, message):
    path = written(**changes)
    with pytest.raises(VaryError) as caught:
        _ = load_set_recipe(path).config
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: [", "is not YAML"), ("just words", "holds no recipe"), (None, "no recipe")],
)
def test_files_that_are_no_recipes_are_named(tmp_path, content, message):
    path = tmp_path / "set.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_set_recipe(path)


def test_overrides_of_another_form_are_refused(written):
    path = written()
    with pytest.raises(VaryError, match="write key=value"):
        load_set_recipe(path, ["count"])
    with pytest.raises(VaryError, match="is not YAML"):
        load_set_recipe(path, ["count=["])


def test_an_engine_that_is_not_there_is_told(written, monkeypatch):
    monkeypatch.setitem(ENGINES, "page", ("vary.data.engines.nowhere", "A", "b"))
    with pytest.raises(VaryError, match="engine page is not in this version"):
        load_set_recipe(written())
