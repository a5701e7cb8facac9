"""Tiles are those of transformers' GOT-OCR-2.0: the same grids, pixels and order."""

import numpy as np
import pytest
from PIL import Image
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
    GotOcr2ImageProcessorPil,
    get_optimal_tiled_canvas,
)

from vary.model import ImageRule, VaryImageProcessor
from vary.model.tiling import cut_tiles, tile_grid

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.Generator(np.random.PCG64(3))
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_grids_are_those_of_transformers():
    """Of round sizes, among which many are equally near to several grids, and of odd ones."""
    rng = np.random.Generator(np.random.PCG64(0))
    round_sizes = [(64 * w, 64 * h) for w in range(1, 33) for h in range(1, 33)]
    sizes = [*round_sizes, *map(tuple, rng.integers(1, 4000, (500, 2)).tolist())]
    seen = set()
    for width, height in sizes:
        for tile in ((1024, 1024), (256, 512)):
            for most in (1, 2, 3, 6, 12):
                found = tile_grid((width, height), tile, most)
                theirs = get_optimal_tiled_canvas((height, width), tile[::-1], 1, most)
                assert found == theirs, (width, height, tile, most)
                seen.add(found)
    assert len(seen) > 30


@pytest.mark.parametrize("size", [(300, 190), (190, 300), (129, 128), (33, 400), (70, 70)])
def test_tiles_have_the_pixels_of_transformers(size):
    rule = ImageRule("resize", 128, 128, mean=MEAN, std=STD, resample="bicubic")
    theirs = GotOcr2ImageProcessorPil(size={"height": 128, "width": 128})(
        noise(*size), crop_to_patches=True, max_patches=12, return_tensors="pt"
    )
    tiles = cut_tiles(noise(*size), rule, 12)
    assert len(tiles) == int(theirs["num_patches"][0])
    pixels = VaryImageProcessor([rule])(tiles)["pixel_values"]
    assert np.abs(pixels.numpy() - theirs["pixel_values"].numpy()).max() < 1e-5
    assert np.allclose(cut_tiles(np.asarray(noise(*size)), rule, 12)[0], tiles[0])


def test_the_whole_picture_comes_last():
    rule = ImageRule("resize", 64, 64)
    tiles = cut_tiles(noise(300, 100), rule, 3)
    assert len(tiles) == 4
    assert np.array_equal(np.asarray(tiles[-1]), rule.pixels(noise(300, 100)))
    assert len(cut_tiles(noise(64, 64), rule, 1)) == 1


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ValueError, match="0 tiles at most; give 1 or more"):
        tile_grid((10, 10), (5, 5), 0)
    with pytest.raises(ValueError, match="mode 'canvas', which takes pictures of many sizes"):
        cut_tiles(noise(9, 9), ImageRule("canvas", 64, 64), 4)
