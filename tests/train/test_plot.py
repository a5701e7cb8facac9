import json

import pytest
from PIL import Image

from vary.train.plot import plot_metrics

ENTRIES = [
    {"stage": "draft", "step": 25, "loss": 3.0, "ctc": 3.0, "seconds_per_step": 0.5},
    {"stage": "draft", "step": 30, "ctc_error": 0.9},
    {"stage": "read", "step": 25, "ctc": 1.0, "text": 2.0, "seconds_per_step": 0.6},
    {"stage": "read", "step": 25, "ctc_error": 0.0, "text_error": 0.5, "draft_error": 0.4},
    # The run went on from step 10: what was logged between comes again.
    {"stage": "read", "step": 25, "ctc": 0.9, "text": 1.9, "seconds_per_step": 0.6},
]


def test_a_torn_line_is_passed_over(tmp_path):
    lines = [json.dumps(ENTRIES[0]), '{"stage": "draft", "st', json.dumps(ENTRIES[1])]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines), encoding="utf-8")
    plot_metrics(tmp_path / "metrics.jsonl", tmp_path / "metrics.png")
    assert (tmp_path / "metrics.png").stat().st_size > 0


@pytest.mark.parametrize("count", [0, 1, 2, len(ENTRIES)])
def test_any_number_of_points_is_drawn(tmp_path, count):
    lines = [json.dumps(entry) for entry in ENTRIES[:count]]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines), encoding="utf-8")
    plot_metrics(tmp_path / "metrics.jsonl", tmp_path / "metrics.png")
    with Image.open(tmp_path / "metrics.png") as picture:
        picture.load()
        assert min(picture.size) > 500
