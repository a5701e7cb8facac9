"""With accelerate, PEFT and transformers' settings of single parts."""

import importlib.util

import pytest
import torch
from transformers import AutoModelForImageTextToText

from vary.model import VaryForConditionalGeneration

LAYERS = {"opt": "fc1", "llama": "up_proj"}


@pytest.fixture
def make_page_model(make_model, page_vocabularies):
    """Return a function that gives a model of pages with two vocabularies."""

    def make(model_type: str = "llama", **fields) -> VaryForConditionalGeneration:
        return make_model(model_type, vocabularies=page_vocabularies, **fields)

    return make


@pytest.fixture
def page_batch(tokenizer) -> dict[str, torch.Tensor]:
    """Prompts of unequal lengths, padded on the left, and pixels of three pages."""
    image = tokenizer("<img>" + "<imgpad>" * 4 + "</img>")["input_ids"]
    rows = [image, [*image, 90, 91, 92], [*image, 93]]
    generator = torch.Generator().manual_seed(4)
    pad = tokenizer.pad_token_id
    return {
        "input_ids": torch.tensor([[pad] * (9 - len(row)) + row for row in rows]),
        "attention_mask": torch.tensor([[0] * (9 - len(row)) + [1] * len(row) for row in rows]),
        "pixel_values": torch.randn(3, 3, 64, 64, generator=generator),
        "pixel_values_2": torch.randn(3, 3, 28, 28, generator=generator),
    }


@pytest.mark.parametrize("model_type", LAYERS)
@pytest.mark.parametrize(
    "device_map",
    [
        {"vocabularies": "cpu", "projector": "cpu", "language_model": "disk"},
        {"vocabularies": "disk", "projector": "disk", "language_model": "cpu"},
        {"": "disk"},
    ],
    ids=["language model", "vocabularies", "all"],
)
def test_parts_on_disk_give_the_same(make_page_model, page_batch, tmp_path, model_type, device_map):
    pytest.importorskip("accelerate", reason="offloading is accelerate's")
    model = make_page_model(model_type)
    model.save_pretrained(tmp_path / "model")
    back = AutoModelForImageTextToText.from_pretrained(
        tmp_path / "model", device_map=device_map, offload_folder=tmp_path / "offload"
    )
    on_disk = [name for name, value in back.named_parameters() if value.device.type == "meta"]
    assert on_disk
    with torch.no_grad():
        # Patches go through a convolution there, through a linear map here: rounding differs.
        assert torch.allclose(back(**page_batch).logits, model(**page_batch).logits, atol=5e-5)
    settings = {"max_new_tokens": 3, "do_sample": False}
    assert torch.equal(
        back.generate(**page_batch, **settings), model.generate(**page_batch, **settings)
    )


@pytest.mark.parametrize("is_tied", [True, False])
def test_shards_hold_the_whole_model(make_page_model, page_batch, tmp_path, is_tied):
    model = make_page_model("llama", is_tied=is_tied)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert (tmp_path / "model.safetensors.index.json").is_file()
    back, told = AutoModelForImageTextToText.from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    with torch.no_grad():
        assert torch.allclose(back(**page_batch).logits, model(**page_batch).logits, atol=1e-5)


def test_attention_of_single_parts(make_page_model, page_batch, tmp_path):
    model = make_page_model()
    model.save_pretrained(tmp_path)
    wanted = {"text_config": "eager", "vocabularies": "sdpa"}
    back = AutoModelForImageTextToText.from_pretrained(tmp_path, attn_implementation=wanted)
    clip = back.vocabularies[1].network
    assert back.language_model.config._attn_implementation == "eager"
    assert clip.config._attn_implementation == "sdpa"
    back.set_attn_implementation({"text_config": "sdpa"})
    assert back.language_model.config._attn_implementation == "sdpa"
    assert clip.config._attn_implementation == "sdpa"
    back.set_attn_implementation({"vocabularies": "eager"})
    assert back.language_model.config._attn_implementation == "sdpa"
    assert clip.config._attn_implementation == "eager"
    back.set_attn_implementation("eager")
    for part in (*back.vocabularies, clip, back.language_model):
        assert part.config._attn_implementation == "eager"
    with torch.no_grad():
        ours, theirs = (one(**page_batch).logits[:, -1] for one in (model, back))
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_precision_of_single_parts(make_page_model, page_batch):
    model = make_page_model()
    with torch.no_grad():
        exact = model(**page_batch).logits
        model.vocabularies.to(torch.bfloat16)
        mixed = model(**page_batch).logits
        assert mixed.dtype == torch.float32
        assert (mixed - exact).norm() / exact.norm() < 0.05
        model.float().language_model.to(torch.bfloat16)
        assert model(**page_batch).logits.dtype == torch.bfloat16


