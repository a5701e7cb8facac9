"""The figures of `benchmarks/reliability.py`."""

import importlib.util
import json
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from vary.checkpoints import find_checkpoint
from vary.read.calibration import (
    Calibration,
    OddsMap,
    SeenWord,
    load_calibration,
    weights_digest,
)
from vary.read.results import LineResult, PageResult, WordResult

pytest.importorskip("rapidfuzz")


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "benchmarks" / "reliability.py"
    spec = importlib.util.spec_from_file_location("reliability", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "reliability", module)
        spec.loader.exec_module(module)
        yield module


def line(text, confidence=0.9, parts=None):
    words = [
        WordResult(word, (0, 0, 1, 1), confidence, (confidence,) * len(word))
        for word in parts or text.split()
    ]
    return LineResult((0, 0, 1, 1), text, confidence, "ctc", words=tuple(words))


def right(script, texts, truth):
    return [own for own, _ in script.judge_lines([line(text) for text in texts], truth)]


def test_words_are_right_where_the_truth_has_them(script):
    found = right(script, ["the cat sot", "on the mat"], "the cat sat\non the  mat")
    assert found == [[True, True, False], [True, True, True]]
    # Words that were joined, parted, or cut are wrong, though all of their letters stand there.
    assert right(script, ["thecat sat x"], "the cat sat x") == [[False, True, True]]
    assert right(script, ["the c at sat"], "the cat sat") == [[True, False, False, True]]
    assert right(script, ["he cat sat"], "the cat sat") == [[False, True, True]]
    assert right(script, ["the sat"], "the cat sat") == [[True, True]]


def test_lines_in_another_order_are_right(script):
    truth = "one long line of text\nand another line here"
    assert right(script, truth.split("\n")[::-1], truth) == [[True] * 4, [True] * 5]


def test_chinese_is_judged_without_white_space(script):
    lines = [line("你 好世界", parts=["你", "好", "世", "界"])]
    assert script.judge_lines(lines, "你好\n世 界") == [([True] * 4, 1.0)]
    lines = [line("你好地", parts=["你", "好", "地"])]
    assert script.judge_lines(lines, "你好的人") == [([True, True, False], 2 / 3)]


def test_bins_and_the_calibration_error(script):
    confidence = np.array([0.05, 0.95, 0.91, 1.0])
    bins = script.bins_of(confidence, np.array([0.0, 1, 1, 0]), np.array([1.0, 1, 1, 1]))
    assert [(b.low, b.weight) for b in bins] == [(0.0, 1), (0.9, 3)]
    assert bins[1].right == pytest.approx(2 / 3)
    assert bins[1].confidence == pytest.approx(np.mean([0.95, 0.91, 1.0]))
    wanted = (0.05 + 3 * abs(bins[1].confidence - 2 / 3)) / 4
    assert script.calibration_error(bins) == pytest.approx(wanted)


def test_words_weigh_alike_and_lines_by_characters(script):
    page = PageResult("a", 1, 1, "ok", lines=(line("abcdefgh xy", 0.8), line("zz", 0.6)))
    seen = script.seen_lines(page, "abcdefgh xy\nqq")
    assert [one.share for one in seen] == [1.0, 0.0]
    found = script.measure(seen, Calibration())
    assert sum(b.weight for b in found.words) == 3
    assert sum(b.weight for b in found.lines) == 12
    # Eight letters of 0.8 make a word of 0.17.
    assert found.words[0].confidence == pytest.approx(0.8**8)
    told = script.measure(seen, Calibration(other=OddsMap(1.0, 4.0)))
    assert told.words[-1].confidence > 0.9
    assert told.lines[-1].confidence > 0.9


def test_the_table_and_the_plot_show_both(script, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    seen = [
        script.SeenLine(0.9, 1.0, (SeenWord("ab", (0.9, 0.9), True),)),
        script.SeenLine(0.3, 0.0, (SeenWord("c", (0.3,), False),)),
    ]
    pair = script.measure(seen, Calibration()), script.measure(seen, Calibration(other=OddsMap(3)))
    script.show("some pages", *pair)
    told = capsys.readouterr().out
    assert "0.8 to 0.9          1   0.810   1.000" in told
    assert "error of words: 0.2450" in told
    script.plot({"some pages": pair}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 5000


def test_pages_of_a_folder(script, tmp_path, draw_page):
    for name in ("b", "a", "c"):
        draw_page([name]).save(tmp_path / f"{name}.png")
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    found = [(path.name, truth) for path, truth in script.pages_of(tmp_path)]
    assert found == [("a.png", "a"), ("b.png", "b")]


def test_a_checkpoint_is_measured_and_fitted(script, tmp_path, draw_page, monkeypatch, capsys):
    """The whole run, on a copy of the bundled checkpoint and a page that it reads."""
    model = tmp_path / "model"
    copytree(find_checkpoint("nano"), model)
    (model / "calibration.json").unlink(missing_ok=True)
    lines = ["the harbour lies open", "to the north, and in winter", "the ferries wait"]
    pages = tmp_path / "pages"
    pages.mkdir()
    draw_page(lines).save(pages / "one.png")
    (pages / "one.txt").write_text("\n".join(lines))
    out = tmp_path / "out"
    arguments = [str(pages), "--model", str(model), "--out", str(out), "--fit"]
    monkeypatch.setattr(sys, "argv", ["reliability.py", *arguments])
    script.main()
    assert load_calibration(model) == Calibration(
        weights_sha256=weights_digest(model), measured_on="pages"
    )  # so few characters change nothing
    told = json.loads((out / "reliability.json").read_text())
    assert sum(b["weight"] for b in told["pages"]["own"]["words"]) >= 10
    assert told["pages"]["own"] == told["pages"]["told"]
    assert "expected calibration error of words" in capsys.readouterr().out
