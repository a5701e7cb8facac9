"""What a checkpoint folder holds, told from its configuration and the headers of its weights.

No weights are loaded: parameters are counted on a model without memory, and shapes and precisions
come from the first bytes of the safetensors files.
"""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModel,
    PreTrainedConfig,
    PreTrainedModel,
)

import vary.model  # noqa: F401 - its classes register with the Auto ones
from vary.checkpoints import CONFIG_FILE
from vary.errors import InputError
from vary.model.chat import PLACEHOLDER
from vary.model.configuration import VaryConfig
from vary.model.fusion import count_tokens
from vary.model.images import VaryImageProcessor
from vary.model.modeling import VaryForConditionalGeneration
from vary.model.processing import VaryProcessor
from vary.model.tokenizer import DRAFT_START, IMAGE, IMAGE_END, IMAGE_START
from vary.vocabulary import ViTDetConfig

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I64": "int64", "I32": "int32",
    "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
# Parts of a ViTDet vocabulary by the names of their parameters; the rest is the encoder.
_MERGING = ("net_2.", "net_3.")
_CTC = "ctc_head."


def checkpoint_info(folder: Path) -> dict[str, Any]:
    """Return what can be said of a checkpoint, as JSON values.

    Keys that are always there: `model_type`, `parameters` (`total` and, of our own models, `parts`;
    None where nothing tells), `dtype` (None where unknown), `bytes` (the whole folder), `problems`
    (weights that are missing, unknown or of another shape than the configuration's). Our own
    models, and vocabularies by themselves, have `vocabularies`, ours also `images`, `fusion`,
    `projector`, `language_model`, `prompt` and `tasks`.

    Args:
        folder: with `config.json`.

    Raises:
        InputError: a file that cannot be read, or a configuration that cannot be.
    """
    raw = read_json(folder / CONFIG_FILE)
    config = read_config(folder, raw)
    stored = stored_tensors(folder)
    model = _empty_model(config)
    info: dict[str, Any] = {
        "model_type": raw.get("model_type"),
        "parameters": _count(model, stored),
        "dtype": _main_dtype(stored),
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "problems": _problems(model, stored),
    }
    if isinstance(config, VaryConfig):
        assert isinstance(model, VaryForConditionalGeneration)
        described = _describe_vary(config, model, _read_processor(folder))
        info |= {**described, "problems": info["problems"] + described["problems"]}
    elif config is not None and hasattr(config, "token_grid"):
        info |= _describe_alone(config, folder)
    elif config is not None:
        info["language_model"] = _describe_language_model(config)
    return info


def read_json(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); copy it anew") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds no JSON object; copy it anew")
    return value


def read_config(folder: Path, raw: dict[str, Any]) -> PreTrainedConfig | None:
    """Return the configuration, None for a model that transformers does not know.

    Raises:
        InputError: values that cannot be, or the authors' own configuration, whose `model_type` is
            ours too.
    """
    is_theirs = "vocabularies" not in raw and "num_attention_heads" in raw
    if raw.get("model_type") == VaryConfig.model_type and is_theirs:
        raise InputError(
            f"{folder / CONFIG_FILE} is one of the Vary authors', not of ours; take the weights in "
            f"with: vary import {folder} --out DIR"
        )
    if raw.get("model_type") not in CONFIG_MAPPING:
        return None
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True)
    # A field of a wrong type raises an error of huggingface_hub's own, which derives from none.
    except Exception as error:
        raise InputError(f"{folder / CONFIG_FILE} describes no model: {error}") from error


def _read_processor(folder: Path) -> VaryProcessor | None:
    """Return a checkpoint's processor, None where it has none.

    Raises:
        InputError: it has one that cannot be read.
    """
    if not (folder / "processor_config.json").is_file():
        return None
    try:
        return VaryProcessor.from_pretrained(folder, local_files_only=True)
    # tokenizers raises bare Exceptions for damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the processor in {folder} cannot be read ({reason})") from error


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a folder, none where it has none.

    Raises:
        InputError: one that the index names is missing.
    """
    files = [folder / _SINGLE] if (folder / _SINGLE).is_file() else []
    if (folder / _INDEX).is_file():
        index = read_json(folder / _INDEX)
        files = [folder / name for name in sorted(set(index.get("weight_map", {}).values()))]
    for path in files:
        if not path.is_file():
            raise InputError(f"{path} is missing, though {_INDEX} names it; copy it anew")
    return files


def stored_tensors(folder: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and precision of each tensor in the safetensors files, by name.

    Raises:
        InputError: a file is missing or damaged.
    """
    stored: dict[str, tuple[tuple[int, ...], str]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - it is no dictionary
                    part = opened.get_slice(name)
                    dtype = part.get_dtype()
                    stored[name] = (tuple(part.get_shape()), _DTYPES.get(dtype, dtype.lower()))
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} is no safetensors file ({error}); copy it anew") from error
    return stored


