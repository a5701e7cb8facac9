"""Pages that lie on their side or upside down, turned upright by what can be read on them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from vary.read.cutting import CuttingConfig, PageLayout, Tile, cut_page, tile_strip
from vary.read.marks import seen_lines

if TYPE_CHECKING:
    from vary.read.recognizer import Recognition

Draft = Callable[[Sequence[np.ndarray]], "list[Recognition]"]

_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
# A line on its side is a column of letters, each of which is cut out for itself. Of 66 upright
# pages none had half of its tiles so narrow, of 14 on their side all had two thirds.
_MANY_TILES = 10
_NARROW_SHARE = 0.5
# So many lines tell how well a page can be read, of these widths in heights: short ones are sooner
# read, but the shortest may be numbers.
_SAMPLE = 4
_WIDTHS = (3, 10)
# Upright pages of real PDFs reach 0.95 and more, upside down 0.85 at most.
_LEGIBLE = 0.92
# Below, even a page of wide lines is tried on its side: ideographs stand in rows either way.
_ILLEGIBLE = 0.5
_CLEARLY = 0.08


def turn_upright(
    image: Image.Image, layout: PageLayout, draft: Draft, config: CuttingConfig
) -> tuple[PageLayout, int]:
    """Return a page as cut when it is upright, and by how many degrees it was turned for that.

    Most pages are upright, and then four of their lines are drafted and no more.

    Args:
        image: the page.
        layout: the page as cut, as it lies.
        draft: reads strips.
        config: how pages are cut.

    Returns: the layout and 0, 90, 180 or 270, counter-clockwise.
    """
    best, turned = layout, 0
    legible = _legibility(layout, draft, config)
    if not layout.tiles or legible >= _LEGIBLE:
        return best, turned
    for angle in _possible_turns(layout.tiles, legible):
        other = cut_page(image.transpose(_TURNS[angle]), config)
        found = _legibility(other, draft, config)
        if found > legible + _CLEARLY:
            best, turned, legible = other, angle, found
    return best, turned


def has_narrow_tiles(tiles: Sequence[Tile]) -> bool:
    """Whether most of many tiles hold a sign or two: a page on its side, or one without text."""
    narrow = sum(tile.ink[2] - tile.ink[0] < 2 * tile.height for tile in tiles)
    return len(tiles) >= _MANY_TILES and narrow >= _NARROW_SHARE * len(tiles)


def _possible_turns(tiles: Sequence[Tile], legible: float) -> tuple[int, ...]:
    if has_narrow_tiles(tiles):
        return 90, 270
    return (180,) if len(tiles) >= _MANY_TILES and legible >= _ILLEGIBLE else (90, 180, 270)


def _legibility(layout: PageLayout, draft: Draft, config: CuttingConfig) -> float:
    """Return the mean confidence of some lines, 0 for those in which there is no word."""
    tiles = _sample(layout.tiles)
    if not tiles:
        return 0.0
    drafts = draft([tile_strip(layout, tile, config) for tile in tiles])
    seen = seen_lines(tiles, drafts)
    return sum(line.confidence for line in seen if line.words) / len(seen)


def _sample(tiles: Sequence[Tile]) -> list[Tile]:
    """Return a few tiles of all parts of the page, neither short nor long ones if there are any."""
    shortest, longest = _WIDTHS
    width = {tile: (tile.ink[2] - tile.ink[0]) / tile.height for tile in tiles}
    lines = [tile for tile in tiles if width[tile] >= shortest] or list(tiles)
    usual = [tile for tile in lines if width[tile] <= longest]
    if len(usual) < _SAMPLE:
        return sorted(lines, key=width.__getitem__)[:_SAMPLE]
    places = np.linspace(0, len(usual) - 1, _SAMPLE)
    return [usual[round(place)] for place in places]
