"""Strips to text: the vocabulary drafts, the language model writes, and each watches the other."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.modeling import EncodedImages
from vary.read.loops import cut_loop
from vary.vocabulary.ctc import decode_greedy

# Below this likeness of the model's text and the vocabulary's draft one of them has lost the line.
_MIN_LIKENESS = 0.6
# A piece is at least about this wide: what bounds the length of an answer.
_MIN_PIECE_PX = 6


@dataclass(frozen=True)
class Recognition:
    """What was read on a strip.

    Args:
        text: the line.
        decoder: who wrote it: the language model, or the vocabulary's CTC head where the model
            failed.
        confidence: 0 to 1.
        status: ``truncated`` if the text has no end, ``loop`` if it repeats itself; with a CTC head
            neither occurs, because then its draft stands.
        draft: the CTC head's text.
    """

    text: str
    decoder: Literal["lm", "ctc"]
    confidence: float
    status: Literal["ok", "truncated", "loop"]
    draft: str


class LineRecognizer(Protocol):
    """Reads strips of one line each."""

    def read(self, strips: Sequence[np.ndarray]) -> list[Recognition]:
        """Return what stands on each (48, W) uint8 strip."""
        ...


class StripRecognizer:
    """Reads strips with a model whose vocabulary has a CTC head.

    Args:
        model: in evaluation mode, on its device.
        processor: the model's.
        decoder: ``lm`` lets the language model write; ``ctc`` stops at the vocabulary's draft,
            which is faster.

    Raises:
        VaryError: the model has no CTC head or does not read strips.
    """

    def __init__(
        self,
        model: VaryForConditionalGeneration,
        processor: VaryProcessor,
        decoder: Literal["lm", "ctc"] = "lm",
    ) -> None:
        alphabet = getattr(model.config.vocabularies[0], "ctc_alphabet", None)
        rule = processor.image_processor.rules[0]
        if alphabet is None or rule.mode != "strip":
            raise VaryError(
                "this checkpoint does not read line strips: its first vocabulary needs a CTC "
                "alphabet and the image mode 'strip'"
            )
        self.model = model
        self.processor = processor
        self.decoder = decoder
        self.alphabet: str = alphabet
        self.tasks = tuple(model.config.tasks)

    @torch.inference_mode()
    def read(self, strips: Sequence[np.ndarray]) -> list[Recognition]:
        """Return what stands on each strip; greedy, so the same strips give the same text.

        Args:
            strips: (H, W) uint8 arrays, dark text on white.
        """
        if not strips:
            return []
        features = self.processor.image_processor(list(strips))
        pixels = features["pixel_values"].to(self.model.device)
        encoded = self.model.encode_images([pixels], features["image_sizes"])
        assert encoded.ctc_logits is not None
        drafts = decode_greedy(encoded.ctc_logits, self.alphabet)
        texts = [text for text, _, _ in drafts]
        if self.decoder == "ctc":
            return [
                Recognition(text, "ctc", mean_certainty(certainties), "ok", text)
                for text, _, certainties in drafts
            ]
        written = self._write(encoded, features["image_sizes"], texts)
        return [
            judge(answer, draft, certainties, ended=ended)
            for (answer, ended), (draft, _, certainties) in zip(written, drafts, strict=True)
        ]

    def _write(
        self, encoded: EncodedImages, sizes: Tensor, drafts: list[str]
    ) -> list[tuple[str, bool]]:
        """Return the language model's text of each strip, and whether it came to an end.

        A strip's own width bounds its answer, so what is read does not depend on its neighbours.
        """
        prompts = self.processor.prompts(sizes.tolist(), drafts)
        start = prompts["input_ids"].shape[1]
        limits = [8 + width // _MIN_PIECE_PX for width in sizes[:, 1].tolist()]
        rows = self.model.generate(
            **{name: tensor.to(self.model.device) for name, tensor in prompts.items()},
            vision_tokens=encoded.tokens,
            max_new_tokens=max(limits),
            do_sample=False,
            num_beams=1,
        )[:, start:]
        answers = [row[:limit] for row, limit in zip(rows.tolist(), limits, strict=True)]
        end = self.processor.tokenizer.eos_token_id
        texts = self.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [(text, end in answer) for text, answer in zip(texts, answers, strict=True)]


def judge(answer: str, draft: str, certainties: Sequence[float], *, ended: bool) -> Recognition:
    """Return the text to trust, from the model's answer and the vocabulary's draft.

    The model's text is taken unless it loops, does not end, or has little to do with the draft. A
    strip on which the vocabulary finds no character is empty, whatever the model writes.

    Args:
        answer: the language model's text.
        draft: the CTC head's text.
        certainties: probability of each of the draft's characters.
        ended: whether the answer has an end.
    """
    if not draft.strip():
        return Recognition("", "ctc", 1.0 if not answer.strip() else 0.5, "ok", draft)
    certainty = mean_certainty(certainties)
    likeness = difflib.SequenceMatcher(None, answer, draft, autojunk=False).ratio()
    # What the draft repeats as well is printed so: the CTC head writes nothing that it does not see.
    looped = cut_loop(answer)[1] and not cut_loop(draft)[1]
    if ended and not looped and likeness >= _MIN_LIKENESS:
        return Recognition(answer, "lm", certainty * likeness, "ok", draft)
    # The draft stands for the line: what the model lost, the reader has not.
    return Recognition(draft, "ctc", certainty * 0.5, "ok", draft)


def mean_certainty(certainties: Sequence[float]) -> float:
    """Return the geometric mean of characters' probabilities, 1 for none."""
    if not certainties:
        return 1.0
    return math.exp(sum(math.log(max(p, 1e-4)) for p in certainties) / len(certainties))


def load_recognizer(
    path: Path, device: str = "auto", decoder: Literal["lm", "ctc"] = "lm"
) -> StripRecognizer:
    """Return the recognizer of a checkpoint folder.

    Args:
        path: the folder.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        decoder: see `StripRecognizer`.

    Raises:
        VaryError: an unknown device, or a folder without a model that reads strips.
    """
    where = pick_device(device)
    try:
        processor = VaryProcessor.from_pretrained(path)
        model = VaryForConditionalGeneration.from_pretrained(path, dtype=pick_dtype(where))
    except (OSError, KeyError, TypeError) as error:
        raise VaryError(f"{path} holds no checkpoint that can be read: {error}") from error
    return StripRecognizer(model.to(where).eval(), processor, decoder)


def pick_device(device: str) -> torch.device:
    """Return the device that a name means here.

    Raises:
        VaryError: no such device.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        where = torch.device(device)
        torch.empty(1, device=where)
    except (RuntimeError, AssertionError) as error:
        raise VaryError(f"no device {device!r} here; use auto, cpu, cuda or mps") from error
    return where


def pick_dtype(device: torch.device) -> torch.dtype:
    """Return bf16 where the device multiplies in it, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type != "cpu":
        return torch.float32
    # Private in torch, so asked for with care: without them fp32 is right, only slower.
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    able = any(getattr(torch.cpu, name, lambda: False)() for name in probes)
    return torch.bfloat16 if able else torch.float32
