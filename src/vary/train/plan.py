"""What a recipe takes, before it is run: parameters, memory, FLOPs, hours.

Shapes alone are computed with, on PyTorch's meta device: no weights, no data, seconds. FLOPs are
PyTorch's own count of a step's operators; bytes of activations are those of the tensors that
autograd keeps. Hours follow from a share of the device's peak (MFU), which has to be measured:
`benchmarks/encoder.py` prints it, and `measure` takes it on the machine at hand.
"""

import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from vary.model import ImageRule, VaryForConditionalGeneration, VaryImageProcessor
from vary.model.fusion import count_tokens
from vary.train.build import meta_model
from vary.train.freezing import freeze, frozen_patterns, parameter_counts
from vary.train.lora import Adapters
from vary.train.recipe import Recipe, StageRecipe
from vary.train.recomputing import recompute_activations
from vary.vocabulary import ViTDetOutput

# bf16 with dense matrices, TFLOP/s, and memory in GB, as NVIDIA states them for the SXM modules.
DEVICES = {"H100": (989.0, 80), "H200": (989.0, 141)}
# Paper 3.2 makes room for 4,096; a page of 700 words has about a quarter of them.
DEFAULT_ANSWER_TOKENS = 1024
_PAGE_PX = 1024 * 1024
_TOKENS_PER_PX = 1 / 16  # of a strip: about a piece in two letters of 8 px
_AROUND_IMAGE = 2
_FP32, _BF16 = 4, 2


@dataclass(frozen=True)
class StagePlan:
    """What a stage takes.

    Args:
        name: of the stage.
        trained: parameters.
        frozen: parameters.
        samples: of all steps.
        micro_batch: samples that are computed together.
        image: height and width in pixels.
        image_tokens: vision tokens of an image.
        answer_tokens: tokens of an answer, taken as the mean.
        flops: of a sample, forward and backward; what gradient checkpointing computes again is not
            counted, as is usual for MFU.
        state_bytes: weights, gradients, moments and averages.
        activation_bytes: what a sample keeps for the backward pass.
    """

    name: str
    trained: int
    frozen: int
    samples: int
    micro_batch: int
    image: tuple[int, int]
    image_tokens: int
    answer_tokens: int
    flops: int
    state_bytes: int
    activation_bytes: int

    @property
    def total_flops(self) -> int:
        """FLOPs of the stage."""
        return self.samples * self.flops

    @property
    def memory_bytes(self) -> int:
        """Bytes of one device: state, and the activations of a micro-batch."""
        return self.state_bytes + self.micro_batch * self.activation_bytes

    def hours(self, tflops: float, num_devices: int, mfu: float) -> float:
        """Return hours at a share of a device's peak."""
        return self.total_flops / (tflops * 1e12 * mfu * num_devices) / 3600


def plan(recipe: Recipe, answer_tokens: int | None = None) -> list[StagePlan]:
    """Return what each stage of a recipe takes.

    Args:
        recipe: of the run.
        answer_tokens: mean length of the answers; None for an estimate: of strips by their width,
            of pages by their area, `DEFAULT_ANSWER_TOKENS` for 1024 x 1024 px.

    Raises:
        VaryError: a model that cannot be built, or whose language model is described nowhere.
    """
    return [_plan_stage(recipe, stage, answer_tokens) for stage in recipe.stages]


