"""`vary import` and `vary export`: the commands of docs/weights.md, on small releases."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from vary.cli.main import app
from vary.model.layouts.files import WeightFiles, find_files

DOCUMENT = Path(__file__).parents[3] / "docs" / "weights.md"
# What the document calls them.
NAMES = {
    "sam_vit_b_01ec64.pth": "sam", "Vary-tiny": "vary-tiny", "Vary-tiny-600k.pth": "vary-tiny-600k",
    "OneChart": "onechart", "Vary-toy": "vary-toy", "GOT-OCR2_0": "got", "GOT-OCR-2.0-hf": "got-hf",
}  # fmt: skip


def vary(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def here(releases, tmp_path, monkeypatch) -> Path:
    """A working folder with a small release under each name of the document."""
    for name, layout in NAMES.items():
        release = releases(layout)
        if name.endswith(".pth"):
            shutil.copy(release.file, tmp_path / name)
        else:
            shutil.copytree(release.folder, tmp_path / name)
    shutil.copytree(releases("vary-tiny-600k").folder, tmp_path / "opt-125m")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tensors(path: Path) -> dict[str, torch.Tensor]:
    files = WeightFiles(find_files(path))
    return {name: files[name] for name in files}


def test_the_commands_of_the_document_run(here):
    shown = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in shown for line in block.splitlines()]
    assert len(commands) == 12
    for program, *words in commands:
        assert program == "vary"
        result = vary(*words)
        assert result.exit_code == 0, (words, result.stderr)
        if words[0] in ("import", "export"):
            assert result.stdout == f"{words[-1]}\n"
            assert "none left over" in result.stderr or words[0] == "export"
    for again, first in (
        ("tiny-as-it-was", "Vary-tiny"),
        ("sam-again.pth", "sam_vit_b_01ec64.pth"),
    ):
        found, expected = tensors(Path(again)), tensors(Path(first))
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_what_is_not_used_is_named(here):
    result = vary("import", "OneChart", "--out", "out")
    assert "layout onechart: 91 tensors, none left over\n" in result.stderr
    assert "kept beside for an export: 6 tensors (num_decoder.0.bias," in result.stderr
    result = vary("import", "sam_vit_b_01ec64.pth", "--out", "sam", "--seed", "7")
    assert "layout sam behind 'image_encoder.': 51 tensors" in result.stderr
    assert "they are new (seed 7), and its tokens noise until it is trained" in result.stderr
    result = vary("export", "sam", "--layout", "sam", "--out", "again")
    assert "left out, the layout has no place: net_2.weight, net_3.weight" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["import", "nowhere", "--out", "out"], "there is no nowhere"),
        (["import", "Vary-toy", "--layout", "got", "--out", "out"], "no layout that is known"),
        (["import", "Vary-tiny-600k.pth", "--out", "out"], "has no tokenizer .* --tokenizer DIR"),
        (["import", "Vary-tiny", "--out", "OneChart"], "OneChart is not empty"),
        (["import", "OneChart", "--prompt-form", "x", "--out", "out"], "unknown prompt_form 'x'"),
        (["import", "nano", "--out", "out"], "there is no nano"),
        (
            ["export", "nano", "--layout", "vary-tiny", "--out", "out"],
            "is made of vitdet and llama",
        ),
        (["export", "nano", "--layout", "x", "--out", "out"], "unknown layout 'x'; there are vary"),
        (["export", "nowhere", "--layout", "got", "--out", "out"], "unknown model 'nowhere'"),
        (["export", "GOT-OCR2_0", "--layout", "got", "--out", "out"], "none of ours; vary import"),
        (["export", "Vary-tiny", "--layout", "got", "--out", "out"], "is one of the Vary authors'"),
    ],
)
def test_errors_are_told_in_one_line(here, arguments, said):
    before = sorted(here.rglob("*"))
    result = vary(*arguments)
    told = [line for line in result.stderr.splitlines() if line.startswith("vary: ")]
    assert result.exit_code == 2, result.stderr
    assert len(told) == 1, result.stderr
    assert re.search(said, told[0]), told[0]
    assert sorted(here.rglob("*")) == before
