from pathlib import Path

import pytest
import yaml

from vary.data.engines.base import make_sample
from vary.data.frozen import FIRST_SAMPLES, check_fonts, hash_samples, pixel_versions
from vary.data.recipe import load_set_recipe
from vary.errors import InputError, MissingExtraError

RECIPES = Path(__file__).parents[2] / "recipes"
SETS = sorted((RECIPES / "eval").glob("*.yaml"))
TEXTS = RECIPES / "eval" / "texts"


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_the_first_samples_come_out_as_published(path):
    recipe = load_set_recipe(path)
    frozen = recipe.frozen
    assert frozen is not None, "a test set without hashes is no test set: scripts/freeze_set.py"
    assert recipe.name == path.stem
    assert frozen.whole.samples <= recipe.count
    assert frozen.first.samples == FIRST_SAMPLES
    try:
        check_fonts(recipe.name, frozen, getattr(recipe.config, "fonts", None))
        engine = recipe.engine_builder()()
    except (InputError, MissingExtraError) as error:
        pytest.skip(str(error))
    found = hash_samples(make_sample(engine, recipe.seed, index) for index in range(FIRST_SAMPLES))
    # Texts hang on where lines break, so on the fonts' metrics as FreeType gives them.
    here = pixel_versions(recipe.engine)
    differ = {name for name, version in here.items() if frozen.versions.get(name) != version}
    if differ and found != frozen.first:
        pytest.skip(f"made with other versions of {', '.join(sorted(differ))}")
    assert found == frozen.first


def test_texts_are_prose_one_paragraph_a_line_and_none_twice():
    files = sorted(TEXTS.rglob("*.txt"))
    assert sum(path.stat().st_size for path in files) < 1_000_000
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(set(lines)) == len(lines)
    assert all(line == " ".join(line.split()) and len(line) > 5 for line in lines)
    sources = (TEXTS / "SOURCES.md").read_text(encoding="utf-8")
    for path in files:
        name = path.relative_to(TEXTS).as_posix()
        assert f"| {name} |" in sources
        row = next(line for line in sources.splitlines() if f"| {name} |" in line)
        assert row.endswith(f"| {path.stat().st_size} |")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_has_a_passage_of_its_own(language):
    recipe = load_set_recipe(RECIPES / "eval" / f"pages-{language}.yaml")
    assert recipe.config.passages == recipe.count == 100
    assert recipe.config.text.is_dir()


def test_english_pages_are_set_in_the_fonts_that_nano_holds_out():
    nano = yaml.safe_load((RECIPES / "nano.yaml").read_text(encoding="utf-8"))
    for name in ("pages-en", "blanks"):
        recipe = load_set_recipe(RECIPES / "eval" / f"{name}.yaml")
        assert list(recipe.config.include_fonts) == nano["data"]["font_held_out"]
