"""Whole pages to text: a page goes in as it is, and the language model writes what it is asked for.

A model of the paper's first kind is asked nothing: the page alone decides what it writes. A model
of a chat form is asked in words (`vary.read.asking`).
"""

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.building import MAX_PAGE_TOKENS
from vary.model.images import Picture
from vary.read.asking import Ask
from vary.read.loops import cut_loop
from vary.read.prompting import longest_prompt, page_prompts

# How often a page that is being written is looked at for a loop, in tokens. What a loop repeats is
# cut in any case; to stop it only saves the time to write it on to the last position. After so many
# repeated characters nothing else is waited for.
_STEPS_BETWEEN_LOOKS = 64
_LONGEST_LOOP_CHARS = 1000


@dataclass(frozen=True)
class PageReading:
    """What was read on a page.

    Args:
        text: one visual line per line, an empty line between paragraphs, as the model learned it.
        confidence: 0 to 1: geometric mean of the probabilities of the text's tokens.
        status: ``truncated`` if the text has no end, ``loop`` if a repetition at its end was cut.
        line_confidences: the same mean for each line of the text, empty ones too; empty where
            tokens and lines could not be brought together.
        written: all that the model wrote.
    """

    text: str
    confidence: float
    status: Literal["ok", "truncated", "loop"] = "ok"
    line_confidences: tuple[float, ...] = ()
    written: str = ""


class WholePageRecognizer(Protocol):
    """Reads pages that nobody has cut."""

    def read_pages(self, pages: Sequence[Picture]) -> list[PageReading]:
        """Return what stands on each page."""
        ...


class AskedRecognizer(Protocol):
    """Answers what it is asked about pages."""

    prompt_form: str

    def check(self, ask: Ask) -> None:
        """Refuse what it cannot be asked."""
        ...

    def answer(self, groups: Sequence[Sequence[Picture]], ask: Ask) -> list[PageReading]:
        """Return one answer for each group of pages."""
        ...


