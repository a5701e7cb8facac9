"""The pictures that all arms learn from and are measured on, and vocabularies' tokens of them.

The n-th sample of a part is a function of the part and n alone. Tokens of frozen vocabularies are
made once and lie on disk in half precision.
"""

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from language import page_pieces
from pages import draw_page, make_page
from scenes import draw_scene, make_scene
from vocabularies import PageVocabulary, normalise, pixels_for

Part = Literal["short", "pages", "scenes", "test-pages", "test-scenes"]
PARTS: tuple[Part, ...] = ("short", "pages", "scenes", "test-pages", "test-scenes")
_AT_ONCE = 32


def _generator(part: Part, number: int) -> np.random.Generator:
    return np.random.default_rng((1000 + PARTS.index(part), number))


def _words(part: Part, rng: np.random.Generator) -> list[str]:
    most, longest = (1, 6) if part == "short" else (3, 8)
    return make_page(rng, most, longest, part.startswith("test"))


@cache
def answer(part: Part, number: int) -> tuple[str, ...]:
    """Return the pieces that are to be written for a sample."""
    rng = _generator(part, number)
    if part.endswith("scenes"):
        return tuple(make_scene(rng).caption)
    return tuple(page_pieces(_words(part, rng)))


def picture(part: Part, number: int) -> np.ndarray:
    """Return a sample's picture, (144, 256, 3) uint8."""
    rng = _generator(part, number)
    if part.endswith("scenes"):
        return draw_scene(make_scene(rng), rng)[0]
    return draw_page(_words(part, rng), rng, part.startswith("test"))


@torch.no_grad()
def encode(page: PageVocabulary, part: Part, count: int) -> np.ndarray:
    """Return (count, 48, width) float16 tokens of a part's first samples."""
    made = []
    for start in range(0, count, _AT_ONCE):
        pictures = [picture(part, n) for n in range(start, min(count, start + _AT_ONCE))]
        pixels = normalise(page.config, pixels_for(page.config, pictures))
        with torch.autocast("cpu", torch.bfloat16):
            made.append(page(pixels).last_hidden_state.to(torch.float16).numpy())
    return np.concatenate(made)


class Cache:
    """Tokens of vocabularies and reduced pictures, on disk.

    Args:
        folder: of the files.
        counts: samples of each part.
    """

    def __init__(self, folder: Path, counts: dict[Part, int]) -> None:
        self.folder, self.counts = folder, counts

    def _path(self, name: str, part: Part) -> Path:
        return self.folder / f"{name}-{part}.npy"

    def has(self, name: str) -> bool:
        """Return whether all parts of a vocabulary are there."""
        return all(self._path(name, part).is_file() for part in PARTS)

    def add(self, name: str, page: PageVocabulary, as_pixels: bool = False) -> None:
        """Make and keep a vocabulary's tokens of all parts, or its reduced pictures."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            count = self.counts[part]
            if as_pixels:
                made = pixels_for(page.config, [picture(part, n) for n in range(count)])
            else:
                made = encode(page, part, count)
            beside = self._path(name, part).with_suffix(".part.npy")
            np.save(beside, made)
            beside.rename(self._path(name, part))

    def get(self, name: str, part: Part) -> np.ndarray:
        """Return a vocabulary's tokens of a part, as they lie on disk."""
        kept: np.ndarray = np.load(self._path(name, part), mmap_mode="r")
        return kept

    def remove(self, name: str) -> None:
        """Remove a vocabulary's tokens."""
        for part in PARTS:
            self._path(name, part).unlink(missing_ok=True)
