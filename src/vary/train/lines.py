"""Batches of line strips for training, a function of seed and index alone."""

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject, sample_rng
from vary.data.engines.page.line import LineRenderer
from vary.data.engines.page.line_text import LineTexts
from vary.data.fonts import FontLibrary
from vary.train.recipe import DataRecipe, StageRecipe


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
    """
    text = Path(data.text)
    folders = [Path(folder) for folder in data.fonts] or None
    if held_out:
        corpus = TextCorpus.from_folder(text, include=data.text_exclude)
        fonts = FontLibrary.discover(folders, data.font_held_out, data.font_exclude)
    else:
        corpus = TextCorpus.from_folder(text, exclude=data.text_exclude)
        left_out = (*data.font_exclude, *data.font_held_out)
        fonts = FontLibrary.discover(folders, exclude=left_out)
    return LineRenderer(LineTexts(corpus), fonts, data.line)


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
        """Return a batch; a line that cannot be drawn is drawn again from the same generator."""
        rng = sample_rng(self.seed, f"lines/{self.stage.name}", index)
        widths = self.stage.widths_px
        width = widths[int(rng.integers(len(widths)))]
        height = self.renderer.config.height_px
        num_lines = max(1, self.stage.batch_px // width)
        pixels = np.full((num_lines, height, width), 255, np.uint8)
        texts: list[str] = []
        while len(texts) < num_lines:
            try:
                line = self.renderer.draw(rng, width)
            except Reject:
                continue
            strip = line.strip[:, :width]
            pixels[len(texts), :, : strip.shape[1]] = strip
            texts.append(line.text)
        return {"pixels": torch.from_numpy(pixels), "texts": texts, "index": index}
