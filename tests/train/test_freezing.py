"""Patterns of names that hold parameters fixed, and that they are."""

import pytest
import torch
from torch import nn

from vary.errors import VaryError
from vary.train.freezing import (
    FrozenWatch,
    freeze,
    is_fixed,
    parameter_counts,
    told_by_part,
)


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


def parted():
    """Return a model in parts: two vocabularies, one with statistics and dropout, and two more."""
    first = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout())
    return nn.ModuleDict(
        {
            "vocabularies": nn.ModuleList([first, nn.Linear(2, 3)]),
            "projector": nn.Linear(2, 1, bias=False),
            "language_model": nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)),
        }
    )


def test_each_part_is_told():
    model = parted()
    freeze(model, ["vocabularies.*", "language_model.0.*"])
    model.vocabularies.eval()
    assert told_by_part(model) == [
        "  vocabularies.0: all 10 parameters frozen, in evaluation mode",
        "  vocabularies.1: all 9 parameters frozen, in evaluation mode",
        "  projector: all 2 parameters trained",
        "  language_model: 3 parameters trained, 4 frozen, in training mode",
    ]
    model.language_model[0].eval()
    assert told_by_part(model)[3].endswith("4 frozen, in evaluation mode")
    model.vocabularies[0][2].train()  # a dropout alone
    assert told_by_part(model)[0].endswith("frozen, in training mode")


@pytest.fixture
def watched():
    model = parted()
    freeze(model, ["vocabularies.*"])
    watch = FrozenWatch(model, "read")
    watch.on_train_begin(None, None, None)
    return model, watch


def test_what_is_held_fixed(watched):
    model, watch = watched
    statistics = [f"vocabularies.0.1.{n}" for n in ("running_mean", "running_var")]
    assert set(watch.before) == {
        *(name for name, _ in model.named_parameters() if name.startswith("vocabularies")),
        *statistics,
        "vocabularies.0.1.num_batches_tracked",
    }
    with torch.no_grad():
        model.projector.weight.add_(1)
    watch.on_train_end(None, None, None)


def test_a_frozen_tensor_that_changed_is_named(watched):
    model, watch = watched
    model.vocabularies[1].weight.data[0, 0] += 1e-7
    with pytest.raises(VaryError, match="stage read: frozen tensors changed") as error:
        watch.on_train_end(None, None, None)
    assert ": vocabularies.1.weight. " in str(error.value)


def test_statistics_that_ran_on_are_named(watched):
    model, watch = watched
    model.vocabularies[0][1](torch.rand(4, 2))
    with pytest.raises(VaryError, match=r"vocabularies\.0\.1\.running_mean, .*running_var, "):
        watch.on_train_end(None, None, None)
