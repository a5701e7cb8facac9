"""CLIP and SigLIP as vocabularies: a token for each patch, of any layer."""

import pytest
import torch
from transformers import (
    AutoModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    PreTrainedConfig,
    ResNetConfig,
    SiglipVisionConfig,
)

from vary.model import TowerConfig, TowerVocabulary

SIZES = {
    "hidden_size": 12,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}
NETWORKS = {
    "clip": CLIPVisionConfig(**SIZES),
    "siglip": SiglipVisionConfig(**SIZES),
    "dinov2": Dinov2Config(**SIZES),
}


def make(network: PreTrainedConfig, layer: int = -1) -> TowerVocabulary:
    torch.manual_seed(0)
    return TowerVocabulary(TowerConfig(network, layer)).eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("layer", [-1, -2])
def test_a_token_for_each_patch(name, layer):
    vocabulary = make(NETWORKS[name], layer)
    pixels = torch.randn(2, 3, 28, 28)
    with torch.no_grad():
        tokens = vocabulary(pixels).last_hidden_state
        output = vocabulary.network(pixel_values=pixels, output_hidden_states=True)
    assert vocabulary.config.token_grid(28, 28) == (4, 4)
    assert tokens.shape == (2, 16, 12)
    expected = output.last_hidden_state if layer == -1 else output.hidden_states[-2]
    assert torch.equal(tokens, expected[:, -16:])
    assert expected.shape[1] == (16 if name == "siglip" else 17)


def test_layers_differ():
    pixels = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        rows = [make(NETWORKS["clip"], layer)(pixels).last_hidden_state for layer in (-1, -2, -3)]
    assert not torch.allclose(rows[0], rows[1], atol=1e-3)
    assert not torch.allclose(rows[1], rows[2], atol=1e-3)


def test_the_papers_clip_gives_256_tokens_of_width_1024():
    config = TowerConfig(
        CLIPVisionConfig(
            hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
            num_attention_heads=16, image_size=224, patch_size=14,
        ),
        layer=-2,
    )  # fmt: skip
    assert config.token_grid(224, 224) == (16, 16)
    assert config.token_size == 1024


def test_weights_of_a_network_are_kept():
    torch.manual_seed(1)
    clip = CLIPVisionModel(NETWORKS["clip"])
    vocabulary = TowerVocabulary.from_network(clip, layer=-2)
    assert vocabulary.network is clip
    assert {p.device.type for p in vocabulary.parameters()} == {"cpu"}


def test_saved_and_loaded(tmp_path):
    vocabulary = make(NETWORKS["siglip"], layer=-2)
    vocabulary.save_pretrained(tmp_path)
    back = AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(back, TowerVocabulary)
    pixels = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        expected = vocabulary(pixels).last_hidden_state
        assert torch.allclose(back(pixels).last_hidden_state, expected, atol=1e-6)


def test_a_dictionary_alone_is_clips():
    assert isinstance(TowerConfig({"image_size": 28}).network, CLIPVisionConfig)
    assert isinstance(TowerConfig().network, CLIPVisionConfig)


def test_another_size_than_the_networks():
    with pytest.raises(ValueError, match=r"56x28 px does not fit clip_vision_model.* 28x28 px"):
        make(NETWORKS["clip"])(torch.randn(1, 3, 56, 28))


@pytest.mark.parametrize("layer", [0, 1, -4])
def test_a_layer_that_is_not_there(layer):
    with pytest.raises(ValueError, match=rf"-1 \(the last\) to -3 .* got {layer}"):
        TowerConfig(NETWORKS["clip"], layer)


def test_a_network_without_patches():
    with pytest.raises(ValueError, match="resnet has no image_size"):
        TowerConfig(ResNetConfig())


def test_fewer_outputs_than_patches():
    vocabulary = make(NETWORKS["clip"])
    vocabulary.config.network.patch_size = 2
    with pytest.raises(ValueError, match="gives 17 outputs for an image of 196 patches"):
        vocabulary(torch.randn(1, 3, 28, 28))


def test_misspelt_arguments_are_refused():
    with pytest.raises(TypeError, match="'pixels'"):
        make(NETWORKS["clip"])(torch.randn(1, 3, 28, 28), pixels=1)
