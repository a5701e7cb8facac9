"""Whole pages to text: a page goes in as it is, and the language model writes what stands on it."""

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
from vary.read.loops import cut_loop

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


class PageRecognizer:
    """Reads pages with a model that takes them whole, in the paper's structure.

    Args:
        model: in evaluation mode, on its device.
        processor: the model's.

    Attributes:
        tasks: what the model was trained for.
        max_tokens: how many tokens a page may take, its end among them: what the model's
            generation settings say, and no more than the positions behind its longest prompt.

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
        if model.config.image_token_id is None or processor.tokenizer.eos_token_id is None:
            missing = "image_token_id in config.json" if model.config.image_token_id is None else ""
            raise VaryError(
                f"this checkpoint has no {missing or 'end token (eos_token) in its tokenizer'}; "
                "save it again with one"
            )
        self.model = model
        self.processor = processor
        self.tasks = tuple(model.config.tasks)
        self.max_tokens = _room(model, processor)
        self._line_breaks: dict[int, int] = {}

    @torch.inference_mode()
    def read_pages(self, pages: Sequence[Picture]) -> list[PageReading]:
        """Return what stands on each page; greedy, so the same pages give the same text.

        Args:
            pages: pictures of any size; arrays are (H, W) or (H, W, 3) uint8.

        Raises:
            VaryError: the model's probabilities are no numbers.
        """
        if not pages:
            return []
        inputs = self.processor(list(pages))
        start = inputs["input_ids"].shape[1]
        tokenizer = self.processor.tokenizer
        certainties = _Certainties()
        watch = _LoopWatch(start, tokenizer.eos_token_id, self._decode)
        rows = self.model.generate(
            **{name: tensor.to(self.model.device) for name, tensor in inputs.items()},
            max_new_tokens=self.max_tokens,
            do_sample=False,
            num_beams=1,
            return_dict_in_generate=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
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
        end = self.processor.tokenizer.eos_token_id
        has_ended = end in row
        tokens = row[: row.index(end) + 1] if has_ended else row
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
        if len(lines) != decoded.count("\n") + 1 or len(lines) < num_lines:
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
        end: the end token; rows that hold it are done.
        decode: tokens behind a prompt to their text.

    Attributes:
        stops: the tokens behind the prompt of each row that was stopped.
    """

    def __init__(self, start: int, end: int, decode: Callable[[Sequence[int]], str]) -> None:
        self.start, self.end, self.decode = start, end, decode
        self.stops: dict[int, int] = {}

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:  # noqa: ARG002
        """Return (B,) bool, True for rows that are stopped."""
        size = input_ids.shape[1] - self.start
        if size and size % _STEPS_BETWEEN_LOOKS == 0:
            for number, row in enumerate(input_ids[:, self.start :].tolist()):
                if number not in self.stops and self.end not in row and self._is_lost(row):
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


def _room(model: VaryForConditionalGeneration, processor: VaryProcessor) -> int:
    """Return how many tokens an answer may have, the same for images of any size.

    Raises:
        VaryError: the prompt alone takes all positions, or the processor's vocabularies do not go
            together.
    """
    largest = [
        side for rule in processor.image_processor.rules for side in (rule.height, rule.width)
    ]
    try:
        num_tokens = processor.num_image_tokens(*largest)
        prompt = processor.prompt_tokens(num_tokens)
        start = processor.prompt_positions(num_tokens, len(prompt))[-1] + 1
    except ValueError as error:
        raise VaryError(f"this checkpoint cannot write the prompt of a page: {error}") from error
    room = getattr(model.generation_config, "max_new_tokens", None) or MAX_PAGE_TOKENS
    positions = getattr(model.config.text_config, "max_position_embeddings", None)
    if positions is not None:
        room = min(room, positions - start)
    if room < 1:
        raise VaryError(
            f"the prompt of a page takes {start} positions, the language model has {positions}; "
            "take a model of more positions, or interpolate them"
        )
    return room
