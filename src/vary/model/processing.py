"""Pictures and text to model inputs, in one place for training, evaluation and reading."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from vary.model.images import Picture, VaryImageProcessor
from vary.model.tokenizer import DRAFT_END, DRAFT_START, IMAGE, IMAGE_END, IMAGE_START
from vary.vocabulary import ViTDetConfig
from vary.vocabulary.arguments import refuse_unknown

# What transformers' pipelines pass to processors; this one always pads, and gives tensors of torch.
PASSED_BY_TRANSFORMERS = ("text", "return_tensors", "padding")


class VaryProcessor(ProcessorMixin):
    """Writes the prompt of each picture and puts pixels beside it.

    The paper's prompt has no text: `<img>`, one `<imgpad>` per vision token, `</img>`; the answer
    follows. Where a draft is given it stands between, in `<draft>` and `</draft>`.

    Args:
        image_processor: one rule per vocabulary.
        tokenizer: with the image tokens in it.
        vocabulary: configuration of the first vocabulary as a dictionary; it tells how many tokens
            an image of a size gives. None for the paper's 256 of any image.
        image_seq_length: tokens of an image where `vocabulary` is None.
        answer_position: position of every answer's first token, for models trained so; the draft
            starts at half of it. With rotary positions the n-th piece of image, draft and answer
            then stand at fixed distances, by which a small model learns to read much sooner. None
            for positions that just count on.

    Source: paper 3.2 (prompt of Vary-tiny); drafts are ours.
    """

    attributes = ["image_processor", "tokenizer"]

    def __init__(
        self,
        image_processor: VaryImageProcessor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        vocabulary: dict[str, Any] | None = None,
        image_seq_length: int = 256,
        answer_position: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.answer_position = answer_position
        self.vocabulary = vocabulary
        self.image_seq_length = image_seq_length
        self._sizes = ViTDetConfig(**vocabulary) if vocabulary else None
        super().__init__(image_processor, tokenizer, **kwargs)

    def num_image_tokens(self, height: int, width: int) -> int:
        """Return how many vision tokens an image of this many pixels gives."""
        if self._sizes is None:
            return self.image_seq_length
        rows, columns = self._sizes.token_grid(height, width)
        return rows * columns

    def prompt(self, num_tokens: int, draft: str | None = None) -> str:
        """Return the text before the answer for an image of so many tokens."""
        image = f"{IMAGE_START}{IMAGE * num_tokens}{IMAGE_END}"
        return image if draft is None else f"{image}{DRAFT_START}{draft}{DRAFT_END}"

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        drafts: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Return prompts and pixels of a batch, padded on the left for generation.

        Args:
            images: pictures; arrays are (H, W) or (H, W, 3) uint8.
            drafts: for each picture what an earlier reader made of it, or None.
            **kwargs: `PASSED_BY_TRANSFORMERS`, without effect; `text` must be empty, since the
                prompt has none.

        Raises:
            TypeError: an argument that is not known.
            ValueError: a text to write into the prompt.

        Returns: `input_ids`, `attention_mask`, `position_ids`, `pixel_values` (`pixel_values_2`,
            ...), `image_sizes`.
        """
        refuse_unknown("VaryProcessor", kwargs, PASSED_BY_TRANSFORMERS)
        text = kwargs.get("text")
        if any([text] if isinstance(text, str) else text or ()):
            raise ValueError(
                f"the prompt of a picture has no text, got {text!r}: leave it out or empty; what "
                "an earlier reader made of the pictures goes into drafts"
            )
        features = self.image_processor(images)
        sizes = features["image_sizes"].tolist()
        features.update(self.prompts(sizes, drafts))
        return features

    def prompts(
        self, sizes: Sequence[Sequence[int]], drafts: Sequence[str | None] | None = None
    ) -> dict[str, Tensor]:
        """Return `input_ids`, `attention_mask` and `position_ids` of images of these sizes."""
        drafts = drafts or [None] * len(sizes)
        counts = [self.num_image_tokens(*size) for size in sizes]
        rows = [
            self.prompt_tokens(count, draft) for count, draft in zip(counts, drafts, strict=True)
        ]
        places = [
            self.prompt_positions(count, len(row)) for count, row in zip(counts, rows, strict=True)
        ]
        padded = pad_left(rows, self.tokenizer.pad_token_id)
        padded["position_ids"] = pad_left(places, 0)["input_ids"]
        return padded

    def prompt_tokens(self, num_tokens: int, draft: str | None = None) -> list[int]:
        """Return the tokens of `prompt`, the draft as plain text whatever stands in it.

        A draft that is too long for its place before `answer_position` is cut.
        """
        (image,) = self.encode([self.prompt(num_tokens)])
        if draft is None:
            return image
        start, end = self.tokenizer.convert_tokens_to_ids([DRAFT_START, DRAFT_END])
        limit = None if self.answer_position is None else self.answer_position // 2 - 2
        return [*image, start, *self.encode_plain([draft])[0][:limit], end]

    def prompt_positions(self, num_tokens: int, length: int) -> list[int]:
        """Return the position of each of a prompt's tokens; the answer follows the last.

        Args:
            num_tokens: vision tokens of the image.
            length: tokens of the whole prompt.

        Raises:
            ValueError: the image reaches beyond the draft's place.
        """
        if self.answer_position is None:
            return list(range(length))
        half, image_length = self.answer_position // 2, num_tokens + 2
        if image_length > half:
            raise ValueError(
                f"an image of {num_tokens} vision tokens does not fit before the draft, which "
                f"starts at {half} (half of answer_position {self.answer_position}); at most "
                f"{half - 2} fit: give a smaller image, or a larger answer_position in training"
            )
        counted = [*range(image_length), *range(half, half + length - image_length)]
        return [*counted[:-1], self.answer_position - 1]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text; names of special tokens in it become these tokens."""
        return list(self.tokenizer(list(texts), add_special_tokens=False)["input_ids"])

    def encode_plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text as it stands on a page: `</s>` there is four letters."""
        return list(
            self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)[
                "input_ids"
            ]
        )


def pad_left(rows: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """Return (B, S) `input_ids` and `attention_mask` of rows of tokens, padded on the left."""
    length = max(map(len, rows))
    return {
        "input_ids": torch.tensor([[pad] * (length - len(row)) + list(row) for row in rows]),
        "attention_mask": torch.tensor(
            [[0] * (length - len(row)) + [1] * len(row) for row in rows]
        ),
    }
