"""`benchmarks/scoring.py` at a small size."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

from vary.eval.metrics import contains_chinese, edit_distance

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scoring.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("scoring_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_have_their_length_and_language(script, language):
    text = script.page(language, random.Random(0))
    assert len(text) == script.NUM_CHARACTERS
    assert contains_chinese(text) is (language == "zh")
    assert text.count("\n") > 20
    assert text == script.page(language, random.Random(0))


def test_errors_follow_their_rate(script):
    text = script.page("en", random.Random(0))
    assert script.misread(text, 0.0, random.Random(1)) == text
    distances = [
        edit_distance(script.misread(text, rate, random.Random(1)), text)
        for rate in (0.01, 0.05, 0.2)
    ]
    assert 0 < distances[0] < distances[1] < distances[2] < 0.4


def test_pairs_are_half_and_half_and_can_be_made_again(script):
    pairs = script.make_pairs(4, seed=3)
    assert [contains_chinese(truth) for _, truth in pairs] == [False, True, False, True]
    assert pairs == script.make_pairs(4, seed=3)
    assert pairs != script.make_pairs(4, seed=4)


def test_a_small_run_prints_its_seconds(script, monkeypatch, capsys):
    monkeypatch.setattr(
        sys, "argv", ["scoring.py", "--pairs", "4", "--workers", "1", "--sample", "0"]
    )
    assert script.main() == 0
    assert "4 pairs of 3000 characters" in " ".join(capsys.readouterr().out.split())


def test_a_check_of_few_pairs_is_refused(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scoring.py", "--pairs", "10", "--check"])
    with pytest.raises(SystemExit):
        script.main()
    assert "2000 pairs or more" in capsys.readouterr().err
