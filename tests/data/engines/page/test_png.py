import io

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.page.png import png_bytes


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "1"])
@pytest.mark.parametrize("size", [(1, 1), (37, 11), (300, 200)])
@pytest.mark.parametrize("runs_only", [False, True])
def test_what_is_packed_comes_out_again(mode, size, runs_only):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    image = Image.fromarray(noise, "RGBA").convert(mode)
    made = png_bytes(image, runs_only=runs_only)
    packed = Image.open(io.BytesIO(made))
    packed.verify()
    packed = Image.open(io.BytesIO(made))
    assert (packed.mode, packed.size) == (mode, size)
    assert packed.tobytes() == image.tobytes()


def test_plain_paper_takes_no_room():
    assert len(png_bytes(Image.new("L", (1000, 1000), 255))) < 7000
