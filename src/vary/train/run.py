"""A run: its folder, its stages in order, going on where it was, and the checkpoint at the end."""

from pathlib import Path

from rich.console import Console

from vary.errors import MissingExtraError
from vary.extras import require
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.train.build import build, load
from vary.train.callbacks import Log, TimeBudget
from vary.train.folder import begin, last_checkpoint, save_checkpoint
from vary.train.lines import LineBatches, make_renderers
from vary.train.measure import Measure
from vary.train.objective import ReadingObjective, parameter_counts
from vary.train.recipe import Recipe, StageRecipe
from vary.train.sources import split_fonts, split_text, text_hashes
from vary.train.trainer import VaryTrainer, training_arguments

_NUM_HELD_OUT_BATCHES = 3


def train(recipe: Recipe, max_minutes: float | None = None, console: Console | None = None) -> Path:
    """Train a recipe's stages, or go on with them, and return the finished checkpoint's folder.

    Each stage leaves `<stage>/checkpoint-<step>` while it runs and `<stage>/final` when it is done.
    The run's folder holds the resolved recipe, versions, fonts and texts before the first step.

    Args:
        recipe: what to do.
        max_minutes: stop with a checkpoint after this time; the same call goes on.
        console: for the log.

    Returns: the last stage's `final` folder, or the run's folder if the time was used up before.

    Raises:
        VaryError: the folder holds a run of another recipe, or with other fonts or texts.
        InputError: text or fonts are missing.
    """
    console = console or Console(stderr=True)
    folder = recipe.run_folder
    texts, fonts = split_text(recipe.data), split_fonts(recipe.data)
    inputs = {
        "fonts": fonts.learned.hashes(),
        "fonts_held_out": fonts.held_out.hashes(),
        "texts": text_hashes(Path(recipe.data.text)),
    }
    begin(recipe, folder, inputs)
    for told in (texts.told, fonts.told):
        console.print(told, markup=False, highlight=False)
    draws = _can_draw(console)
    renderer, held_out = make_renderers(recipe.data, texts, fonts)
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
        last = last_checkpoint(folder / stage.name)
        if last is not None:
            # With its own processor: pieces trained anew need not be those that it was trained on.
            model_and_processor = load(last)
        model, processor = model_and_processor or build(recipe, renderer.texts.alphabet)
        batches = LineBatches(renderer, stage, recipe.seed)
        log = Log(measure, folder, console, draws=draws)
        trainer = _make_trainer(recipe, stage, (model, processor), batches, (clock, log))
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        if clock.used_up:
            console.print(f"{stage.name}: time is used up; the same command goes on")
            return folder
        save_checkpoint(model, processor, final)
        model_and_processor = load(final)
    return folder / recipe.stages[-1].name / "final"


def _make_trainer(
    recipe: Recipe,
    stage: StageRecipe,
    model_and_processor: tuple[VaryForConditionalGeneration, VaryProcessor],
    batches: LineBatches,
    callbacks: tuple[TimeBudget, Log],
) -> VaryTrainer:
    clock, log = callbacks
    objective = ReadingObjective(*model_and_processor, stage, recipe.precision, recipe.seed)
    counts = parameter_counts(objective)
    log.console.print(
        f"{stage.name}: {counts['trained']:,} parameters trained, {counts['frozen']:,} frozen"
    )
    trainer = VaryTrainer(
        objective,
        args=training_arguments(recipe, stage, recipe.run_folder / stage.name),
        train_dataset=batches,
        callbacks=[clock, log],
    )
    log.trainer = trainer
    return trainer


def _can_draw(console: Console) -> bool:
    """Return whether there can be a picture of the run; say so once if not."""
    try:
        require("matplotlib", extra="train")
    except MissingExtraError as error:
        console.print(f"no picture of the run: {error}", markup=False, highlight=False)
        return False
    return True
