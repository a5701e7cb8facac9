"""Calibrated confidences: the maps, their file, and the fit."""

import json

import numpy as np
import pytest

from vary.checkpoints import bundled_checkpoints
from vary.errors import VaryError
from vary.read.calibration import (
    CALIBRATION_FILE,
    Calibration,
    OddsMap,
    SeenWord,
    fit_calibration,
    load_calibration,
    weights_digest,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


def test_a_map_keeps_the_order_and_its_middle():
    sharper = OddsMap(2.0, 0.0)
    values = [sharper(p) for p in (0.0, 0.01, 0.3, 0.5, 0.7, 0.99, 1.0)]
    assert values == sorted(values)
    assert values[3] == 0.5
    assert values[2] == pytest.approx(0.09 / (0.09 + 0.49))  # the odds are squared
    assert 0 < values[0] < 1e-9 < 1 - 1e-9 < values[-1] < 1
    assert OddsMap()(0.3) == 0.3
    assert OddsMap(1.0, 2.0)(0.5) > 0.85


@pytest.mark.parametrize(
    "wrong", [OddsMap(0.0), OddsMap(-1.0), OddsMap(float("nan")), OddsMap(1.0, float("inf"))]
)
def test_maps_that_keep_no_order_are_refused(wrong):
    with pytest.raises(VaryError, match="keeps no order"):
        Calibration(other=wrong)


def test_characters_have_the_map_of_their_kind():
    calibration = Calibration(wide=OddsMap(1.0, 5.0), other=OddsMap(1.0, -5.0))
    low, high, wide_mark, middle = calibration.characters("a中，1", [0.5] * 4)
    assert low == middle < 0.01
    assert high == wide_mark > 0.99


def test_a_calibration_lies_in_the_folder_of_its_weights(folder):
    assert load_calibration(folder) == Calibration()
    saved = Calibration(OddsMap(1.5, 0.25), OddsMap(0.5), weights_digest(folder), "some pages")
    saved.save(folder)
    assert load_calibration(folder) == saved
    (folder / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(VaryError, match=r"other weights.*--fit, or remove it"):
        load_calibration(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"wide": {"slope": "x"}}', '{"wide": 1}'])
def test_a_damaged_file_is_named(folder, content):
    (folder / CALIBRATION_FILE).write_text(content)
    with pytest.raises(VaryError, match=r"calibration\.json is no calibration"):
        load_calibration(folder)


def test_extra_fields_are_no_calibration(folder):
    Calibration(weights_sha256=weights_digest(folder)).save(folder)
    raw = json.loads((folder / CALIBRATION_FILE).read_text()) | {"extra": 1}
    (folder / CALIBRATION_FILE).write_text(json.dumps(raw))
    with pytest.raises(VaryError, match="extra"):
        load_calibration(folder)


def test_bundled_calibrations_belong_to_their_weights():
    for folder in bundled_checkpoints().values():
        load_calibration(folder)


def drawn_words(rng, number, size, slope, letter):
    """Words whose characters are right with the odds of a map, and which say something else."""
    words = []
    for _ in range(number):
        odds = rng.normal(2.5, 1.5, size)
        is_right = bool((rng.random(size) < 1 / (1 + np.exp(-(slope * odds + 0.3)))).all())
        words.append(SeenWord(letter * size, (1 / (1 + np.exp(-odds))).tolist(), is_right))
    return words


def test_a_fit_finds_the_maps_that_words_were_drawn_by():
    rng = np.random.default_rng(0)
    words = drawn_words(rng, 4000, 1, 1.6, "中") + drawn_words(rng, 3000, 3, 0.7, "a")
    wide, other = fit_calibration(words)
    assert wide == pytest.approx((1.6, 0.3), abs=0.25)
    assert other == pytest.approx((0.7, 0.3), abs=0.25)


def test_a_kind_of_few_characters_keeps_its_probabilities():
    words = drawn_words(np.random.default_rng(1), 1000, 1, 2.0, "中")
    words += [SeenWord("abc", [0.9] * 3, False)] * 20
    wide, other = fit_calibration(words)
    assert wide != OddsMap()
    assert other == OddsMap()
    with pytest.raises(ValueError, match="got none"):
        fit_calibration([])
