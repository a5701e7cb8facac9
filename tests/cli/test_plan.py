"""`vary plan`, as a person starts it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from vary.cli.main import app

TINY = Path(__file__).parents[2] / "recipes" / "tiny.yaml"


def vary_plan(*arguments):
    return CliRunner().invoke(app, ["plan", *map(str, arguments)])


def test_a_table_tells_what_a_recipe_takes():
    result = vary_plan(TINY)
    assert result.exit_code == 0, result.output
    assert "223,170,816" in result.stdout
    assert "8 x H100" in result.stdout and "assumption" in result.stdout


def test_json_holds_the_same(recipe_file):
    result = vary_plan(recipe_file, "--json", "--mfu", "0.5", "--measure", "stages.read.steps=6")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["mfu"] == 0.5
    assert [stage["name"] for stage in told["stages"]] == ["draft", "read"]
    read = told["stages"][1]
    assert read["hours_1x_H100"] <= 8 * read["hours_8x_H100"] + 1e-3
    assert read["seconds_per_sample_here"] > 0


def test_a_slip_is_told(recipe_file):
    result = vary_plan(recipe_file, "stages.read.stepps=6")
    assert result.exit_code == 2
    assert "did you mean steps" in result.stderr
