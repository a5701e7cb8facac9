"""A model and its processor from a recipe."""

import inspect
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from vary.data.engines.page.alphabets import find_alphabet
from vary.errors import VaryError
from vary.model import ImageRule, VaryConfig, VaryForConditionalGeneration, VaryProcessor
from vary.model.alignment import align_heads
from vary.model.building import (
    DRAFT_TOKENS,
    IMAGE_TOKENS,
    add_image_tokens,
    build_vary,
    interpolate_positions,
    read_whole_pages,
)
from vary.model.configuration import config_from_dict
from vary.model.tokenizer import train_tokenizer
from vary.strict import check_keys
from vary.train.freezing import freeze
from vary.train.recipe import ModelRecipe, Recipe, StageRecipe
from vary.train.sources import Materials
from vary.train.widening import widen_alphabet, widen_tokenizer
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary


def build(
    recipe: Recipe, materials: Materials
) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a recipe's model with initial weights, or that of `base` or `init`, and its processor.

    Weights and tokenizer of `init` are taken as they are: no heads are aligned there. A CTC head
    whose alphabet is only a part of the recipe's is widened (`widen_alphabet`), and so is a
    tokenizer with fewer pieces than the recipe's (`widen_tokenizer`).

    Args:
        recipe: what to build.
        materials: texts, which the tokenizer is trained on and the alphabet comes from.

    Raises:
        VaryError: a field that the vocabulary's or the language model's configuration refuses, or
            that the model of `init` has otherwise; weights that do not fit or are not there.
        InputError: no text to train the tokenizer on.
    """
    spec = recipe.model
    check_model(spec)
    if spec.base:
        return load(Path(spec.base))
    alphabet = materials.alphabet if spec.ctc_head or not spec.language_model else ""
    if recipe.init:
        model, processor = load(Path(recipe.init))
        _widen(recipe, alphabet, model, processor)
        _check_init(recipe, alphabet, model.config, processor)
        return model, processor
    torch.manual_seed(recipe.seed)
    try:
        language_model, tokenizer = (
            _pretrained(spec) if spec.language_model else _initial(spec, materials, alphabet)
        )
        own = alphabet if spec.ctc_head else None
        encoder = _encoder(spec, ViTDetConfig(**spec.vocabulary, ctc_alphabet=own))
        model, processor = build_vary(
            [encoder],
            language_model,
            tokenizer,
            image_rules=[ImageRule(**spec.image)] if spec.image else None,
            tasks=recipe.tasks,
            prompt_form=spec.prompt_form,
        )
    except (TypeError, ValueError) as error:
        if isinstance(error, VaryError):
            raise
        raise VaryError(f"the recipe's model cannot be built: {error}") from error
    if spec.align_heads:
        if spec.answer_position is None:
            raise VaryError("align_heads needs an answer_position")
        align_heads(model.language_model, spec.answer_position)
    processor.answer_position = spec.answer_position
    read_whole_pages(model, processor)  # as far as the positions behind the answer's first go
    return model, processor


def _initial(
    spec: ModelRecipe, materials: Materials, alphabet: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a language model with random weights, and a tokenizer trained on the texts."""
    tokenizer = train_tokenizer(
        materials.plain_texts(),
        spec.tokenizer.vocabulary_size,
        alphabet,
        spec.tokenizer.max_piece_chars,
    )
    config = config_from_dict(
        {
            **spec.text,
            "vocab_size": len(tokenizer),
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
    )
    return AutoModelForCausalLM.from_config(config), tokenizer


def _pretrained(spec: ModelRecipe) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Return a language model with its weights and tokenizer, image tokens and positions added.

    Raises:
        VaryError: it is neither in a folder nor to be had by its name.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(spec.language_model)
        language_model = AutoModelForCausalLM.from_pretrained(
            spec.language_model, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        reason = str(error).split("\n", 1)[0]
        raise VaryError(
            f"no language model and tokenizer at {spec.language_model} ({reason}); give "
            "model.language_model=FOLDER, or model.language_model='' and fields of model.text for "
            "random weights"
        ) from error
    _check_language_model(spec, language_model)
    if spec.max_positions:
        interpolate_positions(language_model, spec.max_positions)
    add_image_tokens(language_model, tokenizer, drafts=spec.ctc_head)
    return language_model, tokenizer


def _check_language_model(spec: ModelRecipe, language_model: PreTrainedModel) -> None:
    """Refuse a language model that is not the one that `model.text` describes.

    Raises:
        VaryError: fields in which they differ.
    """
    config = language_model.config
    differing = [
        f"{name} {getattr(config, name, None)!r}, not {value!r}"
        for name, value in spec.text.items()
        if getattr(config, name, None) != value
    ]
    if differing:
        raise VaryError(
            f"the language model at {spec.language_model} is not what model.text says: it has "
            f"{', '.join(differing)}; give another, or write into model.text what it has"
        )


def _encoder(spec: ModelRecipe, config: ViTDetConfig) -> ViTDetConfig | ViTDetVocabulary:
    """Return the vocabulary with other people's weights, or its configuration alone.

    Raises:
        VaryError: the weights are not there, or do not fit.
    """
    if not spec.vocabulary_weights:
        return config
    if not Path(spec.vocabulary_weights).is_file():
        raise VaryError(
            f"no weights file {spec.vocabulary_weights}; give model.vocabulary_weights=FILE (SAM's "
            "ViT-B checkpoint, or another encoder of these sizes), or model.vocabulary_weights='' "
            "for random weights"
        )
    return ViTDetVocabulary.from_weights(spec.vocabulary_weights, config)


def check_frozen(recipe: Recipe, stage: StageRecipe) -> None:
    """Refuse what a stage cannot hold fixed, before any other stage is trained.

    Raises:
        VaryError: patterns of `frozen` that match nothing or leave nothing to train.
    """
    if stage.frozen and (recipe.model.text or recipe.model.base):
        with torch.device("meta"):
            freeze(meta_model(recipe.model, recipe.data.alphabet), stage.frozen)


def meta_model(spec: ModelRecipe, alphabet: str = "latin") -> VaryForConditionalGeneration:
    """Return a recipe's model, of the sizes that training would give it, with initial weights.

    On PyTorch's meta device (`with torch.device("meta")`) it has shapes alone.

    Raises:
        VaryError: the language model is described nowhere, or a field is refused.
    """
    if spec.base:
        return VaryForConditionalGeneration(load_config(Path(spec.base)))
    check_model(spec)
    if spec.text:
        text = config_from_dict(spec.text)
    else:
        try:
            text = AutoConfig.from_pretrained(spec.language_model)
        except (OSError, ValueError) as error:
            raise VaryError(
                f"no configuration of {spec.language_model} to be had ({error}); say in model.text "
                "what it is, such as {model_type: opt}"
            ) from error
    added = len(IMAGE_TOKENS) + (len(DRAFT_TOKENS) if spec.ctc_head else 0)
    text.vocab_size = (
        text.vocab_size + added if spec.language_model else spec.tokenizer.vocabulary_size
    )
    text.max_position_embeddings = spec.max_positions or text.max_position_embeddings
    own = find_alphabet(alphabet) if spec.ctc_head else None
    vocabulary = ViTDetConfig(**spec.vocabulary, ctc_alphabet=own)
    return VaryForConditionalGeneration(VaryConfig([vocabulary], text, image_token_id=1))


def check_model(spec: ModelRecipe) -> None:
    """Refuse unknown keys, which the configurations themselves take, and sizes that cannot be.

    Raises:
        VaryError: an unknown key or `model_type` (the nearest is named), or a field that the
            vocabulary or the image rule refuses.
    """
    _check_model_keys(spec)
    try:
        ViTDetConfig(**spec.vocabulary)
        ImageRule(**spec.image)
    except (TypeError, ValueError) as error:
        raise VaryError(f"the recipe's model cannot be built: {error}") from error


def _check_model_keys(spec: ModelRecipe) -> None:
    known = set(inspect.signature(ViTDetConfig.__init__).parameters)
    own = {"self", "kwargs", "ctc_alphabet"}
    check_keys(spec.vocabulary, sorted(known - own), "recipe.model.vocabulary")
    known = set(inspect.signature(ImageRule.__init__).parameters)
    check_keys(spec.image, sorted(known - {"self"}), "recipe.model.image")
    if not spec.text:
        return
    model_type = spec.text.get("model_type")
    check_keys([str(model_type)], sorted(CONFIG_MAPPING.keys()), "recipe.model.text.model_type")
    defaults = CONFIG_MAPPING[model_type]()
    known = {"model_type", *defaults.to_dict(), *defaults.attribute_map}
    check_keys(spec.text, sorted(known), "recipe.model.text")


def _widen(
    recipe: Recipe,
    alphabet: str,
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
) -> None:
    known = getattr(model.config.vocabularies[0], "ctc_alphabet", None)
    if recipe.model.ctc_head and known and known != alphabet and set(known) <= set(alphabet):
        torch.manual_seed(recipe.seed)
        widen_alphabet(model, alphabet, recipe.model.vocabulary.get("ctc_rank"))
    if len(processor.tokenizer) < recipe.model.tokenizer.vocabulary_size:
        widen_tokenizer(model, processor, alphabet, recipe.model.tokenizer.vocabulary_size)


def _check_init(
    recipe: Recipe, alphabet: str, config: VaryConfig, processor: VaryProcessor
) -> None:
    """Refuse a checkpoint that is not the model of which the recipe speaks.

    Raises:
        VaryError: keys in which they differ.
    """
    spec = recipe.model
    own = alphabet if spec.ctc_head else None
    wanted = VaryConfig([ViTDetConfig(**spec.vocabulary, ctc_alphabet=own)], spec.text or None)
    names = set(inspect.signature(ViTDetConfig.__init__).parameters) - {"self", "kwargs"}
    pairs = {
        "vocabulary.": (names, wanted.vocabularies[0], config.vocabularies[0]),
        "text.": (spec.text, wanted.text_config, config.text_config),
        "image.": (spec.image, ImageRule(**spec.image), processor.image_processor.rules[0]),
        "": (("answer_position", "prompt_form"), spec, processor),
    }
    missing = object()
    differing = [
        f"{prefix}{name}"
        for prefix, (keys, ours, theirs) in pairs.items()
        for name in sorted(keys)
        if getattr(ours, name, missing) != getattr(theirs, name, missing)
    ]
    if differing:
        raise VaryError(
            f"the model of init={recipe.init} has another {', '.join(differing)} than the recipe's "
            "model; write into the recipe what the checkpoint has, or start without init"
        )


def load_config(folder: Path) -> VaryConfig:
    """Return the configuration of a saved model.

    Raises:
        VaryError: the folder holds no checkpoint, or one of another architecture.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise VaryError(f"no checkpoint in {folder}: config.json is missing")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise VaryError(f"{path} cannot be read as JSON ({error}); copy it anew") from error
    found = fields.get("model_type") if isinstance(fields, dict) else None
    if found != VaryConfig.model_type:
        raise VaryError(
            f"{folder} holds a model of type {found}, not {VaryConfig.model_type}: a pretrained "
            "language model goes into model.language_model (or becomes one of ours by vary "
            "merge), an encoder into model.vocabulary_weights"
        )
    return VaryConfig.from_pretrained(folder, local_files_only=True)


def load(folder: Path) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a saved model in fp32 and its processor.

    Raises:
        VaryError: the folder holds no checkpoint, or one of another architecture.
    """
    load_config(folder)
    try:
        model = VaryForConditionalGeneration.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        return model, VaryProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, SafetensorError) as error:
        reason = str(error).split("\n", 1)[0]
        raise VaryError(
            f"the checkpoint in {folder} is not whole ({reason}); copy it anew"
        ) from error
