"""The CTC head: what a vocabulary reads in its patch features before any language model."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class CTCHead(nn.Module):
    """Scores the characters of a line at each column of patches.

    Args:
        rows: rows of patches in a line strip.
        channels: width of the patch features.
        num_classes: characters of the alphabet and the blank.
    """

    def __init__(self, rows: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.rows = rows
        self.norm = nn.LayerNorm(rows * channels)
        self.classify = nn.Linear(rows * channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, columns, classes) logits; class 0 is the blank.

        Args:
            features: (B, rows, columns, channels) patch features.

        Raises:
            ValueError: the features have another number of rows (not a strip of one line).
        """
        if features.shape[1] != self.rows:
            raise ValueError(
                f"the CTC head reads strips of {self.rows} rows of patches, got {features.shape[1]}"
            )
        columns = features.permute(0, 2, 1, 3).flatten(2)
        return self.classify(self.norm(columns))


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
