"""Attention over a grid of patches with decomposed relative positions, in the way that is fastest.

The relative terms of ViTDet depend on the query, so they are no constant bias, and a bias that
needs a gradient keeps PyTorch from its fused kernels. Four ways give the same:

- ``blocks``: plain products, a block of scores at a time, see `vary.vocabulary.blockwise`;
- ``plain``: all scores at once, which autograd keeps;
- ``fused``: PyTorch's fused kernel. The terms are written into extra channels of queries and keys:
  the query carries its terms for every row and column, the key a one-hot mark of its own row and
  column, and their product is the bias. Values are padded to the same width, because the CPU kernel
  refuses values narrower than queries;
- ``flex``: FlexAttention, where the terms are added as the scores arise.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from vary.vocabulary.blockwise import attend_in_blocks
from vary.vocabulary.configuration import Pair

# Up to here autograd may keep the scores. Measured on two AVX-512 cores, forward and backward:
# blocks take a tenth to a quarter longer at 5 million scores, and 5 % (bfloat16) to 23 % (float32)
# less at 12 million.
_MAX_KEPT_SCORES = 2**23
# A compiler cannot look into the blocks; it gets the kernel where there are more patches than this.
_MAX_PLAIN_PATCHES = 640


def fit_relative_table(table: Tensor, size: int, mode: str) -> Tensor:
    """Return the table of relative positions for a side of `size` patches.

    Args:
        table: (2 * made_for - 1, head_dim), row i is the distance i - (made_for - 1).
        size: patches along the side.
        mode: ``interpolate`` (SAM's way) or ``slice`` (the middle rows).

    Returns: (2 * size - 1, head_dim).

    Raises:
        ValueError: `slice` asked for more rows than there are.
    """
    rows = 2 * size - 1
    if table.shape[0] == rows:
        return table
    if mode == "slice":
        start = (table.shape[0] - rows) // 2
        if start < 0:
            raise ValueError(f"{size} patches are more than the {(table.shape[0] + 1) // 2} known")
        return table[start : start + rows]
    columns = table.float().t()[None]
    fitted = F.interpolate(columns, size=rows, mode="linear")
    return fitted[0].t().to(table.dtype)


def relative_terms(query: Tensor, table: Tensor, size: int, mode: str) -> Tensor:
    """Return what the relative position of each key along one side adds to each query.

    Args:
        query: (..., size, head_dim), the second-last axis running along the side.
        table: (2 * made_for - 1, head_dim).
        size: patches along the side.
        mode: see `fit_relative_table`.

    Returns: (..., size, size), [q, k] the product of query q with the row of the distance q - k.
    """
    fitted = fit_relative_table(table, size, mode)
    steps = torch.arange(size, device=query.device)
    distances = steps[:, None] - steps[None, :] + (size - 1)
    return torch.einsum("...qc,qkc->...qk", query, fitted[distances].to(query.dtype))


def position_marks(grid: Pair, like: Tensor) -> Tensor:
    """Return (rows * columns, rows + columns) one-hot marks of each patch's row and column."""
    rows = torch.eye(grid[0], dtype=like.dtype, device=like.device)
    columns = torch.eye(grid[1], dtype=like.dtype, device=like.device)
    return torch.cat([rows.repeat_interleave(grid[1], 0), columns.repeat(grid[0], 1)], dim=1)


def attend_plainly(
    query: Tensor, key: Tensor, value: Tensor, by_row: Tensor, by_column: Tensor
) -> Tensor:
    """Return what `attend_in_blocks` returns, from all scores at once."""
    bias = (by_row[..., :, None] + by_column[..., None, :]).flatten(2)
    scores = torch.baddbmm(bias, query, key.mT, alpha=query.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(-1), value)


def attend_fused(
    query: Tensor, key: Tensor, value: Tensor, by_row: Tensor, by_column: Tensor
) -> Tensor:
    """Return what `attend_in_blocks` returns, by the fused kernel over extra channels."""
    head_dim = query.shape[-1]
    scale = head_dim**-0.5
    marks = position_marks((by_row.shape[-1], by_column.shape[-1]), key)
    # The kernel scales the whole product, but the relative terms use the unscaled query.
    wide_query = torch.cat([query, by_row / scale, by_column / scale], dim=-1)
    wide_key = torch.cat([key, marks.expand(key.shape[0], -1, -1)], dim=-1)
    wide_value = F.pad(value, (0, wide_query.shape[-1] - head_dim))
    attended = F.scaled_dot_product_attention(
        wide_query[:, None], wide_key[:, None], wide_value[:, None], scale=scale
    )
    return attended[:, 0, :, :head_dim]


@cache
def _compiled_flex() -> Callable[..., Any]:
    return torch.compile(flex_attention, dynamic=False)


def attend_flex(
    query: Tensor, key: Tensor, value: Tensor, by_row: Tensor, by_column: Tensor
) -> Tensor:
    """Return what `attend_in_blocks` returns, by FlexAttention: compiled on a GPU, else slow."""
    columns = by_column.shape[-1]

    def add_terms(score: Tensor, batch: Tensor, _head: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return score + by_row[batch, q, k // columns] + by_column[batch, q, k % columns]

    is_compiled_here = query.device.type == "cuda" and not torch.compiler.is_compiling()
    attend: Any = _compiled_flex() if is_compiled_here else flex_attention
    return attend(query[:, None], key[:, None], value[:, None], score_mod=add_terms)[:, 0]


WAYS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "blocks": attend_in_blocks,
    "plain": attend_plainly,
    "fused": attend_fused,
    "flex": attend_flex,
}


def choose_way(query: Tensor) -> str:
    """Return the fastest of `WAYS` for (heads, N, head_dim) queries on their device.

    On the meta device that is ``plain``, whose products are those of the formula and no others, so
    that operations are counted right.
    """
    heads, patches, _ = query.shape
    if query.device.type == "meta":
        return "plain"
    if query.device.type != "cpu":
        return "fused"
    if torch.compiler.is_compiling():
        return "plain" if patches <= _MAX_PLAIN_PATCHES else "fused"
    is_kept = torch.is_grad_enabled() and query.requires_grad
    return "plain" if is_kept and heads * patches**2 <= _MAX_KEPT_SCORES else "blocks"


def to_heads(qkv: Tensor, window: Pair, num_heads: int, filler: Tensor) -> tuple[Tensor, Pair]:
    """Cut queries, keys and values of a grid of patches into windows and heads.

    Args:
        qkv: (B, rows, columns, 3 * C).
        window: rows and columns of a window.
        num_heads: attention heads.
        filler: (3 * C,), what stands right of and below the grid, up to whole windows.

    Returns: (3, B * windows * heads, patches of a window, head_dim), and the padded rows and
        columns.
    """
    batch, rows, columns, width = qkv.shape
    below, right = -rows % window[0], -columns % window[1]
    if right:
        qkv = torch.cat([qkv, filler.expand(batch, rows, right, width)], dim=2)
    if below:
        qkv = torch.cat([qkv, filler.expand(batch, below, columns + right, width)], dim=1)
    down, across = (rows + below) // window[0], (columns + right) // window[1]
    cut = qkv.view(batch, down, window[0], across, window[1], 3, num_heads, -1)
    heads = cut.permute(5, 0, 1, 3, 6, 2, 4, 7).reshape(3, -1, window[0] * window[1], cut.shape[-1])
    return heads, (rows + below, columns + right)


def from_heads(heads: Tensor, window: Pair, num_heads: int, padded: Pair) -> Tensor:
    """Put (B * windows * heads, patches, head_dim) together to (B, *padded, C)."""
    down, across = padded[0] // window[0], padded[1] // window[1]
    cut = heads.view(-1, down, across, num_heads, *window, heads.shape[-1])
    return cut.permute(0, 1, 4, 2, 5, 3, 6).reshape(-1, *padded, num_heads * heads.shape[-1])


class RelativeAttention(nn.Module):
    """Multi-head attention over a grid of patches with decomposed relative positions.

    `way` names one of `WAYS`; None, as it is made, leaves the choice to `choose_way`.

    Args:
        width: channels in and out.
        num_heads: attention heads.
        table_grid: rows and columns that the relative tables are made for.
        positions: what is done at another grid, see `fit_relative_table`.

    Source: paper 3.2 (SAM's image encoder); Li et al., 2112.01526.
    """

    def __init__(self, width: int, num_heads: int, table_grid: Pair, positions: str) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.positions = positions
        self.way: str | None = None
        head_dim = width // num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * table_grid[0] - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * table_grid[1] - 1, head_dim))

    def forward(self, patches: Tensor, window: Pair | None = None) -> Tensor:
        """Return (B, rows, columns, C) attended patches.

        Args:
            patches: (B, rows, columns, C).
            window: every patch sees those of its window of this many rows and columns; None for
                all. Windows that reach over the grid hold patches of zeros there, which take part.
        """
        rows, columns = grid = (patches.shape[1], patches.shape[2])
        window = window or grid
        qkv = self.qkv(patches)
        # What the linear map makes of a patch of zeros is its bias.
        heads, padded = to_heads(qkv, window, self.num_heads, self.qkv.bias.to(qkv.dtype))
        query, key, value = heads.unbind(0)
        on_grid = query.unflatten(1, window)
        by_row = relative_terms(
            on_grid.transpose(1, 2), self.rel_pos_h, window[0], self.positions
        ).transpose(1, 2)
        by_column = relative_terms(on_grid, self.rel_pos_w, window[1], self.positions)
        attend = WAYS[self.way or choose_way(query)]
        attended = attend(query, key, value, by_row.flatten(1, 2), by_column.flatten(1, 2))
        merged = from_heads(attended, window, self.num_heads, padded)
        return self.proj(merged[:, :rows, :columns])
