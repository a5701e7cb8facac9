"""The whole model: generation, batches, saving, and that settings reach every part."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    CLIPVisionModel,
    PreTrainedModel,
)

from vary.model import (
    ImageRule,
    TowerVocabulary,
    VaryConfig,
    VaryForConditionalGeneration,
    VaryImageProcessor,
    VaryOutput,
)
from vary.model.modeling import pixel_names
from vary.model.tokenizer import IMAGE
from vary.vocabulary import ViTDetVocabulary

NEW = 7
LANGUAGE_MODELS = [
    ("opt", True), ("opt", False), ("opt-350m", True), ("llama", True), ("llama", False),
    ("qwen2", True), ("qwen2", False), ("qwen3", True), ("qwen3", False), ("granite", True),
    ("cohere", True),
]  # fmt: skip


def generate(model: VaryForConditionalGeneration, inputs, **settings) -> list[list[int]]:
    """Return what is written after the prompt, ends and padding left out."""
    settings = {"max_new_tokens": NEW, "do_sample": False, **settings}
    rows = model.generate(**inputs, **settings)[:, inputs["input_ids"].shape[1] :]
    skipped = {model.config.text_config.eos_token_id, model.config.text_config.pad_token_id}
    return [[number for number in row if number not in skipped] for row in rows.tolist()]


def count_calls(module: torch.nn.Module) -> list[int]:
    calls: list[int] = []
    module.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize(("model_type", "is_tied"), LANGUAGE_MODELS)
def test_cache_changes_nothing_and_pixels_are_seen_once(
    make_model, processor, strips, model_type, is_tied
):
    model = make_model(model_type, is_tied)
    inputs = processor(strips)
    calls = count_calls(model.projector)
    cached = generate(model, inputs)
    assert len(calls) == 3  # once for each size in the batch
    assert generate(model, inputs, use_cache=False) == cached
    assert len(calls) > 6
    assert all(cached)


@pytest.mark.parametrize(("model_type", "is_tied"), LANGUAGE_MODELS)
def test_batch_of_sizes_reads_as_each_alone(make_model, processor, strips, model_type, is_tied):
    model = make_model(model_type, is_tied)
    drafts = ["ab", None, "the north"]
    together = generate(model, processor(strips, drafts))
    alone = [
        generate(model, processor(strip, [draft]))[0]
        for strip, draft in zip(strips, drafts, strict=True)
    ]
    assert together == alone
    assert len({tuple(row) for row in alone}) == len(alone)


@pytest.mark.parametrize("model_type", ["opt", "llama"])
def test_given_positions_are_kept_with_cache_without_and_alone(
    make_model, processor, strips, model_type
):
    model = make_model(model_type)
    counted = generate(model, processor(strips))
    processor.answer_position = 40
    inputs = processor(strips)
    placed = generate(model, inputs)
    assert placed != counted
    assert generate(model, inputs, use_cache=False) == placed
    assert [generate(model, processor(strip))[0] for strip in strips] == placed


def test_the_answer_hangs_on_the_image(make_model, processor, strips):
    model = make_model()
    inputs = processor(strips[1])
    changed = {**inputs, "pixel_values": inputs["pixel_values"].flip(-1)}
    with torch.no_grad():
        assert not torch.allclose(model(**inputs).logits[:, -1], model(**changed).logits[:, -1])


@pytest.mark.parametrize("num_beams", [1, 3])
def test_vision_tokens_stand_for_pixels(make_model, processor, strips, num_beams):
    model = make_model()
    inputs = processor(strips)
    with torch.no_grad():
        encoded = model.encode_images([inputs["pixel_values"]], inputs["image_sizes"])
    assert encoded.counts == [1, 3, 4]
    prompts = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    from_tokens = generate(model, {**prompts, "vision_tokens": encoded.tokens}, num_beams=num_beams)
    assert from_tokens == generate(model, inputs, num_beams=num_beams)


def test_beams_of_a_batch_are_those_of_each_alone(make_model, processor, strips):
    model = make_model("llama")
    together = generate(model, processor(strips), num_beams=3)
    assert together == [generate(model, processor(strip), num_beams=3)[0] for strip in strips]


def test_sampling_returns_several_sequences(make_model, processor, strips):
    torch.manual_seed(0)
    rows = generate(make_model(), processor(strips), do_sample=True, num_return_sequences=2)
    assert len(rows) == 6


def test_answers_end_at_the_end_token(make_model, processor, strips):
    model = make_model()
    with torch.no_grad():
        bias = model.language_model.model.decoder.final_layer_norm.bias
        head = model.get_output_embeddings().weight
        bias.copy_(50 * head[0])
    rows = model.generate(**processor(strips[0]), max_new_tokens=NEW, do_sample=False)
    assert rows[0, 3:].tolist() == [processor.tokenizer.eos_token_id]


@pytest.mark.parametrize(("model_type", "is_tied"), LANGUAGE_MODELS)
def test_save_and_load(make_model, processor, strips, tmp_path, model_type, is_tied):
    model = make_model(model_type, is_tied)
    model.save_pretrained(tmp_path)
    back = AutoModelForImageTextToText.from_pretrained(tmp_path)
    head, table = back.get_output_embeddings().weight, back.get_input_embeddings().weight
    assert (head is table) == is_tied
    inputs = processor(strips)
    with torch.no_grad():
        before, after = model(**inputs), back(**inputs)
    assert torch.allclose(before.logits, after.logits, atol=1e-5)
    assert torch.allclose(before.ctc_logits, after.ctc_logits, atol=1e-5)
    assert generate(model, inputs) == generate(back, inputs)


def test_auto_classes_know_the_model(make_model, tmp_path):
    make_model().save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), VaryConfig)
    for auto in (AutoModel, AutoModelForImageTextToText):
        assert isinstance(auto.from_pretrained(tmp_path), VaryForConditionalGeneration)


def test_a_vocabulary_leaves_the_model_and_comes_back(make_model, strips, processor, tmp_path):
    model = make_model()
    model.vocabularies[0].save_pretrained(tmp_path)
    alone = ViTDetVocabulary.from_pretrained(tmp_path)
    pixels = processor(strips[2])["pixel_values"]
    with torch.no_grad():
        expected = model.vocabularies[0](pixels).last_hidden_state
        assert torch.allclose(alone(pixels).last_hidden_state, expected, atol=1e-5)


@pytest.mark.parametrize("is_tied", [True, False])
def test_new_tokens_are_saved(make_model, processor, strips, tmp_path, is_tied):
    model = make_model("llama", is_tied)
    size = model.config.text_config.vocab_size
    model.resize_token_embeddings(size + 3)
    assert model.get_output_embeddings().weight.shape[0] == size + 3
    model.save_pretrained(tmp_path)
    back = VaryForConditionalGeneration.from_pretrained(tmp_path)
    assert back.config.text_config.vocab_size == size + 3
    inputs = processor(strips[0])
    with torch.no_grad():
        assert torch.allclose(back(**inputs).logits, model(**inputs).logits, atol=1e-5)


@pytest.fixture
def two_vocabularies(make_model, page_vocabularies) -> Callable[..., VaryForConditionalGeneration]:
    """Return a function that gives a model with a ViTDet and a CLIP vocabulary."""

    def make(**fields) -> VaryForConditionalGeneration:
        return make_model("qwen2", vocabularies=page_vocabularies, **fields)

    return make


@pytest.fixture
def page_inputs(two_vocabularies, tokenizer) -> Callable[[int], dict[str, torch.Tensor]]:
    """Return a function that gives prompts and pixels of two pages with so many tokens each."""

    def make(num_tokens: int) -> dict[str, torch.Tensor]:
        row = tokenizer("<img>" + IMAGE * num_tokens + "</img>")["input_ids"]
        generator = torch.Generator().manual_seed(4)
        return {
            "input_ids": torch.tensor([row, row]),
            "attention_mask": torch.ones(2, len(row), dtype=torch.long),
            "pixel_values": torch.randn(2, 3, 64, 64, generator=generator),
            "pixel_values_2": torch.randn(2, 3, 28, 28, generator=generator),
        }

    return make


@pytest.mark.parametrize(("fusion", "num_tokens"), [("channel", 4), ("sum", 4), ("sequence", 8)])
def test_two_vocabularies(two_vocabularies, page_inputs, fusion, num_tokens):
    model = two_vocabularies(fusion=fusion)
    inputs = page_inputs(num_tokens)
    calls = [count_calls(vocabulary) for vocabulary in model.vocabularies]
    rows = generate(model, inputs)
    assert [len(part) for part in calls] == [1, 1]
    assert rows == generate(model, inputs, use_cache=False)
    assert rows == [
        generate(model, {name: value[i : i + 1] for name, value in inputs.items()})[0]
        for i in range(2)
    ]
    assert len(generate(model, inputs, num_beams=2)) == 2


def test_two_vocabularies_are_saved_and_loaded(two_vocabularies, page_inputs, tmp_path):
    model = two_vocabularies(fusion="sequence")
    model.save_pretrained(tmp_path)
    back = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert isinstance(back.vocabularies[0], ViTDetVocabulary)
    assert isinstance(back.vocabularies[1], TowerVocabulary)
    assert isinstance(back.vocabularies[1].network, CLIPVisionModel)
    inputs = page_inputs(8)
    with torch.no_grad():
        assert torch.allclose(model(**inputs).logits, back(**inputs).logits, atol=1e-5)


def test_padding_of_a_further_vocabulary_is_cropped(
    make_model, page_vocabularies, strip_vocabulary
):
    """A strip's tokens do not depend on its neighbours, whichever vocabulary reads it."""
    vocabularies = [page_vocabularies[0], strip_vocabulary]
    model = make_model("llama", vocabularies=vocabularies, fusion="sequence")
    rules = [ImageRule("resize", 64, 64), ImageRule("strip", 16, 128, step_px=32)]
    images = VaryImageProcessor(rules)
    rng = np.random.Generator(np.random.PCG64(7))
    strips = [rng.integers(0, 256, (16, width), dtype=np.uint8) for width in (30, 128)]
    row = model.config.image_token_id
    with torch.no_grad():
        batch, alone = images(strips), images(strips[0])
        sizes = [batch["image_sizes"], batch["image_sizes_2"]]
        encoded = model.encode_images([batch["pixel_values"], batch["pixel_values_2"]], sizes)
        expected = model.encode_images([alone["pixel_values"], alone["pixel_values_2"]])
        assert encoded.counts == [5, 8]
        assert torch.allclose(encoded.tokens[:5], expected.tokens, atol=1e-5)
        ids = torch.tensor([[0, 0, 0, *[row] * 5], [row] * 8])
        model(input_ids=ids, **batch)
        prompt = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        assert model.generate(**prompt, **batch, max_new_tokens=2, num_beams=2).shape[0] == 2


