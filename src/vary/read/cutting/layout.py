"""What the cutting gives: tiles and the page they lie on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels, half-open."""


@dataclass(frozen=True)
class CuttingConfig:
    """Lengths of the cutting; those in `em` are multiples of the page's text height.

    One `em` here is the body text's size in pixels as estimated from the ink (about the font
    size). The values were chosen on rendered PDF pages of 1024-1600 px and on drawn pages.
    """

    analysis_max_px: int = 2200
    """Larger pages are analysed at this length of their longer side (about 190 dpi on A4)."""
    strip_height_px: int = 48
    """Height of the strips that the recogniser reads."""
    strip_max_width_px: int = 1536
    """A line that would be wider is split at a word gap."""
    ink_share: float = 2 / 3
    """Part of the strip's height between ascender and descender."""
    margin_share: float = 1 / 4
    """Horizontal margin on each side of the ink, in strip heights."""
    max_skew_deg: float = 3.5
    """Largest skew that is searched."""
    min_skew_deg: float = 0.12
    """Smaller skew stays: turning would only blur."""
    gutter_em: float = 0.62
    """Narrowest gap between two text columns."""
    gutter_lines: float = 3.0
    """Fewest lines that a gutter runs along."""
    column_em: float = 6.0
    """Narrowest text column."""
    segment_gap_em: float = 1.25
    """A gap this wide within a row parts segments that may stand on different lines."""
    tile_gap_em: float = 3.0
    """Segments of a line that are closer than this are read in one strip."""


@dataclass(frozen=True)
class Tile:
    """A part of the page that is read as one strip.

    Attributes:
        box: what is scaled to the strip; may reach beyond the page (white there).
        ink: tight bounding box of the ink that the tile holds.
        block: tiles of one block belong to one run of a text column; in reading order.
        paragraph: running number of the paragraph, page-wide.
        line: running number of the visual line, page-wide; a line in two tiles keeps its number.
        num_lines: always 1 from `cut_page`: what touches is given to the nearest line. For those
            who make tiles of several lines themselves.
    """

    box: Box
    ink: Box
    block: int
    paragraph: int
    line: int
    num_lines: int = 1

    @property
    def height(self) -> int:
        """Of the box, in pixels: what the text's size decides."""
        return self.box[3] - self.box[1]


@dataclass(frozen=True)
class PageLayout:
    """The tiles of a page in reading order and the cleaned page that their boxes refer to.

    Attributes:
        tiles: in reading order.
        size: width and height in pixels.
        blank: whether the page holds no ink. A page of rules or pictures alone holds some, but
            has no tiles either.
        angle_deg: the skew that was taken out, counter-clockwise.
        image: (H, W) uint8; dark ink on white: background flattened, inverted regions turned,
            ruling lines removed, deskewed.
        owner: (H, W) int32, 1 + the index of the tile that a pixel's ink belongs to, 0 elsewhere;
            strips show only their own ink. None: strips are plain crops.
    """

    tiles: tuple[Tile, ...]
    size: tuple[int, int]
    blank: bool
    angle_deg: float
    image: np.ndarray = field(repr=False)
    owner: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def numbers(self) -> dict[Tile, int]:
        """Index of each tile."""
        return {tile: index for index, tile in enumerate(self.tiles)}
