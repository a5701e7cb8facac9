"""Import and export are inverse, bit for bit, in every layout."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GotOcr2ForConditionalGeneration, SamVisionModel

from vary.errors import VaryError
from vary.model import VaryConfig, VaryForConditionalGeneration, VaryProcessor, load_vocabulary
from vary.model.layouts.exporting import export_weights
from vary.model.layouts.files import WeightFiles, find_files, write_folder
from vary.model.layouts.importing import import_weights
from vary.model.layouts.renaming import Renaming, rename
from vary.model.layouts.tables import LAYOUTS, find_layout
from vary.model.vocabulary_folder import save_vocabulary
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

ALL = [
    "vary-tiny", "vary-tiny-600k", "onechart", "vary-toy", "got", "got-hf", "got-hf-modules",
    "sam", "sam-hf",
]  # fmt: skip


def tensors(path: Path) -> dict[str, torch.Tensor]:
    files = WeightFiles(find_files(path))
    return {name: files[name] for name in files}


def check_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def configs(folder: Path) -> list[dict]:
    """Return what tells model and processor, without what differs by the way that it took."""
    names = ["config.json", "processor_config.json", "generation_config.json", "tokenizer.json"]
    return [json.loads((folder / name).read_text()) for name in names if (folder / name).is_file()]


@pytest.mark.parametrize("layout", ALL)
def test_out_again_and_in_again(releases, ours, tmp_path, layout):
    release, folder = releases(layout), ours(layout)
    exported = export_weights(folder, layout, tmp_path / "theirs")
    assert exported.tensors == len(release.state)
    check_same(tensors(tmp_path / "theirs"), release.state)
    again = import_weights(tmp_path / "theirs", tmp_path / "again")
    assert again.layout == layout
    assert again.unused == exported.given_back
    check_same(tensors(tmp_path / "again"), tensors(folder))
    assert configs(tmp_path / "again") == configs(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_precision_is_kept(releases, tmp_path, dtype):
    release = releases("got")
    for path in release.folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    state = {name: value.to(dtype) for name, value in release.state.items()}
    save_file(state, tmp_path / "model.safetensors")
    import_weights(tmp_path, tmp_path / "ours")
    model = VaryForConditionalGeneration.from_pretrained(tmp_path / "ours")
    assert {value.dtype for value in model.parameters()} == {dtype}
    export_weights(tmp_path / "ours", "got", tmp_path / "back")
    check_same(tensors(tmp_path / "back"), state)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin", ".pth"])
def test_a_file_alone(releases, ours, tmp_path, suffix):
    release, folder = releases("vary-tiny"), ours("vary-tiny")
    out = tmp_path / f"weights{suffix}"
    export_weights(folder, "vary-tiny", out)
    check_same(tensors(out), release.state)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_what_was_trained_here_goes_out_too(releases, ours, tmp_path):
    """A model that never was a release: names and head are those that the layout has."""
    release = releases("got")
    shutil.copytree(ours("got"), tmp_path / "ours")
    (tmp_path / "ours" / "import.json").unlink()
    export_weights(tmp_path / "ours", "got", tmp_path / "got")
    check_same(tensors(tmp_path / "got"), release.state)
    export_weights(tmp_path / "ours", "got-hf", tmp_path / "hf")
    assert tensors(tmp_path / "hf").keys() == releases("got-hf").state.keys()


def test_transformers_loads_what_is_exported_in_its_layouts(ours, tmp_path):
    export_weights(ours("got"), "got-hf", tmp_path / "hf")
    theirs, told = GotOcr2ForConditionalGeneration.from_pretrained(
        tmp_path / "hf", output_loading_info=True
    )
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    model = VaryForConditionalGeneration.from_pretrained(ours("got")).eval()
    token = model.config.image_token_id
    ids = torch.tensor([[5, 6, token, token, token, token, 7, 8]])
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.eval()(input_ids=ids, pixel_values=image).logits
        found = model(input_ids=ids, pixel_values=image).logits
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)
    export_weights(ours("sam"), "sam-hf", tmp_path / "sam-hf")
    sam, told = SamVisionModel.from_pretrained(tmp_path / "sam-hf", output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    network, _ = load_vocabulary(ours("sam"))
    with torch.no_grad():
        expected = sam.eval()(image).last_hidden_state.permute(0, 2, 3, 1)
        assert torch.allclose(network(image).patch_features, expected, atol=1e-3, rtol=1e-3)


def test_an_encoder_alone_at_any_prefix(releases, tmp_path):
    state = {
        "teacher." + name.removeprefix("model.vision_tower_high."): value
        for name, value in releases("got").state.items()
        if name.startswith("model.vision_tower_high.")
    }
    torch.save({"state_dict": state}, tmp_path / "encoder.pt")
    imported = import_weights(tmp_path / "encoder.pt", tmp_path / "ours")
    assert (imported.layout, imported.prefix, imported.new) == ("encoder", "teacher.", [])
    export_weights(tmp_path / "ours", "encoder", tmp_path / "back.pth")
    check_same(tensors(tmp_path / "back.pth"), state)


def test_a_prefix_before_all_names(releases, tmp_path):
    """As torch's wrappers for several devices leave it."""
    release = releases("onechart")
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json"):
        (tmp_path / name).write_bytes((release.folder / name).read_bytes())
    state = {f"module.{name}": value for name, value in release.state.items()}
    torch.save(state, tmp_path / "pytorch_model.bin")
    imported = import_weights(tmp_path, tmp_path / "ours")
    assert (imported.layout, imported.prefix) == ("onechart", "module.")
    assert len(imported.unused) == 6
    export_weights(tmp_path / "ours", "onechart", tmp_path / "back.bin")
    check_same(tensors(tmp_path / "back.bin"), state)