class PageRecognizer:
    """Reads pages with a model that takes them whole, in the paper's structure or asked in words.

    Args:
        model: in evaluation mode, on its device.
        processor: the model's.

    Attributes:
        tasks: what the model was trained for.
        max_tokens: how many tokens a page may take, see `room`.
        prompt_form: the processor's.
        is_asked: whether the model is asked in words: others are only asked for what they write
            anyway, `Ask()`.

    Raises:
        VaryError: the model reads strips, or model and processor do not fit together.
    """

    def __init__(self, model: VaryForConditionalGeneration, processor: VaryProcessor) -> None:
        rules, vocabularies = processor.image_processor.rules, model.config.vocabularies
        if rules[0].mode == "strip":
            raise VaryError("this checkpoint reads line strips, not whole pages")
        if len(rules) != len(vocabularies):
            raise VaryError(
                f"this checkpoint has {len(vocabularies)} vocabularies and image rules for "
                f"{len(rules)}; save the processor again with one rule for each"
            )
        has_end = processor.chat is not None or processor.tokenizer.eos_token_id is not None
        if model.config.image_token_id is None or not has_end:
            missing = "image_token_id in config.json" if model.config.image_token_id is None else ""
            raise VaryError(
                f"this checkpoint has no {missing or 'end token (eos_token) in its tokenizer'}; "
                "save it again with one"
            )
        self.model = model
        self.processor = processor
        self.tasks = tuple(model.config.tasks)
        self.prompt_form = processor.prompt_form
        self.is_asked = processor.chat is not None
        self._line_breaks: dict[int, int] = {}
        self._ends = _end_tokens(model, processor)
        self._rooms: dict[Ask, int] = {}
        self.max_tokens = self.room(Ask())

    def room(self, ask: Ask) -> int:
        """Return how many tokens an answer may have, its end among them.

        It is what the model's generation settings say, and no more than the positions behind the
        longest prompt that asks this, so that it is the same for pages of any size.

        Raises:
            VaryError: the prompt alone takes all positions.
        """
        if ask not in self._rooms:
            self._rooms[ask] = _room(self.model, self.processor, ask)
        return self._rooms[ask]

    def check(self, ask: Ask) -> None:
        """Refuse what the model has no words or no room for, or cannot be shown.

        Raises:
            VaryError: as told.
        """
        if ask.tiles is not None:
            modes = {rule.mode for rule in self.processor.image_processor.rules}
            if modes != {"resize"}:
                raise VaryError(
                    "tiles are for models that resize every page (image mode resize); the modes of "
                    f"this one are {', '.join(sorted(modes))}: leave tiles out"
                )
        self.room(ask)

    @torch.inference_mode()
    def read_pages(self, pages: Sequence[Picture]) -> list[PageReading]:
        """Return what stands on each page; greedy, so the same pages give the same text.

        Args:
            pages: pictures of any size; arrays are (H, W) or (H, W, 3) uint8.

        Raises:
            VaryError: the model's probabilities are no numbers.
        """
        return self.answer([[page] for page in pages], Ask())

    @torch.inference_mode()
    def answer(self, groups: Sequence[Sequence[Picture]], ask: Ask) -> list[PageReading]:
        """Return the answer to what is asked about each group of pages; greedy.

        Args:
            groups: pages that are asked about together, mostly one; see `read_pages`.
            ask: the same for all.

        Raises:
            VaryError: what is asked cannot be asked of this model, or its probabilities are no
                numbers.
        """
        if not groups:
            return []
        inputs = page_prompts(self.processor, groups, ask, self.model.config.questions)
        start = inputs["input_ids"].shape[1]
        certainties = _Certainties()
        watch = _LoopWatch(start, self._ends, self._decode)
        rows = self.model.generate(
            **{name: tensor.to(self.model.device) for name, tensor in inputs.items()},
            max_new_tokens=self.room(ask),
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=False,
            eos_token_id=list(self._ends),
            pad_token_id=self.processor.tokenizer.pad_token_id,
            logits_processor=LogitsProcessorList([certainties]),
            stopping_criteria=StoppingCriteriaList([watch]),
        )[:, start:].tolist()
        logs = certainties.log_probabilities()
        return [
            self._judge(row[: watch.stops.get(number)], logs[number])
            for number, row in enumerate(rows)
        ]

    def _decode(self, tokens: Sequence[int]) -> str:
        return self.processor.decode_answers([tokens])[0]

    def _judge(self, row: Sequence[int], logs: Sequence[float]) -> PageReading:
        """Return the reading of a page.

        Args:
            row: tokens behind the prompt, with whatever stands behind their end.
            logs: log-probability of each.
        """
        size = _first_of(self._ends, row)
        has_ended = size is not None
        # Whatever ended it, it is decoded as what the form ends an answer with.
        tokens = [*row[:size], self._ends[0]] if has_ended else row
        written = self._decode(tokens)
        text, is_loop = cut_loop(written)
        if is_loop:
            # A loop is as sure of itself as can be: it has no say.
            sizes = range(len(tokens) + 1)
            kept = bisect.bisect_left(
                sizes, len(text), key=lambda size: len(self._decode(tokens[:size]))
            )
            tokens = tokens[:kept]
        logs = logs[: len(tokens)]
        if not all(map(math.isfinite, logs)):
            raise VaryError(
                "the model's probabilities are no numbers: its weights are damaged, or too large "
                f"for {self.model.dtype} on this device; try --device cpu, or train it anew"
            )
        return PageReading(
            text=text,
            confidence=_geometric_mean(logs),
            status="loop" if is_loop else "ok" if has_ended else "truncated",
            line_confidences=self._line_confidences(tokens, logs, text.count("\n") + 1),
            written=written,
        )

    def _line_confidences(
        self, tokens: Sequence[int], logs: Sequence[float], num_lines: int
    ) -> tuple[float, ...]:
        """Return each line's confidence; none where the tokens' line breaks are not the text's."""
        lines: list[list[float]] = [[]]
        for token, log in zip(tokens, logs, strict=True):
            lines[-1].append(log)
            lines.extend([] for _ in range(self._num_breaks(token)))
        decoded = self.processor.tokenizer.decode(tokens, skip_special_tokens=True)
        if len(lines) != decoded.count("\n") + 1:
            return ()
        if self.is_asked:  # white space around an answer is not part of it
            lines = lines[decoded[: len(decoded) - len(decoded.lstrip())].count("\n") :]
        if len(lines) < num_lines:
            return ()
        everything = _geometric_mean(logs)
        # A token that holds a line break and what follows counts for the line before it.
        return tuple(_geometric_mean(line) if line else everything for line in lines[:num_lines])

    def _num_breaks(self, token: int) -> int:
        if token not in self._line_breaks:
            text = self.processor.tokenizer.decode([token], skip_special_tokens=True)
            self._line_breaks[token] = text.count("\n")
        return self._line_breaks[token]


