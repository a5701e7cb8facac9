import ast

import numpy as np
import pytest
import torch
from PIL import Image

from vary.checkpoints import find_checkpoint
from vary.data.engines.chart.target import chart_dict_text, parse_chart_dict
from vary.eval.metrics.chart_dict import ChartDict, cell_accuracy
from vary.read.charts.way import Charts, chart_text
from vary.read.reader import Reader
from vary.read.recognizer import only_characters

HEAD = {"input": "x.png", "page": 1, "num_pages": 1}


class Nobody:
    """Reads nothing, and tells nobody."""

    tasks = ("ocr", "chart")

    def read(self, strips):
        raise AssertionError("there is nothing to read")


class Known:
    """Reads the strips of one chart, whose texts it knows."""

    tasks = ("ocr", "chart")

    def __init__(self, chart, seen):
        self.texts = {
            strip.tobytes(): reading
            for strip, reading in zip(seen.strips, chart.readings(seen), strict=True)
        }

    def read(self, strips):
        return [self.texts[strip.tobytes()] for strip in strips]


def test_the_text_is_the_target_of_the_engine():
    data = {"a series": {"Größe": "5%", "年": "7%"}}
    assert chart_text("A title", data) == chart_dict_text({"title": "A title", "data": data})


def test_a_chart_is_read_in_batches(charts):
    chart = charts[0]
    way = Charts(Nobody(), 4)
    page = way.prepare(chart.image)
    way.recognizer = Known(chart, page.seen)
    result = way.result(HEAD, page, way.read(page.pieces))
    assert result.status == "ok"
    told = parse_chart_dict(result.text)
    pytest.importorskip("rapidfuzz")
    assert cell_accuracy(ChartDict.from_dict(told), ChartDict.from_dict(chart.truth)) >= 0.5
    assert {line.text for line in result.lines} >= set(told["data"])
    assert 0 < result.confidence <= 1


def test_an_empty_picture_is_blank():
    way = Charts(Nobody(), 4)
    page = way.prepare(Image.new("RGB", (300, 200), "white"))
    result = way.result(HEAD, page, way.read(page.pieces))
    assert (result.status, result.reason) == ("blank", "no text found")


def test_a_picture_of_noise_is_refused():
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    way = Charts(Nobody(), 4)
    page = way.prepare(Image.fromarray(noise))

    class Mumbler:
        def read(self, strips):
            from vary.read.charts.texts import Reading

            return [Reading("m", 0.4)] * len(strips)

    way.recognizer = Mumbler()
    result = way.result(HEAD, page, way.read(page.pieces))
    assert result.text == ""
    assert result.status == "blank" or "no chart" in result.reason


def test_a_reader_reads_charts_when_told_so():
    reader = Reader(Nobody())
    pages = reader.way
    reader.use_task("chart")
    assert isinstance(reader.way, Charts)
    result = reader.read_document(Image.new("RGB", (300, 200), "white")).pages[0]
    assert result.status == "blank"
    reader.use_task("ocr")
    assert reader.way is pages


def test_only_some_characters():
    logits = torch.tensor([[[0.0, 1.0, 5.0, 2.0]]])
    assert only_characters(logits, "abc", "") is logits
    allowed = only_characters(logits, "abc", "ac")
    assert allowed.argmax(-1).item() == 3
    assert allowed[0, 0, 2] == float("-inf")


@pytest.mark.slow
def test_nano_reads_drawn_charts(charts):
    pytest.importorskip("rapidfuzz")
    reader = Reader.from_pretrained(find_checkpoint("nano"), device="cpu")
    reader.use_task("chart")
    scores = []
    for chart in charts[:8]:
        page = reader.read_document(chart.image).pages[0]
        told = ast.literal_eval(page.text.split(": ", 1)[1]) if page.text else {"data": {}}
        scores.append(cell_accuracy(ChartDict.from_dict(told), ChartDict.from_dict(chart.truth)))
    assert np.mean(scores) >= 0.7
