from typing import Any

import pytest
import torch

from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

STRIP: dict[str, Any] = {
    "image_size": (16, 96),
    "patch_size": 8,
    "stem": "conv",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "window_size": (2, 5),
    "global_blocks": [1],
    "out_channels": 12,
    "merge_channels": [16, 24],
    "positions": "slice",
    "ctc_alphabet": " abc",
}


@pytest.fixture
def make_config():
    """Return a function that gives the configuration of a tiny line vocabulary, with changes."""

    def make(**changes: Any) -> ViTDetConfig:
        return ViTDetConfig(**{**STRIP, **changes})

    return make


@pytest.fixture
def make_vocabulary(make_config):
    """Return a function that gives a tiny vocabulary with positions that matter."""

    def make(**changes: Any) -> ViTDetVocabulary:
        torch.manual_seed(0)
        vocabulary = ViTDetVocabulary(make_config(**changes)).eval()
        with torch.no_grad():
            for name, parameter in vocabulary.named_parameters():
                if "rel_pos" in name or name == "pos_embed":
                    parameter.normal_(std=0.5)
        return vocabulary

    return make
