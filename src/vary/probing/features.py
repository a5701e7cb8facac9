"""Tokens of frozen vocabularies on disk: computed once, kept by hashes of where they come from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vary.errors import VaryError
from vary.model.images import ImageRule
from vary.model.sources import Source
from vary.vocabulary import ViTDetConfig

TOKENS, PATCHES = "tokens", "patches"
_TOKENS, _INDEX = "values.f16", "index.jsonl"
_FLOAT16_MAX = 65504.0

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Grid:
    """Where the tokens of a picture lie in the file, and what each of them sees.

    Attributes:
        start: row of the first in the file.
        rows: of tokens.
        columns: of tokens.
        scale: what x and y of the picture are multiplied with to give tokens.
        shift: what is added then; a rule that cuts the middle out sees none of the ends.
    """

    start: int
    rows: int
    columns: int
    scale: tuple[float, float]
    shift: tuple[float, float]

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self.rows * self.columns


class Features:
    """Tokens of pictures by the pictures' numbers, read from disk as they are wanted.

    Args:
        folder: with the files.
        width: of a token.
        grids: by picture; None where the vocabulary could not take it.
    """

    def __init__(self, folder: Path, width: int, grids: Sequence[Grid | None]) -> None:
        self.folder = folder
        self.width = width
        self.grids = list(grids)
        self._tokens: np.ndarray | None = None

    def tokens(self, picture: int) -> np.ndarray:
        """Return (tokens, width) float16 of a picture, row by row."""
        if self._tokens is None:
            raw = np.memmap(self.folder / _TOKENS, np.float16, "r")
            self._tokens = raw[: len(raw) // self.width * self.width].reshape(-1, self.width)
        grid = self.grids[picture]
        assert grid is not None
        return self._tokens[grid.start : grid.start + grid.size]


def vocabulary_key(source: Source) -> str:
    """Return a hash of a vocabulary's weights, configuration and image rule."""
    digest = hashlib.sha256()
    # The folder's name is no part of what it computes.
    config = {
        name: value
        for name, value in source.network.config.to_dict().items()
        if name not in ("_name_or_path", "transformers_version", "dtype")
    }
    digest.update(json.dumps([config, source.rule.to_dict()], sort_keys=True, default=str).encode())
    for name, value in sorted(source.network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def picture_key(picture: Image.Image) -> str:
    """Return a hash of a picture's pixels."""
    digest = hashlib.sha256(f"{picture.mode}{picture.size}".encode())
    digest.update(picture.tobytes())
    return digest.hexdigest()[:24]


@torch.inference_mode()
def compute_features(
    source: Source,
    pictures: Sequence[Callable[[], Image.Image]],
    keys: Sequence[str],
    folder: Path,
    watch: Watch = lambda *_: None,
) -> tuple[dict[str, Features], list[str]]:
    """Return a frozen vocabulary's tokens of pictures; those that lie there are not computed again.

    Args:
        source: the vocabulary.
        pictures: each gives a picture.
        keys: hash of each picture.
        folder: of all features; there is one in it for each vocabulary, named by its hash.
        watch: told of the progress.

    Returns: `TOKENS`, and of a ViTDet `PATCHES`, what its merging convolutions are given; and for
        each picture why there are none, empty where there are.
    """
    network = source.network.eval().requires_grad_(False)
    config = network.config
    widths = {TOKENS: int(config.token_size)}
    if isinstance(config, ViTDetConfig):
        widths[PATCHES] = int(config.out_channels)
    key = vocabulary_key(source)
    stores = {name: _Store(folder / f"{key}-{name}", width) for name, width in widths.items()}
    reasons = [""] * len(pictures)
    for number, (read, picture) in enumerate(zip(pictures, keys, strict=True)):
        watch(f"tokens of {source.name}", number + 1, len(pictures))
        if all(picture in store.known for store in stores.values()):
            continue
        try:
            found = _encode(source, read())
        except (ValueError, OSError) as error:
            reasons[number] = str(error)
            continue
        for name, store in stores.items():
            store.add(picture, found[name])
    return {name: store.features(keys) for name, store in stores.items()}, reasons


@dataclass(frozen=True)
class _Encoded:
    """Tokens of a picture, (rows x columns, width) float16, and where its places lie in them."""

    tokens: np.ndarray
    rows: int
    columns: int
    scale: tuple[float, float]
    shift: tuple[float, float]


class _Store:
    """A file of tokens and an index of the pictures in it; both only ever grow."""

    def __init__(self, folder: Path, width: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.width = folder, width
        self.known = _read_index(folder, width)
        self.end = max((grid.start + grid.size for grid in self.known.values()), default=0)
        with (folder / _TOKENS).open("ab") as file:
            file.truncate(self.end * width * 2)

    def add(self, key: str, found: _Encoded) -> None:
        """Write a picture's tokens, then that they are there."""
        if key in self.known:
            return
        grid = Grid(self.end, found.rows, found.columns, found.scale, found.shift)
        with (self.folder / _TOKENS).open("ab") as file:
            file.write(found.tokens.tobytes())
        with (self.folder / _INDEX).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **vars(grid)}) + "\n")
        self.known[key] = grid
        self.end += grid.size

    def features(self, keys: Sequence[str]) -> Features:
        """Return the tokens of pictures, by their hashes."""
        return Features(self.folder, self.width, [self.known.get(key) for key in keys])


