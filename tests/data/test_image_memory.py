import numpy as np
import pytest
from PIL import Image, ImageFont

from vary.data import image_memory
from vary.data.image_memory import image_over, images_share_memory, pixels


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("size_px", [5, 40, 900])
def test_pixels_are_those_of_the_mask_and_stay(monkeypatch, size_px, shares):
    monkeypatch.setattr(image_memory, "images_share_memory", lambda: shares)
    font = ImageFont.load_default(size_px)
    masks = [font.getmask(text) for text in ("W", "i")]
    found = [pixels(mask) for mask in masks]
    for mask, coverage in zip(masks, found, strict=True):
        assert coverage.shape == mask.size[::-1]
        assert coverage.tobytes() == bytes(mask)
        assert coverage.any()


def test_an_empty_mask_has_no_pixels():
    assert pixels(Image.new("L", (0, 3)).im).shape == (3, 0)


def test_an_image_over_an_array_shows_it():
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(np.asarray(image_over(array)), array)


def test_what_is_pasted_is_in_the_array():
    """So it is with the Pillow that the project is tested with; else drawing is slower."""
    assert images_share_memory()
