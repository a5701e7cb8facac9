"""The light reader: the same small network over any frozen vocabulary, whatever its grid."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Heights at which a column looks at its line, from top to bottom.
HEIGHTS = 4
# Numbers that tell where in a token a column stands; see `place_code`.
_FREQUENCIES = (0.5, 1.0, 2.0, 4.0)
PLACE_SIZE = 4 * len(_FREQUENCIES) + 4


class LightReader(nn.Module):
    """Reads lines of text in tokens, a character or the blank at each column.

    Columns lie at even steps along the line, as many for any vocabulary. Each takes the tokens that
    it falls on at four heights, each token together with the place within it, since a token may
    hold several characters and lines; two convolutions along the line join neighbours. All of it
    is the same over each vocabulary but the first linear, which takes the tokens' width.

    Args:
        token_size: width of a token.
        num_classes: characters and the blank.
        width: of all that follows.
    """

    def __init__(self, token_size: int, num_classes: int, width: int = 128) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(token_size)
        self.narrow = nn.Linear(token_size, width)
        self.unfold = nn.Linear(width, 2 * width)
        self.gate = nn.Linear(PLACE_SIZE, 2 * width)
        self.place = nn.Linear(PLACE_SIZE, 2 * width)
        self.join = nn.Linear(HEIGHTS * 2 * width, width)
        self.along = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding=2 * step, dilation=step) for step in (1, 2)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.classify = nn.Linear(width, num_classes)

    def forward(self, tokens: Tensor, index: Tensor, places: Tensor, seen: Tensor) -> Tensor:
        """Return (B, M, classes) logits, class 0 the blank.

        Args:
            tokens: (N, C) tokens of all lines' pictures.
            index: (B, M, HEIGHTS) long, the token at each column and height.
            places: (B, M, HEIGHTS, PLACE_SIZE), see `place_code`.
            seen: (B, M, HEIGHTS) 0 where the vocabulary sees nothing of the picture.
        """
        narrow = self.unfold(self.narrow(self.norm(tokens)))
        taken = F.embedding(index, narrow) * (1 + self.gate(places)) + self.place(places)
        column = self.join(F.gelu(taken * seen[..., None]).flatten(-2))
        for norm, convolution in zip(self.norms, self.along, strict=False):
            mixed = convolution(norm(column).transpose(1, 2)).transpose(1, 2)
            column = column + F.gelu(mixed)
        logits: Tensor = self.classify(self.norms[-1](column))
        return logits


def place_code(across: Tensor, down: Tensor, pitch: Tensor) -> Tensor:
    """Return (..., PLACE_SIZE) numbers that tell a place in a token.

    Args:
        across: place between the token's left (-0.5) and right edge (0.5).
        down: the same from top to bottom.
        pitch: (..., 2) columns per token, and tokens per height of the line.
    """
    parts = [across, down, pitch[..., 0], pitch[..., 1]]
    for frequency in _FREQUENCIES:
        for value in (across, down):
            angle = 2 * math.pi * frequency * value
            parts += [angle.sin(), angle.cos()]
    return torch.stack(parts, dim=-1)
