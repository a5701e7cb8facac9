"""Attention in blocks of scores that stay in a CPU's cache, written out in plain products.

On a CPU this beats PyTorch's fused kernel, which must be given the relative terms as extra
channels: two thirds of its products are then of those. Here they are added to a block of scores
while it is in the cache. What is kept for the backward pass is no larger than the queries; the
scores are made a second time there.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Measured in bfloat16 on two cores with 1 MB of cache each and 32 MB between them: half and twice
# as many take a tenth longer. In float32 the three do not differ beyond the noise.
_MAX_BLOCK_SCORES = 2**20


def _blocks(query: Tensor, columns: int) -> Iterator[tuple[slice, slice]]:
    """Return slices of heads and of queries whose scores fill one block.

    Args:
        query: (heads, N, head_dim), the heads of all images and windows one behind the other.
        columns: columns of the grid; a block holds whole rows of queries.
    """
    heads, patches, _ = query.shape
    if patches * patches <= _MAX_BLOCK_SCORES:
        step = max(1, _MAX_BLOCK_SCORES // (patches * patches))
        for start in range(0, heads, step):
            yield slice(start, min(start + step, heads)), slice(0, patches)
        return
    step = columns * max(1, _MAX_BLOCK_SCORES // (patches * columns))
    for head in range(heads):
        for start in range(0, patches, step):
            yield slice(head, head + 1), slice(start, min(start + step, patches))


class _Scratch:
    """Buffers for blocks, made once: fresh memory costs more than the work in it."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._flat: dict[str, Tensor] = {}

    def get(self, name: str, *shape: int) -> Tensor:
        """Return a buffer of this shape whose content is left over."""
        size = torch.Size(shape).numel()
        flat = self._flat.get(name)
        if flat is None or flat.numel() < size:
            flat = self._flat[name] = self._like.new_empty(size)
        return flat[:size].view(shape)


def _probabilities(
    scratch: _Scratch, query: Tensor, key: Tensor, by_row: Tensor, by_column: Tensor
) -> Tensor:
    """Return (heads, queries, N) attention weights in a buffer of `scratch`.

    Args:
        scratch: where the buffers come from.
        query: (heads, queries, head_dim).
        key: (heads, head_dim, N), scaled already.
        by_row: (heads, queries, rows).
        by_column: (heads, queries, columns).
    """
    shape = (*query.shape[:2], key.shape[2])
    scores = scratch.get("scores", *shape)
    on_grid = scores.view(*query.shape[:2], by_row.shape[-1], by_column.shape[-1])
    torch.add(by_row[..., :, None], by_column[..., None, :], out=on_grid)
    scores.baddbmm_(query, key)
    return torch.softmax(scores, -1, out=scratch.get("weights", *shape))


class _Blockwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        query, key, value, by_row, by_column = inputs
        # A product copies an operand that lies across; here that happens once, not for each block.
        scaled = (key * query.shape[-1] ** -0.5).mT.contiguous()
        attended = torch.empty_like(query)
        scratch = _Scratch(query)
        for heads, part in _blocks(query, by_column.shape[-1]):
            weights = _probabilities(
                scratch, query[heads, part], scaled[heads], by_row[heads, part],
                by_column[heads, part],
            )  # fmt: skip
            torch.bmm(weights, value[heads], out=attended[heads, part])
        ctx.save_for_backward(*inputs)
        return attended

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        query, key, value, by_row, by_column = ctx.saved_tensors
        scale = query.shape[-1] ** -0.5
        scaled = key * scale
        scaled_across, value_across = scaled.mT.contiguous(), value.mT.contiguous()
        grad = grad.contiguous()
        scratch = _Scratch(query)
        grads = tuple(map(torch.empty_like, (query, by_row, by_column)))
        # Sums over the blocks of queries; bfloat16 would lose the small ones.
        grad_key, grad_value = (
            torch.zeros_like(value_across, dtype=torch.float32) for _ in range(2)
        )
        if query.dtype == torch.float64:
            grad_key, grad_value = grad_key.double(), grad_value.double()
        for heads, part in _blocks(query, by_column.shape[-1]):
            here = query[heads, part]
            weights = _probabilities(
                scratch, here, scaled_across[heads], by_row[heads, part], by_column[heads, part]
            )
            above = grad[heads, part]
            grad_value[heads] += torch.bmm(above.mT, weights)
            grad_weights = torch.bmm(
                above, value_across[heads], out=scratch.get("scores", *weights.shape)
            )
            grad_scores = torch._softmax_backward_data(
                grad_weights, weights, -1, query.dtype,
                grad_input=scratch.get("grads", *weights.shape),
            )  # fmt: skip
            on_grid = grad_scores.view(*here.shape[:2], by_row.shape[-1], by_column.shape[-1])
            torch.bmm(grad_scores, scaled[heads], out=grads[0][heads, part])
            torch.sum(on_grid, -1, out=grads[1][heads, part])
            torch.sum(on_grid, -2, out=grads[2][heads, part])
            grad_key[heads] += torch.bmm(here.mT, grad_scores)
        grad_key = grad_key.mul_(scale).mT.to(key.dtype)
        return grads[0], grad_key, grad_value.mT.to(value.dtype), *grads[1:]


def attend_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, by_row: Tensor, by_column: Tensor
) -> Tensor:
    """Return (heads, N, head_dim) attended values, a block of scores at a time.

    Equals `softmax(query @ key.mT / sqrt(head_dim) + by_row + by_column) @ value`, and so do its
    gradients; gradients of gradients are refused.

    Args:
        query: (heads, N, head_dim), the heads of all images and windows one behind the other.
        key: as `query`.
        value: as `query`.
        by_row: (heads, N, rows), what the row of each key adds to the scores of each query.
        by_column: (heads, N, columns), the same for columns; rows * columns is N.
    """
    return _Blockwise.apply(query, key, value, by_row, by_column)
