"""Character error on samples whose fonts and texts are not trained on."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vary.model.limits import max_answer_tokens
from vary.model.processing import pad_left
from vary.train.batches import NO_BOUNDS, Batch, Room
from vary.train.objective import ReadingObjective
from vary.vocabulary.ctc import decode_greedy

Read = tuple[list[str], list[str]]


class Measure:
    """Measures an objective's model on the same samples each time.

    Args:
        batches: held-out samples.
        prefix: put before the names of what is measured.
        room: how much may be written.
    """

    def __init__(self, batches: Sequence[Batch], prefix: str = "", room: Room = NO_BOUNDS) -> None:
        self.batches = batches
        self.room = room
        self.prefix = prefix

    @torch.no_grad()
    def __call__(self, objective: ReadingObjective) -> dict[str, float]:
        """Return the character error of the CTC head and, where it is trained, of the writer.

        Returns: of conversations `text_loss`, nats per token of the answers as they are learned,
            and `text_error` of the last answer of each. Else `ctc_error`, where the vocabulary
            has the head; `text_error` and, with the head, `draft_error` (the language model alone,
            and with the vocabulary's draft), where the stage trains the language model. Of strips
            out of more than one source also those of each, `ctc_error_<source>`.
        """
        was_training = objective.training
        objective.eval()
        errors: dict[str, float] = {}
        totals: dict[str, int] = {}
        for batch in self.batches:
            if batch["conversations"]:
                number = batch["counts"]["text"]
                loss = float(objective(_on(batch, objective.model.device))["text"]) * number
                errors["text_loss"] = errors.get("text_loss", 0) + loss
                totals["text_loss"] = totals.get("text_loss", 0) + number
            for name, (texts, truths) in self._read(objective, batch).items():
                sources = self._sources_of(batch, objective)
                for text, truth, source in zip(texts, truths, sources or truths, strict=True):
                    wrong = character_errors(text, truth)
                    for key in (name, f"{name}_{source}") if sources else (name,):
                        errors[key] = errors.get(key, 0) + wrong
                        totals[key] = totals.get(key, 0) + len(truth)
        objective.train(was_training)
        return {
            f"{self.prefix}{name}": wrong / max(totals[name], 1) for name, wrong in errors.items()
        }

    def _sources_of(self, batch: Batch, objective: ReadingObjective) -> list[str]:
        """Return the source of each strip of a batch; none where all are out of one."""
        if not objective.reads_strips:
            return []
        names = {name.split("/", 1)[0] for part in self.batches for name in part["ids"]}
        return [name.split("/", 1)[0] for name in batch["ids"]] if len(names) > 1 else []

    def _read(self, objective: ReadingObjective, batch: Batch) -> dict[str, Read]:
        """Return, by the name of the error, what was read and what stands there."""
        model, processor = objective.model, objective.processor
        device = model.device
        batch = _on(batch, device)
        if batch["conversations"]:
            return {"text_error": self._answer(objective, batch)}
        images = objective.images(batch)
        read: dict[str, Read] = {}
        with objective.autocast(device.type):
            encoded = model.encode_images(images, batch["sizes"])
            given: dict[str, list[str] | None] = {"text_error": None}
            if objective.reads_strips and encoded.ctc_logits is not None:
                drafts = _decode(encoded.ctc_logits, objective)
                read["ctc_error"] = (drafts, batch["texts"])
                given["draft_error"] = drafts
            elif objective.alphabet and any(batch["lines"]):
                logits, _, truths = objective.line_logits(encoded, batch["lines"])
                read["ctc_error"] = (_decode(logits, objective), truths)
            if "text" not in objective.loss_names:
                return read
            sizes = torch.cat(batch["sizes"], dim=1).tolist()
            for name, shown in given.items():
                prompts = processor.prompts(sizes, shown)
                written = model.generate(
                    **{key: value.to(device) for key, value in prompts.items()},
                    vision_tokens=encoded.tokens,
                    max_new_tokens=_longest_answer(objective, batch, self.room.answer_tokens),
                    do_sample=False,
                )
                answers = written[:, prompts["input_ids"].shape[1] :]
                read[name] = (processor.decode_answers(answers), batch["texts"])
        return read

    def _answer(self, objective: ReadingObjective, batch: Batch) -> Read:
        """Return the last answers of conversations, and what they should be."""
        model, processor = objective.model, objective.processor
        rows = [one.prompt for one in batch["conversations"]]
        prompts = pad_left(rows, processor.tokenizer.pad_token_id)
        room = min(self.room.answer_tokens, self.room.tokens - prompts["input_ids"].shape[1])
        with objective.autocast(model.device.type):
            seen = {}
            if batch["pixels"]:
                encoded = model.encode_images(objective.images(batch), batch["sizes"])
                seen = {"vision_tokens": encoded.tokens}
            written = model.generate(
                **{key: value.to(model.device) for key, value in prompts.items()},
                **seen,
                max_new_tokens=max(_longest_answer(objective, batch, room), 1),
                do_sample=False,
            )
        answers = written[:, prompts["input_ids"].shape[1] :]
        return processor.decode_answers(answers), batch["texts"]


def _on(batch: Batch, device: torch.device) -> Batch:
    return {**batch, "pixels": [part.to(device) for part in batch["pixels"]]}


def _decode(logits: Tensor, objective: ReadingObjective) -> list[str]:
    return [text for text, _, _ in decode_greedy(logits, objective.alphabet)]


def _longest_answer(objective: ReadingObjective, batch: Batch, room: int) -> int:
    """Return how many tokens may be written: as in reading for strips, else half as many again."""
    if objective.reads_strips and not batch["conversations"]:
        return max_answer_tokens(int(batch["sizes"][0][:, 1].max()))
    longest = max(map(len, batch["answers"]))
    return min(longest + longest // 2 + 16, room)


def character_errors(prediction: str, truth: str) -> int:
    """Return the Levenshtein distance of two lines.

    The evaluation's own comes from rapidfuzz, which the training of nano must do without.
    """
    codes = np.array([ord(character) for character in truth], dtype=np.int64)
    steps = np.arange(len(truth) + 1)
    row = steps
    for number, character in enumerate(prediction, start=1):
        changed = np.minimum(row[:-1] + (codes != ord(character)), row[1:] + 1)
        best = np.concatenate([[number], changed])
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])
