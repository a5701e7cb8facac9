"""Pictures and text to model inputs, in one place for training, evaluation and reading."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import BatchFeature, PreTrainedConfig, PreTrainedTokenizerBase, ProcessorMixin

from vary.errors import VaryError
from vary.model.chat import (
    PLACEHOLDER,
    ChatForm,
    Conversation,
    Messages,
    num_placeholders,
)
from vary.model.configuration import Fusion, vocabulary_config
from vary.model.fusion import count_tokens
from vary.model.images import ImageRule, Picture, VaryImageProcessor
from vary.model.modeling import size_names
from vary.model.prompts import find_chat_form, find_form
from vary.model.tokenizer import DRAFT_END, DRAFT_START, IMAGE, IMAGE_END, IMAGE_START
from vary.vocabulary import ViTDetConfig
from vary.vocabulary.arguments import refuse_unknown

# What transformers' pipelines pass to processors; this one always pads, and gives tensors of torch.
PASSED_BY_TRANSFORMERS = ("text", "return_tensors", "padding")
# Width and height of pictures by which token counts are compared: pages, lines, columns, specks.
_SHAPES = ((700, 1000), (1000, 700), (1500, 40), (400, 40), (40, 1500), (8, 8))


class VaryProcessor(ProcessorMixin):
    """Writes the prompt of each picture and puts pixels beside it.

    Vary-tiny's prompt has no text: `<img>`, one `<imgpad>` per vision token, `</img>`; the answer
    follows. Where a draft is given it stands between, in `<draft>` and `</draft>`. Under a chat
    form (`vary.model.chat`) pictures stand in conversations.

    Args:
        image_processor: one rule per vocabulary.
        tokenizer: with the image tokens in it; it is set to pad on the left, as generation wants.
        vocabulary: configuration of the vocabulary as a dictionary, or a list of them, one for
            each rule; it tells how many tokens an image of a size gives. Of a first vocabulary
            alone the others are taken to give as many. None for the paper's 256 of any image.
        image_seq_length: tokens of an image where `vocabulary` is None.
        answer_position: position of every answer's first token, for models trained so; the draft
            starts at half of it. With rotary positions the n-th piece of image, draft and answer
            then stand at fixed distances, by which a small model learns to read much sooner. None
            for positions that just count on.
        prompt_form: what stands around image and answer: ``paper`` or ``code``, see
            `vary.model.prompts`; or that of a conversation: ``qwen``, ``vicuna``, ``got``, or
            ``template`` for the tokenizer's own chat template, see `vary.model.chat`.
        fusion: the model's; under ``sequence`` the tokens of all vocabularies are counted.
        added: the model's; see `VaryConfig`.

    Raises:
        VaryError: an unknown prompt form, or a tokenizer that a chat form cannot be written with.

    Source: paper 3.2 (prompt of Vary-tiny) and 3.3 (conversations of Vary-base); drafts are ours.
    """

    attributes = ["image_processor", "tokenizer"]

    def __init__(  # noqa: PLR0917 - transformers saves what is no keyword-only argument
        self,
        image_processor: VaryImageProcessor | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        vocabulary: dict[str, Any] | Sequence[dict[str, Any]] | None = None,
        image_seq_length: int = 256,
        answer_position: int | None = None,
        prompt_form: str = "paper",
        fusion: Fusion = "channel",
        added: Sequence[Fusion] = (),
        **kwargs: Any,
    ) -> None:
        self.answer_position = answer_position
        self.vocabulary = vocabulary
        self.image_seq_length = image_seq_length
        self.fusion = fusion
        self.added = list(added)
        self.prompt_form = prompt_form
        self.form = find_form(prompt_form)
        given = [vocabulary] if isinstance(vocabulary, dict) else vocabulary or []
        self._vocabularies = [
            vocabulary_config({"model_type": ViTDetConfig.model_type, **part}) for part in given
        ]
        super().__init__(image_processor, tokenizer, **kwargs)
        if tokenizer is not None:
            tokenizer.padding_side = "left"
            if self.chat is not None:
                self.chat.check(tokenizer)

    @property
    def chat(self) -> ChatForm | None:
        """How conversations are written; None where the prompt of a picture has no text."""
        return find_chat_form(self.prompt_form)

    @property
    def end_id(self) -> int:
        """The token that ends an answer."""
        chat = self.chat
        return int(self.tokenizer.eos_token_id) if chat is None else chat.end_id(self.tokenizer)

    def add_vocabulary(
        self, vocabulary: PreTrainedConfig, image_rule: ImageRule, fusion: Fusion = "sum"
    ) -> None:
        """Make one more vocabulary's pixels, and count its tokens as the model will.

        Args:
            vocabulary: its configuration.
            image_rule: how it wants its images.
            fusion: ``sum`` or ``sequence``, as the model's `add_vocabulary` has it.

        Raises:
            ValueError: token counts that do not fit, or a size that the vocabulary cannot take;
                nothing is changed then.
            VaryError: a processor that does not know its vocabularies.
        """
        rules = self.image_processor.rules
        if len(self._vocabularies) != len(rules):
            raise VaryError(
                f"the processor knows {len(self._vocabularies)} vocabularies and {len(rules)} "
                "image rules; make it with vocabulary=[...], the configuration of each, before one "
                "is added"
            )
        own = vocabulary_config(vocabulary)
        known, added = [*self._vocabularies, own], [*self.added, fusion]
        check_token_counts(known, [*rules, image_rule], self.fusion, added)
        self.image_processor.rules = [*rules, image_rule]
        self._vocabularies = known
        self.vocabulary = [part.to_dict() for part in known]
        self.added = added

    def num_image_tokens(self, *size: int) -> int:
        """Return how many vision tokens an image gives.

        Args:
            *size: height and width in pixels for the first vocabulary, and those for the others;
                they may be left out where the others resize every image to one size.

        Raises:
            ValueError: vocabularies of other token counts where these must be equal, or a size
                that a vocabulary cannot take.
        """
        if not self._vocabularies:
            return self.image_seq_length
        pairs = [*zip(size[::2], size[1::2], strict=True)]
        known = len(pairs)
        pairs.extend((rule.height, rule.width) for rule in self.image_processor.rules[known:])
        counts = []
        for vocabulary, pair in zip(self._vocabularies, pairs, strict=False):
            rows, columns = vocabulary.token_grid(*pair)
            counts.append(rows * columns)
        return count_tokens(counts, self.fusion, self.added)

    def prompt(self, num_tokens: int, draft: str | None = None) -> str:
        """Return the text before the answer for an image of so many tokens.

        A start token, which some forms have, is not in it.
        """
        image = f"{IMAGE_START}{IMAGE * num_tokens}{IMAGE_END}{self.form.after_image}"
        return image if draft is None else f"{image}{DRAFT_START}{draft}{DRAFT_END}"

    def __call__(
        self,
        images: Picture | Sequence[Picture | Sequence[Picture]] | None = None,
        drafts: Sequence[str | None] | None = None,
        messages: Sequence[Messages] | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Return prompts and pixels of a batch, padded on the left for generation.

        Args:
            images: pictures; arrays are (H, W) or (H, W, 3) uint8. Under `messages` those of all
                conversations in order, a list where one image is made of several pictures (tiles);
                None where there are none.
            drafts: for each picture what an earlier reader made of it, or None.
            messages: conversations, for chat forms; `<image>` in the text of user or system stands
                for the next image. None: each picture is asked what the form's models usually are.
            **kwargs: `PASSED_BY_TRANSFORMERS`, without effect but for `text`: under a chat form it
                is the question about each picture, otherwise it must be empty.

        Raises:
            TypeError: an argument that is not known.
            ValueError: a text to write into a prompt that has none, no pictures, or drafts in a
                conversation.
            VaryError: turns in odd order, or other images than placeholders.

        Returns: `input_ids`, `attention_mask`, `position_ids`, and where there are images
            `pixel_values` (`pixel_values_2`, ...), `image_sizes`.
        """
        refuse_unknown("VaryProcessor", kwargs, PASSED_BY_TRANSFORMERS)
        given = [] if images is None else _as_list(images)
        if self.chat is None:
            _refuse_words(kwargs.get("text"), messages)
        elif messages is None:
            messages = _questions(kwargs.get("text") or self.chat.question, len(given))
        if not given and not messages:
            raise ValueError("no pictures: give images, or under a chat form messages")
        groups = [part if isinstance(part, list | tuple) else [part] for part in given]
        pictures = [picture for group in groups for picture in group]
        features = self.image_processor(pictures) if pictures else BatchFeature({})
        names = size_names(len(self.image_processor.rules))
        sizes = torch.cat([features[name] for name in names], dim=1).tolist() if pictures else []
        if messages is None:
            features.update(self.prompts(sizes, drafts))
            return features
        if drafts is not None:
            raise ValueError("drafts stand in prompts without text; a conversation has none")
        each = iter(self.num_image_tokens(*size) for size in sizes)
        counts = iter([sum(next(each) for _ in group) for group in groups])
        features.update(self._conversations(messages, counts, len(groups)))
        return features

    def _conversations(
        self, messages: Sequence[Messages], counts: Iterator[int], number: int
    ) -> dict[str, Tensor]:
        """Return the padded prompts of conversations that take their images one after another."""
        wanted = [num_placeholders(one) for one in messages]
        if sum(wanted) != number:
            raise VaryError(
                f"{len(wanted)} conversations have {' + '.join(map(str, wanted))} {PLACEHOLDER}, "
                f"and there are {number} images: write one {PLACEHOLDER} for each image"
            )
        rows = [
            self.conversation(one, [next(counts) for _ in range(count)]).tokens
            for one, count in zip(messages, wanted, strict=True)
        ]
        padded = pad_left(rows, self.tokenizer.pad_token_id)
        places = pad_left([range(len(row)) for row in rows], 0)
        return {**padded, "position_ids": places["input_ids"]}

    def conversation(self, messages: Messages, counts: Sequence[int]) -> Conversation:
        """Return the tokens of a conversation, and which of them the assistant learns.

        Where the last turn is the user's, what asks for the answer stands at the end, ready for
        `generate`.

        Args:
            messages: user and assistant in turn, perhaps after one of the system; `role` and
                `content`, with `<image>` where an image stands.
            counts: vision tokens of each image.

        Raises:
            VaryError: no chat form, turns in odd order, or other images than placeholders.
        """
        if self.chat is None:
            raise VaryError(
                f"prompt form {self.prompt_form} has no conversations; build the model with prompt "
                "form qwen, vicuna or template (vary merge --llm ... --prompt-form NAME)"
            )
        return self.chat.encode(messages, counts, self.tokenizer)

    def prompts(
        self, sizes: Sequence[Sequence[int]], drafts: Sequence[str | None] | None = None
    ) -> dict[str, Tensor]:
        """Return `input_ids`, `attention_mask` and `position_ids` of images of these sizes.

        Args:
            sizes: for each image what `num_image_tokens` takes.
            drafts: see `__call__`.
        """
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
        """Return the tokens before the answer, the draft as plain text whatever stands in it.

        A draft that is too long for its place before `answer_position` is cut. Under a chat form
        the picture is asked for its text.
        """
        if self.chat is not None:
            return list(
                self.conversation(_questions(self.chat.question, 1)[0], [num_tokens]).tokens
            )
        start_tokens = self.form.start_tokens(self.tokenizer)
        image = [*start_tokens, *self.encode([self.prompt(num_tokens)])[0]]
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
        half = self.answer_position // 2
        around = 2 + len(self.form.start_tokens(self.tokenizer)) + len(self._after_image_tokens())
        image_length = num_tokens + around
        if image_length > half:
            raise ValueError(
                f"an image of {num_tokens} vision tokens does not fit before the draft, which "
                f"starts at {half} (half of answer_position {self.answer_position}); at most "
                f"{half - around} fit: give a smaller image, or a larger answer_position in "
                "training"
            )
        counted = [*range(image_length), *range(half, half + length - image_length)]
        return [*counted[:-1], self.answer_position - 1]

    def _after_image_tokens(self) -> list[int]:
        text = self.form.after_image
        return self.encode([text])[0] if text else []

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

    def answer_tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each answer as it follows its prompt, the end token last.

        The text is taken as it stands on a page, see `encode_plain`.
        """
        behind = self.encode([self.form.after_answer])[0] if self.form.after_answer else []
        end = self.end_id
        return [[*tokens, *behind, end] for tokens in self.encode_plain(texts)]

    def decode_answers(self, rows: Tensor | Sequence[Sequence[int]], **kwargs: Any) -> list[str]:
        """Return the text of each answer; the inverse of `answer_tokens`.

        What stands behind the first end token is left out, and so is the text that the prompt's
        form puts before it. An answer that was cut off stays as it is.

        Args:
            rows: tokens behind the prompts.
            **kwargs: passed on to the tokenizer's `decode`.
        """
        end = self.end_id
        texts = []
        for row in _as_lists(rows):
            has_ended = end in row
            tokens = row[: row.index(end)] if has_ended else row
            text = self.tokenizer.decode(tokens, **{"skip_special_tokens": True, **kwargs})
            text = text.removesuffix(self.form.after_answer) if has_ended else text
            # The blank before an answer is Vicuna's form's, not the answer's.
            texts.append(text if self.chat is None else text.strip())
        return texts

    def post_process_image_text_to_text(
        self,
        generated_outputs: Tensor | Sequence[Sequence[int]],
        skip_special_tokens: bool = True,
        **kwargs: Any,
    ) -> list[str]:
        """Return the text of each answer; prompts before them are left out.

        Args:
            generated_outputs: what `generate` gives, or the part of it behind the prompts.
            skip_special_tokens: False for all that stands there, prompt and special tokens too.
            **kwargs: passed on to the tokenizer's `decode`.
        """
        if not skip_special_tokens:
            return list(self.tokenizer.batch_decode(generated_outputs, **kwargs))
        answers = [self._without_prompt(row) for row in _as_lists(generated_outputs)]
        return self.decode_answers(answers, **kwargs)

    def _without_prompt(self, row: list[int]) -> list[int]:
        """Return what stands behind a row's prompt; the row itself if it has none."""
        if self.chat is not None:
            asked = self.chat.ask_ids(self.tokenizer)
            size = len(asked)
            ends = (n for n in range(len(row), size - 1, -1) if row[n - size : n] == asked)
            return row[next(ends, 0) :]
        names = [IMAGE_START, IMAGE_END, DRAFT_START, DRAFT_END]
        start, end, draft_start, draft_end = self.tokenizer.convert_tokens_to_ids(names)
        if start not in row or end not in row[row.index(start) :]:
            return row
        rest = row[row.index(end, row.index(start)) + 1 :]
        rest = rest[len(self._after_image_tokens()) :]
        if rest[:1] == [draft_start] and draft_start is not None and draft_end in rest:
            rest = rest[rest.index(draft_end) + 1 :]
        return rest


