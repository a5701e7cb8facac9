"""A recipe's model: from nothing, from other people's weights, and from a checkpoint."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from vary.errors import InputError, VaryError
from vary.model.tokenizer import train_tokenizer
from vary.train.batches import StageBatches
from vary.train.build import build, load
from vary.train.folder import save_checkpoint
from vary.train.objective import ReadingObjective
from vary.train.recipe import load_recipe
from vary.train.run import stage_mixture
from vary.train.sources import Materials

NANO = Path(__file__).parents[2] / "recipes" / "nano.yaml"


def test_the_same_recipe_gives_the_same_weights(tiny, materials, built):
    again, _ = build(tiny(), materials)
    other, _ = build(tiny("seed=4"), materials)
    states = [model.state_dict() for model in (built[0], again, other)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert any(not torch.equal(tensor, states[2][name]) for name, tensor in states[0].items())


def test_every_character_of_the_alphabet_is_one_piece(materials, built):
    _, processor = built
    assert all(len(tokens) == 1 for tokens in processor.encode(list(materials.alphabet)))


def test_a_run_may_start_from_a_checkpoint(tiny, materials, built, tmp_path):
    model, processor = built
    save_checkpoint(model, processor, tmp_path / "final")
    assert not (tmp_path / "final.part").exists()
    started, _ = build(tiny(f"init={tmp_path / 'final'}", "seed=9"), materials)
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
def test_a_checkpoint_of_another_model_is_refused(tiny, materials, built, tmp_path, override, told):
    save_checkpoint(*built, tmp_path / "final")
    init = f"init={tmp_path / 'final'}"
    with pytest.raises(VaryError, match=told):
        build(tiny(init, override), materials)
    with pytest.raises(VaryError, match=r"another vocabulary\.ctc_alphabet than"):
        build(tiny(init), SimpleNamespace(alphabet=materials.alphabet[:-1]))


def test_the_tokenizer_is_trained_on_what_is_not_held_out(tiny, materials, monkeypatch):
    seen = []

    def train(texts, *sizes):
        seen.extend(texts)
        return train_tokenizer(seen, *sizes)

    monkeypatch.setattr("vary.train.build.train_tokenizer", train)
    build(tiny(), materials)
    assert len(seen) == 3
    assert not any("Zebras" in text for text in seen)


def test_the_recipe_of_nano_builds(sources):
    recipe = load_recipe(NANO, [f"data.text={sources / 'text'}"])
    model, processor = build(recipe, Materials(recipe))
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
        ("model.image.mode=stripe", "cannot be built: mode must be one of resize, strip"),
    ],
)
def test_a_model_that_cannot_be_is_told(tiny, materials, override, told):
    with pytest.raises(VaryError) as error:
        build(tiny(override), materials)
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


def test_aligned_heads_look_at_the_next_piece(tiny, materials):
    """What predicts piece t of the answer looks at piece t of the draft, or of the image."""
    model, processor = build(tiny(*ALIGNED), materials)
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
def test_heads_that_cannot_be_aligned_are_told(tiny, materials, override, told):
    with pytest.raises(VaryError, match=told):
        build(tiny(*ALIGNED, override), materials)


def test_an_image_must_end_before_the_place_of_the_draft(tiny, materials):
    _, processor = build(tiny("model.answer_position=64"), materials)
    assert processor.prompt_positions(30, 32) == [*range(31), 63]
    with pytest.raises(ValueError, match=r"31 vision tokens does not fit .* at most 30 fit"):
        processor.prompt_positions(31, 33)


def test_text_is_needed_for_the_tokenizer(tiny, tmp_path):
    recipe = tiny(f"data.text={tmp_path}")
    with pytest.raises(InputError, match="no text in"):
        build(recipe, Materials(recipe))


@pytest.fixture(scope="module")
def opt(tmp_path_factory):
    """Return a folder with a small OPT and its tokenizer, of more rows than tokens as OPT-125M."""
    folder = tmp_path_factory.mktemp("opt")
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    names = ["<s>", "<pad>", "</s>"]
    trainer = trainers.BpeTrainer(special_tokens=names, initial_alphabet=letters, vocab_size=300)
    made.train_from_iterator(["the quick brown fox jumps over the lazy dog"] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="</s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.save_pretrained(folder)
    config = OPTConfig(
        vocab_size=len(tokenizer) + 7,
        hidden_size=32,
        word_embed_proj_dim=32,
        ffn_dim=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=1,
        bos_token_id=2,
        eos_token_id=2,
    )
    torch.manual_seed(7)
    OPTForCausalLM(config).save_pretrained(folder)
    return folder


def over(folder, *overrides):
    return ("model.text={}", f"model.language_model={folder}", *overrides)


def test_a_language_model_keeps_its_weights_and_gets_tokens_and_positions(tiny, materials, opt):
    before = OPTForCausalLM.from_pretrained(opt, dtype=torch.float32).model.decoder
    size = before.embed_tokens.weight.shape[0]
    model, processor = build(tiny(*over(opt, "model.max_positions=128")), materials)
    after = model.language_model.model.decoder
    kept = before.state_dict()
    for name, tensor in after.state_dict().items():
        if "embed" not in name:
            assert torch.equal(tensor, kept[name]), name
    tokens = processor.tokenizer.convert_tokens_to_ids(["<img>", "<imgpad>", "</img>", "<draft>"])
    assert None not in tokens and len(set(tokens)) == 4
    assert after.embed_tokens.weight.shape[0] == size + 5
    old = min(tokens)
    assert torch.equal(after.embed_tokens.weight[:old], before.embed_tokens.weight[:old])
    # Two rows that OPT leaves free, then the first and the last position in their places.
    places, learned = after.embed_positions.weight, before.embed_positions.weight
    assert places.shape == (130, 32) and learned.shape == (66, 32)
    assert torch.equal(places[:3], learned[:3]) and torch.equal(places[-1], learned[-1])
    assert model.config.text_config.max_position_embeddings == 128
    assert model.dtype == torch.float32


def test_a_pretrained_language_model_learns_and_is_read_back(tiny, materials, opt, tmp_path):
    recipe = tiny(*over(opt, "stages.draft.objective=both", "stages.draft.learning_rate=0.01"))
    model, processor = build(recipe, materials)
    batch = StageBatches(
        stage_mixture(recipe, recipe.stages[0], materials), recipe.stages[0], processor
    )[0]
    objective = ReadingObjective(model, processor, recipe.stages[0], "fp32", 3).eval()
    first = objective(batch)["loss"]
    first.backward()
    with torch.no_grad():
        for parameter in objective.parameters():
            parameter.sub_(0.02 * parameter.grad)
        second = objective(batch)["loss"].item()
    assert second < first.item()
    save_checkpoint(model, processor, tmp_path / "final")
    again, its_processor = load(tmp_path / "final")
    again = ReadingObjective(again, its_processor, recipe.stages[0], "fp32", 3).eval()
    assert again(batch)["loss"].item() == pytest.approx(second, rel=1e-6)


def test_positions_that_cannot_be_had_are_told(tiny, materials, opt):
    with pytest.raises(VaryError, match="num_positions must be 2 or more, got 1"):
        build(tiny(*over(opt, "model.max_positions=1")), materials)


@pytest.mark.parametrize("has_config", [False, True])
def test_a_missing_language_model_is_told_with_the_way_out(
    tiny, materials, opt, tmp_path, has_config
):
    if has_config:
        (tmp_path / "config.json").write_bytes((opt / "config.json").read_bytes())
    with pytest.raises(VaryError, match="no language model and tokenizer at") as error:
        build(tiny(*over(tmp_path)), materials)
    assert str(tmp_path) in str(error.value)
    assert "model.language_model=FOLDER" in str(error.value)


def test_the_vocabulary_may_start_from_a_file(tiny, materials, built, tmp_path):
    """As SAM's checkpoint: an encoder at a prefix, without merging convolutions and CTC head."""
    own = built[0].vocabularies[0].state_dict()
    left_out = ("net_2.", "net_3.", "ctc_head.")
    state = {f"image_encoder.{n}": t for n, t in own.items() if not n.startswith(left_out)}
    save_file(state, tmp_path / "sam.safetensors")
    path = f"model.vocabulary_weights={tmp_path / 'sam.safetensors'}"
    model, _ = build(tiny(path, "seed=9"), materials)
    new = model.vocabularies[0].state_dict()
    assert all(torch.equal(new[n], t) for n, t in own.items() if not n.startswith(left_out))
    assert not torch.equal(new["net_2.weight"], own["net_2.weight"])
    assert model.config.vocabularies[0].ctc_alphabet == materials.alphabet


