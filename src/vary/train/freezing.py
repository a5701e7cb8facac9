"""Which parameters a stage holds fixed: declared as patterns of names, told, and watched."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback

from vary.errors import VaryError
from vary.train.checksums import checksum
from vary.train.recipe import StageRecipe

# Under `text` the encoder is fixed, but not the merging convolutions behind the CTC head: what they
# merge is for the language model to say.
FROZEN_BY_OBJECTIVE: dict[str, tuple[str, ...]] = {
    "ctc": ("language_model.*", "projector.*", "*.net_2.*", "*.net_3.*"),
    "text": ("vocabularies.*", "!*.net_2.*", "!*.net_3.*"),
    "both": (),
}
# Of a stage with adapters: the language model's own weights, whatever else is trained.
_FROZEN_BY_LORA = ("language_model.*", "!language_model.*.lora_*")
# No objective trains it: it is fitted by itself (`scripts/fit_kinds.py`).
_FITTED_APART = "*.kind_head.*"


def frozen_patterns(stage: StageRecipe) -> tuple[str, ...]:
    """Return what a stage holds fixed: its own patterns, or those of its objective; see `lora`."""
    patterns = FROZEN_BY_OBJECTIVE[stage.objective] if stage.frozen is None else stage.frozen
    return (*patterns, *_FROZEN_BY_LORA) if stage.lora else patterns


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Hold fixed the parameters whose names match, and let all others be trained.

    Args:
        model: changed in place.
        patterns: as of a shell (`vocabularies.*`, `language_model.model.layers.0.*`); one with `!`
            before it lets its matches be trained after all; the last that matches counts.

    Raises:
        VaryError: a pattern that matches no parameter, or nothing left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern.removeprefix("!")) for name in names):
            tops = sorted({".".join(name.split(".")[:2]) for name in names})
            raise VaryError(
                f"frozen: {pattern!r} matches no parameter; their names begin with "
                f"{', '.join(tops)}"
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not is_frozen(name, patterns)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise VaryError(f"frozen: {', '.join(patterns)} leave nothing to train")


def is_frozen(name: str, patterns: Sequence[str]) -> bool:
    """Return whether the last pattern that matches a name holds it fixed, or it is fitted apart."""
    if fnmatchcase(name, _FITTED_APART):
        return True
    frozen = False
    for pattern in patterns:
        if fnmatchcase(name, pattern.removeprefix("!")):
            frozen = not pattern.startswith("!")
    return frozen


def parameter_counts(module: nn.Module) -> dict[str, Any]:
    """Return how many parameters are trained and how many are frozen."""
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return {"trained": trained, "frozen": sum(p.numel() for p in module.parameters()) - trained}


def is_fixed(module: nn.Module) -> bool:
    """Return whether a module has parameters and none of them is trained."""
    parameters = list(module.parameters())
    return bool(parameters) and not any(parameter.requires_grad for parameter in parameters)


def told_by_part(model: nn.Module) -> list[str]:
    """Return a line for each part: what of it is trained, what frozen, and in which mode that is.

    Args:
        model: as a step of training finds it.
    """
    lines = []
    for name, part in _parts(model):
        counts = parameter_counts(part)
        trained, frozen = counts["trained"], counts["frozen"]
        fixed = [module for module in part.modules() if is_fixed(module)]
        modes = {inner.training for module in fixed for inner in module.modules()}
        mode = f", in {'training' if True in modes else 'evaluation'} mode" if fixed else ""
        if not frozen:
            told = f"all {trained:,} parameters trained"
        elif not trained:
            told = f"all {frozen:,} parameters frozen{mode}"
        else:
            told = f"{trained:,} parameters trained, {frozen:,} frozen{mode}"
        lines.append(f"  {name}: {told}")
    return lines


def _parts(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts of a model, each vocabulary by itself."""
    for name, part in model.named_children():
        if isinstance(part, nn.ModuleList):
            yield from ((f"{name}.{place}", member) for place, member in part.named_children())
        else:
            yield name, part


def held_fixed(model: nn.Module) -> dict[str, Tensor]:
    """Return all that must not change: frozen parameters, and the buffers of what is fixed."""
    held: dict[str, Tensor] = {}
    held |= {name: p for name, p in model.named_parameters() if not p.requires_grad}
    for prefix, module in model.named_modules():
        if is_fixed(module):
            buffers = module.named_buffers()
            held |= {f"{prefix}.{name}" if prefix else name: buffer for name, buffer in buffers}
    return held


class FrozenWatch(TrainerCallback):
    """Holds what is frozen against its checksums from before the first step, as training ends.

    Every byte is read, twice in a stage: one core sums 7 GB a second, a GPU as fast as its memory
    is read. Nothing is copied.

    Args:
        model: watched.
        stage: names it.
    """

    def __init__(self, model: nn.Module, stage: str) -> None:
        self.model = model
        self.stage = stage
        self.before: dict[str, int] = {}

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Take the checksums."""
        self.before = {name: checksum(held) for name, held in held_fixed(self.model).items()}

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Compare.

        Raises:
            VaryError: a frozen tensor changed.
        """
        now = held_fixed(self.model)
        changed = [
            name
            for name, before in self.before.items()
            if name not in now or checksum(now[name]) != before
        ]
        if changed:
            more = f" and {len(changed) - 4} more" if changed[4:] else ""
            raise VaryError(
                f"stage {self.stage}: frozen tensors changed while it was trained: "
                f"{', '.join(changed[:4])}{more}. Something writes to them past the optimiser; the "
                "stage's checkpoints hold changed weights: remove its folder, and train it anew "
                "once that is found"
            )
