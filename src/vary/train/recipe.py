"""Recipes: everything that a run depends on, typed and strict."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vary.data.engines.page.line import LineConfig
from vary.errors import VaryError
from vary.model.prompts import find_form
from vary.strict import apply_overrides, build_value, read_fields

Bounds = dict[str, tuple[float | None, float | None]]

# Folders of a run that are no stage's.
_NO_STAGE_NAMES = ("", ".", "..", "tensorboard")
_SHARE = (0, 1)
_FROM_ZERO: Bounds = {"seed": (0, None), "num_workers": (0, None)}
_STAGE_BOUNDS: Bounds = {
    **dict.fromkeys(("steps", "micro_batches", "group_steps", "validate_steps"), (1, None)),
    **dict.fromkeys(("save_steps", "keep_checkpoints"), (1, None)),
    **dict.fromkeys(("warmup_steps", "decay_steps", "vocabulary_rate", "ctc_weight"), (0, None)),
    **dict.fromkeys(("weight_decay", "max_jump", "max_tokens"), (0, None)),
    **dict.fromkeys(("draft_share", "good_draft_share", "mask_share"), _SHARE),
    **dict.fromkeys(("average_decay", "adam_beta2"), (0, 0.999999)),
    **dict.fromkeys(("learning_rate", "max_grad_norm"), (1e-9, None)),
}


def check_bounds(given: Any, where: str, bounds: Bounds) -> None:
    """Refuse numbers out of their bounds, and those that are none or without end.

    Raises:
        VaryError: one of them, with its bounds.
    """
    for key, (least, most) in bounds.items():
        value = getattr(given, key)
        low, high = -math.inf if least is None else least, math.inf if most is None else most
        if not math.isfinite(value) or not low <= value <= high:
            allowed = f"at least {low:g}" if most is None else f"{low:g} to {high:g}"
            raise VaryError(f"{where}: {key} must be {allowed}, got {value}")


@dataclass(frozen=True)
class TokenizerRecipe:
    """The tokenizer, trained on the corpus before the first step.

    Args:
        vocabulary_size: pieces in all.
        max_piece_chars: characters of the longest piece.
    """

    vocabulary_size: int = 2048
    max_piece_chars: int = 4

    def __post_init__(self) -> None:
        """Refuse sizes that no tokenizer has.

        Raises:
            VaryError: as told.
        """
        check_bounds(
            self, "model.tokenizer", {"vocabulary_size": (300, None), "max_piece_chars": (1, None)}
        )


def _default_of(part: dataclasses.Field[Any]) -> Any:
    return part.default if part.default_factory is dataclasses.MISSING else part.default_factory()


@dataclass(frozen=True)
class ModelRecipe:
    """A model built from nothing, or from other people's weights.

    Args:
        base: folder of a whole model, such as `vary merge` makes, which is taken as it is; it has
            all that the other fields say, which are left out then.
        vocabulary: fields of `ViTDetConfig`; none for the paper's.
        text: fields of the language model's configuration with its `model_type`; the sizes that
            depend on the tokenizer are filled in. With `language_model` they say what that one has
            to be, and may be left out.
        image: fields of `ImageRule`; none for the paper's.
        tokenizer: see `TokenizerRecipe`.
        ctc_head: let the vocabulary name the characters of line strips by itself; its alphabet is
            the engine's.
        vocabulary_weights: file with an encoder to start from, such as SAM's; none for random
            weights.
        language_model: folder (or name) of a pretrained causal language model with its tokenizer.
        max_positions: positions that a language model with learned ones is interpolated to; 0
            leaves them as they are.
        prompt_form: name of the prompt's form, see `vary.model.prompts`.
        answer_position: see `VaryProcessor`.
        align_heads: let heads of the language model start out looking where the next piece is
            expected; see `vary.model.alignment`.
    """

    base: str = ""
    vocabulary: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)
    image: dict[str, Any] = field(default_factory=dict)
    tokenizer: TokenizerRecipe = field(default_factory=TokenizerRecipe)
    ctc_head: bool = False
    vocabulary_weights: str = ""
    language_model: str = ""
    max_positions: int = 0
    prompt_form: str = "paper"
    answer_position: int | None = None
    align_heads: bool = False

    def __post_init__(self) -> None:
        """Refuse a model without a language model, or of two origins.

        Raises:
            VaryError: as told.
        """
        if self.base:
            given = [
                part.name
                for part in dataclasses.fields(self)
                if part.name != "base" and getattr(self, part.name) != _default_of(part)
            ]
            if given:
                raise VaryError(
                    f"model.base is a whole model; leave out model.{', model.'.join(given)}"
                )
            return
        if not self.text and not self.language_model:
            raise VaryError(
                "model needs text (a language model's configuration, random weights), "
                "language_model (a folder with weights and tokenizer) or base (a whole model, as "
                "vary merge makes it); it has none of them"
            )
        bounds: Bounds = {"max_positions": (0, None)}
        if self.answer_position is not None:
            bounds["answer_position"] = (8, None)
        check_bounds(self, "model", bounds)
        find_form(self.prompt_form)


@dataclass(frozen=True)
class SourceRecipe:
    """Where samples come from.

    Args:
        name: by which stages ask for it.
        kind: ``line`` draws strips of one line, ``page``, ``tile`` and ``block`` what the engine
            `page` calls so, ``shards`` reads a set made by `vary data`.
        weight: samples of this source for those of the others.
        path: folder of the set, for ``shards``.
        language: of the text, for the engines. Where lines are in more than one, each source takes
            the paragraphs that are in its own.
        options: fields of `LineConfig` or `PageConfig`, for the engines.
    """

    name: str
    kind: Literal["line", "page", "tile", "block", "shards"]
    weight: float = 1.0
    path: str = ""
    language: str = "en"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would have no effect.

        Raises:
            VaryError: as told.
        """
        check_bounds(self, f"source {self.name}", {"weight": (0, None)})
        without = "options" if self.kind == "shards" else "path"
        if getattr(self, without):
            raise VaryError(f"source {self.name}: {without} means nothing to kind {self.kind}")


