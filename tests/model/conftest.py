"""Tiny models with random weights, and pictures of lines for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    CLIPVisionConfig,
    OPTForCausalLM,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
)

from vary.model import VaryConfig, VaryForConditionalGeneration, VaryImageProcessor, VaryProcessor
from vary.model.tokenizer import IMAGE, train_tokenizer
from vary.vocabulary import ViTDetConfig

ALPHABET = "abcdefghijklmnopqrstuvwxyz ABC0123456789.,-"
TEXTS = ["the harbour lies open to the north", "in winter the ferries wait", "page 47, 1893"]

LANGUAGE_MODELS: dict[str, dict[str, Any]] = {
    "opt": {
        "ffn_dim": 48,
        "word_embed_proj_dim": 24,
        "do_layer_norm_before": True,
        "bos_token_id": 0,
    },
    "llama": {"intermediate_size": 48, "num_key_value_heads": 1, "bos_token_id": 0},
    "qwen2": {"intermediate_size": 48, "num_key_value_heads": 2, "bos_token_id": 0},
    "qwen3": {
        "intermediate_size": 48,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "bos_token_id": 0,
    },
    "granite": {
        "intermediate_size": 48,
        "num_key_value_heads": 1,
        "bos_token_id": 0,
        "embedding_multiplier": 3.0,
        "logits_scaling": 4.0,
        "residual_multiplier": 0.5,
    },
    # OPT-350M's ways: embeddings narrower than the layers, norms behind them.
    "opt-350m": {
        "model_type": "opt",
        "ffn_dim": 48,
        "word_embed_proj_dim": 12,
        "do_layer_norm_before": False,
        "bos_token_id": 0,
    },
    "cohere": {
        "intermediate_size": 48,
        "num_key_value_heads": 1,
        "bos_token_id": 0,
        "logit_scale": 0.25,
    },
}


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, vocabulary_size=340, alphabet=ALPHABET)


@pytest.fixture
def opt_tokenizer() -> PreTrainedTokenizerFast:
    """OPT's kind of tokenizer: byte pairs, start and end are one token, no image tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([*TEXTS, "harbour harbour the the"] * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        clean_up_tokenization_spaces=False,
    )


@pytest.fixture
def make_opt() -> Callable[..., OPTForCausalLM]:
    """Return a function that gives a tiny OPT with initial weights."""

    def make(vocab_size: int = 500, **changes: Any) -> OPTForCausalLM:
        fields = {
            "vocab_size": vocab_size,
            "hidden_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 64,
            **LANGUAGE_MODELS["opt"],
            **changes,
        }
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(AutoConfig.for_model("opt", **fields)).eval()

    return make


@pytest.fixture
def strip_vocabulary() -> ViTDetConfig:
    """A vocabulary of line strips: 16 px high, a token for each 32 px of its width."""
    return ViTDetConfig(
        image_size=(16, 128),
        patch_size=8,
        stem="conv",
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        window_size=(2, 4),
        global_blocks=[1],
        out_channels=8,
        merge_channels=[12, 20],
        positions="slice",
        ctc_alphabet=ALPHABET,
    )


@pytest.fixture
def page_vocabularies() -> list[PreTrainedConfig]:
    """Two vocabularies as in Vary-base, small: ViTDet of 64 px, CLIP of 28 px, 4 tokens each."""
    clip = CLIPVisionConfig(
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    vitdet = ViTDetConfig(
        image_size=64,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=3,
        global_blocks=[0],
        out_channels=8,
        merge_channels=[12, 20],
    )
    return [vitdet, clip]


@pytest.fixture
def make_text_config(tokenizer) -> Callable[..., PreTrainedConfig]:
    """Return a function that gives a tiny language model's configuration."""

    def make(model_type: str = "opt", is_tied: bool = True, **changes: Any) -> PreTrainedConfig:
        fields = {
            "model_type": model_type,
            "vocab_size": len(tokenizer),
            "hidden_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 128,
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "tie_word_embeddings": is_tied,
            **LANGUAGE_MODELS[model_type],
            **changes,
        }
        return AutoConfig.for_model(**fields)

    return make


@pytest.fixture
def make_model(tokenizer, strip_vocabulary, make_text_config):
    """Return a function that gives a tiny model that reads strips, with telling weights."""

    def make(
        model_type: str = "opt", is_tied: bool = True, **changes: Any
    ) -> VaryForConditionalGeneration:
        fields = {
            "vocabularies": [strip_vocabulary],
            "text_config": make_text_config(model_type, is_tied),
            "image_token_id": tokenizer.convert_tokens_to_ids(IMAGE),
            **changes,
        }
        torch.manual_seed(0)
        model = VaryForConditionalGeneration(VaryConfig(**fields)).eval()
        enlarge(model)
        return model

    return make


@torch.no_grad()
def enlarge(model: VaryForConditionalGeneration) -> None:
    """Make the initial weights so large that the answer hangs on image and place."""
    for name, parameter in model.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            parameter.normal_(std=0.5)
        elif name.startswith(("language_model", "projector")) and "norm" not in name:
            parameter.normal_(std=0.3)


@pytest.fixture
def processor(tokenizer, strip_vocabulary) -> VaryProcessor:
    rule = {"mode": "strip", "height": 16, "width": 128, "step_px": 32}
    return VaryProcessor(
        VaryImageProcessor([rule]), tokenizer, vocabulary=strip_vocabulary.to_dict()
    )


@pytest.fixture
def strips() -> list[np.ndarray]:
    """Noise of three widths: 1, 3 and 4 tokens."""
    rng = np.random.Generator(np.random.PCG64(7))
    return [rng.integers(0, 256, (16, width), dtype=np.uint8) for width in (30, 90, 128)]
