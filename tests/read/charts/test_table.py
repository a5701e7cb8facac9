import numpy as np
import pytest
from PIL import Image, ImageDraw

from vary.eval.metrics.chart_dict import ChartDict, cell_accuracy
from vary.read.charts.seen import see_chart
from vary.read.charts.surfaces import find_surfaces
from vary.read.charts.table import read_table
from vary.read.charts.texts import Text

SIZE = (48, 1536)


def read(chart):
    seen = see_chart(chart.image, SIZE)
    return read_table(seen.canvas, seen.texts(chart.readings(seen)))


def test_charts_are_read_by_one_who_reads_their_texts(charts):
    pytest.importorskip("rapidfuzz")
    scores = {}
    for chart in charts:
        table = read(chart)
        score = cell_accuracy(ChartDict.from_dict(table.dict), ChartDict.from_dict(chart.truth))
        scores.setdefault(chart.meta["chart"], []).append(score)
    assert set(scores) == {"bar", "bar-horizontal", "line", "pie", "donut"}
    assert np.mean([np.mean(rows) for rows in scores.values()]) >= 0.85
    for kind in ("bar", "line", "pie"):
        assert np.mean(scores[kind]) >= 0.75, scores


def test_most_titles_are_found(charts):
    titled = [chart for chart in charts if chart.truth["title"]]
    right = [read(chart).title.split() == chart.truth["title"].split() for chart in titled]
    assert np.mean(right) >= 0.7


def text(told, x, y, *, width=40, size=12.0):
    box = (round(x - width / 2), round(y - 6), round(x + width / 2), round(y + 6))
    return Text(told, box, 0.9, ground=0, size_px=size)


def bars(heights, *, colors=((200, 60, 40),), width=30):
    """Return a chart of bars that stand at x = 100, 180, ... on y = 300."""
    image = Image.new("RGB", (600, 400), "white")
    draw = ImageDraw.Draw(image)
    for index, height in enumerate(heights):
        x = 100 + 80 * index
        box = (x - width // 2, 300 - height, x + width // 2, 300)
        draw.rectangle(box, fill=colors[index % len(colors)])
    return find_surfaces(np.asarray(image))


def upright(values, heights):
    names = [text(name, 100 + 80 * at, 315) for at, name in enumerate(("red", "green", "blue"))]
    labels = [
        text(v, 100 + 80 * at, 290 - h)
        for at, (v, h) in enumerate(zip(values, heights, strict=True))
    ]
    ticks = [text(str(v), 40, 300 - 2 * v, width=20) for v in (0, 50, 100)]
    return [text("A chart of colours", 300, 20, width=200, size=20.0), *names, *labels, *ticks]


def test_bars_with_names_below_and_values_above():
    heights = (80, 160, 120)
    table = read_table(bars(heights), upright(("40", "80", "60"), heights))
    assert table.title == "A chart of colours"
    assert table.data == {"red": "40", "green": "80", "blue": "60"}
    assert table.confidence == pytest.approx(0.9)


def test_a_value_that_its_bar_contradicts_is_mended():
    heights = (80, 160, 120)
    table = read_table(bars(heights), upright(("40", "30", "60"), heights))
    assert table.data["green"] == "80"
    assert table.confidence < 0.9


def test_without_values_there_is_no_chart():
    heights = (80, 160, 120)
    texts = [one for one in upright(("x", "y", "z"), heights) if len(one.text) > 1]
    table = read_table(bars(heights), texts)
    assert table.data == {}
    assert "no values" in table.reason


def test_without_texts_there_is_no_chart():
    assert read_table(bars((10, 20)), []).reason == "no text found"
