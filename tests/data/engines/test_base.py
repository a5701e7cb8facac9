import numpy as np
import pytest

from vary.data.engines.base import Reject, sample_rng


def test_a_generator_depends_on_seed_engine_and_index_alone():
    def draw(*key):
        return sample_rng(*key).integers(1 << 62)

    keys = [(0, "page", 0), (1, "page", 0), (0, "page", 1), (0, "chart", 0)]
    assert len({draw(*key) for key in keys}) == 4
    assert draw(0, "page", 0) == draw(0, "page", 0)


def test_a_generator_stays_the_same_over_releases():
    # Changing this number changes every set that was ever generated.
    assert sample_rng(7, "page", 3).integers(1 << 30) == 310229369
    assert isinstance(sample_rng(7, "page", 3), np.random.Generator)


@pytest.mark.parametrize("key", [(-1, "page", 0), (0, "page", -1)])
def test_negative_seeds_and_indices_are_refused(key):
    with pytest.raises(ValueError, match="must both be 0 or more"):
        sample_rng(*key)


def test_a_reject_tells_reason_and_detail():
    assert str(Reject("no text", "page 3")) == "no text: page 3"
    assert str(Reject("no text")) == "no text"
