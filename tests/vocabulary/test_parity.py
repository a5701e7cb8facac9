"""The network equals transformers' GOT-OCR2 and SAM encoders: outputs and every gradient."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from transformers import GotOcr2Config, SamVisionConfig
from transformers.models.got_ocr2.modeling_got_ocr2 import (
    GotOcr2MultiModalProjector,
    GotOcr2VisionEncoder,
)
from transformers.models.sam.modeling_sam import SamVisionEncoder

from vary.vocabulary import ViTDetConfig, ViTDetVocabulary, attention
from vary.vocabulary.weights import find_encoder

BOUND = 1e-4
# Leaving the relative positions out must be at least this wrong, or the test sees nothing.
SEEN = 0.05

SMALL = ViTDetConfig(
    image_size=128,
    hidden_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    window_size=3,  # 8x8 patches: the windows are padded
    global_blocks=[1],
    out_channels=32,
    merge_channels=[64, 40],
)
# The paper's image, grid, width, heads and windows, with a block of each kind.
FULL_GRID = ViTDetConfig(num_hidden_layers=2, global_blocks=[1])
PAPER = ViTDetConfig()


class Reference(nn.Module):
    """Transformers' encoder and convolutions under the names that they have in a checkpoint."""

    def __init__(self, config: ViTDetConfig) -> None:
        super().__init__()
        whole = GotOcr2Config(
            vision_config={
                "image_size": config.image_size[0],
                "patch_size": config.patch_size[0],
                "hidden_size": config.hidden_size,
                "num_hidden_layers": config.num_hidden_layers,
                "num_attention_heads": config.num_attention_heads,
                "window_size": config.window_size[0],
                "global_attn_indexes": list(config.global_blocks),
                "mlp_dim": int(config.hidden_size * config.mlp_ratio),
                "output_channels": config.out_channels,
            },
            text_config={"model_type": "qwen2", "hidden_size": config.token_size},
        )
        self.vision_tower = GotOcr2VisionEncoder(whole.vision_config)
        self.multi_modal_projector = GotOcr2MultiModalProjector(whole)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.vision_tower(pixels).last_hidden_state
        halved = self.multi_modal_projector.conv_upsampler1(features)
        return self.multi_modal_projector.conv_upsampler2(halved).flatten(2).transpose(1, 2)


@torch.no_grad()
def randomise(module: nn.Module, seed: int = 0) -> None:
    """Give every parameter values of the scale that trained ones have."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "rel_pos" in name:
            values *= 0.5
        elif "norm" in name:
            values = values * 0.1 + (1 if name.endswith("weight") else 0)
        elif name.endswith("bias"):
            values *= 0.1
        elif "pos_embed" not in name:
            values *= parameter[0].numel() ** -0.5
        parameter.copy_(values)


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    difference = (ours.double() - theirs.double()).norm() / theirs.double().norm()
    return float(difference)


@dataclass
class Run:
    """What a network made of an image: tokens, and the gradients of a random sum of them."""

    tokens: Tensor
    gradients: dict[str, Tensor]


def run(module: nn.Module, pixels: Tensor) -> Run:
    pixels = pixels.clone().requires_grad_()
    output = module(pixels)
    tokens = output if isinstance(output, Tensor) else output.last_hidden_state
    weights = torch.randn(tokens.shape, generator=torch.Generator().manual_seed(9))
    (tokens * weights).sum().backward()
    gradients = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    assert pixels.grad is not None
    return Run(tokens.detach(), {"pixels": pixels.grad, **gradients})


def named_as_ours(gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the reference's gradients under our names, by the loading that is under test."""
    return {"pixels": gradients["pixels"], **find_encoder(gradients)}


def make_pair(config: ViTDetConfig, batch: int) -> tuple[nn.Module, ViTDetVocabulary, Tensor]:
    reference = Reference(config)
    randomise(reference)
    state = {f"model.{name}": value for name, value in reference.state_dict().items()}
    state["model.language_model.norm.weight"] = torch.ones(3)
    ours = ViTDetVocabulary.from_weights(state, config)
    generator = torch.Generator().manual_seed(1)
    return reference, ours, torch.randn(batch, 3, *config.image_size, generator=generator)