def _read_index(folder: Path, width: int) -> dict[str, Grid]:
    """Return the pictures whose tokens lie whole in the file; what a stop cut off is left out."""
    path, data = folder / _INDEX, folder / _TOKENS
    if not path.is_file() or not data.is_file():
        path.unlink(missing_ok=True)
        return {}
    whole = data.stat().st_size // (2 * width)
    known: dict[str, Grid] = {}
    kept: list[str] = []
    written = path.read_text(encoding="utf-8")
    for line in written.splitlines():
        try:
            fields = json.loads(line)
            key = fields.pop("key")
            scale, shift = fields.pop("scale"), fields.pop("shift")
            grid = Grid(**fields, scale=(scale[0], scale[1]), shift=(shift[0], shift[1]))
        except (ValueError, TypeError, KeyError):
            break
        if grid.start + grid.size > whole:
            break
        known[key] = grid
        kept.append(line + "\n")
    if "".join(kept) != written:
        path.write_text("".join(kept), encoding="utf-8")
    return known


def _encode(source: Source, picture: Image.Image) -> dict[str, _Encoded]:
    """Return a picture's tokens, and of a ViTDet its patch features.

    Raises:
        ValueError: a size that the vocabulary cannot take.
        VaryError: tokens that are no numbers.
    """
    network = source.network
    made = source.rule.pixels(picture)
    height, width = made.shape[:2]
    pixels = source.rule.normalise(torch.from_numpy(made.copy()).permute(2, 0, 1)[None])
    output = network(pixels.to(next(network.parameters()).device))
    grids = {TOKENS: (network.config.token_grid(height, width), output.last_hidden_state[0])}
    if isinstance(network.config, ViTDetConfig):
        grid = network.config.patch_grid(height, width)
        grids[PATCHES] = (grid, output.patch_features[0].flatten(0, 1))
    found = {}
    for name, ((rows, columns), values) in grids.items():
        tokens = values.float().cpu()
        if not bool(torch.isfinite(tokens).all()):
            raise VaryError(f"{source.name} gives tokens that are no numbers")
        kept = tokens.clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half().numpy()
        scale, shift = _geometry(source.rule, picture.size, (rows / height, columns / width))
        found[name] = _Encoded(kept, rows, columns, scale, shift)
    return found


def _geometry(
    rule: ImageRule, size: tuple[int, int], per_px: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what turns x and y of a picture into columns and rows of tokens.

    Args:
        rule: makes the vocabulary's pixels.
        size: width and height of the picture.
        per_px: rows and columns of tokens per pixel of what the rule makes.
    """
    across, down = rule.scale(*size)
    left, top = 0.0, 0.0
    if rule.mode == "crop":
        left = (int(size[0] * across) - rule.width) // 2
        top = (int(size[1] * down) - rule.height) // 2
    return (across * per_px[1], down * per_px[0]), (-left * per_px[1], -top * per_px[0])