def _plan_stage(recipe: Recipe, stage: StageRecipe, answer_tokens: int | None) -> StagePlan:
    recipe.check_batches(stage)
    with torch.device("meta"):
        model = meta_model(recipe.model, recipe.data.alphabet)
        _hold_fixed(model, stage)
    counts = parameter_counts(model)
    sizes, step_samples = _typical(recipe, stage)
    size = max(sizes, key=math.prod)
    tokens = answer_tokens or (
        max(1, round(size[1] * _TOKENS_PER_PX))
        if _rules(recipe)[0].mode == "strip"
        else max(1, round(DEFAULT_ANSWER_TOKENS * size[0] * size[1] / _PAGE_PX))
    )
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    model.to(dtype).train()
    recompute_activations(model, on=stage.gradient_checkpointing)
    step = _sample_step(model, stage, sizes, tokens)
    with _saved_bytes() as kept:
        step()
    recompute_activations(model, on=False)
    with FlopCounterMode(display=False) as counter:
        step().backward()
    # fp32 weights, and for what is trained gradients, two moments, and the averages.
    copies = 3 + int(bool(stage.average_decay))
    state = _FP32 * (counts["trained"] * (1 + copies) + counts["frozen"])
    return StagePlan(
        name=stage.name,
        **counts,
        samples=stage.steps * step_samples,
        micro_batch=-(-step_samples // stage.micro_batches),
        image=size,
        image_tokens=_image_tokens(model, sizes),
        answer_tokens=tokens,
        flops=counter.get_total_flops(),
        state_bytes=state,
        activation_bytes=sum(kept.values()),
    )


def _hold_fixed(model: VaryForConditionalGeneration, stage: StageRecipe) -> None:
    """Let be trained what a stage trains: parameters of the model, or adapters beside them."""
    if stage.lora:
        Adapters(model, stage.lora, 0)
    freeze(model, frozen_patterns(stage))


def _rules(recipe: Recipe) -> list[ImageRule]:
    """Return how each vocabulary of a recipe's model gets its images."""
    if not recipe.model.base:
        return [ImageRule(**recipe.model.image)]
    return list(VaryImageProcessor.from_pretrained(recipe.model.base, local_files_only=True).rules)


def _image_tokens(model: VaryForConditionalGeneration, sizes: list[tuple[int, int]]) -> int:
    """Return the tokens of an image that each vocabulary gets in its size."""
    config = model.config
    grids = [part.token_grid(*size) for part, size in zip(config.vocabularies, sizes, strict=True)]
    return count_tokens([math.prod(grid) for grid in grids], config.fusion, config.added)


def _typical(recipe: Recipe, stage: StageRecipe) -> tuple[list[tuple[int, int]], int]:
    """Return the size of a stage's images for each vocabulary, and samples of a step.

    Sizes that vary are taken at their mean; strips and canvases have one vocabulary.
    """
    rules = _rules(recipe)
    rule = rules[0]
    step = rule.step_px
    if rule.mode in ("resize", "crop"):
        return [(part.height, part.width) for part in rules], stage.batch_size
    if rule.mode == "canvas":
        return [_mean_canvas(recipe, stage, rule)], stage.batch_size
    # Each width has the same share of all pixels, see `LineSource`.
    mean = statistics.harmonic_mean(stage.widths_px)
    width = max(step, round(mean / step) * step)
    return [(rule.height, width)], stage.batch_size or max(1, stage.batch_px // width)


def _mean_canvas(recipe: Recipe, stage: StageRecipe, rule: ImageRule) -> tuple[int, int]:
    """Return a canvas of the mean area of a stage's blocks; of other sources the largest."""
    weights = recipe.weights(stage)
    sizes, shares = [], []
    for source in recipe.data.sources:
        if source.name in weights:
            block = source.options.get("block", {}) if source.kind == "block" else {}
            height, width = block.get("canvas_px", (rule.height, rule.width))
            sizes.append((min(height, rule.height), min(width, rule.width)))
            shares.append(weights[source.name])
    widest = max(width for _, width in sizes)
    areas = [height * width for height, width in sizes]
    height = statistics.fmean(areas, shares) / widest
    step = rule.step_px
    return max(step, round(height / step) * step), -(-widest // step) * step


def _sample_step(
    model: VaryForConditionalGeneration,
    stage: StageRecipe,
    sizes: list[tuple[int, int]],
    answer_tokens: int,
) -> Callable[[], Tensor]:
    """Return a function that gives the loss of one sample on the model's device."""
    device, dtype = model.device, model.dtype
    pixels = [torch.zeros(1, 3, *size, device=device, dtype=dtype) for size in sizes]
    image_tokens = _image_tokens(model, sizes)
    length = image_tokens + _AROUND_IMAGE + answer_tokens
    labels = torch.zeros(1, length, dtype=torch.long, device=device)
    shape_only: dict[str, Tensor] = {}
    if device.type == "meta":
        # A whole mask, since transformers looks into positions to find out whether it needs one.
        shape_only = {
            "attention_mask": torch.ones(1, 1, length, length, dtype=torch.bool, device=device),
            "position_ids": torch.zeros(1, length, dtype=torch.long, device=device),
        }

    def step() -> Tensor:
        pairs = zip(model.vocabularies, pixels, strict=True)
        outputs = [vocabulary(part) for vocabulary, part in pairs]
        loss = torch.zeros((), device=device)
        if stage.objective != "text":
            loss = loss + _ctc_scores(model.vocabularies[0], outputs[0]).mean()
        if stage.objective != "ctc":
            fused = model.projector([output.last_hidden_state for output in outputs])
            written = model.get_input_embeddings()(labels[:, image_tokens:])
            embeds = torch.cat([fused, written.to(fused.dtype)], dim=1)
            output = model(inputs_embeds=embeds, labels=labels, use_cache=False, **shape_only)
            loss = loss + output.loss
        return loss

    return step


def _ctc_scores(vocabulary: Any, output: ViTDetOutput) -> Tensor:
    """Return the CTC head's scores of a strip, or of a page that is full of lines."""
    if output.ctc_logits is not None:
        return output.ctc_logits.float().log_softmax(-1)
    head, features = vocabulary.ctc_head, output.patch_features
    assert features is not None
    _, tall, wide, _ = features.shape
    tops = torch.arange(0, tall - head.rows + 1, head.rows, device=features.device).float()
    sides = torch.zeros_like(tops)
    boxes = torch.stack([sides, tops, sides + wide, tops + head.rows], dim=1)
    pages = torch.zeros(len(tops), dtype=torch.long, device=features.device)
    return head.on_lines(features, pages, boxes).float().log_softmax(-1)


@contextmanager
def _saved_bytes() -> Iterator[dict[int, int]]:
    """Collect the bytes of each storage that autograd keeps, parameters left out."""
    kept: dict[int, int] = {}
    alive: list[Any] = []  # a storage that is freed would give its number to another

    def pack(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter) and not tensor.is_leaf:
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()
            alive.append(storage)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor), _AttentionAsFused():
        yield kept


class _Fused(torch.autograd.Function):
    """Keeps for the backward pass what fused attention keeps; it computes nothing."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, output)
        return output

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, ...]:
        query, key, value = ctx.saved_tensors[:3]
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


class _AttentionAsFused(TorchFunctionMode):
    """On the meta device PyTorch writes the scores out, which no GPU does in training."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention and args[0].device.type == "meta":
            return _Fused.apply(*args[:3])
        return func(*args, **(kwargs or {}))


def measure(recipe: Recipe, stage: StageRecipe, answer_tokens: int, repeats: int = 3) -> float:
    """Return the seconds that a sample takes here, forward and backward, with random weights.

    Args:
        recipe: of the run.
        stage: whose sizes and losses.
        answer_tokens: see `StagePlan`.
        repeats: the quickest of so many counts; one before them warms up.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.device(device):
        model = meta_model(recipe.model, recipe.data.alphabet)
        _hold_fixed(model, stage)
    model.train()
    sizes, _ = _typical(recipe, stage)
    step = _sample_step(model, stage, sizes, answer_tokens)
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            loss = step()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
        model.zero_grad()
    return min(seconds[1:])