@dataclass(frozen=True)
class DataRecipe:
    """What a run learns from: plain text drawn with installed fonts, and sets on disk.

    Args:
        text: folder of `.txt` files, one paragraph per line; the engines draw it, and the
            tokenizer is trained on it.
        text_exclude: patterns of files left for validation; where they match none, a fiftieth of
            the paragraphs is left, by hash.
        fonts: font folders; none: the system's.
        font_exclude: patterns of families and files that are never used.
        font_held_out: patterns of families or files left for validation; where they match none, a
            tenth of the families is left, by hash.
        alphabet: characters of the lines and of the CTC head: ``latin``, ``zh`` (Latin and Chinese)
            or a file of characters.
        line: how lines vary.
        sources: at least one, each with a name of its own.
    """

    text: str = ""
    text_exclude: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    font_exclude: tuple[str, ...] = ()
    font_held_out: tuple[str, ...] = ()
    alphabet: str = "latin"
    line: LineConfig = field(default_factory=LineConfig)
    sources: tuple[SourceRecipe, ...] = (SourceRecipe("lines", "line"),)

    def __post_init__(self) -> None:
        """Refuse sources that cannot be told apart, or cannot be drawn from.

        Raises:
            VaryError: as told.
        """
        names = [source.name for source in self.sources]
        if not names or len(set(names)) < len(names):
            raise VaryError(f"data.sources need one name each, at least one; got {names}")


@dataclass(frozen=True)
class LoraRecipe:
    """Low-rank adapters beside a language model's frozen weights.

    Args:
        rank: of each adapter.
        alpha: what an adapter adds is multiplied by alpha / rank.
        dropout: of what goes into the adapters.
        targets: ends of names of the language model's linear layers (`q_proj`); none for all but
            the head, as peft finds them.

    Source: Hu et al. 2021; the defaults of alpha and dropout are those of peft's examples.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers that no adapter has.

        Raises:
            VaryError: as told.
        """
        bounds: Bounds = {"rank": (1, None), "alpha": (1e-9, None), "dropout": (0, 0.999)}
        check_bounds(self, "lora", bounds)


