"""Averaged weights against ones worked out by hand."""

import pytest
import torch
from torch import nn

from vary.train.averaging import AVERAGES_NAME, AveragedWeights


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    model[1].bias.requires_grad = False
    return model


def walk(model, averages, steps, seed=1):
    """Change the weights a number of times and return them after each."""
    source = torch.Generator().manual_seed(seed)
    seen = []
    with torch.no_grad():
        for _ in range(steps):
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=source))
            averages.update(model)
            seen.append({name: p.detach().clone() for name, p in model.named_parameters()})
    return seen


@pytest.mark.parametrize("decay", [0.9, 0.2])
def test_averages_are_those_worked_out_by_hand(model, decay):
    expected = {name: p.detach().double().clone() for name, p in model.named_parameters()}
    averages = AveragedWeights(model, decay)
    for step, weights in enumerate(walk(model, averages, 30), start=1):
        now = min(decay, (1 + step) / (10 + step))
        for name, average in expected.items():
            expected[name] = now * average + (1 - now) * weights[name].double()
    assert averages.averages.keys() == {"0.weight", "0.bias", "1.weight"}
    for name, average in averages.averages.items():
        assert torch.allclose(average.double(), expected[name], atol=1e-5)
        assert not torch.allclose(average, model.get_parameter(name), atol=1e-2)


def test_averages_take_the_place_of_the_weights_and_give_it_back(model):
    averages = AveragedWeights(model, 0.9)
    weights = walk(model, averages, 5)[-1]
    with averages.applied(model):
        for name, average in averages.averages.items():
            assert torch.equal(model.get_parameter(name), average)
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())
    with pytest.raises(KeyError), averages.applied(model):
        raise KeyError
    assert all(torch.equal(p, weights[name]) for name, p in model.named_parameters())
    averages.write_to(model)
    assert torch.equal(model[0].weight, averages.averages["0.weight"])
    assert model[0].weight.requires_grad


def test_averages_go_on_exactly(model, tmp_path):
    whole = AveragedWeights(model, 0.9)
    walk(model, whole, 4)
    whole.save(tmp_path)
    other = AveragedWeights(model, 0.9)
    assert other.load(tmp_path)
    assert other.num_averaged == 4
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    walk(model, whole, 3, seed=2)
    model.load_state_dict(state)
    walk(model, other, 3, seed=2)
    assert all(torch.equal(whole.averages[name], other.averages[name]) for name in whole.averages)


def test_averages_of_other_parameters_are_not_taken(model, tmp_path):
    averages = AveragedWeights(model, 0.9)
    assert not averages.load(tmp_path)
    averages.save(tmp_path)
    assert (tmp_path / AVERAGES_NAME).is_file()
    model[0].bias.requires_grad = False
    assert not AveragedWeights(model, 0.9).load(tmp_path)
