import io
import json

import numpy as np
import pytest
from PIL import Image

from vary.data.schema import EncodedImage, Sample
from vary.data.shards import Run, generate
from vary.errors import InputError, VaryError
from vary.eval.data import extract_pictures
from vary.eval.records import Prompt, Response, write_records
from vary.eval.runner import score_response, worst_score
from vary.eval.tasks.chart import ChartTask

CHART = {"title": "Sales", "data": {"2013": "12.94%", "2014": "16.67%"}}
FULL = {
    "title": "Sales",
    "source": "Board",
    "x_title": "Year",
    "y_title": "None",
    "values": {"North": {"2013": 1, "2014": 2}, "South": {"2013": 3, "2014": 4}},
}
ALL = {"cells", "ap_strict", "ap_slight", "ap_high", "parsed"}


class Charts:
    """Makes one chart after the other; the wrong kind if it is told to."""

    name = "charts"

    def __init__(self, kind="chart", form="dict"):
        self.kind = kind
        self.form = form

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        file = io.BytesIO()
        Image.new("L", (8, 8), index).save(file, format="PNG")
        image = EncodedImage(file.getvalue(), "chart.png", 8, 8)
        chart = {**CHART, "data": {"2013": str(index)}}
        text = f"The dict of the chart is: {chart}" if index else "no dict"
        meta = json.dumps({"document": f"d{index}"})
        return Sample("", (image,), self.kind, "en", self.form, text, meta=meta)

    def length_hint(self, index: int) -> int:
        return 1

    def config(self) -> dict:
        return {"kind": self.kind}


@pytest.fixture
def make_charts(tmp_path):
    def make(truths, pictures):
        folder = tmp_path / "charts"
        folder.mkdir()
        for name, text in truths.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name in pictures:
            Image.new("L", (8, 8)).save(folder / name)
        return folder

    return make


def prompts(data):
    return {prompt.id: prompt for prompt in ChartTask().prompts(data)}


def test_a_generated_set(tmp_path):
    folder = tmp_path / "set"
    generate(Charts, Run(folder, count=3, seed=1, shard_size=2))
    found = list(prompts(folder).values())
    extract_pictures(folder, tmp_path / "out")
    assert found[1].truth == {"title": "Sales", "data": {"2013": "1"}}
    assert found[1].prompt == "Convert this chart to python-dict"
    assert (found[1].document, found[1].groups) == ("d1", {"language": "en"})
    assert [prompt.reason != "" for prompt in found] == [True, False, False]
    assert all((tmp_path / "out" / prompt.images[0]).is_file() for prompt in found)


def test_a_set_of_pages_is_refused(tmp_path):
    folder = tmp_path / "set"
    generate(lambda: Charts("document", "text"), Run(folder, count=1, seed=1, shard_size=1))
    with pytest.raises(InputError, match="is a document written as text"):
        prompts(folder)


def test_a_folder(make_charts):
    truths = {
        "a.json": json.dumps(FULL),
        "b.txt": f"The dict of the chart is: {CHART}",
        "c.txt": "| Year | Share |\n|---|---|\n| 2013 | 5 |\n| 2014 | 6 |",
        "d.txt": "| | A | A |\n|---|---|---|\n| x | 1 | 2 |",
        "e.txt": "words",
        "f.json": json.dumps(CHART),
        "h.txt": "| Year | Share |\n| 2013 | 5 |\n| 2013 | 6 |",
        "META.json": "{}",
        "SOURCES.txt": "words",
    }
    found = prompts(make_charts(truths, [f"{name}.png" for name in "abcdegh"]))
    reasons = {name: prompt.reason for name, prompt in found.items() if prompt.reason}
    assert reasons == {
        "e": "its truth is no dict and no table whose rows have names",
        "f": "no picture lies beside f.json",
        "g": "no g.json or g.txt lies beside it",
        "h": "its truth is no dict and no table whose rows have names",
    }
    assert found["a"].truth["values"]["South"] == {"2013": "3", "2014": "4"}
    assert found["b"].truth == CHART
    assert found["c"].truth == {"data": {"2013": "5", "2014": "6"}}
    assert found["d"].truth == {"data": {"A (1)": {"x": "1"}, "A (2)": {"x": "2"}}}
    assert found["a"].document == "a"
    assert found["a"].images[0].endswith("a.png")


def test_no_data(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        prompts(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        prompts(tmp_path / "absent")


@pytest.mark.parametrize("truth", [CHART, FULL])
def test_the_chart_itself_is_best(truth):
    task = ChartTask()
    prompt = Prompt("a", (), "", truth)
    for answer in (json.dumps(truth), f"The dict of the chart is: {truth}", task.text_of(prompt)):
        assert set(task.score(prompt, answer).values()) == {1.0}
    names = set(task.score(prompt, ""))
    assert names == (ALL | {"title"} if truth is CHART else ALL | {"title", "axes", "source"})


@pytest.mark.parametrize("answer", ["", "words", "{", str(CHART)[:-2]])
def test_no_whole_dict_is_the_worst(answer):
    task = ChartTask()
    prompt = Prompt("a", (), "", CHART)
    measured = task.score(prompt, answer)
    assert set(measured.values()) == {0.0}
    assert worst_score(task, prompt, "no answer").values == measured


def test_scores_by_hand():
    prompt = Prompt("a", (), "", FULL)
    answer = {
        "title": "Sale",
        "x_title": "Year",
        "values": {"North": {"2013": 1, "2014": 2}, "South": {"2013": 3, "2014": 9}},
    }
    measured = ChartTask().score(prompt, json.dumps(answer))
    assert measured["cells"] == 0.75
    # Three of five triples: the bars 0.50, 0.55 and 0.60.
    assert measured["ap_strict"] == measured["ap_high"] == 0.3
    assert ChartTask(rule="onechart").score(prompt, json.dumps(answer))["ap_strict"] == 0.2
    assert (measured["title"], measured["axes"], measured["source"]) == (0.8, 1.0, 0.0)
    assert measured["parsed"] == 1.0


def test_truths_that_come_with_their_answers():
    task = ChartTask()
    assert task.score(Prompt("a", (), "", str(CHART)), str(CHART))["cells"] == 1.0
    assert task.score(Prompt("a", (), "", {"data": {"a": 1.5}}), "{'a': 1.5}")["cells"] == 1.0
    with pytest.raises(InputError, match="no dict"):
        task.score(Prompt("a", (), "", "words"), str(CHART))
    broken = Prompt("a", (), "", "words")
    missing = score_response((task, broken, Response("a", None, "gone")))
    assert set(missing.values.values()) == {0.0}
    assert missing.reason == "gone"


def test_texts_for_people(tmp_path):
    prompt = Prompt("a", (), "", CHART)
    assert ChartTask().text_of(prompt).startswith('{\n    "title": "Sales"')
    assert ChartTask().length(prompt) == len(ChartTask().text_of(prompt))
    write_records([prompt], tmp_path / "prompts.jsonl")


def test_it_refuses_what_it_does_not_know():
    with pytest.raises(VaryError, match="structchart, onechart"):
        ChartTask(rule="strict").check()
