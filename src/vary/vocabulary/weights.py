"""Encoders in the layouts of other projects, found in a state dict and loaded strictly."""

import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vary.errors import InputError, VaryError

# Renamings from Hugging Face's SAM and GOT-OCR2 layouts to the authors' names, in this order.
_HUGGING_FACE_NAMES = (
    ("multi_modal_projector.conv_upsampler1.", "net_2."),
    ("multi_modal_projector.conv_upsampler2.", "net_3."),
    ("patch_embed.projection.", "patch_embed.proj."),
    ("neck.conv1.", "neck.0."),
    ("neck.layer_norm1.", "neck.1."),
    ("neck.conv2.", "neck.2."),
    ("neck.layer_norm2.", "neck.3."),
    (".layer_norm1.", ".norm1."),
    (".layer_norm2.", ".norm2."),
)
# Under which trainers put the weights: LAVIS and SAM's kin, Lightning, DeepSpeed.
_STATE_KEYS = ("model", "state_dict", "module")
_NECK_KEYS = ("neck.0.weight", "neck.conv1.weight")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights file; pickles are read without running code.

    Raises:
        InputError: there is no such file, it cannot be read, or it holds no state dict.
    """
    if not path.is_file():
        raise InputError(f"no weights file at {path}; give a .safetensors, .pth or .bin file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = _load_pickle(path)
    # What is no pickle at all raises almost anything.
    except Exception as error:
        reason = str(error).split("\n", 1)[0] or type(error).__name__
        raise InputError(
            f"{path} cannot be read as weights ({reason}); give an undamaged .safetensors file, or "
            "a .pth or .bin file that holds tensors only"
        ) from error
    state = _unwrap(loaded)
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise InputError(f"{path} holds no state dict (names to tensors)")
    return state


def _load_pickle(path: Path) -> Any:
    """Return what a pickle holds; tensors stay on disk until they are used, where it allows."""
    if zipfile.is_zipfile(path):
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrap(loaded: Any) -> Any:
    """Return the state dict of a training's checkpoint, which holds more than it."""
    for key in _STATE_KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            return loaded[key]
    return loaded


def find_encoder(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the encoder's tensors under the authors' names.

    The prefix is what stands before the neck's first convolution. In Hugging Face's GOT layout the
    two merging convolutions stand beside the encoder and are taken along.

    Raises:
        VaryError: no encoder, or more than one.
    """
    roots = {
        key[: -len(neck)] for key in state for neck in _NECK_KEYS if _ends_with_name(key, neck)
    }
    if len(roots) != 1:
        found = f"{len(roots)} encoders ({', '.join(sorted(roots))})" if roots else "no encoder"
        raise VaryError(
            f"{found} in the weights: one key ending in {' or '.join(_NECK_KEYS)} is looked for"
        )
    root = roots.pop()
    beside = root.removesuffix("vision_tower.")
    taken = {key.removeprefix(root): value for key, value in state.items() if key.startswith(root)}
    for key, value in state.items():
        if key.startswith(f"{beside}multi_modal_projector.conv_upsampler"):
            taken[key.removeprefix(beside)] = value
    return {_authors_name(key): value for key, value in taken.items()}


def _ends_with_name(key: str, name: str) -> bool:
    return key == name or key.endswith("." + name)


def _authors_name(key: str) -> str:
    if key.startswith("layers."):
        key = "blocks." + key.removeprefix("layers.")
    for theirs, ours in _HUGGING_FACE_NAMES:
        key = key.replace(theirs, ours)
    return key


def load_encoder_weights(
    model: nn.Module, weights: str | PathLike[str] | dict[str, Tensor]
) -> list[str]:
    """Load an encoder into a vocabulary and return the names that it did not hold.

    Only the merging convolutions (bare SAM has none) and the CTC head may be missing; they keep
    their initial values.

    Raises:
        VaryError: the encoder's sizes or names do not fit.
    """
    state = weights if isinstance(weights, dict) else read_state_dict(Path(weights))
    encoder = find_encoder(state)
    own = model.state_dict()
    missing = sorted(own.keys() - encoder.keys())
    may_miss = ("net_2.", "net_3.", "ctc_head.")
    wrong = [
        *(f"missing {name}" for name in missing if not name.startswith(may_miss)),
        *(f"unknown {name}" for name in sorted(encoder.keys() - own.keys())),
        *(
            f"{name} is {tuple(encoder[name].shape)}, not {tuple(own[name].shape)}"
            for name in sorted(own.keys() & encoder.keys())
            if own[name].shape != encoder[name].shape
        ),
    ]
    if wrong:
        shown = "; ".join(wrong[:8]) + (f"; and {len(wrong) - 8} more" if len(wrong) > 8 else "")
        raise VaryError(f"the weights do not fit this vocabulary's configuration: {shown}")
    model.load_state_dict(encoder, strict=False)
    return missing
