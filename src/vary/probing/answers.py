"""What a model is asked of an item, and how good its answer is: losses, and texts with a metric."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vary.errors import VaryError
from vary.eval.metrics import cell_accuracy, edit_distance, parse_chart, rouge_l, word_pair
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.modeling import EncodedImages
from vary.model.processing import pad_left
from vary.probing.items import Item
from vary.read.scoring import ctc_log_probabilities
from vary.train.conversations import asked
from vary.vocabulary.ctc import decode_greedy

# Numerator and denominator.
Cell = tuple[float, float]
LM, CTC, CTC_TEXT, GENERATED = "lm", "ctc", "ctc_text", "generated"
TITLES = {
    LM: "language model, nats per token",
    CTC: "CTC head, nats per character",
    CTC_TEXT: "CTC head's text, error",
    GENERATED: "generated text, error",
}
"""Scores of a report; lower is better for all of them."""


@dataclass(frozen=True)
class Row:
    """What a model is asked, and what it should answer, as tokens.

    Attributes:
        tokens: prompt and answers.
        labels: the tokens where they count, -100 elsewhere.
        places: positions.
        prompt: how many tokens stand before the last answer.
        truth: text of the last answer.
    """

    tokens: tuple[int, ...]
    labels: tuple[int, ...]
    places: tuple[int, ...]
    prompt: int
    truth: str


def row_of(
    processor: VaryProcessor, item: Item, counts: Sequence[int], most_tokens: int | None
) -> Row:
    """Return an item's row.

    Args:
        processor: the model's.
        item: what is asked about.
        counts: vision tokens of each of its images.
        most_tokens: positions of the language model; None where it has no bound.

    Raises:
        VaryError: why it cannot be asked.
    """
    limit = most_tokens or 10**9
    if processor.chat is not None:
        return _chat_row(processor, item, counts, limit)
    if len(counts) != 1:
        raise VaryError(f"{len(counts)} pictures; this model is shown one and asked nothing")
    if not item.text:
        raise VaryError("a conversation; this model is asked nothing in words")
    before = processor.prompt_tokens(counts[0])
    after = processor.answer_tokens([item.text])[0]
    start = processor.prompt_positions(counts[0], len(before))
    places = [*start, *range(start[-1] + 1, start[-1] + 1 + len(after))]
    if places[-1] >= limit:
        raise VaryError(f"its text takes position {places[-1]}; the language model has {limit}")
    labels = [-100] * len(before) + after
    return Row((*before, *after), tuple(labels), tuple(places), len(before), item.text)


def _chat_row(processor: VaryProcessor, item: Item, counts: Sequence[int], limit: int) -> Row:
    if not item.turns:
        raise VaryError(f"no question is known for a {item.kind} as {item.format}")
    found = asked(item.turns, list(counts), processor, limit)
    if isinstance(found, str):
        raise VaryError(found)
    if found.num_images != len(counts):
        raise VaryError(f"longer than the language model's {limit} positions")
    labels = tuple(found.conversation.labels())
    tokens = tuple(found.conversation.tokens)
    return Row(tokens, labels, tuple(range(len(tokens))), len(found.prompt), found.answer)


@torch.inference_mode()
def language_model_losses(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    rows: Sequence[Row],
    vision_tokens: Tensor,
) -> list[Cell]:
    """Return for each row the nats of all its answers' tokens, and how many these are.

    Teacher-forced: each token is predicted behind the true ones before it.
    """
    inputs = _padded(processor, [row.tokens for row in rows], [row.places for row in rows])
    labels = pad_left([row.labels for row in rows], -100)["input_ids"]
    learned = [next(n for n, label in enumerate(row.labels) if label != -100) for row in rows]
    kept = max(len(row.tokens) - first for row, first in zip(rows, learned, strict=True)) + 1
    logits = model(
        **{name: tensor.to(model.device) for name, tensor in inputs.items()},
        vision_tokens=vision_tokens,
        logits_to_keep=kept,
        use_cache=False,
    ).logits
    cells = []
    for scores, wanted in zip(logits, labels[:, -kept:], strict=True):
        nats = F.cross_entropy(
            scores[:-1].float(), wanted[1:].to(scores.device), ignore_index=-100, reduction="sum"
        )
        cells.append((float(nats), float((wanted[1:] != -100).sum())))
    return cells


def _padded(
    processor: VaryProcessor, rows: Sequence[Sequence[int]], places: Sequence[Sequence[int]]
) -> dict[str, Tensor]:
    padded = pad_left(rows, processor.tokenizer.pad_token_id)
    padded["position_ids"] = pad_left(places, 0)["input_ids"]
    return padded


@torch.inference_mode()
def generated_texts(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    rows: Sequence[Row],
    vision_tokens: Tensor,
) -> list[str]:
    """Return the last answer that the model writes itself, greedy, for each row.

    At most half as long again as the truth, and 16 tokens: a loop is not followed to its end.
    """
    tokens = [row.tokens[: row.prompt] for row in rows]
    places = [row.places[: row.prompt] for row in rows]
    longest = max(len(row.tokens) - row.prompt for row in rows)
    inputs = _padded(processor, tokens, places)
    written = model.generate(
        **{name: tensor.to(model.device) for name, tensor in inputs.items()},
        vision_tokens=vision_tokens,
        max_new_tokens=longest + longest // 2 + 16,
        do_sample=False,
        num_beams=1,
        eos_token_id=processor.end_id,
        pad_token_id=processor.tokenizer.pad_token_id,
    )
    return processor.decode_answers(written[:, inputs["input_ids"].shape[1] :])


def ctc_answers(
    encoded: EncodedImages, truths: Sequence[str], alphabet: str
) -> list[tuple[Cell | None, str]]:
    """Return for each image the CTC head's nats and characters of the truth, and what it reads.

    Args:
        encoded: one image for each truth.
        truths: what stands on each.
        alphabet: the head's.

    Returns: no loss for a text with characters outside of the alphabet, or too long for its image.
    """
    assert encoded.ctc_logits is not None
    texts = [text for text, _, _ in decode_greedy(encoded.ctc_logits, alphabet)]
    losses = ctc_log_probabilities(encoded, truths, alphabet)
    return [
        ((-loss, float(len(truth))) if truth and loss > float("-inf") else None, text)
        for loss, truth, text in zip(losses, truths, texts, strict=True)
    ]


def error_of(text: str, truth: str, form: str) -> float:
    """Return how wrong an answer is, 0 to 1, by its format.

    Edit distance of text, Markdown and LaTeX; of dicts 1 less the share of right cells, of captions
    and of answers in conversations 1 less ROUGE-L.
    """
    if form == "dict":
        chart = parse_chart(truth)
        if chart is not None:
            return 1.0 - cell_accuracy(parse_chart(text), chart)
    if form in ("caption", "answer"):
        return 1.0 - rouge_l(*word_pair(text, truth)).f1
    return edit_distance(text, truth)
