import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.chart.compose import KINDS, SIZES, chart_shape
from vary.data.engines.chart.engine import ChartConfig, build_chart_engine
from vary.data.engines.chart.target import PREFIX, parse_chart_dict
from vary.data.fonts import FontLibrary
from vary.data.shards import Run, generate
from vary.errors import InputError, VaryError

SEED = 3
CHARTS = range(24)


@pytest.fixture(scope="module")
def charts(engine):
    made = {}
    for index in CHARTS:
        try:
            made[index] = make_sample(engine, SEED, index)
        except Reject as error:
            print(index, error)
    return made


def test_most_charts_can_be_made(charts):
    assert len(charts) >= 0.85 * len(CHARTS)
    assert len({json.loads(chart.meta)["chart"] for chart in charts.values()}) > 8


def test_a_chart_is_a_chart(charts):
    for index, chart in charts.items():
        assert chart.id == f"chart/{SEED}/{index}"
        assert (chart.kind, chart.language, chart.format) == ("chart", "en", "dict")
        image = Image.open(io.BytesIO(chart.images[0].bytes))
        assert image.size == (chart.images[0].width, chart.images[0].height)
        assert chart.text.startswith(PREFIX + "{\n    ")


def test_the_target_has_the_shape_of_the_index(charts):
    for index, chart in charts.items():
        shape = chart_shape(index, KINDS)
        data = parse_chart_dict(chart.text)["data"]
        rows = list(data.values()) if shape.num_series > 1 else [data]
        assert len(rows) == shape.num_series
        assert {len(row) for row in rows} == {shape.num_points}


def test_every_name_of_the_target_stands_on_the_chart(charts):
    """Titles, series, categories, and values where they are labelled, are among the words."""
    for chart in charts.values():
        written = "".join(word.text for word in chart.words)
        target = parse_chart_dict(chart.text)
        meta = json.loads(chart.meta)
        nested = all(isinstance(row, dict) for row in target["data"].values())
        rows = target["data"].values() if nested else [target["data"]]
        names = [target["title"], *target["data"]]
        names += [name for row in rows for name in row]
        if meta["labels"]:
            names += [value for row in rows for value in row.values()]
        for name in names:
            assert "".join(name.split()) in written, name


def test_words_lie_on_the_picture_and_hold_ink(charts):
    for chart in charts.values():
        image = Image.open(io.BytesIO(chart.images[0].bytes)).convert("L")
        grey = np.asarray(image).astype(int)
        for word in chart.words:
            assert 0 <= word.x0 < word.x1 <= image.width
            assert 0 <= word.y0 < word.y1 <= image.height
            inside = grey[word.y0 : word.y1, max(word.x0 - 1, 0) : word.x1 + 1]
            assert inside.max() - inside.min() > 20, word


def test_unlabelled_values_are_multiples_of_what_can_be_read(charts):
    checked = 0
    for chart in charts.values():
        meta = json.loads(chart.meta)
        if meta["labels"] or meta["chart"] == "composite":
            continue
        (resolution,) = meta["resolution"]
        data = parse_chart_dict(chart.text)["data"]
        rows = data.values() if meta["series"] > 1 else [data]
        for value in (value for row in rows for value in row.values()):
            number = float("".join(c for c in value if c in "-.0123456789"))
            assert abs(number / resolution - round(number / resolution)) < 1e-6
            checked += 1
    assert checked > 20


def test_length_hints_follow_the_lengths(engine, charts):
    lengths = np.array([len(chart.text) for chart in charts.values()])
    hints = np.array([engine.length_hint(index) for index in charts])
    assert np.corrcoef(lengths, hints)[0, 1] > 0.9
    # The hints are for names of a real corpus; the few short texts here give shorter ones.
    assert 0.75 < hints.mean() / lengths.mean() < 1.3


def test_any_sample_can_be_made_alone(chart_config, charts):
    fresh = build_chart_engine(chart_config)
    for index in list(charts)[-2:]:
        assert make_sample(fresh, SEED, index) == charts[index]
    some = next(iter(charts))
    assert make_sample(fresh, SEED + 1, some).text != charts[some].text


def test_one_and_two_workers_make_the_same_bytes(chart_config, tmp_path):
    config = replace(chart_config, kinds=("bar", "pie"))
    hashes = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        run = Run(folder, 6, SEED, 3, workers)
        generate(partial(build_chart_engine, config), run, lambda shard: None)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        hashes.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert hashes[0] == hashes[1]


