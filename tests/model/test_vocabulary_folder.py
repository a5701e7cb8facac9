"""A vocabulary taken out of a model: the same tokens, alone, with its rule and its card."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig

from vary.checkpoints import find_checkpoint
from vary.errors import InputError, VaryError
from vary.model import (
    ImageRule,
    TowerConfig,
    TowerVocabulary,
    VaryImageProcessor,
    VaryProcessor,
    load_vocabulary,
    save_vocabulary,
)
from vary.model.card import read_origin, sha256
from vary.model.inspection import checkpoint_info
from vary.model.vocabulary_folder import extract_vocabulary, read_card, vocabulary_of

README = """---
license: mit
language: [en, zh]
---

# Trained reader

Reads.

## Trained on

Pages.

### Of books

CC0.

## Not for

Handwriting.

## Licences

MIT.
"""


@pytest.fixture
def folder(make_model, processor, tmp_path):
    """A checkpoint that reads strips, with CTC head, kind head and card."""
    model = make_model("llama", tasks=["ocr"])
    config = model.config.vocabularies[0]
    config.kinds = ["page", "photo"]
    model = type(model)(model.config)
    model.to(torch.bfloat16).save_pretrained(tmp_path / "reader")
    processor.save_pretrained(tmp_path / "reader")
    (tmp_path / "reader" / "README.md").write_text(README, encoding="utf-8")
    return tmp_path / "reader"


@pytest.fixture
def pair_folder(make_model, page_vocabularies, tokenizer, tmp_path):
    """A checkpoint with two vocabularies, in two files."""
    tower = TowerConfig(page_vocabularies[1], layer=-1)
    model = make_model("opt", vocabularies=[page_vocabularies[0], tower])
    rules = [ImageRule("resize", 64, 64), ImageRule("crop", 28, 28, resize_px=32)]
    model.save_pretrained(tmp_path / "pair", max_shard_size="40KB")
    VaryProcessor(
        VaryImageProcessor(rules),
        tokenizer,
        vocabulary=[part.to_dict() for part in model.config.vocabularies],
    ).save_pretrained(tmp_path / "pair")
    assert len(list((tmp_path / "pair").glob("*.safetensors"))) > 1
    return tmp_path / "pair", model


def test_tokens_and_scores_are_those_of_the_model(folder, strips, tmp_path):
    from vary.model import VaryForConditionalGeneration

    out = extract_vocabulary(folder, tmp_path / "out")
    network, images = load_vocabulary(out, verify=True)
    model = VaryForConditionalGeneration.from_pretrained(folder).eval()
    pixels = VaryProcessor.from_pretrained(folder).image_processor(strips)["pixel_values"]
    assert torch.equal(images(strips)["pixel_values"], pixels)
    with torch.no_grad():
        alone, inside = network(pixels), model.vocabularies[0](pixels)
    assert alone.last_hidden_state.dtype == torch.bfloat16
    assert torch.equal(alone.last_hidden_state, inside.last_hidden_state)
    assert torch.equal(alone.ctc_logits, inside.ctc_logits)
    assert network.config.ctc_alphabet == model.config.vocabularies[0].ctc_alphabet
    assert torch.equal(
        network.kind_head.classify.weight, model.vocabularies[0].kind_head.classify.weight
    )
    assert not network.training


def test_the_second_vocabulary_of_several_files(pair_folder, tmp_path):
    folder, model = pair_folder
    out = extract_vocabulary(folder, tmp_path / "out", index=1)
    network, images = load_vocabulary(out)
    assert isinstance(network, TowerVocabulary)
    assert images.rules[0].to_dict() == ImageRule("crop", 28, 28, resize_px=32).to_dict()
    for name, value in model.vocabularies[1].state_dict().items():
        assert torch.equal(network.state_dict()[name], value)
    pixels = torch.randn(1, 3, 28, 28)
    with torch.no_grad():
        expected = model.vocabularies[1](pixels).last_hidden_state
        assert torch.equal(network(pixels).last_hidden_state, expected)
    assert read_card(out)["origin"]["index"] == 1
    assert read_card(out)["name"] == "pair-vocabulary-1"


def test_the_card(folder, tmp_path):
    out = extract_vocabulary(folder, tmp_path / "out")
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert (card["tokens"], card["grid"], card["token_size"]) == (4, [1, 4], 20)
    assert card["dtype"] == "bfloat16"
    assert card["image"]["mode"] == "strip"
    assert card["image"]["mean"] == [0.485, 0.456, 0.406]
    assert (card["image"]["backend"], card["image"]["antialias"]) == ("Pillow", True)
    assert card["ctc"]["classes"] == len(card["ctc"]["alphabet"]) + 1
    assert card["kinds"] == ["page", "photo"]
    assert card["tasks"] == ["ocr"]
    assert card["prompt"].startswith("<img><imgpad> x 4</img>")
    assert (card["license"], card["language"]) == ("mit", ["en", "zh"])
    assert "Pages.\n\n### Of books\n\nCC0." in card["data"]
    assert "MIT." in card["data"]
    assert "Handwriting" not in card["data"]
    assert card["weights"] == {"model.safetensors": sha256(out / "model.safetensors")}
    assert card["origin"]["language_model"] == "llama"
    text = (out / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    assert "license: mit" in text
    assert card["weights"]["model.safetensors"] in text
    assert str(folder.parent) not in text + json.dumps(card)


def test_info_tells_of_the_folder(folder, tmp_path):
    info = checkpoint_info(extract_vocabulary(folder, tmp_path / "out"))
    assert info["problems"] == []
    assert (info["tokens_per_image"], info["tasks"]) == (4, ["ocr"])
    assert info["images"][0]["mode"] == "strip"
    assert info["vocabularies"][0]["kinds"] == ["page", "photo"]
    assert (info["license"], info["origin"]["checkpoint"]) == ("mit", "reader")


def test_nothing_is_told_where_the_checkpoint_tells_nothing(tmp_path):
    nothing = {"license": None, "language": None, "data": None}
    assert read_origin(tmp_path) == nothing
    (tmp_path / "README.md").write_text("---\n: [\n---\n# Training\n\nText.\n", encoding="utf-8")
    assert read_origin(tmp_path) == nothing


def test_the_bundled_one_tells_its_data(tmp_path):
    out = extract_vocabulary(find_checkpoint("nano"), tmp_path / "out")
    card = read_card(out)
    assert card["license"] == "apache-2.0"
    assert "Pride and Prejudice" in card["data"]
    network, images = load_vocabulary(out, verify=True)
    pixels = images(np.full((40, 100), 255, np.uint8))["pixel_values"]
    assert network(pixels).ctc_logits.shape[2] == card["ctc"]["classes"]


def test_a_vision_model_of_others_is_saved_so(tmp_path):
    clip = CLIPVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        image_size=28, patch_size=14,
    )  # fmt: skip
    network = TowerVocabulary(TowerConfig(clip, layer=-2)).eval()
    save_vocabulary(network, {"mode": "crop", "height": 28, "width": 28}, tmp_path / "clip")
    back, images = load_vocabulary(tmp_path / "clip")
    pixels = images(np.zeros((40, 60), np.uint8))["pixel_values"]
    with torch.no_grad():
        assert torch.equal(back(pixels).last_hidden_state, network(pixels).last_hidden_state)
    assert read_card(tmp_path / "clip")["layer"] == -2
    with pytest.raises(VaryError, match=r"rule does not fit the vocabulary: .*56x28 px"):
        save_vocabulary(network, {"height": 56, "width": 28}, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def damage_half(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_shape(folder):
    weights = load_file(folder / "model.safetensors")
    weights["net_2.weight"] = torch.zeros(3, 3)
    del weights["neck.0.weight"]
    weights["other"] = torch.zeros(2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def damage_value(folder):
    weights = load_file(folder / "model.safetensors")
    weights["neck.0.weight"] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_half, r"out/model\.safetensors is no safetensors file"),
        (
            damage_shape,
            r"out/model\.safetensors and \S+config\.json do not fit together: neck.0.weight is "
            r"missing; other is unknown; net_2.weight is \(3, 3\) in the file, \(12, 8, 3, 3\) by",
        ),
        (damage_value, r"out/model\.safetensors is not what \S+card\.json was written for"),
        (lambda f: (f / "model.safetensors").unlink(), r"no safetensors files.*is missing; and"),
        (lambda f: (f / "config.json").unlink(), r"it has no config\.json"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json cannot be read as JSON"),
        (lambda f: (f / "config.json").write_text("{}"), r"names no known model: None"),
        (lambda f: (f / "preprocessor_config.json").unlink(), r"has no preprocessor_config\.json"),
        (
            lambda f: (f / "preprocessor_config.json").write_text('{"rules": [{"mode": "fit"}]}'),
            r"holds no image rule: mode must be one of",
        ),
    ],
)
def test_damaged_folders(folder, tmp_path, damage, said):
    out = extract_vocabulary(folder, tmp_path / "out")
    damage(out)
    with pytest.raises(InputError, match=said):
        load_vocabulary(out, verify=True)


def test_a_model_is_no_vocabulary(folder, tmp_path, make_opt):
    with pytest.raises(InputError, match=r"type vary, no vocabulary; .* vary extract"):
        load_vocabulary(folder)
    make_opt().save_pretrained(tmp_path / "opt")
    with pytest.raises(VaryError, match="type opt, no checkpoint of ours"):
        vocabulary_of(tmp_path / "opt")
    with pytest.raises(VaryError, match="has 1 vocabulary, numbered from 0; there is no number 1"):
        vocabulary_of(folder, 1)
    (folder / "processor_config.json").unlink()
    with pytest.raises(VaryError, match="has 0 image rules for 1 vocabularies"):
        vocabulary_of(folder)


def test_a_folder_is_there_whole_or_not_at_all(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    extract_vocabulary(folder, tmp_path / "empty")
    with pytest.raises(VaryError, match=r"--out \S+empty is not empty; name a new folder"):
        extract_vocabulary(folder, tmp_path / "empty")
    with pytest.raises(VaryError, match="is a file"):
        extract_vocabulary(folder, folder / "config.json")
    network, images = load_vocabulary(tmp_path / "empty")
    with pytest.raises(TypeError):  # what cannot be written as JSON stops it half-way
        save_vocabulary(network, images.rules[0], tmp_path / "half", facts={"tasks": [set()]})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "reader"]
