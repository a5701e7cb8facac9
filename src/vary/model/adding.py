"""One more vocabulary in a finished model, with its processor."""

from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from vary.errors import VaryError
from vary.model.building import image_rules_of, longest_prompt
from vary.model.configuration import Fusion
from vary.model.images import ImageRule
from vary.model.modeling import VaryForConditionalGeneration, as_vocabulary, check_adding
from vary.model.processing import VaryProcessor


def add_vocabulary(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    vocabulary: PreTrainedConfig | PreTrainedModel,
    image_rule: ImageRule | dict[str, Any] | None = None,
    fusion: Fusion = "sum",
) -> None:
    """Put one more vocabulary into a model and its processor; what is there stays as it is.

    With `sum` the model's answers are bit for bit those before. With `sequence` its prompts are
    longer by the new tokens, and the answer's limit shrinks where positions are short.

    Args:
        model: changed in place.
        processor: the model's, changed in place.
        vocabulary: as `build_vary` takes them. Seed torch before for repeatable initial values.
        image_rule: how it wants its images; None for the paper's (see `build_vary`).
        fusion: ``sum`` or ``sequence``; see `VaryForConditionalGeneration.add_vocabulary`.

    Raises:
        VaryError: token counts that do not fit (both sides are named, and the way out), a prompt
            that leaves no room, or what `VaryForConditionalGeneration.add_vocabulary` refuses;
            nothing is changed then.
    """
    check_adding(fusion)
    part = as_vocabulary(vocabulary)
    given = image_rules_of([part.config], None if image_rule is None else [image_rule])[0]
    rule = given if isinstance(given, ImageRule) else ImageRule(**given)
    _check_room(model, processor, part.config, rule, fusion)
    try:
        processor.add_vocabulary(part.config, rule, fusion)
    except ValueError as error:
        raise VaryError(_explained(str(error), model, processor, part.config, rule)) from error
    model.add_vocabulary(part, fusion)
    if fusion == "sequence":
        _shorten_answers(model, processor)


def _check_room(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    vocabulary: PreTrainedConfig,
    rule: ImageRule,
    fusion: Fusion,
) -> None:
    """Refuse tokens in sequence for which the language model, or the prompt, has no place.

    Raises:
        VaryError: the prompt would be too long.
    """
    if fusion != "sequence":
        return
    rows, columns = vocabulary.token_grid(rule.height, rule.width)
    length = longest_prompt(processor) + rows * columns
    positions = getattr(model.config.text_config, "max_position_embeddings", None)
    place = processor.answer_position
    limit = positions if place is None else place // 2
    if limit is not None and length >= limit:
        what = f"the language model has {limit} positions"
        if place is not None:
            what = f"this model was trained with {limit} before the draft (answer_position {place})"
        raise VaryError(
            f"with {rows * columns} more vision tokens the prompt of an image takes {length} "
            f"tokens, {what}; use fusion='sum', or a smaller image rule"
        )


def _explained(
    reason: str,
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    vocabulary: PreTrainedConfig,
    rule: ImageRule,
) -> str:
    """Return a reason with both sides' sizes, and the size that would fit, if there is one."""
    sides = [*zip(model.config.vocabularies, processor.image_processor.rules, strict=True)]
    told = "; ".join(_side(part, own) for part, own in sides)
    message = f"{reason} (the model: {told}; the added one: {_side(vocabulary, rule)})"
    fitting = _fitting_size(
        sides[0][0].token_grid(sides[0][1].height, sides[0][1].width), vocabulary
    )
    if fitting is None or fitting == (rule.height, rule.width):
        return message
    return f"{message}. Images of {fitting[0]} x {fitting[1]} px give it the model's number"


def _side(vocabulary: PreTrainedConfig, rule: ImageRule) -> str:
    name = getattr(getattr(vocabulary, "network", None), "model_type", vocabulary.model_type)
    size = f"{name} at {rule.height} x {rule.width} px"
    try:
        rows, columns = vocabulary.token_grid(rule.height, rule.width)
    except ValueError:
        return f"{size}, which it does not take"
    return f"{size}: {rows} x {columns} tokens"


def _fitting_size(grid: tuple[int, int], vocabulary: PreTrainedConfig) -> tuple[int, int] | None:
    """Return the image size at which a vocabulary gives this grid of tokens, if it takes it."""
    if getattr(vocabulary, "positions", "interpolate") != "interpolate":
        return None
    rows, columns = vocabulary.token_grid(*vocabulary.image_size)
    height, width = vocabulary.image_size
    return grid[0] * (height // rows), grid[1] * (width // columns)


def _shorten_answers(model: VaryForConditionalGeneration, processor: VaryProcessor) -> None:
    """Let answers end where positions do, behind a prompt that has grown."""
    positions = getattr(model.config.text_config, "max_position_embeddings", None)
    settings = model.generation_config
    if positions is not None and settings.max_new_tokens is not None:
        room = positions - longest_prompt(processor)
        settings.max_new_tokens = min(settings.max_new_tokens, room)
