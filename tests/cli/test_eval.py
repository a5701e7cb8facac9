"""`vary eval`: a run, a run that goes on, scores of files, and one line for errors."""

import json
import sys

import pytest
from PIL import Image
from typer.testing import CliRunner

from vary.cli.main import app

PYTHON = sys.executable
# Answers with the name of the picture: what a page says is its own name.
NAMES = (
    f"names='{PYTHON}' -c 'import sys, pathlib; print(pathlib.Path(sys.argv[1]).stem)' {{image}}"
)
FAILS = f"fails='{PYTHON}' -c 'import sys; sys.exit(\"no model\")' {{image}}"


def vary_eval(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("one", "two"):
        Image.new("L", (40, 40), 255).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(name, encoding="utf-8")
    return folder


def test_two_programs_side_by_side(pages, tmp_path):
    out = tmp_path / "out"
    result = vary_eval("ocr", "--model", NAMES, "--model", FAILS, "--data", pages, "--out", out)
    assert result.exit_code == 1, result.output  # one of them answered nothing
    assert "edit distance" in result.stdout
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    names, fails = report["systems"]
    assert names["metrics"]["edit_distance"]["value"] == 0.0
    assert fails["metrics"]["edit_distance"]["value"] == 1.0
    assert (names["num_missing"], fails["num_missing"]) == (0, 2)
    assert "no model" in json.dumps(report)
    assert "<!doctype html>" in (out / "report.html").read_text(encoding="utf-8").lower()
    assert vary_eval("ocr", "--model", NAMES, "--data", pages, "--out", out).exit_code == 0


def test_scores_of_a_file(pages, tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [{"id": "one", "answer": "one"}, {"id": "two", "answer": ""}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "scores"
    result = vary_eval("score", file, "--task", "ocr", "--data", pages, "--out", out)
    assert result.exit_code == 0, result.output
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["systems"][0]["metrics"]["edit_distance"]["value"] == 0.5


def test_scores_of_answers_with_their_truths(tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [{"id": str(n), "answer": "four words stand here", "label": "four words"} for n in "ab"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = vary_eval("score", file, "--task", "ocr")
    assert result.exit_code == 0, result.output
    assert "0.5238" in result.stdout  # 11 of 21 characters
    result = vary_eval("score", file, "--task", "ocr", "--mode", "fox")
    assert "exchanged" in result.stdout or "as scored by fox" in result.stdout


def test_progress_does_not_reach_standard_output(pages, tmp_path):
    result = vary_eval("ocr", "--model", NAMES, "--data", pages, "--out", tmp_path / "out")
    assert "2 of 2" not in result.stdout
    assert "Loading" not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ocr", "--model", "nowhere", "--data", "{pages}"], "no bundled checkpoint"),
        (["ocr", "--model", NAMES, "--data", "{pages}/nowhere"], "no such file or folder"),
        (["ocr", "--model", NAMES, "--data", "{pages}", "--mode", "fux"], "fox, got, nougat"),
        (["ocr", "--model", NAMES, "--data", "{pages}", "--group-by", "x"], "no such key"),
        (["markdown", "--model", "nano", "--data", "{pages}"], "not for markdown"),
        (["score", "{pages}/one.txt", "--task", "ocr"], "no JSON"),
        (["score", "{pages}/one.txt", "--task", "orc"], "choose among ocr"),
        (["score", "{pages}/one.txt", "--task", "ocr", "--rule", "paper"], "has no --rule"),
    ],
)
def test_errors_are_one_line(arguments, message, pages, tmp_path):
    given = [argument.replace("{pages}", str(pages)) for argument in arguments]
    if arguments[0] != "score":
        given += ["--out", tmp_path / "out"]
    result = vary_eval(*given)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "task", ["ocr", "markdown", "chart", "docvqa", "chartqa", "mmvet", "score"]
)
def test_help_of_every_task(task):
    result = vary_eval(task, "--help")
    assert result.exit_code == 0
    assert "--data" in result.stdout