def test_files_in_parts(releases, tmp_path):
    release = releases("got-hf")
    for path in release.folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    write_folder(release.state.items(), tmp_path, shard_bytes=300_000)
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    import_weights(tmp_path, tmp_path / "ours")
    export_weights(tmp_path / "ours", "got-hf", tmp_path / "back")
    check_same(tensors(tmp_path / "back"), release.state)


def test_image_rules_are_the_releases(releases, ours, tmp_path):
    for layout, mean, resample, antialias in (
        ("onechart", 0.485, "bilinear", False),
        ("vary-tiny", 0.48145466, "bicubic", True),
        ("got", 0.48145466, "bicubic", True),
        ("got-hf", 0.48, "bicubic", True),  # its preprocessor_config.json says so
    ):
        (rule,) = VaryProcessor.from_pretrained(ours(layout)).image_processor.rules
        assert (rule.mode, rule.height, rule.width) == ("resize", 64, 64)
        assert (rule.mean[0], rule.resample, rule.antialias) == (mean, resample, antialias)
    import_weights(releases("vary-toy").folder, tmp_path / "base", layout="vary-base")
    clip, page = VaryProcessor.from_pretrained(tmp_path / "base").image_processor.rules
    assert (clip.mode, clip.resize_px, clip.resample) == ("crop", 28, "bicubic")
    assert (page.mean[0], page.antialias) == (0.485, False)
    config = VaryConfig.from_pretrained(tmp_path / "base")
    assert config.vocabularies[0].layer == -2
    assert config.text_config.rope_parameters["rope_theta"] == 10000.0