SCRIPT = """
import hashlib, sys
from pathlib import Path
from vary.data.engines.base import make_sample
from vary.data.engines.chart.engine import ChartConfig, build_chart_engine
config = ChartConfig(Path(sys.argv[1]), (Path(sys.argv[2]),), kinds=("composite",), dpi=(72, 80))
sample = make_sample(build_chart_engine(config), 3, 0)
print(hashlib.sha256(sample.images[0].bytes + sample.text.encode()).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_settings_of_the_user_change_nothing(text_folder, chart_fonts, tmp_path):
    """Neither a matplotlibrc nor a locale, a time zone, threads or an empty font cache."""
    (tmp_path / "matplotlibrc").write_text(
        "axes.facecolor: red\nfont.size: 30\nsavefig.dpi: 30\ntext.antialiased: False\n"
        "axes.unicode_minus: False\npatch.antialiased: False\n"
    )
    odd = {"MPLCONFIGDIR": str(tmp_path), "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}
    odd |= {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "OMP_NUM_THREADS": "4"}
    command = [sys.executable, "-c", SCRIPT, str(text_folder), str(chart_fonts)]
    told = [
        subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=True)
        for env in ({}, odd)
    ]
    assert told[0].stdout == told[1].stdout


def test_a_compact_target_is_the_dict_alone(engine):
    compact = type(engine)(
        replace(engine.options, target="compact"), engine.corpus, engine.fonts, engine.renderer
    )
    text = make_sample(compact, SEED, 2).text
    assert text.startswith('{"title": ') and "\n" not in text
    assert parse_chart_dict(text) == parse_chart_dict(make_sample(engine, SEED, 2).text)


def test_the_configuration_names_inputs_by_hash(engine):
    config = json.loads(json.dumps(engine.config()))
    assert "matplotlib" in config["renderer"]
    assert set(config["fonts"]) >= {"DejaVuSans.ttf", "DejaVuSerif.ttf"}
    assert "/" not in json.dumps(config["fonts"])
    assert len(config["text"]["sha256"]) == 64


class Lying:
    """A renderer that shows something else than it was asked to."""

    def __init__(self, renderer, change):
        self._renderer, self._change = renderer, change

    def draw(self, spec):
        drawn = self._renderer.draw(spec)
        return replace(drawn, shown=self._change(drawn.shown))

    def versions(self):
        return {}


@pytest.mark.parametrize(
    "change",
    [
        lambda shown: shown | {"title": shown["title"] + "x"},
        lambda shown: shown | {"data": dict(reversed(shown["data"].items()))},
        lambda shown: shown | {"data": {name + "x": v for name, v in shown["data"].items()}},
        lambda shown: shown | {"data": dict.fromkeys(shown["data"], "0")},
    ],
)
def test_a_picture_that_shows_something_else_is_rejected(engine, change):
    options = replace(engine.options, kinds=("bar",))
    lying = type(engine)(options, engine.corpus, engine.fonts, Lying(engine.renderer, change))
    with pytest.raises(Reject, match="target and picture differ"):
        make_sample(lying, SEED, 0)


def test_shapes_are_within_their_kinds_sizes():
    for index in range(300):
        shape = chart_shape(index, KINDS)
        least_series, most_series, least, most = SIZES[shape.kind]
        assert least_series <= shape.num_series <= most_series
        assert least <= shape.num_points <= most
    assert {chart_shape(index, KINDS).kind for index in range(300)} == set(KINDS)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kinds": ("bars",)}, "kinds bars: allowed are bar, bar-horizontal"),
        ({"kinds": ()}, "kinds is empty"),
        ({"language": "fr"}, "language fr: allowed are en, zh"),
        ({"target": "xml"}, "target xml: allowed are paper, compact"),
        ({"dpi": (200, 100)}, "dpi 200-100"),
        ({"labelled": 1.5}, "labelled 1.5"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, told):
    with pytest.raises(VaryError, match=told):
        ChartConfig(tmp_path, **options)


def test_fonts_without_the_characters_are_refused(chart_config):
    with pytest.raises(InputError, match="language zh"):
        build_chart_engine(replace(chart_config, language="zh"))


CHINESE = "港口向北敞开，冬天渡船在长堤后面等待风向改变；一年四季人们都来这里看海。" * 3


def test_chinese_charts(chart_config, tmp_path):
    (tmp_path / "zh.txt").write_text(
        "\n".join(CHINESE[start:] for start in range(40)), encoding="utf-8"
    )
    probe = "的一是年月中文数学國"
    try:
        fonts = FontLibrary.discover(None)
    except InputError:
        pytest.skip("no fonts are installed")
    able = [face for face in fonts.faces if not fonts.missing(face, probe)]
    if not able:
        pytest.skip("no Chinese font is installed")
    family = able[0].family
    config = ChartConfig(tmp_path, language="zh", dpi=(72, 80), include_fonts=(family,))
    engine = build_chart_engine(config)
    made = 0
    for index in range(6):
        try:
            chart = make_sample(engine, SEED, index)
        except Reject:
            continue
        made += 1
        assert any("\u4e00" <= c <= "\u9fff" for c in chart.text)
        parse_chart_dict(chart.text)
    assert made >= 4
