"""What cannot be taken in: each an error that names both sides and the way out, nothing written."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vary.errors import VaryError
from vary.model.layouts.importing import import_weights


class Trap:
    """Runs code where a pickle is read without care."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.fixture
def got(releases, tmp_path) -> Path:
    """A release of GOT, to be changed."""
    return Path(shutil.copytree(releases("got").folder, tmp_path / "got"))


def refused(source: Path, said: str, **options) -> None:
    out = source.parent / "out"
    before = sorted(source.parent.rglob("*"))
    with pytest.raises(VaryError, match=said):
        import_weights(source, out, **options)
    assert sorted(source.parent.rglob("*")) == before


def change(folder: Path, act: Callable[[dict[str, torch.Tensor]], None]) -> None:
    state = load_file(folder / "model.safetensors")
    act(state)
    save_file(state, folder / "model.safetensors")


def test_half_a_download(got):
    path = got / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(got, r"model\.safetensors is no whole safetensors file .* bytes are there; .* anew")


def test_half_a_pickle(releases, tmp_path):
    whole = releases("sam").file.read_bytes()
    (tmp_path / "sam.pth").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "sam.pth", r"sam\.pth cannot be read as weights \(.*\); give an undamaged")


def test_a_damaged_word_of_ours(got):
    for fields in ({"tune": 1}, {"rules": [{"mode": "x"}]}):
        (got / "vary.json").write_text(json.dumps({"layout": "got", **fields}))
        refused(got, r"vary\.json is damaged \(.*; copy it anew, or take it away")


def test_part_of_a_download(got):
    (got / "model.safetensors").rename(got / "model-00001-of-00002.safetensors")
    index = {
        "weight_map": {
            "a": "model-00001-of-00002.safetensors",
            "b": "model-00002-of-00002.safetensors",
        }
    }
    (got / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(got, r"lacks 1 of the 2 files that .* such as model-00002-of-00002\.safetensors")


@pytest.mark.parametrize("name", ["weights.pth", "weights.bin"])
@pytest.mark.parametrize("form", ["torch", "plain"])
def test_code_in_a_pickle_is_not_run(tmp_path, name, form):
    trace = tmp_path / "trace"
    path = tmp_path / "release" / name
    path.parent.mkdir()
    if form == "torch":
        torch.save({"net_3.weight": Trap(trace)}, path)
    else:
        path.write_bytes(pickle.dumps({"net_3.weight": Trap(trace)}, protocol=2))
    refused(path, "cannot be read as weights .* holds tensors only")
    assert not trace.exists()
    if form == "plain":  # the trap is one: read without care, it snaps
        pickle.loads(path.read_bytes())
        assert trace.exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pth", b"no checkpoint at all", "cannot be read as weights"),
        ("a.bin", b"", "cannot be read as weights"),
        ("a.safetensors", b"\0" * 40, "no whole safetensors file"),
        ("a.txt", b"text", r"is no weights file: \.safetensors, \.bin, \.pth"),
    ],
)
def test_files_that_are_no_checkpoint(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, said)


def test_nothing_there(tmp_path):
    refused(tmp_path / "nowhere", "there is no .*nowhere; give a weights file, or the folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "has 0 weights files .none. and no index")
    torch.save([1, 2], tmp_path / "list.pth")
    refused(tmp_path / "list.pth", "holds no state dict")


def test_several_files_without_an_index(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("a.pth", "b.pth"):
        torch.save({"x": torch.ones(1)}, folder / name)
    refused(folder, r"has 2 weights files \(a\.pth, b\.pth\).*name one file")


def test_weights_of_something_else(tmp_path):
    save_file({"encoder.weight": torch.ones(2)}, tmp_path / "bert.safetensors")
    refused(
        tmp_path / "bert.safetensors",
        r"in no layout that is known: of .*vision_tower_2\.net_3\.weight \(vary-tiny\).*none; "
        "they hold 1 tensors, such as encoder.weight",
    )
    refused(tmp_path / "bert.safetensors", "of neck.0.weight .sam. they hold none", layout="sam")
    refused(tmp_path / "bert.safetensors", "unknown layout 'x'; there are", layout="x")


def test_missing_and_left_over_are_listed_together(got):
    def act(state):
        del state["model.layers.1.mlp.up_proj.weight"], state["model.vision_tower_high.neck.1.bias"]
        state["model.extra.weight"] = torch.ones(2)

    change(got, act)
    refused(
        got,
        r"do not fit layout got: 2 missing: model\.layers\.1\.mlp\.up_proj\.weight, "
        r"model\.vision_tower_high\.neck\.1\.bias; 1 left over: model\.extra\.weight\. .*anew",
    )


def test_what_tells_a_size_is_missing(got):
    def act(state):
        del state["model.vision_tower_high.pos_embed"]
        state["another"] = torch.ones(2)

    change(got, act)
    refused(got, "not a whole got: .*pos_embed is missing; 1 tensors have no place: another")


def test_layers_with_a_gap(got):
    def act(state):
        for name in list(state):
            if name.startswith("model.layers.0."):
                state[name.replace(".0.", ".5.")] = state.pop(name)

    change(got, act)
    refused(got, r"not a whole got: Qwen cannot be told by its weights: layers \[1, 5\] are there")


def test_other_shapes_than_the_layouts(got):
    def act(state):
        name = "model.vision_tower_high.blocks.2.mlp.lin2.weight"
        state[name] = state[name][:, :-1].contiguous()

    change(got, act)
    refused(
        got,
        r"1 of another shape: .*blocks\.2\.mlp\.lin2\.weight is \(48, 191\), not \(48, 192\)",
    )


def test_other_sizes_than_config_json_says(got):
    config = json.loads((got / "config.json").read_text())
    (got / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 24}))
    refused(got, "num_hidden_layers is 24 in config.json and 2 by the weights; give the config")
    (got / "config.json").write_text(json.dumps({**config, "num_attention_heads": 3}))
    refused(got, "num_attention_heads 3; the weights have queries of 128")
    (got / "config.json").write_text("{")
    refused(got, r"config\.json cannot be read as JSON")


