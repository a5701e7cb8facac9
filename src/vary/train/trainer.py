"""The Hugging Face Trainer over an objective and batches by index."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainingArguments

from vary.model.modeling import VaryForConditionalGeneration
from vary.train.objective import ReadingObjective
from vary.train.recipe import Recipe, StageRecipe


def training_arguments(recipe: Recipe, stage: StageRecipe, folder: Path) -> TrainingArguments:
    """Return the Trainer's settings for a stage.

    Batches come whole from the data set, so the Trainer's batch size is one; autocast belongs to
    the objective, whose parts are called past the model's forward.
    """
    decay = min(stage.decay_steps, max(stage.steps - stage.warmup_steps, 0))
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=stage.steps,
        per_device_train_batch_size=1,
        learning_rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
        adam_beta2=0.98,
        max_grad_norm=stage.max_grad_norm,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": decay, "num_stable_steps": None},
        warmup_steps=stage.warmup_steps,
        save_steps=stage.save_steps,
        save_total_limit=2,
        logging_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.num_workers,
        dataloader_prefetch_factor=8 if recipe.num_workers else None,
        seed=recipe.seed,
        use_cpu=not torch.cuda.is_available(),
    )


class VaryTrainer(Trainer):
    """Trains an objective's model; checkpoints hold the model in its own format.

    Args:
        objective: model and loss.
        **kwargs: the Trainer's.
    """

    def __init__(self, objective: ReadingObjective, **kwargs: Any) -> None:
        super().__init__(model=objective, data_collator=_first, **kwargs)
        self.objective = objective
        self.optimizer: torch.optim.Optimizer | None
        self.last_losses: dict[str, Tensor] = {}
        self._settings: list[tuple[float, float]] = []
        self.remove_callback(PrinterCallback)  # the run has a log of its own
        # The objective's losses are means already; the Trainer must not count items for it.
        self.model_accepts_loss_kwargs = False

    def _get_train_sampler(self, *_: Any, **__: Any) -> SequentialSampler:
        """Return batches in the order of their index: the order is the data set's own."""
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *_: Any, **__: Any) -> Tensor:
        """Return the loss of a batch and keep its parts for the log."""
        losses: dict[str, Tensor] = model(**inputs)
        self.last_losses = {name: loss.detach() for name, loss in losses.items()}
        return losses["loss"]

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
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        optimizer, schedule = self.optimizer, self.lr_scheduler
        assert optimizer is not None
        schedule.base_lrs = [rate for rate, _ in self._settings]
        groups = zip(optimizer.param_groups, self._settings, schedule.lr_lambdas, strict=True)
        for group, (rate, decay), shape in groups:
            group["initial_lr"], group["weight_decay"] = rate, decay
            group["lr"] = rate * shape(schedule.last_epoch)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        folder = Path(output_dir or self.args.output_dir or ".")
        self.objective.model.save_pretrained(folder)
        self.objective.processor.save_pretrained(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        saved = VaryForConditionalGeneration.from_pretrained(
            resume_from_checkpoint, dtype=torch.float32
        )
        self.objective.model.load_state_dict(saved.state_dict())


def _first(batches: list[Any]) -> Any:
    return batches[0]
