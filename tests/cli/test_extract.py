"""`vary extract`: a folder for a vocabulary, one line for errors."""

import json

import pytest
from typer.testing import CliRunner

from vary.cli.main import app
from vary.model import load_vocabulary


def vary(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_the_bundled_checkpoints_vocabulary(tmp_path):
    result = vary("extract", "nano", "--out", tmp_path / "vocabulary")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'vocabulary'}\n"
    network, _ = load_vocabulary(tmp_path / "vocabulary", verify=True)
    shown = vary("info", tmp_path / "vocabulary")
    assert shown.exit_code == 0
    assert f"parameters        {network.num_parameters():,}\n" in shown.stdout
    assert "taken from        nano, vocabulary 0 (from 0)\n" in shown.stdout
    assert "license           apache-2.0\n" in shown.stdout
    assert "tokens per image  48\n" in shown.stdout
    found = json.loads(vary("info", tmp_path / "vocabulary", "--json").stdout)
    assert found["images"][0]["height"] == 48


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none-such", "--out", "OUT"], "unknown model 'none-such'"),
        (["nano", "--index", "3", "--out", "OUT"], "numbered from 0; there is no number 3"),
        (["nano", "--out", "."], "is not empty"),
    ],
)
def test_errors_are_told_in_one_line(tmp_path, monkeypatch, arguments, said):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    result = vary("extract", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.startswith("vary: ")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
