"""Character error on lines whose fonts and texts are not trained on."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vary.model.limits import max_answer_tokens
from vary.train.lines import LineBatch
from vary.train.objective import ReadingObjective
from vary.vocabulary.ctc import decode_greedy


class Measure:
    """Measures an objective's model on the same lines each time.

    Args:
        batches: held-out lines.
    """

    def __init__(self, batches: Sequence[LineBatch]) -> None:
        self.batches = batches

    @torch.no_grad()
    def __call__(self, objective: ReadingObjective) -> dict[str, float]:
        """Return the character error of the CTC head and, where it is trained, of the writer.

        Returns: `ctc_error`; `text_error` and `draft_error` (the language model alone, and with the
            vocabulary's draft), where the stage trains the language model.
        """
        was_training = objective.training
        objective.eval()
        errors: dict[str, int] = {}
        total = 0
        for batch in self.batches:
            total += sum(map(len, batch["texts"]))
            for name, texts in self._read(objective, batch["pixels"]).items():
                wrong = sum(map(character_errors, texts, batch["texts"]))
                errors[name] = errors.get(name, 0) + wrong
        objective.train(was_training)
        return {name: wrong / max(total, 1) for name, wrong in errors.items()}

    def _read(self, objective: ReadingObjective, pixels: Tensor) -> dict[str, list[str]]:
        model = objective.model
        pixels = pixels.to(model.device)
        images = objective.rule.normalise(pixels[:, None].expand(-1, 3, -1, -1))
        enabled = objective.precision == "bf16"
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=enabled):
            encoded = model.encode_images([images])
            assert encoded.ctc_logits is not None
            drafts = [text for text, _, _ in decode_greedy(encoded.ctc_logits, objective.alphabet)]
            read = {"ctc_error": drafts}
            if objective.stage.objective == "ctc":
                return read
            sizes = [tuple(images.shape[-2:])] * len(drafts)
            for name, given in (("text_error", None), ("draft_error", drafts)):
                prompts = objective.processor.prompts(sizes, given)
                written = model.generate(
                    **{key: value.to(model.device) for key, value in prompts.items()},
                    vision_tokens=encoded.tokens,
                    max_new_tokens=max_answer_tokens(images.shape[-1]),
                    do_sample=False,
                )
                answers = written[:, prompts["input_ids"].shape[1] :]
                read[name] = objective.processor.tokenizer.batch_decode(
                    answers, skip_special_tokens=True
                )
        return read


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
