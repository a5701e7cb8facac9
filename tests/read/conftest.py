"""Tiny models of whole pages with random weights, and pages for them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoModelForCausalLM, CLIPVisionConfig

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.building import add_image_tokens, build_vary
from vary.model.tokenizer import train_tokenizer
from vary.vocabulary import ViTDetConfig

LANGUAGE_MODELS: dict[str, dict[str, Any]] = {
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 24, "bos_token_id": 0},
    "llama": {"intermediate_size": 48, "num_key_value_heads": 1, "bos_token_id": 0},
}


@pytest.fixture
def make_page_model() -> Callable[..., tuple[VaryForConditionalGeneration, VaryProcessor]]:
    """Return a function that gives a model whose answers hang on the page, and its processor."""

    def make(
        mode: str = "resize",
        *,
        language_model: str = "opt",
        num_vocabularies: int = 1,
        positions: int = 96,
        prompt_form: str = "paper",
        answer_position: int | None = None,
        end_scale: float = 2.0,
        ctc_alphabet: str | None = None,
    ) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
        letters = "abcdefghijklmnopqrstuvwxyz "
        tokenizer = train_tokenizer(["the harbour lies open to the north"] * 3, 300, letters)
        config = AutoConfig.for_model(
            language_model,
            vocab_size=len(tokenizer),
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=positions,
            **LANGUAGE_MODELS[language_model],
        )
        torch.manual_seed(0)
        writer = AutoModelForCausalLM.from_config(config)
        add_image_tokens(writer, tokenizer)
        vocabulary = ViTDetConfig(
            image_size=64,
            patch_size=8,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            window_size=3,
            global_blocks=[0],
            out_channels=8,
            merge_channels=[12, 20],
            positions="slice",
            ctc_alphabet=ctc_alphabet,
            ctc_rows=2 if ctc_alphabet else None,
        )
        clip = CLIPVisionConfig(
            hidden_size=12,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
        )
        rules = [{"mode": mode, "height": 64, "width": 64, "step_px": 32}]
        rules.append({"mode": "resize", "height": 28, "width": 28})
        model, processor = build_vary(
            [vocabulary, clip][:num_vocabularies],
            writer,
            tokenizer,
            image_rules=rules[:num_vocabularies],
            tasks=["ocr"],
            prompt_form=prompt_form,
        )
        processor.answer_position = answer_position
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.startswith(("projector", "language_model")) and "norm" not in name:
                    parameter.normal_(std=0.5)
            # With 2 or so some answers come to an end and others do not; with 0 none does.
            model.get_output_embeddings().weight[tokenizer.eos_token_id] *= end_scale
        return model.eval(), processor

    return make


@pytest.fixture
def noise_pages() -> list[Image.Image]:
    """Five pictures of noise, of unequal sizes."""
    rng = np.random.Generator(np.random.PCG64(11))
    sizes = [(40, 90), (64, 64), (30, 20), (100, 60), (25, 60)]
    return [Image.fromarray(rng.integers(0, 256, (*s, 3), dtype=np.uint8)) for s in sizes]
