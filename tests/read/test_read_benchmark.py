"""The figures of `benchmarks/read.py`, and the processes that it asks."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from vary.eval.records import Prompt, Response

pytest.importorskip("rapidfuzz")
FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def scripts():
    """The modules `read` and `readers`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        loaded = {}
        for name in ("readers", "read"):
            spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
            loaded[name] = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, name, loaded[name])
            spec.loader.exec_module(loaded[name])
        yield SimpleNamespace(**loaded)


@pytest.fixture
def prompts():
    truths = {"a": ("en", "word " * 200), "b": ("en", "word  \n" * 600), "c": ("zh", "字" * 100)}
    return {
        name: Prompt(name, (f"{name}.png",), "", truth, groups={"language": language})
        for name, (language, truth) in truths.items()
    }


def run(**seconds):
    responses = {
        name: Response(name, None if s is None else "x", "", s, {"peak_mb": 100, "cpu_seconds": 9})
        for name, s in seconds.items()
    }
    return SimpleNamespace(name="vary", responses=responses)


def test_speeds(scripts, prompts):
    speed = scripts.read.speed_of(run(a=1.0, b=5.0, c=3.0), prompts)
    assert (speed.pages, speed.missing, speed.peak_mb) == (3, 0, 100)
    assert (speed.seconds_per_page, speed.median_seconds) == (3.0, 3.0)
    assert speed.cpu_seconds_per_page == 9
    # 999 and 2,999 letters and blanks, and 100 characters, in nine seconds.
    assert speed.characters_per_second == pytest.approx((999 + 2999 + 100) / 9)
    # 800 words of English pages took six seconds.
    assert speed.seconds_per_400_words == pytest.approx(3.0)


def test_a_language_alone_and_pages_without_an_answer(scripts, prompts):
    speed = scripts.read.speed_of(run(a=2.0, b=None, c=3.0), prompts, "en")
    assert (speed.pages, speed.missing, speed.seconds_per_page) == (1, 1, 2.0)
    assert speed.seconds_per_400_words == 4.0
    chinese = scripts.read.speed_of(run(a=2.0, b=None, c=3.0), prompts, "zh")
    assert chinese.seconds_per_400_words is None
    assert scripts.read.speed_of(run(b=None), prompts).characters_per_second == 0


def test_rows_have_the_columns_of_their_head(scripts, prompts):
    metrics = {
        "edit_distance": {"value": 0.01, "low": 0.005, "high": 0.02},
        "f1": {"value": 0.9, "low": None, "high": None},
    }
    speed = scripts.read.speed_of(run(a=1.0, b=5.0, c=3.0), prompts)
    row = scripts.read.row_of("vary", metrics, speed)
    assert len(row) == len(scripts.read.HEAD)
    for told in ("0.0100 [0.0050, 0.0200]", "0.9000 no interval", " 3.00 ", " 455 ", " 100 "):
        assert told in row


def test_unknown_rows_are_refused(scripts):
    with pytest.raises(SystemExit, match="there are vary,vary-bf16"):
        scripts.readers.find_peers(["vari"], "nano", sys.executable)


@pytest.mark.parametrize("row", ["vary-fp32", "vary-int8", "generate"])
def test_a_process_answers_page_after_page(row, tmp_path, draw_page):
    draw_page(["the harbour lies open"]).save(tmp_path / "one.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    asked = f"{tmp_path / 'one.png'}\n{tmp_path / 'bad.png'}\n"
    command = [sys.executable, str(FOLDER / "readers.py"), row, "nano"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    ready, first, second = done.stdout.split("\n")[:3]
    assert ready == ""
    told = json.loads(first)
    assert isinstance(told["answer"], str)
    if row != "generate":  # the bundled language model reads only beside its drafts
        assert "harbour" in told["answer"]
    assert told["seconds"] > 0
    assert told["cpu_seconds"] > 0
    assert json.loads(second)["answer"] is None
    assert json.loads(second)["reason"]
