"""A model with each of its vocabularies in turn taken away, or given another image's tokens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.modeling import EncodedImages, pad_ctc
from vary.vocabulary import ViTDetOutput

How = Literal["", "zeroed", "shuffled"]
# Sizes in pixels of an item's images, for each vocabulary.
Signature = tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class Variant:
    """A model as it is, or with one vocabulary spoiled.

    Attributes:
        vocabulary: its place, from 0; None for the model as it is.
        how: ``zeroed``: its share of the fused tokens is zero; ``shuffled``: each image gets the
            tokens that it gave of another image.
    """

    vocabulary: int | None = None
    how: How = ""

    @property
    def name(self) -> str:
        """Short and unique, vocabularies counted from 1."""
        return "whole" if self.vocabulary is None else f"{self.vocabulary + 1} {self.how}"


WHOLE = Variant()


def variants_of(num_vocabularies: int) -> list[Variant]:
    """Return the model as it is, and each vocabulary zeroed and shuffled."""
    hows: tuple[How, ...] = ("zeroed", "shuffled")
    return [WHOLE, *(Variant(n, how) for n in range(num_vocabularies) for how in hows)]


@dataclass(frozen=True)
class SeenImages:
    """What the vocabularies give of the images of one item.

    Attributes:
        tokens: of each image, the (N, C) tokens of each vocabulary.
        ctc_logits: (columns, classes) of the first vocabulary's CTC head, of each image; none
            without such a head.
        blind_logits: the same where the head is given patch features of zero.
    """

    tokens: tuple[tuple[Tensor, ...], ...]
    ctc_logits: tuple[Tensor, ...] = ()
    blind_logits: tuple[Tensor, ...] = ()

    def with_other(self, vocabulary: int, other: "SeenImages") -> "SeenImages":
        """Return these images with one vocabulary's tokens, and CTC scores, of others."""
        tokens = tuple(
            tuple(theirs if n == vocabulary else own for n, (own, theirs) in enumerate(pairs))
            for pairs in (
                zip(a, b, strict=True) for a, b in zip(self.tokens, other.tokens, strict=True)
            )
        )
        logits = other.ctc_logits if vocabulary == 0 else self.ctc_logits
        return replace(self, tokens=tokens, ctc_logits=logits)


@torch.inference_mode()
def see(
    model: VaryForConditionalGeneration, processor: VaryProcessor, pictures: Sequence[Image.Image]
) -> SeenImages:
    """Return what each vocabulary gives of an item's pictures, one picture at a time.

    Raises:
        ValueError: a size that a vocabulary cannot take.
    """
    tokens: list[tuple[Tensor, ...]] = []
    logits: list[Tensor] = []
    blind: list[Tensor] = []
    for picture in pictures:
        features = processor.image_processor([picture])
        outputs = []
        for number, vocabulary in enumerate(model.vocabularies):
            name = "pixel_values" if number == 0 else f"pixel_values_{number + 1}"
            outputs.append(vocabulary(features[name].to(model.device)))
        tokens.append(tuple(output.last_hidden_state[0] for output in outputs))
        first = outputs[0]
        if isinstance(first, ViTDetOutput) and first.ctc_logits is not None:
            assert first.patch_features is not None
            head: Any = model.vocabularies[0].ctc_head
            logits.append(first.ctc_logits[0])
            blind.append(head(torch.zeros_like(first.patch_features))[0])
    return SeenImages(tuple(tokens), tuple(logits), tuple(blind))


@torch.inference_mode()
def encode(
    model: VaryForConditionalGeneration, items: Sequence[SeenImages], variant: Variant
) -> EncodedImages:
    """Return fused tokens and CTC scores of items' images under a variant.

    Args:
        model: whose projector fuses.
        items: already shuffled where the variant says so.
        variant: what is zeroed.
    """
    zeroed = variant.vocabulary if variant.how == "zeroed" else None
    with _silent(model.projector.linears, zeroed):
        fused = [model.projector(list(image)) for item in items for image in item.tokens]
    encoded = EncodedImages(torch.cat(fused), [part.shape[0] for part in fused])
    given = [item.blind_logits if zeroed == 0 else item.ctc_logits for item in items]
    logits = [part for parts in given for part in parts]
    if len(logits) == len(fused):
        encoded.ctc_logits, encoded.ctc_lengths = pad_ctc(logits)
    return encoded


@contextmanager
def _silent(linears: nn.ModuleList, number: int | None) -> Iterator[None]:
    """Let a vocabulary's linear give zeros, its bias left out too."""
    if number is None:
        yield
        return
    hook = linears[number].register_forward_hook(lambda *given: torch.zeros_like(given[-1]))
    try:
        yield
    finally:
        hook.remove()


def signature_of(processor: VaryProcessor, sizes: Sequence[tuple[int, int]]) -> Signature:
    """Return the sizes of pictures' pixels for each vocabulary; equal ones give equal tokens.

    Args:
        processor: with an image rule for each vocabulary.
        sizes: width and height of each picture.
    """
    rules = processor.image_processor.rules
    found = []
    for size in sizes:
        blank = Image.new("L", size)
        shapes = [rule.pixels(blank).shape for rule in rules]
        found.append(tuple((shape[0], shape[1]) for shape in shapes))
    return tuple(found)
