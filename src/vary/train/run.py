"""A run: its folder, its stages in order, going on where it was, and the checkpoint at the end."""

import importlib.metadata
import json
import sys
from pathlib import Path

import torch
import yaml
from rich.console import Console
from transformers.trainer_utils import get_last_checkpoint

from vary import __version__
from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.train.build import build, load
from vary.train.callbacks import Log, TimeBudget
from vary.train.lines import LineBatches, build_renderer
from vary.train.measure import Measure
from vary.train.objective import ReadingObjective, parameter_counts
from vary.train.recipe import Recipe, StageRecipe, recipe_to_dict
from vary.train.trainer import VaryTrainer, training_arguments

_LIBRARIES = ("torch", "transformers", "accelerate", "numpy", "pillow", "tokenizers")
_NUM_HELD_OUT_BATCHES = 3


def train(recipe: Recipe, max_minutes: float | None = None, console: Console | None = None) -> Path:
    """Train a recipe's stages, or go on with them, and return the finished checkpoint's folder.

    Each stage leaves `<stage>/checkpoint-<step>` while it runs and `<stage>/final` when it is done.
    The run's folder holds the resolved recipe, versions and fonts before the first step.

    Args:
        recipe: what to do.
        max_minutes: stop with a checkpoint after this time; the same call goes on.
        console: for the log.

    Returns: the last stage's `final` folder, or the run's folder if the time was used up before.

    Raises:
        VaryError: the folder holds a run of another recipe.
        InputError: text or fonts are missing.
    """
    console = console or Console(stderr=True)
    folder = recipe.run_folder
    renderer = build_renderer(recipe.data)
    held_out = build_renderer(recipe.data, held_out=True)
    _begin(recipe, folder, renderer.fonts.hashes())
    clock = TimeBudget(max_minutes)
    measured = LineBatches(held_out, recipe.stages[0], recipe.seed + 1, _NUM_HELD_OUT_BATCHES)
    measure = Measure([measured[number] for number in range(len(measured))])
    model_and_processor = None
    for stage in recipe.stages:
        final = folder / stage.name / "final"
        if (final / "config.json").is_file():
            console.print(f"{stage.name}: done before")
            model_and_processor = load(final)
            continue
        model, processor = model_and_processor or build(recipe, renderer.texts.alphabet)
        batches = LineBatches(renderer, stage, recipe.seed)
        log = Log(measure, folder, console)
        _run_stage(recipe, stage, (model, processor), batches, (clock, log))
        if clock.used_up:
            console.print(f"{stage.name}: time is used up; the same command goes on")
            return folder
        save_checkpoint(model, processor, final)
        model_and_processor = load(final)
    return folder / recipe.stages[-1].name / "final"


def _run_stage(
    recipe: Recipe,
    stage: StageRecipe,
    model_and_processor: tuple[VaryForConditionalGeneration, VaryProcessor],
    batches: LineBatches,
    callbacks: tuple[TimeBudget, Log],
) -> None:
    clock, log = callbacks
    objective = ReadingObjective(*model_and_processor, stage, recipe.precision, recipe.seed)
    counts = parameter_counts(objective)
    log.console.print(
        f"{stage.name}: {counts['trained']:,} parameters trained, {counts['frozen']:,} frozen"
    )
    folder = recipe.run_folder / stage.name
    trainer = VaryTrainer(
        objective,
        args=training_arguments(recipe, stage, folder),
        train_dataset=batches,
        callbacks=[clock, log],
    )
    log.trainer = trainer
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    trainer.train(resume_from_checkpoint=last)


def save_checkpoint(
    model: VaryForConditionalGeneration, processor: VaryProcessor, folder: Path
) -> None:
    """Write model and processor to a folder that exists only when it is whole."""
    beside = folder.with_name(folder.name + ".part")
    model.save_pretrained(beside)
    processor.save_pretrained(beside)
    beside.rename(folder)


def _begin(recipe: Recipe, folder: Path, fonts: dict[str, str]) -> None:
    """Write what the run depends on, or check that it is the same run that goes on.

    Raises:
        VaryError: the folder holds a run whose model, data or seed are others.
    """
    resolved = recipe_to_dict(recipe)
    kept = folder / "recipe.yaml"
    if kept.is_file():
        before = yaml.safe_load(kept.read_text(encoding="utf-8"))
        changed = [key for key in ("model", "data", "seed", "init") if before[key] != resolved[key]]
        if changed:
            raise VaryError(
                f"{folder} holds a run with another {', '.join(changed)}; go on with the same "
                "recipe, or give another out=FOLDER"
            )
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True), encoding="utf-8")
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    facts = {
        "vary": __version__,
        "python": sys.version.split()[0],
        "libraries": versions,
        "threads": torch.get_num_threads(),
        "fonts": fonts,
    }
    (folder / "run.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
