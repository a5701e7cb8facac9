import base64
import io

import numpy as np
import pytest
from PIL import Image

from vary.eval.report.pictures import MAX_HEIGHT_PX, MAX_WIDTH_PX, data_uri


def opened(uri):
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_all_kinds(tmp_path, mode):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new(mode, (40, 30)).save(path)
    uri, problem = data_uri(path)
    assert not problem
    assert opened(uri).size == (40, 30)


def test_a_large_page_becomes_small(tmp_path):
    Image.new("RGB", (2480, 3508), "white").save(tmp_path / "a.png")
    picture = opened(data_uri(tmp_path / "a.png")[0])
    assert picture.width <= MAX_WIDTH_PX and picture.height <= MAX_HEIGHT_PX
    assert picture.width / picture.height == pytest.approx(2480 / 3508, abs=0.01)


def test_noise_is_squeezed_until_it_fits(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(1300, 900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    assert len(data_uri(tmp_path / "a.png", 100)[0]) < 70_000


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert min(opened(data_uri(tmp_path / "a.png")[0]).convert("L").tobytes()) > 250


def test_pictures_that_cannot_be_shown_are_told(tmp_path):
    assert data_uri(None) == ("", "no picture")
    assert data_uri(tmp_path / "none.png") == ("", "the picture is missing")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    assert "broken" in data_uri(tmp_path / "broken.png")[1]
    assert "broken" in data_uri(tmp_path)[1]
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(whole, "PNG")
    (tmp_path / "half.png").write_bytes(whole.getvalue()[:9000])
    assert "broken" in data_uri(tmp_path / "half.png")[1]


def test_a_picture_that_says_it_is_huge_is_not_opened(tmp_path):
    head = b"P5 60000 60000 255\n"
    (tmp_path / "huge.pgm").write_bytes(head)
    uri, problem = data_uri(tmp_path / "huge.pgm")
    assert not uri and ("too large" in problem or "broken" in problem)
