import pytest
import torch

from vary.vocabulary import blockwise
from vary.vocabulary.blockwise import attend_in_blocks


def make_inputs(heads: int, rows: int, columns: int, dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    widths = (5, 5, 5, rows, columns)
    return [
        torch.randn(heads, rows * columns, width, generator=generator).to(dtype).requires_grad_()
        for width in widths
    ]


def formula(query, key, value, by_row, by_column):
    bias = (by_row[..., :, None] + by_column[..., None, :]).flatten(2)
    return (query @ key.mT * 5**-0.5 + bias).softmax(-1) @ value


@pytest.mark.parametrize("block_scores", [1, 100, 300, 2**20])
def test_it_is_the_formula_and_its_gradients_are_right(monkeypatch, block_scores):
    monkeypatch.setattr(blockwise, "_MAX_BLOCK_SCORES", block_scores)
    inputs = make_inputs(3, 3, 4, torch.float64)
    assert torch.allclose(attend_in_blocks(*inputs), formula(*inputs))
    assert torch.autograd.gradcheck(attend_in_blocks, inputs)


def test_blocks_cover_every_score_once_and_are_small(monkeypatch):
    monkeypatch.setattr(blockwise, "_MAX_BLOCK_SCORES", 100)
    for heads, rows, columns in ((3, 3, 4), (7, 2, 3), (2, 5, 5)):
        seen = torch.zeros(heads, rows * columns)
        for head, part in blockwise._blocks(torch.empty(heads, rows * columns, 5), columns):
            assert seen[head, part].numel() * rows * columns <= max(100, columns * rows * columns)
            seen[head, part] += 1
        assert (seen == 1).all()


def test_sums_of_bfloat16_blocks_keep_small_parts(monkeypatch):
    """Gradients of keys and values are sums over all blocks: many do not make them worse."""
    exact = make_inputs(2, 16, 16, torch.float64)
    formula(*exact).sum().backward()
    errors = []
    for block_scores in (2**20, 16 * 256):
        monkeypatch.setattr(blockwise, "_MAX_BLOCK_SCORES", block_scores)
        halved = make_inputs(2, 16, 16, torch.bfloat16)
        attend_in_blocks(*halved).sum().backward()
        expected = exact[2].grad
        errors.append(float((halved[2].grad.double() - expected).norm() / expected.norm()))
    assert errors[1] < 1.2 * errors[0] < 0.02


def test_gradients_of_gradients_are_refused():
    inputs = make_inputs(1, 2, 2, torch.float64)
    (gradient,) = torch.autograd.grad(
        attend_in_blocks(*inputs).square().sum(), inputs[:1], create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
