import pytest
import torch
from safetensors.torch import save_file

from vary.errors import InputError, VaryError
from vary.vocabulary import ViTDetVocabulary
from vary.vocabulary.weights import find_encoder, load_encoder_weights, read_state_dict

HUGGING_FACE = (
    ("blocks.", "layers."),
    ("patch_embed.proj.", "patch_embed.projection."),
    ("neck.0.", "neck.conv1."),
    ("neck.1.", "neck.layer_norm1."),
    ("neck.2.", "neck.conv2."),
    ("neck.3.", "neck.layer_norm2."),
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
)
MERGING = ("net_2.", "net_3.")
OTHERS = {
    "model.mm_projector.weight": torch.ones(2, 2),
    "model.layers.0.norm1.weight": torch.ones(2),
    "vision_model.neck.weight": torch.ones(1),
}


def hugging_face(state: dict[str, torch.Tensor], root: str) -> dict[str, torch.Tensor]:
    """Return a state dict in Hugging Face's layout of GOT, the convolutions beside the encoder."""
    renamed = {}
    for name, value in state.items():
        for ours, theirs in HUGGING_FACE:
            name = name.replace(ours, theirs)  # noqa: PLW2901
        name = f"{root}vision_tower.{name}"  # noqa: PLW2901
        for number, net in enumerate(MERGING, start=1):
            beside = f"{root}multi_modal_projector.conv_upsampler{number}."
            name = name.replace(f"{root}vision_tower.{net}", beside)  # noqa: PLW2901
        renamed[name] = value
    return renamed


@pytest.fixture
def vocabulary(make_vocabulary):
    return make_vocabulary(stem="patch", ctc_alphabet=None)


def assert_equal_weights(ours: ViTDetVocabulary, theirs: ViTDetVocabulary) -> None:
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(
    "prefix",
    ["", "model.vision_tower_2.", "visual_encoder.", "transformer.vision_tower_high."],
)
def test_authors_layout_at_any_prefix(vocabulary, prefix):
    state = {f"{prefix}{name}": value for name, value in vocabulary.state_dict().items()}
    others = OTHERS if prefix else {}
    back = ViTDetVocabulary.from_weights({**state, **others}, vocabulary.config)
    assert_equal_weights(back, vocabulary)


@pytest.mark.parametrize("root", ["", "model."])
def test_hugging_faces_layout_of_got(vocabulary, root):
    state = hugging_face(vocabulary.state_dict(), root)
    state[f"{root}multi_modal_projector.multimodal_projector.weight"] = torch.ones(1)
    assert_equal_weights(
        ViTDetVocabulary.from_weights({**state, **OTHERS}, vocabulary.config), vocabulary
    )


@pytest.mark.parametrize("prefix", ["image_encoder.", "vision_encoder."])
def test_bare_sam_leaves_the_convolutions_as_they_were(vocabulary, make_vocabulary, prefix, caplog):
    state = {
        f"{prefix}{name}": value
        for name, value in vocabulary.state_dict().items()
        if not name.startswith(MERGING)
    }
    fresh = make_vocabulary(stem="patch", initializer_range=0.1)
    kept = fresh.net_2.weight.clone()
    missing = load_encoder_weights(fresh, state)
    assert missing == [
        "ctc_head.classify.bias",
        "ctc_head.classify.weight",
        "ctc_head.norm.bias",
        "ctc_head.norm.weight",
        "net_2.weight",
        "net_3.weight",
    ]
    assert torch.equal(fresh.net_2.weight, kept)
    caplog.clear()
    ViTDetVocabulary.from_weights(state, fresh.config)
    (message,) = caplog.messages
    assert "net_2.weight, net_3.weight: random until trained" in message
    caplog.clear()
    ViTDetVocabulary.from_weights(vocabulary.state_dict(), vocabulary.config)
    assert caplog.messages == []
    assert torch.equal(fresh.blocks[1].attn.rel_pos_w, vocabulary.blocks[1].attn.rel_pos_w)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
def test_files(vocabulary, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    state = {f"image_encoder.{name}": value for name, value in vocabulary.state_dict().items()}
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state} if suffix == ".pth" else state, path)
    for given in (path, str(path)):
        assert_equal_weights(ViTDetVocabulary.from_weights(given, vocabulary.config), vocabulary)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"no weights file at .*none\.pth; give a \.safetensors"):
        ViTDetVocabulary.from_weights(tmp_path / "none.pth")


@pytest.mark.parametrize("content", [[1, 2], {"step": 3}, {"model": 3}])
def test_file_without_a_state_dict(tmp_path, content):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(InputError, match=r"other\.pth holds no state dict"):
        read_state_dict(path)


@pytest.mark.parametrize("name", ["other.pth", "other.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all, but a text of some length"])
def test_file_that_holds_something_else(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name} cannot be read as weights"):
        read_state_dict(path)


class Trap:
    def __reduce__(self):
        return (print, ("code of a pickle ran",))


def test_pickle_runs_no_code(tmp_path, capsys):
    path = tmp_path / "trap.pth"
    torch.save({"neck.0.weight": Trap()}, path)
    with pytest.raises(InputError, match=r"trap\.pth cannot be read as weights"):
        read_state_dict(path)
    assert "ran" not in capsys.readouterr().out


def test_no_encoder():
    with pytest.raises(VaryError, match=r"no encoder in the weights: one key ending in neck\.0"):
        find_encoder({"model.bottleneck.0.weight": torch.ones(1)})


def test_two_encoders():
    state = {"a.neck.0.weight": torch.ones(1), "b.neck.conv1.weight": torch.ones(1)}
    with pytest.raises(VaryError, match=r"2 encoders \(a\., b\.\)"):
        find_encoder(state)


def test_encoder_of_other_sizes_is_listed(vocabulary, make_config):
    other = make_config(stem="patch", ctc_alphabet=None, hidden_size=16)
    with pytest.raises(VaryError, match=r"do not fit this vocabulary's .*: .*is \(.*not \("):
        ViTDetVocabulary.from_weights(vocabulary.state_dict(), other)


def test_missing_and_unknown_names_are_listed(vocabulary):
    state = vocabulary.state_dict()
    state["blocks.7.norm1.weight"] = state.pop("blocks.0.norm1.weight")
    with pytest.raises(VaryError, match=r"missing blocks\.0\.norm1\.weight; unknown blocks\.7"):
        ViTDetVocabulary.from_weights(state, vocabulary.config)
