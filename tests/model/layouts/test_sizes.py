"""Shapes tell the sizes of the releases: those that were published, without memory."""

import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    GotOcr2Config,
    GotOcr2ForConditionalGeneration,
    OPTConfig,
    OPTForCausalLM,
    Qwen2Config,
    SamConfig,
    SamModel,
)

from vary.model import VaryConfig, VaryForConditionalGeneration
from vary.model.layouts.matching import check_fit, make_plan, own_names
from vary.model.layouts.sizes import clip_config, language_model_config, vitdet_config
from vary.vocabulary import ViTDetConfig


def shapes_of(make) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make().state_dict().items()}


def part(shapes: dict[str, tuple[int, ...]], prefix: str) -> dict[str, tuple[int, ...]]:
    return {n.removeprefix(prefix): s for n, s in shapes.items() if n.startswith(prefix)}


def check_papers(config: ViTDetConfig) -> None:
    paper = ViTDetConfig().to_dict()
    assert config.to_dict() == paper


def test_got_ocr2():
    stored = shapes_of(lambda: GotOcr2ForConditionalGeneration(GotOcr2Config()))
    del stored["lm_head.weight"]
    plan = make_plan(stored)
    assert plan.layout.name == "got-hf-modules"
    assert not plan.left
    ours = plan.shapes(stored)
    vitdet = vitdet_config(part(ours, "vocabularies.0."))
    check_papers(vitdet)
    text = language_model_config("qwen2", part(ours, "language_model."), None, True)
    published = GotOcr2Config().text_config
    for name in (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
    ):  # fmt: skip
        assert getattr(text, name) == getattr(published, name), name
    assert text.rope_parameters["rope_theta"] == 1_000_000
    with torch.device("meta"):
        model = VaryForConditionalGeneration(VaryConfig([vitdet], text))
    wanted = {own: tuple(model.state_dict()[name].shape) for own, name in own_names(model).items()}
    assert check_fit(plan, stored, wanted, ["language_model.lm_head.weight"]) == [
        "language_model.lm_head.weight"
    ]
    assert model.num_parameters() == 560_528_640


@pytest.mark.parametrize(
    ("width", "depth", "heads", "blocks"),
    [
        (768, 12, 12, (2, 5, 8, 11)),
        (1024, 24, 16, (5, 11, 17, 23)),
        (1280, 32, 16, (7, 15, 23, 31)),
    ],
)
def test_sam_b_l_and_h(width, depth, heads, blocks):
    vision = {
        "hidden_size": width, "num_hidden_layers": depth, "num_attention_heads": heads,
        "global_attn_indexes": list(blocks), "mlp_dim": 4 * width,
    }  # fmt: skip
    stored = shapes_of(lambda: SamModel(SamConfig(vision_config=vision)))
    plan = make_plan(stored)
    assert (plan.layout.name, plan.prefix, plan.left) == ("sam-hf", "vision_encoder.", [])
    assert all(not name.startswith("vision_encoder.") for name in plan.unused)
    config = vitdet_config(plan.shapes(stored))
    assert (config.hidden_size, config.num_hidden_layers) == (width, depth)
    assert (config.num_attention_heads, config.global_blocks) == (heads, list(blocks))
    assert (config.image_size, config.window_size) == ((1024, 1024), (14, 14))
    assert config.merge_channels == [512, 1024]
    if width == 768:
        check_papers(config)


def test_vary_tiny_with_the_papers_number_of_positions():
    fields = {"vocab_size": 50_268, "max_position_embeddings": 4096}
    own = shapes_of(lambda: OPTForCausalLM(OPTConfig(**fields)))
    text = language_model_config("opt", own, None, True)
    published = OPTConfig(**fields, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    assert text.to_dict() == published.to_dict()


@pytest.mark.parametrize(
    ("width", "depth", "inner", "heads"), [(2048, 24, 11_008, 16), (4096, 32, 22_016, 32)]
)
def test_qwen_1_of_vary_toy_and_vary_base(width, depth, inner, heads):
    stored = {
        "transformer.wte.weight": (151_860, width),
        "transformer.ln_f.weight": (width,),
        "lm_head.weight": (151_860, width),
    }
    for number in range(depth):
        stored |= {
            f"transformer.h.{number}.{name}": shape
            for name, shape in {
                "ln_1.weight": (width,),
                "ln_2.weight": (width,),
                "attn.c_attn.weight": (3 * width, width),
                "attn.c_attn.bias": (3 * width,),
                "attn.c_proj.weight": (width, width),
                "mlp.w1.weight": (inner // 2, width),
                "mlp.w2.weight": (inner // 2, width),
                "mlp.c_proj.weight": (width, inner // 2),
            }.items()
        }
    clip = CLIPVisionConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16,
        patch_size=14,
    )  # fmt: skip
    for name, shape in shapes_of(lambda: CLIPVisionModel(clip)).items():
        stored["transformer.vision_tower.vision_model." + name.removeprefix("vision_model.")] = (
            shape
        )
    stored["transformer.vision_tower_high.net_3.weight"] = (1024, 512, 3, 3)
    plan = make_plan(stored)
    assert plan.layout.name == ("vary-toy" if width == 2048 else "vary-base")
    assert f"by its width of {width}" in plan.notes[0]
    assert not plan.left
    ours = plan.shapes(stored)
    found = clip_config(part(ours, "vocabularies.0.network."))
    assert found.layer == -2
    assert found.network.to_dict() == clip.to_dict()
    text = language_model_config("qwen", part(ours, "language_model."), None, False)
    wanted = Qwen2Config(
        vocab_size=151_860, hidden_size=width, intermediate_size=inner // 2,
        num_hidden_layers=depth, num_attention_heads=heads, num_key_value_heads=heads,
        max_position_embeddings=8192, rms_norm_eps=1e-6, tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    assert text.to_dict() == wanted.to_dict()


def test_a_config_json_of_qwen_1_is_read():
    config = {"seq_length": 2048, "num_attention_heads": 4, "rotary_emb_base": 5000}
    shapes = {
        "model.embed_tokens.weight": (300, 64),
        "model.layers.0.mlp.gate_proj.weight": (50, 64),
        "model.layers.0.self_attn.q_proj.weight": (64, 64),
        "model.layers.0.self_attn.k_proj.weight": (64, 64),
    }
    text = language_model_config("qwen", shapes, config, False)
    assert (text.max_position_embeddings, text.num_attention_heads) == (2048, 4)
    assert text.rope_parameters["rope_theta"] == 5000