@pytest.mark.parametrize("fusion", ["channel", "sum", "sequence"])
def test_beams_encode_each_vocabulary_once(make_page_model, page_batch, tokenizer, fusion):
    model = make_page_model(fusion=fusion)
    if fusion == "sequence":
        extra = torch.full((3, 4), model.config.image_token_id)
        page_batch["input_ids"] = torch.cat([page_batch["input_ids"], extra], dim=1)
        page_batch["attention_mask"] = torch.cat(
            [page_batch["attention_mask"], torch.ones_like(extra)], dim=1
        )
    calls = [0, 0]

    def count(place: int) -> None:
        calls[place] += 1

    for place, part in enumerate(model.vocabularies):
        part.register_forward_pre_hook(lambda *_, place=place: count(place))
    settings = {"max_new_tokens": 4, "num_beams": 3, "do_sample": False}
    together = model.generate(**page_batch, **settings)
    assert calls == [1, 1]
    length = page_batch["input_ids"].shape[1]
    for row in range(3):
        alone = {name: value[row : row + 1] for name, value in page_batch.items()}
        expected = model.generate(**alone, **settings)[0, length:]
        assert torch.equal(together[row, length : length + len(expected)], expected)


@pytest.mark.parametrize("model_type", ["opt", "llama"])
@pytest.mark.skipif(
    importlib.util.find_spec("peft") is None,
    reason="PEFT is not installed; it comes with the extra dev",
)
def test_lora_learns_and_merges(make_page_model, page_batch, model_type):
    """A language model adapted to pages of one kind: the loss of pages not seen falls too."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    targets = rf"language_model\..*\.(q_proj|v_proj|{LAYERS[model_type]})"
    adapted = get_peft_model(
        make_page_model(model_type), LoraConfig(r=8, lora_alpha=16, target_modules=targets)
    )
    trained = [name for name, value in adapted.named_parameters() if value.requires_grad]
    assert trained
    assert all("lora_" in name and "language_model" in name for name in trained)
    answer = torch.tensor([[95, 96, 97, 98, 0]]).expand(3, -1)
    batch = {**page_batch, "input_ids": torch.cat([page_batch["input_ids"], answer], dim=1)}
    ones = torch.ones_like(answer)
    batch["attention_mask"] = torch.cat([page_batch["attention_mask"], ones], dim=1)
    labels = batch["input_ids"].clone()
    labels[:, :9] = -100
    held_out = {**batch, "pixel_values": batch["pixel_values"].flip(0, 2)}
    optimizer = torch.optim.AdamW(
        [value for value in adapted.parameters() if value.requires_grad], lr=1e-2
    )

    def held_out_loss() -> float:
        with torch.no_grad():
            return float(adapted(**held_out, labels=labels).loss)

    before = held_out_loss()
    for _ in range(12):
        optimizer.zero_grad()
        adapted(**batch, labels=labels).loss.backward()
        optimizer.step()
    assert held_out_loss() < 0.7 * before
    with torch.no_grad():
        expected = adapted(**held_out).logits
        merged = adapted.merge_and_unload()
        assert isinstance(merged, VaryForConditionalGeneration)
        assert not [name for name, _ in merged.named_parameters() if "lora" in name]
        assert torch.allclose(merged(**held_out).logits, expected, atol=1e-3, rtol=1e-4)