class _Certainties(LogitsProcessor):
    """Remembers the probability of each token that greedy generation takes: the largest.

    Generation could return all scores instead, of which a long page has gigabytes.
    """

    def __init__(self) -> None:
        self._steps: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - theirs
        """Return the (B, V) scores as they are."""
        self._steps.append(scores.float().log_softmax(-1).amax(-1))
        return scores

    def log_probabilities(self) -> list[list[float]]:
        """Return for each row those of its tokens, in nats."""
        return torch.stack(self._steps, dim=1).tolist()


class _LoopWatch(StoppingCriteria):
    """Stops a row that has repeated itself for so long that nothing else is to come.

    Args:
        start: tokens of the prompts.
        ends: tokens that end an answer; rows that hold one are done.
        decode: tokens behind a prompt to their text.

    Attributes:
        stops: the tokens behind the prompt of each row that was stopped.
    """

    def __init__(
        self, start: int, ends: Sequence[int], decode: Callable[[Sequence[int]], str]
    ) -> None:
        self.start, self.ends, self.decode = start, ends, decode
        self.stops: dict[int, int] = {}

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:  # noqa: ARG002
        """Return (B,) bool, True for rows that are stopped."""
        size = input_ids.shape[1] - self.start
        if size and size % _STEPS_BETWEEN_LOOKS == 0:
            for number, row in enumerate(input_ids[:, self.start :].tolist()):
                is_done = number in self.stops or _first_of(self.ends, row) is not None
                if not is_done and self._is_lost(row):
                    self.stops[number] = size
        stopped = [number in self.stops for number in range(len(input_ids))]
        return torch.tensor(stopped, device=input_ids.device)

    def _is_lost(self, row: Sequence[int]) -> bool:
        text = self.decode(row)
        cut, is_loop = cut_loop(text)
        return is_loop and len(text) - len(cut) >= _LONGEST_LOOP_CHARS


def _geometric_mean(logs: Sequence[float]) -> float:
    """Return the geometric mean of probabilities from their logarithms, 1 for none."""
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def _first_of(ends: Sequence[int], row: Sequence[int]) -> int | None:
    """Return where the first of some tokens stands in a row; None where none does."""
    return next((place for place, token in enumerate(row) if token in ends), None)


def _end_tokens(model: VaryForConditionalGeneration, processor: VaryProcessor) -> tuple[int, ...]:
    """Return the tokens that end an answer, that of the prompt form first.

    A large language model that is asked in words may have more, in its generation settings.
    """
    own = processor.end_id
    if processor.chat is None:
        return (own,)
    given = getattr(model.generation_config, "eos_token_id", None)
    more = given if isinstance(given, list | tuple) else [] if given is None else [given]
    return tuple(dict.fromkeys([own, *more]))


def _room(model: VaryForConditionalGeneration, processor: VaryProcessor, ask: Ask) -> int:
    """Return how many tokens an answer may have, the same for images of any size.

    Raises:
        VaryError: the prompt alone takes all positions, or the processor's vocabularies do not go
            together.
    """
    try:
        start = longest_prompt(processor, ask, model.config.questions)
    except ValueError as error:
        raise VaryError(f"this checkpoint cannot write the prompt of a page: {error}") from error
    room = getattr(model.generation_config, "max_new_tokens", None) or MAX_PAGE_TOKENS
    positions = getattr(model.config.text_config, "max_position_embeddings", None)
    if positions is not None:
        room = min(room, positions - start)
    if room < 1:
        fewer = "give fewer pages or tiles, or " if ask.tiles or ask.together else ""
        raise VaryError(
            f"the prompt of a page takes {start} positions, the language model has {positions}; "
            f"{fewer}take a model of more positions, or interpolate them"
        )
    return room
