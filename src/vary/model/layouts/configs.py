"""The `config.json` of a release, of a model of ours."""

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig

from vary.errors import InputError
from vary.model.images import ImageRule
from vary.model.layouts.sizes import clip_config, language_model_config, vitdet_config
from vary.model.layouts.tables import Layout
from vary.vocabulary import ViTDetConfig

Shapes = Mapping[str, tuple[int, ...]]

# What says nothing of the network: it comes from the tokenizer or from a training.
_OTHER = {
    "architectures", "bos_token_id", "dtype", "eos_token_id", "initializer_range", "init_std",
    "pad_token_id", "torch_dtype", "transformers_version", "use_cache", "_name_or_path",
    "decoder_start_token_id", "_remove_final_layer_norm", "max_window_layers", "layer_types",
    "attention_dropout", "dropout", "layerdrop", "return_dict", "output_hidden_states",
    "chunk_size_feed_forward", "is_encoder_decoder", "problem_type", "id2label", "label2id",
    "output_attentions", "initializer_factor",
}  # fmt: skip
_RESAMPLING = {"bilinear": 2, "bicubic": 3, "lanczos": 1}


def their_config(
    layout: Layout, config: PreTrainedConfig, imported: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the fields of a release's config.json.

    Args:
        layout: of the release.
        config: of the model or vocabulary.
        imported: the config.json that it came with; it is given back, with these fields over it.
    """
    fields = dict(layout.config)
    if layout.name.startswith("sam"):
        own = _vision_fields(config) if layout.name == "sam-hf" else {}
        return imported or {**fields, **own}
    if layout.language_model is None:
        return imported or fields
    text = _plain(config.text_config.to_dict())
    tied = {"tie_word_embeddings": config.text_config.tie_word_embeddings}
    if layout.name.startswith("got-hf"):
        return {**(imported or {}), **_got_hugging_face(config, text, imported or {}), **tied}
    if layout.language_model == "qwen":
        return {**(imported or {}), **fields, **_qwen_1(text), **tied}
    special = {
        "im_patch_token": config.image_token_id, "use_im_start_end": True, "image_token_len": 256,
    }  # fmt: skip
    wanted = {**text, **fields, **tied}
    return {**wanted, **special, **imported, **tied} if imported else {**wanted, **special}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a config.json holds, without what this version of transformers is."""
    return {name: value for name, value in fields.items() if name != "transformers_version"}


def _vision_fields(config: PreTrainedConfig) -> dict[str, Any]:
    """Return the fields that transformers has for SAM's and GOT's encoder."""
    height, width = config.image_size
    return {
        "architectures": ["SamVisionModel"],
        "model_type": "sam_vision_model",
        "hidden_size": config.hidden_size,
        "output_channels": config.out_channels,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_channels": config.num_channels,
        "image_size": height if height == width else [height, width],
        "patch_size": config.patch_size[0],
        "layer_norm_eps": config.layer_norm_eps,
        "window_size": config.window_size[0],
        "global_attn_indexes": list(config.global_blocks),
        "mlp_dim": round(config.hidden_size * config.mlp_ratio),
        "mlp_ratio": config.mlp_ratio,
    }


def _got_hugging_face(
    config: PreTrainedConfig, text: dict[str, Any], imported: dict[str, Any]
) -> dict[str, Any]:
    vision = {**_vision_fields(config.vocabularies[0]), "model_type": "got_ocr2_vision"}
    vision.pop("architectures")
    rows, columns = config.vocabularies[0].token_grid(*config.vocabularies[0].image_size)
    return {
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "model_type": "got_ocr2",
        "image_token_index": config.image_token_id,
        "image_seq_length": imported.get("image_seq_length", rows * columns),
        "vision_config": {**imported.get("vision_config", {}), **vision},
        "text_config": {**text, "model_type": "qwen2"},
    }


def _qwen_1(text: dict[str, Any]) -> dict[str, Any]:
    rope = text.get("rope_parameters") or {}
    return {
        "hidden_size": text["hidden_size"],
        "intermediate_size": 2 * text["intermediate_size"],
        "num_hidden_layers": text["num_hidden_layers"],
        "num_attention_heads": text["num_attention_heads"],
        "kv_channels": text["hidden_size"] // text["num_attention_heads"],
        "vocab_size": text["vocab_size"],
        "layer_norm_epsilon": text["rms_norm_eps"],
        "rotary_emb_base": rope.get("rope_theta", text.get("rope_theta")),
        "rotary_pct": 1.0,
        "seq_length": text["max_position_embeddings"],
        "max_position_embeddings": text["max_position_embeddings"],
        "no_bias": True,
    }


def their_image_processor(layout: Layout, rule: ImageRule) -> dict[str, Any] | None:
    """Return what transformers' own classes read of images; None for other layouts."""
    if not layout.name.startswith("got-hf"):
        return None
    return {
        "image_processor_type": "GotOcr2ImageProcessor",
        "do_resize": True,
        "size": {"height": rule.height, "width": rule.width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(rule.mean),
        "image_std": list(rule.std),
        "resample": _RESAMPLING[rule.resample],
        "do_convert_rgb": True,
    }


def differences(
    layout: Layout, config: PreTrainedConfig, shapes: Shapes, given: dict[str, Any] | None
) -> list[str]:
    """Return in which points a model would come back otherwise than it is.

    Args:
        layout: that it is exported to.
        config: the model's, or the vocabulary's.
        shapes: of its tensors, by our names.
        given: the config.json that goes along; None where there is only a file of weights.
    """
    if layout.language_model is None:
        eps = (given or {}).get("layer_norm_eps", 1e-6)
        return _unlike(config, vitdet_config(shapes, eps), "")
    wrong: list[str] = []
    for number, part in enumerate(config.vocabularies):
        prefix = f"vocabularies.{number}."
        own = _part(shapes, prefix)
        if isinstance(part, ViTDetConfig):
            eps = ((given or {}).get("vision_config") or {}).get("layer_norm_eps", 1e-6)
            wrong += _unlike(part, vitdet_config(own, eps), prefix)
        else:
            clip = clip_config(_part(own, "network."))
            wrong += _unlike(part.network, clip.network, f"{prefix}network.")
            if part.layer != clip.layer:
                wrong.append(f"{prefix}layer is {part.layer}, and would be {clip.layer}")
    text = (given or {}).get("text_config", given)
    try:
        found = language_model_config(
            layout.language_model,
            _part(shapes, "language_model."),
            text,
            config.text_config.tie_word_embeddings,
        )
    except InputError as error:
        return [*wrong, str(error)]
    return [*wrong, *_unlike(config.text_config, found, "text_config.")]


def _part(shapes: Shapes, prefix: str) -> dict[str, tuple[int, ...]]:
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def _unlike(config: PreTrainedConfig, found: PreTrainedConfig, where: str) -> list[str]:
    own, other = config.to_dict(), found.to_dict()
    return [
        f"{where}{name} is {own.get(name)!r}, and would be {other.get(name)!r}"
        for name in sorted(own.keys() | other.keys())
        if name not in _OTHER and _plainly(own.get(name)) != _plainly(other.get(name))
    ]


def _plainly(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
