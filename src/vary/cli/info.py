"""`vary info`: what a checkpoint holds, without loading its weights."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from vary.checkpoints import find_checkpoint

EXIT_PROBLEMS = 1
_MIB = 2**20


def info(
    checkpoint: Annotated[
        str, typer.Argument(help="A bundled checkpoint's name (nano), or the folder of one.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a checkpoint's parameters, tokens, shapes and prompt; exit 1 if weights do not fit."""
    folder = find_checkpoint(checkpoint)
    from vary.model.inspection import checkpoint_info

    found = {"checkpoint": str(folder), **checkpoint_info(folder)}
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        rows = list(_rows(found))
        width = max(len(name) for name, _ in rows) + 2
        for name, value in rows:
            typer.echo(f"{name:{width}}{value}".rstrip())
    if found["problems"]:
        raise typer.Exit(EXIT_PROBLEMS)


def _rows(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines of the table: a name and a value."""
    yield "checkpoint", found["checkpoint"]
    yield "model type", str(found["model_type"] or "not named in config.json")
    yield "on disk", f"{found['bytes'] / _MIB:,.1f} MiB, weights in {found['dtype'] or 'no file'}"
    yield from _parameters(found["parameters"])
    if "tokens_per_image" in found:
        yield "tasks", ", ".join(found["tasks"]) or "none named"
        yield "tokens per image", str(found["tokens_per_image"] or "its vocabularies do not agree")
    for number, part in enumerate(found.get("vocabularies", ()), start=1):
        yield f"vocabulary {number}", _vocabulary(part)
    yield from _origin(found)
    for number, rule in enumerate(found.get("images", ()), start=1):
        yield f"image {number}", _image(rule)
    if "fusion" in found:
        linears = ", ".join(f"{wide} -> {narrow}" for wide, narrow in found["projector"])
        added = "".join(f", then {how} of an added one" for how in found["added"])
        yield "projector", f"{linears} (fusion {found['fusion']}{added})"
    if "language_model" in found:
        yield "language model", _language_model(found["language_model"])
    prompt = found.get("prompt")
    if prompt:
        place = prompt["answer_position"]
        at = "" if place is None else f", answer at position {place}"
        yield "prompt", f"{json.dumps(prompt['text'])} (form {prompt['form']}{at})"
    elif "fusion" in found:
        yield "prompt", "no processor in the folder"
    for problem in found["problems"]:
        yield "problem", problem


def _origin(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what the card of a vocabulary by itself says of where it comes from."""
    origin = found.get("origin")
    if origin:
        yield "taken from", f"{origin['checkpoint']}, vocabulary {origin['index']} (from 0)"
    if found.get("license"):
        yield "license", str(found["license"])


def _parameters(counts: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if counts is None:
        yield "parameters", "unknown: no safetensors files"
        return
    yield "parameters", f"{counts['total']:,}"
    for name, part in counts.get("parts", {}).items():
        if isinstance(part, int):
            yield f"  {name}", f"{part:,}"
            continue
        yield f"  {name}", f"{part['total']:,}"
        for inner, count in part.items():
            if inner != "total":
                yield f"    {inner}", f"{count:,}"


def _vocabulary(part: dict[str, Any]) -> str:
    height, width = part["image_size"]
    rows, columns = part["grid"]
    text = (
        f"{part['model_type']}: {height} x {width} px -> {rows} x {columns} = {part['tokens']} "
        f"tokens of width {part['token_size']}"
    )
    if "layer" in part:
        text += f", of layer {part['layer']}"
    if part.get("ctc_classes"):
        text += f", CTC over {part['ctc_classes']} classes"
    if part.get("kinds"):
        text += f", tells {', '.join(part['kinds'])} apart"
    return text


def _image(rule: dict[str, Any]) -> str:
    size = f"{rule['height']} x {rule['width']} px"
    text = f"resized to {size}"
    if rule["mode"] == "strip":
        text = f"strips of {rule['height']} px, padded to a multiple of {rule['step_px']} px"
        text += f", at most {rule['width']} px"
    elif rule["mode"] == "crop":
        text = f"shorter side to {rule['resize_px']} px, the middle of {size} cut out"
    elif rule["mode"] == "canvas":
        text = f"as it is, padded to a multiple of {rule['step_px']} px, reduced to {size} at most"
    mean, std = (", ".join(f"{value:g}" for value in rule[name]) for name in ("mean", "std"))
    return f"{text}; {rule['resample']}; mean {mean}; std {std}"


def _language_model(sizes: dict[str, Any]) -> str:
    """Return a language model's sizes in one line, as far as they are known."""
    shown = [
        f"{name} {sizes[key]}"
        for key, name in (
            ("width", "width"),
            ("embedding_size", "embeddings of"),
            ("layers", "layers"),
            ("heads", "heads"),
            ("positions", "positions"),
            ("rows", "rows"),
        )
        if key in sizes
    ]
    if "tied" in sizes:
        shown.append("tied head" if sizes["tied"] else "head of its own")
    return f"{sizes['model_type']}: {', '.join(shown)}"
