"""What an engine is: something that makes the sample of an index from a seeded generator."""

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from vary.data.schema import Sample


class Reject(Exception):  # noqa: N818 - no error: a sample that is left out, and why
    """A sample that cannot be made; it is dropped, counted and listed, never replaced by another.

    Args:
        reason: the class of causes, short and without details, since rejects are counted by it.
        detail: what was wrong with this very sample.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Return reason and detail in one line."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class Engine(Protocol):
    """Makes samples by index, for shards on disk and for training directly.

    Attributes:
        name: part of the seed and of each sample's id.
    """

    name: str

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return the sample of an index, a function of the arguments alone.

        Raises:
            Reject: this index gives no usable sample.
        """
        ...

    def length_hint(self, index: int) -> int:
        """Return about how many target characters a sample has, without making it."""
        ...

    def config(self) -> dict[str, Any]:
        """Return, as JSON values, all that its samples depend on, inputs by their hashes."""
        ...


def sample_rng(seed: int, engine: str, index: int) -> np.random.Generator:
    """Return the generator of one sample: a function of run seed, engine and index.

    Raises:
        ValueError: seed or index is negative.
    """
    if seed < 0 or index < 0:
        raise ValueError(f"seed {seed} and index {index} must both be 0 or more")
    entropy = [seed, _number_of(engine), index]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


@lru_cache(maxsize=64)
def _number_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def make_sample(engine: Engine, seed: int, index: int) -> Sample:
    """Return sample `index` of a run, by itself, with its id (engine / seed / index).

    Raises:
        Reject: this index gives no usable sample.
    """
    sample = engine.sample(index, sample_rng(seed, engine.name, index))
    return replace(sample, id=sample_id(engine.name, seed, index))


def sample_id(engine: str, seed: int, index: int) -> str:
    """Return the id of a generated sample."""
    return f"{engine}/{seed}/{index}"
