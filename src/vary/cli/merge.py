"""`vary merge`: vocabularies into a language model, or into one of our models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vary.checkpoints import find_checkpoint
from vary.errors import VaryError


class Fusion(StrEnum):
    """How vocabularies are put together."""

    CHANNEL = "channel"
    SUM = "sum"
    SEQUENCE = "sequence"


VocabulariesOption = Annotated[
    list[str],
    typer.Option(
        "--vocabulary",
        help="A vocabulary folder, a checkpoint of ours (FOLDER:1 its second), or a folder of "
        "CLIP, SigLIP, DINOv2 or SAM. Give it once for each.",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="A new folder for the merged model.")]
LlmOption = Annotated[
    str | None, typer.Option("--llm", help="The folder of a bare causal language model.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="One of our models, a folder or nano.")
]
FusionNameOption = Annotated[
    Fusion | None,
    typer.Option("--fusion", help="Without it: channel with --llm, sum with --model."),
]
WidthsOption = Annotated[
    str | None,
    typer.Option("--widths", help="Shares of the width under channel: 1536,512."),
]
LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer", help="Of vision models of transformers; without it -2 of CLIP, -1 of others."
    ),
]
ImageSizesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--image-size", help="Once for each vocabulary: 512, 512x768, or own for its own."
    ),
]
WholeImageOption = Annotated[
    bool,
    typer.Option("--whole-image", help="Squeeze the picture where a rule would cut it."),
]
PositionsOption = Annotated[
    int | None,
    typer.Option("--positions", help="Interpolate learned positions (OPT) to that many."),
]
PromptFormOption = Annotated[
    str | None,
    typer.Option(
        "--prompt-form",
        help="With --llm: paper, code, qwen, vicuna or template; without it template where the "
        "tokenizer has a chat template, else paper.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="For all that is new.")]
CheckOption = Annotated[
    bool,
    typer.Option("--check/--no-check", help="Compare old and merged model's answers bit for bit."),
]


def merge(
    vocabulary: VocabulariesOption,
    out: OutOption,
    llm: LlmOption = None,
    model: ModelOption = None,
    fusion: FusionNameOption = None,
    widths: WidthsOption = None,
    layer: LayerOption = None,
    image_size: ImageSizesOption = None,
    whole_image: WholeImageOption = False,
    positions: PositionsOption = None,
    prompt_form: PromptFormOption = None,
    seed: SeedOption = 0,
    check: CheckOption = True,
) -> None:
    """Put vocabularies before a language model, or beside those of a finished model."""
    given: dict[str, object] = {
        "--widths": widths,
        "--positions": positions,
        "--prompt-form": prompt_form,
    }
    _check_options(llm, model, given)
    base = find_checkpoint(llm or model or "")
    sizes = _sizes(image_size, len(vocabulary))
    shares = _numbers(widths)
    import torch

    from vary.cli.quiet import settle_torch
    from vary.model.folders import check_is_free
    from vary.model.merging import merge_into_language_model, merge_into_model
    from vary.model.sources import load_source
    from vary.read.calibration import carry_calibration

    check_is_free(out)
    settle_torch()
    torch.manual_seed(seed)
    sources = [
        load_source(name, layer=layer, image_size=size, whole_image=whole_image)
        for name, size in zip(vocabulary, sizes, strict=True)
    ]
    for source in sources:
        typer.echo("\n  ".join([str(source), *source.notes]), err=True)
    how: Any = (fusion or (Fusion.SUM if llm is None else Fusion.CHANNEL)).value
    if llm is None:
        merged = merge_into_model(base, sources, out, fusion=how, check=check)
        told = _said(how, merged.values, str(model))
        if carry_calibration(base, out):
            told += "\ncalibration.json goes along: the CTC head is the same"
    else:
        more: Any = {"widths": shares, "positions": positions, "prompt_form": prompt_form}
        merged = merge_into_language_model(base, sources, out, fusion=how, **more)
        told = f"prompt form {merged.prompt_form}; the linears are new (seed {seed}): "
        told += "it reads nothing until they are trained"
    typer.echo(told, err=True)
    typer.echo(str(merged.folder))


def _check_options(llm: str | None, model: str | None, only_llm: dict[str, object]) -> None:
    """Refuse options that do not go together.

    Raises:
        VaryError: they are named.
    """
    if (llm is None) == (model is None):
        raise VaryError("give either --llm, a bare language model, or --model, one of ours")
    given = [name for name, value in only_llm.items() if value is not None]
    if model is not None and given:
        raise VaryError(f"{' and '.join(given)} belong to --llm; a finished model keeps its own")


def _said(fusion: str, num_compared: int, model: str) -> str:
    """Return what is known of a merged model's answers."""
    if fusion == Fusion.SEQUENCE:
        return "tokens in sequence make longer prompts: its answers are not those before"
    if not num_compared:
        return "not compared with the old model (--no-check)"
    return f"checked: {num_compared:,} logits and the texts are bit for bit those of {model}"


def _sizes(given: list[str] | None, number: int) -> list[tuple[int, int] | None]:
    """Return height and width for each vocabulary, None for its own."""
    if not given:
        return [None] * number
    if len(given) != number:
        raise VaryError(
            f"--image-size is given {len(given)} times for {number} vocabularies; give it once for "
            "each, own for its own"
        )
    return [None if text == "own" else _size(text) for text in given]


def _size(text: str) -> tuple[int, int]:
    sides = text.split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise VaryError(
            f"--image-size {text} is no size; give 512, 512x768 (height x width) or own"
        )
    return int(sides[0]), int(sides[-1])


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise VaryError(f"--widths {text} is no list of numbers; give them as 1536,512")
    return [int(part) for part in parts]
