"""Vocabularies that give a page 48 tokens each, and how those that are made here learn.

A token stands for a strip's height by 16 px of the page: the patch features of a ViTDet there, put
side by side. `general` sees the page reduced as CLIP does, by 224/1024; the others that take strips
see all its pixels, three strips of 48 px.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scenes import COLOUR_NAMES, HEIGHT, KINDS, WIDTH, Thing, draw_scene, make_scene
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from vary.checkpoints import find_checkpoint
from vary.model.images import IMAGENET_MEAN, IMAGENET_STD
from vary.model.vocabulary_folder import vocabulary_of
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

STRIP = 48
REDUCED = (32, 56)  # height and width in px: 224/1024 of the page's
GENERAL_SIZE = (36, 64)  # what the network takes: nine by sixteen patches
TOKEN_ROWS, TOKEN_COLUMNS = 3, 16
NUM_TOKENS = TOKEN_ROWS * TOKEN_COLUMNS
_FOLDED_ROWS = 3


class PageConfig(PreTrainedConfig):
    """A ViTDet whose patch features are folded into the tokens of a page.

    Args:
        network: the ViTDet's configuration.
        by_strips: the page is cut into strips of 48 px, each encoded by itself; else it is reduced.
        mean: per channel, of values between 0 and 1.
        std: per channel.
    """

    model_type = "thesis_page"

    def __init__(
        self,
        network: dict[str, Any] | ViTDetConfig | None = None,
        by_strips: bool = True,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        **kwargs: Any,
    ) -> None:
        self.mean, self.std = list(mean), list(std)
        fields = network.to_dict() if isinstance(network, ViTDetConfig) else dict(network or {})
        fields.pop("model_type", None)
        self.network = fields
        self.by_strips = by_strips
        super().__init__(**kwargs)

    @property
    def vitdet(self) -> ViTDetConfig:
        """The network's configuration."""
        return ViTDetConfig(**self.network)

    @property
    def folded_columns(self) -> int:
        """Columns of patches in a token."""
        width = WIDTH if self.by_strips else GENERAL_SIZE[1]
        return int(width // self.vitdet.patch_size[1] // TOKEN_COLUMNS)

    @property
    def token_size(self) -> int:
        """Width of a token."""
        return _FOLDED_ROWS * self.folded_columns * self.vitdet.out_channels

    @property
    def page_size(self) -> tuple[int, int]:
        """Height and width in px of the pixels that it takes of a page."""
        return (HEIGHT, WIDTH) if self.by_strips else GENERAL_SIZE

    def token_grid(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of tokens of an image of this many pixels."""
        tall, wide = self.vitdet.patch_size
        return height // tall // _FOLDED_ROWS, width // wide // self.folded_columns


class PageVocabulary(PreTrainedModel):
    """A vocabulary of pages; see `PageConfig`."""

    config_class = PageConfig
    main_input_name = "pixel_values"

    def __init__(self, config: PageConfig) -> None:
        super().__init__(config)
        self.network = ViTDetVocabulary(config.vitdet)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Leave what the network has set itself."""

    def features(self, pixel_values: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return (B, rows, columns, C) patch features of pages or strips, and CTC logits."""
        batch, _, height, _width = pixel_values.shape
        if self.config.by_strips:
            strips = pixel_values.unflatten(2, (height // STRIP, STRIP)).transpose(1, 2)
            output = self.network(strips.flatten(0, 1))
            features = output.patch_features.unflatten(0, (batch, -1)).flatten(1, 2)
            return features, output.ctc_logits
        return self.network(pixel_values).patch_features, None

    def fold(self, features: Tensor) -> Tensor:
        """Return (B, N, token_size) tokens of patch features, strip by strip."""
        columns = self.config.folded_columns
        parts = features.unflatten(1, (-1, _FOLDED_ROWS)).unflatten(3, (-1, columns))
        # batch, strip, row, column, column in token, channel -> the rows beside one another
        return parts.permute(0, 1, 3, 2, 4, 5).flatten(3).flatten(1, 2)

    def forward(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutput:  # noqa: ARG002
        """Return tokens of (B, 3, H, W) normalised pixels."""
        return BaseModelOutput(last_hidden_state=self.fold(self.features(pixel_values)[0]))


AutoConfig.register(PageConfig.model_type, PageConfig)
AutoModel.register(PageConfig, PageVocabulary)


def normalise(config: PageConfig, pictures: np.ndarray) -> Tensor:
    """Return (B, 3, H, W) float of (B, H, W, 3) uint8, by the vocabulary's mean and deviation."""
    mean, std = (torch.tensor(values) * 255 for values in (config.mean, config.std))
    return ((torch.from_numpy(pictures).float() - mean) / std).permute(0, 3, 1, 2)


def pixels_for(config: PageConfig, pictures: list[np.ndarray]) -> np.ndarray:
    """Return (B, H, W, 3) uint8: the pages as they are, or reduced as CLIP sees them."""
    if config.by_strips:
        return np.stack(pictures)
    small = [
        Image.fromarray(page).resize(REDUCED[::-1], Image.Resampling.BILINEAR) for page in pictures
    ]
    return np.stack(
        [np.asarray(page.resize(GENERAL_SIZE[::-1], Image.Resampling.BILINEAR)) for page in small]
    )


def _vitdet(size: tuple[int, int], width: int) -> ViTDetConfig:
    is_strip = size[0] == STRIP
    fields: dict[str, Any] = {
        "patch_size": (16, 8) if is_strip else (4, 4),
        "stem": "conv",
        "hidden_size": width,
        "num_attention_heads": 3 if width == 192 else 4,
        "num_hidden_layers": 6 if width == 192 else 4,
        "window_size": (3, 16) if is_strip else (9, 16),
        "global_blocks": (2, 5) if width == 192 else (1, 3),
        "out_channels": width,
        "merge_channels": (32, 32),  # not used: tokens are folded patch features
    }
    return ViTDetConfig(image_size=size, positions="slice", **fields)


def general_config() -> PageConfig:
    """Return the general vocabulary: reduced pages, 1 M parameters."""
    return PageConfig(_vitdet(GENERAL_SIZE, 128), by_strips=False)


def second_config() -> PageConfig:
    """Return a second general vocabulary with nano's width and depth."""
    return PageConfig(_vitdet(GENERAL_SIZE, 192), by_strips=False)


def sharp_config() -> PageConfig:
    """Return a general vocabulary that sees all pixels: strips like nano's, 1 M parameters."""
    return PageConfig(_vitdet((STRIP, WIDTH), 128))


def nano_vocabulary() -> PageVocabulary:
    """Return the bundled checkpoint's vocabulary over strips, with its weights."""
    network, rule, _ = vocabulary_of(find_checkpoint("nano"))
    page = PageVocabulary(PageConfig(network.config, mean=rule.mean, std=rule.std))
    page.network = network.float()
    return page.eval()


@dataclass(frozen=True)
class Learning:
    """How many steps of how many pictures, and the highest rate."""

    steps: int
    batch: int = 32
    rate: float = 1e-3


def make_schedule(optimizer: torch.optim.Optimizer, steps: int) -> Any:
    """Return a rise over a tenth of the steps, then a cosine to zero."""
    rise = max(1, steps // 10)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + float(np.cos(np.pi * (step - rise) / max(1, steps - rise))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def patch_labels(things: list[Thing], columns: int) -> np.ndarray:
    """Return (rows, columns, 3): kind, colour and middle of the thing on each patch.

    Kind and colour are numbers from 1, 0 where nothing stands; the third is 1 on the one patch that
    holds the thing's middle.
    """
    rows = TOKEN_ROWS * _FOLDED_ROWS
    labels = np.zeros((rows, columns, 3), np.int64)
    tall, wide = HEIGHT / rows, WIDTH / columns
    down, across = (np.arange(rows) + 0.5) * tall, (np.arange(columns) + 0.5) * wide
    for thing in things:
        left, top, right, bottom = thing.box
        is_on = np.outer((down > top) & (down < bottom), (across > left) & (across < right))
        labels[..., 0][is_on] = KINDS.index(thing.kind) + 1
        labels[..., 1][is_on] = COLOUR_NAMES.index(thing.colour) + 1
        labels[int((top + bottom) / 2 / tall), int((left + right) / 2 / wide), 2] = 1
    return labels


class SceneHead(nn.Module):
    """What a general vocabulary learns by: which thing stands on each patch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sizes = (len(KINDS) + 1, len(COLOUR_NAMES) + 1, 2)
        self.classify = nn.Linear(channels, sum(self.sizes))

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Return the scores of kind, colour and middle, (B, rows, columns, classes) each."""
        scores: tuple[Tensor, ...] = self.classify(features).split(self.sizes, -1)
        return scores


def scene_batch(config: PageConfig, seed: tuple[int, ...], number: int) -> tuple[Tensor, Tensor]:
    """Return normalised pixels of scenes drawn by lot, and their patch labels."""
    rng = np.random.default_rng(seed)
    columns = TOKEN_COLUMNS * config.folded_columns
    drawn = [draw_scene(make_scene(rng), rng) for _ in range(number)]
    pixels = pixels_for(config, [picture for picture, _ in drawn])
    labels = np.stack([patch_labels(things, columns) for _, things in drawn])
    return normalise(config, pixels), torch.from_numpy(labels)


def train_general(
    config: PageConfig, learning: Learning, seed: int
) -> tuple[PageVocabulary, SceneHead, list[float]]:
    """Return a vocabulary that has learned scenes, its head, and its losses."""
    torch.manual_seed(seed)
    page = PageVocabulary(config).train()
    head = SceneHead(config.vitdet.out_channels)
    parameters = [*page.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, learning.rate, weight_decay=0.05)
    schedule = make_schedule(optimizer, learning.steps)
    losses = []
    for step in range(learning.steps):
        pixels, labels = scene_batch(config, (seed, step, 1), learning.batch)
        with torch.autocast("cpu", torch.bfloat16):
            scores = head(page.features(pixels)[0])
        loss = sum(
            F.cross_entropy(part.float().flatten(0, 2), labels[..., n].flatten())
            for n, part in enumerate(scores)
        )
        assert isinstance(loss, Tensor)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
    return page.eval(), head.eval(), losses


@torch.no_grad()
def scene_accuracy(page: PageVocabulary, head: SceneHead, number: int = 128) -> dict[str, float]:
    """Return the share of things' middle patches whose kind and colour the head tells."""
    pixels, labels = scene_batch(page.config, (99, 0, 2), number)
    with torch.autocast("cpu", torch.bfloat16):
        scores = head(page.features(pixels)[0])
    is_thing = labels[..., 2] == 1
    return {
        name: (scores[n].argmax(-1) == labels[..., n])[is_thing].float().mean().item()
        for n, name in enumerate(("kind", "colour"))
    }
