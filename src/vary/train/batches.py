"""Batches of a stage by number: the parts of its steps, drawn, sized and tokenised."""

import signal
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from vary.data.engines.base import Reject
from vary.data.text_lines import TextLine
from vary.errors import VaryError
from vary.model.images import ImageRule, stack_pixels
from vary.model.processing import VaryProcessor
from vary.train.conversations import Asked, asked
from vary.train.mixture import Mixture, StepPlan
from vary.train.recipe import StageRecipe
from vary.train.sources import Example, Picture

# A source that gives nothing so many times in a row, and gave nothing before, gives nothing.
_MAX_REJECTS = 100


@dataclass(frozen=True)
class Room:
    """What a model has room for.

    Args:
        answer_tokens: of the longest answer.
        alphabet: characters that the CTC head knows.
        tokens: of the longest conversation.
    """

    answer_tokens: int = sys.maxsize
    alphabet: str = ""
    tokens: int = sys.maxsize


NO_BOUNDS = Room()


class _Images(TypedDict):
    """What vocabularies see, see `Batch`."""

    pixels: list[Tensor]
    sizes: list[Tensor]


class Batch(_Images):
    """Samples that are computed together.

    Keys:
        pixels: for each vocabulary (V, 3, H, W) uint8, padded with white right and below, V images:
            one for each sample, or those of all conversations in order; none where there are none.
        sizes: for each vocabulary (V, 2) height and width before padding.
        texts: what stands on each; of conversations the last answer.
        lines: of each, the lines of text whose characters the CTC head knows, with their boxes in
            pixels; none where the source knows no boxes or the picture is a strip of one line.
        answers: the tokens of each, with what the prompt's form puts behind and the end; of
            conversations those that are learned.
        conversations: of each sample, under a chat form; otherwise there are none.
        ids: of the samples.
        numbers: of the samples in the stage's order.
        counts: characters (`ctc`) and tokens (`text`) that the losses are means over.
        rejects: id and reason of each sample that could not be made.
        index: the batch's number; with the run's seed it makes the batch again.
    """

    texts: list[str]
    lines: list[tuple[TextLine, ...]]
    answers: list[list[int]]
    conversations: list[Asked]
    ids: list[str]
    numbers: list[int]
    counts: dict[str, int]
    rejects: list[tuple[str, str]]
    index: int


def collate(
    examples: Mapping[int, Example],
    processor: VaryProcessor,
    *,
    room: Room = NO_BOUNDS,
    index: int = 0,
) -> Batch:
    """Return a batch of examples; there may be none.

    Args:
        examples: by their numbers.
        processor: sizes pictures and tokenises answers.
        room: longer answers are left out and named; longer conversations lose their end.
        index: of the batch.
    """
    if processor.chat is not None:
        return _collate_conversations(examples, processor, room, index)
    rejects: list[tuple[str, str]] = []
    fit = [n for n, example in examples.items() if not _lacks(example, rejects)]
    answers = processor.answer_tokens([examples[n].text for n in fit]) if fit else []
    kept: dict[int, list[int]] = {}
    for number, answer in zip(fit, answers, strict=True):
        if len(answer) <= room.answer_tokens:
            kept[number] = answer
        else:
            reason = f"longer than the model's positions: {len(answer)} tokens"
            rejects.append((examples[number].id, reason))
    rules = processor.image_processor.rules
    is_strip = rules[0].mode == "strip"
    known = frozenset(room.alphabet)
    for number in list(kept) if is_strip and known else ():
        unknown = set(examples[number].text) - known
        if unknown:
            reason = f"not in the CTC alphabet: {''.join(sorted(unknown))}"
            rejects.append((examples[number].id, reason))
            del kept[number]
    arrays = [[rule.pixels(examples[number].picture) for number in kept] for rule in rules]
    texts = [examples[number].text for number in kept]
    lines = [_fitted_lines(examples[number], rules[0], known) for number in kept]
    # By the kind of picture, not by what this batch happens to hold: the parts of a step add up.
    characters = texts if is_strip else [line.text for of_one in lines for line in of_one]
    return {
        **_stacked(arrays),
        "texts": texts,
        "lines": lines,
        "answers": list(kept.values()),
        "conversations": [],
        "ids": [examples[number].id for number in kept],
        "numbers": list(kept),
        "counts": {"ctc": sum(map(len, characters)), "text": sum(map(len, kept.values()))},
        "rejects": rejects,
        "index": index,
    }


