import json
import os
import pickle
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyecharts", reason="pyecharts is not installed (extra data)")
pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra data)")

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.chart.echarts_process import (
    PACKAGES,
    NodeWorker,
    default_modules,
    install_command,
)
from vary.data.engines.chart.echarts_renderer import EchartsRenderer
from vary.data.engines.chart.either import AnyRenderer
from vary.data.engines.chart.engine import ChartConfig, build_chart_engine
from vary.data.engines.chart.target import parse_chart_dict
from vary.errors import VaryError

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_packages = pytest.mark.skipif(
    shutil.which("node") is None or not (default_modules() / "node_modules" / "echarts").is_dir(),
    reason="node or the npm packages of ECharts are not installed",
)
# Stands in for the worker: what it does is told by the requests.
ODD_WORKER = """
import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, what } = JSON.parse(line);
  if (what === 'die') { console.error('TypeError: odd'); process.exit(3); }
  if (what === 'hang') continue;
  if (what === 'noise') { console.log('noise'); continue; }
  const report = { id: what === 'other' ? id + 1 : id, bytes: what === 'short' ? 9 : 3, rss: 1 };
  if (what === 'fail') report.error = 'it did not work';
  process.stdout.write(JSON.stringify({ ...report, pid: process.pid }) + '\\n' + 'abc');
  if (what === 'short') process.exit(0);
}
"""


@pytest.fixture
def odd(tmp_path: Path) -> Any:
    (tmp_path / "node_modules" / "echarts").mkdir(parents=True)
    script = tmp_path / "odd.mjs"
    script.write_text(ODD_WORKER)
    worker = NodeWorker(tmp_path, script=script)
    yield worker
    worker.stop()


@pytest.fixture(scope="module")
def engine(text_folder: Path, font_folder: Path) -> Any:
    config = ChartConfig(text_folder, (font_folder,), library="echarts", dpi=(72, 90))
    made = build_chart_engine(config)
    yield made
    made.renderer.renderers["echarts"].worker.stop()


@needs_node
@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("die", "chart worker died: ended: TypeError: odd"),
        ("hang", "chart worker hung: no answer in 2 s"),
        ("noise", "chart worker died"),
        ("other", "chart worker died: an answer to another request"),
        ("short", "chart worker died: ended within a picture"),
        ("fail", "chart worker failed: it did not work"),
    ],
)
def test_a_worker_that_fails_is_a_reject_and_the_next_one_works(odd, what, reason):
    # Long enough for Node to start on a busy machine.
    odd.timeout_s = 2.0 if what == "hang" else 60.0
    with pytest.raises(Reject, match=reason):
        odd.ask({"what": what})
    odd.timeout_s = 60.0
    report, content = odd.ask({"what": "good"})
    assert content == b"abc" and report["bytes"] == 3


@needs_node
def test_a_worker_stays_up_and_is_not_pickled(odd):
    first, _ = odd.ask({"what": "good"})
    again, _ = odd.ask({"what": "good"})
    assert first["pid"] == again["pid"]
    other = pickle.loads(pickle.dumps(odd))
    elsewhere, _ = other.ask({"what": "good"})
    assert elsewhere["pid"] != first["pid"]
    other.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(elsewhere["pid"], 0)


def test_what_is_missing_is_said_in_a_line(tmp_path, monkeypatch):
    worker = NodeWorker(tmp_path)
    if shutil.which("node"):
        with pytest.raises(VaryError, match="npm install --prefix"):
            worker.versions()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VaryError, match="node is not installed"):
        worker.versions()


def test_the_command_has_the_pinned_versions():
    pinned = json.loads(PACKAGES.read_text())["dependencies"]
    command = install_command(Path("folder"))
    assert set(pinned) == {"echarts", "@napi-rs/canvas"}
    assert all(f" {name}@{version}" in command for name, version in pinned.items())


@needs_packages
def test_charts_show_their_targets(engine):
    kinds: Counter[str] = Counter()
    rejects = 0
    for index in range(40):
        try:
            sample = make_sample(engine, 5, index)
        except Reject:
            rejects += 1
            continue
        chart = parse_chart_dict(sample.text)
        meta = json.loads(sample.meta)
        kinds[meta["chart"]] += 1
        assert meta["renderer"] == "echarts" and chart["data"]
        image = sample.images[0]
        written = "".join(word.text for word in sample.words)
        for word in sample.words:
            assert 0 <= word.x0 < word.x1 <= image.width and 0 <= word.y0 < word.y1 <= image.height
        for name in chart["data"]:
            assert all(part in written for part in name.split())
    assert rejects <= 8 and len(kinds) >= 9


