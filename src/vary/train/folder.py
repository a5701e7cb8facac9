"""The folder of a run: its record, whole checkpoints, and files that are never half there."""

import importlib.metadata
import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from vary import __version__
from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.train.recipe import Recipe, recipe_to_dict

_LIBRARIES = ("torch", "transformers", "accelerate", "numpy", "pillow", "tokenizers")
# The Trainer writes trainer_state.json last.
_CHECKPOINT_FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json")


def begin(recipe: Recipe, folder: Path, inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Write what a run depends on, or check that it is the same run that goes on.

    Args:
        recipe: what is to be done.
        folder: of the run.
        inputs: for each kind (`fonts`, `texts`) the sha256 of every file.

    Raises:
        VaryError: the folder holds a run whose model, data, seed, fonts or texts are others.
    """
    resolved = recipe_to_dict(recipe)
    _check_recipe(folder, resolved)
    record_file = folder / "run.json"
    record: dict[str, Any] = {}
    if record_file.is_file():
        record = json.loads(record_file.read_text(encoding="utf-8"))
        for kind in inputs.keys() & record.keys():
            _check_inputs(folder, kind, record[kind], inputs[kind])
        record.setdefault("later_starts", []).append(_machine())
    else:
        record = _machine()
    for kind, sums in inputs.items():
        record.setdefault(kind, dict(sums))
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(
        folder / "recipe.yaml", yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
    )
    write_whole(record_file, json.dumps(record, indent=1))


def _machine() -> dict[str, Any]:
    """Return when and with what a run starts."""
    return {
        "time": round(time.time(), 1),
        "vary": __version__,
        "python": sys.version.split()[0],
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        "threads": torch.get_num_threads(),
    }


def _check_recipe(folder: Path, resolved: dict[str, Any]) -> None:
    kept = folder / "recipe.yaml"
    if not kept.is_file():
        return
    before = yaml.safe_load(kept.read_text(encoding="utf-8"))
    # Which fonts are left out shows in the fonts' own sums; new ones may have to be left out.
    for fields in (before, resolved := {**resolved, "data": dict(resolved["data"])}):
        fields["data"].pop("font_exclude", None)
    changed = [key for key in ("model", "data", "seed", "init") if before[key] != resolved[key]]
    if changed:
        raise VaryError(
            f"{folder} holds a run with another {', '.join(changed)}; go on with the same "
            "recipe, or give another out=FOLDER"
        )


def _check_inputs(
    folder: Path, kind: str, before: Mapping[str, str], now: Mapping[str, str]
) -> None:
    found = {
        "added": sorted(now.keys() - before.keys()),
        "missing": sorted(before.keys() - now.keys()),
        "changed": sorted(name for name in now if before.get(name, now[name]) != now[name]),
    }
    told = [
        f"{what}: {', '.join(names[:8])}{f' and {len(names) - 8} more' if names[8:] else ''}"
        for what, names in found.items()
        if names
    ]
    if told:
        way = ", leave out added ones with data.font_exclude" if kind.startswith("fonts") else ""
        raise VaryError(
            f"{folder} holds a run with other {kind.replace('_', ' ')} ({'; '.join(told)}); bring "
            f"back those of run.json{way}, or give another out=FOLDER"
        )


def write_whole(path: Path, text: str) -> None:
    """Write a file so that at any moment the old or the new one is there, never a part."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def save_checkpoint(
    model: VaryForConditionalGeneration, processor: VaryProcessor, folder: Path
) -> None:
    """Write model and processor to a folder that exists only when it is whole."""
    beside = folder.with_name(folder.name + ".part")
    model.save_pretrained(beside)
    processor.save_pretrained(beside)
    beside.rename(folder)


def last_checkpoint(folder: Path) -> Path | None:
    """Return a stage's newest whole checkpoint, and remove what a lost machine left of others."""
    whole: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        match = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if match is None or not path.is_dir():
            continue
        if _is_whole(path):
            whole[int(match[1])] = path
        else:
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def _is_whole(checkpoint: Path) -> bool:
    if not all((checkpoint / name).is_file() for name in _CHECKPOINT_FILES):
        return False
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
