import numpy as np
import pytest

from vary.data.engines.chart.style import LEAST_DISTANCE, _colors, contrast, distance


def test_distances_are_those_of_cielab():
    assert distance((0, 0, 0), (255, 255, 255)) == pytest.approx(100, abs=0.1)
    assert distance((255, 0, 0), (0, 255, 0)) == pytest.approx(170.6, abs=0.5)
    assert distance((10, 20, 30), (10, 20, 30)) == 0
    # Two dark colours of one palette that are far apart in RGB alone.
    assert distance((0x00, 0x3F, 0x5C), (0x2F, 0x4B, 0x7C)) < LEAST_DISTANCE


@pytest.mark.parametrize("plot", [(255, 255, 255), (30, 30, 40), (229, 229, 229)])
def test_colours_of_a_chart_are_told_apart(plot):
    for seed in range(150):
        colors = _colors(np.random.default_rng(seed), plot, 5, 30.0)
        assert all(contrast(color, plot) >= 30 for color in colors)
        for at, one in enumerate(colors):
            for other in colors[:at]:
                # The last of many may be a little nearer, where nothing else was found.
                assert distance(one, other) >= 0.9 * LEAST_DISTANCE


def test_many_colours_are_found():
    assert len(set(_colors(np.random.default_rng(1), (255, 255, 255), 14, 55.0))) == 14
