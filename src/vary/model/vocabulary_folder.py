"""A vocabulary as a folder of its own: weights, configuration, image rule and card.

It loads without the language model that it learned with, and goes into any other.
"""

from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from vary.checkpoints import CONFIG_FILE
from vary.errors import InputError, VaryError
from vary.model.card import CARD_FILE, read_origin, sha256, write_card
from vary.model.configuration import VaryConfig
from vary.model.folders import whole_folder
from vary.model.images import ImageRule, VaryImageProcessor
from vary.model.inspection import (
    checkpoint_info,
    describe_vocabulary,
    read_config,
    read_json,
    stored_tensors,
    weight_files,
)
from vary.model.modeling import build_vocabulary

RULE_FILE = "preprocessor_config.json"
_SHOWN = 6  # names of weights in one message


def load_vocabulary(
    folder: str | Path, *, verify: bool = False
) -> tuple[PreTrainedModel, VaryImageProcessor]:
    """Return a vocabulary's network, in evaluation mode, and what makes its pixels.

    Args:
        folder: as `save_vocabulary` and `vary extract` write it.
        verify: also compare the weights' hash with the card's.

    Raises:
        InputError: no such folder, a file that is missing or damaged, or weights that do not fit
            the configuration.
    """
    path = Path(folder)
    config = _own_config(path)
    if not hasattr(config, "token_grid"):
        raise InputError(
            f"{path} holds a model of type {config.model_type}, no vocabulary; take it out with: "
            f"vary extract {path} --out DIR"
        )
    if not (path / RULE_FILE).is_file():
        raise InputError(
            f"{path} has no {RULE_FILE}, so that nobody knows how its images are made; write the "
            "folder with vary extract or save_vocabulary"
        )
    read_json(path / RULE_FILE)
    try:
        images = VaryImageProcessor.from_pretrained(path, local_files_only=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path / RULE_FILE} holds no image rule: {error}") from error
    network = load_network(config, path, "")
    if verify:
        _compare_hashes(path)
    return network, images


def _own_config(folder: Path) -> PreTrainedConfig:
    if not (folder / CONFIG_FILE).is_file():
        raise InputError(f"{folder} holds no vocabulary: it has no {CONFIG_FILE}")
    raw = read_json(folder / CONFIG_FILE)
    config = read_config(folder, raw)
    if config is None:
        raise InputError(f"{folder / CONFIG_FILE} names no known model: {raw.get('model_type')!r}")
    return config


def _compare_hashes(folder: Path) -> None:
    """Refuse weights that are not those that the card speaks of.

    Raises:
        InputError: a hash differs.
    """
    path = folder / CARD_FILE
    for name, wanted in (read_json(path).get("weights", {}) if path.is_file() else {}).items():
        found = sha256(folder / name) if (folder / name).is_file() else "no file"
        if found != wanted:
            raise InputError(
                f"{folder / name} is not what {path} was written for (sha256 {found}, the card "
                f"says {wanted}); copy it anew, or write the folder again with save_vocabulary"
            )


def load_network(config: PreTrainedConfig, folder: Path, prefix: str) -> PreTrainedModel:
    """Return a vocabulary with the weights of a folder's safetensors files, loaded strictly.

    Args:
        config: the vocabulary's.
        folder: with the files; only what is wanted is read of them.
        prefix: what stands before the names of its weights.

    Raises:
        InputError: damaged files, or weights that are missing, unknown or of another shape.
    """
    network, _ = build_vocabulary(config)
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    stored = {
        name.removeprefix(prefix): shape
        for name, (shape, _) in stored_tensors(folder).items()
        if name.startswith(prefix)
    }
    wrong = [
        *(f"{name} is missing" for name in sorted(wanted.keys() - stored.keys())),
        *(f"{name} is unknown" for name in sorted(stored.keys() - wanted.keys())),
        *(
            f"{name} is {stored[name]} in the file, {wanted[name]} by the configuration"
            for name in sorted(wanted.keys() & stored.keys())
            if wanted[name] != stored[name]
        ),
    ]
    if wrong:
        files = ", ".join(map(str, weight_files(folder))) or f"{folder} (no safetensors files)"
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InputError(
            f"{files} and {folder / CONFIG_FILE} do not fit together: "
            f"{'; '.join(wrong[:_SHOWN])}{more}"
        )
    network.load_state_dict(_read_tensors(folder, prefix), assign=True)
    return network.eval().requires_grad_()


def _read_tensors(folder: Path, prefix: str) -> dict[str, Tensor]:
    tensors = {}
    for path in weight_files(folder):
        with safe_open(path, "pt") as opened:
            names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118
            tensors.update({name.removeprefix(prefix): opened.get_tensor(name) for name in names})
    return tensors


