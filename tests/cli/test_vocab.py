"""`vary vocab`: what a model loses without a vocabulary, which one cannot see, and bad input."""

import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from vary.cli.main import app
from vary.data.schema import EncodedImage, Sample, Word, write_samples
from vary.model import ImageRule
from vary.model.vocabulary_folder import save_vocabulary
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

DOCUMENT = Path(__file__).parents[2] / "docs" / "probing.md"
TEXTS = ["The harbour lies open", "Measure it twice, cut once", "Seventeen lanterns hung"]


RULE = ImageRule("strip", 48, 1536, step_px=128)
STRIPS = ViTDetConfig(
    image_size=(48, 1536), patch_size=(16, 8), hidden_size=16, num_hidden_layers=1,
    num_attention_heads=2, window_size=(3, 8), global_blocks=[], out_channels=8,
    merge_channels=[12, 20], positions="slice",
)  # fmt: skip


def run(*arguments: str):
    return CliRunner().invoke(app, ["vocab", *map(str, arguments)])


def line(number: int, text: str) -> Sample:
    font = ImageFont.load_default(30)
    picture = Image.new("L", (round(font.getlength(text)) + 16, 48), 255)
    ImageDraw.Draw(picture).text((8, 6), text, font=font, fill=0)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    words, x = [], 8.0
    for word in text.split():
        words.append(Word(0, word, round(x), 0, round(x + font.getlength(word)), 48))
        x += font.getlength(word + " ")
    image = EncodedImage(buffer.getvalue(), f"{number}.png", *picture.size)
    return Sample(f"line/{number}", (image,), "document", "en", "text", text, words=tuple(words))


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with a set of lines, pictures with texts, and a vocabulary that never learned."""
    for name in ("lines", "pages"):
        (tmp_path / name).mkdir()
        samples = [line(number, TEXTS[number % 3]) for number in range(6)]
        write_samples(samples, tmp_path / name / "part-00000.parquet")
    (tmp_path / "scans").mkdir()
    (tmp_path / "taken").write_text("a file")
    for sample in samples[:2]:
        stem = tmp_path / "scans" / sample.images[0].path[:-4]
        stem.with_suffix(".png").write_bytes(sample.images[0].bytes)
        stem.with_suffix(".txt").write_text(sample.text)
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        save_vocabulary(ViTDetVocabulary(STRIPS), RULE, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown_commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    joined = "".join(blocks).replace("\\\n", " ")
    return [
        words for words in map(shlex.split, joined.splitlines()) if words[:2] == ["vary", "vocab"]
    ]


def test_the_commands_of_the_document_run(work):
    commands = shown_commands()
    assert {words[2] for words in commands} == {"report", "probe"} and len(commands) >= 3
    names = {
        "out/lines": "lines", "out/pages": "pages", "scans": "scans", "FOLDER": "scans",
        "base": "nano", "clip-l": "one", "vocabulary-of-tiny": "two",
    }  # fmt: skip
    for words in commands:
        # The document's budget takes minutes.
        small = {"probe": {"nano": "two"}, "report": {}}[words[2]]
        budget = ["--budget", "2"] if words[2] == "probe" else ["--limit", "2"]
        done = run(*({**names, **small}.get(word, word) for word in words[2:]), *budget)
        assert done.exit_code == 0, done.output


def test_report(work):
    done = run(
        "report", "nano", "--data", "lines", "--data", "scans", "--out", "out", "--limit", "5"
    )
    assert done.exit_code == 0, done.output
    first = done.output.splitlines()[0]
    assert first.startswith("without vocabulary 1 (vary_vitdet): ") and " nats [" in first
    assert "document (en) +" in first and "read through it" in first
    assert "page +" in first and "too few documents" in first  # two scans
    values = json.loads((work / "out" / "report.json").read_text())
    assert values["num_samples"] == 7 and values["main_score"] == "ctc"
    page = (work / "out" / "report.html").read_text()
    assert "data:image/png;base64," in page and "read through it" in page
    assert (work / "out" / "report.svg").is_file() and (work / "out" / "report.png").is_file()


def test_probe(work):
    done = run(
        "probe", "lines", "--vocabulary", "one", "--vocabulary", "two", "--budget", "3",
        "--out", "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.output.count("Latin: ") >= 2 and "Share of what can be read" in done.output
    values = json.loads((work / "out" / "probe.json").read_text())
    assert set(values["vocabularies"]) == {"one", "two"}
    assert values["budget"]["steps"] == 3
    assert "ceiling" in (work / "out" / "probe.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "nowhere", "--data", "lines", "--out", "o"], "unknown model 'nowhere'"),
        (["report", "nano", "--data", "nowhere", "--out", "o"], "no such file or folder"),
        (["report", "one", "--data", "lines", "--out", "o"], "no model of ours"),
        (["report", "nano", "--data", "lines", "--out", "taken"], "cannot be written"),
        (["probe", "nowhere", "--vocabulary", "one", "--out", "o"], "no such file or folder"),
        (["probe", "lines", "--vocabulary", "nowhere", "--out", "o"], "unknown model 'nowhere'"),
        (["probe", "lines", *("--vocabulary", "one") * 2, "--out", "o"], "given twice"),
    ],
)  # fmt: skip
def test_bad_input(work, arguments, told):
    done = run(*arguments)
    assert done.exit_code == 2 and told in " ".join(done.output.split())


def test_help_loads_no_torch():
    code = "import sys; from vary.cli.vocab import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
