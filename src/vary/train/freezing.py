"""Which parameters a stage holds fixed, declared as patterns of names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from vary.errors import VaryError
from vary.train.recipe import StageRecipe

# Under `text` the encoder is fixed, but not the merging convolutions behind the CTC head: what they
# merge is for the language model to say.
FROZEN_BY_OBJECTIVE: dict[str, tuple[str, ...]] = {
    "ctc": ("language_model.*", "projector.*", "*.net_2.*", "*.net_3.*"),
    "text": ("vocabularies.*", "!*.net_2.*", "!*.net_3.*"),
    "both": (),
}
# No objective trains it: it is fitted by itself (`scripts/fit_kinds.py`).
_FITTED_APART = "*.kind_head.*"


def frozen_patterns(stage: StageRecipe) -> tuple[str, ...]:
    """Return what a stage holds fixed: its own patterns, or those of its objective."""
    return FROZEN_BY_OBJECTIVE[stage.objective] if stage.frozen is None else stage.frozen


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