def _as_list(images: Picture | Sequence[Any]) -> list[Any]:
    return [images] if isinstance(images, Image.Image | np.ndarray) else list(images)


def _refuse_words(text: Any, messages: Any) -> None:
    """Refuse text for a prompt that has none.

    Raises:
        ValueError: as told.
    """
    if any([text] if isinstance(text, str) else text or ()):
        raise ValueError(
            f"the prompt of a picture has no text, got {text!r}: leave it out or empty; what an "
            "earlier reader made of the pictures goes into drafts"
        )
    if messages is not None:
        raise ValueError(
            "the prompt of a picture has no text, so that it takes no messages; a model of prompt "
            "form qwen, vicuna or template does"
        )


def _questions(text: str | Sequence[str], number: int) -> list[Messages]:
    """Return a conversation of one question for each picture.

    Raises:
        ValueError: as many questions as there are not pictures.
    """
    given = [text] * number if isinstance(text, str) else list(text)
    if len(given) != number:
        raise ValueError(
            f"{len(given)} texts for {number} pictures: give one question for each picture, or "
            "messages"
        )
    return [[{"role": "user", "content": f"{PLACEHOLDER}\n{question}"}] for question in given]


def check_token_counts(
    vocabularies: Sequence[PreTrainedConfig],
    rules: Sequence[ImageRule],
    fusion: Fusion,
    added: Sequence[Fusion] = (),
) -> None:
    """Refuse rules by which pictures of some shape give token counts that cannot be joined.

    Raises:
        ValueError: both sides are named; or a size that a vocabulary cannot take.
    """
    for shape in _SHAPES:
        pairs = zip(vocabularies, rules, strict=True)
        count_tokens([_tokens_of(part, rule, shape) for part, rule in pairs], fusion, added)


def _tokens_of(vocabulary: PreTrainedConfig, rule: ImageRule, shape: tuple[int, int]) -> int:
    """Return the tokens that a vocabulary gives of a picture of this width and height."""
    height, width = rule.pixels(Image.new("RGB", shape)).shape[:2]
    rows, columns = vocabulary.token_grid(height, width)
    return int(rows * columns)


def _as_lists(rows: Tensor | Sequence[Sequence[int]]) -> list[list[int]]:
    return rows.tolist() if isinstance(rows, Tensor) else [list(row) for row in rows]


def pad_left(rows: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """Return (B, S) `input_ids` and `attention_mask` of rows of tokens, padded on the left."""
    length = max(map(len, rows))
    return {
        "input_ids": torch.tensor([[pad] * (length - len(row)) + list(row) for row in rows]),
        "attention_mask": torch.tensor(
            [[0] * (length - len(row)) + [1] * len(row) for row in rows]
        ),
    }
