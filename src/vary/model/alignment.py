"""Heads that start out looking where the next piece is expected.

A reader must find its place before it can learn letters, and a small model that has to find both
spends most of its time on the first. With the processor's `answer_position` the n-th piece of the
draft stands at a fixed distance from the n-th piece of the answer, and the image's part of it about
at another. Under rotary positions a fixed distance is a constant in the biases of queries and keys:
the product of a key and a query turned by that distance is largest there. These are initial values
like any other; training moves them. The idea is that of guided attention (Tachibana et al.,
1710.08969), put into the weights instead of a loss.
"""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from vary.errors import VaryError

# Pairs of rotary channels, from the fastest: few and fast ones make a sharp peak.
_SHARP_PAIRS = range(8)
_BROAD_PAIRS = range(4, 12)
_STRENGTH = 5.5


def align_heads(language_model: PreTrainedModel, answer_position: int) -> None:
    """Let heads of the first two layers start at the draft's and the image's next piece.

    In the first layer half of the heads look sharply at the draft, one broadly at the image, one at
    the piece before: what it carries lets the second layer find its place again by content, near
    the expected one, where draft and answer have lost their step. Other heads stay as they are.

    Args:
        language_model: of Llama's or Qwen's kind, with biases on queries and keys, four heads or
            more.
        answer_position: the processor's.

    Raises:
        VaryError: the model has no such biases (`attention_bias: true` gives Llama's kind some),
            too few heads or layers, or heads that are too narrow.
    """
    config = language_model.config
    heads = config.num_attention_heads
    if heads < 4 or config.num_hidden_layers < 2 or config.num_key_value_heads != heads:
        raise VaryError(
            "heads can be aligned in models of two layers and four heads or more, each with keys "
            f"of its own; this has {config.num_hidden_layers} layers, {heads} heads, "
            f"{config.num_key_value_heads} for keys"
        )
    base = float((config.rope_parameters or {}).get("rope_theta", 10000.0))
    to_draft = answer_position // 2 + 2 - answer_position
    to_image = 2 - answer_position
    aims = [(to_draft, _SHARP_PAIRS)] * (heads // 2) + [
        (to_image, _BROAD_PAIRS),
        (-1, _SHARP_PAIRS),
    ]
    for layer, layer_aims in ((0, aims), (1, [(to_draft, _BROAD_PAIRS)] * (heads // 2))):
        query, key = _projections(language_model, layer)
        for head, (distance, pairs) in enumerate(layer_aims):
            _point(query, key, head, heads, (distance, base, pairs))


def _projections(language_model: PreTrainedModel, layer: int) -> tuple[nn.Linear, nn.Linear]:
    """Return a layer's maps to queries and keys.

    Raises:
        VaryError: there are none, they have no biases, or the heads have too few rotary pairs.
    """
    try:
        attention = language_model.model.layers[layer].self_attn
        query, key = attention.q_proj, attention.k_proj
    except AttributeError as error:
        raise VaryError("heads can be aligned in models of Llama's or Qwen's kind only") from error
    if query.bias is None or key.bias is None:
        raise VaryError("heads can be aligned with attention_bias: true only")
    width = query.out_features // language_model.config.num_attention_heads
    least = 2 * (max(*_SHARP_PAIRS, *_BROAD_PAIRS) + 1)
    if width < least:
        raise VaryError(
            f"heads can be aligned where they are {least} wide or more, these are {width}; raise "
            "hidden_size or head_dim, or take fewer heads"
        )
    return query, key


@torch.no_grad()
def _point(
    query: nn.Linear, key: nn.Linear, head: int, heads: int, aim: tuple[int, float, range]
) -> None:
    """Set a head's biases so that its largest score is at a distance (key minus query)."""
    distance, base, pairs = aim
    size = query.out_features // heads
    numbers = torch.tensor(list(pairs))
    angles = distance * base ** (-2.0 * numbers / size)
    where: Tensor = head * size + numbers
    key.bias[where] = _STRENGTH
    query.bias[where] = _STRENGTH * torch.cos(angles)
    query.bias[where + size // 2] = _STRENGTH * torch.sin(angles)
