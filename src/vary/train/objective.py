"""What is learned: to name characters (CTC), to write text (next token), or both."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vary.data.engines.base import sample_rng
from vary.data.text_lines import TextLine
from vary.errors import VaryError
from vary.model.chat import NOT_LEARNED
from vary.model.modeling import EncodedImages, VaryForConditionalGeneration, pad_ctc
from vary.model.processing import VaryProcessor
from vary.train.batches import Batch
from vary.train.ctc_loss import ctc_loss_sum
from vary.train.drafts import spoil
from vary.train.freezing import freeze, frozen_patterns, is_fixed
from vary.train.recipe import StageRecipe
from vary.train.recomputing import recompute_activations
from vary.vocabulary.ctc import decode_greedy, encode_targets


class ReadingObjective(nn.Module):
    """A model and the loss of a stage, as one module that a trainer can wrap.

    Args:
        model: what is trained.
        processor: makes prompts.
        stage: weights of the losses, shares of drafts and masks, what is frozen.
        precision: ``bf16`` computes under autocast.
        seed: of drafts and masks, with the stage and a sample's number, so that they do not depend
            on what else is in a batch.

    Raises:
        VaryError: a pattern of `frozen` that matches nothing, or leaves nothing to train.
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
        self.rules = processor.image_processor.rules
        self.alphabet: str = getattr(model.config.vocabularies[0], "ctc_alphabet", None) or ""
        freeze(model, frozen_patterns(stage))
        # Kept, since the trainer asks for training mode before every step.
        self._fixed = [part for part in self.model.modules() if is_fixed(part)]
        recompute_activations(model, on=stage.gradient_checkpointing)

    @property
    def reads_strips(self) -> bool:
        """Whether pictures are strips of one line, which the CTC head reads as a whole."""
        return bool(self.rules[0].mode == "strip")

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The losses of the stage."""
        return {"ctc": ("ctc",), "text": ("text",), "both": ("ctc", "text")}[self.stage.objective]

    def train(self, mode: bool = True) -> "ReadingObjective":
        """Set training mode; whatever holds nothing that is trained stays in evaluation mode."""
        super().train(mode)
        for part in self._fixed:
            part.eval()
        return self

    def forward(self, batch: Batch, totals: Mapping[str, float] | None = None) -> dict[str, Tensor]:
        """Return the `loss` of a batch and its parts, each per character or token.

        Args:
            batch: samples; there may be none, whose losses are zero.
            totals: characters (`ctc`) and tokens (`text`) of all batches of the step; a batch's
                losses are then its share of the step's, and add up to them. None: of this batch.
        """
        if not batch["texts"]:
            # A device whose part of the step is empty still has to take part in the gradient.
            nothing = sum(p.sum() * 0.0 for p in self.parameters() if p.requires_grad)
            return dict.fromkeys(("loss", *self.loss_names), torch.as_tensor(nothing))
        with self.autocast(next(self.model.parameters()).device.type):
            means = self._losses(batch)
        counts = batch["counts"]
        losses = {
            name: mean if totals is None else mean * (counts[name] / totals[name])
            for name, mean in means.items()
        }
        weights = {"ctc": self.stage.ctc_weight if len(losses) > 1 else 1.0, "text": 1.0}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return {"loss": total, **losses}

    def autocast(self, device_type: str) -> torch.autocast:
        """Return the context that the recipe's precision computes in."""
        return torch.autocast(device_type, torch.bfloat16, enabled=self.precision == "bf16")

    def images(self, batch: Batch) -> list[Tensor]:
        """Return each vocabulary's normalised pixels."""
        return [
            rule.normalise(pixels) for rule, pixels in zip(self.rules, batch["pixels"], strict=True)
        ]

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        if batch["conversations"]:
            return {"text": self._conversation_loss(batch)}
        encoded = self.model.encode_images(self.images(batch), batch["sizes"])
        losses: dict[str, Tensor] = {}
        if "ctc" in self.loss_names:
            losses["ctc"] = self._ctc_loss(encoded, batch)
        if "text" in self.loss_names:
            losses["text"] = self._text_loss(encoded, batch)
        return losses

    def _ctc_loss(self, encoded: EncodedImages, batch: Batch) -> Tensor:
        if self.reads_strips and encoded.ctc_logits is not None:
            lengths = encoded.ctc_lengths
            assert lengths is not None
            return ctc_loss(encoded.ctc_logits, lengths, batch["texts"], self.alphabet)
        logits, lengths, texts = self.line_logits(encoded, batch["lines"])
        if not texts:  # none of the batch's lines is known, or can be written
            return encoded.tokens.sum() * 0.0
        return ctc_loss(logits, lengths, texts, self.alphabet)

    def line_logits(
        self, encoded: EncodedImages, lines: Sequence[Sequence[TextLine]]
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Return what the CTC head makes of the lines on all pages, and their texts.

        Returns: (L, columns, classes) logits, padded with the blank, (L,) columns of each, texts.

        Raises:
            VaryError: the vocabulary has no CTC head.
        """
        vocabulary = self.model.vocabularies[0]
        head: Any = getattr(vocabulary, "ctc_head", None)
        pages = encoded.patch_features
        if head is None or pages is None:
            raise VaryError(
                f"stage {self.stage.name}: objective {self.stage.objective} needs a vocabulary "
                "with a CTC head; set model.ctc_head"
            )
        tall, wide = self.model.config.vocabularies[0].patch_size
        logits: list[Tensor] = []
        texts: list[str] = []
        for shape in dict.fromkeys(page.shape for page in pages):
            members = [n for n, page in enumerate(pages) if page.shape == shape and lines[n]]
            if not members:
                continue
            given = [(place, line) for place, n in enumerate(members) for line in lines[n]]
            patches = [
                [line.x0 / wide, line.y0 / tall, line.x1 / wide, line.y1 / tall]
                for _, line in given
            ]
            device = pages[0].device
            where = torch.tensor(patches, dtype=torch.float32, device=device)
            places = torch.tensor([place for place, _ in given], device=device)
            logits += head.on_lines(torch.stack([pages[n] for n in members]), places, where)
            texts += [line.text for _, line in given]
        if not texts:
            return pages[0].new_empty(0, 0, 0), torch.empty(0), []
        return *pad_ctc(logits), texts

    def _text_loss(self, encoded: EncodedImages, batch: Batch) -> Tensor:
        stream = f"drafts/{self.stage.name}"
        rngs = [sample_rng(self.seed, stream, number) for number in batch["numbers"]]
        drafts = self._drafts(encoded, batch["texts"], rngs)
        before = [
            self.processor.prompt_tokens(count, draft)
            for count, draft in zip(encoded.counts, drafts, strict=True)
        ]
        inputs = self._training_rows(before, batch["answers"], rngs)
        inputs["position_ids"] = self._positions(
            encoded.counts, before, inputs["input_ids"].shape[1]
        )
        inputs = {name: tensor.to(encoded.tokens.device) for name, tensor in inputs.items()}
        output = self.model(vision_tokens=encoded.tokens, use_cache=False, **inputs)
        return output.loss

    def _conversation_loss(self, batch: Batch) -> Tensor:
        """Return the loss of the assistant's turns; conversations may be without images."""
        tokens = None
        if batch["pixels"]:
            tokens = self.model.encode_images(self.images(batch), batch["sizes"]).tokens
        stream = f"masks/{self.stage.name}"
        rngs = [sample_rng(self.seed, stream, number) for number in batch["numbers"]]
        given = [one.conversation for one in batch["conversations"]]
        rows = [(list(one.tokens), one.labels()) for one in given]
        inputs = self._padded_rows(rows, rngs)
        inputs["position_ids"] = torch.arange(inputs["input_ids"].shape[1]).expand(len(rows), -1)
        device = next(self.model.parameters()).device
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        loss = self.model(vision_tokens=tokens, use_cache=False, **inputs).loss
        return loss if tokens is not None else loss + self._nothing_seen()

    def _nothing_seen(self) -> Tensor:
        """Return a zero that what sees takes part in: a device's batch may be without images."""
        parts = [*self.model.vocabularies.parameters(), *self.model.projector.parameters()]
        return torch.as_tensor(sum(part.sum() * 0.0 for part in parts if part.requires_grad))

    def _drafts(
        self, encoded: EncodedImages, texts: list[str], rngs: list[np.random.Generator]
    ) -> list[str | None]:
        """Return drafts for a share of the lines: the vocabulary's own, or nearly the truth."""
        stage = self.stage
        chances = [rng.random(2) for rng in rngs]
        wanted = [draft < stage.draft_share for draft, _ in chances]
        if not self.reads_strips or encoded.ctc_logits is None or not any(wanted):
            return [None] * len(texts)
        read = [text for text, _, _ in decode_greedy(encoded.ctc_logits.detach(), self.alphabet)]
        good = [chance < stage.good_draft_share for _, chance in chances]
        given = [
            text if is_good else own for own, text, is_good in zip(read, texts, good, strict=True)
        ]
        return [
            spoil(draft, self.alphabet, rng, is_good=is_good) if want else None
            for draft, rng, want, is_good in zip(given, rngs, wanted, good, strict=True)
        ]

    def _training_rows(
        self, before: list[list[int]], after: list[list[int]], rngs: list[np.random.Generator]
    ) -> dict[str, Tensor]:
        """Return inputs and labels of prompts and answers, padded on the right."""
        pairs = zip(before, after, strict=True)
        rows = [
            ([*prompt, *answer], [*[NOT_LEARNED] * len(prompt), *answer])
            for prompt, answer in pairs
        ]
        return self._padded_rows(rows, rngs)

    def _padded_rows(
        self, rows: Sequence[tuple[list[int], list[int]]], rngs: list[np.random.Generator]
    ) -> dict[str, Tensor]:
        """Return tokens and labels, padded on the right; a share of what is learned is hidden."""
        pad = self.processor.tokenizer.pad_token_id
        length = max(len(tokens) for tokens, _ in rows)
        input_ids = torch.full((len(rows), length), pad)
        labels = torch.full_like(input_ids, NOT_LEARNED)
        attention = torch.zeros_like(input_ids)
        for row, ((tokens, learned), rng) in enumerate(zip(rows, rngs, strict=True)):
            places = np.flatnonzero(np.array(learned) != NOT_LEARNED)
            shown = torch.tensor(tokens)
            shown[places[rng.random(len(places)) < self.stage.mask_share]] = pad
            input_ids[row, : len(tokens)] = shown
            labels[row, : len(tokens)] = torch.tensor(learned)
            attention[row, : len(tokens)] = 1
        return {"input_ids": input_ids, "labels": labels, "attention_mask": attention}

    def _positions(self, counts: list[int], before: list[list[int]], length: int) -> Tensor:
        """Return (B, length) positions of prompts and what follows them."""
        rows = []
        for count, prompt in zip(counts, before, strict=True):
            places = self.processor.prompt_positions(count, len(prompt))
            following = range(places[-1] + 1, places[-1] + 1 + length - len(prompt))
            rows.append([*places, *following])
        return torch.tensor(rows)


def ctc_loss(logits: Tensor, lengths: Tensor, texts: list[str], alphabet: str) -> Tensor:
    """Return the CTC loss of lines in nats per character.

    Args:
        logits: (L, columns, classes), class 0 the blank.
        lengths: (L,) columns of each line.
        texts: what stands on each.
        alphabet: the characters.

    Raises:
        ValueError: a text has characters that are not in the alphabet.
    """
    targets, target_lengths = encode_targets(texts, alphabet)
    summed = ctc_loss_sum(logits, lengths, list(targets.split(target_lengths.tolist())))
    return summed / target_lengths.sum()