def _lacks(example: Example, rejects: list[tuple[str, str]]) -> bool:
    """Return whether an example is not one picture with a text; why is put down."""
    if len(example.pictures) != 1:
        reason = f"not one image: {example.id} has {len(example.pictures)}"
    elif not example.text:
        reason = f"no text: {example.id}"
    else:
        return False
    rejects.append((example.id, reason))
    return True


def _stacked(arrays: list[list[np.ndarray]]) -> _Images:
    """Return images as each vocabulary gets them, padded to one size."""
    return {
        "pixels": [stack_pixels(made) for made in arrays if made],
        "sizes": [torch.tensor([array.shape[:2] for array in made]) for made in arrays if made],
    }


def _collate_conversations(
    examples: Mapping[int, Example], processor: VaryProcessor, room: Room, index: int
) -> Batch:
    """Return a batch of conversations, of any number of pictures each."""
    rules = processor.image_processor.rules
    rejects: list[tuple[str, str]] = []
    kept: dict[int, Asked] = {}
    arrays: list[list[np.ndarray]] = [[] for _ in rules]
    for number, example in examples.items():
        made = [[rule.pixels(picture) for picture in example.pictures] for rule in rules]
        told: Asked | str = "no question for it, and no conversation"
        if example.turns:
            told = asked(example.turns, _token_counts(made, processor), processor, room.tokens)
        if isinstance(told, str):
            rejects.append((example.id, told))
            continue
        kept[number] = told
        for column, images in zip(arrays, made, strict=True):
            column.extend(images[: told.num_images])
    answers = [one.conversation.learned() for one in kept.values()]
    return {
        **_stacked(arrays),
        "texts": [one.answer for one in kept.values()],
        "lines": [()] * len(kept),
        "answers": answers,
        "conversations": list(kept.values()),
        "ids": [examples[number].id for number in kept],
        "numbers": list(kept),
        "counts": {"ctc": 0, "text": sum(map(len, answers))},
        "rejects": rejects,
        "index": index,
    }


def _token_counts(made: list[list[np.ndarray]], processor: VaryProcessor) -> list[int]:
    """Return the vision tokens of each image, which is given as each vocabulary gets it."""
    sizes = [
        [side for array in of_one for side in array.shape[:2]] for of_one in zip(*made, strict=True)
    ]
    return [processor.num_image_tokens(*of_one) for of_one in sizes]


def _size_of(picture: Picture) -> tuple[int, int]:
    """Return a picture's width and height."""
    if isinstance(picture, Image.Image):
        return picture.size
    return picture.shape[1], picture.shape[0]


def _fitted_lines(example: Example, rule: ImageRule, known: frozenset[str]) -> tuple[TextLine, ...]:
    """Return an example's lines with their boxes on the picture as the vocabulary gets it."""
    picture = example.picture
    width, height = _size_of(picture)
    across, down = rule.scale(width, height)
    return tuple(
        TextLine(line.text, line.x0 * across, line.y0 * down, line.x1 * across, line.y1 * down)
        for line in example.lines
        if known.issuperset(line.text)
    )


