import re
from pathlib import Path

import pytest
import torch

from vary.vocabulary import ViTDetConfig, ViTDetOutput, ViTDetVocabulary, vitdet


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.detach() - theirs.detach()).norm() / theirs.detach().norm())


def strip(height: int = 16, width: int = 96, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(batch, 3, height, width, generator=generator)


def test_parameters_and_tokens_of_the_papers_size():
    with torch.device("meta"):
        vocabulary = ViTDetVocabulary(ViTDetConfig())
        output = vocabulary(torch.empty(2, 3, 1024, 1024))
    merging = count(vocabulary.net_2) + count(vocabulary.net_3)
    assert count(vocabulary) == 95_569_152
    assert count(vocabulary) - merging == 89_670_912
    assert output.last_hidden_state.shape == (2, 256, 1024)
    assert output.patch_features.shape == (2, 64, 64, 256)
    assert output.ctc_logits is None


def test_names_of_parameters_are_the_authors():
    with torch.device("meta"):
        names = ViTDetVocabulary(ViTDetConfig(num_hidden_layers=1, global_blocks=[0])).state_dict()
    block = [
        "norm1.weight", "norm1.bias", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight",
        "attn.proj.bias", "attn.rel_pos_h", "attn.rel_pos_w", "norm2.weight", "norm2.bias",
        "mlp.lin1.weight", "mlp.lin1.bias", "mlp.lin2.weight", "mlp.lin2.bias",
    ]  # fmt: skip
    assert set(names) == {
        "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "neck.0.weight",
        "neck.1.weight", "neck.1.bias", "neck.2.weight", "neck.3.weight", "neck.3.bias",
        "net_2.weight", "net_3.weight", *(f"blocks.0.{name}" for name in block),
    }  # fmt: skip


def test_tables_of_relative_positions_have_the_papers_rows():
    with torch.device("meta"):
        blocks = ViTDetVocabulary(ViTDetConfig()).blocks
    rows = [block.attn.rel_pos_h.shape[0] for block in blocks]
    assert rows == [27, 27, 127] * 4


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize(
    ("patch_size", "image_size"), [(8, (16, 96)), ((8, 4), (16, 48)), ((16, 2), (32, 24))]
)
def test_shapes_with_rectangular_patches_and_windows(make_vocabulary, stem, patch_size, image_size):
    vocabulary = make_vocabulary(stem=stem, patch_size=patch_size, image_size=image_size)
    output = vocabulary(strip(*image_size))
    assert isinstance(output, ViTDetOutput)
    assert output.patch_features.shape == (2, 2, 12, 12)
    assert output.last_hidden_state.shape == (2, 3, 24)
    assert output.ctc_logits.shape == (2, 12, 5)
    assert torch.isfinite(output.last_hidden_state).all()


def test_patch_stem_equals_its_convolution(make_vocabulary):
    embed = make_vocabulary(stem="patch", patch_size=(8, 4)).patch_embed
    pixels = strip()
    assert torch.allclose(embed(pixels), embed.proj(pixels).permute(0, 2, 3, 1), atol=1e-5)


def test_conv_stem_needs_powers_of_two(make_config):
    with pytest.raises(ValueError, match=r"powers of 2, got \(6, 8\)"):
        ViTDetVocabulary(make_config(patch_size=(6, 8), image_size=(12, 96)))


@pytest.mark.parametrize("number", [0, 1], ids=["windows", "whole"])
@pytest.mark.parametrize("grid", [(2, 12), (5, 7)])
def test_a_block_gives_the_same_with_and_without_gradients(
    make_vocabulary, monkeypatch, number, grid
):
    monkeypatch.setattr(vitdet, "_PATCHES_AT_ONCE", 16)
    block = make_vocabulary(positions="interpolate").blocks[number]
    patches = torch.randn(2, *grid, 32)
    before = patches.clone()
    expected = block(patches)
    for given in (patches, patches.transpose(1, 2).contiguous().transpose(1, 2)):
        with torch.no_grad():
            assert torch.allclose(block(given), expected, atol=1e-5)
    assert torch.equal(patches, before)


def test_a_windowed_block_does_not_see_over_its_window(make_vocabulary):
    block = make_vocabulary().blocks[0]
    patches = torch.randn(1, 2, 10, 32)
    changed = patches.clone()
    changed[:, :, 7, 0] += 1  # one channel: a shift of all is taken out by the norm
    moved = (block(changed) - block(patches)).abs().sum((0, 1, 3))
    assert (moved[:5] == 0).all()
    assert (moved[5:] > 0).all()


def test_a_global_block_sees_everything(make_vocabulary):
    block = make_vocabulary().blocks[1]
    patches = torch.randn(1, 2, 10, 32)
    changed = patches.clone()
    changed[:, :, 7, 0] += 1  # one channel: a shift of all is taken out by the norm
    assert ((block(changed) - block(patches)).abs().sum((0, 1, 3)) > 0).all()


def test_own_size_takes_the_positions_as_they_are(make_vocabulary):
    for positions in ("interpolate", "slice"):
        vocabulary = make_vocabulary(positions=positions)
        assert vocabulary.position_embedding((2, 12)) is vocabulary.pos_embed


def test_interpolation_to_the_own_size_changes_nothing(make_vocabulary):
    vocabulary = make_vocabulary(positions="interpolate")
    vocabulary.config.image_size = (16, 88)
    fitted = vocabulary.position_embedding((2, 12))
    assert torch.allclose(fitted, vocabulary.pos_embed, atol=1e-6)


def test_slicing_takes_the_first_positions(make_vocabulary):
    vocabulary = make_vocabulary()
    assert torch.equal(vocabulary.position_embedding((1, 7)), vocabulary.pos_embed[:, :1, :7])


def test_a_sliced_vocabulary_sees_a_shorter_strip_as_one_made_for_it(make_vocabulary):
    """Slicing the tables while running equals a smaller network that holds their slices."""
    long = make_vocabulary()
    short = make_vocabulary(image_size=(16, 56))
    state = long.state_dict()
    state["pos_embed"] = state["pos_embed"][:, :, :7]
    # 2 * 12 - 1 rows, distance 0 in the middle; 7 patches need the distances -6 to 6.
    state["blocks.1.attn.rel_pos_w"] = state["blocks.1.attn.rel_pos_w"][5:18]
    short.load_state_dict(state)
    pixels = strip(width=56)
    with torch.no_grad():
        assert torch.equal(long(pixels).last_hidden_state, short(pixels).last_hidden_state)


def test_interpolated_vocabulary_takes_other_sizes(make_vocabulary):
    vocabulary = make_vocabulary(positions="interpolate")
    assert vocabulary(strip(32, 128)).last_hidden_state.shape == (2, 4, 24)
    assert vocabulary(strip(8, 40)).last_hidden_state.shape == (2, 2, 24)


@pytest.mark.parametrize(("height", "width"), [(17, 96), (16, 90), (24, 96), (16, 104)])
def test_sizes_that_it_cannot_take(make_vocabulary, height, width):
    with pytest.raises(ValueError, match=f"an image of {height}x{width} px"):
        make_vocabulary()(strip(height, width))


def test_no_ctc_scores_of_what_is_no_strip(make_vocabulary):
    vocabulary = make_vocabulary(positions="interpolate")
    assert vocabulary(strip(32, 96)).ctc_logits is None
    assert vocabulary(strip(16, 48)).ctc_logits.shape == (2, 6, 5)
    assert make_vocabulary(ctc_alphabet=None)(strip()).ctc_logits is None


def test_checkpointing_gives_equal_gradients(make_vocabulary):
    vocabulary = make_vocabulary().train()
    calls: list[int] = []
    vocabulary.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    gradients = []
    for is_checkpointed in (False, True):
        if is_checkpointed:
            vocabulary.gradient_checkpointing_enable()
        vocabulary.zero_grad()
        vocabulary(strip()).last_hidden_state.square().sum().backward()
        gradients.append(
            {n: p.grad for n, p in vocabulary.named_parameters() if p.grad is not None}
        )
    assert vocabulary.is_gradient_checkpointing
    plain, checkpointed = gradients
    assert plain.keys() == checkpointed.keys()
    for name, gradient in plain.items():
        assert torch.allclose(checkpointed[name], gradient, rtol=1e-5, atol=1e-6), name


@pytest.mark.parametrize("has_gradient", [True, False])
def test_autocast_to_bfloat16_is_near_float32(make_vocabulary, has_gradient):
    vocabulary = make_vocabulary()
    with torch.set_grad_enabled(has_gradient):
        exact = vocabulary(strip()).last_hidden_state
        with torch.autocast("cpu", torch.bfloat16):
            output = vocabulary(strip())
    assert output.last_hidden_state.dtype == torch.bfloat16
    assert relative_error(output.last_hidden_state.float(), exact) < 0.05
    if has_gradient:
        output.last_hidden_state.float().square().sum().backward()
        assert vocabulary.blocks[0].attn.rel_pos_w.grad.dtype == torch.float32


def test_bfloat16_weights_are_near_float32(make_vocabulary):
    vocabulary = make_vocabulary()
    with torch.no_grad():
        exact = vocabulary(strip()).last_hidden_state
        halved = vocabulary.to(torch.bfloat16)(strip()).last_hidden_state
    assert halved.dtype == torch.bfloat16
    assert relative_error(halved.float(), exact) < 0.05


def test_save_and_load_alone(make_vocabulary, tmp_path):
    vocabulary = make_vocabulary()
    vocabulary.save_pretrained(tmp_path)
    back = ViTDetVocabulary.from_pretrained(tmp_path)
    assert back.config.window_size == (2, 5)
    with torch.no_grad():
        before, after = vocabulary(strip()), back(strip())
    # Not bit for bit: loaded weights lie otherwise in memory, and kernels add in another order.
    assert torch.allclose(before.last_hidden_state, after.last_hidden_state, atol=1e-5)
    assert torch.allclose(before.ctc_logits, after.ctc_logits, atol=1e-5)


def test_loading_in_bfloat16_and_with_named_attention(make_vocabulary, tmp_path):
    make_vocabulary().save_pretrained(tmp_path)
    back = ViTDetVocabulary.from_pretrained(
        tmp_path, dtype=torch.bfloat16, attn_implementation="sdpa"
    )
    assert {parameter.dtype for parameter in back.parameters()} == {torch.bfloat16}


def test_initial_values(make_config):
    torch.manual_seed(0)
    vocabulary = ViTDetVocabulary(make_config())
    assert vocabulary.pos_embed.std() > 0.01
    assert vocabulary.blocks[0].attn.rel_pos_h.abs().sum() == 0
    assert (vocabulary.neck[1].weight == 1).all()
    assert (vocabulary.blocks[0].norm1.bias == 0).all()
    assert float(vocabulary.net_2.weight.std().detach()) == pytest.approx((12 * 9) ** -0.5, rel=0.2)


def test_python_of_the_document_runs():
    text = (Path(__file__).parents[2] / "docs" / "vocabulary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "vocabulary.md", "exec"), {"__name__": "shown"})


def test_misspelt_arguments_are_refused(make_vocabulary):
    vocabulary = make_vocabulary()
    with torch.no_grad():
        vocabulary(pixel_values=strip(), return_dict=True)
        with pytest.raises(TypeError, match="unexpected keyword argument 'image_size'"):
            vocabulary(strip(), image_size=(16, 96))