def test_a_head_that_differs_although_it_is_said_to_be_tied(releases, tmp_path):
    release = releases("got")
    for path in release.folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    state = {**release.state, "lm_head.weight": release.state["lm_head.weight"] + 1}
    save_file(state, tmp_path / "model.safetensors")
    imported = import_weights(tmp_path, tmp_path / "ours")
    assert any("the embeddings are used" in note for note in imported.notes)
    export_weights(tmp_path / "ours", "got", tmp_path / "back")
    check_same(tensors(tmp_path / "back"), state)
    # Without a word on it, a head of its own is one.
    (tmp_path / "config.json").unlink()
    import_weights(tmp_path, tmp_path / "untied", layout="got")
    config = VaryConfig.from_pretrained(tmp_path / "untied")
    assert not config.text_config.tie_word_embeddings


def test_tables_are_read_both_ways():
    for layout in LAYOUTS:
        for row in layout.renames:
            theirs = row.theirs.format(*[3] * row.theirs.count("{}")) + "weight"
            names = layout.renaming.to_ours(theirs)
            assert names is not None
            assert len(names) == len(row.ours)
            for part, name in enumerate(names):
                place = layout.renaming.to_theirs(name)
                assert place is not None
                assert (place.name, place.part, place.parts) == (theirs, part, len(names))


def test_the_longest_row_is_taken():
    table = Renaming([rename("a.", "x."), rename("a.{}.b.", "y.{}.c.")])
    assert table.to_ours("a.7.b.weight") == ("y.7.c.weight",)
    assert table.to_ours("a.7.weight") == ("x.7.weight",)
    assert table.to_ours("b.weight") is None


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("vary-tiny", "holds vitdet and opt, .* is made of vitdet and qwen2"),
        ("sam", "holds vitdet, .*vary extract"),
        ("vary-base", "holds clip and vitdet and qwen, .* made of vitdet and qwen2"),
    ],
)
def test_a_model_of_other_parts_is_refused(ours, tmp_path, layout, said):
    with pytest.raises(VaryError, match=said):
        export_weights(ours("got"), layout, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_qwen_1_cannot_hold_is_refused(ours, tmp_path):
    config = VaryConfig.from_pretrained(ours("vary-toy"))
    text = config.text_config
    text.num_key_value_heads = 1
    config = VaryConfig(config.vocabularies, text, image_token_id=config.image_token_id)
    VaryForConditionalGeneration(config).save_pretrained(tmp_path / "grouped")
    with pytest.raises(VaryError, match=r"in equal parts; here they are .*fewer heads for keys"):
        export_weights(tmp_path / "grouped", "vary-toy", tmp_path / "out")


def test_what_a_file_alone_does_not_tell_is_refused(ours, tmp_path):
    with pytest.raises(
        VaryError, match=r"max_position_embeddings is 512, and would be 8192.*folder"
    ):
        export_weights(ours("vary-toy"), "vary-toy", tmp_path / "out.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_that_learned_more_is_refused(ours, tmp_path):
    network, images = load_vocabulary(ours("sam"))
    fields = {**network.config.to_dict(), "ctc_alphabet": "ab"}
    grown = ViTDetVocabulary(ViTDetConfig(**fields))
    save_vocabulary(grown, images.rules[0], tmp_path / "grown")
    with pytest.raises(
        VaryError, match=r"from layout sam: ctc_alphabet is 'ab', and would be None$"
    ):
        export_weights(tmp_path / "grown", "sam", tmp_path / "out.pth")


def test_what_was_kept_beside_must_be_there(releases, ours, tmp_path):
    shutil.copytree(ours("onechart"), tmp_path / "ours")
    assert load_file(tmp_path / "ours" / "unused.safetensors").keys() == {
        name for name in releases("onechart").state if name.startswith("num_decoder.")
    }
    (tmp_path / "ours" / "unused.safetensors").unlink()
    with pytest.raises(VaryError, match=r"lacks unused.safetensors.*6 tensors"):
        export_weights(tmp_path / "ours", "onechart", tmp_path / "out")


def test_unknown_layout_is_refused_with_all_that_there_are(tmp_path):
    with pytest.raises(VaryError, match=r"unknown layout 'gott'; there are vary-tiny, .*sam"):
        find_layout("gott")
