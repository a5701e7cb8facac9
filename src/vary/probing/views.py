"""What a light reader is given of a line: a vocabulary's tokens, another picture's, or the truth.

Three readers set the scale of what is measured. Over a vocabulary's tokens: what is asked. Over the
tokens of other pictures (`BlindView`): what can be guessed without seeing. Over codes of the
characters at their places (`CeilingView`): what this reader learns of this data within its budget,
were the vocabulary perfect.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vary.probing.features import Features, Grid
from vary.probing.light_reader import HEIGHTS, place_code
from vary.probing.lines import Line

_CODE_SIZE = 64
# The columns of a line reach a little beyond the ink, and so do the heights.
_MARGIN = 0.1


@dataclass(frozen=True)
class LineInput:
    """A line as the reader takes it; see `LightReader`."""

    tokens: np.ndarray
    index: Tensor
    places: Tensor
    seen: Tensor


class View(Protocol):
    """Gives lines as a reader takes them.

    Attributes:
        token_size: width of a token.
    """

    token_size: int

    def line(self, number: int, rng: np.random.Generator) -> LineInput:
        """Return a line by its number."""
        ...


class VocabularyView:
    """Lines in the tokens of a vocabulary.

    Args:
        features: of all pictures.
        lines: on them.
    """

    def __init__(self, features: Features, lines: Sequence[Line]) -> None:
        self.features = features
        self.lines = lines
        self.token_size = features.width

    def line(self, number: int, rng: np.random.Generator) -> LineInput:
        """Return a line in the tokens of its own picture."""
        line = self.lines[number]
        return self._in_tokens_of(line, self._picture(line, rng))

    def _picture(self, line: Line, _: np.random.Generator) -> int:
        return line.picture

    def _in_tokens_of(self, line: Line, picture: int) -> LineInput:
        grid = self.features.grids[line.picture]
        assert grid is not None
        index, places, seen = _where(line, grid)
        # Only what the line falls on is computed with: a strip or a page has far more tokens.
        used, index = torch.unique(index, return_inverse=True)
        return LineInput(self.features.tokens(picture)[used.numpy()], index, places, seen)


class BlindView(VocabularyView):
    """Lines in the tokens of another picture of as many tokens, another one each time."""

    def __init__(self, features: Features, lines: Sequence[Line]) -> None:
        super().__init__(features, lines)
        self._alike: dict[tuple[int, int], list[int]] = defaultdict(list)
        for picture in sorted({line.picture for line in lines}):
            grid = features.grids[picture]
            if grid is not None:
                self._alike[grid.rows, grid.columns].append(picture)

    def _picture(self, line: Line, rng: np.random.Generator) -> int:
        grid = self.features.grids[line.picture]
        assert grid is not None
        others = self._alike[grid.rows, grid.columns]
        if len(others) < 2:
            return line.picture
        place = others.index(line.picture)
        return others[(place + 1 + int(rng.integers(len(others) - 1))) % len(others)]

    def _in_tokens_of(self, line: Line, picture: int) -> LineInput:
        found = super()._in_tokens_of(line, picture)
        if picture != line.picture:
            return found
        # No other picture has as many tokens: nothing is seen at all.
        return LineInput(np.zeros_like(found.tokens), found.index, found.places, found.seen)


class CeilingView:
    """Lines as codes of their characters, each at the column where it stands.

    Args:
        lines: whose characters' places are known or dealt out evenly.
    """

    token_size = _CODE_SIZE

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self._codes: dict[str, np.ndarray] = {}

    def line(self, number: int, rng: np.random.Generator) -> LineInput:  # noqa: ARG002
        """Return a line whose tokens say what stands at each column."""
        line = self.lines[number]
        columns = line.columns
        left, right = line.box[0], line.box[2]
        tokens = np.zeros((columns, _CODE_SIZE), np.float16)
        for place in line.places:
            share = (place.x - left) / (right - left)
            column = min(columns - 1, max(0, int(share * columns)))
            tokens[column] += self._code(place.character)
        index = torch.arange(columns)[:, None].expand(-1, HEIGHTS)
        middle = torch.zeros(columns, HEIGHTS)
        pitch = torch.zeros(columns, HEIGHTS, 2)
        return LineInput(tokens, index, place_code(middle, middle, pitch), torch.ones_like(middle))

    def _code(self, character: str) -> np.ndarray:
        if character not in self._codes:
            seed = int.from_bytes(hashlib.sha256(character.encode()).digest()[:8], "big")
            drawn = np.random.default_rng(seed).standard_normal(_CODE_SIZE)
            self._codes[character] = drawn.astype(np.float16)
        return self._codes[character]


def _where(line: Line, grid: Grid) -> tuple[Tensor, Tensor, Tensor]:
    """Return (M, HEIGHTS) tokens, (M, HEIGHTS, PLACE_SIZE) places and (M, HEIGHTS) what is seen."""
    left, top, right, bottom = line.box
    columns = line.columns
    x = left + (right - left) * (np.arange(columns) + 0.5) / columns
    shares = (np.arange(HEIGHTS) + 0.5) / HEIGHTS
    y = top + (bottom - top) * (-_MARGIN + (1 + 2 * _MARGIN) * shares)
    across = x * grid.scale[0] + grid.shift[0]
    down = y * grid.scale[1] + grid.shift[1]
    sees_x = (across >= 0) & (across < grid.columns)
    # The margins may lie outside of a strip, whose line is as high as it is.
    sees_y = (down > -1) & (down < grid.rows + 1)
    column = np.clip(np.floor(across), 0, grid.columns - 1)
    row = np.clip(np.floor(down), 0, grid.rows - 1)
    index = row[None] * grid.columns + column[:, None]
    shape = index.shape
    in_x = np.broadcast_to((across - column - 0.5)[:, None], shape)
    in_y = np.broadcast_to((down - row - 0.5)[None], shape)
    step = (right - left) / columns * grid.scale[0]
    pitch = np.broadcast_to([step, (bottom - top) * grid.scale[1]], (*shape, 2))
    seen = sees_x[:, None] & sees_y[None]
    code = place_code(*(torch.tensor(np.clip(part, -2, 2)).float() for part in (in_x, in_y, pitch)))
    return torch.tensor(index).long(), code, torch.tensor(seen).float()
