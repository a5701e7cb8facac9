"""What is learned: to name characters (CTC), to write text (next token), or both."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vary.data.engines.base import sample_rng
from vary.model.modeling import EncodedImages, VaryForConditionalGeneration
from vary.model.processing import VaryProcessor
from vary.train.recipe import StageRecipe
from vary.vocabulary.ctc import decode_greedy, encode_targets


class ReadingObjective(nn.Module):
    """A model and the loss of a stage, as one module that a trainer can wrap.

    Args:
        model: what is trained.
        processor: makes prompts.
        stage: weights of the losses, shares of drafts and masks.
        precision: ``bf16`` computes under autocast.
        seed: of drafts and masks, with the batch's index.
    """

    def __init__(
        self,
        model: VaryForConditionalGeneration,
        processor: VaryProcessor,
        stage: StageRecipe,
        precision: str,
        seed: int,
    ) -> None:
        super().__init__()
        self.model = model
        self.processor = processor
        self.stage = stage
        self.precision = precision
        self.seed = seed
        self.rule = processor.image_processor.rules[0]
        self.alphabet: str = model.config.vocabularies[0].ctc_alphabet or ""
        self._freeze()

    def _freeze(self) -> None:
        """Hold fixed what the stage does not train.

        Under `text` the encoder is fixed, but not the merging convolutions behind the CTC head:
        what they merge is for the language model to say.
        """
        for part in (self.model.language_model, self.model.projector):
            part.requires_grad_(self.stage.objective != "ctc")
        for name, parameter in self.model.vocabularies.named_parameters():
            is_merging = ".net_2." in f".{name}" or ".net_3." in f".{name}"
            trained = {"ctc": not is_merging, "text": is_merging, "both": True}
            parameter.requires_grad = trained[self.stage.objective]
        # Kept, since the trainer asks for training mode before every step.
        self._fixed = [part for part in self.model.modules() if _is_fixed(part)]

    def train(self, mode: bool = True) -> "ReadingObjective":
        """Set training mode; whatever holds nothing that is trained stays in evaluation mode."""
        super().train(mode)
        for part in self._fixed:
            part.eval()
        return self

    def forward(self, pixels: Tensor, texts: list[str], index: int) -> dict[str, Tensor]:
        """Return the `loss` of a batch and its parts, each per character or token.

        Args:
            pixels: (B, H, W) uint8.
            texts: what stands on each strip.
            index: number of the batch.
        """
        device_type = pixels.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self._losses(pixels, texts, index)

    def _losses(self, pixels: Tensor, texts: list[str], index: int) -> dict[str, Tensor]:
        images = self.rule.normalise(pixels[:, None].expand(-1, 3, -1, -1))
        stage = self.stage
        encoded = self.model.encode_images([images])
        losses: dict[str, Tensor] = {}
        if stage.objective != "text":
            losses["ctc"] = ctc_loss(encoded, texts, self.alphabet)
        if stage.objective != "ctc":
            losses["text"] = self._text_loss(images, encoded, texts, index)
        weights = {"ctc": stage.ctc_weight if stage.objective == "both" else 1.0, "text": 1.0}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return {"loss": total, **losses}

    def _text_loss(
        self, images: Tensor, encoded: EncodedImages, texts: list[str], index: int
    ) -> Tensor:
        rng = sample_rng(self.seed, f"drafts/{self.stage.name}", index)
        drafts = self._drafts(encoded, texts, rng)
        sizes = [tuple(images.shape[-2:])] * len(texts)
        counts = [self.processor.num_image_tokens(*size) for size in sizes]
        before = [
            self.processor.prompt_tokens(count, draft)
            for count, draft in zip(counts, drafts, strict=True)
        ]
        end = self.processor.tokenizer.eos_token_id
        after = [[*tokens, end] for tokens in self.processor.encode_plain(texts)]
        inputs = self._training_rows(before, after, rng)
        inputs["position_ids"] = self._positions(counts, before, inputs["input_ids"].shape[1])
        inputs = {name: tensor.to(images.device) for name, tensor in inputs.items()}
        output = self.model(vision_tokens=encoded.tokens, use_cache=False, **inputs)
        return output.loss

    def _drafts(
        self, encoded: EncodedImages, texts: list[str], rng: np.random.Generator
    ) -> list[str | None]:
        """Return drafts for a share of the lines: the vocabulary's own, or nearly the truth."""
        num_lines = len(encoded.counts)
        wanted = rng.random(num_lines) < self.stage.draft_share
        if encoded.ctc_logits is None or not wanted.any():
            return [None] * num_lines
        read = decode_greedy(encoded.ctc_logits.detach(), self.alphabet)
        good = rng.random(num_lines) < self.stage.good_draft_share
        return [
            spoil(text if is_good else draft, self.alphabet, rng, is_good=is_good) if want else None
            for (draft, _, _), text, want, is_good in zip(read, texts, wanted, good, strict=True)
        ]

    def _training_rows(
        self, before: list[list[int]], after: list[list[int]], rng: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return inputs and labels of prompts and answers, padded on the right."""
        pad = self.processor.tokenizer.pad_token_id
        length = max(len(a) + len(b) for a, b in zip(before, after, strict=True))
        input_ids = torch.full((len(before), length), pad)
        labels = torch.full_like(input_ids, -100)
        attention = torch.zeros_like(input_ids)
        for row, (prompt, answer) in enumerate(zip(before, after, strict=True)):
            start, stop = len(prompt), len(prompt) + len(answer)
            hidden = rng.random(len(answer)) < self.stage.mask_share
            shown = [pad if hide else token for token, hide in zip(answer, hidden, strict=True)]
            input_ids[row, :stop] = torch.tensor(prompt + shown)
            labels[row, start:stop] = torch.tensor(answer)
            attention[row, :stop] = 1
        return {"input_ids": input_ids, "labels": labels, "attention_mask": attention}

    def _positions(self, counts: list[int], before: list[list[int]], length: int) -> Tensor:
        """Return (B, length) positions of prompts and what follows them."""
        rows = []
        for count, prompt in zip(counts, before, strict=True):
            places = self.processor.prompt_positions(count, len(prompt))
            following = range(places[-1] + 1, places[-1] + 1 + length - len(prompt))
            rows.append([*places, *following])
        return torch.tensor(rows)


def _is_fixed(module: nn.Module) -> bool:
    """Return whether a module has parameters and none of them is trained."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def ctc_loss(encoded: EncodedImages, texts: list[str], alphabet: str) -> Tensor:
    """Return the CTC loss of a batch in nats per character.

    Raises:
        ValueError: the model has no CTC head, or a text has characters that it does not know.
    """
    if encoded.ctc_logits is None or encoded.ctc_lengths is None:
        raise ValueError("this model's vocabulary has no CTC head; set its ctc_alphabet")
    targets, lengths = encode_targets(texts, alphabet)
    device = encoded.ctc_logits.device
    scores = encoded.ctc_logits.float().log_softmax(-1).transpose(0, 1)
    summed = F.ctc_loss(
        scores,
        targets.to(device),
        encoded.ctc_lengths,
        lengths.to(device),
        reduction="sum",
        zero_infinity=True,
    )
    return summed / lengths.sum()


def spoil(text: str, alphabet: str, rng: np.random.Generator, *, is_good: bool = False) -> str:
    """Return a draft with characters dropped, doubled or exchanged, more in some lines than others.

    A vocabulary reads the lines that it learns from too well; without further faults the language
    model would learn to copy.

    Args:
        text: the draft.
        alphabet: characters, the most common first, that others are exchanged for.
        rng: where all faults come from.
        is_good: few faults, as the vocabulary makes on pages that are easier than its training.
    """
    rates = [0.0, 0.01, 0.03] if is_good else [0.0, 0.03, 0.12]
    rate = float(rng.choice(rates, p=[0.5, 0.3, 0.2] if is_good else [0.7, 0.2, 0.1]))
    spoiled: list[str] = []
    for character in text:
        chance = rng.random() / rate if rate else 1.0
        if chance < 0.3:
            continue
        if chance < 0.8:
            spoiled.append(alphabet[rng.integers(min(95, len(alphabet)))])
        else:
            spoiled.append(character)
        if 0.8 <= chance < 1.0:
            spoiled.append(character)
    return "".join(spoiled)


def parameter_counts(module: nn.Module) -> dict[str, Any]:
    """Return how many parameters are trained and how many are frozen."""
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return {"trained": trained, "frozen": sum(p.numel() for p in module.parameters()) - trained}
