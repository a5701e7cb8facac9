"""The way from a script of one's own to a language model: the document's commands, in order."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from vary.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "scaling-up.md"
GREEK = "νερό σπίτι θάλασσα δρόμος ουρανός και το ένα λιμάνι μεγάλο"
ENGLISH = "water house sea road sky and the one harbour large"
# What makes the recipes small: sizes and steps, nothing that the document names.
SMALL = [
    "num_workers=0", "validation_samples=4", "data.fonts=[fonts]", "precision=fp32",
    "stages.{first}.steps=2", "stages.{first}.warmup_steps=1", "stages.{first}.batch_px=512",
    "stages.{first}.widths_px=[128,256]", "stages.{first}.decay_steps=1",
    "stages.{second}.steps=2", "stages.{second}.warmup_steps=1", "stages.{second}.batch_px=512",
    "stages.{second}.decay_steps=1",
]  # fmt: skip
STAGES = {"script-vocabulary": ("characters", "words"), "script-base": ("short", "read")}
MODEL = [
    "model.vocabulary.hidden_size=48", "model.vocabulary.num_hidden_layers=2",
    "model.vocabulary.global_blocks=[1]", "model.vocabulary.out_channels=32",
    "model.text.hidden_size=48", "model.text.intermediate_size=64",
    "model.text.num_hidden_layers=1",
]  # fmt: skip


def smaller(words: list[str]) -> list[str]:
    """Return a command of the document with what makes it quick."""
    if words[1] == "train":
        name = Path(words[2]).stem
        first, second = STAGES[name]
        given = [part.format(first=first, second=second) for part in SMALL]
        return [*words, *given, *(MODEL if name == "script-vocabulary" else [])]
    if words[1:3] in (["data", "page"], ["data", "block"]):
        place = words.index("--count") + 1
        return [*words[:place], "24", *words[place + 1 :], "--fonts", "fonts"]
    if words[1:3] == ["vocab", "probe"]:
        return [*words, "--budget", "2", "--limit", "12"]
    if words[1:3] == ["vocab", "report"]:
        return [*words, "--limit", "4"]
    return words


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with what the document asks for, and the project's recipes."""
    for folder, texts in {"greek": [GREEK], "english": [ENGLISH], "both": [GREEK, ENGLISH]}.items():
        (tmp_path / "texts" / folder).mkdir(parents=True)
        for number, text in enumerate(texts):
            lines = "\n".join(f"{text} {n}" for n in range(60))
            (tmp_path / "texts" / folder / f"{number}.txt").write_text(lines, encoding="utf-8")
    digits = "0123456789()-.,;!"
    (tmp_path / "greek.txt").write_text("".join(sorted(set(GREEK))) + digits, encoding="utf-8")
    (tmp_path / "both.txt").write_text(
        "".join(sorted(set(GREEK + ENGLISH))) + digits, encoding="utf-8"
    )
    (tmp_path / "fonts").mkdir()
    for name in ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono"):  # matplotlib's: they have Greek
        shutil.copy(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", tmp_path / "fonts")
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes", ignore=shutil.ignore_patterns("eval"))
    picture = Image.new("L", (300, 48), "white")
    ImageDraw.Draw(picture).text((8, 6), "harbour", font=ImageFont.load_default(30))
    picture.save(tmp_path / "line.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_document_run(here):
    text = DOCUMENT.read_text(encoding="utf-8")
    made, written = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    exec(compile(made, str(DOCUMENT), "exec"), {})
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    done = []
    for line in "".join(blocks).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "vary"
        result = CliRunner().invoke(app, smaller(words)[1:])
        assert result.exit_code == 0, (line, result.output, result.stderr)
        done.append(words[1])
    assert done == [
        "data", "data", "data", "vocab", "train", "extract", "info", "vocab", "merge", "train",
        "data", "data", "vocab",
    ]  # fmt: skip
    assert {"report.html", "report.json"} <= {path.name for path in (here / "report").iterdir()}
    found: dict[str, list[str]] = {}
    exec(compile(written, str(DOCUMENT), "exec"), found)
    assert len(found["texts"]) == 1
