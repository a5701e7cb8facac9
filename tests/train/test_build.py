import pytest
import torch

from vary.errors import InputError, VaryError
from vary.train.build import build, load
from vary.train.run import save_checkpoint


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


def test_text_is_needed_for_the_tokenizer(tiny, renderer, tmp_path):
    with pytest.raises(InputError, match="no text in"):
        build(tiny(f"data.text={tmp_path}"), renderer.texts.alphabet)
