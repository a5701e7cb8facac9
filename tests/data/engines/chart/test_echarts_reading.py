import math

import pytest

from vary.data.engines.chart.echarts_reading import beyond_sector

RIGHT = {"begin": -0.5, "end": 0.5, "inner": 30.0, "outer": 70.0}
TOP = {**RIGHT, "begin": 0.25 * math.pi, "end": 0.75 * math.pi}


@pytest.mark.parametrize(
    ("mark", "half_width", "half_height", "beyond"),
    [
        (RIGHT, 15.0, 3.0, None),
        (RIGHT, 24.0, 3.0, 4.0),  # into the hole, in the middle of a side
        (TOP, 24.0, 3.0, None),  # a ring is wider above its hole than beside it
        (TOP, 60.0, 3.0, 10.0),
        ({**RIGHT, "begin": 0.2, "end": -0.2}, 3.0, 16.0, 5.0),  # above and below its sector
        ({**RIGHT, "inner": 0.0}, 20.0, 3.0, None),
        ({**RIGHT, "begin": math.pi - 0.5, "end": math.pi + 0.5}, 15.0, 3.0, None),
    ],
)
def test_how_far_a_number_stands_out_of_its_sector(mark, half_width, half_height, beyond):
    found = beyond_sector(mark, half_width, half_height)
    assert found <= 0 if beyond is None else found >= beyond
