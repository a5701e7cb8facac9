"""The arms: vocabularies before a language model, trained alike and measured alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from language import (
    END,
    PAD,
    PLACE,
    SENTENCE_WORDS,
    batch_answers,
    decode,
    language_config,
    page_text,
    prompt,
)
from pages import LETTERS
from samples import Cache, Part, answer
from scenes import score_caption
from torch import Tensor, nn
from transformers import AutoModelForCausalLM
from vocabularies import NUM_TOKENS, PageConfig, PageVocabulary, make_schedule, normalise

from vary.eval.metrics import edit_distance
from vary.model import VaryConfig, VaryForConditionalGeneration

HIDDEN_SHARE = 0.3
_VOCABULARY_RATE = 0.3  # of the language model's, where a vocabulary is not frozen
_LONGEST_ANSWER = 32
_AT_ONCE = 125


@dataclass(frozen=True)
class Arm:
    """Which vocabularies stand before the language model.

    Attributes:
        vocabularies: their names; ``{seed}`` in one stands for the seed.
        unfrozen: the first one learns too.
        title: for tables and plots.
    """

    vocabularies: tuple[str, ...]
    title: str
    unfrozen: bool = False


ARMS = {
    "general": Arm(("general",), "general alone"),
    "general+nano": Arm(("general", "nano"), "general + nano"),
    "nano": Arm(("nano",), "nano alone"),
    "general-unfrozen": Arm(("general",), "general unfrozen", unfrozen=True),
    "general+second": Arm(("general", "second"), "general + second general"),
    "general+sharp": Arm(("general", "sharp"), "general + scenes at full size"),
    "general+with": Arm(("general", "with-{seed}"), "general + nano with negatives"),
    "general+without": Arm(("general", "without-{seed}"), "general + nano without"),
}


@dataclass(frozen=True)
class Plan:
    """What every arm does.

    Attributes:
        steps: of the language model and the linears.
        short_steps: the first of them, whose pages are single short words.
        half: pages in a step, and scenes.
        rate: the highest.
        points: measurements along the way.
        few: samples of each kind for these.
    """

    steps: int
    short_steps: int
    half: int = 16
    rate: float = 1e-3
    points: int = 6
    few: int = 100


def build(configs: list[PageConfig], seed: int) -> VaryForConditionalGeneration:
    """Return a model whose language model starts the same in all arms of a seed."""
    torch.manual_seed(seed)
    language_model = AutoModelForCausalLM.from_config(language_config())
    config = VaryConfig(
        vocabularies=[*configs],
        text_config=language_config(),
        image_token_id=PLACE,
        tasks=["ocr", "caption"],
    )
    model = VaryForConditionalGeneration(config)
    model.language_model.load_state_dict(language_model.state_dict())
    return model


TokensOf = Callable[[Part, np.ndarray], Tensor]


class Source:
    """Fused tokens of samples: from the cache, or of the pixels where a vocabulary learns."""

    def __init__(self, model: VaryForConditionalGeneration, names: list[str], cache: Cache) -> None:
        self.model, self.names, self.cache = model, names, cache

    def __call__(self, part: Part, numbers: np.ndarray) -> Tensor:
        """Return (B, 48, D) tokens behind the linears."""
        places = np.unique(numbers, return_inverse=True)
        kept = [self.cache.get(name, part)[places[0]][places[1]] for name in self.names]
        fused: Tensor = self.model.projector([torch.from_numpy(part).float() for part in kept])
        return fused


class PixelSource(Source):
    """The same with the vocabulary in the graph."""

    def __call__(self, part: Part, numbers: np.ndarray) -> Tensor:
        """Return (B, 48, D) tokens behind the linears."""
        pictures = np.stack([self.cache.get("pixels", part)[number] for number in numbers])
        page: Any = self.model.vocabularies[0]
        encoded = self.model.encode_images([normalise(page.config, pictures)])
        return encoded.tokens.unflatten(0, (len(numbers), NUM_TOKENS))


@torch.no_grad()
def write(model: VaryForConditionalGeneration, tokens: Tensor) -> list[list[str]]:
    """Return the pieces that the model writes greedily for (B, N, D) tokens."""
    ids = prompt(tokens.shape[1], tokens.shape[0])
    with torch.autocast("cpu", torch.bfloat16):
        rows = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            vision_tokens=tokens.flatten(0, 1),
            max_new_tokens=_LONGEST_ANSWER,
            do_sample=False,
            eos_token_id=END,
            pad_token_id=PAD,
        )
    return [decode(row) for row in rows[:, ids.shape[1] :]]


def answers_of(
    model: VaryForConditionalGeneration, tokens_of: TokensOf, part: Part, count: int
) -> list[list[str]]:
    """Return what a model writes for a part's first samples."""
    model.eval()
    written = []
    for start in range(0, count, _AT_ONCE):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            tokens = tokens_of(part, np.arange(start, min(count, start + _AT_ONCE)))
        written += write(model, tokens)
    return written


def is_invented(pieces: list[str]) -> bool:
    """Return whether an answer to a picture without text holds letters as if it had some."""
    return any(piece in LETTERS and piece not in SENTENCE_WORDS for piece in pieces)


