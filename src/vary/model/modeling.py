"""One model for every size: vision vocabularies before a causal language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    Cache,
    GenerationMixin,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import ModelOutput

from vary.errors import VaryError
from vary.model.configuration import ADDING, Fusion, VaryConfig, vocabulary_config
from vary.model.fusion import Projector, scatter_vision_tokens
from vary.model.tower import TowerConfig, TowerVocabulary
from vary.vocabulary import ViTDetConfig, ViTDetOutput, ViTDetVocabulary


@dataclass
class VaryOutput(ModelOutput):
    """What the model makes of a batch.

    Args:
        loss: next-token loss, where labels were given.
        logits: (B, S, vocabulary size) next-token scores.
        past_key_values: the language model's cache.
        hidden_states: the language model's, where asked for.
        attentions: the language model's, where asked for.
        ctc_logits: for each image (columns, classes) scores of the CTC head, padded with the blank
            to (B, columns, classes); None without such a head or without images.
        ctc_lengths: (B,) columns of each image.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None
    ctc_logits: Tensor | None = None
    ctc_lengths: Tensor | None = None


@dataclass
class EncodedImages:
    """Images as the language model and the CTC head see them.

    Args:
        tokens: (V, D) fused vision tokens of all images, one image after the other.
        counts: tokens of each image.
        ctc_logits: see `VaryOutput`.
        ctc_lengths: see `VaryOutput`.
        patch_features: of each image (rows, columns, channels) before the merging, where the first
            vocabulary is a ViTDet.
    """

    tokens: Tensor
    counts: list[int]
    ctc_logits: Tensor | None = None
    ctc_lengths: Tensor | None = None
    patch_features: list[Tensor] | None = None


def build_vocabulary(config: PreTrainedConfig) -> tuple[PreTrainedModel, int]:
    """Return a vocabulary with initial weights, and the width of its tokens."""
    size = int(config.token_size)
    if isinstance(config, ViTDetConfig):
        return ViTDetVocabulary(config), size
    if isinstance(config, TowerConfig):
        return TowerVocabulary(config), size
    return AutoModel.from_config(config), size


def as_vocabulary(part: PreTrainedConfig | PreTrainedModel) -> PreTrainedModel:
    """Return a vocabulary of a configuration, of a vision model, or the vocabulary given."""
    if isinstance(part, PreTrainedConfig):
        # A vision model of transformers becomes a tower.
        return build_vocabulary(vocabulary_config(part))[0]
    return part if hasattr(part.config, "token_grid") else TowerVocabulary.from_network(part)


def pixel_names(num_vocabularies: int) -> list[str]:
    """Return the names under which each vocabulary's pixels are passed to the model."""
    return ["pixel_values", *(f"pixel_values_{n}" for n in range(2, num_vocabularies + 1))]


def size_names(num_vocabularies: int) -> list[str]:
    """Return the names under which the sizes of each vocabulary's images are passed."""
    return ["image_sizes", *(f"image_sizes_{n}" for n in range(2, num_vocabularies + 1))]


class VaryForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Vision vocabularies, a linear each, and a causal language model.

    The language model is wrapped whole, so head, scaling and ties stay its own.

    Source: paper 3.1 (Vary-tiny is one vocabulary) and 3.3 (Vary-base is two).
    """

    config_class = VaryConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ["Block"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: VaryConfig) -> None:
        super().__init__(config)
        built = [build_vocabulary(part) for part in config.vocabularies]
        self.vocabularies = nn.ModuleList(vocabulary for vocabulary, _ in built)
        self.projector = Projector(config, [size for _, size in built])
        self.language_model = AutoModelForCausalLM.from_config(config.text_config)
        self.post_init()

    def set_attn_implementation(
        self, attn_implementation: str | dict[str, Any], **kwargs: Any
    ) -> None:
        """Set the attention of every part; a dictionary's `vocabularies` is theirs alone."""
        parts: list[Any] = list(self.vocabularies)
        before = [part.config._attn_implementation for part in parts]
        super().set_attn_implementation(attn_implementation, **kwargs)
        self._clear_attention_marks()
        if isinstance(attn_implementation, dict):
            for part, own in zip(parts, before, strict=True):
                part.set_attn_implementation(attn_implementation.get("vocabularies", own), **kwargs)
            self._clear_attention_marks()

    def _clear_attention_marks(self) -> None:
        """Take off what transformers 5.17 leaves on parts of parts, and then passes them by."""
        for module in self.modules():
            if isinstance(module, PreTrainedModel):
                vars(module.config).pop("_attn_was_changed", None)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Module:
        """Return the language model's embeddings."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's embeddings."""
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        """Return the language model's head."""
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the language model's head."""
        self.language_model.set_output_embeddings(new_embeddings)

    @torch.no_grad()
    def add_vocabulary(
        self, vocabulary: PreTrainedConfig | PreTrainedModel, fusion: Fusion = "sum"
    ) -> PreTrainedModel:
        """Put one more vocabulary beside those that are there, and return it as it is now.

        With `sum` its linear starts at zero, weight and bias, so that logits and texts stay bit for
        bit what they were; training moves it from there. With `sequence` its tokens follow behind
        the others through a linear of initial values: prompts grow longer, and answers change. What
        the model has stays as it is, in either case. `vary.model.adding.add_vocabulary` does this
        together with the processor.

        Args:
            vocabulary: as `build_vary` takes them; brought to the projector's precision and device.
            fusion: ``sum`` or ``sequence``.

        Raises:
            VaryError: `channel`, which would deal the width out anew; an unknown fusion; or a
                vocabulary that the model has already.
        """
        check_adding(fusion)
        part = as_vocabulary(vocabulary)
        if any(part is own for own in self.vocabularies):
            raise VaryError("the model has this very vocabulary already; give a copy of it")
        like = next(self.projector.parameters())
        linear = nn.Linear(part.config.token_size, self.config.embedding_size)
        self._init_weights(linear)
        if fusion == "sum":
            linear.weight.zero_()
        self.vocabularies.append(part.to(device=like.device, dtype=like.dtype).train(self.training))
        self.projector.add(linear.to(device=like.device, dtype=like.dtype), fusion)
        self.config.vocabularies = [*self.config.vocabularies, part.config]
        self.config.added = [*self.config.added, fusion]
        return part

    def encode_images(
        self,
        pixels: list[Tensor],
        image_sizes: Tensor | Sequence[Tensor | None] | None = None,
    ) -> EncodedImages:
        """Return what the vocabularies make of a batch of images.

        Args:
            pixels: for each vocabulary (B, channels, H, W), smaller images padded right and below.
            image_sizes: (B, 2) height and width in pixels of the first vocabulary's images before
                padding, or a list with such a tensor for each vocabulary; None where all fill the
                tensor. Images of one size are encoded together, so an image's tokens do not depend
                on its neighbours.
        """
        given = [image_sizes] if isinstance(image_sizes, Tensor) else list(image_sizes or [])
        groups = _group_by_size(pixels, [*given, *[None] * (len(pixels) - len(given))])
        tokens: list[Tensor] = [torch.empty(0)] * pixels[0].shape[0]
        logits: list[Tensor | None] = [None] * pixels[0].shape[0]
        features: list[Tensor | None] = [None] * pixels[0].shape[0]
        for sizes, members in groups.items():
            outputs = [
                vocabulary(part[members, :, :height, :width])
                for vocabulary, part, (height, width) in zip(
                    self.vocabularies, pixels, sizes, strict=True
                )
            ]
            fused = self.projector([output.last_hidden_state for output in outputs])
            first = outputs[0]
            for place, member in enumerate(members):
                tokens[member] = fused[place]
                if isinstance(first, ViTDetOutput) and first.patch_features is not None:
                    features[member] = first.patch_features[place]
                    logits[member] = None if first.ctc_logits is None else first.ctc_logits[place]
        encoded = EncodedImages(torch.cat(tokens), [part.shape[0] for part in tokens])
        if all(part is not None for part in features):
            encoded.patch_features = [part for part in features if part is not None]
        known = [part for part in logits if part is not None]
        if len(known) == len(logits):
            encoded.ctc_logits, encoded.ctc_lengths = pad_ctc(known)
        return encoded

    def forward(  # noqa: PLR0917 - the order that transformers' models share
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        image_sizes: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        vision_tokens: Tensor | None = None,
        position_ids: Tensor | None = None,
        **kwargs: Any,
    ) -> VaryOutput:
        """Return next-token scores, the loss where there are labels, and CTC scores.

        Args:
            input_ids: (B, S) with one placeholder per vision token.
            attention_mask: (B, S), 0 at padding.
            pixel_values: (B, channels, H, W) for the first vocabulary; further ones take
                `pixel_values_2`, ... in the same order of images, and `image_sizes_2`, ... where
                they are padded.
            image_sizes: see `encode_images`.
            inputs_embeds: (B, S, D) instead of `input_ids`, vision tokens already in place.
            labels: (B, S), -100 where no loss is wanted.
            vision_tokens: (V, D) from `encode_images`, instead of pixels.
            position_ids: (B, S) positions of the tokens; None to count on.
            **kwargs: passed on to the language model.

        Raises:
            ValueError: placeholders and vision tokens differ in number, or the configuration does
                not say which token is the placeholder.
        """
        further_sizes = [kwargs.pop(name, None) for name in size_names(len(self.vocabularies))[1:]]
        pixels = self._take_pixels(pixel_values, kwargs)
        encoded = self.encode_images(pixels, [image_sizes, *further_sizes]) if pixels else None
        if encoded is not None:
            vision_tokens = encoded.tokens
        if inputs_embeds is None:
            inputs_embeds = self._embed(input_ids, vision_tokens)
        kwargs.pop("return_dict", None)
        output = self.language_model(
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            position_ids=position_ids,
            labels=labels,
            **kwargs,
        )
        return VaryOutput(
            loss=output.loss,
            logits=output.logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            ctc_logits=encoded.ctc_logits if encoded else None,
            ctc_lengths=encoded.ctc_lengths if encoded else None,
        )

    def _embed(self, input_ids: Tensor | None, vision_tokens: Tensor | None) -> Tensor:
        """Return (B, S, D) embeddings of the text, the vision tokens in their places."""
        if input_ids is None:
            raise ValueError("give input_ids or inputs_embeds; encode_images takes images alone")
        embeds: Tensor = self.get_input_embeddings()(input_ids)
        if vision_tokens is None:
            return embeds
        return scatter_vision_tokens(embeds, vision_tokens, self._placeholders(input_ids))

    def _placeholders(self, input_ids: Tensor) -> Tensor:
        """Return (B, S) bool, True where a vision token belongs."""
        if self.config.image_token_id is None:
            raise ValueError(
                "image_token_id is None, so that vision tokens have no place: set it in the "
                "configuration to the number of the tokenizer's '<imgpad>'"
            )
        return input_ids == self.config.image_token_id

    def _take_pixels(self, pixel_values: Tensor | None, kwargs: dict[str, Any]) -> list[Tensor]:
        names = pixel_names(len(self.vocabularies))
        further = [kwargs.pop(name, None) for name in names[1:]]
        if pixel_values is None:
            return []
        missing = [name for name, part in zip(names[1:], further, strict=True) if part is None]
        if missing:
            raise ValueError(
                f"this model has {len(names)} vocabularies; {', '.join(missing)} is missing: let "
                "the processor make the pixels"
            )
        return [pixel_values, *further]

    def _validate_model_kwargs(self, model_kwargs: dict[str, Any]) -> None:
        """Let further vocabularies' pixels and sizes pass, which `forward` does not name."""
        number = len(self.vocabularies)
        further = {*pixel_names(number)[1:], *size_names(number)[1:]}
        super()._validate_model_kwargs(
            {name: value for name, value in model_kwargs.items() if name not in further}
        )

    def _expand_inputs_for_generation(
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: Tensor | None = None,
        **model_kwargs: Any,
    ) -> tuple[Tensor | None, dict[str, Any]]:
        """Return the inputs once for each beam; vision tokens are repeated row by row."""
        vision_tokens = model_kwargs.pop("vision_tokens", None)
        if expand_size > 1 and model_kwargs.get("pixel_values") is not None:
            # Once for all beams; and a row may have several images, or none.
            names = size_names(len(self.vocabularies))
            sizes = [model_kwargs.pop(name, None) for name in names]
            pixels = self._take_pixels(model_kwargs.pop("pixel_values"), model_kwargs)
            vision_tokens = self.encode_images(pixels, sizes).tokens
        if vision_tokens is not None and input_ids is not None:
            counts = self._placeholders(input_ids).sum(dim=1).tolist()
            rows = vision_tokens.split(counts)
            vision_tokens = torch.cat([row for row in rows for _ in range(expand_size)])
        input_ids, model_kwargs = super()._expand_inputs_for_generation(
            expand_size, is_encoder_decoder, input_ids, **model_kwargs
        )
        if vision_tokens is not None:
            model_kwargs["vision_tokens"] = vision_tokens
        return input_ids, model_kwargs

    def prepare_inputs_for_generation(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the inputs of a step; pixels and vision tokens are dropped once cached."""
        inputs = super().prepare_inputs_for_generation(*args, **kwargs)
        past = inputs.get("past_key_values")
        if past is not None and past.get_seq_length() > 0:
            number = len(self.vocabularies)
            for name in [*pixel_names(number), *size_names(number), "vision_tokens"]:
                inputs.pop(name, None)
        return inputs


def check_adding(fusion: str) -> None:
    """Refuse a fusion by which no vocabulary can be added to a finished model.

    Raises:
        VaryError: `channel`, or an unknown one.
    """
    if fusion == "channel":
        raise VaryError(
            "fusion='channel' deals the width out among all vocabularies anew, so that the linears "
            "of this model would lose their places: add with fusion='sum' (it starts at zero, the "
            "answers stay) or 'sequence', or build a new model of a language model and all "
            "vocabularies (vary merge --llm)"
        )
    if fusion not in ADDING:
        raise VaryError(f"fusion must be {' or '.join(ADDING)} to add, got {fusion!r}")


def _group_by_size(
    pixels: list[Tensor], image_sizes: list[Tensor | None]
) -> dict[tuple[tuple[int, int], ...], list[int]]:
    """Return the images that are of one size for each vocabulary, in order of their first."""
    columns = [
        [(part.shape[-2], part.shape[-1])] * part.shape[0]
        if sizes is None
        else [(height, width) for height, width in sizes.tolist()]
        for part, sizes in zip(pixels, image_sizes, strict=True)
    ]
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for number, sizes_of_one in enumerate(zip(*columns, strict=True)):
        groups.setdefault(sizes_of_one, []).append(number)
    return groups


def pad_ctc(logits: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (B, columns, classes) logits whose padding says blank, and each one's columns."""
    lengths = torch.tensor([part.shape[0] for part in logits], device=logits[0].device)
    blank = logits[0].new_full((int(lengths.max()), logits[0].shape[1]), -1e4)
    blank[:, 0] = 0
    return torch.stack([torch.cat([part, blank[part.shape[0] :]]) for part in logits]), lengths
