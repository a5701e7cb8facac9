"""Page image -> single-line tiles in reading order, by numpy alone.

`cut_page` flattens the page (`background`, `skew`), takes ruling lines and pictures out
(`rules`), searches text columns (`gutters`, `columns`), groups ink into visual lines (`lines`)
and gives each line the boxes that the recogniser reads (`tiles`). `docs/cutting.md` tells more.
"""

from vary.read.cutting.layout import CuttingConfig, PageLayout, Tile
from vary.read.cutting.page import cut_page, has_ink
from vary.read.cutting.tiles import tile_strip

__all__ = ["CuttingConfig", "PageLayout", "Tile", "cut_page", "has_ink", "tile_strip"]
