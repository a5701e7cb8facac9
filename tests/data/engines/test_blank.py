import io
import json

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import make_sample
from vary.data.engines.blank.engine import KINDS, BlankConfig, build_blank_engine
from vary.data.engines.blank.figures import _DRAW, FORMS
from vary.data.engines.blank.scanner import add_noise
from vary.data.schema import read_samples, write_samples
from vary.errors import InputError, VaryError


@pytest.fixture(scope="module")
def engine(text_folder, font_folder):
    config = BlankConfig(text=text_folder, fonts=(font_folder,), long_side_px=(200, 320))
    return build_blank_engine(config)


def pixels(sample):
    with Image.open(io.BytesIO(sample.images[0].bytes)) as image:
        return np.asarray(image.convert("L"), float)


def test_samples_are_blank_and_of_each_kind_in_turn(engine, tmp_path):
    samples = [make_sample(engine, 1, index) for index in range(2 * len(KINDS))]
    assert [json.loads(sample.meta)["kind"] for sample in samples] == [*KINDS, *KINDS]
    for sample in samples:
        assert (sample.text, sample.words, sample.kind, sample.format) == (
            "", (), "document", "text",
        )  # fmt: skip
        assert 200 <= max(sample.images[0].width, sample.images[0].height) <= 320
    write_samples(samples, tmp_path / "a.parquet")
    assert list(read_samples(tmp_path / "a.parquet")) == samples


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(engine):
    for index in range(len(KINDS)):
        first = make_sample(engine, 1, index)
        assert make_sample(engine, 1, index) == first
        assert make_sample(engine, 2, index).images != first.images
    assert engine.length_hint(3) == 0


def test_every_figure_can_be_drawn(engine):
    assert set(_DRAW) == set(FORMS)
    for form in FORMS:
        canvas = np.full((180, 240, 3), 255, np.float32)
        _DRAW[form](canvas, np.random.default_rng(3), (20, 20, 220, 160))
        assert canvas.shape == (180, 240, 3)
        assert np.isfinite(canvas).all()
        assert canvas.min() < 230, form


@pytest.mark.parametrize("kind", ["ruled", "table", "stains", "holes", "frame", "figure"])
def test_marks_leave_something_and_most_of_the_paper(kind):
    engine = build_blank_engine(BlankConfig(kinds=(kind,), long_side_px=(300, 300), scanned=0.0))
    spread = [pixels(make_sample(engine, 5, index)) for index in range(12)]
    marked = [grey for grey in spread if (np.abs(grey - np.median(grey)) > 12).mean() > 0.0002]
    assert len(marked) >= 10


def test_paper_drawn_by_a_computer_is_of_one_colour():
    engine = build_blank_engine(BlankConfig(kinds=("paper",), long_side_px=(80, 90), scanned=0.0))
    sample = make_sample(engine, 1, 0)
    assert sample.images[0].path.endswith(".png")
    assert np.ptp(pixels(sample)) == 0


def test_scanned_paper_has_grain():
    engine = build_blank_engine(BlankConfig(kinds=("paper",), long_side_px=(300, 300), scanned=1.0))
    spreads = [pixels(make_sample(engine, 1, index)).std() for index in range(6)]
    assert max(spreads) > 1.0
    canvas = np.full((40, 30, 3), 128, np.float32)
    add_noise(canvas, np.random.default_rng(0))
    assert 0.3 < canvas.std() < 30


def test_the_other_side_shines_through_but_cannot_be_read(text_folder, font_folder):
    config = BlankConfig(
        kinds=("bleed",), text=text_folder, fonts=(font_folder,), long_side_px=(900, 900)
    )
    engine = build_blank_engine(config)
    samples = [make_sample(engine, 4, index) for index in range(3)]
    assert {sample.source for sample in samples} <= {"one.txt", "two.txt"}
    for index, sample in enumerate(samples):
        rng = np.random.default_rng(index)
        front = np.asarray(engine.other_side.draw(index, rng).image.convert("L"), float)
        # Faint and soft: no step from pixel to pixel comes near that of print.
        assert np.percentile(np.abs(np.diff(pixels(sample), axis=1)), 99.5) < 0.3 * (
            np.percentile(np.abs(np.diff(front, axis=1)), 99.5)
        )


def test_configuration_names_text_and_fonts_by_hash(engine, text_folder):
    config = engine.config()
    assert len(config["text"]["sha256"]) == 64
    assert list(config["fonts"]) == ["aileron.ttf"]
    assert str(text_folder) not in json.dumps(config)
    without = build_blank_engine(BlankConfig(kinds=("paper",))).config()
    assert without == {"kinds": ("paper",), "long_side_px": (1000, 1700), "scanned": 0.6}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ("wall",)}, "allowed are paper"),
        ({"kinds": ()}, "kinds are empty"),
        ({}, "kind bleed shows the other side of a page: give text"),
        ({"kinds": ("paper",), "long_side_px": (300, 200)}, "the lower first"),
        ({"kinds": ("paper",), "scanned": -0.1}, "from 0 to 1"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(VaryError, match=message):
        BlankConfig(**options)


def test_missing_text_is_named(tmp_path):
    with pytest.raises(InputError, match="no text folder"):
        build_blank_engine(BlankConfig(text=tmp_path / "none"))
