"""Weights files of others: read by name, one tensor at a time where the format allows, and written.

Pickles are read without running code.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vary.errors import InputError
from vary.model.inspection import read_json
from vary.vocabulary.weights import read_state_dict

SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")
_SHARD_BYTES = 4 * 2**30
# In the order in which they are looked for: an index names the files of a model in parts.
_NAMES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)


class WeightFiles(Mapping[str, Tensor]):
    """The tensors of a release by name, each read when it is asked for.

    Args:
        paths: safetensors files and pickles.

    Raises:
        InputError: a file cannot be read, or two of them hold a tensor of one name.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = list(paths)
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._files: dict[str, Any] = {}
        for path in self.paths:
            if path.suffix == ".safetensors":
                self._open(path)
            else:
                self._load(path)

    def _open(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(f"no weights file at {path}; copy it anew")
        try:
            opened = safe_open(path, "pt")
            for name in opened.keys():  # noqa: SIM118 - it is no dictionary
                part = opened.get_slice(name)
                self._add(name, tuple(part.get_shape()), opened, path)
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"{path} is no whole safetensors file ({error}): {path.stat().st_size:,} bytes are "
                "there; copy or download it anew"
            ) from error

    def _load(self, path: Path) -> None:
        state = read_state_dict(path)
        for name, value in state.items():
            self._add(name, tuple(value.shape), state, path)

    def _add(self, name: str, shape: tuple[int, ...], source: Any, path: Path) -> None:
        if name in self.shapes:
            raise InputError(f"{name} stands in {path} and in another file; give the files of one")
        self.shapes[name], self._files[name] = shape, source

    def __getitem__(self, name: str) -> Tensor:
        source = self._files[name]
        tensor = source[name] if isinstance(source, dict) else source.get_tensor(name)
        # What a pickle holds may be a part of another tensor, or laid out in another order.
        return tensor.detach().contiguous()

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def find_files(source: Path) -> list[Path]:
    """Return the weights files of a release: one file, or those of a folder.

    Raises:
        InputError: there are none, or several and no index.
    """
    if source.is_file():
        if source.suffix not in SUFFIXES:
            raise InputError(
                f"{source} is no weights file: {', '.join(SUFFIXES)} are known; give one of them, "
                "or the folder that holds it"
            )
        return [source]
    if not source.is_dir():
        raise InputError(f"there is no {source}; give a weights file, or the folder that holds it")
    for name in _NAMES:
        path = source / name
        if path.is_file():
            return _indexed(path) if path.suffix == ".json" else [path]
    found = sorted(path for path in source.iterdir() if path.suffix in SUFFIXES)
    if len(found) == 1:
        return found
    what = ", ".join(path.name for path in found[:6]) or "none"
    raise InputError(
        f"{source} has {len(found)} weights files ({what}) and no index of them "
        f"({_NAMES[0]}); name one file"
    )


def _indexed(index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise InputError(f"{index} names no weights (weight_map); copy it anew")
    paths = [index.parent / name for name in sorted(set(weight_map.values()))]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{index.parent} lacks {len(missing)} of the {len(paths)} files that {index.name} "
            f"names, such as {missing[0]}; download them"
        )
    return paths


def write_file(tensors: Iterable[tuple[str, Tensor]], path: Path) -> None:
    """Write tensors into one file, whose suffix tells the format."""
    held = dict(tensors)
    if path.suffix == ".safetensors":
        save_file(held, path, metadata={"format": "pt"})
    else:
        torch.save(held, path)


def write_folder(
    tensors: Iterable[tuple[str, Tensor]], folder: Path, shard_bytes: int = _SHARD_BYTES
) -> None:
    """Write tensors as `model.safetensors`, in parts with an index where they are many.

    Args:
        tensors: taken one after another; those of one part are in memory at once.
        folder: exists.
        shard_bytes: of one part.
    """
    shards: list[list[str]] = []
    held: dict[str, Tensor] = {}
    size = total = 0
    for name, tensor in tensors:
        if held and size + tensor.nbytes > shard_bytes:
            shards.append(_write_shard(held, folder, len(shards)))
            held, size = {}, 0
        held[name] = tensor
        size += tensor.nbytes
        total += tensor.nbytes
    shards.append(_write_shard(held, folder, len(shards)))
    if len(shards) == 1:
        (folder / _part_name(0)).rename(folder / "model.safetensors")
        return
    names = [f"model-{n + 1:05d}-of-{len(shards):05d}.safetensors" for n in range(len(shards))]
    for number, name in enumerate(names):
        (folder / _part_name(number)).rename(folder / name)
    weight_map = {key: name for name, keys in zip(names, shards, strict=True) for key in keys}
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / _NAMES[0]).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _part_name(number: int) -> str:
    return f"part-{number}.safetensors"


def _write_shard(held: dict[str, Tensor], folder: Path, number: int) -> list[str]:
    save_file(held, folder / _part_name(number), metadata={"format": "pt"})
    return list(held)
