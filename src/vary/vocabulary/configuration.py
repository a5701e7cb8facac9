"""The shape of a ViTDet vision vocabulary; it travels with every checkpoint that holds one."""

from typing import Any, Literal

from transformers import PreTrainedConfig

Pair = tuple[int, int]


def as_pair(value: int | list[int] | tuple[int, ...], name: str) -> Pair:
    """Return (height, width) from one number or two.

    Raises:
        ValueError: neither one nor two positive numbers.
    """
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or any(not isinstance(side, int) or side < 1 for side in pair):
        raise ValueError(f"{name} must be one or two positive integers, got {value!r}")
    return (pair[0], pair[1])


class ViTDetConfig(PreTrainedConfig):
    """Sizes of a ViTDet vocabulary; the defaults are the paper's.

    Args:
        image_size: input height and width in pixels that the position tables are made for.
        patch_size: height and width of a patch in pixels.
        num_channels: colour channels of the input.
        stem: ``patch`` (one linear map per patch, the paper's) or ``conv`` (a stack of 3x3
            convolutions with the same total stride, which learns faster from little data).
        hidden_size: width of the transformer.
        num_hidden_layers: number of blocks.
        num_attention_heads: heads in each block.
        mlp_ratio: width of the MLP over the transformer's.
        window_size: height and width, in patches, of the attention windows.
        global_blocks: numbers of the blocks that attend over the whole image.
        out_channels: width of the patch features behind the neck.
        merge_channels: widths of the two stride-2 convolutions; the last is the tokens' width.
        positions: what is done when an image has another size: ``interpolate`` the position
            tables, or ``slice`` them (a smaller piece at the same scale).
        ctc_alphabet: characters that the CTC head writes, in the order of its classes (class 0 is
            the blank); None for a vocabulary without the head.
        ctc_rows: rows of patch features that the head sees of a line; None for all rows of an
            image of `image_size`, which is then a strip of one line.
        ctc_columns: the head's scores for each column of patches.
        ctc_rank: width that the head narrows the features of a column to before it tells its
            characters apart; None: it does not.
        kinds: what the kind head tells pictures to be, in the order of its classes; empty for a
            vocabulary without the head.

    Raises:
        ValueError: a size, a mode or a block number that cannot be.

    Source: paper 3.2 and the authors' `sam.py`; windows, stem, CTC and kinds are ours.
    """

    model_type = "vary_vitdet"

    def __init__(
        self,
        image_size: int | list[int] | Pair = 1024,
        patch_size: int | list[int] | Pair = 16,
        num_channels: int = 3,
        stem: Literal["patch", "conv"] = "patch",
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        mlp_ratio: float = 4.0,
        window_size: int | list[int] | Pair = 14,
        global_blocks: list[int] | tuple[int, ...] = (2, 5, 8, 11),
        out_channels: int = 256,
        merge_channels: list[int] | Pair = (512, 1024),
        positions: Literal["interpolate", "slice"] = "interpolate",
        layer_norm_eps: float = 1e-6,
        initializer_range: float = 0.02,
        ctc_alphabet: str | None = None,
        ctc_rows: int | None = None,
        ctc_columns: int = 1,
        ctc_rank: int | None = None,
        kinds: list[str] | tuple[str, ...] = (),
        **kwargs: Any,
    ) -> None:
        self.image_size = as_pair(image_size, "image_size")
        self.patch_size = as_pair(patch_size, "patch_size")
        self.num_channels = num_channels
        self.stem = stem
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.mlp_ratio = mlp_ratio
        self.window_size = as_pair(window_size, "window_size")
        self.global_blocks = list(global_blocks)
        self.out_channels = out_channels
        self.merge_channels = list(merge_channels)
        self.positions = positions
        self.layer_norm_eps = layer_norm_eps
        self.initializer_range = initializer_range
        self.ctc_alphabet = ctc_alphabet
        self.ctc_rows = ctc_rows
        self.ctc_columns = ctc_columns
        self.ctc_rank = ctc_rank
        self.kinds = list(kinds)
        super().__init__(**kwargs)
        self._check()

    def _check(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of "
                f"num_attention_heads {self.num_attention_heads}"
            )
        if any(size % patch for size, patch in zip(self.image_size, self.patch_size, strict=True)):
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of patch_size {self.patch_size}"
            )
        if any(not 0 <= block < self.num_hidden_layers for block in self.global_blocks):
            raise ValueError(
                f"global_blocks {self.global_blocks} names a block outside "
                f"0..{self.num_hidden_layers - 1}"
            )
        if self.positions not in ("interpolate", "slice"):
            raise ValueError(f"positions must be 'interpolate' or 'slice', got {self.positions!r}")
        if self.stem not in ("patch", "conv"):
            raise ValueError(f"stem must be 'patch' or 'conv', got {self.stem!r}")
        sizes = (self.ctc_rows, self.ctc_columns, self.ctc_rank)
        if any(size is not None and size < 1 for size in sizes):
            raise ValueError(
                "ctc_rows, ctc_columns and ctc_rank must be 1 or more, got "
                f"{self.ctc_rows}, {self.ctc_columns} and {self.ctc_rank}"
            )
        if len(self.merge_channels) != 2:
            raise ValueError(f"merge_channels must be two widths, got {self.merge_channels!r}")

    @property
    def grid_size(self) -> Pair:
        """Rows and columns of patches that the position tables are made for."""
        return (
            self.image_size[0] // self.patch_size[0],
            self.image_size[1] // self.patch_size[1],
        )

    @property
    def token_size(self) -> int:
        """Width of a vision token."""
        return int(self.merge_channels[-1])

    def token_grid(self, height: int, width: int) -> Pair:
        """Return rows and columns of vision tokens of an image of this many pixels.

        Raises:
            ValueError: the image is not a whole number of patches, or larger than sliced
                position tables reach.
        """
        rows, columns = self.patch_grid(height, width)
        for _ in self.merge_channels:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
        return rows, columns

    def patch_grid(self, height: int, width: int) -> Pair:
        """Return rows and columns of patches of an image of this many pixels.

        Raises:
            ValueError: as `token_grid`.
        """
        if height % self.patch_size[0] or width % self.patch_size[1] or height < 1 or width < 1:
            raise ValueError(
                f"an image of {height}x{width} px is not a whole number of "
                f"{self.patch_size[0]}x{self.patch_size[1]} px patches; pad or resize it"
            )
        grid = (height // self.patch_size[0], width // self.patch_size[1])
        limit = self.grid_size
        if self.positions == "slice" and (grid[0] > limit[0] or grid[1] > limit[1]):
            raise ValueError(
                f"an image of {height}x{width} px is larger than {self.image_size[0]}x"
                f"{self.image_size[1]} px, to which this vocabulary's sliced positions reach; "
                "resize it, cut it, or use positions='interpolate'"
            )
        return grid
