"""Models and lines of the tiny recipe."""

from collections.abc import Callable

import pytest

from vary.train.build import build
from vary.train.lines import build_renderer
from vary.train.recipe import Recipe


@pytest.fixture(scope="session")
def renderer(tiny: Callable[..., Recipe]):
    return build_renderer(tiny().data)


@pytest.fixture
def built(tiny: Callable[..., Recipe], renderer):
    """Return a model with initial weights, and its processor."""
    return build(tiny(), renderer.texts.alphabet)
