from pathlib import Path

import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from vary.errors import InputError, VaryError
from vary.model.tokenizer import train_tokenizer
from vary.train.build import build, load
from vary.train.folder import save_checkpoint
from vary.train.recipe import load_recipe

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"


def test_the_same_recipe_gives_the_same_weights(tiny, renderer, built):
    again, _ = build(tiny(), renderer.texts.alphabet)
    other, _ = build(tiny("seed=4"), renderer.texts.alphabet)
    states = [model.state_dict() for model in (built[0], again, other)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert any(not torch.equal(tensor, states[2][name]) for name, tensor in states[0].items())


def test_every_character_of_the_alphabet_is_one_piece(renderer, built):
    _, processor = built
    alphabet = renderer.texts.alphabet
    assert all(len(tokens) == 1 for tokens in processor.encode(list(alphabet)))


def test_a_run_may_start_from_a_checkpoint(tiny, renderer, built, tmp_path):
    model, processor = built
    save_checkpoint(model, processor, tmp_path / "final")
    assert not (tmp_path / "final.part").exists()
    started, _ = build(tiny(f"init={tmp_path / 'final'}", "seed=9"), renderer.texts.alphabet)
    kept = started.state_dict()
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert started.dtype == torch.float32


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.vocabulary.mlp_ratio=2.0", "another vocabulary.mlp_ratio than"),
        ("model.text.attention_bias=true", "another text.attention_bias than"),
        ("model.image.step_px=64", "another image.step_px than"),
        ("model.answer_position=64", "another answer_position than"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(tiny, renderer, built, tmp_path, override, told):
    save_checkpoint(*built, tmp_path / "final")
    init = f"init={tmp_path / 'final'}"
    with pytest.raises(VaryError, match=told):
        build(tiny(init, override), renderer.texts.alphabet)
    with pytest.raises(VaryError, match=r"another vocabulary\.ctc_alphabet than"):
        build(tiny(init), renderer.texts.alphabet[:-1])


def test_the_tokenizer_is_trained_on_what_is_not_held_out(tiny, renderer, monkeypatch):
    seen = []

    def train(texts, *sizes):
        seen.extend(texts)
        return train_tokenizer(seen, *sizes)

    monkeypatch.setattr("vary.train.build.train_tokenizer", train)
    build(tiny(), renderer.texts.alphabet)
    assert len(seen) == 3
    assert not any("Zebras" in text for text in seen)


def test_the_recipe_of_nano_builds(sources, renderer):
    recipe = load_recipe(NANO, [f"data.text={sources / 'text'}"])
    model, processor = build(recipe, renderer.texts.alphabet)
    assert processor.answer_position == recipe.model.answer_position
    assert model.config.text_config.attention_bias


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(VaryError, match=r"no checkpoint in .*config\.json is missing"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.vocabulary.hiden_size=8", "no key 'hiden_size'; did you mean hidden_size"),
        ("model.vocabulary.ctc_alphabet=abc", "no key 'ctc_alphabet'"),
        ("model.image.hight=8", "no key 'hight'; did you mean height"),
        ("model.text.model_type=lama", "no key 'lama'; did you mean llama"),
        ("model.text.hiden_size=8", "no key 'hiden_size'; did you mean hidden_size"),
        ("model.vocabulary.num_attention_heads=5", "cannot be built: hidden_size 32 is not a"),
        ("model.vocabulary.global_blocks=[7]", "cannot be built: global_blocks"),
        ("model.image.mode=stripe", "cannot be built: mode must be 'resize' or 'strip'"),
    ],
)
def test_a_model_that_cannot_be_is_told(tiny, renderer, override, told):
    with pytest.raises(VaryError) as error:
        build(tiny(override), renderer.texts.alphabet)
    assert told in str(error.value)


ALIGNED = (
    "model.answer_position=64",
    "model.align_heads=true",
    "model.text.attention_bias=true",
    "model.text.hidden_size=96",
    "model.text.num_hidden_layers=2",
    "model.text.num_attention_heads=4",
    "model.text.num_key_value_heads=4",
)


def test_aligned_heads_look_at_the_next_piece(tiny, renderer):
    """What predicts piece t of the answer looks at piece t of the draft, or of the image."""
    model, processor = build(tiny(*ALIGNED), renderer.texts.alphabet)
    image_tokens, pieces = 6, 5
    prompt = [2, *[3] * image_tokens, 4, 5, *range(300, 300 + pieces), 6]
    places = processor.prompt_positions(image_tokens, len(prompt))
    layer = model.language_model.model.layers[0].self_attn
    turn = model.language_model.model.rotary_emb
    positions = torch.arange(128)[None]
    cos, sin = turn(torch.zeros(1, 128, 24), positions)
    sides = [
        part.bias.view(1, 4, 1, 24).expand(-1, -1, 128, -1) for part in (layer.q_proj, layer.k_proj)
    ]
    queries, keys = apply_rotary_pos_emb(*sides, cos, sin)
    scores = (queries @ keys.transpose(-1, -2))[0]
    for piece in range(pieces):
        asking = places[-1] + piece
        in_draft, in_image = places[image_tokens + 3 + piece], places[1 + piece]
        seen = [int(scores[head, asking, : asking + 1].argmax()) for head in range(4)]
        assert seen[:3] == [in_draft, in_draft, in_image]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("model.answer_position=null", "align_heads needs an answer_position"),
        ("model.text.attention_bias=false", "with attention_bias: true only"),
        ("model.text.hidden_size=88", "where they are 24 wide or more, these are 22"),
        ("model.text.num_key_value_heads=2", "this has 2 layers, 4 heads, 2 for keys"),
    ],
)
def test_heads_that_cannot_be_aligned_are_told(tiny, renderer, override, told):
    with pytest.raises(VaryError, match=told):
        build(tiny(*ALIGNED, override), renderer.texts.alphabet)


def test_an_image_must_end_before_the_place_of_the_draft(tiny, renderer):
    _, processor = build(tiny("model.answer_position=64"), renderer.texts.alphabet)
    assert processor.prompt_positions(30, 32) == [*range(31), 63]
    with pytest.raises(ValueError, match=r"31 vision tokens does not fit .* at most 30 fit"):
        processor.prompt_positions(31, 33)


def test_text_is_needed_for_the_tokenizer(tiny, renderer, tmp_path):
    with pytest.raises(InputError, match="no text in"):
        build(tiny(f"data.text={tmp_path}"), renderer.texts.alphabet)
