"""What a picture is: a page, a chart, a photo, or nothing of these."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.read.results import PageResult

# The longer side that a picture is brought to, and how many strips are taken across it: about the
# scale at which lines are read.
_SIDE_PX = 768
_STRIPS = 6
# Kinds as engines name them (`Sample.kind`), and the one of pictures with nothing on them.
NATURAL = "natural"
BLANK = "blank"
# What the paper's model says of photos (3.1); of its five sentences the first.
NATURE_SENTENCE = "It's an image of nature"
# Letters and figures that may be read into leaves and gravel.
MOST_SIGNS_ON_A_PHOTO = 3


def as_photo(page: PageResult) -> PageResult:
    """Return the result of a page that turns out to be a photo: the paper's sentence, no text."""
    lines = tuple(replace(line, text="", words=()) for line in page.lines)
    return replace(
        page,
        status="photo",
        reason=NATURE_SENTENCE,
        text="",
        markdown="",
        confidence=None,
        decoder=None,
        lines=lines,
    )


def small_picture(image: Image.Image) -> Image.Image:
    """Return a picture in RGB whose longer side has as many pixels as its kind is told at."""
    scale = _SIDE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def strips_across(picture: Image.Image, height: int) -> list[np.ndarray]:
    """Return (height, W, 3) uint8 strips at even distances from the top of a picture to its foot.

    Args:
        picture: as `small_picture` returns; a flatter one is padded with white.
        height: of the strips, in pixels.
    """
    pixels = np.asarray(picture)
    room = pixels.shape[0] - height
    if room < 0:
        pixels = np.pad(pixels, ((0, -room), (0, 0), (0, 0)), constant_values=255)
    tops = sorted({round(i * max(room, 0) / (_STRIPS - 1)) for i in range(_STRIPS)})
    return [pixels[top : top + height] for top in tops]


@torch.inference_mode()
def across(
    model: VaryForConditionalGeneration, processor: VaryProcessor, picture: Image.Image
) -> tuple[Tensor, int]:
    """Return the patch features of strips across a picture, and how many columns are its own.

    Args:
        model: one that reads strips.
        processor: the model's.
        picture: as `small_picture` returns.

    Returns: (strips, rows, columns, channels), and the columns without padding.
    """
    rule = processor.image_processor.rules[0]
    strips = processor.image_processor(strips_across(picture, rule.height))
    vocabulary: Any = model.vocabularies[0]
    pixels = strips["pixel_values"].to(model.device, model.dtype)
    seen = vocabulary(pixels).patch_features
    patch_px = vocabulary.config.patch_size[1]
    return seen, int(strips["image_sizes"][0, 1]) // patch_px


@torch.inference_mode()
def picture_kind(
    model: VaryForConditionalGeneration, processor: VaryProcessor, picture: Image.Image
) -> str:
    """Return which of its kinds a vocabulary takes a picture for; arguments as of `across`."""
    vocabulary: Any = model.vocabularies[0]
    logits = vocabulary.kind_head(*across(model, processor, picture))
    return str(vocabulary.config.kinds[int(logits.argmax())])