def _empty_model(config: PreTrainedConfig | None) -> PreTrainedModel | None:
    """Return our own model of a configuration without memory, None for others' models."""
    with torch.device("meta"):
        if isinstance(config, VaryConfig):
            return VaryForConditionalGeneration(config)
        if config is not None and hasattr(config, "token_grid"):
            return AutoModel.from_config(config)
    return None


def _count(
    model: PreTrainedModel | None, stored: dict[str, tuple[tuple[int, ...], str]]
) -> dict[str, Any] | None:
    """Return the number of parameters, of others' models as many as are stored."""
    if model is None:
        total = sum(math.prod(shape) for shape, _ in stored.values())
        return {"total": total} if stored else None
    parts: dict[str, Any] = {}
    if isinstance(model, VaryForConditionalGeneration):
        for number, vocabulary in enumerate(model.vocabularies, start=1):
            parts[f"vocabulary {number}"] = _vocabulary_parts(vocabulary)
        parts["projector"] = _size(model.projector)
        parts["language model"] = _language_model_parts(model)
    else:
        parts["vocabulary"] = _vocabulary_parts(model)
    return {"total": _size(model), "parts": parts}


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _vocabulary_parts(vocabulary: nn.Module) -> dict[str, int]:
    counts = {"total": 0, "encoder": 0, "merging": 0, "ctc head": 0}
    for name, parameter in vocabulary.named_parameters():
        part = "ctc head" if name.startswith(_CTC) else "encoder"
        part = "merging" if name.startswith(_MERGING) else part
        counts[part] += parameter.numel()
        counts["total"] += parameter.numel()
    return {name: count for name, count in counts.items() if count}


def _language_model_parts(model: VaryForConditionalGeneration) -> dict[str, int]:
    """Return parameters of embeddings, head (0 where it is the embeddings) and the rest."""
    total = _size(model.language_model)
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    own_head = 0 if head is None or head.weight is inputs.weight else _size(head)
    embeddings = _size(inputs)
    layers = total - embeddings - own_head
    return {"total": total, "embeddings": embeddings, "layers": layers, "head": own_head}


def _main_dtype(stored: dict[str, tuple[tuple[int, ...], str]]) -> str | None:
    """Return the precision of the stored weights; where they differ, each, the commonest first."""
    counts: Counter[str] = Counter()
    for shape, dtype in stored.values():
        counts[dtype] += math.prod(shape)
    return ", ".join(dtype for dtype, _ in counts.most_common()) or None


def _problems(
    model: PreTrainedModel | None, stored: dict[str, tuple[tuple[int, ...], str]]
) -> list[str]:
    """Return in which points weights and configuration do not agree."""
    if model is None or not stored:
        return [] if stored or model is None else ["no weights in safetensors files"]
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    tied = set(model.all_tied_weights_keys)
    missing = sorted(wanted.keys() - stored.keys() - tied)
    unknown = sorted(stored.keys() - wanted.keys())
    shapes = sorted(
        name for name in wanted.keys() & stored.keys() if wanted[name] != stored[name][0]
    )
    found = {"missing": missing, "not of this model": unknown, "of another shape": shapes}
    return [
        f"{len(names)} weights {what}, such as {names[0]}" for what, names in found.items() if names
    ]