@torch.no_grad()
def error_without_relative_positions(
    ours: ViTDetVocabulary, pixels: Tensor, expected: Tensor, only: str
) -> float:
    """Return how wrong the tokens are with these tables at zero."""
    tables = {name: p for name, p in ours.named_parameters() if only in name}
    kept = {name: table.clone() for name, table in tables.items()}
    for table in tables.values():
        table.zero_()
    error = relative_error(ours(pixels).last_hidden_state, expected)
    for name, table in tables.items():
        table.copy_(kept[name])
    return error


def check_parity(
    config: ViTDetConfig,
    batch: int,
    left_out: Sequence[str] = ("rel_pos_h", "rel_pos_w"),
    save_memory: bool = False,
) -> dict[str, float]:
    """Return the relative error of the tokens and of each gradient.

    Args:
        config: the network's sizes.
        batch: images.
        left_out: tables that are set to zero, one kind at a time, to show that this is seen.
        save_memory: forget the reference's scores between forward and backward.
    """
    reference, ours, pixels = make_pair(config, batch)
    if save_memory:
        reference.vision_tower.gradient_checkpointing_enable()
        reference.train()
    theirs = run(reference, pixels)
    reference.zero_grad()
    for tables in left_out:
        assert error_without_relative_positions(ours, pixels, theirs.tokens, tables) > SEEN
    mine = run(ours, pixels)
    expected = named_as_ours(theirs.gradients)
    assert mine.gradients.keys() == expected.keys()
    assert sum("rel_pos" in name for name in expected) == 2 * config.num_hidden_layers
    errors = {name: relative_error(mine.gradients[name], expected[name]) for name in expected}
    errors["tokens"] = relative_error(mine.tokens, theirs.tokens)
    return errors


def report(errors: dict[str, float]) -> str:
    worst = max(errors, key=lambda name: errors[name])
    kinds = {"tokens": errors["tokens"], "pixels": errors["pixels"]}
    kinds["rel_pos"] = max(error for name, error in errors.items() if "rel_pos" in name)
    shown = ", ".join(f"{kind} {error:.1e}" for kind, error in kinds.items())
    return f"relative errors: {shown}; worst: {worst} {errors[worst]:.1e}"


@pytest.mark.parametrize("way", ["blocks", "plain", "fused"])
def test_small_network_and_gradients_equal_got_ocr2(monkeypatch, way):
    monkeypatch.setattr(attention, "choose_way", lambda query: way)
    errors = check_parity(SMALL, batch=2)
    print(report(errors))
    assert max(errors.values()) < BOUND, report(errors)


def test_network_of_the_papers_size_and_gradients_equal_got_ocr2():
    errors = check_parity(FULL_GRID, batch=1, left_out=["rel_pos"])
    print(report(errors))
    assert max(errors.values()) < BOUND, report(errors)


@pytest.mark.slow
def test_the_papers_whole_network_and_gradients_equal_got_ocr2():
    errors = check_parity(PAPER, batch=1, left_out=["rel_pos"], save_memory=True)
    print(report(errors))
    assert max(errors.values()) < BOUND, report(errors)


def test_encoder_of_sam_in_hugging_faces_layout_gives_the_same_features():
    sam = SamVisionEncoder(
        SamVisionConfig(
            image_size=128,
            patch_size=16,
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            window_size=3,
            global_attn_indexes=[1],
            mlp_dim=192,
            output_channels=32,
        )
    ).eval()
    randomise(sam)
    state = {f"vision_encoder.{name}": value for name, value in sam.state_dict().items()}
    ours = ViTDetVocabulary.from_weights(state, SMALL).eval()
    pixels = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        theirs = sam(pixels).last_hidden_state.permute(0, 2, 3, 1)
        assert relative_error(ours(pixels).patch_features, theirs) < BOUND
