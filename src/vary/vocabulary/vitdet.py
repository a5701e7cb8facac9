"""The paper's vision vocabulary: a ViTDet encoder and two merging convolutions."""

import logging
from dataclasses import dataclass
from os import PathLike
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from vary.vocabulary.arguments import refuse_unknown
from vary.vocabulary.attention import RelativeAttention
from vary.vocabulary.configuration import Pair, ViTDetConfig
from vary.vocabulary.ctc import CTCHead
from vary.vocabulary.kinds import KindHead
from vary.vocabulary.weights import load_encoder_weights

# What transformers' pipelines and trainers may pass to any model.
PASSED_BY_TRANSFORMERS = (
    "image_sizes", "output_attentions", "output_hidden_states", "return_dict",
)  # fmt: skip

# Through the MLP on a CPU: enough for its products, and few enough for the cache.
_PATCHES_AT_ONCE = 1024

_LOG = logging.getLogger(__name__)


@dataclass
class ViTDetOutput(ModelOutput):
    """What a vocabulary makes of a batch of images.

    Args:
        last_hidden_state: (B, N, C) vision tokens, row by row.
        patch_features: (B, rows, columns, out_channels) behind the neck, before the merging.
        ctc_logits: (B, columns, classes), where the vocabulary has a CTC head and the images are
            strips of one line.
    """

    last_hidden_state: Tensor | None = None
    patch_features: Tensor | None = None
    ctc_logits: Tensor | None = None


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, features: Tensor) -> Tensor:
        """Return the normalised features, (B, C, H, W)."""
        last = features.permute(0, 2, 3, 1)
        normed = F.layer_norm(last, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


class PatchEmbed(nn.Module):
    """One linear map per patch; holds its weights as the convolution that it equals."""

    def __init__(self, config: ViTDetConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.proj = nn.Conv2d(
            config.num_channels, config.hidden_size, config.patch_size, config.patch_size
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, rows, columns, C) patches of (B, channels, H, W) pixels."""
        if hasattr(self.proj, "_hf_hook"):  # accelerate's: weights that come when it is called
            return self.proj(pixels).permute(0, 2, 3, 1)
        batch, channels, height, width = pixels.shape
        tall, wide = self.patch_size
        cut = pixels.view(batch, channels, height // tall, tall, width // wide, wide)
        flat = cut.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return F.linear(flat, self.proj.weight.flatten(1), self.proj.bias)


class ConvStem(nn.Module):
    """3x3 convolutions of stride 2 to the size of the patches, then a 1x1 map to the width.

    Source: Xiao et al., Early Convolutions Help Transformers See Better, 2106.14881.
    """

    def __init__(self, config: ViTDetConfig) -> None:
        super().__init__()
        strides = self._strides(config.patch_size)
        widths = [max(16, config.hidden_size >> (len(strides) - i)) for i in range(len(strides))]
        layers: list[nn.Module] = []
        channels = config.num_channels
        for stride, width in zip(strides, widths, strict=True):
            layers.append(nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False))
            layers.append(LayerNorm2d(width, config.layer_norm_eps))
            layers.append(nn.GELU())
            channels = width
        self.convs = nn.Sequential(*layers)
        self.proj = nn.Conv2d(channels, config.hidden_size, 1)

    @staticmethod
    def _strides(patch_size: Pair) -> list[Pair]:
        tall, wide = patch_size
        strides = []
        while tall > 1 or wide > 1:
            if (tall > 1 and tall % 2) or (wide > 1 and wide % 2):
                raise ValueError(f"a conv stem needs a patch_size of powers of 2, got {patch_size}")
            strides.append((min(tall, 2), min(wide, 2)))
            tall, wide = max(tall // 2, 1), max(wide // 2, 1)
        return strides

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, rows, columns, C) patches of (B, channels, H, W) pixels."""
        # Channels last: the normalisations between the convolutions then need no copies.
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return self.proj(self.convs(pixels)).permute(0, 2, 3, 1)


class MLP(nn.Module):
    """The block's feed-forward half."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, patches: Tensor) -> Tensor:
        """Return the mapped patches, of the same shape."""
        return self.lin2(F.gelu(self.lin1(patches)))


class Block(nn.Module):
    """A transformer block over windows, or over the whole image."""

    def __init__(self, config: ViTDetConfig, window: Pair | None) -> None:
        super().__init__()
        self.window = window
        width = config.hidden_size
        self.norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attn = RelativeAttention(
            width,
            config.num_attention_heads,
            config.grid_size if window is None else window,
            config.positions,
        )
        self.norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.mlp = MLP(width, int(width * config.mlp_ratio))

    def forward(self, patches: Tensor) -> Tensor:
        """Return the block's (B, rows, columns, C) patches."""
        is_kept = torch.is_grad_enabled() or torch.compiler.is_compiling()
        if is_kept or patches.device.type != "cpu":
            attended = self._attend(patches)
            return attended + self.mlp(self.norm2(attended))
        # Nothing is kept for a backward pass: what passes between the layers can stay in the cache.
        if self.window is None:
            attended = self._attend(patches)
            rows = max(1, _PATCHES_AT_ONCE // (patches.shape[0] * patches.shape[2]))
            for part in attended.split(rows, 1):
                part.add_(self.mlp(self.norm2(part)))
            return attended
        done = torch.empty_like(patches)
        # Windows do not see each other, so each row of them can go through the block alone.
        for band, space in zip(
            patches.split(self.window[0], 1), done.split(self.window[0], 1), strict=True
        ):
            attended = self._attend(band)
            torch.add(attended, self.mlp(self.norm2(attended)), out=space)
        return done

    def _attend(self, patches: Tensor) -> Tensor:
        return patches + self.attn(self.norm1(patches), self.window)


class ViTDetVocabulary(PreTrainedModel):
    """A vision vocabulary: images in, vision tokens out.

    Names of the parameters are the authors' (`sam.py`), so their encoders load as they are.

    Source: paper 3.2; Kirillov et al., 2304.02643; Li et al., 2203.16527.
    """

    config_class = ViTDetConfig
    base_model_prefix = "vocabulary"
    main_input_name = "pixel_values"
    input_modalities = ("image",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["Block"]
    _supports_sdpa = True

    def __init__(self, config: ViTDetConfig) -> None:
        super().__init__(config)
        self.patch_embed: nn.Module = (
            PatchEmbed(config) if config.stem == "patch" else ConvStem(config)
        )
        self.pos_embed = nn.Parameter(torch.zeros(1, *config.grid_size, config.hidden_size))
        self.blocks = nn.ModuleList(
            Block(config, None if number in config.global_blocks else config.window_size)
            for number in range(config.num_hidden_layers)
        )
        out, merge = config.out_channels, config.merge_channels
        self.neck = nn.Sequential(
            nn.Conv2d(config.hidden_size, out, 1, bias=False),
            LayerNorm2d(out, config.layer_norm_eps),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            LayerNorm2d(out, config.layer_norm_eps),
        )
        self.net_2 = nn.Conv2d(out, merge[0], 3, stride=2, padding=1, bias=False)
        self.net_3 = nn.Conv2d(merge[0], merge[1], 3, stride=2, padding=1, bias=False)
        self.ctc_head: CTCHead | None = None
        if config.ctc_alphabet is not None:
            rows = config.ctc_rows or config.grid_size[0]
            classes = len(config.ctc_alphabet) + 1
            self.ctc_head = CTCHead(rows, out, classes, config.ctc_columns, config.ctc_rank)
        self.kind_head = KindHead(out, len(config.kinds)) if config.kinds else None
        self.gradient_checkpointing = False
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, nn.Linear | nn.Conv2d):
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=std)
            else:
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | LayerNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, RelativeAttention):
            nn.init.zeros_(module.rel_pos_h)
            nn.init.zeros_(module.rel_pos_w)
        elif isinstance(module, ViTDetVocabulary):
            nn.init.trunc_normal_(module.pos_embed, std=std)

    @classmethod
    def from_weights(
        cls, weights: str | PathLike[str] | dict[str, Tensor], config: ViTDetConfig | None = None
    ) -> "ViTDetVocabulary":
        """Return a vocabulary with the encoder found in someone else's weights.

        What the weights do not hold (bare SAM has no merging convolutions) stays as it was
        initialised, and a warning names it: the tokens are noise until it is trained.

        Args:
            weights: a file (`.safetensors`, `.pth`, `.bin`) or a state dict, in the authors'
                layout or Hugging Face's, the encoder at any prefix.
            config: the encoder's sizes; None for the paper's.

        Raises:
            VaryError: no encoder in the weights, or one of other sizes (names are listed).
        """
        model = cls(config or ViTDetConfig())
        missing = load_encoder_weights(model, weights)
        if missing:
            _LOG.warning(
                "the weights do not hold %s: random until trained, as are the tokens behind them",
                ", ".join(missing),
            )
        return model

    def position_embedding(self, grid: Pair) -> Tensor:
        """Return (1, rows, columns, C) absolute positions for a grid of patches."""
        if grid == self.config.grid_size:
            return self.pos_embed
        if self.config.positions == "slice":
            return self.pos_embed[:, : grid[0], : grid[1]]
        channels_first = self.pos_embed.permute(0, 3, 1, 2).float()
        fitted = F.interpolate(
            channels_first, size=grid, mode="bicubic", antialias=True, align_corners=False
        )
        return fitted.permute(0, 2, 3, 1).to(self.pos_embed.dtype)

    def forward(self, pixel_values: Tensor, **kwargs: Any) -> ViTDetOutput:
        """Return vision tokens, patch features and, for strips, CTC logits.

        Args:
            pixel_values: (B, channels, H, W) float, normalised as the vocabulary's card says.
            **kwargs: `PASSED_BY_TRANSFORMERS`, without effect.

        Raises:
            ValueError: a size that the vocabulary cannot take.
            TypeError: an argument that is not known.
        """
        refuse_unknown("ViTDetVocabulary", kwargs, PASSED_BY_TRANSFORMERS)
        grid = self.config.patch_grid(pixel_values.shape[-2], pixel_values.shape[-1])
        patches = self.patch_embed(pixel_values.to(self.pos_embed.dtype))
        patches = patches + self.position_embedding(grid)
        for block in self.blocks:
            if self.gradient_checkpointing and self.training:
                patches = self._gradient_checkpointing_func(block.__call__, patches)
            else:
                patches = block(patches)
        features = self.neck(patches.permute(0, 3, 1, 2))
        tokens = self.net_3(self.net_2(features)).flatten(2).transpose(1, 2)
        patch_features = features.permute(0, 2, 3, 1)
        is_strip = self.ctc_head is not None and grid[0] == self.ctc_head.rows
        logits = self.ctc_head(patch_features) if is_strip and self.ctc_head else None
        return ViTDetOutput(
            last_hidden_state=tokens, patch_features=patch_features, ctc_logits=logits
        )
