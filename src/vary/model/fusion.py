"""From vocabularies' tokens to the language model's embeddings."""

import torch
from torch import Tensor, nn

from vary.model.configuration import VaryConfig


class Projector(nn.Module):
    """A linear per vocabulary, and their tokens fused.

    Args:
        config: the model's configuration.
        token_sizes: width of each vocabulary's tokens.

    Source: paper 3.1 (Figure 2) and 3.3.
    """

    def __init__(self, config: VaryConfig, token_sizes: list[int]) -> None:
        super().__init__()
        self.fusion = config.fusion
        self.linears = nn.ModuleList(
            nn.Linear(size, width)
            for size, width in zip(token_sizes, config.channel_widths, strict=True)
        )

    def forward(self, tokens: list[Tensor]) -> Tensor:
        """Return fused vision tokens.

        Args:
            tokens: for each vocabulary (N, C) or (B, N, C) tokens.

        Returns: (..., N, D); N is the sum of all under `sequence`.

        Raises:
            ValueError: vocabularies of other token counts under `channel` or `sum`.
        """
        # A vocabulary may be of another precision than what it is put before.
        dtype = next(self.parameters()).dtype
        mapped = [linear(part.to(dtype)) for linear, part in zip(self.linears, tokens, strict=True)]
        if self.fusion == "sequence":
            return torch.cat(mapped, dim=-2)
        counts = [part.shape[-2] for part in mapped]
        if len(set(counts)) > 1:
            raise ValueError(
                f"the vocabularies give {' and '.join(map(str, counts))} tokens of one image; "
                f"fusion={self.fusion!r} needs equal numbers: change the image sizes or use "
                "fusion='sequence'"
            )
        if self.fusion == "channel":
            return torch.cat(mapped, dim=-1)
        return torch.stack(mapped).sum(dim=0)


def scatter_vision_tokens(embeds: Tensor, vision_tokens: Tensor, is_vision: Tensor) -> Tensor:
    """Return text embeddings with vision tokens written at the placeholders.

    Args:
        embeds: (B, S, D) float, text embeddings; not modified.
        vision_tokens: (V, D), V = the vision tokens of all images in order.
        is_vision: (B, S) bool, True at placeholders.

    Returns: (B, S, D), a new tensor.

    Raises:
        ValueError: placeholders and vision tokens differ in number (both are given).

    Source: paper 3.1, Figure 2.
    """
    num_places = int(is_vision.sum())
    if num_places != vision_tokens.shape[0]:
        raise ValueError(
            f"the text has {num_places} image placeholders, the images give "
            f"{vision_tokens.shape[0]} vision tokens; let the processor write the placeholders"
        )
    mask = is_vision[..., None].expand_as(embeds)
    return embeds.masked_scatter(mask, vision_tokens.to(embeds.dtype))