def test_vision_tokens_without_a_placeholder(make_model, processor, strips):
    model = make_model(image_token_id=None)
    with pytest.raises(ValueError, match=r"image_token_id is None.*'<imgpad>'"):
        model(**processor(strips))
    assert model(input_ids=torch.tensor([[9, 10]])).logits.shape[:2] == (1, 2)


def test_vocabularies_of_unequal_counts(make_model, page_vocabularies, page_inputs):
    page_vocabularies[1].patch_size = 7
    model = make_model("qwen2", vocabularies=page_vocabularies)
    with pytest.raises(ValueError, match="give 4 and 16 tokens of one image"):
        model(**page_inputs(4))


def test_pixels_of_a_vocabulary_are_missing(two_vocabularies, page_inputs):
    inputs = page_inputs(8)
    del inputs["pixel_values_2"]
    with pytest.raises(ValueError, match="has 2 vocabularies; pixel_values_2 is missing"):
        two_vocabularies(fusion="sequence")(**inputs)


def parts_of(model: VaryForConditionalGeneration) -> list[PreTrainedModel]:
    return [*model.vocabularies, model.language_model]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_type_reaches_all_parts(two_vocabularies, page_inputs, tmp_path, dtype):
    two_vocabularies(fusion="sequence").save_pretrained(tmp_path)
    back = VaryForConditionalGeneration.from_pretrained(tmp_path, dtype=dtype)
    assert {parameter.dtype for parameter in back.parameters()} == {dtype}
    assert [part.dtype for part in parts_of(back)] == [dtype] * 3
    with torch.no_grad():
        assert back(**page_inputs(8)).logits.dtype == dtype


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_attention_setting_reaches_all_parts(two_vocabularies, page_inputs, tmp_path, attention):
    model = two_vocabularies(fusion="sequence")
    model.save_pretrained(tmp_path)
    back = VaryForConditionalGeneration.from_pretrained(tmp_path, attn_implementation=attention)
    for part in parts_of(back)[1:]:
        assert part.config._attn_implementation == attention
    inputs = page_inputs(8)
    with torch.no_grad():
        assert torch.allclose(back(**inputs).logits, model(**inputs).logits, atol=1e-4)


