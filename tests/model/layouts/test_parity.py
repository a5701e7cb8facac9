"""An imported model answers as the release's own network: logits, and greedy tokens of GOT."""

import pytest
import torch
from torch import Tensor

from vary.model import VaryForConditionalGeneration, VaryProcessor, load_vocabulary

BOUND = 1e-4
# Leaving the relative positions out must be at least this wrong, or the tests see nothing.
SEEN = 0.05
MODELS = [
    "vary-tiny", "vary-tiny-600k", "onechart", "vary-toy", "got", "got-hf", "got-hf-modules",
]  # fmt: skip


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.double() - theirs.double()).norm() / theirs.double().norm())


def prompt(processor: VaryProcessor) -> Tensor:
    """Return one row: words, an image, words."""
    rule = processor.image_processor.rules[0]
    number = processor.num_image_tokens(rule.height, rule.width)
    image = processor.tokenizer.convert_tokens_to_ids("<imgpad>")
    generator = torch.Generator().manual_seed(5)
    words = torch.randint(4, 250, (12,), generator=generator).tolist()
    return torch.tensor([[*words[:5], *[image] * number, *words[5:]]])


def pixels(model: VaryForConditionalGeneration) -> list[Tensor]:
    generator = torch.Generator().manual_seed(6)
    sizes = [part.image_size for part in model.config.vocabularies]
    return [torch.randn(1, 3, *size, generator=generator) for size in sizes]


@torch.no_grad()
def answer(model: VaryForConditionalGeneration, ids: Tensor, given: list[Tensor]) -> Tensor:
    names = ["pixel_values", "pixel_values_2"][: len(given)]
    return model(input_ids=ids, **dict(zip(names, given, strict=True))).logits


@torch.no_grad()
def error_without(model: VaryForConditionalGeneration, kind: str, given) -> float:
    """Return how wrong the logits are with these tables at zero."""
    ids, images, theirs = given
    tables = [value for name, value in model.named_parameters() if kind in name]
    kept = [table.clone() for table in tables]
    assert tables
    for table in tables:
        table.zero_()
    error = relative_error(answer(model, ids, images), theirs)
    for table, old in zip(tables, kept, strict=True):
        table.copy_(old)
    return error


@pytest.mark.parametrize(
    "layout",
    [*MODELS, pytest.param("vary-tiny, the paper's size", marks=pytest.mark.slow)],
)
def test_logits_are_those_of_the_releases_own_network(releases, ours, layout):
    release, folder = releases(layout), ours(layout)
    model = VaryForConditionalGeneration.from_pretrained(folder).eval()
    processor = VaryProcessor.from_pretrained(folder)
    ids, images = prompt(processor), pixels(model)
    with torch.no_grad():
        theirs = release.logits(ids, images)
    given = (ids, images, theirs)
    for kind in ("rel_pos_h", "rel_pos_w"):
        assert error_without(model, kind, given) > SEEN
    assert relative_error(answer(model, ids, images), theirs) < BOUND
    assert torch.allclose(answer(model, ids, images), theirs, atol=BOUND, rtol=BOUND)


@pytest.mark.parametrize("layout", ["got", "got-hf"])
def test_got_writes_the_tokens_that_transformers_writes(releases, ours, layout):
    release, folder = releases(layout), ours(layout)
    model = VaryForConditionalGeneration.from_pretrained(folder).eval()
    processor = VaryProcessor.from_pretrained(folder)
    ids, (image,) = prompt(processor), pixels(model)
    settings = {"max_new_tokens": 24, "min_new_tokens": 24, "do_sample": False}
    inputs = {"input_ids": ids, "pixel_values": image, "attention_mask": torch.ones_like(ids)}
    theirs = release.reference.generate(**inputs, **settings)
    assert len(set(theirs[0].tolist())) > 12  # it does not just repeat itself
    assert torch.equal(model.generate(**inputs, **settings), theirs)


def test_each_half_of_two_vocabularies_is_seen(ours):
    folder = ours("vary-toy")
    model = VaryForConditionalGeneration.from_pretrained(folder).eval()
    ids, images = prompt(VaryProcessor.from_pretrained(folder)), pixels(model)
    before = answer(model, ids, images)
    for changed in (0, 1):
        other = [part.roll(1, -1) if n == changed else part for n, part in enumerate(images)]
        assert relative_error(answer(model, ids, other), before) > SEEN


@pytest.mark.parametrize("layout", ["sam", "sam-hf"])
def test_features_of_sam_are_transformers_own(releases, ours, layout):
    release, folder = releases(layout), ours(layout)
    network, _ = load_vocabulary(folder, verify=True)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        theirs = release.reference.get_image_embeddings(image).permute(0, 2, 3, 1)
        assert relative_error(network(image).patch_features, theirs) < BOUND
        for name, table in network.named_parameters():
            if "rel_pos" in name:
                table.zero_()
        assert relative_error(network(image).patch_features, theirs) > SEEN
