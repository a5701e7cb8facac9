"""Models of lines with a vocabulary more: on day 0 they read what the old one reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from vary.checkpoints import find_checkpoint
from vary.cli.main import app
from vary.model import VaryForConditionalGeneration, save_vocabulary
from vary.model.images import ImageRule
from vary.read.recognizer import load_recognizer
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

# Tokens of the same grid as nano's, with a tiny network.
SECOND = {
    "image_size": (48, 1536), "patch_size": (16, 8), "hidden_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 2, "window_size": (3, 16), "global_blocks": [], "out_channels": 8,
    "merge_channels": [12, 16], "positions": "slice",
}  # fmt: skip


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """A folder with a page, and nano with a second vocabulary merged into it."""
    folder = tmp_path_factory.mktemp("merged")
    page = Image.new("L", (700, 160), "white")
    font = ImageFont.load_default(22)
    for row, line in enumerate(["The harbour lies open to the north,", "1893: 47 ferries wait."]):
        ImageDraw.Draw(page).text((40, 30 + 50 * row), line, font=font)
    page.save(folder / "page.png")
    torch.manual_seed(0)
    rule = ImageRule("strip", 48, 1536, step_px=128)
    save_vocabulary(ViTDetVocabulary(ViTDetConfig(**SECOND)), rule, folder / "second")
    second = folder / "second"
    run("merge", "--model", "nano", "--vocabulary", second, "--out", folder / "merged")
    return folder


def test_a_merged_nano_reads_what_nano_reads(here):
    """Texts, boxes and calibrated confidences."""

    def pages(model):
        value = json.loads(
            run("read", here / "page.png", "--model", model, "--format", "json", "--device", "cpu")
        )
        assert value.pop("model") == str(model)
        for page in value["pages"]:
            page.pop("seconds")
        return value

    merged = pages(here / "merged")
    assert merged["pages"][0]["text"].startswith("The harbour lies open")
    assert merged == pages("nano")
    assert (here / "merged" / "calibration.json").is_file()


def test_its_language_model_sees_both(here, tmp_path):
    """It writes the same on day 0, and something else as soon as the linear is not zero."""
    rng = np.random.default_rng(0)
    strips = [rng.integers(0, 256, (48, width)).astype(np.uint8) for width in (300, 90, 300)]

    def encoded(folder):
        recognizer = load_recognizer(folder, "cpu", "lm")
        with torch.inference_mode():
            found, sizes = recognizer._encode(strips)
            texts = recognizer._write(found, sizes, ["", "a", "b"])
        assert [r.draft for r in recognizer.read(strips)] == drafts
        return found.tokens, texts

    nano = find_checkpoint("nano")
    drafts = [r.text for r in load_recognizer(nano, "cpu").read(strips)]
    tokens, texts = encoded(nano)
    merged_tokens, merged_texts = encoded(here / "merged")
    assert torch.equal(merged_tokens, tokens)
    assert merged_texts == texts
    model = VaryForConditionalGeneration.from_pretrained(here / "merged")
    torch.nn.init.normal_(model.projector.linears[1].weight)
    for name in ("processor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((here / "merged" / name).read_bytes())
    model.save_pretrained(tmp_path)
    assert not torch.equal(encoded(tmp_path)[0], tokens)


def test_the_draft_asks_the_first_vocabulary_alone(here, monkeypatch):
    recognizer = load_recognizer(here / "merged", "cpu")
    strip = np.full((48, 300), 255, np.uint8)
    expected = recognizer.read([strip])
    monkeypatch.setattr(recognizer.model.vocabularies[1], "forward", None)
    assert recognizer.read([strip]) == expected
