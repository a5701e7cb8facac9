"""The recipes that ship: each is understood, and its engine knows its options."""

from pathlib import Path

import pytest

from vary.data.recipe import ENGINES, load_set_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes" / "data").glob("*.yaml"))
# What a recipe leaves to whoever has the material.
LEFT_OPEN = {
    "source": ("chartqa", "conversations", "docvqa", "llava", "pairs"),
    "photos": ("natural",),
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_understood(path, tmp_path):
    engine = next(
        line.partition(":")[2].split("#")[0].strip()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("engine:")
    )
    given = [
        f"options.{name}={tmp_path}" for name, engines in LEFT_OPEN.items() if engine in engines
    ]
    recipe = load_set_recipe(path, given)
    assert recipe.engine in ENGINES
    assert recipe.count > 0
    assert recipe.config is not None
