"""The configuration of a model that reads with one or more vision vocabularies."""

import copy
from typing import Any, Literal

from transformers import AutoConfig, PreTrainedConfig

from vary.model.tower import TowerConfig
from vary.vocabulary.configuration import ViTDetConfig

Fusion = Literal["channel", "sum", "sequence"]
FUSIONS: tuple[Fusion, ...] = ("channel", "sum", "sequence")
# How a vocabulary may be added to a finished model; shares of the width are dealt out once.
ADDING: tuple[Fusion, ...] = ("sum", "sequence")
StripDecoder = Literal["lm", "ctc"]
STRIP_DECODERS: tuple[StripDecoder, ...] = ("lm", "ctc")


def config_from_dict(value: dict[str, Any] | PreTrainedConfig) -> PreTrainedConfig:
    """Return a configuration from its dictionary, whose `model_type` names the class.

    Raises:
        ValueError: no `model_type`, or one that nobody has registered.
    """
    if isinstance(value, PreTrainedConfig):
        return value
    fields = dict(value)
    model_type = fields.pop("model_type", None)
    for own in (ViTDetConfig, TowerConfig):
        if model_type == own.model_type:
            return own(**fields)
    if model_type is None:
        raise ValueError("a part's configuration names no model_type")
    return AutoConfig.for_model(model_type, **fields)


def vocabulary_config(value: dict[str, Any] | PreTrainedConfig) -> PreTrainedConfig:
    """Return a vocabulary's configuration, which tells its `token_size` and `token_grid`.

    A vision model of transformers that does not tell them becomes the network of a `TowerConfig`.

    Raises:
        ValueError: no `model_type`, or a network that cannot be a vocabulary.
    """
    config = config_from_dict(value)
    return config if hasattr(config, "token_grid") else TowerConfig(config)


class VaryConfig(PreTrainedConfig):
    """Vocabularies, language model, and how the first are put before the second.

    Args:
        vocabularies: one configuration (or its dictionary) per vision vocabulary, in the order of
            their channels; a vision model of transformers stands for its patches (`TowerConfig`).
        text_config: the language model's configuration: any causal LM of transformers.
        fusion: ``channel`` gives each vocabulary its own share of the width, tokens side by side
            (the paper's); ``sum`` adds full-width tokens; ``sequence`` puts them one after another.
        widths: each vocabulary's share under ``channel``; None for equal shares, the remainder to
            the first. Added vocabularies have none.
        image_token_id: the placeholder that a vision token replaces (`<imgpad>`).
        tasks: what this model was trained to do (`ocr`, `markdown`, `chart`, ...).
        questions: the words in which it was asked for a task, for models of a chat form that were
            not asked in the paper's.
        strip_decoder: who reads strips unless the user says otherwise: `lm`, the language model
            over the CTC head's draft, or `ctc`, the CTC head alone, for a language model that does
            not know all that the head does.
        added: how each of the last vocabularies, which `add_vocabulary` put into a finished model,
            is joined to all before it: ``sum`` or ``sequence``, with a linear of full width in
            either case. `fusion` speaks of those before them. Empty where none was added.
        **kwargs: transformers' own. `attn_implementation` goes to every part; a dictionary gives
            `text_config` and `vocabularies` their own.

    Raises:
        ValueError: no vocabulary, an unknown fusion or decoder, widths that do not add up, or as
            many added vocabularies as there are.

    Source: paper 3.1 and 3.3; `sum` and `sequence` are ours.
    """

    model_type = "vary"
    sub_configs = {"text_config": AutoConfig}

    def __init__(
        self,
        vocabularies: list[dict[str, Any] | PreTrainedConfig] | None = None,
        text_config: dict[str, Any] | PreTrainedConfig | None = None,
        fusion: Fusion = "channel",
        widths: list[int] | None = None,
        image_token_id: int | None = None,
        tasks: list[str] | tuple[str, ...] = (),
        questions: dict[str, str] | None = None,
        strip_decoder: StripDecoder = "lm",
        added: list[Fusion] | tuple[Fusion, ...] = (),
        **kwargs: Any,
    ) -> None:
        parts = [ViTDetConfig()] if vocabularies is None else vocabularies
        self.vocabularies = [vocabulary_config(part) for part in parts]
        self.text_config = config_from_dict(text_config or {"model_type": "opt"})
        self.fusion = fusion
        self.widths = widths
        self.image_token_id = image_token_id
        self.tasks = list(tasks)
        self.questions = dict(questions or {})
        self.strip_decoder = strip_decoder
        self.added = list(added)
        kwargs.setdefault("tie_word_embeddings", self.text_config.tie_word_embeddings)
        super().__init__(**kwargs)
        self._check()

    def _check(self) -> None:
        if not self.vocabularies:
            raise ValueError("a model needs at least one vocabulary")
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion must be one of {', '.join(FUSIONS)}, got {self.fusion!r}")
        if self.strip_decoder not in STRIP_DECODERS:
            known = ", ".join(STRIP_DECODERS)
            raise ValueError(f"strip_decoder must be one of {known}, got {self.strip_decoder!r}")
        self._check_added()
        self._check_widths()

    def _check_added(self) -> None:
        if any(how not in ADDING for how in self.added):
            raise ValueError(f"added must name {' or '.join(ADDING)} for each, got {self.added}")
        if self.num_first < 1:
            raise ValueError(
                f"added names {len(self.added)} vocabularies of {len(self.vocabularies)}; at least "
                "one must have been there before"
            )

    def _check_widths(self) -> None:
        if self.widths is None:
            return
        if self.fusion != "channel":
            raise ValueError(f"widths belong to fusion='channel', not to {self.fusion!r}")
        hidden = self.embedding_size
        if len(self.widths) != self.num_first or sum(self.widths) != hidden:
            raise ValueError(
                f"widths {self.widths} must be {self.num_first} numbers that add up to the "
                f"language model's width {hidden}"
            )

    @property
    def _attn_implementation(self) -> str | None:
        return self._attn_implementation_internal

    @_attn_implementation.setter
    def _attn_implementation(self, value: str | dict[str, Any] | None) -> None:
        """Give every part the attention setting; transformers does so for `sub_configs` alone."""
        PreTrainedConfig._attn_implementation.fset(self, value)
        wanted = value.get("vocabularies") if isinstance(value, dict) else value
        if wanted is not None:
            for part in self.vocabularies:
                part._attn_implementation = wanted

    @property
    def embedding_size(self) -> int:
        """Width of the language model's embeddings; OPT-350M's are narrower than its layers."""
        narrower = getattr(self.text_config, "word_embed_proj_dim", None)
        return int(narrower or self.text_config.hidden_size)

    @property
    def num_first(self) -> int:
        """Number of vocabularies that `fusion` puts together, before any was added."""
        return len(self.vocabularies) - len(self.added)

    @property
    def channel_widths(self) -> list[int]:
        """Width of each vocabulary's tokens after its linear."""
        hidden, first = self.embedding_size, self.num_first
        added = [hidden] * len(self.added)
        if self.fusion != "channel":
            return [*([hidden] * first), *added]
        if self.widths is not None:
            return [*self.widths, *added]
        share, rest = divmod(hidden, first)
        return [share + rest, *([share] * (first - 1)), *added]

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON values, its parts with their `model_type`."""
        parts = copy.copy(self.__dict__).pop("vocabularies")
        output = super().to_dict()
        output["vocabularies"] = [part.to_dict() for part in parts]
        output["text_config"] = self.text_config.to_dict()
        return output
