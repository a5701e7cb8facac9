"""Ends a run cleanly, with a checkpoint: when its time is used up, or when it is asked to stop."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from rich.console import Console
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vary.train.trainer import VaryTrainer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(TrainerCallback):
    """Asks for a checkpoint and the end at the next step, once there is a reason.

    Args:
        minutes: wall-clock time for the whole command; None for no limit.
        console: tells that a signal was heard.

    Attributes:
        trainer: of the stage that runs; it knows the other devices.
        reason: why the run ended before its last step; empty while it goes on.
        signalled: whether it was a signal.
    """

    def __init__(self, minutes: float | None, console: Console) -> None:
        self.stop_at = None if minutes is None else time.monotonic() + 60 * minutes
        self.console = console
        self.trainer: VaryTrainer | None = None
        self.reason = ""
        self.signalled = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the first Ctrl-C or SIGTERM as a wish to stop; the second ends the run at once.

        Outside the main thread there are no signals to be had, and none are taken.
        """
        own = os.getpid()

        def hear(number: int, _: Any) -> None:
            if os.getpid() != own:  # a worker that was forked with this handler
                return
            signal.signal(number, kept[number])
            self.signalled = True
            self.console.print(
                "stopping after this step, with a checkpoint; once more stops at once",
                highlight=False,
            )

        kept: dict[int, Any] = {}
        try:
            for wish in _SIGNALS:
                kept[wish] = signal.signal(wish, hear)
        except ValueError:  # not the main thread
            pass
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Ask for a checkpoint and the end once there is a reason, on all devices alike."""
        out_of_time = self.stop_at is not None and time.monotonic() >= self.stop_at
        wishes = [float(out_of_time), float(self.signalled)]
        if self.trainer is not None and args.world_size > 1:
            given = torch.tensor(wishes, device=args.device)
            wishes = self.trainer.accelerator.reduce(given, reduction="sum").tolist()
        if any(wishes):
            self.signalled = bool(wishes[1])
            self.reason = "stopped" if self.signalled else "time is used up"
            control.should_save = True
            control.should_training_stop = True
