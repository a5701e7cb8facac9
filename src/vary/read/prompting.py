"""What is asked about pages, as the model's inputs: pictures, tiles, pages in one prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from transformers import BatchFeature

from vary.model import VaryProcessor
from vary.model.chat import PLACEHOLDER, Messages
from vary.model.images import Picture
from vary.model.tiling import cut_tiles
from vary.read.asking import Ask

# In this form all pages that are asked about stand between one <img> and </img>.
_GOT = "got"
# No box has more digits than this one, in thousandths.
_WIDEST_BOX = (998.0, 998.0, 1000.0, 1000.0)


def page_prompts(
    processor: VaryProcessor,
    groups: Sequence[Sequence[Picture]],
    ask: Ask,
    questions: Mapping[str, str],
) -> BatchFeature:
    """Return the prompts that ask this about groups of pages, and their pixels.

    A group's pages, and the tiles of each, stand between one `<img>` and `</img>` in GOT-OCR-2.0's
    form; in others every page has its own, and its tiles are in it.

    Args:
        processor: of a chat form; another asks nothing, and takes groups of one page.
        groups: pages that are asked about together.
        ask: the same for all.
        questions: see `VaryConfig`.

    Raises:
        VaryError: there are no words for this.
    """
    if processor.chat is None:
        return processor([page for (page,) in groups])
    images: list[Sequence[Picture]] = []
    messages: list[Messages] = []
    for pages in groups:
        shown = [_pictures(processor, page, ask) for page in pages]
        if processor.prompt_form == _GOT:
            shown = [[picture for pictures in shown for picture in pictures]]
        images += shown
        words = ask.words(questions, _size_of(pages[0]), len(pages))
        messages.append(_question(words, len(shown)))
    return processor(images, messages=messages)


def longest_prompt(processor: VaryProcessor, ask: Ask, questions: Mapping[str, str]) -> int:
    """Return how many positions the longest prompt that asks this takes, of pages of any size.

    Raises:
        ValueError: the vocabularies' tokens do not go together, or have no place.
        VaryError: there are no words for this.
    """
    rules = processor.image_processor.rules
    num_tokens = processor.num_image_tokens(
        *(side for rule in rules for side in (rule.height, rule.width))
    )
    if processor.chat is None:
        prompt = processor.prompt_tokens(num_tokens)
        return processor.prompt_positions(num_tokens, len(prompt))[-1] + 1
    num_pages = ask.together or 1
    num_pictures = ask.tiles + 1 if ask.tiles and ask.tiles > 1 else 1
    widest = replace(ask, box=_WIDEST_BOX) if ask.box else ask
    words = widest.words(questions, (1000, 1000), num_pages)
    counts = [num_tokens * num_pictures] * num_pages
    if processor.prompt_form == _GOT:
        counts = [sum(counts)]
    return len(processor.conversation(_question(words, len(counts)), counts).tokens)


def _pictures(processor: VaryProcessor, page: Picture, ask: Ask) -> Sequence[Picture]:
    """Return what is shown of a page: itself, or its tiles and the whole."""
    if ask.tiles is None:
        return [page]
    rules = processor.image_processor.rules
    return cut_tiles(page, max(rules, key=lambda rule: rule.height * rule.width), ask.tiles)


def _question(words: str, num_images: int) -> Messages:
    """Return a conversation of one question about some images."""
    images = f"{PLACEHOLDER}\n" * num_images
    return [{"role": "user", "content": f"{images}{words}"}]


def _size_of(picture: Picture) -> tuple[int, int]:
    """Return the width and height of a picture."""
    if isinstance(picture, np.ndarray):
        return picture.shape[1], picture.shape[0]
    return picture.size
