"""A vocabulary added to a finished model: the same bits on day 0, an effect as it learns."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPVisionConfig, Dinov2Config, SiglipVisionConfig

from vary.checkpoints import find_checkpoint
from vary.errors import VaryError
from vary.model import (
    ImageRule,
    TowerConfig,
    TowerVocabulary,
    VaryConfig,
    VaryForConditionalGeneration,
    VaryImageProcessor,
    VaryProcessor,
)
from vary.model.adding import add_vocabulary
from vary.model.building import build_vary
from vary.model.inspection import checkpoint_info
from vary.model.vocabulary_folder import extract_vocabulary
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

SIZES = {
    "hidden_size": 12,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
PAGE, CLIP = ImageRule("resize", 64, 64), ImageRule("resize", 28, 28)
NEW = {
    "siglip": SiglipVisionConfig(**SIZES, image_size=32, patch_size=16),
    "dinov2": TowerConfig(Dinov2Config(**SIZES, image_size=28, patch_size=14), layer=-2),
    "vitdet": ViTDetConfig(
        image_size=128, patch_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        window_size=3, global_blocks=[0], out_channels=8, merge_channels=[12, 28],
    ),
}  # fmt: skip
OLD = {
    "one": (1, {}),
    "channel": (2, {}),
    "widths": (2, {"widths": [17, 7]}),
    "sum": (2, {"fusion": "sum"}),
    "sequence": (2, {"fusion": "sequence"}),
}


@pytest.fixture
def make_old(make_model, page_vocabularies, tokenizer, tmp_path):
    """Return a function that gives a finished model of pages and its processor."""

    def make(kind: str = "one", model_type: str = "llama", dtype=torch.float32):
        number, fields = OLD[kind]
        parts = page_vocabularies[:number]
        # As a user has it: `to` would take tables of rotary positions along, loading does not.
        make_model(model_type, vocabularies=parts, **fields).save_pretrained(tmp_path / "old")
        model = VaryForConditionalGeneration.from_pretrained(tmp_path / "old", dtype=dtype).eval()
        processor = VaryProcessor(
            VaryImageProcessor([PAGE, CLIP][:number]),
            tokenizer,
            vocabulary=[part.to_dict() for part in model.config.vocabularies],
            fusion=fields.get("fusion", "channel"),
        )
        return model, processor

    return make


@pytest.fixture
def pages() -> list[np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(5))
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((80, 60), (30, 90))]


def new_vocabulary(kind: str):
    torch.manual_seed(3)
    return build(NEW[kind])


def build(config):
    if isinstance(config, ViTDetConfig):
        return ViTDetVocabulary(config)
    return TowerVocabulary(config if isinstance(config, TowerConfig) else TowerConfig(config))


def rule_of(vocabulary) -> ImageRule:
    return ImageRule("resize", *vocabulary.config.image_size, mean=[0.5] * 3, std=[0.5] * 3)


@torch.no_grad()
def answers(model, processor, pictures) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    """Return logits, generated rows and texts, ten tokens long whatever is in them."""
    inputs = processor(pictures)
    logits = model(**inputs).logits
    rows = model.generate(**inputs, max_new_tokens=10, min_new_tokens=10, do_sample=False)
    return logits, rows, processor.post_process_image_text_to_text(rows)


def assert_same_bits(first, second):
    assert first[0].dtype == second[0].dtype
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert first[2] == second[2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("kind", "model_type"),
    [
        ("one", "llama"), ("channel", "llama"), ("widths", "llama"), ("sum", "llama"),
        ("one", "opt"), ("channel", "qwen2"),
    ],
)  # fmt: skip
def test_sum_changes_no_bit_until_it_learns(make_old, pages, tmp_path, kind, model_type, dtype):
    model, processor = make_old(kind, model_type, dtype)
    before = answers(model, processor, pages)
    assert before[1][0].tolist() != before[1][1].tolist(), "the answers must hang on the pictures"
    added = new_vocabulary("siglip")
    add_vocabulary(model, processor, added, rule_of(added))
    assert len(processor(pages)) == 3 + 2 * len(model.vocabularies)
    assert_same_bits(answers(model, processor, pages), before)

    model.save_pretrained(tmp_path / "new")
    processor.save_pretrained(tmp_path / "new")
    back = VaryForConditionalGeneration.from_pretrained(tmp_path / "new").eval()
    again = VaryProcessor.from_pretrained(tmp_path / "new")
    assert back.config.added == again.added == ["sum"]
    assert_same_bits(answers(back, again, pages), before)

    with torch.no_grad():  # what is above would see a linear that is not zero
        back.projector.linears[-1].weight[0, 0] = 4.0
    assert not torch.equal(answers(back, again, pages)[0], before[0])


@pytest.mark.parametrize("kind", NEW)
def test_any_vocabulary_and_one_after_another(make_old, pages, kind):
    model, processor = make_old("channel", "llama", torch.bfloat16)
    before = answers(model, processor, pages)
    for _ in range(2):
        added = new_vocabulary(kind)
        add_vocabulary(model, processor, added, rule_of(added))
        assert added.dtype == torch.bfloat16
    assert model.config.added == ["sum", "sum"]
    assert model.config.channel_widths == [12, 12, 24, 24]
    assert_same_bits(answers(model, processor, pages), before)


def test_strips_of_all_widths_stay_as_they_were(
    make_model, processor, strips, strip_vocabulary, tmp_path
):
    model = make_model("llama")
    before = answers(model, processor, strips)
    fields = {**strip_vocabulary.to_dict(), "ctc_alphabet": None, "merge_channels": [8, 16]}
    second = ViTDetVocabulary(ViTDetConfig(**fields))
    rule = {"mode": "strip", "height": 16, "width": 128, "step_px": 32, "mean": [0.9] * 3}
    add_vocabulary(model, processor, second, rule)
    assert_same_bits(answers(model, processor, strips), before)
    with torch.no_grad():
        encoded = model.encode_images(
            [processor(strips)["pixel_values"], processor(strips)["pixel_values_2"]]
        )
    assert encoded.ctc_logits is not None


def test_the_new_linear_learns_and_the_old_ones_get_their_gradients(make_old, pages):
    model, processor = make_old("channel")
    add_vocabulary(model, processor, new_vocabulary("siglip"), ImageRule("resize", 32, 32))
    inputs = processor(pages)
    loss = model.train()(**inputs, labels=inputs["input_ids"]).loss
    loss.backward()
    for linear in model.projector.linears:
        assert linear.weight.grad.abs().max() > 0
    frozen_at_first = [p.grad for p in model.vocabularies[2].parameters() if p.grad is not None]
    assert all(not gradient.any() for gradient in frozen_at_first)


def test_sequence_appends_tokens(make_old, pages):
    model, processor = make_old("one")
    with torch.no_grad():
        old_tokens = model.encode_images([processor(pages)["pixel_values"]]).tokens
    torch.manual_seed(1)
    model.generation_config.max_new_tokens = 120
    add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32), "sequence")
    assert processor.num_image_tokens(64, 64) == 8
    assert model.projector.linears[1].weight.std() > 0.01
    inputs = processor(pages)
    pixels = [inputs["pixel_values"], inputs["pixel_values_2"]]
    with torch.no_grad():
        tokens = model.encode_images(pixels).tokens.view(2, 8, 24)
    assert torch.equal(tokens[:, :4].reshape(8, 24), old_tokens)
    assert model.generation_config.max_new_tokens == 128 - 10
    answers(model, processor, pages)
    # What comes after is added to all that is there: eight tokens.
    eight = {**SIZES, "image_size": 8, "patch_size": 4}
    tower = TowerConfig(SiglipVisionConfig(**eight), input_size=(8, 16))
    before = answers(model, processor, pages)
    add_vocabulary(model, processor, tower, ImageRule("resize", 8, 16))
    assert model.config.added == ["sequence", "sum"]
    assert_same_bits(answers(model, processor, pages), before)


def test_the_sum_is_what_it_says(make_old, pages):
    model, processor = make_old("channel")
    add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32))
    with torch.no_grad():
        model.projector.linears[2].weight.normal_()
        tokens = [torch.randn(4, part.config.token_size) for part in model.vocabularies]
        first, second, third = (
            linear(part) for linear, part in zip(model.projector.linears, tokens, strict=True)
        )
        expected = torch.cat([first, second], dim=-1) + third
        assert torch.equal(model.projector(tokens), expected)


@pytest.mark.parametrize("kind", ["one", "channel", "sum"])
def test_unequal_counts_name_both_sides_and_the_way_out(make_old, kind):
    model, processor = make_old(kind)
    wide = SiglipVisionConfig(**SIZES, image_size=48, patch_size=16)
    config, saved = model.config.to_dict(), processor.to_dict()
    with pytest.raises(VaryError, match="give 4 and 9 tokens of one image; fusion='sum'") as told:
        add_vocabulary(model, processor, wide, ImageRule("resize", 48, 48))
    assert "vary_vitdet at 64 x 64 px: 2 x 2 tokens" in str(told.value)
    assert "the added one: siglip_vision_model at 48 x 48 px: 3 x 3 tokens" in str(told.value)
    assert str(told.value).endswith("Images of 32 x 32 px give it the model's number")
    assert "fusion='sequence'" in str(told.value)
    assert (model.config.to_dict(), processor.to_dict()) == (config, saved)
    # And the way out is one.
    add_vocabulary(model, processor, TowerConfig(wide, input_size=32), ImageRule("resize", 32, 32))
    assert processor.num_image_tokens(64, 64) == 4


def test_sum_onto_tokens_in_sequence_needs_as_many(make_old, pages):
    model, processor = make_old("sequence")
    with pytest.raises(VaryError, match="give 8 and 4 tokens"):
        add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32))
    add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32), "sequence")
    assert answers(model, processor, pages)[0].shape[1] == 14


def test_a_vitdet_is_told_the_size_that_fits(make_old):
    model, processor = make_old()
    big = ViTDetConfig(**{**NEW["vitdet"].to_dict(), "image_size": 256})
    with pytest.raises(VaryError, match="Images of 128 x 128 px give it the model's number"):
        add_vocabulary(model, processor, big)
    with pytest.raises(VaryError, match="siglip_vision_model at 8 x 8 px, which it does not take"):
        add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 8, 8))


def test_what_cannot_be_added(make_old):
    model, processor = make_old()
    for call in (
        lambda: add_vocabulary(model, processor, NEW["siglip"], CLIP, "channel"),
        lambda: model.add_vocabulary(NEW["siglip"], "channel"),
    ):
        with pytest.raises(VaryError, match=r"deals the width out .* \(vary merge --llm\)"):
            call()
    with pytest.raises(VaryError, match="fusion must be sum or sequence to add, got 'mean'"):
        model.add_vocabulary(NEW["siglip"], "mean")
    with pytest.raises(VaryError, match="this very vocabulary already"):
        model.add_vocabulary(model.vocabularies[0])
    with pytest.raises(VaryError, match="image_rules are wanted"):
        add_vocabulary(model, processor, NEW["siglip"])
    with pytest.raises(VaryError, match=r"prompt of an image takes 150 tokens.* 128 positions"):
        twelve = SiglipVisionConfig(**SIZES, image_size=48, patch_size=4)
        add_vocabulary(model, processor, twelve, ImageRule("resize", 48, 48), "sequence")
    assert len(model.vocabularies) == len(processor.image_processor.rules) == 1


def test_fixed_places_leave_no_room_for_a_sequence(make_old):
    model, processor = make_old()
    processor.answer_position = 18
    with pytest.raises(VaryError, match=r"trained with 9 before the draft \(answer_position 18\)"):
        add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32), "sequence")


def test_a_processor_that_does_not_know_its_vocabularies(make_old, tokenizer):
    model, _ = make_old()
    blind = VaryProcessor(VaryImageProcessor([PAGE]), tokenizer)
    with pytest.raises(VaryError, match="knows 0 vocabularies and 1 image rules"):
        add_vocabulary(model, blind, NEW["siglip"], ImageRule("resize", 32, 32))


def test_info_tells_what_was_added(make_old, tmp_path):
    model, processor = make_old("widths")
    add_vocabulary(model, processor, NEW["siglip"], ImageRule("resize", 32, 32))
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    info = checkpoint_info(tmp_path)
    assert info["problems"] == []
    assert (info["fusion"], info["added"]) == ("channel", ["sum"])
    assert info["projector"] == [[20, 17], [12, 7], [12, 24]]
    assert info["tokens_per_image"] == 4


def test_a_built_model_takes_one_more(make_opt, opt_tokenizer, page_vocabularies, pages):
    """From parts, and then another: what `vary merge` does twice."""
    from vary.model.building import add_image_tokens

    language_model = make_opt()
    add_image_tokens(language_model, opt_tokenizer)
    rules = [PAGE, CLIP]
    model, processor = build_vary(
        page_vocabularies, language_model, opt_tokenizer, image_rules=rules
    )
    model.eval()
    before = answers(model, processor, pages)
    add_vocabulary(model, processor, copy.deepcopy(model.vocabularies[1]), CLIP)
    assert_same_bits(answers(model, processor, pages), before)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"added": ["channel"]}, "added must name sum or sequence for each"),
        ({"added": ["sum", "sum"]}, "added names 2 vocabularies of 2; at least one"),
        ({"added": ["sum"], "widths": [12, 12]}, r"widths \[12, 12\] must be 1 numbers"),
    ],
)
def test_configurations_that_cannot_be(page_vocabularies, make_text_config, fields, said):
    with pytest.raises(ValueError, match=said):
        VaryConfig(page_vocabularies, make_text_config(), **fields)


@pytest.mark.parametrize("network", [CLIPVisionConfig, SiglipVisionConfig, Dinov2Config])
def test_towers_take_images_of_another_size(network, tmp_path):
    torch.manual_seed(0)
    made = TowerVocabulary(TowerConfig(network(**SIZES, image_size=28, patch_size=7)))
    wide = TowerVocabulary.from_network(made.network, input_size=(42, 56)).eval()
    assert wide.config.token_grid(42, 56) == (6, 8)
    wide.save_pretrained(tmp_path)
    back = TowerVocabulary.from_pretrained(tmp_path).eval()
    assert back.config.image_size == (42, 56)
    pixels = torch.randn(1, 3, 42, 56)
    with torch.no_grad():
        tokens = back(pixels).last_hidden_state
        assert torch.equal(tokens, wide(pixels).last_hidden_state)
    assert tokens.shape == (1, 48, 12)
    with pytest.raises(ValueError, match=r"is no whole number of the 7x7 px patches"):
        TowerConfig(made.config.network, input_size=30)


def test_python_of_the_document_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "docs" / "merging.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    extract_vocabulary(find_checkpoint("nano"), Path("vocabulary"))
    for block in blocks:
        exec(compile(block, "merging.md", "exec"), {"__name__": "shown"})
