"""How probable a text is, to the language model and to the CTC head of the same strip."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.modeling import EncodedImages, pad_ctc
from vary.model.processing import pad_left


@dataclass(frozen=True)
class TextScore:
    """What the language model thinks of a text.

    Args:
        log_probability: of the text and its end, in nats.
        is_greedy: whether it is what the model would write itself, piece by piece.
    """

    log_probability: float
    is_greedy: bool


def select_images(encoded: EncodedImages, places: Sequence[int]) -> EncodedImages:
    """Return some of the images, in the order of their places."""
    tokens = encoded.tokens.split(encoded.counts)
    members = list(places)
    return EncodedImages(
        torch.cat([tokens[place] for place in members]),
        [encoded.counts[place] for place in members],
        None if encoded.ctc_logits is None else encoded.ctc_logits[members],
        None if encoded.ctc_lengths is None else encoded.ctc_lengths[members],
    )


def score_texts(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    encoded: EncodedImages,
    drafts_and_texts: Sequence[tuple[str, str]],
) -> list[TextScore]:
    """Return the language model's score of one text for each image, in one pass.

    A draft that the model would write itself is found so without writing it.

    Args:
        model: in evaluation mode.
        processor: the model's.
        encoded: the images.
        drafts_and_texts: for each image the draft in its prompt, and the text to score.
    """
    end = processor.tokenizer.eos_token_id
    rows, places, targets = [], [], []
    for count, (draft, text) in zip(encoded.counts, drafts_and_texts, strict=True):
        prompt = processor.prompt_tokens(count, draft)
        target = [*processor.encode_plain([text])[0], end]
        positions = processor.prompt_positions(count, len(prompt))
        rows.append([*prompt, *target[:-1]])
        places.append([*positions, *range(positions[-1] + 1, positions[-1] + len(target))])
        targets.append(target)
    inputs = pad_left(rows, processor.tokenizer.pad_token_id)
    inputs["position_ids"] = pad_left(places, 0)["input_ids"]
    longest = max(map(len, targets))
    logits = model(
        **{name: tensor.to(model.device) for name, tensor in inputs.items()},
        vision_tokens=encoded.tokens,
        logits_to_keep=longest,
        use_cache=False,
    ).logits.float()
    return [
        _score(row[longest - len(target) :], target)
        for row, target in zip(logits, targets, strict=True)
    ]


def _score(logits: Tensor, target: list[int]) -> TextScore:
    wanted = torch.tensor(target, device=logits.device)
    chosen = logits.log_softmax(-1).gather(1, wanted[:, None])
    return TextScore(float(chosen.sum()), bool((logits.argmax(-1) == wanted).all()))


def ctc_scores(
    model: VaryForConditionalGeneration, pixels: Tensor, sizes: Sequence[tuple[int, ...]]
) -> Tensor:
    """Return (B, columns, classes) scores of the first vocabulary's CTC head, padded with blanks.

    Images of one size go through it together, as in `encode_images`; no other part of the model is
    asked.

    Args:
        model: one whose first vocabulary has the head.
        pixels: (B, 3, H, W) for the first vocabulary.
        sizes: height and width of each image before it was padded.
    """
    vocabulary: Any = model.vocabularies[0]
    rows: dict[int, Tensor] = {}
    for height, width in dict.fromkeys(sizes):
        members = [number for number, size in enumerate(sizes) if size == (height, width)]
        seen = vocabulary(pixels[members, :, :height, :width])
        rows.update(zip(members, seen.ctc_logits, strict=True))
    return pad_ctc([rows[number] for number in range(len(sizes))])[0]


def ctc_log_probabilities(
    encoded: EncodedImages, texts: Sequence[str], alphabet: str
) -> list[float]:
    """Return the log-probability that the CTC head gives each image's text, in nats.

    Returns: minus infinity for a text with characters outside the alphabet, or too long for its
        strip.

    Raises:
        ValueError: the images have no CTC scores.
    """
    if encoded.ctc_logits is None or encoded.ctc_lengths is None:
        raise ValueError("these images have no CTC scores: the vocabulary has no CTC head")
    classes = {character: number for number, character in enumerate(alphabet, start=1)}
    scores = encoded.ctc_logits.float().log_softmax(-1)
    probabilities = []
    for row, length, text in zip(scores, encoded.ctc_lengths.tolist(), texts, strict=True):
        if not set(text) <= classes.keys():
            probabilities.append(-math.inf)
            continue
        target = torch.tensor([[classes[character] for character in text]], device=row.device)
        loss = F.ctc_loss(
            row[:length, None],
            target,
            torch.tensor([length]),
            torch.tensor([len(text)]),
            reduction="sum",
        )
        probabilities.append(-float(loss))
    return probabilities