@dataclass(frozen=True)
class StageRecipe:
    """A stage of training; weights pass from one to the next.

    Args:
        name: names the stage's folder.
        objective: `ctc` trains the vocabulary by its CTC head, `text` the language model by its
            next token, `both` the sum.
        steps: optimiser steps.
        learning_rate: the highest.
        sources: weight of each source, by its name; none for those of the recipe.
        frozen: patterns of parameters' names that are held fixed, `!` before one that is not after
            all, the last match counts; None for what belongs to the objective.
        lora: train adapters of the language model in place of its own weights, which are frozen;
            the stage ends with them merged in.
        vocabulary_rate: factor on the rate for the vocabulary.
        schedule: what the rate does after its rise: ``warmup_stable_decay`` stays and falls at the
            end, ``cosine`` falls to zero over the whole stage.
        warmup_steps: steps of linear rise.
        decay_steps: steps of fall at the end.
        widths_px: widths of strips.
        batch_px: pixels of width in a step: strips times width. Either this or `batch_size`.
        batch_size: samples of a step.
        micro_batches: parts that a step's samples are computed in, one after the other or on as
            many devices; the gradient is that of the whole.
        group_steps: samples of so many steps are sorted by length together, so that those of one
            step are alike.
        draft_share: share of lines that come with a draft.
        good_draft_share: share of drafts that are nearly the truth instead of the vocabulary's own:
            the lines of training are harder than print, so that its own drafts of them are worse
            than those that it makes in reading.
        mask_share: share of the answer's tokens hidden from the next.
        ctc_weight: factor on the CTC loss under `both`.
        weight_decay: AdamW's, on matrices.
        adam_beta2: AdamW's decay of squared gradients.
        max_grad_norm: gradients are clipped to it.
        average_decay: factor on the averaged weights at each step, such as 0.999; the stage then
            ends with them instead of the last ones. 0: none are kept.
        max_tokens: of the longest conversation; what is longer loses its end. 0: as many as the
            model has positions for.
        gradient_checkpointing: compute activations again instead of keeping them.
        max_jump: a loss that is more than so many times the largest of the last 50 steps, and half
            a nat more, stops the run; 0 lets it pass.
        validate_steps: steps between measurements on held-out samples.
        save_steps: steps between checkpoints.
        keep_checkpoints: how many are kept, the newest.
    """

    name: str
    objective: Literal["ctc", "text", "both"]
    steps: int
    learning_rate: float
    sources: dict[str, float] = field(default_factory=dict)
    frozen: tuple[str, ...] | None = None
    lora: LoraRecipe | None = None
    vocabulary_rate: float = 1.0
    schedule: Literal["warmup_stable_decay", "cosine"] = "warmup_stable_decay"
    warmup_steps: int = 200
    decay_steps: int = 0
    widths_px: tuple[int, ...] = (256, 384, 512, 640, 768, 1024, 1280)
    batch_px: int = 0
    batch_size: int = 0
    micro_batches: int = 1
    group_steps: int = 16
    draft_share: float = 0.5
    good_draft_share: float = 0.0
    mask_share: float = 0.3
    ctc_weight: float = 1.0
    weight_decay: float = 0.03
    adam_beta2: float = 0.98
    max_grad_norm: float = 1.0
    average_decay: float = 0.0
    max_tokens: int = 0
    gradient_checkpointing: bool = False
    max_jump: float = 2.0
    validate_steps: int = 250
    save_steps: int = 250
    keep_checkpoints: int = 2

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be trained with.

        Raises:
            VaryError: one of them, named.
        """
        if Path(self.name).name != self.name or self.name in _NO_STAGE_NAMES:
            raise VaryError(f"a stage's name names a folder; {self.name!r} cannot be one")
        if (self.batch_px > 0) == (self.batch_size > 0):
            raise VaryError(
                f"stage {self.name}: give one of batch_size (samples of a step) and batch_px "
                f"(pixels of width of its strips), got {self.batch_size} and {self.batch_px}"
            )
        check_bounds(self, f"stage {self.name}", _STAGE_BOUNDS)
        if min(self.widths_px, default=0) < 1:
            raise VaryError(
                f"stage {self.name}: widths_px must be at least 1, got {list(self.widths_px)}"
            )
        for source, weight in self.sources.items():
            if not 0 <= weight < math.inf:
                raise VaryError(
                    f"stage {self.name}: weight of {source} must be 0 or more, got {weight}"
                )


@dataclass(frozen=True)
class Recipe:
    """A run.

    Args:
        name: names the run's folder and the checkpoint.
        model: what is built.
        data: what it learns from.
        stages: in order.
        seed: of weights and samples.
        tasks: what the checkpoint's card says that it can do.
        out: folder of the run.
        precision: `bf16` computes under autocast over fp32 weights; `fp32` does not.
        num_workers: processes that render samples.
        sharding: what each device holds under `torchrun`: ``none`` the whole model, ``fsdp2`` its
            share of weights, gradients and moments.
        validation_samples: held-out samples that are measured.
        init: checkpoint folder that the run starts from instead of random weights.
    """

    name: str
    model: ModelRecipe
    data: DataRecipe
    stages: tuple[StageRecipe, ...]
    seed: int = 0
    tasks: tuple[str, ...] = ("ocr",)
    out: str = ""
    precision: Literal["bf16", "fp32"] = "bf16"
    num_workers: int = 1
    sharding: Literal["none", "fsdp2"] = "none"
    validation_samples: int = 64
    init: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            VaryError: no stages, two of one name (they would share a folder), a source that a
                stage asks for and `data` does not have, or a CTC loss without the head.
        """
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise VaryError(f"stages need one name each, at least one; got {names}")
        least: Bounds = {
            "validation_samples": (1, None),
            "seed": (0, None),
            "num_workers": (0, None),
        }
        check_bounds(self, "recipe", least)
        if self.init and self.model.base:
            raise VaryError("init and model.base both name a model to start from; give one of them")
        for stage in self.stages:
            if not any(self.weights(stage).values()):
                raise VaryError(f"stage {stage.name}: no source has a weight above 0")
            if stage.objective != "text" and not self.model.ctc_head:
                raise VaryError(
                    f"stage {stage.name}: objective {stage.objective} needs model.ctc_head=true"
                )

    def weights(self, stage: StageRecipe) -> dict[str, float]:
        """Return the weight of each source in a stage, those of weight 0 left out.

        Raises:
            VaryError: the stage names a source that `data` does not have.
        """
        own = {source.name: source.weight for source in self.data.sources}
        for name in stage.sources:
            if name not in own:
                raise VaryError(
                    f"stage {stage.name}: no source {name!r}; there are {', '.join(own)}"
                )
        weights = stage.sources or own
        return {name: weight for name, weight in weights.items() if weight > 0}

    def check_batches(self, stage: StageRecipe, num_ranks: int = 1) -> None:
        """Refuse steps that cannot be cut or shared out.

        Args:
            stage: of this recipe.
            num_ranks: devices that share the work.

        Raises:
            VaryError: `batch_px` where not all sources are strips, or micro-batches that cannot be
                shared out evenly.
        """
        weights = self.weights(stage)
        kinds = {source.kind for source in self.data.sources if source.name in weights}
        if stage.batch_px and kinds != {"line"}:
            raise VaryError(
                f"stage {stage.name}: batch_px counts the width of strips (kind line); it has "
                f"{', '.join(sorted(kinds))}: give batch_size instead"
            )
        if stage.micro_batches % num_ranks:
            raise VaryError(
                f"stage {stage.name}: micro_batches {stage.micro_batches} cannot be shared by "
                f"{num_ranks} devices; make it a multiple of {num_ranks}"
            )

    @property
    def run_folder(self) -> Path:
        """Folder of the run."""
        return Path(self.out or f"runs/{self.name}")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return a recipe from its YAML file.

    Args:
        path: the file.
        overrides: `key=value` with dots between keys, values in YAML; a stage is named by its name
            (`stages.read.steps=500`).

    Raises:
        InputError: no such file, or no YAML.
        VaryError: a key that no recipe has (the nearest is named), or a value of another type.
    """
    fields = read_fields(path)
    apply_overrides(fields, overrides)
    recipe: Recipe = build_value(Recipe, fields, "recipe")
    return recipe


def recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values, all defaults filled in."""
    return _plain(dataclasses.asdict(recipe))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
