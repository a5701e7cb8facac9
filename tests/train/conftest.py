"""Models and batches of the tiny recipe."""

from collections.abc import Callable

import pytest

from vary.train.batches import StageBatches
from vary.train.build import build
from vary.train.recipe import Recipe, StageRecipe
from vary.train.run import stage_mixture
from vary.train.sources import Materials


@pytest.fixture(scope="session")
def materials(tiny: Callable[..., Recipe]) -> Materials:
    """Return the texts and fonts of the tiny recipe."""
    return Materials(tiny())


@pytest.fixture
def built(tiny: Callable[..., Recipe], materials: Materials):
    """Return a model with initial weights, and its processor."""
    return build(tiny(), materials)


@pytest.fixture
def batches_of(built) -> Callable[..., StageBatches]:
    """Return a function that gives the batches of a recipe's stage."""

    def make(recipe: Recipe, stage: StageRecipe | int = 0, *, held_out: bool = False):
        stage = recipe.stages[stage] if isinstance(stage, int) else stage
        mixture = stage_mixture(recipe, stage, Materials(recipe), held_out=held_out)
        return StageBatches(mixture, stage, built[1])

    return make
