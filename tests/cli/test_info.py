"""`vary info`: a table for people, JSON for programs, one line for errors."""

import json

import pytest
from typer.testing import CliRunner

from vary.checkpoints import find_checkpoint
from vary.cli.info import _image
from vary.cli.main import app
from vary.model import TowerConfig, VaryConfig


def vary_info(*arguments):
    return CliRunner().invoke(app, ["info", *map(str, arguments)])


def test_the_bundled_checkpoint():
    result = vary_info("nano")
    assert result.exit_code == 0, result.output
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["parameters"] == "10,505,432"
    assert lines["tasks"] == "ocr, chart"
    assert "tokens per image  48\n" in result.stdout
    assert "llama: width 256, layers 4, heads 4, positions 1024, rows 2048, tied" in result.stdout
    assert "strips of 48 px, padded to a multiple of 128 px, at most 1536 px" in result.stdout
    assert '"<img><imgpad> x 48</img>[<draft>DRAFT</draft>]ANSWER</s>"' in result.stdout


def test_json():
    found = json.loads(vary_info("nano", "--json").stdout)
    assert found["checkpoint"] == str(find_checkpoint("nano"))
    assert found["parameters"]["parts"]["projector"] == 98_560
    assert found["vocabularies"][0]["ctc_classes"] == 6644


def test_two_vocabularies_without_weights(tmp_path):
    """A configuration alone tells the shapes; that the weights are not there is said."""
    small = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2}
    config = VaryConfig(
        [TowerConfig({**small, "intermediate_size": 16}, layer=-1), {
            "model_type": "vary_vitdet", "image_size": 448, "patch_size": 8, "global_blocks": [0],
            **small,
        }],
        {
            "model_type": "llama", "intermediate_size": 16, "num_attention_heads": 2,
            "hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 50,
        },
    )  # fmt: skip
    config.save_pretrained(tmp_path)
    result = vary_info(tmp_path)
    assert result.exit_code == 1
    assert "clip_vision_model: 224 x 224 px -> 7 x 7 = 49 tokens of width 16" in result.stdout
    assert "16 -> 8, 1024 -> 8 (fusion channel)" in result.stdout
    assert "prompt            no processor in the folder\n" in result.stdout
    assert "problem           no weights in safetensors files\n" in result.stdout


def test_another_model(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["Other"]}')
    result = vary_info(tmp_path)
    assert result.exit_code == 0
    assert "model type  not named in config.json\n" in result.stdout
    assert "parameters  unknown: no safetensors files\n" in result.stdout


@pytest.mark.parametrize("content", [None, "{"])
def test_errors_are_told_in_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    result = vary_info(tmp_path if content is not None else tmp_path / "none")
    assert result.exit_code == 2
    assert result.stderr.startswith("vary: ")
    assert result.stderr.count("\n") == 1


def test_a_rule_that_leaves_pictures_as_they_are_is_told():
    rule = {"mode": "canvas", "height": 96, "width": 192, "step_px": 32, "resample": "bilinear"}
    told = _image({**rule, "mean": [0.9], "std": [0.5]})
    assert told.startswith(
        "as it is, padded to a multiple of 32 px, reduced to 96 x 192 px at most"
    )
