"""The CTC head: what a vocabulary reads in its patch features before any language model."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A logit that leaves nothing; infinite ones would give gradients that are no numbers.
_NEVER = -1e4


class CTCHead(nn.Module):
    """Scores the characters of a line at each column of patches.

    Args:
        rows: rows of patch features in a line.
        channels: width of the patch features.
        num_classes: characters of the alphabet and the blank.
        columns: scores for each column of patches: more than one where letters are narrower than
            a patch.
        rank: width that the features are first narrowed to; None: they are not. With thousands of
            characters the head else holds more parameters than the encoder.
    """

    def __init__(
        self,
        rows: int,
        channels: int,
        num_classes: int,
        columns: int = 1,
        rank: int | None = None,
    ) -> None:
        super().__init__()
        self.rows = rows
        self.columns = columns
        width = rows * channels
        self.norm = nn.LayerNorm(width)
        self.narrow = nn.Identity() if rank is None else nn.Linear(width, rank, bias=False)
        self.classify = nn.Linear(width if rank is None else rank, columns * num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, columns, classes) logits; class 0 is the blank.

        Args:
            features: (B, rows, patch columns, channels) patch features.

        Raises:
            ValueError: the features have another number of rows (not a strip of one line).
        """
        if features.shape[1] != self.rows:
            raise ValueError(
                f"the CTC head reads strips of {self.rows} rows of patches, got {features.shape[1]}"
            )
        columns = features.permute(0, 2, 1, 3).flatten(2)
        scores = self.classify(self.narrow(self.norm(columns)))
        return scores.unflatten(-1, (self.columns, -1)).flatten(1, 2)

    def on_lines(self, features: Tensor, images: Tensor, boxes: Tensor) -> Tensor:
        """Return (L, columns, classes) logits of lines of text that stand somewhere on pages.

        A line's features are sampled at `rows` heights between its top and its bottom, so that a
        strip whose line is as high as it is gives what `forward` gives. Columns to its left and
        right are blank.

        Args:
            features: (B, rows of patches, patch columns, channels).
            images: (L,) long, which page each line stands on.
            boxes: (L, 4) left, top, right and bottom, in patches.
        """
        _, tall, wide, _ = features.shape
        left, top, right, bottom = boxes.float().T  # half precision would miss by a row
        shares = (torch.arange(self.rows, device=features.device) + 0.5) / self.rows
        heights = top[:, None] + (bottom - top)[:, None] * shares
        # grid_sample's corners are the outer edges: a patch's middle is at half a patch.
        down = (2 * heights / tall - 1)[:, :, None].expand(-1, -1, wide)
        middles = torch.arange(wide, device=features.device) + 0.5
        across = (2 * middles / wide - 1).expand_as(down)
        grid = torch.stack([across, down], dim=-1)
        pages = features.permute(0, 3, 1, 2)[images].float()
        sampled = F.grid_sample(pages, grid, padding_mode="border", align_corners=False)
        logits = self.forward(sampled.permute(0, 2, 3, 1).to(features.dtype))
        places = (torch.arange(wide * self.columns, device=features.device) + 0.5) / self.columns
        beside = (places < left[:, None] - 0.5) | (places > right[:, None] + 0.5)
        blank = torch.full_like(logits[0, 0], _NEVER)
        blank[0] = 0.0
        return torch.where(beside[..., None], blank, logits)


def decode_greedy(logits: Tensor, alphabet: str) -> list[tuple[str, list[int], list[float]]]:
    """Return for each line its text, the column of each character and its probability.

    Args:
        logits: (B, columns, classes), class 0 the blank, class i the i-th character.
        alphabet: the characters.

    Returns: a triple for each line: text of n characters, n columns, n probabilities.
    """
    best_probability, best_class = logits.float().softmax(-1).max(-1)
    lines = []
    for classes, probabilities in zip(best_class.tolist(), best_probability.tolist(), strict=True):
        text, columns, certainties = [], [], []
        last = 0
        for column, (number, probability) in enumerate(zip(classes, probabilities, strict=True)):
            if number and number != last:
                text.append(alphabet[number - 1])
                columns.append(column)
                certainties.append(probability)
            elif number and certainties:
                certainties[-1] = max(certainties[-1], probability)
            last = number
        lines.append(("".join(text), columns, certainties))
    return lines


def encode_targets(texts: Sequence[str], alphabet: str) -> tuple[Tensor, Tensor]:
    """Return the classes of all texts, one behind the other, and the length of each.

    Raises:
        ValueError: a character outside the alphabet.
    """
    classes = {character: number for number, character in enumerate(alphabet, start=1)}
    unknown = sorted(set("".join(texts)) - classes.keys())
    if unknown:
        raise ValueError(f"not in the CTC alphabet: {' '.join(map(repr, unknown[:10]))}")
    flat = [classes[character] for text in texts for character in text]
    lengths = [len(text) for text in texts]
    return torch.tensor(flat, dtype=torch.long), torch.tensor(lengths, dtype=torch.long)
