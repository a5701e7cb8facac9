"""Configurations told by the shapes of weights, and by a `config.json` where there is one.

Shapes tell nearly all. What they do not tell (heads, precision of norms, rotary base) comes from
`config.json`; without one the rules here hold, which are those of the releases.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from vary.errors import InputError, VaryError
from vary.model.layouts.tables import LanguageModel
from vary.model.tower import TowerConfig
from vary.vocabulary import ViTDetConfig
from vary.vocabulary.configuration import Pair

Shapes = Mapping[str, tuple[int, ...]]

# Width of a head where no config.json tells the number of heads: CLIP-L's, OPT-125M's,
# Qwen-0.5B's (in GOT), and Qwen-1's of every size.
HEAD_SIZES = {"clip": 64, "opt": 64, "qwen2": 64, "qwen": 128}
# The authors' choice for CLIP in Vary-base and Vary-toy.
CLIP_LAYER = -2
# Qwen-1's context, where its config.json does not tell: behind it Qwen-1 changes its rotary base
# and the scale of attention, which Qwen-2 does not do.
QWEN_1_POSITIONS = 8192
_DEFAULT_WINDOW = 14
# Fields of config.json that shapes cannot tell, in their layout and in transformers'.
_CARRIED: dict[LanguageModel, dict[str, str]] = {
    "opt": {
        name: name
        for name in (
            "num_attention_heads", "activation_function", "_remove_final_layer_norm",
            "enable_bias", "layer_norm_elementwise_affine", "dropout", "attention_dropout",
            "layerdrop", "init_std",
        )
    },
    "qwen2": {
        name: name
        for name in (
            "num_attention_heads", "hidden_act", "rms_norm_eps", "max_position_embeddings",
            "rope_theta", "rope_parameters", "use_sliding_window", "sliding_window",
            "max_window_layers", "layer_types", "attention_dropout", "initializer_range",
        )
    },
    "qwen": {
        "num_attention_heads": "num_attention_heads", "layer_norm_epsilon": "rms_norm_eps",
        "rotary_emb_base": "rope_theta", "seq_length": "max_position_embeddings",
        "initializer_range": "initializer_range", "attn_dropout_prob": "attention_dropout",
    },
}  # fmt: skip
_DEFAULTS: dict[LanguageModel, dict[str, Any]] = {
    "opt": {},
    "qwen2": {"max_position_embeddings": 32768, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6},
    "qwen": {
        "max_position_embeddings": QWEN_1_POSITIONS, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
    },
}  # fmt: skip


def vitdet_config(shapes: Shapes, eps: float = 1e-6) -> ViTDetConfig:
    """Return the sizes of the paper's network.

    Args:
        shapes: of its weights by our names, without a prefix.
        eps: of its norms, which no shape tells.

    Raises:
        InputError: a weight is missing by which a size is told, or its shape cannot be.
    """
    read = _Reader(shapes, "the encoder")
    width, channels, *patch = read("patch_embed.proj.weight", 4)
    _, rows, columns, _ = read("pos_embed", 4)
    depth = read.count(r"blocks\.(\d+)\.")
    head = read("blocks.0.attn.rel_pos_h", 2)[1]
    windows = [_window(read, number) for number in range(depth)]
    whole = (rows, columns)
    smaller = {window for window in windows if window != whole}
    if len(smaller) > 1:
        raise InputError(
            f"the encoder's windows are of several sizes, {sorted(smaller)}; the paper's are all "
            "of one"
        )
    out = read("neck.0.weight", 4)[0]
    merged = (512, 1024)  # the paper's, which SAM does not have
    if "net_3.weight" in shapes:
        merged = (read("net_2.weight", 4)[0], read("net_3.weight", 4)[0])
    if width % head:
        raise InputError(
            f"the encoder is {width} wide and its tables of relative positions (rel_pos_h) are "
            f"{head} wide: no whole number of heads"
        )
    return ViTDetConfig(
        image_size=(rows * patch[0], columns * patch[1]),
        patch_size=(patch[0], patch[1]),
        num_channels=channels,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // head,
        mlp_ratio=read("blocks.0.mlp.lin1.weight", 2)[0] / width,
        window_size=smaller.pop() if smaller else _DEFAULT_WINDOW,
        global_blocks=[n for n, window in enumerate(windows) if window == whole],
        out_channels=out,
        merge_channels=merged,
        layer_norm_eps=eps,
    )


def _window(read: "_Reader", block: int) -> Pair:
    """Return how far a block sees, by its tables: of n patches they have 2 n - 1 rows."""
    rows = [read(f"blocks.{block}.attn.rel_pos_{side}", 2)[0] for side in "hw"]
    return (rows[0] + 1) // 2, (rows[1] + 1) // 2


def clip_config(shapes: Shapes) -> TowerConfig:
    """Return the sizes of CLIP's vision model, of whose layers the authors take the second last.

    Raises:
        InputError: see `vitdet_config`.
    """
    read = _Reader(shapes, "CLIP")
    width, channels, patch, _ = read("embeddings.patch_embedding.weight", 4)
    side = math.isqrt(read("embeddings.position_embedding.weight", 2)[0] - 1)
    network = AutoConfig.for_model(
        "clip_vision_model",
        hidden_size=width,
        intermediate_size=read("encoder.layers.0.mlp.fc1.weight", 2)[0],
        num_hidden_layers=read.count(r"encoder\.layers\.(\d+)\."),
        num_attention_heads=_heads(width, "clip"),
        num_channels=channels,
        image_size=side * patch,
        patch_size=patch,
    )
    return TowerConfig(network, CLIP_LAYER)


def language_model_config(
    family: LanguageModel, shapes: Shapes, config: Mapping[str, Any] | None, is_tied: bool
) -> PreTrainedConfig:
    """Return the sizes of a language model.

    Args:
        family: `qwen` is Qwen-1, which becomes a Qwen-2.
        shapes: of its weights by our names, without a prefix.
        config: what their config.json says of it; None without one.
        is_tied: whether its head is its embeddings.

    Raises:
        InputError: see `vitdet_config`; or config.json and weights do not fit together.
        VaryError: a kind that cannot be loaded.
    """
    told = opt_sizes(shapes) if family == "opt" else qwen_sizes(shapes)
    given = {} if config is None else dict(config)
    if family == "qwen":
        given = _qwen_1_fields(given)
    _compare(told, given)
    carried = {
        ours: given[theirs]
        for theirs, ours in _CARRIED[family].items()
        if given.get(theirs) is not None
    }
    if "num_attention_heads" not in carried:
        width = shapes_width(shapes) or told["hidden_size"]
        carried["num_attention_heads"] = _heads(width, family)
    fields = {**_DEFAULTS[family], **carried, **told}
    if family != "opt":
        _set_heads(fields, shapes)
    if "rope_parameters" in fields:
        fields.pop("rope_theta", None)
    elif "rope_theta" in fields:
        theta = float(fields.pop("rope_theta"))
        fields["rope_parameters"] = {"rope_type": "default", "rope_theta": theta}
    kind = "opt" if family == "opt" else "qwen2"
    # transformers' defaults name special tokens that this model need not have.
    ids = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"))
    return AutoConfig.for_model(kind, **fields, **ids, tie_word_embeddings=is_tied)


def opt_sizes(shapes: Shapes) -> dict[str, Any]:
    """Return the fields of an `OPTConfig` that shapes tell."""
    read = _Reader(shapes, "OPT")
    rows, narrow = read("model.decoder.embed_tokens.weight", 2)
    positions, width = read("model.decoder.embed_positions.weight", 2)
    return {
        "vocab_size": rows,
        "word_embed_proj_dim": narrow,
        "hidden_size": width,
        "max_position_embeddings": positions - 2,  # two rows stand before position 0
        "num_hidden_layers": read.count(r"model\.decoder\.layers\.(\d+)\."),
        "ffn_dim": read("model.decoder.layers.0.fc1.weight", 2)[0],
        "do_layer_norm_before": "model.decoder.final_layer_norm.weight" in shapes,
    }


def qwen_sizes(shapes: Shapes) -> dict[str, Any]:
    """Return the fields of a `Qwen2Config` that shapes tell."""
    read = _Reader(shapes, "Qwen")
    rows, width = read("model.embed_tokens.weight", 2)
    return {
        "vocab_size": rows,
        "hidden_size": width,
        "num_hidden_layers": read.count(r"model\.layers\.(\d+)\."),
        "intermediate_size": read("model.layers.0.mlp.gate_proj.weight", 2)[0],
    }


def shapes_width(shapes: Shapes) -> int | None:
    """Return the width of all queries of a Qwen, None of another model."""
    found = shapes.get("model.layers.0.self_attn.q_proj.weight")
    return found[0] if found else None


def _set_heads(fields: dict[str, Any], shapes: Shapes) -> None:
    """Tell the heads of keys and values by their weights."""
    queries = _Reader(shapes, "Qwen")("model.layers.0.self_attn.q_proj.weight", 2)[0]
    keys = _Reader(shapes, "Qwen")("model.layers.0.self_attn.k_proj.weight", 2)[0]
    heads = fields["num_attention_heads"]
    if queries % heads or keys % (queries // heads):
        raise InputError(
            f"config.json says num_attention_heads {heads}; the weights have queries of {queries} "
            f"and keys of {keys}, which are no whole number of such heads"
        )
    fields["num_key_value_heads"] = keys // (queries // heads)
    if queries != fields["hidden_size"]:
        fields["head_dim"] = queries // heads


def _qwen_1_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Return Qwen-1's configuration with the width of its MLP as weights have it.

    Raises:
        VaryError: biases or rotary positions that Qwen-2 does not have.
    """
    if config.get("no_bias") is False:
        raise VaryError("config.json says no_bias false: Qwen-2 has no biases in o_proj and MLP")
    if config.get("rotary_pct", 1.0) != 1.0:
        raise VaryError(
            f"config.json says rotary_pct {config['rotary_pct']}: Qwen-2 turns all of a head (1.0)"
        )
    given = dict(config)
    if "intermediate_size" in given:
        given["intermediate_size"] = given["intermediate_size"] // 2  # w1 and w2 together
    given.setdefault("seq_length", given.get("max_position_embeddings"))
    given.pop("max_position_embeddings", None)
    return given


