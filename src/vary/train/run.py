"""A run: its folder, its stages in order, going on where it was, and the checkpoint at the end."""

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.train.averaging import AveragedWeights
from vary.train.batches import Batch, Room, StageBatches, measured_batches
from vary.train.build import build, check_frozen, check_model, load
from vary.train.folder import (
    begin,
    check_order,
    last_checkpoint,
    run_inputs,
)
from vary.train.freezing import FrozenWatch, parameter_counts, told_by_part
from vary.train.log import Journal, Log
from vary.train.lora import Adapters, check_lora
from vary.train.measure import Measure
from vary.train.mixture import Mixture
from vary.train.objective import ReadingObjective
from vary.train.recipe import Recipe, StageRecipe
from vary.train.sharding import shard
from vary.train.sources import Materials
from vary.train.stopping import Stop
from vary.train.trainer import VaryTrainer, training_arguments

_MEASURED_TOGETHER = 16
# `<img>`, `</img>`, a start token, and what a form puts behind the image.
_AROUND_IMAGE = 8

ModelAndProcessor = tuple[VaryForConditionalGeneration, VaryProcessor]


def train(recipe: Recipe, max_minutes: float | None = None, console: Console | None = None) -> Path:
    """Train a recipe's stages, or go on with them, and return the finished checkpoint's folder.

    Each stage leaves `<stage>/checkpoint-<step>` while it runs and `<stage>/final` when it is done.
    The run's folder holds the resolved recipe, versions, fonts, texts and sets before the first
    step. Ctrl-C (or SIGTERM) ends the run after the step with a checkpoint; the same call goes on.
    Under `torchrun` the devices share each step's micro-batches.

    Args:
        recipe: what to do.
        max_minutes: stop with a checkpoint after this time; the same call goes on.
        console: for the log.

    Returns: the last stage's `final` folder, or the run's folder if the time was used up before.

    Raises:
        VaryError: the folder holds a run of another recipe, or with other fonts, texts or sets; a
            source that gives nothing; a checkpoint that cannot be written.
        InputError: text, fonts or sets are missing.
        RunDiverged: a loss or gradient that is no number, or a sudden jump.
        KeyboardInterrupt: the run was asked to stop, and has, with a checkpoint.
    """
    is_main = int(os.environ.get("RANK", "0")) == 0
    console = console or Console(stderr=True, quiet=not is_main)
    materials = Materials(recipe)
    # What cannot be is told before anything is written.
    check_model(recipe.model)
    for stage in recipe.stages:
        materials.sources(stage)
        recipe.check_batches(stage, _num_ranks())
        check_frozen(recipe, stage)
        check_lora(recipe, stage)
    if is_main:
        begin(recipe, recipe.run_folder, run_inputs(recipe, materials))
    for told in materials.told():
        console.print(told, markup=False, highlight=False)
    run = _Run(recipe, materials, console, is_main)
    stop = Stop(max_minutes, console)
    with stop.listening():
        finished = run.all_stages(stop)
    if stop.signalled:
        raise KeyboardInterrupt
    return finished


