"""One picture as several: a grid of tiles of the vocabulary's size, and the whole picture last."""

from PIL import Image

from vary.model.images import ImageRule, Picture, as_image


def tile_grid(size: tuple[int, int], tile: tuple[int, int], most: int) -> tuple[int, int]:
    """Return how many columns and rows of tiles a picture is brought to.

    Of all grids of at most so many tiles it is that whose aspect ratio (as if tiles were square)
    comes nearest to the picture's. Where several come equally near, it is the first with the fewest
    tiles, or the last of those that have less than twice the picture's pixels: so a small picture
    is not blown up, and a large one keeps its pixels.

    Args:
        size: width and height of the picture in pixels.
        tile: the same of a tile.
        most: tiles at most; 1 for none.

    Raises:
        ValueError: fewer than one tile.

    Source: GOT-OCR-2.0, as transformers' `GotOcr2ImageProcessor` has it.
    """
    if most < 1:
        raise ValueError(f"a picture is cut into {most} tiles at most; give 1 or more")
    width, height = size
    grids = [(columns, rows) for columns in range(1, most + 1) for rows in range(1, most + 1)]
    grids = [grid for grid in grids if grid[0] * grid[1] <= most]
    grids.sort(key=lambda grid: grid[0] * grid[1])  # columns stay in order
    off = [abs(width / height - columns / rows) for columns, rows in grids]
    nearest = [grid for grid, apart in zip(grids, off, strict=True) if apart == min(off)]
    tile_area = tile[0] * tile[1]
    filled = [grid for grid in nearest[1:] if 2 * width * height > tile_area * grid[0] * grid[1]]
    return [nearest[0], *filled][-1]


def cut_tiles(picture: Picture, rule: ImageRule, most: int) -> list[Image.Image]:
    """Return a picture's tiles, row by row, and behind them the whole picture in a tile's size.

    The picture is resized to fill its grid, without keeping the aspect ratio. A grid of one tile is
    the whole picture alone.

    Args:
        picture: arrays are (H, W) or (H, W, 3) uint8.
        rule: the vocabulary's, of mode `resize`: it names the size of a tile, and the resampling.
        most: tiles at most, the whole picture not counted.

    Raises:
        ValueError: a vocabulary of another mode, or fewer than one tile.
    """
    if rule.mode != "resize":
        raise ValueError(
            f"tiles are for vocabularies that resize every picture (mode 'resize'); this one has "
            f"mode {rule.mode!r}, which takes pictures of many sizes as they are"
        )
    image = as_image(picture)
    tile = (rule.width, rule.height)
    columns, rows = tile_grid(image.size, tile, most)
    canvas = image.resize((columns * tile[0], rows * tile[1]), rule.kernel)
    corners = [(x * tile[0], y * tile[1]) for y in range(rows) for x in range(columns)]
    tiles = [canvas.crop((x, y, x + tile[0], y + tile[1])) for x, y in corners]
    return tiles if len(tiles) == 1 else [*tiles, image.resize(tile, rule.kernel)]
