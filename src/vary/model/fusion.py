"""From vocabularies' tokens to the language model's embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vary.errors import VaryError
from vary.model.configuration import Fusion, VaryConfig


def count_tokens(counts: Sequence[int], fusion: Fusion, added: Sequence[Fusion] = ()) -> int:
    """Return how many tokens an image takes in the text.

    Args:
        counts: tokens that each vocabulary gives of it.
        fusion: how the first of them are put together.
        added: how each of the last is joined to all before it; see `VaryConfig`.

    Raises:
        VaryError: counts that differ where they must be equal.
    """
    first = len(counts) - len(added)
    total = _join_counts(counts[:first], fusion, "change the image rules")
    for count, how in zip(counts[first:], added, strict=True):
        total = _join_counts([total, count], how, "change the image rule of the added one")
    return total


def _join_counts(counts: Sequence[int], fusion: Fusion, way_out: str) -> int:
    if fusion == "sequence":
        return sum(counts)
    if len(set(counts)) > 1:
        raise VaryError(
            f"the vocabularies give {' and '.join(map(str, counts))} tokens of one image; "
            f"fusion={fusion!r} needs equal numbers: {way_out} or use fusion='sequence'"
        )
    return counts[0]


def _join(parts: Sequence[Tensor], fusion: Fusion) -> Tensor:
    """Return tokens put together; sums are at least float32 and not rounded here."""
    if fusion == "sequence":
        return torch.cat(list(parts), dim=-2)
    if fusion == "channel":
        return torch.cat(list(parts), dim=-1)
    # One after the other, so that a part of zeros changes no bit wherever it stands.
    total = parts[0].to(torch.promote_types(parts[0].dtype, torch.float32))
    for part in parts[1:]:
        total = total + part
    return total


class Projector(nn.Module):
    """A linear per vocabulary, and their tokens fused.

    Args:
        config: the model's configuration.
        token_sizes: width of each vocabulary's tokens.

    Source: paper 3.1 (Figure 2) and 3.3; added vocabularies are ours.
    """

    def __init__(self, config: VaryConfig, token_sizes: list[int]) -> None:
        super().__init__()
        self.fusion = config.fusion
        self.added = list(config.added)
        self.linears = nn.ModuleList(
            nn.Linear(size, width)
            for size, width in zip(token_sizes, config.channel_widths, strict=True)
        )

    def add(self, linear: nn.Linear, fusion: Fusion) -> None:
        """Take in the linear of one more vocabulary, behind all others.

        Args:
            linear: from the vocabulary's tokens to the full width.
            fusion: ``sum`` or ``sequence``.
        """
        self.linears.append(linear)
        self.added.append(fusion)

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
        count_tokens([part.shape[-2] for part in mapped], self.fusion, self.added)
        first = len(mapped) - len(self.added)
        fused = _join(mapped[:first], self.fusion)
        for part, how in zip(mapped[first:], self.added, strict=True):
            fused = _join([fused, part], how)
        return fused.to(mapped[0].dtype)


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
