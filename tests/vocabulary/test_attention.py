import pytest
import torch

from vary.vocabulary import blockwise
from vary.vocabulary.attention import (
    RelativeAttention,
    choose_way,
    fit_relative_table,
    from_heads,
    position_marks,
    relative_terms,
    to_heads,
)


def table(rows: int) -> torch.Tensor:
    return torch.arange(rows * 2.0).view(rows, 2)


def test_table_of_the_own_size_stays():
    own = table(7)
    assert fit_relative_table(own, 4, "slice") is own
    assert fit_relative_table(own, 4, "interpolate") is own


def test_slice_keeps_the_middle():
    assert torch.equal(fit_relative_table(table(7), 2, "slice"), table(7)[2:5])


def test_interpolation_spans_the_whole_table():
    fitted = fit_relative_table(table(7), 11, "interpolate")
    assert fitted.shape == (21, 2)
    assert torch.allclose(fitted[10], table(7)[3])
    assert torch.allclose(fitted[0], table(7)[0])


def test_slice_of_more_than_there_is():
    with pytest.raises(ValueError, match="5 patches are more than the 4 known"):
        fit_relative_table(table(7), 5, "slice")


def test_terms_are_products_with_the_row_of_the_distance():
    query = torch.randn(2, 3, 2)
    terms = relative_terms(query, table(5), 3, "slice")
    for q in range(3):
        for k in range(3):
            assert torch.allclose(terms[:, q, k], query[:, q] @ table(5)[q - k + 2])


def test_marks_name_row_and_column():
    marks = position_marks((2, 3), torch.zeros(1))
    assert marks.shape == (6, 5)
    assert marks[4].tolist() == [0, 1, 0, 1, 0]


def make_layer() -> RelativeAttention:
    torch.manual_seed(0)
    layer = RelativeAttention(32, 4, (5, 7), "interpolate")
    torch.nn.init.normal_(layer.rel_pos_h, std=0.5)
    torch.nn.init.normal_(layer.rel_pos_w, std=0.5)
    return layer


def run(layer: RelativeAttention, patches: torch.Tensor, window) -> dict[str, torch.Tensor]:
    """Return the layer's output and the gradients of a random sum of it."""
    weights = torch.randn(patches.shape, generator=torch.Generator().manual_seed(1))
    patches = patches.clone().requires_grad_()
    layer.zero_grad(set_to_none=True)
    attended = layer(patches, window)
    (attended * weights).sum().backward()
    named = {name: parameter.grad for name, parameter in layer.named_parameters()}
    return {"values": attended.detach(), "patches": patches.grad, **named}


@pytest.mark.parametrize("block_scores", [1, 200, 2**20], ids=["rows", "a-few-rows", "heads"])
@pytest.mark.parametrize("window", [None, (2, 4)], ids=["whole", "padded-windows"])
@pytest.mark.parametrize("grid", [(5, 7), (3, 9)], ids=["own-grid", "other-grid"])
def test_ways_agree_in_values_and_gradients(monkeypatch, grid, window, block_scores):
    monkeypatch.setattr(blockwise, "_MAX_BLOCK_SCORES", block_scores)
    layer = make_layer()
    patches = torch.randn(3, *grid, 32)
    found = {}
    for layer.way in ("plain", "blocks", "fused"):
        found[layer.way] = run(layer, patches, window)
    for way in ("blocks", "fused"):
        for name, expected in found["plain"].items():
            assert (found[way][name] - expected).norm() < 1e-5 * expected.norm(), (way, name)


@pytest.mark.filterwarnings("ignore::UserWarning")  # it says that it is slow when not compiled
def test_flex_attention_gives_the_same():
    layer = make_layer().requires_grad_(False)
    patches = torch.randn(2, 5, 7, 32)
    expected = layer(patches, (2, 4))
    layer.way = "flex"
    assert torch.allclose(layer(patches, (2, 4)), expected, atol=1e-5)


def test_padding_of_windows_is_patches_of_zeros():
    layer = make_layer()
    patches = torch.randn(2, 5, 7, 32)
    padded = torch.nn.functional.pad(patches, (0, 0, 0, 1, 0, 1))
    expected = layer(padded, (2, 4))[:, :5, :7]
    assert torch.allclose(layer(patches, (2, 4)), expected, atol=1e-5)
    assert not torch.allclose(layer(patches), expected, atol=1e-2)


@pytest.mark.parametrize("grid", [(2, 5), (2, 12), (3, 4), (1, 1), (4, 10)])
def test_heads_cover_the_grid_and_go_together_again(grid):
    qkv = torch.randn(2, *grid, 3 * 6)
    heads, padded = to_heads(qkv, (2, 5), 3, torch.zeros(18))
    assert padded[0] % 2 == padded[1] % 5 == 0
    assert heads.shape == (3, 2 * 3 * padded[0] * padded[1] // 10, 10, 2)
    assert heads.abs().sum() == pytest.approx(float(qkv.abs().sum()), rel=1e-5)
    for number, part in enumerate(qkv.split(6, -1)):
        back = from_heads(heads[number], (2, 5), 3, padded)
        assert torch.equal(back[:, : grid[0], : grid[1]], part)
        assert not back[:, grid[0] :].any()
        assert not back[:, :, grid[1] :].any()


def test_a_window_holds_neighbours_row_by_row():
    qkv = torch.arange(4 * 10.0).view(1, 4, 10, 1).repeat(1, 1, 1, 3)
    (query, _, value), _ = to_heads(qkv, (2, 5), 1, torch.zeros(3))
    assert query[1, :, 0].tolist() == [5, 6, 7, 8, 9, 15, 16, 17, 18, 19]
    assert query[2, :5, 0].tolist() == [20, 21, 22, 23, 24]
    assert torch.equal(query, value)


def queries(heads: int, patches: int, has_gradient: bool, device: str = "cpu") -> torch.Tensor:
    return torch.empty(heads, patches, 2, device=device, requires_grad=has_gradient)


def test_choice_of_the_way():
    assert choose_way(queries(12, 4096, True)) == "blocks"
    assert choose_way(queries(12, 100, False)) == "blocks"
    assert choose_way(queries(12, 100, True)) == "plain"
    with torch.no_grad():
        assert choose_way(queries(12, 100, True)) == "blocks"
    assert choose_way(queries(12, 4096, True, "meta")) == "plain"


def test_choice_of_the_way_under_a_compiler(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert choose_way(queries(12, 4096, False)) == "fused"
    assert choose_way(queries(12, 100, False)) == "plain"