@needs_packages
def test_any_worker_gives_the_same_bytes(engine):
    indices = _good(engine, 3)
    first = [make_sample(engine, 5, index) for index in indices]
    other = pickle.loads(pickle.dumps(engine))
    assert [make_sample(other, 5, index) for index in indices[::-1]] == first[::-1]
    other.renderer.renderers["echarts"].worker.stop()


@needs_packages
def test_a_killed_worker_changes_nothing(engine):
    (index,) = _good(engine, 1)
    first = make_sample(engine, 5, index)
    worker = engine.renderer.renderers["echarts"].worker
    worker._process.kill()
    worker._process.wait()
    assert make_sample(engine, 5, index) == first


@needs_packages
@pytest.mark.parametrize("change", ["value", "label", "title"])
def test_a_chart_that_shows_something_else_is_refused(engine, monkeypatch, change):
    renderer = engine.renderer.renderers["echarts"]
    honest = renderer.worker.ask

    def lying(request: dict[str, Any]) -> Any:
        option = request["option"]
        if change == "title":
            option["title"][0]["text"] = "Another title"
        elif change == "value":
            option["series"][0]["data"][0]["value"] *= 0.8
        else:
            option["series"][0]["data"][0]["label"]["formatter"] = {"$text": "1234567"}
        return honest(request)

    index = next(at for at in range(200) if _is_labelled_bar(engine, at))
    make_sample(engine, 5, index)
    monkeypatch.setattr(renderer.worker, "ask", lying)
    with pytest.raises(Reject, match="differ"):
        make_sample(engine, 5, index)


@needs_packages
def test_the_configuration_names_what_draws(engine):
    config = engine.config()
    assert config["library"] == "echarts" and "node_modules" not in config
    assert {"echarts", "canvas", "node", "pyecharts"} <= set(config["renderer"])


def test_both_libraries_draw_about_half(engine_specs):
    either = AnyRenderer({"matplotlib": EchartsRenderer(), "echarts": EchartsRenderer()})
    counts = Counter(either.library_of(spec) for spec in engine_specs)
    assert min(counts["matplotlib"], counts["echarts"]) >= 8


@pytest.fixture(scope="module")
def engine_specs(text_folder: Path, font_folder: Path) -> Any:
    from vary.data.engines.base import sample_rng
    from vary.data.engines.chart.texts import ChartTexts

    made = build_chart_engine(ChartConfig(text_folder, (font_folder,)))
    specs = []
    for index in range(60):
        rng = sample_rng(5, "chart", index)
        try:
            specs.append(made.compose(index, rng, ChartTexts(made.corpus, "en", rng)))
        except Reject:  # the font lacks a currency's sign
            continue
    return specs


def _good(engine: Any, num: int) -> list[int]:
    """The first indices that give a chart."""
    found = []
    for index in range(60):
        try:
            make_sample(engine, 5, index)
        except Reject:
            continue
        found.append(index)
        if len(found) == num:
            break
    return found


def _is_labelled_bar(engine: Any, index: int) -> bool:
    try:
        meta = json.loads(make_sample(engine, 5, index).meta)
    except Reject:
        return False
    title = parse_chart_dict(make_sample(engine, 5, index).text)["title"]
    return meta["chart"] == "bar" and meta["labels"] and bool(title)


@needs_packages
def test_each_line_of_a_text_has_its_own_width(engine, font_folder):
    """ECharts tells the longest line's for all of them."""
    worker = engine.renderer.renderers["echarts"].worker
    font = {"fontFamily": "f", "fontSize": 20, "fontWeight": "normal", "lineHeight": 24}
    title = {"text": "A long first line\nshort", "left": "center", "textStyle": font, "padding": 0}
    sides = {"top": ["title"], "bottom": [], "left": [], "right": []}
    request = {
        "width": 400,
        "height": 300,
        "fonts": [{"family": "f", "path": str(font_folder / "aileron.ttf"), "index": 0}],
        "option": {"title": [title], "legend": [{"data": []}], "grid": [{}], "series": []},
        "layout": {**sides, "note": 1, "padding": 5, "gap": 9, "round": False},
    }
    report, pixels = worker.ask(request)
    first, second = report["texts"]
    assert first["width"] > 2 * second["width"] > 40
    assert first["x"] == pytest.approx(second["x"], abs=1) == pytest.approx(200, abs=1)
    assert second["y"] - first["y"] == pytest.approx(24)
    assert len(pixels) == 400 * 300 * 4