def score_reading(written: list[list[str]], truths: list[tuple[str, ...]]) -> dict[str, float]:
    """Return the mean edit distance of pages and the share of words that are right in place."""
    distances, right, total = [], 0, 0
    for given, truth in zip(written, truths, strict=True):
        text, wanted = page_text(given), page_text(list(truth))
        distances.append(edit_distance(text, wanted))
        words = wanted.split(" ")
        right += sum(a == b for a, b in zip(text.split(" "), words, strict=False))
        total += len(words)
    return {"edit_distance": float(np.mean(distances)), "words": right / total}


def score_scenes(written: list[list[str]], truths: list[tuple[str, ...]]) -> dict[str, float]:
    """Return the shares of facts that are right, of exact captions and of invented texts."""
    sums: dict[str, list[int]] = {}
    for given, truth in zip(written, truths, strict=True):
        for name, (right, total) in score_caption(given, list(truth)).items():
            entry = sums.setdefault(name, [0, 0])
            entry[0] += right
            entry[1] += total
    scores = {f"facts_{name}": right / total for name, (right, total) in sums.items()}
    return {**scores, "invented": float(np.mean([is_invented(given) for given in written]))}


def measure(
    model: VaryForConditionalGeneration, tokens_of: TokensOf, count: int
) -> dict[str, float]:
    """Return reading and captions of the first held-out samples."""
    scorings: tuple[tuple[Part, Any], ...] = (
        ("test-pages", score_reading),
        ("test-scenes", score_scenes),
    )
    scores: dict[str, float] = {}
    for part, score in scorings:
        written = answers_of(model, tokens_of, part, count)
        scores |= score(written, [answer(part, n) for n in range(count)])
    return scores


def parameter_groups(model: VaryForConditionalGeneration, rate: float, unfrozen: bool) -> list[Any]:
    """Return what is trained at which rate: a vocabulary, where unfrozen, more slowly."""
    groups = [
        {"params": [*model.projector.parameters(), *model.language_model.parameters()], "lr": rate}
    ]
    if unfrozen:
        groups.append({"params": [*model.vocabularies.parameters()], "lr": rate * _VOCABULARY_RATE})
    return groups


def train_arm(
    arm: Arm,
    pages: dict[str, PageVocabulary],
    cache: Cache,
    seed: int,
    plan: Plan,
) -> tuple[dict[str, Any], VaryForConditionalGeneration]:
    """Return an arm's curve and final scores, and its model.

    Args:
        arm: which.
        pages: the vocabularies by name.
        cache: tokens of all samples.
        seed: of the initial weights and of the order; the same order in all arms.
        plan: steps and sizes.
    """
    names = [name.format(seed=seed) for name in arm.vocabularies]
    model = build([pages[name].config for name in names], seed)
    if arm.unfrozen:
        model.vocabularies[0].load_state_dict(pages[names[0]].state_dict())
    tokens_of = (PixelSource if arm.unfrozen else Source)(model, names, cache)
    groups = parameter_groups(model, plan.rate, arm.unfrozen)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    trained = [p for group in groups for p in group["params"]]
    schedule = make_schedule(optimizer, plan.steps)
    started, curve, losses, generator = time.process_time(), [], [], torch.Generator()
    for step in range(plan.steps):
        model.train()
        generator.manual_seed(seed * 1_000_003 + step)
        loss = _loss(model, tokens_of, plan, step, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(round(loss.item(), 4))
        if (step + 1) % max(1, plan.steps // plan.points) == 0:
            few = min(plan.few, cache.counts["test-pages"])
            curve.append({"step": step + 1, **measure(model, tokens_of, few)})
    seconds = time.process_time() - started
    final = measure(model, tokens_of, cache.counts["test-pages"])
    result = {
        "final": final,
        "curve": curve,
        "losses": losses,
        "cpu_seconds": seconds,
        "trained_parameters": sum(p.numel() for p in trained),
        "vocabulary_parameters": sum(_encoder_size(pages[name]) for name in names),
    }
    return result, model


def _encoder_size(page: PageVocabulary) -> int:
    """Return the parameters that the tokens go through."""
    unused = ("net_2", "net_3", "ctc_head", "kind_head")
    named = page.network.named_parameters()
    return sum(p.numel() for name, p in named if not name.startswith(unused))


def _loss(
    model: VaryForConditionalGeneration,
    tokens_of: TokensOf,
    plan: Plan,
    step: int,
    generator: torch.Generator,
) -> Tensor:
    """Return the next-token loss of a step: half pages, half scenes."""
    assert isinstance(tokens_of, Source)
    counts = tokens_of.cache.counts
    text_part: Part = "short" if step < plan.short_steps else "pages"
    tokens, answers = [], []
    with torch.autocast("cpu", torch.bfloat16):
        for part in (text_part, "scenes"):
            numbers = torch.randint(counts[part], (plan.half,), generator=generator).numpy()
            tokens.append(tokens_of(part, numbers))
            answers += [list(answer(part, int(number))) for number in numbers]
        ids, labels = batch_answers(answers, NUM_TOKENS, HIDDEN_SHARE, generator)
        output = model(input_ids=ids, labels=labels, vision_tokens=torch.cat(tokens).flatten(0, 1))
    assert output.loss is not None
    return output.loss
