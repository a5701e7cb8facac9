"""Attention with decomposed relative positions, through PyTorch's fused kernels.

The relative terms of ViTDet depend on the query, so they are no constant bias, and a bias that
needs a gradient keeps PyTorch from its fused kernels. They are written instead into extra channels
of queries and keys: the query carries its terms for every row and column, the key a one-hot mark of
its own row and column, and their product is the bias. Values are padded to the same width, because
the CPU kernel refuses values narrower than queries.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vary.vocabulary.configuration import Pair

# Measured on two AVX-512 cores: 0.4 of the kernel's time at 384 patches, 0.25 at 576 (bf16).
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


def _plain_is_faster(query: Tensor) -> bool:
    """Return whether plain products beat the fused kernel: over few patches on a CPU.

    As long as the scores are small, the CPU kernel's wide channels cost more than writing the
    scores out, in the backward pass most of all; over many patches, and on a GPU, the kernel is
    faster and much smaller.
    """
    return query.device.type == "cpu" and query.shape[2] <= _MAX_PLAIN_PATCHES


class RelativeAttention(nn.Module):
    """Multi-head attention over a grid of patches with decomposed relative positions.

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
        head_dim = width // num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * table_grid[0] - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * table_grid[1] - 1, head_dim))

    def forward(self, patches: Tensor) -> Tensor:
        """Return (B, rows, columns, C) attended patches.

        Args:
            patches: (B, rows, columns, C); every patch sees every other one.
        """
        batch, rows, columns, width = patches.shape
        qkv = self.qkv(patches).view(batch, rows * columns, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = self._attend(query, key, value, (rows, columns))
        merged = attended.transpose(1, 2).reshape(batch, rows, columns, width)
        return self.proj(merged)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, grid: Pair) -> Tensor:
        head_dim = query.shape[-1]
        scale = head_dim**-0.5
        on_grid = query.unflatten(2, grid)
        by_row = relative_terms(
            on_grid.transpose(2, 3), self.rel_pos_h, grid[0], self.positions
        ).transpose(2, 3)
        by_column = relative_terms(on_grid, self.rel_pos_w, grid[1], self.positions)
        if _plain_is_faster(query):
            bias = (by_row[..., :, None] + by_column[..., None, :]).flatten(4).flatten(2, 3)
            scores = torch.baddbmm(
                bias.flatten(0, 1), query.flatten(0, 1), key.flatten(0, 1).mT, alpha=scale
            )
            return torch.bmm(scores.softmax(-1), value.flatten(0, 1)).view_as(query)
        terms = torch.cat([by_row, by_column], dim=-1).flatten(2, 3)
        marks = position_marks(grid, key).expand(*key.shape[:2], -1, -1)
        # The kernel scales the whole product, but the relative terms use the unscaled query.
        wide_query = torch.cat([query, terms / scale], dim=-1)
        wide_key = torch.cat([key, marks], dim=-1)
        wide_value = F.pad(value, (0, wide_query.shape[-1] - head_dim))
        attended = F.scaled_dot_product_attention(wide_query, wide_key, wide_value, scale=scale)
        return attended[..., :head_dim]
