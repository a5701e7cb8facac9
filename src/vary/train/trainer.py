"""The Hugging Face Trainer over an objective and batches by number."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from vary.data.engines.base import sample_rng
from vary.errors import VaryError
from vary.model.folders import grant_modes
from vary.model.modeling import VaryForConditionalGeneration
from vary.train.averaging import AveragedWeights, Averaging
from vary.train.batches import Batch
from vary.train.folder import (
    OPTIMIZER_NAME,
    SCHEDULER_NAME,
    is_whole,
    save_checkpoint,
    write_whole,
)
from vary.train.guard import Guard, RunDiverged
from vary.train.lora import ADAPTER_FOLDER, Adapters
from vary.train.objective import ReadingObjective
from vary.train.recipe import Recipe, StageRecipe
from vary.train.sharding import (
    Shared,
    is_sharded,
    load_whole,
    load_whole_optimizer_state,
    whole_optimizer_state,
    whole_state,
)

DIVERGED_NAME = "diverged.json"
GUARD_NAME = "guard.json"
_COUNTED = ("ctc", "text")
_SHOWN_IDS = 4


def training_arguments(
    recipe: Recipe, stage: StageRecipe, folder: Path, num_ranks: int = 1
) -> TrainingArguments:
    """Return the Trainer's settings for a stage.

    Batches come whole from the data set, so the Trainer's batch size is one; autocast belongs to
    the objective, whose parts are called past the model's forward.

    Args:
        recipe: of the run.
        stage: of the recipe.
        folder: of the stage.
        num_ranks: devices that share the work.

    Raises:
        VaryError: the micro-batches cannot be shared out evenly.
    """
    recipe.check_batches(stage, num_ranks)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=stage.steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=stage.micro_batches // num_ranks,
        learning_rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
        adam_beta2=stage.adam_beta2,
        max_grad_norm=stage.max_grad_norm,
        **_schedule(stage),
        warmup_steps=stage.warmup_steps,
        save_steps=stage.save_steps,
        save_total_limit=stage.keep_checkpoints,
        logging_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.num_workers,
        dataloader_prefetch_factor=4 if recipe.num_workers else None,
        seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
    )
    # One process, one device; several go by torchrun. Of more the Trainer would make a
    # DataParallel, which cannot share out batches like ours.
    if arguments.device.type == "cuda":
        arguments._n_gpu = 1
    return arguments


def _schedule(stage: StageRecipe) -> dict[str, Any]:
    if stage.schedule == "cosine":
        return {"lr_scheduler_type": "cosine"}
    decay = min(stage.decay_steps, max(stage.steps - stage.warmup_steps, 0))
    return {
        "lr_scheduler_type": "warmup_stable_decay",
        "lr_scheduler_kwargs": {"num_decay_steps": decay, "num_stable_steps": None},
    }


class VaryTrainer(Trainer):
    """Trains an objective's model; checkpoints hold the model in its own format.

    Args:
        objective: model and loss.
        averages: kept beside the weights, if any.
        adapters: in the objective's model, if any.
        **kwargs: the Trainer's.

    Attributes:
        step_losses: losses of the step that was last computed, of all its micro-batches.
        step_rejects: id and reason of the samples that it lacks.
        grad_norm: norm of its gradient, before clipping.
    """

    def __init__(
        self,
        objective: ReadingObjective,
        averages: AveragedWeights | None = None,
        adapters: Adapters | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(model=objective, data_collator=_first, **kwargs)
        self.objective = objective
        self.averages = averages
        self.adapters = adapters
        self.guard = Guard(objective.stage.max_jump)
        self.optimizer: torch.optim.Optimizer | None
        self.step_losses: dict[str, float] = {}
        self.step_rejects: list[tuple[str, str]] = []
        self.grad_norm = math.nan
        self._sums: dict[str, Tensor] = {}
        self._ids: list[str] = []
        self._settings: list[tuple[float, float]] = []
        self._spare: Batch | None = None
        self._num_tried = 0
        if averages is not None:
            self.add_callback(Averaging(averages, objective.model))
        self.remove_callback(PrinterCallback)  # the run has a log of its own
        # The objective divides by the counts of the whole step; the Trainer must not do it again.
        self.model_accepts_loss_kwargs = True

    def _wrap_model(self, model: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
        """Return what the Trainer calls: a sharded model is not wrapped once more."""
        if is_sharded(self.objective):
            return Shared(self.objective)
        return super()._wrap_model(model, *args, **kwargs)

    def _get_train_sampler(self, *_: Any, **__: Any) -> SequentialSampler:
        """Return batches in the order of their number: the order is the data set's own."""
        return SequentialSampler(self.train_dataset)

    def _get_num_items_in_batch(
        self, batch_samples: Sequence[Batch], device: torch.device
    ) -> dict[str, float]:
        """Return what the losses of a step are means over, counted on all devices.

        Raises:
            VaryError: what ended a batch, in a worker or here.
        """
        for batch in batch_samples:
            if isinstance(batch, VaryError):
                raise batch
        self._sums, self._ids = {}, [name for batch in batch_samples for name in batch["ids"]]
        rejects = [reject for batch in batch_samples for reject in batch["rejects"]]
        self.step_rejects = self._gathered(rejects)
        counts = [sum(batch["counts"][name] for batch in batch_samples) for name in _COUNTED]
        summed = self._summed(torch.tensor(counts, dtype=torch.float64, device=device))
        return {name: max(1.0, count) for name, count in zip(_COUNTED, summed, strict=True)}

    def _summed(self, values: Tensor) -> list[float]:
        """Return the sum of a tensor over all devices, as numbers."""
        if self.args.world_size > 1:
            values = self.accelerator.reduce(values, reduction="sum")
        return list(map(float, values.tolist()))

    def _gathered(self, values: list[Any]) -> list[Any]:
        """Return a list's members of all devices."""
        return gather_object(values) if self.args.world_size > 1 else values

    def training_step(self, model: nn.Module, inputs: Batch, *args: Any, **kwargs: Any) -> Tensor:
        """Return the loss of a micro-batch; dropout is a function of its number."""
        stream = f"dropout/{self.objective.stage.name}"
        rng = sample_rng(self.objective.seed, stream, inputs["index"])
        torch.manual_seed(int(rng.integers(2**31)))
        return super().training_step(model, inputs, *args, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: dict[str, float] | None = None,
    ) -> Any:
        """Return a micro-batch's share of the step's loss and keep its parts for the log."""
        if is_sharded(self.objective) and not inputs["texts"]:
            inputs = self._stand_in(inputs)
        losses: dict[str, Tensor] = model(inputs, num_items_in_batch)
        for name, loss in losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(loss)) + loss.detach()
        # Gradients are averaged over devices, but shares add up.
        loss = losses["loss"] * self.accelerator.num_processes
        return (loss, losses) if return_outputs else loss

    def _stand_in(self, empty: Batch) -> Batch:
        """Return another batch that counts nothing: devices gather blocks together, or not at all.

        Raises:
            VaryError: no batch of the stage has a sample.
        """
        batches = self.train_dataset
        while self._spare is None:
            if self._num_tried == len(batches):
                raise VaryError(f"stage {self.objective.stage.name}: no batch has a sample")
            batch = batches[self._num_tried]
            self._num_tried += 1
            if isinstance(batch, VaryError):
                raise batch
            if batch["texts"]:
                self._spare = batch
        spare: Batch = self._prepare_inputs(self._spare)
        spare["counts"], spare["index"] = dict.fromkeys(spare["counts"], 0), empty["index"]
        return spare

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        """Clip the gradient, and stop before a step that must not be taken."""
        norm = super()._clip_grad_norm(model)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        self.grad_norm = float(norm)
        names = list(self._sums)
        summed = self._summed(torch.stack([self._sums[name].double() for name in names]))
        self.step_losses = dict(zip(names, summed, strict=True))
        fault = self.guard.fault(self.step_losses["loss"], self.grad_norm)
        if fault:
            self._stop_before_step(fault)
        return norm

    def _stop_before_step(self, fault: str) -> None:
        """Keep the weights from before the step, name its samples, and end the run.

        Raises:
            RunDiverged: always.
        """
        stage, step = self.objective.stage, self.state.global_step + 1
        ids = self._gathered(self._ids)
        kept = Path(self.args.output_dir) / f"checkpoint-{step - 1}"
        has_one = is_whole(kept)
        self.accelerator.wait_for_everyone()  # all have looked before one of them writes
        if step > 1 and not has_one:
            self._save_checkpoint(self.model, None)
        told = {"stage": stage.name, "step": step, "fault": fault, "ids": ids}
        record = Path(self.args.output_dir).parent / DIVERGED_NAME
        if self.args.should_save:
            write_whole(record, json.dumps(told, indent=1, ensure_ascii=False))
        self.accelerator.wait_for_everyone()
        more = len(ids) - _SHOWN_IDS
        shown = ", ".join(ids[:_SHOWN_IDS]) + (f" and {more} more" if more > 0 else "")
        way = (
            f"{kept.name} holds the weights from before" if step > 1 else "nothing was learned yet"
        )
        raise RunDiverged(
            f"stage {stage.name}, step {step}: {fault}. Its samples are {shown} (all in {record}); "
            f"{way}. Go on with a lower stages.{stage.name}.learning_rate, or look at the samples"
        )

    def create_optimizer(self, *_: Any, **__: Any) -> torch.optim.Optimizer:
        """Return AdamW over what is trained: decay on matrices only, the vocabulary's own rate."""
        if self.optimizer is None:
            stage = self.objective.stage
            groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
            for name, parameter in self.objective.named_parameters():
                if parameter.requires_grad:
                    key = (".vocabularies." in name, parameter.ndim > 1)
                    groups.setdefault(key, []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": members,
                        "weight_decay": stage.weight_decay if is_matrix else 0.0,
                        "lr": stage.learning_rate * (stage.vocabulary_rate if in_vocabulary else 1),
                    }
                    for (in_vocabulary, is_matrix), members in groups.items()
                ],
                betas=(self.args.adam_beta1, self.args.adam_beta2),
            )
            self._settings = [
                (group["lr"], group["weight_decay"]) for group in self.optimizer.param_groups
            ]
        return self.optimizer

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Load moments and the place in the schedule; rates and decay are the recipe's of now."""
        if checkpoint is None:
            return
        optimizer, schedule = self.optimizer, self.lr_scheduler
        assert optimizer is not None
        if is_sharded(self.objective):
            state, place = (
                torch.load(Path(checkpoint) / name, map_location="cpu", mmap=True)
                for name in (OPTIMIZER_NAME, SCHEDULER_NAME)
            )
            load_whole_optimizer_state(optimizer, state)
            schedule.load_state_dict(place)
        else:
            super()._load_optimizer_and_scheduler(checkpoint)
        schedule.base_lrs = [rate for rate, _ in self._settings]
        groups = zip(optimizer.param_groups, self._settings, schedule.lr_lambdas, strict=True)
        for group, (rate, decay), shape in groups:
            group["initial_lr"], group["weight_decay"] = rate, decay
            group["betas"] = (self.args.adam_beta1, self.args.adam_beta2)
            group["lr"] = rate * shape(schedule.last_epoch)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a checkpoint; one that cannot be finished is removed, the one before it stays.

        Raises:
            VaryError: it could not be written, for want of room or of rights.
        """
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError, SafetensorError) as error:
            # What failed is something else: behind the checkpoint, or between the devices.
            if is_whole(folder) or _is_of_devices(error):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            reason = str(error).split("\n", 1)[0]
            raise VaryError(
                f"{folder} could not be written ({reason}); the checkpoint before it is whole: "
                "make room, and the same command goes on from there"
            ) from error

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the model, the same whether it is in shares or not; all devices have to ask."""
        folder = Path(output_dir or self.args.output_dir or ".")
        objective, writes = self.objective, self.args.should_save
        state = whole_state(objective.model, keeps=writes)
        if writes:
            base = self.adapters.base(state) if self.adapters else state
            objective.model.save_pretrained(folder, state_dict=dict(base))
            objective.processor.save_pretrained(folder)
            if self.adapters:
                self.adapters.save(state, folder / ADAPTER_FOLDER)
            history = json.dumps(self.guard.history())
            (folder / GUARD_NAME).write_text(history, encoding="utf-8")
        if self.averages is not None:
            self.averages.save(folder, writes=writes)
        if writes:
            grant_modes(folder)

    def save_final(self, folder: Path) -> None:
        """Write the stage's result, adapters merged into it and beside it; all have to ask."""
        adapters, writes = self.adapters, self.args.should_save
        if self.averages is not None:
            self.averages.write_to(self.objective.model)
        state = whole_state(self.objective.model, keeps=writes)
        if writes:
            model_and_processor = (self.objective.model, self.objective.processor)
            if adapters is None:
                save_checkpoint(*model_and_processor, folder, state)
            else:
                merged = adapters.merged(state)
                save_checkpoint(
                    *model_and_processor,
                    folder,
                    merged,
                    lambda part: adapters.save(state, part / ADAPTER_FOLDER),
                )
        self.accelerator.wait_for_everyone()

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Write moments and the place in the schedule as one device has them."""
        if not is_sharded(self.objective):
            super()._save_optimizer_and_scheduler(output_dir)
            return
        assert self.optimizer is not None
        state = whole_optimizer_state(self.optimizer)
        if self.args.should_save:
            torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        saved = VaryForConditionalGeneration.from_pretrained(
            resume_from_checkpoint, dtype=torch.float32
        )
        folder = Path(resume_from_checkpoint)
        state = saved.state_dict()
        if self.adapters:
            state = self.adapters.state_of(state, folder / ADAPTER_FOLDER)
        load_whole(self.objective.model, state)
        if self.averages is not None and not self.averages.load(folder):
            self.averages.restart(self.objective.model)
        if (folder / GUARD_NAME).is_file():
            self.guard.remember(json.loads((folder / GUARD_NAME).read_text(encoding="utf-8")))


def _is_of_devices(error: Exception) -> bool:
    """Return whether an error is one of talking to other devices: gloo's have no type of theirs."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _first(batches: list[Any]) -> Any:
    return batches[0]