def test_heads_that_no_rule_tells(releases, tmp_path):
    """Without config.json the width of a head is the release's, and must go into the width."""
    folder = Path(shutil.copytree(releases("vary-toy").folder, tmp_path / "toy"))
    (folder / "config.json").unlink()
    import_weights(folder, tmp_path / "fits")  # 256 wide: two heads of 128
    shutil.rmtree(tmp_path / "fits")

    def narrow(state):
        for name in list(state):
            if "c_attn" in name:
                state[name] = state[name][:201].contiguous()

    change(folder, narrow)
    refused(folder, "no config.json tells the number of heads, and 67 is no multiple of 128")


def test_one_tensor_that_cannot_be_cut_in_three(releases, tmp_path):
    folder = Path(shutil.copytree(releases("vary-toy").folder, tmp_path / "toy"))

    def act(state):
        name = "transformer.h.1.attn.c_attn.bias"
        state[name] = state[name][:-1].contiguous()

    change(folder, act)
    refused(folder, r"h\.1\.attn\.c_attn\.bias is \(767,\), not \(768,\)")


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"no_bias": False}, "no_bias false"), ({"rotary_pct": 0.25}, "rotary_pct 0.25")],
)
def test_kinds_of_qwen_1_that_qwen_2_does_not_have(releases, tmp_path, fields, said):
    folder = Path(shutil.copytree(releases("vary-toy").folder, tmp_path / "toy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))
    refused(folder, said)


def test_two_models_in_one_file(got):
    def act(state):
        state |= {f"teacher.{name}": value.clone() for name, value in state.items()}

    change(got, act)
    refused(got, r"stands at 2 places in these weights, behind '', 'teacher\.': .* --prefix")
    refused(got, "behind the prefix 'student.'", prefix="student.")
    for prefix in ("", "teacher."):
        done = import_weights(got, got.parent / f"out{prefix}", prefix=prefix)
        assert (done.prefix, done.tensors) == (prefix, 81)
        assert done.notes[0].startswith("82 tensors of another model are left alone: ")


def test_no_tokenizer(got, releases):
    for path in ("qwen.tiktoken", "tokenizer_config.json"):
        (got / path).unlink()
    refused(got, r"has no tokenizer \(tokenizer\.json, qwen\.tiktoken, or .*--tokenizer DIR")
    done = import_weights(got, got.parent / "out", tokenizer=releases("got").folder)
    assert done.layout == "got"


def test_the_tokenizer_of_another_model(got, releases):
    text = (got / "qwen.tiktoken").read_text()
    (got / "qwen.tiktoken").write_text(text + "AAAA 290\nAAAB 291\n")
    refused(got, "tokenizer has 509 tokens, .* embeddings for 507: give the tokenizer of this")
    (got / "qwen.tiktoken").write_text(text + "half a line")
    refused(got, r"line 291 of .*qwen\.tiktoken is no piece with its rank")
    (got / "qwen.tiktoken").write_text("".join(text.splitlines(keepends=True)[:40]))
    refused(got, "holds 40 pieces, not one for each rank from 0 with all 256 bytes")
    (got / "qwen.tiktoken").unlink()
    (got / "tokenizer.json").write_text("{}")
    refused(got, "the tokenizer in .* cannot be read")


def test_another_placeholder_than_config_json_says(got):
    config = json.loads((got / "config.json").read_text())
    (got / "config.json").write_text(json.dumps({**config, "im_patch_token": 7}))
    refused(got, "<imgpad> is token 506 of the tokenizer, and 7 by config.json")


def test_what_is_ours_already(ours, tmp_path):
    with pytest.raises(VaryError, match="is one of ours already; vary export"):
        import_weights(ours("got"), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_encoder_of_windows_that_differ(releases, tmp_path):
    state = dict(releases("sam").state)
    state["image_encoder.blocks.2.attn.rel_pos_h"] = torch.zeros(3, 12)
    torch.save(state, tmp_path / "sam.pth")
    refused(tmp_path / "sam.pth", r"windows are of several sizes, \[\(2, 3\), \(3, 3\)\]")