def _compare(told: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    wrong = [
        f"{name} is {given[name]} in config.json and {value} by the weights"
        for name, value in told.items()
        if given.get(name) is not None and given[name] != value
    ]
    if wrong:
        raise InputError(
            f"config.json and weights are not of one model: {'; '.join(wrong)}; give the "
            "config.json that belongs to these weights, or take it away"
        )


def _heads(width: int, family: str) -> int:
    size = HEAD_SIZES[family]
    if width % size:
        raise InputError(
            f"no config.json tells the number of heads, and {width} is no multiple of {size}, the "
            f"width of a head in the releases: put config.json (num_attention_heads) beside the "
            "weights"
        )
    return width // size


class _Reader:
    """Shapes by name, with an error that says what is missing."""

    def __init__(self, shapes: Shapes, what: str) -> None:
        self.shapes, self.what = shapes, what

    def __call__(self, name: str, dims: int) -> tuple[int, ...]:
        shape = self.shapes.get(name)
        if shape is None or len(shape) != dims or not all(shape):
            found = "is missing" if shape is None else f"is {shape}, which has not {dims} axes"
            raise InputError(f"{self.what} cannot be told by its weights: {name} {found}")
        return shape

    def count(self, pattern: str) -> int:
        """Return how many layers there are."""
        found = {int(match[1]) for name in self.shapes if (match := re.match(pattern, name))}
        if found != set(range(len(found))) or not found:
            raise InputError(
                f"{self.what} cannot be told by its weights: layers {sorted(found)} are there"
            )
        return len(found)
