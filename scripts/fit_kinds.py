"""Fit a checkpoint's kind head: what a picture is, from sets of pictures of each kind.

The vocabulary stays as it is: a linear map over its patch features is fitted, with the same weight
for each kind. A set's samples are of the kind that they say; documents without text are blank.
Photos count several times, as crops at different scales.

Usage: python scripts/fit_kinds.py CHECKPOINT --set FOLDER [--set FOLDER ...] --out FOLDER
           [--test FOLDER ...]
"""

import argparse
import io
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vary.data.schema import Sample
from vary.data.shards import iterate_set
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.read.kinds import BLANK, NATURAL, across, small_picture
from vary.vocabulary.kinds import KindHead

KINDS = ("document", "chart", NATURAL, BLANK)
_CROPS = 10
_L2 = 1e-3


def main() -> int:
    """Return 0 when the checkpoint with its head lies in its folder."""
    parser = argparse.ArgumentParser(description="Fit a checkpoint's kind head.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--set", type=Path, action="append", required=True, help="to learn from")
    parser.add_argument("--test", type=Path, action="append", default=[], help="to measure on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, help="samples of each set; else all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    model = VaryForConditionalGeneration.from_pretrained(arguments.checkpoint).eval()
    processor = VaryProcessor.from_pretrained(arguments.checkpoint)
    rng = np.random.default_rng(arguments.seed)
    seen, kinds = _spreads(model, processor, arguments.set, rng, arguments.most)
    missing = [kind for number, kind in enumerate(KINDS) if number not in kinds.tolist()]
    if missing:
        print(f"no pictures of the kind {', '.join(missing)}; give a --set with some")
        return 1
    head = fit(seen, kinds)
    table = Table("set", "kind", *KINDS, "right")
    _score(table, "learned from", head, seen, kinds)
    for folder in arguments.test:
        _score(table, folder.name, head, *_spreads(model, processor, [folder], None, None))
    Console().print(table)
    vocabulary = model.vocabularies[0]
    vocabulary.config.kinds = list(KINDS)
    vocabulary.kind_head = head.to(model.dtype)
    model.save_pretrained(arguments.out)
    processor.save_pretrained(arguments.out)
    return 0


def fit(seen: torch.Tensor, kinds: torch.Tensor) -> KindHead:
    """Return the head whose linear map tells kinds apart best.

    Args:
        seen: (N, width) what `KindHead.spread` gives.
        kinds: (N,) class of each.
    """
    middle, scale = seen.mean(0), seen.std(0) + 1e-3
    inputs = (seen - middle) / scale
    counts = kinds.bincount(minlength=len(KINDS)).float()
    share = counts.sum() / (len(KINDS) * counts.clamp(min=1))
    weight = torch.zeros(len(KINDS), seen.shape[1], requires_grad=True)
    bias = torch.zeros(len(KINDS), requires_grad=True)
    search = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        errors = F.cross_entropy(F.linear(inputs, weight, bias), kinds, weight=share)
        total = errors + _L2 * weight.square().sum()
        total.backward()
        return total

    search.step(loss)
    head = KindHead(seen.shape[1] // KindHead.width(1), len(KINDS))
    with torch.no_grad():
        head.classify.weight.copy_(weight / scale)
        head.classify.bias.copy_(bias - (weight / scale) @ middle)
    return head


def _spreads(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    folders: list[Path],
    rng: np.random.Generator | None,
    most: int | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (N, width) what the vocabulary sees, and (N,) kinds; `rng` cuts photos into crops."""
    seen, kinds = [], []
    for folder in folders:
        samples = list(itertools.islice(iterate_set(folder), most))
        for sample in track(samples, folder.name, console=Console(stderr=True)):
            kind = _kind(sample)
            for picture in _pictures(sample, rng if kind == NATURAL else None):
                seen.append(KindHead.spread(*across(model, processor, small_picture(picture))))
                kinds.append(KINDS.index(kind))
    return torch.stack(seen), torch.tensor(kinds)


def _kind(sample: Sample) -> str:
    return sample.kind if sample.text or sample.kind != "document" else BLANK


def _pictures(sample: Sample, rng: np.random.Generator | None) -> Iterator[Image.Image]:
    image = Image.open(io.BytesIO(sample.images[0].bytes)).convert("RGB")
    yield image
    for _ in range(_CROPS if rng is not None else 0):
        assert rng is not None
        height = round(image.height * rng.uniform(0.3, 1))
        width = min(image.width, round(height * rng.uniform(0.6, 1.6)))
        left = int(rng.integers(image.width - width + 1))
        top = int(rng.integers(image.height - height + 1))
        crop = image.crop((left, top, left + width, top + height))
        if rng.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        yield crop.convert("L") if rng.random() < 0.15 else crop


def _score(
    table: Table, name: str, head: KindHead, seen: torch.Tensor, kinds: torch.Tensor
) -> None:
    with torch.inference_mode():
        told = head.classify(seen).argmax(-1)
    for number, kind in enumerate(KINDS):
        own = told[kinds == number]
        if len(own):
            counts = own.bincount(minlength=len(KINDS)).tolist()
            table.add_row(name, kind, *map(str, counts), f"{counts[number] / len(own):.3f}")


if __name__ == "__main__":
    sys.exit(main())
