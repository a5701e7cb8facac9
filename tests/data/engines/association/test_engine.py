import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra data)")

from vary.data.engines.association.engine import AssociationConfig, build_association_engine
from vary.data.engines.base import Reject, make_sample
from vary.data.engines.chart.target import parse_chart_dict
from vary.errors import InputError, VaryError

KINDS: dict[str, list[list[float]]] = {
    "bar": [[120, 85.5, 240]],
    "grouped": [[12, 8, 24], [9, 14, 11]],
    "stacked": [[12, 8, 24], [9, 14, 11]],
    "line": [[12, 8, 24, 20]],
    "pie": [[50, 30, 20]],
}


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    lines = []
    for kind, rows in KINDS.items():
        names = ["Ships", "Boats"] if len(rows) > 1 else [""]
        lines.append(
            {
                "kind": kind,
                "title": f"Harbour traffic shown as {kind}",
                "category_title": "Season",
                "value_title": "Vessels",
                "prefix": "",
                "suffix": "%",
                "categories": ["Spring", "Summer", "Autumn", "Winter"][: len(rows[0])],
                "series": [
                    {"name": name, "values": row} for name, row in zip(names, rows, strict=True)
                ],
                "source": "made up",
            }
        )
    file = tmp_path / "stories.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def build(stories: Path, fonts: Path, **options: Any) -> Any:
    config = {"library": "matplotlib", "dpi": (72, 90)} | options
    return build_association_engine(AssociationConfig(stories, (fonts,), **config))


def test_a_chart_shows_its_story(stories, font_folder):
    engine = build(stories, font_folder)
    assert len(engine) == 5
    seen = 0
    for index in range(15):
        try:
            sample = make_sample(engine, 3, index)
        except Reject:
            continue
        seen += 1
        story = engine.stories[index % 5]
        chart = parse_chart_dict(sample.text)
        assert chart["title"] in {story.title, ""}
        data = chart["data"]
        rows = [data] if len(story.series) == 1 else [data[part.name] for part in story.series]
        for row, part in zip(rows, story.series, strict=True):
            assert tuple(row) == story.categories
            assert [float(text.rstrip("%")) for text in row.values()] == list(part.values)
        assert sample.source == "made up" and json.loads(sample.meta)["story"] == index % 5
        assert sample.words and sample.text.startswith("The dict of the chart is: ")
    assert seen >= 12


def test_the_same_index_gives_the_same_bytes(stories, font_folder):
    one, two = (make_sample(build(stories, font_folder), 3, 0) for _ in range(2))
    assert one == two
    other = make_sample(build(stories, font_folder), 4, 0)
    assert other.images != one.images and "Harbour" in one.text


def test_the_configuration_knows_its_stories(stories, font_folder):
    before = build(stories, font_folder).config()
    text = stories.read_text()
    stories.write_text(text.replace("Harbour", "Airport", 1))
    after = build(stories, font_folder).config()
    assert before["stories"]["sha256"] != after["stories"]["sha256"]
    assert json.dumps(before)


def test_what_cannot_be_made_is_said(stories, font_folder, tmp_path):
    with pytest.raises(InputError, match="vary data stories"):
        build(tmp_path / "none.jsonl", font_folder)
    with pytest.raises(VaryError, match="matplotlib, echarts, both"):
        build(stories, font_folder, library="plotly")
    with pytest.raises(VaryError, match="dpi"):
        build(stories, font_folder, dpi=(10, 90))


def test_length_hints_are_near(stories, font_folder):
    engine = build(stories, font_folder, target="compact")
    rng = np.random.default_rng(0)
    sample = engine.sample(0, rng)
    assert 0.5 < engine.length_hint(0) / len(sample.text) < 2.0