def test_loss_is_that_of_the_labels_alone(make_model, processor, strips):
    model = make_model("llama")
    inputs = processor(strips[1])
    answer = torch.tensor([processor.encode(["the north"])[0] + [0]])
    prompt_length = inputs["input_ids"].shape[1]
    ids = torch.cat([inputs["input_ids"], answer], dim=1)
    labels = ids.clone()
    labels[:, :prompt_length] = -100
    images = {name: inputs[name] for name in ("pixel_values", "image_sizes")}
    output = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, **images)
    predicted = output.logits[:, prompt_length - 1 : -1]
    expected = torch.nn.functional.cross_entropy(predicted[0], answer[0])
    assert torch.allclose(output.loss, expected, atol=1e-5)
    output.loss.backward()
    assert model.projector.linears[0].weight.grad.abs().sum() > 0
    assert model.vocabularies[0].pos_embed.grad.abs().sum() > 0


def test_ctc_scores_of_a_padded_batch_are_those_of_each_alone(make_model, processor, strips):
    model = make_model()
    with torch.no_grad():
        output = model(**processor(strips))
        alone = [model(**processor(strip)) for strip in strips]
    assert isinstance(output, VaryOutput)
    assert output.ctc_lengths.tolist() == [4, 12, 16]
    for row, length, single in zip(output.ctc_logits, [4, 12, 16], alone, strict=True):
        assert torch.allclose(row[:length], single.ctc_logits[0], atol=1e-5)
        assert (row[length:].argmax(-1) == 0).all()
        assert (row[length:].softmax(-1)[:, 0] == 1).all()


