"""What happens beside training: the log, the picture, the clock, the measuring."""

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vary.train.measure import Measure
from vary.train.plot import plot_metrics
from vary.train.trainer import VaryTrainer


class RunDiverged(RuntimeError):  # noqa: N818 - a state of the run, named as what it is
    """The loss is no number any more."""


class TimeBudget(TrainerCallback):
    """Stops cleanly, with a checkpoint, when the time is used up.

    Args:
        minutes: wall-clock time for the whole command; None for no limit.
    """

    def __init__(self, minutes: float | None) -> None:
        self.stop_at = None if minutes is None else time.monotonic() + 60 * minutes
        self.used_up = False

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask for a checkpoint and the end once the time is over."""
        if self.stop_at is not None and time.monotonic() >= self.stop_at:
            self.used_up = True
            control.should_save = True
            control.should_training_stop = True


class Log(TrainerCallback):
    """Writes losses and throughput to the terminal and to `metrics.jsonl`, and draws them.

    Args:
        measure: measures on held-out lines.
        folder: of the run.
        console: where lines go.
        every: steps between lines.
        draws: whether there is a picture; it needs matplotlib.
    """

    def __init__(
        self,
        measure: Measure,
        folder: Path,
        console: Console,
        *,
        every: int = 25,
        draws: bool = True,
    ) -> None:
        self.trainer: VaryTrainer | None = None
        self.measure = measure
        self.folder = folder
        self.console = console
        self.every = every
        self.draws = draws
        self._since = time.monotonic()
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._rate = 0.0

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
        """Start the clock."""
        self._since = time.monotonic()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the step's losses; write a line and measure when it is time.

        Raises:
            RunDiverged: the loss is infinite or no number.
        """
        trainer = self.trainer
        assert trainer is not None
        self._steps += 1
        for name, loss in trainer.last_losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(loss)
        if not math.isfinite(float(trainer.last_losses["loss"])):
            raise RunDiverged(
                f"the loss of step {state.global_step} is {float(trainer.last_losses['loss'])} "
                f"(batch {state.global_step - 1} of stage {trainer.objective.stage.name}); go on "
                "from the last checkpoint with a lower learning_rate"
            )
        stage = trainer.objective.stage
        if state.global_step % self.every == 0 or state.global_step == stage.steps:
            self._write_line(state)
        if state.global_step % stage.validate_steps == 0 or state.global_step == stage.steps:
            self._validate(state)

    def _write_line(self, state: TrainerState) -> None:
        seconds = time.monotonic() - self._since
        assert self.trainer is not None
        stage = self.trainer.objective.stage
        entry = {
            "stage": stage.name,
            "step": state.global_step,
            **{name: round(total / self._steps, 4) for name, total in self._sums.items()},
            "learning_rate": self._rate,
            "seconds_per_step": round(seconds / self._steps, 3),
            "strip_px_per_second": round(stage.batch_px * self._steps / seconds),
        }
        self._append(entry)
        losses = "  ".join(f"{name} {entry[name]:.3f}" for name in self._sums)
        self.console.print(
            f"{stage.name} {state.global_step}/{state.max_steps}  {losses}  "
            f"{entry['seconds_per_step']} s/step  {entry['strip_px_per_second']} px/s",
            highlight=False,
        )
        self._sums, self._steps, self._since = {}, 0, time.monotonic()

    def _validate(self, state: TrainerState) -> None:
        trainer = self.trainer
        assert trainer is not None
        start = time.monotonic()
        measured = self.measure(trainer.objective)
        entry = {"stage": trainer.objective.stage.name, "step": state.global_step, **measured}
        self._append(entry)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in measured.items())
        self.console.print(f"  held out: {shown}", highlight=False)
        if self.draws:
            plot_metrics(self.folder / "metrics.jsonl", self.folder / "metrics.png")
        self._since += time.monotonic() - start

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps({"time": round(time.time(), 1), **entry}) + "\n"
        with (self.folder / "metrics.jsonl").open("ab+") as stream:
            # A lost machine may have left half a line, which must not spoil this one.
            if stream.tell():
                stream.seek(-1, os.SEEK_END)
                line = line if stream.read() == b"\n" else f"\n{line}"
            stream.write(line.encode())