def _describe_vary(
    config: VaryConfig, model: VaryForConditionalGeneration, processor: VaryProcessor | None
) -> dict[str, Any]:
    rules = processor.image_processor.rules if processor else []
    sizes = [(rule.height, rule.width) for rule in rules]
    sizes += [part.image_size for part in config.vocabularies[len(sizes) :]]
    vocabularies = [
        describe_vocabulary(part, size)
        for part, size in zip(config.vocabularies, sizes, strict=True)
    ]
    counts = [part["tokens"] for part in vocabularies]
    tokens, problem = None, ""
    try:
        tokens = count_tokens(counts, config.fusion, config.added)
    except ValueError as error:
        problem = str(error)
    return {
        "tasks": list(config.tasks),
        "tokens_per_image": tokens,
        "vocabularies": vocabularies,
        "images": [rule.to_dict() for rule in rules],
        "fusion": config.fusion,
        "added": list(config.added),
        "projector": [
            [linear.in_features, linear.out_features]
            for linear in model.projector.linears
            if isinstance(linear, nn.Linear)
        ],
        "language_model": _describe_language_model(config.text_config),
        "prompt": _describe_prompt(processor, tokens) if processor and tokens else None,
        "problems": [problem] if problem else [],
    }


def _describe_alone(config: PreTrainedConfig, folder: Path) -> dict[str, Any]:
    """Return what a vocabulary by itself is; with its image rule and card, where it has them."""
    rule_path, card_path = folder / "preprocessor_config.json", folder / "card.json"
    if not rule_path.is_file():
        return {"vocabularies": [describe_vocabulary(config, config.image_size)]}
    read_json(rule_path)
    rules = VaryImageProcessor.from_pretrained(folder, local_files_only=True).rules
    described = [describe_vocabulary(config, (rule.height, rule.width)) for rule in rules]
    card = read_json(card_path) if card_path.is_file() else {}
    return {
        "tasks": card.get("tasks", []),
        "tokens_per_image": described[0]["tokens"],
        "vocabularies": described,
        "images": [rule.to_dict() for rule in rules],
        "license": card.get("license"),
        "origin": card.get("origin"),
    }


def describe_vocabulary(config: PreTrainedConfig, size: tuple[int, int]) -> dict[str, Any]:
    """Return a vocabulary's sizes for images of this height and width, as JSON values.

    Raises:
        ValueError: a size that it cannot take.
    """
    rows, columns = config.token_grid(*size)
    network = getattr(config, "network", None)
    described: dict[str, Any] = {
        "model_type": config.model_type if network is None else network.model_type,
        "image_size": list(size),
        "grid": [rows, columns],
        "tokens": rows * columns,
        "token_size": config.token_size,
    }
    if network is not None:
        described["layer"] = config.layer
    if isinstance(config, ViTDetConfig):
        described["positions"] = config.positions
        described["ctc_classes"] = len(config.ctc_alphabet) + 1 if config.ctc_alphabet else None
        described["kinds"] = list(config.kinds)
    return described


def _describe_language_model(config: PreTrainedConfig) -> dict[str, Any]:
    """Return a language model's sizes, as far as its configuration tells them."""
    text = config.get_text_config()
    names = {
        "width": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "positions": "max_position_embeddings",
        "rows": "vocab_size",
        "embedding_size": "word_embed_proj_dim",
        "tied": "tie_word_embeddings",
    }
    values = {name: getattr(text, field, None) for name, field in names.items()}
    known = {name: value for name, value in values.items() if value is not None}
    return {"model_type": text.model_type, **known}


def _describe_prompt(processor: VaryProcessor, tokens: int) -> dict[str, Any]:
    """Return the form's name and text, `ANSWER` where the answer is written."""
    tokenizer, form = processor.tokenizer, processor.form
    if processor.chat is not None:
        turns = [{"role": "user", "content": f"{PLACEHOLDER}\nQUESTION"}]
        asked = tokenizer.decode(processor.conversation(turns, [1]).tokens)
        asked = asked.replace(IMAGE, f"{IMAGE} x {tokens}")
        end = tokenizer.convert_ids_to_tokens(processor.end_id)
        return {"form": form.name, "text": f"{asked}ANSWER{end}", "answer_position": None}
    start = tokenizer.decode(form.start_tokens(tokenizer))
    draft = "[<draft>DRAFT</draft>]" if DRAFT_START in tokenizer.get_vocab() else ""
    image = f"{IMAGE_START}{IMAGE} x {tokens}{IMAGE_END}"
    answer = f"ANSWER{form.after_answer}{tokenizer.eos_token}"
    return {
        "form": form.name,
        "text": f"{start}{image}{form.after_image}{draft}{answer}",
        "answer_position": processor.answer_position,
    }
