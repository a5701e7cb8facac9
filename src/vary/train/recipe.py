"""Recipes: everything that a run depends on, typed and strict."""

import dataclasses
import difflib
import typing
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from vary.data.engines.page.line import LineConfig
from vary.errors import InputError, VaryError


@dataclass(frozen=True)
class TokenizerRecipe:
    """The tokenizer, trained on the corpus before the first step.

    Args:
        vocabulary_size: pieces in all.
        max_piece_chars: characters of the longest piece.
    """

    vocabulary_size: int = 2048
    max_piece_chars: int = 4


@dataclass(frozen=True)
class ModelRecipe:
    """A model built from nothing.

    Args:
        vocabulary: fields of `ViTDetConfig`; the CTC alphabet is the engine's.
        text: fields of the language model's configuration with its `model_type`; the sizes that
            depend on the tokenizer are filled in.
        image: fields of `ImageRule`.
        tokenizer: see `TokenizerRecipe`.
        answer_position: see `VaryProcessor`.
        align_heads: let heads of the language model start out looking where the next piece is
            expected; see `vary.model.alignment`.
    """

    vocabulary: dict[str, Any]
    text: dict[str, Any]
    image: dict[str, Any]
    tokenizer: TokenizerRecipe = field(default_factory=TokenizerRecipe)
    answer_position: int | None = None
    align_heads: bool = False


@dataclass(frozen=True)
class DataRecipe:
    """Lines drawn from plain text with installed fonts.

    Args:
        text: folder of `.txt` files, one paragraph per line.
        text_exclude: patterns of files left for validation; where they match none, a fiftieth of
            the paragraphs is left, by hash.
        fonts: font folders; none: the system's.
        font_exclude: patterns of families and files that are never used.
        font_held_out: patterns of families or files left for validation; where they match none, a
            tenth of the families is left, by hash.
        line: how lines vary.
    """

    text: str
    text_exclude: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    font_exclude: tuple[str, ...] = ()
    font_held_out: tuple[str, ...] = ()
    line: LineConfig = field(default_factory=LineConfig)