class StageBatches(Dataset[Batch | VaryError]):
    """The micro-batches of a stage: part p of step s has the number s * micro_batches + p.

    Args:
        mixture: the samples.
        stage: batch size.
        processor: sizes pictures and tokenises answers.
        room: see `collate`.
    """

    def __init__(
        self,
        mixture: Mixture,
        stage: StageRecipe,
        processor: VaryProcessor,
        room: Room = NO_BOUNDS,
    ) -> None:
        self.mixture = mixture
        self.stage = stage
        self.processor = processor
        self.room = room
        self.plan = StepPlan(mixture, stage)
        self._given: Counter[str] = Counter()
        self._refused: dict[str, list[str]] = {}

    def __len__(self) -> int:
        """Return the number of micro-batches."""
        return self.stage.steps * self.stage.micro_batches

    def __getitem__(self, index: int) -> Batch | VaryError:
        """Return a micro-batch; samples that cannot be made are left out and named.

        What ends the run is returned, so that it comes out of a worker as it is: a source that
        gives nothing at all, a set that cannot be read any more.
        """
        try:
            return self.batch(index)
        except VaryError as error:
            return error

    def batch(self, index: int) -> Batch:
        """Return a micro-batch.

        Raises:
            VaryError: as `__getitem__` returns.
        """
        if torch.utils.data.get_worker_info() is not None:
            _leave_stopping_to_the_run()
        step, part = divmod(index, self.stage.micro_batches)
        examples: dict[int, Example] = {}
        rejects: list[tuple[str, str]] = []
        names: dict[str, str] = {}  # of the source, by that of the sample
        for number in self.plan.step(step)[part :: self.stage.micro_batches]:
            name, place = self.mixture.place(number)
            try:
                examples[number] = self.mixture.sources[name].example(place)
                names[examples[number].id] = name
            except Reject as reject:
                name_of_it = f"{self.stage.name}/{name}/{place}"
                names[name_of_it] = name
                rejects.append((name_of_it, str(reject)))
        batch = collate(examples, self.processor, room=self.room, index=index)
        batch["rejects"] += rejects
        for name_of_it in batch["ids"]:
            self._given[names[name_of_it]] += 1
        for name_of_it, reason in batch["rejects"]:
            self._refuse(names[name_of_it], reason)
        return batch

    def _refuse(self, name: str, reason: str) -> None:
        """Count a reject of a source that has given nothing yet."""
        if self._given[name]:
            return
        refused = self._refused.setdefault(name, [])
        refused.append(reason)
        if len(refused) >= _MAX_REJECTS:
            kind, often = Counter(told.split(":")[0] for told in refused).most_common(1)[0]
            raise VaryError(
                f"stage {self.stage.name}: source {name} gave none of {len(refused)} samples "
                f"({often} times: {kind}; the last: {reason}); give it other fonts, text or "
                "options, or leave it out with weight 0"
            )


def measured_batches(
    mixture: Mixture,
    processor: VaryProcessor,
    num_samples: int,
    batch_size: int,
    room: Room = NO_BOUNDS,
) -> list[Batch]:
    """Return the first samples of a mixture in batches of like lengths, those left out that fail.

    Raises:
        VaryError: none could be made.
    """
    examples: dict[int, Example] = {}
    last: object = None
    places = {mixture.place(number): number for number in reversed(range(num_samples))}
    numbers = sorted(places.values(), key=lambda n: (mixture.length_hint(n), n))
    for number in numbers:  # a small set comes round again: each sample once
        name, place = mixture.place(number)
        try:
            examples[number] = mixture.sources[name].example(place)
        except Reject as reject:
            last = reject
    numbers = list(examples)
    cuts = [numbers[at : at + batch_size] for at in range(0, len(numbers), batch_size)]
    batches = [collate({n: examples[n] for n in cut}, processor, room=room) for cut in cuts]
    made = [batch for batch in batches if batch["texts"]]
    if not made:
        refused = [reason for batch in batches for _, reason in batch["rejects"]]
        told = last or next(iter(refused), "there are none")
        raise VaryError(
            f"stage {mixture.stage}: no held-out sample could be made ({told}); give other fonts, "
            "text or options"
        )
    return made


def _leave_stopping_to_the_run() -> None:
    """Let a worker live through Ctrl-C and the first SIGTERM.

    Both reach the whole group of processes, the latter where a scheduler ends a job; the main
    process then ends the run in order, and its checkpoint needs the workers.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        return  # heard before

    def outlast_first(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, outlast_first)
