"""A model from its parts: vocabularies and a language model whose weights are kept.

Vary-tiny is built so: SAM's encoder, OPT-125M with a longer position table, three new tokens.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from vary.errors import VaryError
from vary.model.configuration import Fusion, VaryConfig
from vary.model.images import ImageRule, VaryImageProcessor
from vary.model.modeling import VaryForConditionalGeneration, as_vocabulary
from vary.model.processing import VaryProcessor
from vary.model.tokenizer import DRAFT_END, DRAFT_START, IMAGE, IMAGE_END, IMAGE_START
from vary.vocabulary import ViTDetConfig

IMAGE_TOKENS = (IMAGE_START, IMAGE, IMAGE_END)
DRAFT_TOKENS = (DRAFT_START, DRAFT_END)
# The longest pages of this line of models (GOT-OCR2.0, stage 3). Language models of far more
# positions than this would write on and on where they have lost the page.
MAX_PAGE_TOKENS = 8192
# OPT looks position 0 up in row 2: its table has two rows more than it has positions.
_OPT_OFFSET = 2


def interpolate_positions(language_model: PreTrainedModel, num_positions: int) -> None:
    """Give a language model of learned positions another number of them, interpolated linearly.

    OPT's two rows before its first position stay as they are; of the others the first and the last
    keep their places at the ends. The configuration's `max_position_embeddings` follows.

    Args:
        language_model: OPT, GPT-2, or another model with a table of positions; changed in place.
        num_positions: tokens that it shall reach; OPT's 4,096 make a table of 4,098 rows.

    Raises:
        VaryError: the model has no such table (rotary positions need none), or fewer than two
            positions are asked for.

    Source: paper 3.2, "interpolated OPT-125M (4096 tokens)"; the authors published no code for it.
    """
    if num_positions < 2:
        raise VaryError(f"num_positions must be 2 or more, got {num_positions}")
    table, offset = _position_table(language_model)
    kept, learned = table.weight.data[:offset], table.weight.data[offset:]
    fitted = _interpolate_rows(learned, num_positions)
    table.weight = nn.Parameter(torch.cat([kept, fitted]), table.weight.requires_grad)
    table.num_embeddings = num_positions + offset
    language_model.config.max_position_embeddings = num_positions
    for module in language_model.modules():
        if hasattr(module, "max_target_positions"):
            module.max_target_positions = num_positions


def _position_table(language_model: PreTrainedModel) -> tuple[nn.Embedding, int]:
    """Return the table of learned positions, and how many rows stand before position 0.

    Raises:
        VaryError: there is no such table.
    """
    positions = getattr(language_model.config, "max_position_embeddings", None)
    inputs = language_model.get_input_embeddings()
    for module in language_model.modules():
        if isinstance(module, nn.Embedding) and module is not inputs and positions:
            offset = module.num_embeddings - positions
            if offset == getattr(module, "offset", 0) and offset in (0, _OPT_OFFSET):
                return module, offset
    raise VaryError(
        f"{language_model.config.model_type} has no table of learned positions that could be "
        "interpolated; rotary positions need none: leave the number of positions out"
    )


def _interpolate_rows(rows: Tensor, number: int) -> Tensor:
    """Return (number, D) rows between the (N, D) given ones, first and last in place."""
    if number == rows.shape[0]:
        return rows
    fitted = F.interpolate(rows.float().T[None], size=number, mode="linear", align_corners=True)
    return fitted[0].T.contiguous().to(rows.dtype)


def add_image_tokens(
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    drafts: bool = False,
    more: Sequence[str] = (),
) -> None:
    """Give tokenizer and language model `<img>`, `<imgpad>` and `</img>`.

    The embeddings grow by as many rows as there are new tokens: OPT-125M's 50,272 to 50,275, though
    its tokenizer numbers the new ones 50,265 to 50,267. New tokens, and rows without a token,
    start at the mean of the embeddings, in an untied head too. Tokens that the tokenizer has
    already keep their rows. A tokenizer without a padding token gets its end token for it.

    Args:
        language_model: changed in place.
        tokenizer: changed in place.
        drafts: also add `<draft>` and `</draft>`.
        more: other special tokens, such as those of a chat form.

    Raises:
        VaryError: the tokenizer has no end token, so that answers could not end.

    Source: the authors' training code (means) and the paper's number of parameters (rows).
    """
    if tokenizer.eos_token_id is None:
        raise VaryError("the tokenizer has no end token (eos_token), so that no answer could end")
    wanted = [*IMAGE_TOKENS, *(DRAFT_TOKENS if drafts else ()), *more]
    known = set(tokenizer.get_vocab())
    new = [token for token in wanted if token not in known]
    num_known = len(tokenizer)
    tokenizer.add_tokens(new, special_tokens=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    num_rows = language_model.get_input_embeddings().weight.shape[0]
    fresh = [tokenizer.convert_tokens_to_ids(token) for token in new]
    size = max(num_rows + len(new), len(tokenizer))
    tables = _tables(language_model)
    means = [table[: min(num_known, num_rows)].float().mean(dim=0) for table in tables]
    if size > num_rows:
        language_model.resize_token_embeddings(size, mean_resizing=False)
    rows = sorted({*fresh, *range(num_rows, size)})
    for table, mean in zip(_tables(language_model), means, strict=True):
        table[rows] = mean.to(table.dtype)
    language_model.config.pad_token_id = tokenizer.pad_token_id
    language_model.config.eos_token_id = tokenizer.eos_token_id


def _tables(language_model: PreTrainedModel) -> list[Tensor]:
    """Return the embeddings' weights, and the head's where it has rows of its own."""
    inputs, head = language_model.get_input_embeddings(), language_model.get_output_embeddings()
    is_one = head is None or head.weight is inputs.weight
    return [module.weight.data for module in ([inputs] if is_one else [inputs, head])]


def build_vary(
    vocabularies: Sequence[PreTrainedConfig | PreTrainedModel],
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    image_rules: Sequence[ImageRule | dict[str, Any]] | None = None,
    fusion: Fusion = "channel",
    widths: list[int] | None = None,
    tasks: Sequence[str] = (),
    prompt_form: str = "paper",
) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    """Return a model of these parts, and its processor; only the linears between them are new.

    Everything is brought to the language model's precision. Seed torch before for repeatable
    linears (and vocabularies that are given as a configuration).

    Args:
        vocabularies: in the order of their channels: with weights
            (`ViTDetVocabulary.from_weights(...)`, `TowerVocabulary.from_network(...)`, a
            `CLIPVisionModel`), which are kept, or a configuration for initial ones.
        language_model: any causal language model of transformers, with its weights; it becomes a
            part of the model.
        tokenizer: the language model's, after `add_image_tokens`.
        image_rules: how each vocabulary wants its images; None for the paper's (resized to the
            vocabulary's `image_size`, ImageNet's mean and std), which other vocabularies than
            `ViTDetVocabulary` were not made with.
        fusion: see `VaryConfig`.
        widths: see `VaryConfig`.
        tasks: see `VaryConfig`.
        prompt_form: see `VaryProcessor`.

    Raises:
        VaryError: a tokenizer without image tokens, embeddings with fewer rows than it has ids, or
            image rules that are missing or too many.
        ValueError: parts that do not fit together; see `VaryConfig` and `VaryProcessor`.

    Source: paper 3.1 and 3.3.
    """
    _check_tokenizer(language_model, tokenizer)
    built = [as_vocabulary(part) for part in vocabularies]
    config = VaryConfig(
        [part.config for part in built],
        language_model.config,
        fusion,
        widths,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        tasks=tuple(tasks),
    )
    parts = [part.to_dict() for part in config.vocabularies]
    processor = VaryProcessor(
        VaryImageProcessor(image_rules_of(config.vocabularies, image_rules)),
        tokenizer,
        vocabulary=parts if len(parts) > 1 else parts[0],
        prompt_form=prompt_form,
        fusion=fusion,
    )
    longest_prompt(processor)  # whether rules and vocabularies fit is seen here, not at first use
    model = _assemble(config, built, language_model)
    read_whole_pages(model, processor)
    return model, processor


def _check_tokenizer(language_model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    missing = set(IMAGE_TOKENS) - set(tokenizer.get_vocab())
    num_rows = language_model.get_input_embeddings().weight.shape[0]
    if missing:
        raise VaryError(
            f"the tokenizer has no {', '.join(sorted(missing))}; call "
            "add_image_tokens(language_model, tokenizer) first"
        )
    if len(tokenizer) > num_rows:
        raise VaryError(
            f"the tokenizer has {len(tokenizer)} ids, the language model {num_rows} rows of "
            "embeddings; give the tokenizer that belongs to it, or call "
            "add_image_tokens(language_model, tokenizer)"
        )


def image_rules_of(
    vocabularies: list[PreTrainedConfig], rules: Sequence[ImageRule | dict[str, Any]] | None
) -> list[ImageRule | dict[str, Any]]:
    """Return the rules given, or the paper's for ViTDet vocabularies.

    Raises:
        VaryError: other vocabularies without rules, or as many rules as there are no vocabularies.
    """
    if rules is None:
        foreign = [part.model_type for part in vocabularies if not isinstance(part, ViTDetConfig)]
        if foreign:
            raise VaryError(
                f"image_rules are wanted, one per vocabulary: {', '.join(foreign)} was made with "
                "a mean and std of its own"
            )
        return [ImageRule("resize", *part.image_size) for part in vocabularies]
    if len(rules) != len(vocabularies):
        raise VaryError(
            f"{len(rules)} image_rules for {len(vocabularies)} vocabularies; give one for each"
        )
    return list(rules)


def _assemble(
    config: VaryConfig, vocabularies: list[PreTrainedModel], language_model: PreTrainedModel
) -> VaryForConditionalGeneration:
    """Return a model of these very modules, and of new linears between them."""
    with torch.device("meta"):
        model = VaryForConditionalGeneration(config)
    model.vocabularies = nn.ModuleList(vocabularies)
    model.language_model = language_model
    device = language_model.device
    model.projector.to_empty(device=device)
    for linear in model.projector.linears:
        model._init_weights(linear)
    return model.to(device=device, dtype=language_model.dtype)


def read_whole_pages(model: VaryForConditionalGeneration, processor: VaryProcessor) -> None:
    """Let `generate` and pipelines write whole pages, greedily, by the model's own settings.

    An answer may take the positions that the longest prompt leaves, 8,192 tokens at most
    (`MAX_PAGE_TOKENS`): transformers' pipeline stops at 256 where a checkpoint does not say, and
    `generate` at 20.

    Args:
        model: its `generation_config` is changed.
        processor: the model's.

    Raises:
        VaryError: the prompt alone takes all positions.
    """
    positions = getattr(model.config.text_config, "max_position_embeddings", None)
    room = MAX_PAGE_TOKENS
    if positions is not None:
        room = min(positions - longest_prompt(processor), MAX_PAGE_TOKENS)
    if room < 1:
        raise VaryError(
            f"the prompt of an image takes {longest_prompt(processor)} tokens, the language model "
            f"has {positions} positions; take one of more positions, or interpolate them"
        )
    settings = model.generation_config
    settings.max_new_tokens = room
    settings.do_sample = False
    settings.eos_token_id = processor.end_id
    settings.pad_token_id = processor.tokenizer.pad_token_id
    settings.bos_token_id = processor.tokenizer.bos_token_id


def longest_prompt(processor: VaryProcessor) -> int:
    """Return the tokens of the prompt of the largest image that the rules make, without draft."""
    rule = processor.image_processor.rules[0]
    return len(processor.prompt_tokens(processor.num_image_tokens(rule.height, rule.width)))