@dataclass(frozen=True)
class StageRecipe:
    """A stage of training; weights pass from one to the next.

    Args:
        name: names the stage's folder.
        objective: `ctc` trains the vocabulary by its CTC head, `text` the language model by its
            next token, `both` the sum.
        steps: optimiser steps.
        learning_rate: the highest.
        vocabulary_rate: factor on it for the vocabulary.
        warmup_steps: steps of linear rise.
        decay_steps: steps of fall at the end.
        widths_px: widths of strips; all strips of a batch have one of them.
        batch_px: pixels of width in a batch: strips times width.
        draft_share: share of lines that come with a draft.
        good_draft_share: share of drafts that are nearly the truth instead of the vocabulary's own:
            the lines of training are harder than print, so that its own drafts of them are worse
            than those that it makes in reading.
        mask_share: share of the answer's tokens hidden from the next.
        ctc_weight: factor on the CTC loss under `both`.
        weight_decay: AdamW's, on matrices.
        max_grad_norm: gradients are clipped to it.
        validate_steps: steps between measurements on held-out fonts and texts.
        save_steps: steps between checkpoints.
    """

    name: str
    objective: Literal["ctc", "text", "both"]
    steps: int
    learning_rate: float
    vocabulary_rate: float = 1.0
    warmup_steps: int = 200
    decay_steps: int = 0
    widths_px: tuple[int, ...] = (256, 384, 512, 640, 768, 1024, 1280)
    batch_px: int = 16384
    draft_share: float = 0.5
    good_draft_share: float = 0.0
    mask_share: float = 0.3
    ctc_weight: float = 1.0
    weight_decay: float = 0.03
    max_grad_norm: float = 1.0
    validate_steps: int = 250
    save_steps: int = 250

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be trained with.

        Raises:
            VaryError: one of them, named.
        """
        if not self.name or Path(self.name).name != self.name:
            raise VaryError(f"a stage's name names a folder; {self.name!r} cannot be one")
        counts = {key: getattr(self, key) for key in ("steps", "validate_steps", "save_steps")}
        counts |= {"batch_px": self.batch_px, "widths_px": min(self.widths_px, default=0)}
        shares = {
            key: getattr(self, key) for key in ("draft_share", "good_draft_share", "mask_share")
        }
        for key, count in counts.items():
            if count < 1:
                raise VaryError(f"stage {self.name}: {key} must be at least 1, got {count}")
        for key, share in shares.items():
            if not 0 <= share <= 1:
                raise VaryError(f"stage {self.name}: {key} must be 0 to 1, got {share}")


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
    init: str = ""

    def __post_init__(self) -> None:
        """Refuse a run without stages, or with two of one name: they would share a folder.

        Raises:
            VaryError: as told.
        """
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise VaryError(f"stages need one name each, at least one; got {names}")

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
    if not path.is_file():
        raise InputError(f"no recipe {path}; recipes/ of the project holds some")
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    if not isinstance(fields, dict):
        raise InputError(f"{path} holds no recipe: expected keys and values")
    for override in overrides:
        key, sign, value = override.partition("=")
        if not sign:
            raise VaryError(f"{override!r} is no override; write key=value")
        try:
            _set(fields, key.split("."), yaml.safe_load(value))
        except yaml.YAMLError as error:
            raise VaryError(f"the value of {override!r} is not YAML: {error}") from error
    recipe: Recipe = _build(Recipe, fields, "recipe")
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


def _set(fields: Any, keys: list[str], value: Any) -> None:
    """Write a value at a path of keys; a list's members are found by their name or number."""
    key = keys[0]
    if isinstance(fields, list):
        names = [
            str(part.get("name", place)) if isinstance(part, dict) else str(place)
            for place, part in enumerate(fields)
        ]
        if key not in names:
            raise VaryError(f"no {key!r} here; there are {', '.join(names)}")
        place: Any = names.index(key)
    elif not isinstance(fields, dict):
        raise VaryError(f"{key!r} cannot be set in {fields!r}, which holds no keys")
    else:
        place = key
        fields.setdefault(place, {})
    if len(keys) == 1:
        fields[place] = value
    else:
        _set(fields[place], keys[1:], value)


def _build(kind: Any, value: Any, where: str) -> Any:
    """Return a value of the wanted type, made from YAML's plain values."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(typing.cast("type[Any]", kind), value, where)
    origin = typing.get_origin(kind)
    if origin is tuple:
        return _build_tuple(typing.get_args(kind), value, where)
    if origin is Literal:
        if value not in typing.get_args(kind):
            allowed = ", ".join(map(str, typing.get_args(kind)))
            raise VaryError(f"{where} must be one of {allowed}, got {value!r}")
        return value
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            raise VaryError(f"{where} must be a number, got {value!r}") from None
    plain = dict if origin is dict else kind
    if not isinstance(value, plain) or (kind is int and isinstance(value, bool)):
        named = getattr(plain, "__name__", str(plain))
        raise VaryError(f"{where} must be {named}, got {value!r}")
    return value


def _build_tuple(members: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise VaryError(f"{where} must be a list, got {value!r}")
    kinds = [members[0]] * len(value) if members[-1] is Ellipsis else list(members)
    if len(kinds) != len(value):
        raise VaryError(f"{where} must be a list of {len(kinds)}, got {value!r}")
    parts = enumerate(zip(kinds, value, strict=True))
    return tuple(_build(kind, part, f"{where}[{place}]") for place, (kind, part) in parts)


def check_keys(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Refuse unknown keys.

    Raises:
        VaryError: a key that is not known; the nearest is named.
    """
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
            raise VaryError(f"{where} has no key {key!r}; {hint}")


def _build_dataclass(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise VaryError(f"{where} must hold keys and values, got {value!r}")
    hints = typing.get_type_hints(kind)
    check_keys(value, hints, where)
    missing = [
        part.name
        for part in dataclasses.fields(kind)
        if part.name not in value
        and part.default is dataclasses.MISSING
        and part.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise VaryError(f"{where} lacks {', '.join(missing)}")
    return kind(**{key: _build(hints[key], part, f"{where}.{key}") for key, part in value.items()})
