"""Images of Pillow and arrays of NumPy over the same memory, and masks as arrays."""

from functools import lru_cache

import numpy as np
from PIL import Image


@lru_cache(maxsize=1)
def images_share_memory() -> bool:
    """Return whether what is pasted into `image_over` is in the array: Pillow may copy instead."""
    array = np.zeros((1, 1), np.uint8)
    image_over(array).im.paste(Image.new("L", (1, 1), 255).im, (0, 0, 1, 1))
    return bool(array[0, 0] == 255)


def image_over(array: np.ndarray) -> Image.Image:
    """Return an image of an array's memory, (H, W) uint8: pasting is the quickest way there."""
    height, width = array.shape
    return Image.frombuffer("L", (width, height), array, "raw", "L", 0, 1)


def pixels(mask: "Image.core.ImagingCore") -> np.ndarray:
    """Return the pixels of a grey image's core, (H, W) uint8, in memory of their own.

    Quicker than an array of the image, and much quicker than ``bytes(mask)``.
    """
    width, height = mask.size
    array = np.zeros((height, width), np.uint8)
    if not array.size:
        return array
    if not images_share_memory():
        image = Image.new("L", mask.size)
        image.im.paste(mask, (0, 0, width, height))
        return np.asarray(image)
    image_over(array).im.paste(mask, (0, 0, width, height))
    return array
