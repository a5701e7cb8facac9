"""What is told of a checkpoint, against what is in it."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig

from vary.checkpoints import bundled_checkpoints
from vary.errors import InputError
from vary.model import TowerConfig, TowerVocabulary
from vary.model.inspection import checkpoint_info


@pytest.fixture
def folder(make_model, processor, tmp_path):
    """A saved model of strips over a Llama with a head of its own, with its processor."""
    make_model("llama", is_tied=False, tasks=["ocr"]).to(torch.bfloat16).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return tmp_path


def test_a_model(folder, make_model, tokenizer):
    model = make_model("llama", is_tied=False)
    info = checkpoint_info(folder)
    assert (info["model_type"], info["dtype"], info["problems"]) == ("vary", "bfloat16", [])
    assert info["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    counts, parts = info["parameters"], info["parameters"]["parts"]
    assert counts["total"] == model.num_parameters()
    assert parts["projector"] == 20 * 24 + 24
    vocabulary = parts["vocabulary 1"]
    assert vocabulary["total"] == model.vocabularies[0].num_parameters()
    assert vocabulary["merging"] == 9 * (8 * 12 + 12 * 20)
    assert vocabulary["ctc head"] == sum(
        parameter.numel() for parameter in model.vocabularies[0].ctc_head.parameters()
    )
    language_model = parts["language model"]
    assert language_model["head"] == language_model["embeddings"] == len(tokenizer) * 24
    for part in (vocabulary, language_model):
        assert part["total"] == sum(count for name, count in part.items() if name != "total")
    assert counts["total"] == sum(
        part if isinstance(part, int) else part["total"] for part in parts.values()
    )


def test_tokens_shapes_and_prompt(folder, tokenizer):
    info = checkpoint_info(folder)
    assert info["tasks"] == ["ocr"]
    assert info["tokens_per_image"] == 4
    (vocabulary,) = info["vocabularies"]
    assert vocabulary["image_size"] == [16, 128]
    assert (vocabulary["grid"], vocabulary["tokens"], vocabulary["token_size"]) == ([1, 4], 4, 20)
    assert info["images"][0]["mode"] == "strip"
    assert (info["fusion"], info["projector"]) == ("channel", [[20, 24]])
    assert info["language_model"] == {
        "model_type": "llama", "width": 24, "layers": 2, "heads": 2, "positions": 128,
        "rows": len(tokenizer), "tied": False,
    }  # fmt: skip
    assert info["prompt"] == {
        "form": "paper",
        "text": "<img><imgpad> x 4</img>[<draft>DRAFT</draft>]ANSWER</s>",
        "answer_position": None,
    }
    assert json.loads(json.dumps(info)) == info


def test_shards_are_counted_once(make_model, processor, tmp_path):
    model = make_model("opt")
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    info = checkpoint_info(tmp_path)
    assert info["parameters"]["total"] == model.num_parameters()
    assert info["parameters"]["parts"]["language model"]["head"] == 0
    assert (info["dtype"], info["problems"], info["prompt"]) == ("float32", [], None)
    next(tmp_path.glob("model-00002-*.safetensors")).unlink()
    with pytest.raises(InputError, match=r"model-00002-.* is missing, though .*index\.json names"):
        checkpoint_info(tmp_path)


def test_several_vocabularies(make_model, page_vocabularies, tmp_path):
    tower = TowerConfig(page_vocabularies[1], layer=-1)
    model = make_model("opt-350m", vocabularies=[page_vocabularies[0], tower], fusion="sequence")
    model.save_pretrained(tmp_path)
    info = checkpoint_info(tmp_path)
    assert info["tokens_per_image"] == 8
    types = [part["model_type"] for part in info["vocabularies"]]
    assert types == ["vary_vitdet", "clip_vision_model"]
    assert info["vocabularies"][1]["layer"] == -1
    assert info["projector"] == [[20, 12], [12, 12]]
    assert info["language_model"]["embedding_size"] == 12
    assert info["parameters"]["parts"]["vocabulary 2"]["encoder"] == (
        model.vocabularies[1].num_parameters()
    )
    assert info["problems"] == []


def test_a_vocabulary_by_itself(make_model, tmp_path):
    vocabulary = make_model().vocabularies[0]
    vocabulary.save_pretrained(tmp_path)
    info = checkpoint_info(tmp_path)
    assert info["model_type"] == "vary_vitdet"
    assert info["parameters"]["total"] == vocabulary.num_parameters()
    assert info["vocabularies"][0]["tokens"] == 4
    assert info["problems"] == []
    assert "language_model" not in info


def test_a_tower_by_itself(tmp_path):
    clip = CLIPVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=28, patch_size=14,
    )  # fmt: skip
    TowerVocabulary(TowerConfig(clip)).save_pretrained(tmp_path)
    info = checkpoint_info(tmp_path)
    assert info["vocabularies"][0]["tokens"] == 4
    assert info["problems"] == []


def test_another_model_of_transformers(make_opt, tmp_path):
    language_model = make_opt()
    language_model.save_pretrained(tmp_path)
    info = checkpoint_info(tmp_path)
    assert info["model_type"] == "opt"
    assert info["parameters"] == {"total": language_model.num_parameters()}
    assert info["language_model"]["positions"] == 64


def test_a_model_that_transformers_does_not_know(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "none_such"}')
    info = checkpoint_info(tmp_path)
    assert (info["model_type"], info["parameters"], info["dtype"]) == ("none_such", None, None)
    save_file({"a": torch.zeros(2, 3)}, tmp_path / "model.safetensors")
    assert checkpoint_info(tmp_path)["parameters"] == {"total": 6}


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    info = checkpoint_info(folder)
    assert info["problems"] == ["no weights in safetensors files"]
    assert info["parameters"]["total"] > 0


def test_weights_that_do_not_fit(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["projector.linears.0.bias"]
    weights["other"] = torch.zeros(2)
    weights["projector.linears.0.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert checkpoint_info(folder)["problems"] == [
        "1 weights missing, such as projector.linears.0.bias",
        "1 weights not of this model, such as other",
        "1 weights of another shape, such as projector.linears.0.weight",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", "{", r"config\.json cannot be read as JSON"),
        ("config.json", "[]", r"config\.json holds no JSON object"),
        ("config.json", '{"model_type": "vary", "fusion": "mean"}', "describes no model: fusion"),
        ("model.safetensors", "damaged", "is no safetensors file"),
        ("tokenizer.json", "{", "the processor in .* cannot be read"),
    ],
)
def test_files_that_are_damaged(folder, name, content, said):
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=said):
        checkpoint_info(folder)


def test_the_bundled_checkpoint(tmp_path):
    nano = bundled_checkpoints()["nano"]
    info = checkpoint_info(nano)
    assert info["problems"] == []
    card = (nano / "README.md").read_text(encoding="utf-8")
    assert f"parameters: {info['parameters']['total']:,} in {info['dtype']}" in card
    shutil.copytree(nano, tmp_path / "copy")
    assert checkpoint_info(tmp_path / "copy") == info
