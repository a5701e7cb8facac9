"""Patterns of names that hold parameters fixed."""

import pytest
from torch import nn

from vary.errors import VaryError
from vary.train.freezing import freeze, is_fixed, parameter_counts


@pytest.fixture
def model():
    part = nn.ModuleDict({"first": nn.Linear(2, 3), "second": nn.Linear(3, 2, bias=False)})
    return nn.ModuleDict({"encoder": part, "head": nn.Linear(2, 1)})


def trained(model):
    return sorted(name for name, p in model.named_parameters() if p.requires_grad)


HEAD = ["head.bias", "head.weight"]


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ((), ["encoder.first.bias", "encoder.first.weight", "encoder.second.weight", *HEAD]),
        (("encoder.*",), HEAD),
        (("encoder.*", "!*.second.*"), ["encoder.second.weight", *HEAD]),
        (("!*.second.*", "encoder.*"), HEAD),
        (("*", "!*.bias"), ["encoder.first.bias", "head.bias"]),
        (("*", "!*.bias", "head.bias"), ["encoder.first.bias"]),
        (("head.*",), ["encoder.first.bias", "encoder.first.weight",
         "encoder.second.weight"]),
    ],
)  # fmt: skip
def test_the_last_pattern_that_matches_counts(model, patterns, left):
    freeze(model, patterns)
    assert trained(model) == left


def test_what_was_fixed_before_is_trained_again(model):
    freeze(model, ["encoder.*"])
    freeze(model, ["head.*"])
    assert "encoder.first.weight" in trained(model) and not set(HEAD) & set(trained(model))


@pytest.mark.parametrize("pattern", ["encodr.*", "!encodr.*", "ENCODER.*"])
def test_a_pattern_that_matches_nothing_is_told_with_the_names(model, pattern):
    with pytest.raises(VaryError, match="matches no parameter") as error:
        freeze(model, [pattern])
    assert repr(pattern) in str(error.value)
    assert "encoder.first, encoder.second, head.bias, head.weight" in str(error.value)


def test_nothing_left_to_train_is_told(model):
    with pytest.raises(VaryError, match=r"frozen: encoder\.\*, head\.\* leave nothing to train"):
        freeze(model, ["encoder.*", "head.*"])


def test_counts(model):
    freeze(model, ["encoder.*"])
    assert parameter_counts(model) == {"trained": 3, "frozen": 2 * 3 + 3 + 3 * 2}
    assert is_fixed(model["encoder"]) and not is_fixed(model)
    assert not is_fixed(nn.ReLU())


def test_a_kind_head_is_fitted_apart(model):
    model.encoder.kind_head = nn.Linear(2, 2)
    freeze(model, ())
    assert not any(p.requires_grad for p in model.encoder.kind_head.parameters())
    assert model.head.weight.requires_grad
