"""Batches of line strips for training, a function of seed and index alone."""

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vary.data.engines.base import Reject, sample_rng
from vary.data.engines.page.line import LineImage, LineRenderer
from vary.data.engines.page.line_text import LineTexts
from vary.errors import VaryError
from vary.train.recipe import DataRecipe, StageRecipe
from vary.train.sources import FontSplit, TextSplit, split_fonts, split_text

_MAX_TRIES = 1000


class LineBatch(TypedDict):
    """A batch of strips.

    Keys:
        pixels: (B, height, width) uint8, grey, padded with white to the right.
        texts: what stands on each.
        index: the batch's number; with the run's seed it makes the batch again.
    """

    pixels: Tensor
    texts: list[str]
    index: int


def build_renderer(data: DataRecipe, *, held_out: bool = False) -> LineRenderer:
    """Return the renderer of a run's lines, or of its held-out fonts and texts.

    Raises:
        InputError: no fonts or no text.
        VaryError: no text is named, or all of it or of the fonts is held out.
    """
    return make_renderers(data, split_text(data), split_fonts(data))[int(held_out)]


def make_renderers(
    data: DataRecipe, texts: TextSplit, fonts: FontSplit
) -> tuple[LineRenderer, LineRenderer]:
    """Return the renderer of a run's lines, and that of its held-out ones."""
    return (
        LineRenderer(LineTexts(texts.learned), fonts.learned, data.line),
        LineRenderer(LineTexts(texts.held_out), fonts.held_out, data.line),
    )


class LineBatches(Dataset[LineBatch]):
    """Batches by index: one width each, as many strips as make up `batch_px`.

    Args:
        renderer: draws the lines.
        stage: widths and batch size; its name is part of the seed.
        seed: of the run.
        length: number of batches; None for the stage's steps.
    """

    def __init__(
        self, renderer: LineRenderer, stage: StageRecipe, seed: int, length: int | None = None
    ) -> None:
        self.renderer = renderer
        self.stage = stage
        self.seed = seed
        self.length = stage.steps if length is None else length

    def __len__(self) -> int:
        """Return the number of batches."""
        return self.length

    def __getitem__(self, index: int) -> LineBatch:
        """Return a batch; a line that cannot be drawn is drawn again from the same generator.

        Raises:
            VaryError: no line can be drawn, however often it is tried.
        """
        rng = sample_rng(self.seed, f"lines/{self.stage.name}", index)
        widths = self.stage.widths_px
        width = widths[int(rng.integers(len(widths)))]
        height = self.renderer.config.height_px
        num_lines = max(1, self.stage.batch_px // width)
        pixels = np.full((num_lines, height, width), 255, np.uint8)
        texts: list[str] = []
        while len(texts) < num_lines:
            line = self._draw(rng, width)
            strip = line.strip[:, :width]
            pixels[len(texts), :, : strip.shape[1]] = strip
            texts.append(line.text)
        return {"pixels": torch.from_numpy(pixels), "texts": texts, "index": index}

    def _draw(self, rng: np.random.Generator, width: int) -> LineImage:
        """Return a line of which nothing is cut off: its text would not stand on the strip."""
        reason: object = "every word is wider than the strip"
        for _ in range(_MAX_TRIES):
            try:
                line = self.renderer.draw(rng, width)
            except Reject as reject:
                reason = reject
                continue
            if line.words[-1][2] <= min(line.strip.shape[1], width):
                return line
        raise VaryError(
            f"stage {self.stage.name}: no line of {width} px could be drawn in {_MAX_TRIES} tries "
            f"({reason}); give other fonts, other text, or wider strips in widths_px"
        )
