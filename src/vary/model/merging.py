"""Vocabularies into a bare language model, or into one of our models, from folder to folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from vary.errors import InputError, VaryError
from vary.model.adding import add_vocabulary
from vary.model.building import add_image_tokens, build_vary, interpolate_positions
from vary.model.card import README_FILE, read_origin
from vary.model.configuration import Fusion, VaryConfig
from vary.model.folders import whole_folder
from vary.model.inspection import checkpoint_info, stored_tensors
from vary.model.modeling import VaryForConditionalGeneration
from vary.model.processing import VaryProcessor, check_token_counts
from vary.model.prompts import find_chat_form, find_form
from vary.model.sources import Source

_TOKENIZER_FILES = ("tokenizer.json", "*.model", "vocab.json", "vocab.txt", "*.tiktoken")
_PROBE_TOKENS = 8
# Width and height of the pictures that old and merged model are compared on: a page and a line.
_PROBE_SIZES = ((350, 500), (900, 60))


@dataclass(frozen=True)
class Merged:
    """What came of a merge.

    Args:
        folder: the merged model's.
        is_checked: whether its answers were compared bit for bit with the old model's.
        values: logits that were compared.
        prompt_form: of a new model.
    """

    folder: Path
    is_checked: bool = False
    values: int = 0
    prompt_form: str = ""


def merge_into_language_model(
    language_model: Path,
    sources: Sequence[Source],
    out: Path,
    *,
    fusion: Fusion = "channel",
    widths: list[int] | None = None,
    positions: int | None = None,
    prompt_form: str | None = None,
) -> Merged:
    """Write a model of a bare causal language model and vocabularies before it.

    All weights are kept; the linears between are new, and it reads nothing until they are trained.
    Seed torch before.

    Args:
        language_model: a folder of transformers, with its tokenizer.
        sources: in the order of their channels.
        out: a new or empty folder.
        fusion: see `VaryConfig`.
        widths: see `VaryConfig`.
        positions: give a model of learned positions (OPT) that many.
        prompt_form: see `VaryProcessor`; None for `template` where the tokenizer has a chat
            template, and `paper` where it has none. Tokens that a form needs are added.

    Raises:
        VaryError: folders that cannot be read, a tokenizer without an end token, or parts that do
            not fit together; nothing is written then.
    """
    with whole_folder(out) as beside:
        llm, tokenizer = _load_language_model(language_model)
        form = prompt_form or ("template" if tokenizer.chat_template else "paper")
        find_form(form)
        chat = find_chat_form(form)
        if positions is not None:
            interpolate_positions(llm, positions)
        add_image_tokens(llm, tokenizer, more=() if chat is None else chat.tokens)
        try:
            configs = [source.network.config for source in sources]
            check_token_counts(configs, [source.rule for source in sources], fusion)
            model, processor = build_vary(
                [source.network for source in sources],
                llm,
                tokenizer,
                image_rules=[source.rule for source in sources],
                fusion=fusion,
                widths=widths,
                prompt_form=form,
            )
        except ValueError as error:
            told = "; ".join(map(str, sources))
            raise VaryError(f"{error} ({told})") from error
        model.save_pretrained(beside)
        processor.save_pretrained(beside)
        _write_readme(beside, language_model, sources, f"fusion {fusion}, prompt form {form}", "")
    return Merged(out, prompt_form=form)


def merge_into_model(
    folder: Path,
    sources: Sequence[Source],
    out: Path,
    *,
    fusion: Fusion = "sum",
    check: bool = True,
) -> Merged:
    """Write one of our models with more vocabularies in it; see `vary.model.adding`.

    Args:
        folder: the model's.
        sources: added one after another.
        out: a new or empty folder.
        fusion: ``sum`` or ``sequence``.
        check: under `sum`, answer two pictures with the old model and with what was written, and
            compare logits and texts bit for bit. Nothing is written where they differ.

    Raises:
        VaryError: folders that cannot be read, or parts that do not fit together.
    """
    info = checkpoint_info(folder)
    if info["model_type"] != VaryConfig.model_type:
        raise VaryError(
            f"{folder} is no model of ours but a {info['model_type']}; give a bare language model "
            "as --llm"
        )
    if info["problems"]:
        raise InputError(f"{folder} cannot be merged into: {'; '.join(info['problems'])}")
    is_checked = check and fusion == "sum"
    with whole_folder(out) as beside:
        model, processor = _load(folder)
        before = _answers(model, processor) if is_checked else []
        for source in sources:
            add_vocabulary(model, processor, source.network, source.rule, fusion)
        model.save_pretrained(beside)
        processor.save_pretrained(beside)
        del model  # two large models need not lie in memory at once
        if is_checked:
            _compare(before, _answers(*_load(beside)))
        told = "Its answers are bit for bit those before (checked)." if is_checked else ""
        _write_readme(beside, folder, sources, f"added by {fusion}", told)
    return Merged(out, is_checked, sum(part.numel() for part in before if part.is_floating_point()))


def _load(folder: Path) -> tuple[VaryForConditionalGeneration, VaryProcessor]:
    model = VaryForConditionalGeneration.from_pretrained(folder, local_files_only=True)
    return model.eval(), VaryProcessor.from_pretrained(folder, local_files_only=True)


@torch.no_grad()
def _answers(model: VaryForConditionalGeneration, processor: VaryProcessor) -> list[Tensor]:
    """Return logits and generated tokens for pictures of noise, the same at every call."""
    rng = np.random.Generator(np.random.PCG64(0))
    found: list[Tensor] = []
    for width, height in _PROBE_SIZES:
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        inputs = processor([picture]).to(model.device)
        found.append(model(**inputs).logits)
        settings: dict[str, Any] = {"max_new_tokens": _PROBE_TOKENS, "do_sample": False}
        found.append(model.generate(**inputs, min_new_tokens=_PROBE_TOKENS, **settings))
    return found


def _compare(before: list[Tensor], after: list[Tensor]) -> None:
    """Refuse answers that are not the old ones.

    Raises:
        VaryError: a value differs.
    """
    for old, new in zip(before, after, strict=True):
        if old.shape != new.shape or old.dtype != new.dtype or not torch.equal(old, new):
            how = f"{old.dtype} {tuple(old.shape)} before, {new.dtype} {tuple(new.shape)} after"
            if old.shape == new.shape:
                how = f"by {(old.double() - new.double()).abs().max():.3g} at most"
            raise VaryError(
                f"the merged model's answers are not those of the old one: they differ {how}; "
                "nothing was written. --no-check writes it nevertheless"
            )


def _load_language_model(folder: Path) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return a causal language model and its tokenizer.

    Raises:
        InputError: they cannot be read, or weights are missing.
    """
    info = checkpoint_info(folder)
    if info["model_type"] == VaryConfig.model_type:
        raise VaryError(f"{folder} is no bare language model but one of ours: give it as --model")
    stored_tensors(folder)
    if not any(path for name in _TOKENIZER_FILES for path in folder.glob(name)):
        # transformers would make an empty tokenizer without a word.
        raise InputError(
            f"{folder} has no tokenizer ({', '.join(_TOKENIZER_FILES)}); copy it from where the "
            "model comes from"
        )
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    # tokenizers raises bare Exceptions for damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{folder} cannot be loaded as a causal language model with its tokenizer: {reason}"
        ) from error
    missing = sorted(told["missing_keys"])
    if missing:
        raise InputError(
            f"the weights in {folder} lack {len(missing)} of a {info['model_type']} language "
            f"model, such as {missing[0]}; copy them anew, or give a causal language model"
        )
    return model.eval(), tokenizer


def _write_readme(beside: Path, base: Path, sources: Sequence[Source], how: str, told: str) -> None:
    rows = [(base.resolve().name, "kept whole", read_origin(base)["license"])]
    rows += [
        (Path(source.name).name, str(source).partition(": ")[2], source.origin.get("license"))
        for source in sources
    ]
    table = "\n".join(
        f"| {name} | {what} | {rights or 'not told'} |" for name, what, rights in rows
    )
    text = (
        f"---\nlibrary_name: transformers\npipeline_tag: image-text-to-text\ntags: [vary]\n---\n\n"
        f"# {base.resolve().name}, merged\n\nVocabularies put in by `vary merge` ({how}). The new "
        f"linears are not trained yet. {told}\n\n"
        f"| part | | licence, as its card tells |\n|---|---|---|\n{table}\n"
    )
    (beside / README_FILE).write_text(text, encoding="utf-8")
