"""Vision models of transformers (CLIP, SigLIP, ...) as vocabularies: a token for each patch."""

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from vary.vocabulary.arguments import refuse_unknown
from vary.vocabulary.configuration import Pair, as_pair
from vary.vocabulary.vitdet import PASSED_BY_TRANSFORMERS


class TowerConfig(PreTrainedConfig):
    """A vision model of transformers, and which of its layers gives the tokens.

    Args:
        network: the vision model's configuration (or its dictionary), with `image_size`,
            `patch_size` and `hidden_size`.
        layer: whose output the tokens are: -1 for the network's own, -2 for the layer before the
            last (Vary-base's of CLIP), and so on.
        input_size: height and width in pixels of its images, a whole number of patches; positions
            are interpolated by the network where this is not the size that it was made for. None
            for that size.

    Raises:
        ValueError: a network that is not cut into patches, a layer that it does not have, or a size
            that is no whole number of patches.

    Source: paper 3.3; the layer is that of the authors' code.
    """

    model_type = "vary_tower"
    sub_configs = {"network": AutoConfig}

    def __init__(
        self,
        network: dict[str, Any] | PreTrainedConfig | None = None,
        layer: int = -1,
        input_size: int | list[int] | Pair | None = None,
        **kwargs: Any,
    ) -> None:
        if network is None or isinstance(network, dict):
            fields = {"model_type": "clip_vision_model", **(network or {})}
            network = AutoConfig.for_model(**fields)
        self.network: Any = network
        self.layer = layer
        self.input_size = None if input_size is None else as_pair(input_size, "input_size")
        super().__init__(**kwargs)
        self._check()

    def _check(self) -> None:
        for name in ("image_size", "patch_size", "hidden_size", "num_hidden_layers"):
            if not hasattr(self.network, name):
                raise ValueError(
                    f"{self.network.model_type} has no {name}: a vision model that gives a token "
                    "for each patch of an image of one size is wanted, such as clip_vision_model"
                )
        depth = self.network.num_hidden_layers
        if not -depth <= self.layer <= -1:
            raise ValueError(
                f"layer must be one of -1 (the last) to {-depth} (the first) of "
                f"{self.network.model_type}, got {self.layer}"
            )
        patch = as_pair(self.network.patch_size, "patch_size")
        if self.input_size and any(a % b for a, b in zip(self.input_size, patch, strict=True)):
            raise ValueError(
                f"input_size {self.input_size} is no whole number of the {patch[0]}x{patch[1]} px "
                f"patches of {self.network.model_type}"
            )

    @property
    def image_size(self) -> Pair:
        """Height and width in pixels of the images that it takes."""
        return self.input_size or self.made_for

    @property
    def made_for(self) -> Pair:
        """Height and width in pixels that the network has positions for."""
        return as_pair(self.network.image_size, "image_size")

    @property
    def token_size(self) -> int:
        """Width of a vision token."""
        return int(self.network.hidden_size)

    def token_grid(self, height: int, width: int) -> Pair:
        """Return rows and columns of vision tokens of an image of this many pixels.

        Raises:
            ValueError: another size than `image_size`.
        """
        if (height, width) != self.image_size:
            raise ValueError(
                f"an image of {height}x{width} px does not fit {self.network.model_type}, which "
                f"takes {self.image_size[0]}x{self.image_size[1]} px; change the image rule, or "
                "input_size"
            )
        patch = as_pair(self.network.patch_size, "patch_size")
        return height // patch[0], width // patch[1]


class TowerVocabulary(PreTrainedModel):
    """A vision model of transformers whose patches are the vision tokens.

    A class token, and whatever else stands before the patches, is left out, so that the number of
    tokens follows from the image's size.

    Source: paper 3.3 (CLIP beside the new vocabulary).
    """

    config_class = TowerConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: TowerConfig) -> None:
        super().__init__(config)
        self.network = AutoModel.from_config(config.network)
        self.post_init()

    @classmethod
    def from_network(
        cls,
        network: PreTrainedModel,
        layer: int = -1,
        input_size: int | Pair | None = None,
    ) -> "TowerVocabulary":
        """Return a vocabulary of a vision model, its weights kept.

        Args:
            network: such as `CLIPVisionModel.from_pretrained(...)`.
            layer: see `TowerConfig`.
            input_size: see `TowerConfig`.

        Raises:
            ValueError: see `TowerConfig`.
        """
        # Made without memory; its only parameters are the network's, which replace them.
        with torch.device("meta"):
            vocabulary = cls(TowerConfig(network.config, layer, input_size))
        vocabulary.network = network
        return vocabulary.train(network.training)

    def forward(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutput:
        """Return (B, N, C) tokens of (B, channels, H, W) pixels, row by row.

        Args:
            pixel_values: normalised as the network wants them.
            **kwargs: what transformers passes to any model, without effect.

        Raises:
            ValueError: a size that the network cannot take, or fewer outputs than patches.
            TypeError: an argument that is not known.
        """
        refuse_unknown("TowerVocabulary", kwargs, PASSED_BY_TRANSFORMERS)
        rows, columns = self.config.token_grid(pixel_values.shape[-2], pixel_values.shape[-1])
        is_last = self.config.layer == -1
        wanted = {"output_hidden_states": not is_last, **self._interpolation()}
        output = self.network(pixel_values=pixel_values.to(self.network.dtype), **wanted)
        tokens = output.last_hidden_state if is_last else output.hidden_states[self.config.layer]
        before = tokens.shape[1] - rows * columns
        if before < 0:
            raise ValueError(
                f"{self.config.network.model_type} gives {tokens.shape[1]} outputs for an image of "
                f"{rows * columns} patches; as a vocabulary it must give one for each"
            )
        return BaseModelOutput(last_hidden_state=tokens[:, before:])

    def _interpolation(self) -> dict[str, bool]:
        """Return what tells the network that the images have another size than it was made for.

        CLIP and SigLIP want to be told, DINOv2 sees it.
        """
        name = "interpolate_pos_encoding"
        is_other = self.config.image_size != self.config.made_for
        takes_it = name in inspect.signature(self.network.forward).parameters
        return {name: True} if is_other and takes_it else {}
