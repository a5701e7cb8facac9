"""From a picture to each vocabulary's pixels; the rules travel with the checkpoint."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor

from vary.model.modeling import pixel_names, size_names
from vary.vocabulary.arguments import refuse_unknown

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MODES = ("resize", "strip", "canvas", "crop")
_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# What transformers passes to image processors; tensors are of torch in any case.
PASSED_BY_TRANSFORMERS = ("return_tensors",)

Picture = Image.Image | np.ndarray


class ImageRule:
    """How one vocabulary wants its images.

    Args:
        mode: ``resize`` to height x width without keeping the aspect ratio (the paper's), or
            ``strip``: to the height, keeping the aspect ratio, then padded with white to the right
            to a multiple of `step_px`, or ``canvas``: left as it is, padded with white to the right
            and below to multiples of `step_px`; what is larger is reduced to fit; or ``crop``: the
            shorter side to `resize_px`, keeping the aspect ratio, then the middle cut out, so that
            the ends of a page are not seen (CLIP's and DINOv2's own).
        height: pixels; the largest in mode `canvas`.
        width: pixels; the largest in modes `strip` and `canvas`.
        mean: per channel, of values between 0 and 1.
        std: per channel.
        resample: ``bilinear``, ``bicubic`` or ``lanczos`` (PIL's, with antialias when reducing).
        step_px: see `mode`.
        resize_px: see mode `crop`; None for the longer side of what is cut out.
        antialias: False for mode `resize` without antialias, as OpenCV does it (the authors'
            training code); within a level of its integer arithmetic.

    Raises:
        ValueError: an unknown mode or resampling, a crop larger than what it is cut out of, or no
            antialias where there is no other way.
    """

    antialias = True

    def __init__(
        self,
        mode: Literal["resize", "strip", "canvas", "crop"] = "resize",
        height: int = 1024,
        width: int = 1024,
        *,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        resample: Literal["bilinear", "bicubic", "lanczos"] = "bilinear",
        step_px: int = 128,
        resize_px: int | None = None,
        antialias: bool = True,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
        if resample not in _RESAMPLING:
            raise ValueError(f"resample must be one of {', '.join(_RESAMPLING)}, got {resample!r}")
        self.mode, self.height, self.width = mode, height, width
        self.mean, self.std = list(mean), list(std)
        self.resample, self.step_px = resample, step_px
        if not antialias:
            if mode != "resize" or resample == "lanczos":
                raise ValueError(
                    f"antialias=False is for mode 'resize', bilinear or bicubic, got {mode!r} and "
                    f"{resample!r}"
                )
            self.antialias = antialias
        if mode == "crop":
            self.resize_px = max(height, width) if resize_px is None else resize_px
            if self.resize_px < max(height, width):
                raise ValueError(
                    f"a crop of {height}x{width} px is larger than pictures whose shorter side is "
                    f"resize_px {self.resize_px}"
                )

    def pixels(self, picture: Picture) -> np.ndarray:
        """Return (H, W, 3) uint8 of the size that the vocabulary wants."""
        image, kernel = as_image(picture), self.kernel
        if self.mode == "resize" and not self.antialias:
            return self._sampled(image)
        if self.mode == "resize":
            return np.asarray(image.resize((self.width, self.height), kernel))
        if self.mode == "crop":
            return self._middle(image.resize(self._inner_size(image.width, image.height), kernel))
        size = self._inner_size(image.width, image.height)
        if image.size != size:
            image = image.resize(size, kernel)
        padded_width = min(-(-size[0] // self.step_px) * self.step_px, self.width)
        padded_height = min(-(-size[1] // self.step_px) * self.step_px, self.height)
        if self.mode == "strip":
            padded_height = self.height
        padded = Image.new("RGB", (padded_width, padded_height), "white")
        padded.paste(image, (0, 0))
        return np.asarray(padded)

    @property
    def kernel(self) -> Image.Resampling:
        """PIL's name of the resampling."""
        return _RESAMPLING[self.resample]

    def _sampled(self, image: Image.Image) -> np.ndarray:
        """Return pixels from the nearest ones alone, however much the picture is reduced."""
        given = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        size = (self.height, self.width)
        made = F.interpolate(given, size, mode=self.resample, align_corners=False)
        return made.round().clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()

    def _middle(self, image: Image.Image) -> np.ndarray:
        left, top = (image.width - self.width) // 2, (image.height - self.height) // 2
        return np.asarray(image)[top : top + self.height, left : left + self.width]

    def _inner_size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of a picture before it is padded or cut."""
        if self.mode == "crop":
            # Rounded down, as transformers does.
            short = min(width, height)
            return int(self.resize_px * width / short), int(self.resize_px * height / short)
        if self.mode == "strip":
            return min(max(1, round(width * self.height / height)), self.width), self.height
        factor = min(1.0, self.width / width, self.height / height)
        return max(1, round(width * factor)), max(1, round(height * factor))

    def scale(self, width: int, height: int) -> tuple[float, float]:
        """Return what x and y of a picture of this size are multiplied with on its pixels.

        In mode `crop` they are counted from the corner of the picture before it is cut.
        """
        if self.mode == "resize":
            return self.width / width, self.height / height
        inner = self._inner_size(width, height)
        return inner[0] / width, inner[1] / height

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return (..., 3, H, W) float of (..., 3, H, W) uint8."""
        mean = torch.tensor(self.mean, device=pixels.device)[:, None, None] * 255
        std = torch.tensor(self.std, device=pixels.device)[:, None, None] * 255
        return (pixels.float() - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as JSON values."""
        return dict(vars(self))


class VaryImageProcessor(BaseImageProcessor):
    """All vocabularies' pixels of a batch of pictures.

    Args:
        rules: one per vocabulary, as `ImageRule` or its dictionary.

    Source: paper 3.2 and the authors' preprocessing; strips are ours.
    """

    model_input_names = ["pixel_values", "image_sizes"]

    def __init__(
        self, rules: Sequence[ImageRule | dict[str, Any]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        given = [ImageRule()] if rules is None else rules
        self.rules = [rule if isinstance(rule, ImageRule) else ImageRule(**rule) for rule in given]

    def to_dict(self) -> dict[str, Any]:
        """Return the processor as JSON values."""
        output = super().to_dict()
        output["rules"] = [rule.to_dict() for rule in self.rules]
        return output

    def preprocess(self, images: Picture | Sequence[Picture], **kwargs: Any) -> BatchFeature:
        """Return `pixel_values`, `image_sizes`, and for further vocabularies those with `_2`, ...

        Args:
            images: pictures; arrays are (H, W) or (H, W, 3) uint8.
            **kwargs: `PASSED_BY_TRANSFORMERS`, without effect.

        Raises:
            TypeError: an argument that is not known.
        """
        refuse_unknown("VaryImageProcessor", kwargs, PASSED_BY_TRANSFORMERS)
        pictures = [images] if isinstance(images, Image.Image | np.ndarray) else list(images)
        features: dict[str, Tensor] = {}
        names = zip(pixel_names(len(self.rules)), size_names(len(self.rules)), strict=True)
        for (name, size_name), rule in zip(names, self.rules, strict=True):
            made = [rule.pixels(picture) for picture in pictures]
            features[name] = rule.normalise(stack_pixels(made))
            features[size_name] = torch.tensor([image.shape[:2] for image in made])
        return BatchFeature(features)

    __call__ = preprocess


def as_image(picture: Picture) -> Image.Image:
    """Return a picture in RGB."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return image.convert("RGB")


def stack_pixels(images: list[np.ndarray]) -> Tensor:
    """Return (B, 3, H, W) uint8, smaller images padded with white to the right and below."""
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    batch = np.full((len(images), height, width, 3), 255, np.uint8)
    for row, image in zip(batch, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return torch.from_numpy(batch).permute(0, 3, 1, 2)
