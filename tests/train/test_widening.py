"""A CTC head for more characters than it was trained with."""

from pathlib import Path

import pytest
import torch
from torch import nn

from vary.data.engines.page.alphabets import chinese_alphabet
from vary.errors import VaryError
from vary.train.build import build, load
from vary.train.folder import save_checkpoint
from vary.train.recipe import load_recipe
from vary.train.sources import Materials
from vary.train.widening import widen_alphabet, widen_tokenizer


def logits_of(model) -> torch.Tensor:
    vocabulary = model.vocabularies[0].eval()
    torch.manual_seed(0)
    features = torch.randn(2, vocabulary.ctc_head.rows, 9, vocabulary.config.out_channels)
    with torch.no_grad():
        return vocabulary.ctc_head(features)


def test_known_characters_keep_their_scores_and_new_ones_are_unlikely(built):
    model, _ = built
    known = model.config.vocabularies[0].ctc_alphabet
    nn.init.normal_(model.vocabularies[0].ctc_head.classify.bias)
    before = logits_of(model)
    wider = "的" + known[::-1] + "一是"
    widen_alphabet(model, wider)
    after = logits_of(model)
    places = [0, *(wider.index(character) + 1 for character in known)]
    assert torch.allclose(after[..., places], before)
    new = [number for number in range(len(wider) + 1) if number not in places]
    assert after[..., new].max() < before.max(-1).values.min()
    assert model.config.vocabularies[0].ctc_alphabet == wider


def test_a_narrow_head_keeps_what_it_has_room_for(built):
    model, _ = built
    config, head = model.config.vocabularies[0], model.vocabularies[0].ctc_head
    known, width = config.ctc_alphabet, head.classify.in_features
    # Scores that differ in few directions only fit into few dimensions.
    with torch.no_grad():
        few = torch.randn(head.classify.out_features, 4) @ torch.randn(4, width)
        head.classify.weight.copy_(few)
    before = logits_of(model)
    widen_alphabet(model, known + "的一是", rank=8)
    assert model.vocabularies[0].ctc_head.narrow.weight.shape == (8, width)
    assert torch.allclose(logits_of(model)[..., : len(known) + 1], before, atol=1e-3)


def test_a_run_may_start_from_a_checkpoint_with_a_smaller_alphabet(
    tiny, materials, built, tmp_path
):
    save_checkpoint(*built, tmp_path / "final")
    recipe = tiny(f"init={tmp_path / 'final'}", "data.alphabet=zh", "model.vocabulary.ctc_rank=12")
    model, _ = build(recipe, type(materials)(recipe))
    config = model.config.vocabularies[0]
    assert config.ctc_alphabet == chinese_alphabet()
    assert config.ctc_rank == 12
    assert logits_of(model).shape[-1] == len(chinese_alphabet()) + 1
    kept, given = (m.vocabularies[0].patch_embed.state_dict() for m in (model, built[0]))
    assert all(torch.equal(kept[name], tensor) for name, tensor in given.items())
    save_checkpoint(model, built[1], tmp_path / "wide")
    again, _ = build(tiny(f"init={tmp_path / 'wide'}", "data.alphabet=zh",
                          "model.vocabulary.ctc_rank=12"), type(materials)(recipe))  # fmt: skip
    assert torch.equal(logits_of(again), logits_of(model))


def test_an_alphabet_must_hold_the_known_one(built):
    with pytest.raises(VaryError, match="are not in the new alphabet"):
        widen_alphabet(built[0], "abc")


def test_a_narrow_head_stays_as_narrow(built):
    model, _ = built
    alphabet = model.config.vocabularies[0].ctc_alphabet
    widen_alphabet(model, alphabet + "的", rank=8)
    with pytest.raises(VaryError, match="has the rank 8, not 9"):
        widen_alphabet(model, alphabet + "的一", rank=9)
    widen_alphabet(model, alphabet + "的一", rank=8)


def test_without_a_head_there_is_nothing_to_widen(built):
    model, _ = built
    model.vocabularies[0].ctc_head = None
    with pytest.raises(VaryError, match="no CTC head"):
        widen_alphabet(model, "abc")


def test_new_pieces_stand_behind_the_known_ones(built, tmp_path):
    model, processor = built
    lines = ["Measure twice, cut once.", "47 lanterns"]
    before = processor.encode(lines)
    embedding = model.language_model.get_input_embeddings().weight
    known, first = embedding.clone(), len(processor.tokenizer)
    of_bytes = processor.encode(["的"])[0]
    assert len(of_bytes) == 3
    widen_tokenizer(model, processor, "abc的一龍", 10_000)
    assert processor.encode(lines) == before
    assert processor.encode(["的一龍"]) == [[first, first + 1, first + 2]]
    assert processor.tokenizer.decode([first, first + 2]) == "的龍"
    embedding = model.language_model.get_input_embeddings().weight
    assert embedding.shape[0] == model.config.text_config.vocab_size == first + 3
    assert torch.equal(embedding[:first], known)
    assert torch.allclose(embedding[first], known[of_bytes].mean(0))
    save_checkpoint(model, processor, tmp_path / "wide")
    again, its = load(tmp_path / "wide")
    assert its.encode(["的一龍 cut"]) == processor.encode(["的一龍 cut"])
    assert again.language_model.get_input_embeddings().weight.shape == embedding.shape


def test_there_is_room_for_the_first_characters_only(built):
    model, processor = built
    first = len(processor.tokenizer)
    widen_tokenizer(model, processor, "的一龍", first + 2)
    assert [len(part) for part in processor.encode(["的", "一", "龍"])] == [1, 1, 3]
    widen_tokenizer(model, processor, "的一龍", first + 2)
    assert len(processor.tokenizer) == first + 2


def test_a_run_may_start_with_more_pieces_than_its_checkpoint(tiny, materials, built, tmp_path):
    first = len(built[1].tokenizer)
    save_checkpoint(*built, tmp_path / "final")
    recipe = tiny(
        f"init={tmp_path / 'final'}",
        "data.alphabet=zh",
        f"model.tokenizer.vocabulary_size={first + 50}",
    )
    model, processor = build(recipe, type(materials)(recipe))
    assert len(processor.tokenizer) == first + 50 == model.config.text_config.vocab_size


def test_the_recipe_of_nano_in_two_languages_goes_on_from_nano(monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    recipe = load_recipe(root / "recipes" / "nano-zh.yaml")
    model, processor = build(recipe, Materials(recipe))
    nano, _ = load(root / recipe.init)
    assert model.config.vocabularies[0].ctc_alphabet == chinese_alphabet()
    assert sum(parameter.numel() for parameter in model.parameters()) < 12.3e6  # 24 MiB
    assert len(processor.tokenizer) == recipe.model.tokenizer.vocabulary_size
    known = len(nano.config.vocabularies[0].ctc_alphabet) + 1
    ours, theirs = logits_of(model), logits_of(nano)
    assert (ours.argmax(-1) == theirs.argmax(-1)).float().mean() > 0.8
    assert (ours[..., :known] - theirs).abs().mean() < 0.2 * theirs.abs().mean()
