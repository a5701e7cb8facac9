import pytest
import torch

from vary.model import VaryConfig
from vary.model.fusion import Projector, scatter_vision_tokens


@pytest.fixture
def make_projector(page_vocabularies, make_text_config):
    def make(**fields) -> Projector:
        torch.manual_seed(0)
        return Projector(VaryConfig(page_vocabularies, make_text_config(), **fields), [20, 12])

    return make


def tokens(first: int = 4, second: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(3, first, 20, generator=generator),
        torch.randn(3, second, 12, generator=generator),
    ]


def test_channel_puts_shares_side_by_side(make_projector):
    projector = make_projector(widths=[10, 14])
    first, second = tokens()
    fused = projector([first, second])
    assert fused.shape == (3, 4, 24)
    assert torch.equal(fused[..., :10], projector.linears[0](first))
    assert torch.equal(fused[..., 10:], projector.linears[1](second))


def test_sum_adds_full_widths(make_projector):
    projector = make_projector(fusion="sum")
    first, second = tokens()
    fused = projector([first, second])
    assert fused.shape == (3, 4, 24)
    assert torch.allclose(fused, projector.linears[0](first) + projector.linears[1](second))


def test_sequence_puts_all_one_after_another(make_projector):
    projector = make_projector(fusion="sequence")
    first, second = tokens(4, 6)
    fused = projector([first, second])
    assert fused.shape == (3, 10, 24)
    assert torch.equal(fused[:, :4], projector.linears[0](first))


@pytest.mark.parametrize("fusion", ["channel", "sum"])
def test_unequal_counts(make_projector, fusion):
    with pytest.raises(ValueError, match=f"give 4 and 6 tokens .* fusion='{fusion}'"):
        make_projector(fusion=fusion)(tokens(4, 6))


def test_a_missing_vocabulary(make_projector):
    with pytest.raises(ValueError, match="shorter"):
        make_projector()(tokens()[:1])


def test_tokens_are_written_at_the_placeholders_in_order():
    embeds = torch.zeros(2, 4, 3)
    is_vision = torch.tensor([[False, True, True, False], [True, False, False, False]])
    vision = torch.arange(9.0).view(3, 3)
    written = scatter_vision_tokens(embeds, vision, is_vision)
    assert torch.equal(written[is_vision], vision)
    assert (written[~is_vision] == 0).all()
    assert (embeds == 0).all()


def test_tokens_take_the_type_of_the_embeddings_and_pass_gradients():
    embeds = torch.zeros(1, 2, 3, dtype=torch.bfloat16)
    vision = torch.ones(1, 3, requires_grad=True)
    written = scatter_vision_tokens(embeds, vision, torch.tensor([[False, True]]))
    assert written.dtype == torch.bfloat16
    written.float().sum().backward()
    assert vision.grad.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("count", [1, 3])
def test_placeholders_and_tokens_differ(count):
    is_vision = torch.tensor([[True, True]])
    said = f"the text has 2 image placeholders, the images give {count} vision tokens"
    with pytest.raises(ValueError, match=said):
        scatter_vision_tokens(torch.zeros(1, 2, 3), torch.zeros(count, 3), is_vision)
