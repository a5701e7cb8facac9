"""The log of a run: lines on the terminal, `metrics.jsonl`, TensorBoard, and a picture."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vary.errors import MissingExtraError
from vary.extras import require
from vary.train.batches import StageBatches
from vary.train.measure import Measure
from vary.train.plot import plot_metrics
from vary.train.sharding import gathered
from vary.train.trainer import VaryTrainer

METRICS_NAME = "metrics.jsonl"
REJECTS_NAME = "rejects.jsonl"
PICTURE_NAME = "metrics.png"
_FIELDS = ("stage", "step", "time")


class Journal:
    """Where entries of a run go.

    Args:
        folder: of the run.
        console: for what is missing.
        writes: whether this process is the one that writes.
    """

    def __init__(self, folder: Path, console: Console, *, writes: bool = True) -> None:
        self.folder = folder
        self.writes = writes
        self.console = console
        self._told: set[str] = set()
        self._draws = writes and _is_there("matplotlib", "no picture of the run", console)
        self._board: Any = None
        if writes and _is_there("tensorboard", "no TensorBoard of the run", console):
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - optional

            self._board = SummaryWriter(str(folder / "tensorboard"))

    def add(self, entry: dict[str, Any]) -> None:
        """Add an entry: `stage`, `step`, and what was measured there."""
        if not self.writes:
            return
        with self._or_told("the log"):
            append_line(self.folder / METRICS_NAME, {"time": round(time.time(), 1), **entry})
        if self._board is None:
            return
        with self._or_told("the board"):
            for name, value in entry.items():
                if name not in _FIELDS:
                    self._board.add_scalar(f"{entry['stage']}/{name}", value, entry["step"])
            self._board.flush()

    @contextmanager
    def _or_told(self, what: str) -> Iterator[None]:
        """Let training go on where a line or a picture cannot be written; say so once."""
        try:
            yield
        except OSError as error:
            if what not in self._told:
                self._told.add(what)
                self.console.print(
                    f"{what} of the run cannot be written ({error}); training goes on",
                    markup=False,
                    highlight=False,
                )

    def reject(self, rejects: Sequence[tuple[str, str]]) -> None:
        """Add samples that could not be made."""
        with self._or_told("the list of rejects"):
            for name, reason in rejects if self.writes else ():
                append_line(self.folder / REJECTS_NAME, {"id": name, "reason": reason})

    def draw(self) -> None:
        """Draw the picture anew."""
        if self._draws:
            with self._or_told("the picture"):
                plot_metrics(self.folder / METRICS_NAME, self.folder / PICTURE_NAME)


def _is_there(module: str, otherwise: str, console: Console) -> bool:
    try:
        require(module, extra="train")
    except MissingExtraError as error:
        console.print(f"{otherwise}: {error}", markup=False, highlight=False)
        return False
    return True


def append_line(path: Path, entry: dict[str, Any]) -> None:
    """Append a JSON line; half a line that a lost machine left does not spoil it."""
    line = json.dumps(entry, ensure_ascii=False) + "\n"
    with path.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read() == b"\n" else f"\n{line}"
        stream.write(line.encode())


class Log(TrainerCallback):
    """Tells losses and throughput of a stage, and measures when it is time.

    Args:
        measures: measure on held-out samples.
        journal: where entries go.
        console: where lines go.
        every: steps between lines.
    """

    def __init__(
        self,
        measures: Sequence[Measure],
        journal: Journal,
        console: Console,
        *,
        every: int = 25,
    ) -> None:
        self.trainer: VaryTrainer | None = None
        self.batches: StageBatches | None = None
        self.measures = measures
        self.journal = journal
        self.console = console
        self.every = every
        self._since = time.monotonic()
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._rate = 0.0
        self._rejected = 0

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the learning rate of this step, before the schedule goes on to the next."""
        self._rate = kwargs["optimizer"].param_groups[0]["lr"]

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Start the clock; a checkpoint brings the interval of its own time with it."""
        state.save_steps = args.save_steps
        self._since = time.monotonic()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the step's losses; write a line and measure when it is time."""
        trainer = self.trainer
        assert trainer is not None
        self._steps += 1
        for name, value in {**trainer.step_losses, "grad_norm": trainer.grad_norm}.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._rejected += len(trainer.step_rejects)
        self.journal.reject(trainer.step_rejects)
        stage = trainer.objective.stage
        is_last = state.global_step == stage.steps
        if (state.global_step % self.every == 0 or is_last) and self.journal.writes:
            self._write_line(state)
        # Without measures where another device measures for all; what is in shares needs all.
        if (state.global_step % stage.validate_steps == 0 or is_last) and self.measures:
            self._validate(state)

    def _write_line(self, state: TrainerState) -> None:
        seconds = time.monotonic() - self._since
        assert self.trainer is not None and self.batches is not None
        stage, step = self.trainer.objective.stage, state.global_step
        samples = self.batches.plan.samples_before(step)
        new = samples - self.batches.plan.samples_before(step - self._steps)
        entry = {
            "stage": stage.name,
            "step": step,
            "samples": samples,
            **{name: round(total / self._steps, 6) for name, total in self._sums.items()},
            "learning_rate": self._rate,
            "seconds_per_step": round(seconds / self._steps, 3),
            "samples_per_second": round(new / seconds, 2),
            "rejected": self._rejected,
        }
        self.journal.add(entry)
        losses = "  ".join(f"{name} {entry[name]:.3f}" for name in self.trainer.step_losses)
        rejected = f"  {self._rejected} rejected" if self._rejected else ""
        self.console.print(
            f"{stage.name} {step}/{state.max_steps}  {losses}  {entry['seconds_per_step']} s/step  "
            f"{entry['samples_per_second']} samples/s{rejected}",
            highlight=False,
        )
        self._sums, self._steps, self._since = {}, 0, time.monotonic()

    def _validate(self, state: TrainerState) -> None:
        trainer = self.trainer
        assert trainer is not None and self.batches is not None
        start = time.monotonic()
        measured: dict[str, float] = {}
        averages, objective = trainer.averages, trainer.objective
        with averages.applied(objective.model) if averages else nullcontext(), gathered(objective):
            for measure in self.measures:
                measured |= measure(objective)
        stage, step = trainer.objective.stage, state.global_step
        samples = self.batches.plan.samples_before(step)
        self.journal.add({"stage": stage.name, "step": step, "samples": samples, **measured})
        shown = "  ".join(f"{name} {value:.4f}" for name, value in measured.items())
        self.console.print(f"  held out: {shown}", highlight=False)
        self.journal.draw()
        self._since += time.monotonic() - start