def test_weights_of_another_encoder_are_refused(tiny, materials, built, tmp_path):
    save_file(built[0].vocabularies[0].state_dict(), tmp_path / "own.safetensors")
    path = f"model.vocabulary_weights={tmp_path / 'own.safetensors'}"
    with pytest.raises(VaryError, match="do not fit this vocabulary's configuration") as error:
        build(tiny(path, "model.vocabulary.hidden_size=48"), materials)
    assert "(32,), not (48,)" in str(error.value)


def test_missing_weights_are_told_with_the_way_out(tiny, materials, tmp_path):
    path = tmp_path / "none.pth"
    with pytest.raises(VaryError, match="no weights file") as error:
        build(tiny(f"model.vocabulary_weights={path}"), materials)
    assert str(path) in str(error.value) and "model.vocabulary_weights=''" in str(error.value)


def test_a_checkpoint_of_another_architecture_is_refused(tiny, materials, opt):
    """Not another size of ours, but something else altogether."""
    with pytest.raises(VaryError, match="holds a model of type opt, not vary") as error:
        build(tiny(f"init={opt}"), materials)
    assert str(opt) in str(error.value) and "model.language_model" in str(error.value)


def test_half_a_configuration_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "va', encoding="utf-8")
    with pytest.raises(VaryError, match=r"config\.json cannot be read as JSON"):
        load(tmp_path)


def test_a_language_model_has_to_be_what_the_recipe_says(tiny, materials, opt):
    """Fields of `model.text` beside it are held against it."""
    fits = ("model.text={model_type: opt, hidden_size: 32}", f"model.language_model={opt}")
    assert build(tiny(*fits), materials)[0].config.text_config.hidden_size == 32
    with pytest.raises(VaryError, match=r"is not what model\.text says") as error:
        build(tiny(*fits, "model.text.hidden_size=64"), materials)
    assert "hidden_size" in str(error.value)