@dataclass
class _Run:
    """What the stages of a run share.

    Args:
        recipe: what to do.
        materials: what to draw from.
        console: for the log.
        is_main: whether this process is the one that writes.
    """

    recipe: Recipe
    materials: Materials
    console: Console
    is_main: bool

    def __post_init__(self) -> None:
        self.folder = self.recipe.run_folder
        self.journal = Journal(self.folder, self.console, writes=self.is_main)
        self.shards = self.recipe.sharding == "fsdp2" and _num_ranks() > 1

    def all_stages(self, stop: Stop) -> Path:
        """Return the last stage's result, or the run's folder where the run was stopped before."""
        model_and_processor: ModelAndProcessor | None = None
        before = ""
        for stage in self.recipe.stages:
            check_order(self.folder / stage.name, stage, before, writes=self.is_main)
            before = stage.name
            final = self.folder / stage.name / "final"
            if (final / "config.json").is_file():
                self.console.print(f"{stage.name}: done before")
                model_and_processor = load(final)
                continue
            last = last_checkpoint(self.folder / stage.name, removes=self.is_main)
            if last is not None:
                # With its own processor: pieces trained anew need not be those that it learned.
                model_and_processor = load(last)
            if model_and_processor is None:
                model_and_processor = build(self.recipe, self.materials)
            trainer = self._trainer(stage, model_and_processor, stop)
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
            if stop.reason:
                self.console.print(f"{stage.name}: {stop.reason}; the same command goes on")
                return self.folder
            trainer.save_final(final)
            model_and_processor = load(final)
        return self.folder / self.recipe.stages[-1].name / "final"

    def _trainer(
        self, stage: StageRecipe, model_and_processor: ModelAndProcessor, stop: Stop
    ) -> VaryTrainer:
        recipe = self.recipe
        model, processor = model_and_processor
        room = model_room(model, processor, stage)
        num_ranks = _num_ranks()
        arguments = training_arguments(recipe, stage, self.folder / stage.name, num_ranks)
        adapters = Adapters(model, stage.lora, recipe.seed) if stage.lora else None
        objective = ReadingObjective(model, processor, stage, recipe.precision, recipe.seed)
        counts = parameter_counts(objective)
        self.console.print(
            f"{stage.name}: {counts['trained']:,} parameters trained, {counts['frozen']:,} frozen"
        )
        for told in told_by_part(objective.train().model):
            self.console.print(told, highlight=False)
        if self.shards:
            shard(objective, arguments.device)
            self.console.print(f"  each of {num_ranks} devices holds its share of all weights")
        batches = StageBatches(stage_mixture(recipe, stage, self.materials), stage, processor, room)
        log = Log(self._measures(stage, processor, room), self.journal, self.console)
        trainer = VaryTrainer(
            objective,
            AveragedWeights(model, stage.average_decay) if stage.average_decay else None,
            adapters,
            args=arguments,
            train_dataset=batches,
            callbacks=[FrozenWatch(model, stage.name), stop, log],
        )
        log.trainer, log.batches, stop.trainer = trainer, batches, trainer
        return trainer

    def _measures(self, stage: StageRecipe, processor: VaryProcessor, room: Room) -> list[Measure]:
        """Return what a stage is measured with: its own kind of samples, and the last stage's.

        Where the two have the same sources, the last stage's alone: one curve over all stages.
        One device measures for all, but of a model in shares each has a part to give.
        """
        if not self.is_main and not self.shards:
            return []
        last = self.recipe.stages[-1]
        goal = self._held_out(last, processor, room)
        if self.recipe.weights(stage) == self.recipe.weights(last):
            return [Measure(goal, room=room)]
        own = self._held_out(stage, processor, room)
        return [Measure(own, room=room), Measure(goal, "goal_", room)]

    def _held_out(self, stage: StageRecipe, processor: VaryProcessor, room: Room) -> list[Batch]:
        mixture = stage_mixture(self.recipe, stage, self.materials, held_out=True)
        number = self.recipe.validation_samples
        return measured_batches(mixture, processor, number, _MEASURED_TOGETHER, room)


def _num_ranks() -> int:
    """Return how many devices `torchrun` has started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def stage_mixture(
    recipe: Recipe, stage: StageRecipe, materials: Materials, *, held_out: bool = False
) -> Mixture:
    """Return a stage's samples by number, or those that it is measured with."""
    sources = materials.sources(stage, held_out=held_out)
    seed = recipe.seed + int(held_out)
    return Mixture(sources, recipe.weights(stage), seed, stage.name)


def model_room(
    model: VaryForConditionalGeneration, processor: VaryProcessor, stage: StageRecipe | None = None
) -> Room:
    """Return how long an answer behind the largest image may be, and what the CTC head knows.

    Args:
        model: with its positions and its alphabet.
        processor: the model's.
        stage: whose conversations may be shorter than the model has positions. Where it trains the
            language model alone, strips may hold characters that the head does not know.
    """
    alphabet = getattr(model.config.vocabularies[0], "ctc_alphabet", None) or ""
    is_strip = processor.image_processor.rules[0].mode == "strip"
    if stage is not None and stage.objective == "text" and is_strip:
        alphabet = ""
    positions = int(getattr(model.config.text_config, "max_position_embeddings", 0) or 2**31)
    if processor.answer_position is not None:
        return Room(positions - processor.answer_position, alphabet)
    rule = processor.image_processor.rules[0]
    if processor.chat is not None:
        most = min(positions, (stage and stage.max_tokens) or positions)
        return Room(most, alphabet, most)
    before = processor.num_image_tokens(rule.height, rule.width) + _AROUND_IMAGE
    return Room(positions - before, alphabet)
