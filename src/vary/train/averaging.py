"""Averaged weights: what a stage ends with where its last steps are still noisy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from vary.train.sharding import share_of, whole

AVERAGES_NAME = "averages.safetensors"
_COUNT = "num_averaged"


class AveragedWeights:
    """Exponential moving averages of the trained parameters, in fp32.

    Early in training the decay is smaller, so that the first weights, which are random, are
    forgotten: after n steps it is at most (1 + n) / (10 + n).

    Args:
        model: whose parameters are averaged; those that are frozen are not.
        decay: factor on the average at each step.

    Source: Polyak and Juditsky 1992; the warm-up is TensorFlow's.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.num_averaged = 0
        self.averages = {
            name: parameter.detach().float().clone()
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights of a step into the averages."""
        self.num_averaged += 1
        decay = min(self.decay, (1 + self.num_averaged) / (10 + self.num_averaged))
        parameters = dict(model.named_parameters())
        self._follow(parameters)
        current = [parameters[name].detach().float() for name in self.averages]
        update = get_ema_multi_avg_fn(decay)
        update(list(self.averages.values()), current, self.num_averaged)

    def _follow(self, parameters: dict[str, nn.Parameter]) -> None:
        """Move the averages to where the parameters are: a trainer moves the model after us."""
        for name, average in self.averages.items():
            self.averages[name] = average.to(parameters[name].device)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Put the averages in the place of the weights, and these back at the end."""
        kept = {name: model.get_parameter(name).detach().clone() for name in self.averages}
        self.write_to(model)
        try:
            yield
        finally:
            _write(kept, model)

    def write_to(self, model: nn.Module) -> None:
        """Put the averages in the place of the weights."""
        _write(self.averages, model)

    def restart(self, model: nn.Module) -> None:
        """Begin anew with the weights that a model has now."""
        fresh = AveragedWeights(model, self.decay)
        self.averages, self.num_averaged = fresh.averages, 0

    def save(self, folder: Path, *, writes: bool = True) -> None:
        """Write the averages beside a checkpoint's weights; of a sharded model all have to ask.

        Args:
            folder: of the checkpoint.
            writes: whether this process is the one that writes.
        """
        made = {name: whole(average) for name, average in self.averages.items()}
        if writes:
            count = torch.tensor([self.num_averaged])
            save_file({**made, _COUNT: count}, folder / AVERAGES_NAME)

    def load(self, folder: Path) -> bool:
        """Take the averages of a checkpoint; False where it has none of these parameters."""
        path = folder / AVERAGES_NAME
        if not path.is_file():
            return False
        saved = load_file(path)
        count = saved.pop(_COUNT)
        if saved.keys() != self.averages.keys():
            return False
        self.num_averaged = int(count)
        for name, average in self.averages.items():
            average.copy_(share_of(saved[name], average))
        return True


class Averaging(TrainerCallback):
    """Takes the weights of each step into the averages, as soon as it is taken.

    Args:
        averages: what to update.
        model: whose weights.
    """

    def __init__(self, averages: AveragedWeights, model: nn.Module) -> None:
        self.averages = averages
        self.model = model

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Update the averages."""
        self.averages.update(self.model)


@torch.no_grad()
def _write(values: dict[str, torch.Tensor], model: nn.Module) -> None:
    for name, value in values.items():
        model.get_parameter(name).copy_(value)
