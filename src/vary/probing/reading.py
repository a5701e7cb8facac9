"""Training of a light reader within a fixed budget, and what it then reads on held-out lines."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vary.data.manifest import replace_file
from vary.errors import VaryError
from vary.probing.light_reader import LightReader
from vary.probing.lines import Line, Split
from vary.probing.views import LineInput, View
from vary.train.ctc_loss import ctc_loss_sum
from vary.vocabulary.ctc import decode_greedy

_SAVE_SECONDS = 30.0
_READ_BATCH = 32
# A character of the alphabet's place for all that are too rare to learn.
UNKNOWN = "\ufffd"

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Budget:
    """What each reader may spend; the same for all.

    Attributes:
        steps: of training.
        batch_size: lines in a step.
        learning_rate: at its height; it rises for a twentieth of the steps, then falls as a cosine.
        width: of the reader.
        seed: of its first weights and of the order of lines.
    """

    steps: int = 400
    batch_size: int = 24
    learning_rate: float = 3e-3
    width: int = 128
    seed: int = 0


@dataclass(frozen=True)
class Reading:
    """What a reader read.

    Attributes:
        texts: by the number of each held-out line.
        loss: mean of the last tenth of the steps, in nats per character.
        seconds: that training took.
        parameters: of the reader, and of its first linear alone.
    """

    texts: dict[int, str]
    loss: float
    seconds: float
    parameters: tuple[int, int]


@dataclass(frozen=True)
class Lesson:
    """What is learned and measured.

    Attributes:
        lines: all.
        split: which to learn from, which to read.
        alphabet: characters that a reader can write.
    """

    lines: Sequence[Line]
    split: Split
    alphabet: str


def read_lines(
    view: View, lesson: Lesson, budget: Budget, place: Path, watch: Watch = lambda *_: None
) -> Reading:
    """Return what a light reader reads on the held-out lines after its training.

    What was trained is saved every half minute, and the reading at the end: the same call goes on
    where another one stopped.

    Args:
        view: gives the lines.
        lesson: what is learned and read.
        budget: of the training.
        place: file names without an ending, for what is saved.
        watch: told of the progress.
    """
    result = place.with_suffix(".json")
    if result.is_file():
        fields = json.loads(result.read_text(encoding="utf-8"))
        texts = {int(number): text for number, text in fields.pop("texts").items()}
        sizes = tuple(fields.pop("parameters"))
        return Reading(texts, parameters=(sizes[0], sizes[1]), **fields)
    training = _Training(view, lesson, budget)
    saved = place.with_suffix(".pt")
    training.run(saved, watch)
    reading = Reading(
        training.read(),
        training.loss,
        training.seconds,
        (_size(training.reader), _size(training.reader.norm) + _size(training.reader.narrow)),
    )
    replace_file(result, json.dumps(asdict(reading), ensure_ascii=False).encode())
    saved.unlink(missing_ok=True)
    return reading


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


class _Training:
    """A reader, its optimizer, and the step that it stands at."""

    def __init__(self, view: View, lesson: Lesson, budget: Budget) -> None:
        self.view, self.lines, self.split = view, lesson.lines, lesson.split
        self.alphabet, self.budget = lesson.alphabet + UNKNOWN, budget
        self.classes = {character: n for n, character in enumerate(self.alphabet, start=1)}
        with torch.random.fork_rng():
            torch.manual_seed(budget.seed)
            self.reader = LightReader(view.token_size, len(self.alphabet) + 1, budget.width)
        self.optimizer = torch.optim.AdamW(
            self.reader.parameters(), lr=budget.learning_rate, weight_decay=0.01
        )
        self.scripts: dict[str, list[int]] = defaultdict(list)
        for number in self.split.learned:
            self.scripts[self.lines[number].script].append(number)
        self.step = 0
        self.seconds = 0.0
        self.losses: list[float] = []

    @property
    def loss(self) -> float:
        """Mean loss of the last tenth of the steps."""
        last = self.losses[-max(1, self.budget.steps // 10) :]
        return float(np.mean(last)) if last else 0.0

    def run(self, saved: Path, watch: Watch) -> None:
        """Train to the end of the budget, from what is saved on."""
        self._restore(saved)
        last_saved = time.monotonic()
        while self.step < self.budget.steps:
            begun = time.monotonic()
            self.losses.append(self._one_step())
            self.step += 1
            self.seconds += time.monotonic() - begun
            watch("training", self.step, self.budget.steps)
            if time.monotonic() - last_saved > _SAVE_SECONDS:
                self._save(saved)
                last_saved = time.monotonic()

    def _one_step(self) -> float:
        rng = np.random.default_rng([self.budget.seed, self.step])
        chosen = self._draw(rng)
        inputs = [self.view.line(number, rng) for number in chosen]
        targets = [self._target(self.lines[number].text) for number in chosen]
        logits, lengths = self._logits(inputs)
        characters = max(1, sum(map(len, targets)))
        loss = ctc_loss_sum(logits, lengths, targets) / characters
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.reader.parameters(), 1.0)
        self.optimizer.step()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise VaryError("the light reader's loss is no number: the vocabulary's tokens are odd")
        return value

    def _draw(self, rng: np.random.Generator) -> list[int]:
        """Return lines of about one length; each script comes as often as any other."""
        scripts = sorted(self.scripts)
        wanted = 4 * self.budget.batch_size
        drawn = []
        for place in rng.integers(len(scripts), size=wanted):
            members = self.scripts[scripts[place]]
            drawn.append(members[int(rng.integers(len(members)))])
        drawn.sort(key=lambda number: self.lines[number].columns)
        start = int(rng.integers(4)) * self.budget.batch_size
        return drawn[start : start + self.budget.batch_size]

    def _rate(self) -> float:
        rise = max(1, self.budget.steps // 20)
        if self.step < rise:
            return self.budget.learning_rate * (self.step + 1) / rise
        share = (self.step - rise) / max(1, self.budget.steps - rise)
        return self.budget.learning_rate * 0.5 * (1 + float(np.cos(np.pi * share)))

    def _target(self, text: str) -> Tensor:
        unknown = self.classes[UNKNOWN]
        return torch.tensor([self.classes.get(character, unknown) for character in text])

    def _logits(self, inputs: Sequence[LineInput]) -> tuple[Tensor, Tensor]:
        """Return (B, M, classes) logits of lines, blank where a line is over, and (B,) columns."""
        lengths = torch.tensor([len(part.index) for part in inputs])
        starts = np.cumsum([0, *(len(part.tokens) for part in inputs)])
        tokens = torch.from_numpy(np.concatenate([part.tokens for part in inputs])).float()
        pad = torch.nn.utils.rnn.pad_sequence
        index = pad([p.index + int(s) for p, s in zip(inputs, starts, strict=False)], True)
        places = pad([part.places for part in inputs], True)
        seen = pad([part.seen for part in inputs], True)
        return self.reader(tokens, index, places, seen), lengths

    @torch.inference_mode()
    def read(self) -> dict[int, str]:
        """Return what stands on the held-out lines, to the reader."""
        order = sorted(self.split.held_out, key=lambda number: self.lines[number].columns)
        texts: dict[int, str] = {}
        for start in range(0, len(order), _READ_BATCH):
            numbers = order[start : start + _READ_BATCH]
            rngs = [np.random.default_rng([self.budget.seed, 1, number]) for number in numbers]
            inputs = [self.view.line(n, rng) for n, rng in zip(numbers, rngs, strict=True)]
            logits, lengths = self._logits(inputs)
            for number, row, length in zip(numbers, logits, lengths.tolist(), strict=True):
                texts[number] = decode_greedy(row[None, :length], self.alphabet)[0][0]
        return texts

    def _save(self, path: Path) -> None:
        state = {
            "reader": self.reader.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
        }
        partial = path.with_name(path.name + ".partial")
        torch.save(state, partial)
        partial.replace(path)

    def _restore(self, path: Path) -> None:
        if not path.is_file():
            return
        try:
            state = torch.load(path, weights_only=True)
            self.reader.load_state_dict(state["reader"])
            self.optimizer.load_state_dict(state["optimizer"])
        except Exception:  # a damaged file costs its steps, no more
            path.unlink()
            return
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.losses = list(state["losses"])
