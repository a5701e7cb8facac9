import pytest
import torch

from vary.vocabulary import attention
from vary.vocabulary.attention import (
    RelativeAttention,
    fit_relative_table,
    position_marks,
    relative_terms,
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


@pytest.mark.parametrize("grid", [(5, 7), (3, 9)], ids=["own-grid", "other-grid"])
def test_plain_and_fused_attention_agree_in_values_and_gradients(monkeypatch, grid):
    layer = make_layer()
    patches = torch.randn(3, *grid, 32, requires_grad=True)
    weights = torch.randn(3, *grid, 32)
    found = []
    for is_plain in (True, False):
        monkeypatch.setattr(attention, "_plain_is_faster", lambda query, plain=is_plain: plain)
        layer.zero_grad(set_to_none=True)
        patches.grad = None
        attended = layer(patches)
        (attended * weights).sum().backward()
        named = {name: parameter.grad for name, parameter in layer.named_parameters()}
        found.append({"values": attended.detach(), "patches": patches.grad, **named})
    plain, fused = found
    for name, expected in plain.items():
        assert (fused[name] - expected).norm() < 1e-5 * expected.norm(), name


@pytest.mark.parametrize("has_gradient", [True, False])
def test_many_patches_go_through_the_fused_kernel(monkeypatch, has_gradient):
    seen: list[int] = []
    kernel = attention.F.scaled_dot_product_attention

    def counted(query, *args, **kwargs):
        seen.append(query.shape[2])
        return kernel(query, *args, **kwargs)

    monkeypatch.setattr(attention.F, "scaled_dot_product_attention", counted)
    layer = make_layer()
    with torch.set_grad_enabled(has_gradient):
        layer(torch.randn(1, 5, 7, 32))
        layer(torch.randn(1, 32, 33, 32))
    assert seen == [1056]
