"""nano's vocabulary trained a little further, with and without pictures that hold no text.

As Vary-tiny: vocabulary, linear and a language model from nothing learn together from strips of
one word; where there are negatives, strips of scenes come on top, whose target is one of the
paper's five sentences. The CTC loss goes on for the words. Both kinds start at the bundled
vocabulary, and see the same words in the same order for the same steps.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from arms import (
    HIDDEN_SHARE,
    build,
    is_invented,
    parameter_groups,
    score_reading,
    write,
)
from language import batch_answers, page_pieces
from pages import draw_page, make_page
from scenes import draw_scene, make_scene
from torch import Tensor, nn
from transformers import PreTrainedModel
from vocabularies import (
    STRIP,
    TOKEN_COLUMNS,
    TOKEN_ROWS,
    Learning,
    PageVocabulary,
    make_schedule,
    nano_vocabulary,
    normalise,
)

from vary.data.engines.natural import SENTENCES
from vary.vocabulary.ctc import decode_greedy

NEGATIVES_PER_WORD = 0.25


def word_strips(
    seed: tuple[int, ...], number: int, held_out: bool = False
) -> tuple[list[np.ndarray], list[str]]:
    """Return strips of one word each, (48, 256, 3) uint8, and the words."""
    rng = np.random.default_rng(seed)
    words = [make_page(rng, 1, 8, held_out)[0] for _ in range(number)]
    return [draw_page([word], rng, held_out)[:STRIP] for word in words], words


def scene_strips(seed: tuple[int, ...], number: int) -> tuple[list[np.ndarray], list[str]]:
    """Return strips cut out of scenes, and one of the five sentences for each."""
    rng = np.random.default_rng(seed)
    strips = []
    for _ in range(number):
        picture, _ = draw_scene(make_scene(rng), rng)
        top = STRIP * int(rng.integers(TOKEN_ROWS))
        strips.append(picture[top : top + STRIP])
    return strips, [SENTENCES[n] for n in rng.integers(len(SENTENCES), size=number)]


def _ctc_loss(logits: Tensor, words: list[str], alphabet: str) -> Tensor:
    """Return nats per character over the strips of words."""
    targets = torch.tensor([alphabet.index(letter) + 1 for word in words for letter in word])
    scores = logits[: len(words)].float().log_softmax(-1).transpose(0, 1)
    lengths = torch.tensor([len(word) for word in words])
    columns = torch.full((len(words),), scores.shape[0])
    total = F.ctc_loss(scores, targets, columns, lengths, reduction="sum", zero_infinity=True)
    return total / len(targets)


def train_further(
    with_negatives: bool, learning: Learning, seed: int
) -> tuple[PageVocabulary, dict[str, Any]]:
    """Return nano's vocabulary after learning, and what it and its language model do then."""
    start = nano_vocabulary()
    model = build([start.config], seed)
    page: Any = model.vocabularies[0]
    page.load_state_dict(start.state_dict())
    alphabet = start.config.vitdet.ctc_alphabet
    groups = parameter_groups(model, learning.rate, unfrozen=True)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = make_schedule(optimizer, learning.steps)
    generator, losses = torch.Generator(), []
    for step in range(learning.steps):
        model.train()
        generator.manual_seed(seed * 1_000_003 + step)
        strips, words = word_strips((seed, step, 3), learning.batch)
        answers = [page_pieces([word]) for word in words]
        if with_negatives:
            more, sentences = scene_strips(
                (seed, step, 4), int(learning.batch * NEGATIVES_PER_WORD)
            )
            strips += more
            answers += [sentence.split() for sentence in sentences]
        with torch.autocast("cpu", torch.bfloat16):
            features, logits = page.features(normalise(page.config, np.stack(strips)))
            tokens = model.projector([page.fold(features)])
            ids, labels = batch_answers(answers, TOKEN_COLUMNS, HIDDEN_SHARE, generator)
            output = model(input_ids=ids, labels=labels, vision_tokens=tokens.flatten(0, 1))
        loss = output.loss + _ctc_loss(logits, words, alphabet)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(round(loss.item(), 4))
    return page.eval(), {**_examine(model, page), "losses": losses}


@torch.no_grad()
def _examine(model: PreTrainedModel, page: PageVocabulary, number: int = 200) -> dict[str, Any]:
    """Return what is written for held-out words, and for pictures without text."""
    model.eval()
    results: dict[str, Any] = {}
    alphabet = page.config.vitdet.ctc_alphabet
    for name, (strips, truths) in (
        ("words", word_strips((7, 5), number, held_out=True)),
        ("scenes", scene_strips((7, 6), number)),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            features, logits = page.features(normalise(page.config, np.stack(strips)))
            tokens = model.projector([page.fold(features)])
        written = write(model, tokens)
        assert logits is not None
        drafts = [text for text, _, _ in decode_greedy(logits.float(), alphabet)]
        if name == "words":
            pieces = [tuple(page_pieces([word])) for word in truths]
            results["reading"] = score_reading(written, pieces)
            results["reading_ctc"] = score_reading([list(draft) for draft in drafts], pieces)
        else:
            results["invented"] = float(np.mean([is_invented(given) for given in written]))
            results["invented_ctc"] = float(np.mean([bool(draft) for draft in drafts]))
            results["sentences"] = float(np.mean([" ".join(g) in SENTENCES for g in written]))
            results["examples"] = [" ".join(given) for given in written[:12]]
    return results
