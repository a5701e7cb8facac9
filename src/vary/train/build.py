"""A model and its processor from a recipe."""

import inspect
from pathlib import Path

import torch
from transformers import CONFIG_MAPPING

from vary.data.engines.page.line_text import fold_text
from vary.errors import VaryError
from vary.model import (
    ImageRule,
    VaryConfig,
    VaryForConditionalGeneration,
    VaryImageProcessor,
    VaryProcessor,
)
from vary.model.alignment import align_heads
from vary.model.tokenizer import END, IMAGE, PAD, train_tokenizer
from vary.train.recipe import ModelRecipe, Recipe, check_keys
from vary.train.sources import split_text
from vary.vocabulary import ViTDetConfig


def build(recipe: Recipe, alphabet: str) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a recipe's model with initial weights, or that of `init`, and its processor.

    Weights and tokenizer of `init` are taken as they are: no heads are aligned there.

    Args:
        recipe: what to build.
        alphabet: characters that the engine writes: the CTC alphabet, each a piece of its own.

    Raises:
        VaryError: a field that the vocabulary's or the language model's configuration refuses, or
            that the model of `init` has otherwise.
        InputError: no text to train the tokenizer on.
    """
    spec = recipe.model
    _check_model_keys(spec)
    if recipe.init:
        model, processor = load(Path(recipe.init))
        _check_init(recipe, alphabet, model.config, processor)
        return model, processor
    texts = (fold_text(paragraph.text) for paragraph in split_text(recipe.data).learned.paragraphs)
    tokenizer = train_tokenizer(
        texts, spec.tokenizer.vocabulary_size, alphabet, spec.tokenizer.max_piece_chars
    )
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (END, PAD, IMAGE)}
    try:
        vocabulary = ViTDetConfig(**spec.vocabulary, ctc_alphabet=alphabet)
        config = VaryConfig(
            [vocabulary],
            {
                **spec.text,
                "vocab_size": len(tokenizer),
                "bos_token_id": None,
                "eos_token_id": ids[END],
                "pad_token_id": ids[PAD],
            },
            image_token_id=ids[IMAGE],
            tasks=recipe.tasks,
        )
        images = VaryImageProcessor([ImageRule(**spec.image)])
    except (TypeError, ValueError) as error:
        raise VaryError(f"the recipe's model cannot be built: {error}") from error
    torch.manual_seed(recipe.seed)
    model = VaryForConditionalGeneration(config)
    if spec.align_heads:
        if spec.answer_position is None:
            raise VaryError("align_heads needs an answer_position")
        align_heads(model.language_model, spec.answer_position)
    model.generation_config.eos_token_id = ids[END]
    model.generation_config.pad_token_id = ids[PAD]
    model.generation_config.do_sample = False
    processor = VaryProcessor(
        images,
        tokenizer,
        vocabulary=vocabulary.to_dict(),
        answer_position=spec.answer_position,
    )
    return model, processor


def _check_model_keys(spec: ModelRecipe) -> None:
    """Refuse unknown keys; the configurations themselves take any.

    Raises:
        VaryError: an unknown key or `model_type`; the nearest is named.
    """
    known = set(inspect.signature(ViTDetConfig.__init__).parameters)
    own = {"self", "kwargs", "ctc_alphabet"}
    check_keys(spec.vocabulary, sorted(known - own), "recipe.model.vocabulary")
    known = set(inspect.signature(ImageRule.__init__).parameters)
    check_keys(spec.image, sorted(known - {"self"}), "recipe.model.image")
    model_type = spec.text.get("model_type")
    check_keys([str(model_type)], sorted(CONFIG_MAPPING.keys()), "recipe.model.text.model_type")
    defaults = CONFIG_MAPPING[model_type]()
    known = {"model_type", *defaults.to_dict(), *defaults.attribute_map}
    check_keys(spec.text, sorted(known), "recipe.model.text")


def _check_init(
    recipe: Recipe, alphabet: str, config: VaryConfig, processor: VaryProcessor
) -> None:
    """Refuse a checkpoint that is not the model of which the recipe speaks.

    Raises:
        VaryError: keys in which they differ.
    """
    spec = recipe.model
    wanted = VaryConfig([ViTDetConfig(**spec.vocabulary, ctc_alphabet=alphabet)], spec.text)
    names = set(inspect.signature(ViTDetConfig.__init__).parameters) - {"self", "kwargs"}
    pairs = {
        "vocabulary.": (names, wanted.vocabularies[0], config.vocabularies[0]),
        "text.": (spec.text, wanted.text_config, config.text_config),
        "image.": (spec.image, ImageRule(**spec.image), processor.image_processor.rules[0]),
        "": (("answer_position",), spec, processor),
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


def load(folder: Path) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a saved model in fp32 and its processor.

    Raises:
        VaryError: the folder holds no checkpoint.
    """
    if not (folder / "config.json").is_file():
        raise VaryError(f"no checkpoint in {folder}: config.json is missing")
    model = VaryForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model, VaryProcessor.from_pretrained(folder)
