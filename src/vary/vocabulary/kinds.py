"""The kind head: what a vocabulary takes a whole picture for, from how its features spread.

A vocabulary of line strips sees 48 px at a time, and a page squeezed into that tells little. Strips
across the picture at the scale of print do: print, marks of charts, foliage and skin leave other
means and spreads of patch features. A linear map over these is enough.
"""

import torch
from torch import Tensor, nn


class KindHead(nn.Module):
    """Tells kinds of pictures apart by the patch features of strips across them.

    Args:
        channels: width of the patch features.
        num_kinds: how many kinds there are.
    """

    def __init__(self, channels: int, num_kinds: int) -> None:
        super().__init__()
        self.classify = nn.Linear(self.width(channels), num_kinds)

    @staticmethod
    def width(channels: int) -> int:
        """Return how many numbers `spread` gives."""
        return 3 * channels

    def forward(self, features: Tensor, columns: int) -> Tensor:
        """Return (kinds,) logits of one picture; arguments as of `spread`."""
        return self.classify(self.spread(features, columns).to(self.classify.weight.dtype))

    @staticmethod
    def spread(features: Tensor, columns: int) -> Tensor:
        """Return (3 * channels,) float: mean and spread over all patches, and between strips.

        Args:
            features: (strips, rows, patch columns, channels) patch features of one picture.
            columns: how many columns of patches are its own; what stands to the right is padding.
        """
        own = features[:, :, : max(1, columns)].float()
        everything = own.flatten(0, 2)
        of_strips = own.mean((1, 2))
        return torch.cat(
            [
                everything.mean(0),
                everything.std(0, unbiased=False),
                of_strips.std(0, unbiased=False),
            ]
        )
