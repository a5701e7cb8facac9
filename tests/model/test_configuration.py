import json

import pytest
from transformers import (
    AutoConfig,
    CLIPVisionConfig,
    LlamaConfig,
    OPTConfig,
    SiglipVisionConfig,
)

from vary.model import TowerConfig, VaryConfig
from vary.model.configuration import config_from_dict
from vary.vocabulary import ViTDetConfig


def test_defaults_are_vary_tiny():
    config = VaryConfig()
    assert [type(part) for part in config.vocabularies] == [ViTDetConfig]
    assert isinstance(config.text_config, OPTConfig)
    assert config.text_config.hidden_size == 768
    assert config.channel_widths == [768]


@pytest.mark.parametrize("load", [VaryConfig.from_pretrained, AutoConfig.from_pretrained])
def test_json_and_back_with_several_vocabularies(
    page_vocabularies, make_text_config, tmp_path, load
):
    siglip = SiglipVisionConfig(hidden_size=8, image_size=32, patch_size=16, num_hidden_layers=3)
    config = VaryConfig(
        [*page_vocabularies, TowerConfig(siglip, layer=-2)],
        make_text_config("llama", is_tied=False),
        widths=[10, 8, 6],
        image_token_id=3,
        tasks=("ocr", "chart"),
    )
    config.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    types = [part["model_type"] for part in saved["vocabularies"]]
    assert types == ["vary_vitdet", "vary_tower", "vary_tower"]
    assert saved["vocabularies"][2]["network"]["model_type"] == "siglip_vision_model"
    back = load(tmp_path)
    assert isinstance(back, VaryConfig)
    assert [type(part) for part in back.vocabularies] == [ViTDetConfig, TowerConfig, TowerConfig]
    networks = [part.network for part in back.vocabularies[1:]]
    assert [type(network) for network in networks] == [CLIPVisionConfig, SiglipVisionConfig]
    assert isinstance(back.text_config, LlamaConfig)
    assert back.vocabularies[0].window_size == (3, 3)
    assert networks[0].patch_size == 14
    assert [part.layer for part in back.vocabularies[1:]] == [-1, -2]
    assert (back.widths, back.image_token_id, back.tasks) == ([10, 8, 6], 3, ["ocr", "chart"])
    assert back.tie_word_embeddings is False
    ours, theirs = config.to_dict(), back.to_dict()
    for saved in (ours, theirs):
        saved.pop("_name_or_path", None)  # where it was loaded from
    assert theirs == ours


def test_parts_may_be_dictionaries(page_vocabularies, make_text_config):
    parts = [part.to_dict() for part in page_vocabularies]
    config = VaryConfig(parts, make_text_config("qwen2").to_dict())
    made = [part.to_dict() for part in config.vocabularies]
    assert made[0] == parts[0]
    assert made[1]["network"] == {k: v for k, v in parts[1].items() if k in made[1]["network"]}
    assert config.text_config.model_type == "qwen2"
    assert "model_type" in parts[0]


def test_what_changes_in_a_part_is_saved(page_vocabularies, make_text_config, tmp_path):
    config = VaryConfig(page_vocabularies, make_text_config())
    config.text_config.vocab_size = 999
    config.vocabularies[0].layer_norm_eps = 1e-3
    config.save_pretrained(tmp_path)
    back = VaryConfig.from_pretrained(tmp_path)
    assert back.text_config.vocab_size == 999
    assert back.vocabularies[0].layer_norm_eps == 1e-3


@pytest.mark.parametrize(
    ("fusion", "count", "widths"),
    [
        ("channel", 1, [25]),
        ("channel", 2, [13, 12]),
        ("channel", 3, [9, 8, 8]),
        ("sum", 2, [25, 25]),
        ("sequence", 3, [25, 25, 25]),
    ],
)
def test_widths_and_the_remainder_to_the_first(make_text_config, fusion, count, widths):
    text_config = make_text_config(hidden_size=25, word_embed_proj_dim=25)
    config = VaryConfig([ViTDetConfig() for _ in range(count)], text_config, fusion=fusion)
    assert config.channel_widths == widths


def test_width_of_narrow_embeddings(make_text_config):
    config = VaryConfig(text_config=make_text_config(word_embed_proj_dim=12))
    assert (config.embedding_size, config.channel_widths) == (12, [12])


@pytest.mark.parametrize("is_tied", [True, False])
def test_ties_are_the_language_models(make_text_config, is_tied):
    assert VaryConfig(text_config=make_text_config("llama", is_tied)).tie_word_embeddings is is_tied


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"vocabularies": []}, "at least one vocabulary"),
        ({"fusion": "mean"}, "fusion must be one of channel, sum, sequence, got 'mean'"),
        ({"widths": [25]}, r"widths \[25\] must be 1 numbers that add up .* width 24"),
        ({"widths": [12, 12]}, r"widths \[12, 12\] must be 1 numbers"),
        ({"widths": [24], "fusion": "sum"}, "widths belong to fusion='channel', not to 'sum'"),
        ({"vocabularies": [{"image_size": 64}]}, "names no model_type"),
        ({"vocabularies": [{"model_type": "none_such"}]}, "none_such"),
    ],
)
def test_values_that_cannot_be(make_text_config, fields, said):
    with pytest.raises(ValueError, match=said):
        VaryConfig(**{"text_config": make_text_config(), **fields})


def test_a_configuration_is_taken_as_it_is():
    config = ViTDetConfig()
    assert config_from_dict(config) is config


def test_attention_setting_reaches_all_parts(page_vocabularies, make_text_config):
    config = VaryConfig(page_vocabularies, make_text_config(), attn_implementation="eager")
    clip = config.vocabularies[1].network
    for part in [*config.vocabularies, clip, config.text_config]:
        assert part._attn_implementation == "eager"
    config._attn_implementation = "sdpa"
    for part in [*config.vocabularies, clip, config.text_config]:
        assert part._attn_implementation == "sdpa"


def test_attention_setting_of_each_part(page_vocabularies, make_text_config):
    wanted = {"text_config": "eager", "vocabularies": "sdpa"}
    config = VaryConfig(page_vocabularies, make_text_config(), attn_implementation=wanted)
    assert config.text_config._attn_implementation == "eager"
    assert [part._attn_implementation for part in config.vocabularies] == ["sdpa", "sdpa"]
    assert config.vocabularies[1].network._attn_implementation == "sdpa"
    config._attn_implementation = {"text_config": "sdpa"}
    assert config.text_config._attn_implementation == "sdpa"
