"""The folder of a run: its record, whole checkpoints, and files that are never half there."""

import importlib.metadata
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from torch import Tensor

from vary import __version__
from vary.data.manifest import replace_file
from vary.data.shards import file_sha256
from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.folders import grant_modes
from vary.train.recipe import Recipe, StageRecipe, recipe_to_dict
from vary.train.sources import Materials
from vary.train.splits import text_hashes

_LIBRARIES = ("torch", "transformers", "accelerate", "numpy", "pillow", "tokenizers")
# The Trainer writes trainer_state.json last.
OPTIMIZER_NAME, SCHEDULER_NAME = "optimizer.pt", "scheduler.pt"
_CHECKPOINT_FILES = (OPTIMIZER_NAME, SCHEDULER_NAME, "trainer_state.json")
_ORDER_NAME = "order.json"
_WEIGHTS_FILES = ("model.safetensors", "model.safetensors.index.json")
# Keys of a recipe's data that say where something lies or what is left out: run.json has the sums.
_PLACES = ("text", "fonts", "font_exclude")


def run_inputs(recipe: Recipe, materials: Materials) -> dict[str, dict[str, str]]:
    """Return, for each kind of input of a run, the sha256 of every file."""
    inputs: dict[str, dict[str, str]] = {}
    if materials.draws:
        inputs["fonts"] = materials.fonts.learned.hashes()
        inputs["fonts_held_out"] = materials.fonts.held_out.hashes()
    if recipe.data.text:
        inputs["texts"] = text_hashes(Path(recipe.data.text))
    for source in recipe.data.sources:
        if source.kind == "shards" and source.path:
            inputs[f"set {source.name}"] = materials.shards(source).digest()
    model = recipe.model
    weights = [Path(model.vocabulary_weights)] if model.vocabulary_weights else []
    for folder in filter(None, (model.base, model.language_model, recipe.init)):
        weights += sorted(Path(folder).glob("*.safetensors"))
        weights += sorted(Path(folder).glob("*.bin"))
    if weights:
        inputs["weights"] = {path.name: file_sha256(path) for path in weights if path.is_file()}
    return inputs


def begin(recipe: Recipe, folder: Path, inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Write what a run depends on, or check that it is the same run that goes on.

    Args:
        recipe: what is to be done.
        folder: of the run.
        inputs: see `run_inputs`.

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
            before = record[kind]
            if kind == "weights":  # a run that has begun does not need them any more
                before = {name: digest for name, digest in before.items() if name in inputs[kind]}
            _check_inputs(folder, kind, before, inputs[kind])
        record.setdefault("later_starts", []).append(_machine())
    else:
        record = _machine()
    for kind, sums in inputs.items():
        record.setdefault(kind, dict(sums))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
        write_whole(folder / "recipe.yaml", text)
        write_whole(record_file, json.dumps(record, indent=1))
    except OSError as error:
        raise VaryError(
            f"{folder} cannot be written ({error}); make room, or give another out=FOLDER"
        ) from error


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
    before, now = _without_places(before), _without_places(resolved)
    changed = [key for key in ("model", "data", "seed") if before[key] != now[key]]
    if bool(before["init"]) != bool(now["init"]):
        changed.append("init")
    if changed:
        raise VaryError(
            f"{folder} holds a run with another {', '.join(changed)}; go on with the same "
            "recipe, or give another out=FOLDER"
        )


def _without_places(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe without what `run.json` tells better: where things lie may change.

    Which fonts are left out shows in the fonts' own sums; new ones may have to be left out.
    """
    data = {key: part for key, part in fields["data"].items() if key not in _PLACES}
    data["sources"] = [{**source, "path": ""} for source in data.get("sources", ())]
    model = {**fields["model"], "vocabulary_weights": "", "language_model": ""}
    return {**fields, "data": data, "model": model}


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
    """Write a text so that at any moment the old or the new file is there, never a part."""
    replace_file(path, text.encode())


def save_checkpoint(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    folder: Path,
    state: Mapping[str, Tensor] | None = None,
    beside: Callable[[Path], None] | None = None,
) -> None:
    """Write model and processor to a folder that exists only when it is whole.

    Args:
        model: whose configuration is written.
        processor: the model's.
        folder: of the checkpoint.
        state: weights in place of the model's own.
        beside: writes more into the folder.

    Raises:
        VaryError: it could not be written.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        model.save_pretrained(part, state_dict=None if state is None else dict(state))
        processor.save_pretrained(part)
        if beside is not None:
            beside(part)
        grant_modes(part)
        part.rename(folder)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise VaryError(
            f"{folder} could not be written ({error}); the stage's last checkpoint is whole: make "
            "room, and the same command goes on from there"
        ) from error


def check_order(folder: Path, stage: StageRecipe, before: str, *, writes: bool = True) -> None:
    """Refuse to go on with a stage that now stands behind another one, or trains something else.

    Args:
        folder: of the stage.
        stage: as the recipe has it now.
        before: name of the stage before it; empty for the first.
        writes: keep it on record where the stage begins.

    Raises:
        VaryError: it was begun otherwise.
    """
    now = {
        "before": before,
        "objective": stage.objective,
        "frozen": None if stage.frozen is None else list(stage.frozen),
        "lora": _adapters(stage),
    }
    record = folder / _ORDER_NAME
    if record.is_file():
        began = json.loads(record.read_text(encoding="utf-8"))
        changed = [
            f"{key} {began.get(key)!r}, now {value!r}"
            for key, value in now.items()
            if began.get(key) != value
        ]
        if changed:
            raise VaryError(
                f"{folder} was begun otherwise ({'; '.join(changed)}); remove the folder to train "
                "the stage anew, or give another out=FOLDER"
            )
    elif writes:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(record, json.dumps(now))


def _adapters(stage: StageRecipe) -> dict[str, Any] | None:
    """Return what the shapes of a stage's adapters hang on."""
    if stage.lora is None:
        return None
    return {"rank": stage.lora.rank, "targets": list(stage.lora.targets)}


def last_checkpoint(folder: Path, *, removes: bool = True) -> Path | None:
    """Return a stage's newest whole checkpoint.

    Args:
        folder: of the stage.
        removes: also remove what a lost machine left of others.
    """
    whole: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        match = re.fullmatch(r"checkpoint-(\d+)", path.name)
        if match is None or not path.is_dir():
            continue
        if is_whole(path):
            whole[int(match[1])] = path
        elif removes:
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def is_whole(checkpoint: Path) -> bool:
    """Return whether a checkpoint was written to its end."""
    has_weights = any((checkpoint / name).is_file() for name in _WEIGHTS_FILES)
    if not has_weights or not all((checkpoint / name).is_file() for name in _CHECKPOINT_FILES):
        return False
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
