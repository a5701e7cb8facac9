"""Low-rank adapters beside a language model's frozen weights, through peft."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from vary.errors import VaryError
from vary.extras import require
from vary.model.modeling import VaryForConditionalGeneration
from vary.train.build import meta_model
from vary.train.recipe import LoraRecipe, Recipe, StageRecipe

ADAPTER_FOLDER = "adapter"
_WEIGHTS_NAME = "adapter_model.safetensors"
_OURS, _PEFTS = "language_model.", "base_model.model."
_BASE = ".base_layer."
_FACTORS = ("lora_A", "lora_B")


class Adapters:
    """Adapters in a model's language model; nothing else of it is touched.

    Under adapters a weight has another name (`q_proj.base_layer.weight`). What is written has the
    names that it had before, and adapters in a folder of peft's, so that both load without
    training's help.

    Args:
        model: changed in place.
        recipe: sizes and places.
        seed: of the adapters' first factors; the second ones are zero.

    Raises:
        MissingExtraError: peft is not installed.
        VaryError: a target that is no linear layer of the language model.
    """

    def __init__(self, model: VaryForConditionalGeneration, recipe: LoraRecipe, seed: int) -> None:
        peft: Any = require("peft", extra="train")
        language_model = model.language_model
        check_targets(language_model, recipe.targets)
        config = peft.LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=list(recipe.targets) or "all-linear",
            task_type="CAUSAL_LM",
        )
        torch.manual_seed(seed)
        with warnings.catch_warnings():  # of names in transformers, and of GPT-2's turned matrices
            warnings.simplefilter("ignore")
            self.peft_model: Any = peft.get_peft_model(language_model, config)
        self.layers: dict[str, Any] = {
            f"{_OURS}{name}": module
            for name, module in language_model.named_modules()
            if hasattr(module, _FACTORS[0])
        }

    def base(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights without adapters, under the names that they had before.

        Args:
            state: of the model, whole.
        """
        return {
            name.replace(_BASE, "."): value
            for name, value in state.items()
            if not self._is_adapters(name)
        }

    def merged(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights with what the adapters add to them, computed in fp32.

        In fp32 this is the adapted model up to the order of sums. In bf16 a weight has 8 bits of
        mantissa: what an adapter adds below half a step of these is lost.

        Args:
            state: see `base`.
        """
        merged = self.base(state)
        for name, layer in self.layers.items():
            first, second = (state[f"{name}.{part}.default.weight"].float() for part in _FACTORS)
            added = (second @ first) * layer.scaling["default"]
            weight = merged[f"{name}.weight"]
            added = added.T if layer.fan_in_fan_out else added
            merged[f"{name}.weight"] = (weight.float() + added).to(weight.dtype)
        return merged

    def save(self, state: Mapping[str, Tensor], folder: Path) -> None:
        """Write the adapters as peft does: `PeftModel.from_pretrained(language_model, folder)`.

        Args:
            state: see `base`.
            folder: made if it is not there.
        """
        own = {
            _PEFTS + name.removeprefix(_OURS): value
            for name, value in state.items()
            if self._is_adapters(name)
        }
        self.peft_model.save_pretrained(folder, state_dict=own, save_embedding_layers=False)

    def state_of(self, base: Mapping[str, Tensor], folder: Path) -> dict[str, Tensor]:
        """Return the weights of a model with adapters from those of a checkpoint.

        Args:
            base: weights without adapters.
            folder: as `save` writes it.

        Raises:
            VaryError: the folder lacks them, or has others.
        """
        path = folder / _WEIGHTS_NAME
        if not path.is_file():
            raise VaryError(f"no adapters at {path}; remove its checkpoint to go on from another")
        state = {self._adapted(name): value for name, value in base.items()}
        for name, value in load_file(path).items():
            for part in _FACTORS:
                name = name.replace(f".{part}.weight", f".{part}.default.weight")  # noqa: PLW2901
            state[_OURS + name.removeprefix(_PEFTS)] = value
        return state

    def _adapted(self, name: str) -> str:
        """Return a weight's name in the model with adapters."""
        layer, _, last = name.rpartition(".")
        return f"{layer}{_BASE}{last}" if layer in self.layers else name

    def _is_adapters(self, name: str) -> bool:
        layer = name.rsplit(".", 3)[0]
        return layer in self.layers and any(f".{part}." in name for part in _FACTORS)


def check_lora(recipe: Recipe, stage: StageRecipe) -> None:
    """Refuse adapters that a stage cannot have, before any other stage is trained.

    Raises:
        MissingExtraError: peft is not installed.
        VaryError: see `check_targets`.
    """
    if stage.lora is None:
        return
    require("peft", extra="train")
    with torch.device("meta"):
        model = meta_model(recipe.model, recipe.data.alphabet)
    check_targets(model.language_model, stage.lora.targets)


def check_targets(language_model: nn.Module, targets: tuple[str, ...]) -> None:
    """Refuse targets that peft would leave out without a word, or that are no linear layers.

    Raises:
        VaryError: as told; the names that there are are named.
    """
    head = getattr(language_model, "get_output_embeddings", lambda: None)()
    linear = [
        name
        for name, module in language_model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head
    ]
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in linear):
            known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in linear}))
            raise VaryError(
                f"lora: target {target!r} is no linear layer of the language model; there are "
                f"{known}; leave targets out for all but the head"
            )
