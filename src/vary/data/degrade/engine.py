"""Any image engine with its images degraded."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from vary.data.degrade.presets import DegradeConfig, Page, degrade
from vary.data.engines.base import Engine
from vary.data.schema import EncodedImage, Sample, Word
from vary.errors import VaryError


class Degraded:
    """An engine whose images are degraded after it made them; its word boxes move along.

    Name, seed and content are the engine's own: sample i without degradation is the same page.

    Args:
        engine: makes the samples.
        options: how they are degraded.
    """

    def __init__(self, engine: Engine, options: DegradeConfig) -> None:
        self.engine = engine
        self.options = options
        self.name = engine.name

    def config(self) -> dict[str, Any]:
        """Return the engine's configuration, with the degradation."""
        return {**self.engine.config(), "degrade": asdict(self.options)}

    def length_hint(self, index: int) -> int:
        """Return what the engine tells."""
        return self.engine.length_hint(index)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return the engine's sample, degraded; `meta` lists the steps of each image.

        Raises:
            Reject: as the engine does.
        """
        sample = self.engine.sample(index, rng)
        if not self.options.strength or not sample.images:
            return sample
        images, words, steps = [], [], []
        for number, encoded in enumerate(sample.images):
            own = None
            if sample.words is not None:
                own = [word for word in sample.words if word.image == number]
            page = degrade(_decode(encoded), own, self.options, rng)
            images.append(_encode(page, encoded) if page.steps else encoded)
            words += _clipped(page) if page.steps else list(own or ())
            steps.append(page.steps)
        meta = json.loads(sample.meta or "{}")
        meta["degrade"] = steps[0] if len(steps) == 1 else steps
        return replace(
            sample,
            images=tuple(images),
            words=None if sample.words is None else tuple(words),
            meta=json.dumps(meta, sort_keys=True, ensure_ascii=False),
        )


def parse_degrade(text: str | None) -> DegradeConfig | None:
    """Return what ``scan``, ``scan:0.5`` or ``none`` on a command line means; None for nothing.

    Raises:
        VaryError: no such preset, or a strength that is no number or out of bounds.
    """
    if text is None or text == "none":
        return None
    name, _, strength = text.partition(":")
    try:
        amount = float(strength) if strength else 1.0
    except ValueError as error:
        raise VaryError(f"--degrade {text}: give NAME or NAME:STRENGTH, as scan:0.5") from error
    return DegradeConfig(name, amount)  # type: ignore[arg-type] # DegradeConfig checks the name


def build_degraded(build_engine: Callable[[], Engine], options: DegradeConfig | None) -> Engine:
    """Return an engine with its degradation, or as it is: worker processes can call this."""
    engine = build_engine()
    return Degraded(engine, options) if options is not None and options.strength else engine


def _decode(encoded: EncodedImage) -> Image.Image:
    image = Image.open(io.BytesIO(encoded.bytes))
    image.load()
    return image


def _encode(page: Page, encoded: EncodedImage) -> EncodedImage:
    """Return a page's file: the JPEG that it came out of, if that was last, else PNG."""
    path = PurePosixPath(encoded.path)
    if page.jpeg is not None:
        name = str(path.with_suffix(".jpg"))
        return EncodedImage(page.jpeg, name, page.image.width, page.image.height)
    buffer = io.BytesIO()
    # Noise does not compress: a higher level takes several times as long and gains a few percent.
    page.image.save(buffer, "PNG", compress_level=1)
    name = str(path.with_suffix(".png"))
    return EncodedImage(buffer.getvalue(), name, page.image.width, page.image.height)


def _clipped(page: Page) -> list[Word]:
    width, height = page.image.size
    return [
        replace(
            word,
            x0=min(max(0, word.x0), width - 1),
            y0=min(max(0, word.y0), height - 1),
            x1=max(min(width, word.x1), 1),
            y1=max(min(height, word.y1), 1),
        )
        for word in page.words or ()
    ]
