"""A model in shares: each device holds a part of every weight, gradient and moment (FSDP2).

The one place that knows of it. Accelerate's own way is not taken: on CPU it makes DDP of FSDP
without a word, so that nothing of it could be tested there. What is written is whole, so that a
checkpoint does not tell on how many devices it was made.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from vary.train.objective import ReadingObjective


def shard(objective: ReadingObjective, device: torch.device) -> None:
    """Leave a device its share of an objective's weights; each takes it from its own whole copy.

    Every transformer block of the language model is gathered by itself as it is computed, and let
    go again. All else (vocabularies, linears, embeddings, head) is gathered once in a step: a
    vocabulary is called as often as a batch has sizes of images, on one device twice and on
    another not at all, and what is gathered has to be gathered by all alike.

    Under ``bf16`` blocks are gathered in bf16, half as much, and gradients are summed in fp32;
    under ``fp32`` all is fp32.

    Args:
        objective: changed in place, with the same weights on all devices.
        device: of this process.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    half = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    policy = half if objective.precision == "bf16" else MixedPrecisionPolicy()
    for block in transformer_blocks(objective.model.language_model):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    objective.register_forward_hook(_touch_all)
    fully_shard(objective, mesh=mesh)
    # So `generate` lets a device that has finished go on with those that have not.
    objective.model._is_fsdp_managed_module = True


def transformer_blocks(language_model: nn.Module) -> list[nn.Module]:
    """Return the blocks that a language model names as its own, or else its longest list."""
    names = set(getattr(language_model, "_no_split_modules", None) or ())
    blocks = [module for module in language_model.modules() if type(module).__name__ in names]
    if blocks:
        return blocks
    lists = [list(part) for part in language_model.modules() if isinstance(part, nn.ModuleList)]
    return max(lists, key=len, default=[])


def _touch_all(module: nn.Module, _: Any, losses: dict[str, Tensor]) -> dict[str, Tensor]:
    """Let all that is gathered with the whole take part in the gradient, by nothing.

    Devices sum gradients of the same weights only; a head that this device's samples did not ask
    for has none here. Blocks need no such care: each is computed by all devices or by none.
    """
    if not torch.is_grad_enabled():
        return losses
    whole = [p for p in module.parameters() if p.requires_grad and not isinstance(p, DTensor)]
    nothing = torch.stack([p.reshape(-1)[0].float() for p in whole]).sum() * 0.0 if whole else 0.0
    return {**losses, "loss": losses["loss"] + nothing}


class Shared(nn.Module):
    """A sharded objective as the Trainer takes one that is wrapped already.

    Args:
        objective: sharded.
    """

    def __init__(self, objective: nn.Module) -> None:
        super().__init__()
        self.module = objective

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the objective does."""
        return self.module(*args, **kwargs)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Let gradients of a step's first micro-batches add up before devices exchange them."""
        assert isinstance(self.module, FSDPModule)
        self.module.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            self.module.set_requires_gradient_sync(True)


@contextmanager
def gathered(objective: nn.Module) -> Iterator[None]:
    """Hold whole what is gathered once a step, so that parts can be used one by one; all must."""
    if not is_sharded(objective):
        yield
        return
    assert isinstance(objective, FSDPModule)
    objective.unshard()
    try:
        yield
    finally:
        objective.reshard()


def is_sharded(module: nn.Module) -> bool:
    """Return whether a module is held in shares."""
    return isinstance(module, FSDPModule)


def local(tensor: Tensor) -> Tensor:
    """Return what this process holds of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """Return all of a tensor: of one in shares in main memory, and all devices have to ask."""
    tensor = tensor.detach()
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """Return this device's share of a tensor that all have whole; nothing is sent."""
    if not isinstance(like, DTensor):
        return tensor
    tensor = tensor.to(like.device)
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def whole_state(module: nn.Module, *, keeps: bool = True) -> dict[str, Tensor]:
    """Return a module's weights whole; all devices have to ask.

    Args:
        module: in shares or not.
        keeps: whether this process wants them; others get nothing, one tensor after the other.
    """
    made: dict[int, Tensor | None] = {}  # a tied weight is gathered once, and stays tied
    state: dict[str, Tensor] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        if id(value) not in made:
            tensor = whole(value)
            made[id(value)] = tensor if keeps else None
        kept = made[id(value)]
        if kept is not None:
            state[name] = kept
    return state


@torch.no_grad()
def load_whole(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Write whole weights into a module, of which each device takes its share."""
    own = module.state_dict(keep_vars=True)
    module.load_state_dict(
        {
            name: share_of(value, own[name]) if name in own else value
            for name, value in state.items()
        }
    )


def whole_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return an optimiser's state as one device would have it; all have to ask."""
    state = optimizer.state_dict()
    moments = {
        number: {name: whole(v) if isinstance(v, Tensor) else v for name, v in of_one.items()}
        for number, of_one in state["state"].items()
    }
    return {**state, "state": moments}


def load_whole_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take an optimiser's state as one device would have it; each takes its share."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    like = dict(zip(numbers, parameters, strict=True))
    moments = {
        number: {
            name: share_of(value, like[number])
            if isinstance(value, Tensor) and value.shape == like[number].shape
            else value
            for name, value in of_one.items()
        }
        for number, of_one in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": moments})