def save_vocabulary(
    network: PreTrainedModel,
    image_rule: ImageRule | dict[str, Any],
    out: str | Path,
    *,
    facts: dict[str, Any] | None = None,
) -> Path:
    """Write a vocabulary as a folder of its own, and return the folder.

    Args:
        network: a vocabulary, such as `ViTDetVocabulary` or `TowerVocabulary`.
        image_rule: how it wants its images.
        out: a new or empty folder; it is there whole or not at all.
        facts: fields of the card that the network does not tell: `name`, `tasks`, `prompt`,
            `license`, `language`, `data`, `origin`.

    Raises:
        VaryError: the folder is not empty, or the rule does not fit the vocabulary.
    """
    rule = image_rule if isinstance(image_rule, ImageRule) else ImageRule(**image_rule)
    try:
        described = describe_vocabulary(network.config, (rule.height, rule.width))
    except ValueError as error:
        raise VaryError(f"the image rule does not fit the vocabulary: {error}") from error
    with whole_folder(Path(out)) as beside:
        network.save_pretrained(beside)
        VaryImageProcessor([rule]).save_pretrained(beside)
        write_card(beside, _card(network, rule, described, beside, facts or {}))
    return Path(out)


def _card(
    network: PreTrainedModel,
    rule: ImageRule,
    described: dict[str, Any],
    folder: Path,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Return the card's fields as JSON values."""
    config = network.config
    alphabet = getattr(config, "ctc_alphabet", None)
    return {
        "card": "vary vocabulary 1",
        "name": described["model_type"],
        "network": described["model_type"],
        "layer": described.get("layer"),
        "parameters": sum(part.numel() for part in network.parameters()),
        "dtype": str(network.dtype).removeprefix("torch."),
        "image": {**rule.to_dict(), **_backend(rule)},
        **{name: described[name] for name in ("image_size", "grid", "tokens", "token_size")},
        "ctc": {"classes": len(alphabet) + 1, "alphabet": alphabet} if alphabet else None,
        "kinds": list(getattr(config, "kinds", ())),
        **{"tasks": [], "prompt": None, "license": None, "language": None},
        **{"data": None, "origin": None, **facts},
        "weights": {path.name: sha256(path) for path in weight_files(folder)},
    }


def _backend(rule: ImageRule) -> dict[str, Any]:
    """Return what resizes pictures by a rule."""
    return {"backend": "Pillow" if rule.antialias else "PyTorch", "antialias": rule.antialias}


def vocabulary_of(
    folder: Path, index: int = 0
) -> tuple[PreTrainedModel, ImageRule, dict[str, Any]]:
    """Return a vocabulary of a checkpoint, its image rule, and what its card shall say.

    Only the vocabulary's weights are read.

    Args:
        folder: a checkpoint of ours.
        index: which of its vocabularies, from 0.

    Raises:
        VaryError: no checkpoint of ours, no such vocabulary, or files that cannot be read.
    """
    config = _own_config(folder)
    if not isinstance(config, VaryConfig):
        raise VaryError(
            f"{folder} holds a model of type {config.model_type}, no checkpoint of ours with "
            "vocabularies in it"
        )
    number = len(config.vocabularies)
    if not 0 <= index < number:
        raise VaryError(
            f"{folder} has {number} {'vocabulary' if number == 1 else 'vocabularies'}, numbered "
            f"from 0; there is no number {index}"
        )
    info = checkpoint_info(folder)
    if len(info["images"]) != number:
        raise VaryError(
            f"{folder} has {len(info['images'])} image rules for {number} vocabularies, so that "
            "nobody knows how the images are made; give a checkpoint with its processor"
        )
    network = load_network(config.vocabularies[index], folder, f"vocabularies.{index}.")
    facts = {
        "name": f"{folder.resolve().name}-vocabulary" + (f"-{index}" if number > 1 else ""),
        "tasks": info["tasks"],
        "prompt": info["prompt"] and info["prompt"]["text"],
        **read_origin(folder),
        "origin": {
            "checkpoint": folder.resolve().name,
            "index": index,
            "vocabularies": number,
            "fusion": info["fusion"],
            "language_model": info["language_model"]["model_type"],
        },
    }
    return network, ImageRule(**info["images"][index]), facts


def extract_vocabulary(folder: Path, out: Path, index: int = 0) -> Path:
    """Write a vocabulary of a checkpoint as a folder of its own; see `vocabulary_of`."""
    network, rule, facts = vocabulary_of(folder, index)
    return save_vocabulary(network, rule, out, facts=facts)


def read_card(folder: Path) -> dict[str, Any] | None:
    """Return a vocabulary folder's card, None where it has none."""
    path = folder / CARD_FILE
    return read_json(path) if path.is_file() else None