def test_no_ctc_scores_without_a_head(make_model, strip_vocabulary, processor, strips):
    strip_vocabulary.ctc_alphabet = None
    output = make_model()(**processor(strips))
    assert output.ctc_logits is None
    assert output.ctc_lengths is None


def test_text_alone(make_model, processor):
    ids = torch.tensor(processor.encode(["the north"]))
    output = make_model()(input_ids=ids)
    assert output.logits.shape[:2] == ids.shape
    assert output.ctc_logits is None


def test_embeddings_instead_of_ids(make_model, processor, strips):
    model = make_model("llama")
    ids = torch.tensor(processor.encode(["the north"]))
    with torch.no_grad():
        embeds = model.get_input_embeddings()(ids)
        assert torch.equal(model(inputs_embeds=embeds).logits, model(input_ids=ids).logits)


def test_neither_ids_nor_embeddings(make_model, processor, strips):
    with pytest.raises(ValueError, match="give input_ids or inputs_embeds"):
        make_model()(pixel_values=processor(strips)["pixel_values"])


def test_placeholders_and_tokens_differ_in_number(make_model, processor, strips):
    inputs = processor(strips[2])
    inputs["input_ids"] = inputs["input_ids"][:, 1:]
    inputs["input_ids"][0, 0] = 0
    del inputs["attention_mask"]
    with pytest.raises(ValueError, match="has 3 image placeholders, the images give 4"):
        make_model()(**inputs)


def test_checkpointing_reaches_all_parts_and_keeps_the_gradients(make_model, processor, strips):
    model = make_model("llama").train()
    inputs = processor(strips)
    gradients = []
    calls = [count_calls(model.vocabularies[0].blocks[0])]
    calls.append(count_calls(model.language_model.model.layers[0].mlp))
    for is_checkpointed in (False, True):
        if is_checkpointed:
            model.gradient_checkpointing_enable()
        model.zero_grad()
        model(**inputs, labels=inputs["input_ids"], use_cache=False).loss.backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    # Images of three sizes: three calls of the vocabulary, and as many again going back.
    assert [len(part) for part in calls] == [9, 3]
    plain, checkpointed = gradients
    assert plain.keys() == checkpointed.keys()
    for name, gradient in plain.items():
        assert torch.allclose(checkpointed[name], gradient, rtol=1e-4, atol=1e-6), name


def test_names_of_pixels():
    assert pixel_names(1) == ["pixel_values"]
    assert pixel_names(3) == ["pixel_values", "pixel_values_2", "pixel_values_3"]


def test_python_of_the_document_runs():
    text = (Path(__file__).parents[2] / "docs" / "model.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, "model.md", "exec"), {"__name__": "shown"})
