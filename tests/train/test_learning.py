"""A model learns by heart: eight lines by each loss, and eight pages that it then reads back."""

import io
import json
from functools import partial

import pytest
import torch
from rich.console import Console

from vary.data.engines.page.block import BlockConfig
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.shards import Run, generate
from vary.strict import build_value
from vary.train.build import build, load
from vary.train.objective import ReadingObjective
from vary.train.recipe import Recipe
from vary.train.run import train
from vary.train.sources import Materials


def fall(objective, batch, steps, rate):
    """Return the losses of training on one batch."""
    trained = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, rate, betas=(0.9, 0.98), weight_decay=0.0)
    losses = []
    objective.train()
    for _ in range(steps):
        loss = objective(batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("kind", "steps", "rate", "bound"), [("ctc", 80, 4e-3, 0.5), ("text", 80, 1e-2, 0.8)]
)
def test_the_loss_falls_on_eight_lines(tiny, materials, batches_of, kind, steps, rate, bound):
    eight = ("stages.draft.batch_px=1024", "stages.draft.widths_px=[128]")
    batch = batches_of(tiny(*eight))[0]
    assert len(batch["texts"]) == 8
    recipe = tiny(f"stages.draft.objective={kind}", "model.vocabulary.hidden_size=64")
    module = ReadingObjective(*build(recipe, materials), recipe.stages[0], "fp32", 1)
    losses = fall(module, batch, steps, rate)
    print(kind, [round(loss, 3) for loss in losses[::10]])
    assert losses[0] > 4
    assert sum(losses[-5:]) / 5 < bound


# The paper's structure at a fraction of its size: patches, windows and a global block, a neck, two
# convolutions that make one token of 16 patches, a linear, OPT with positions of its own.
PAGE_MODEL = {
    "ctc_head": True,
    "vocabulary": {
        "image_size": [64, 128],
        "patch_size": 8,
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "window_size": 7,
        "global_blocks": [1],
        "out_channels": 32,
        "merge_channels": [48, 64],
        "ctc_rows": 2,
        "ctc_columns": 2,
    },
    "text": {
        "model_type": "opt",
        "hidden_size": 64,
        "word_embed_proj_dim": 64,
        "ffn_dim": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 160,
        "dropout": 0.0,
    },
    "image": {"height": 64, "width": 128, "mean": [0.9, 0.9, 0.9], "std": [0.5, 0.5, 0.5]},
    "tokenizer": {"vocabulary_size": 400},
}
PAGE_STAGE = {
    "batch_size": 8,
    "learning_rate": 2.0e-3,
    "schedule": "cosine",
    "warmup_steps": 10,
    "weight_decay": 0.0,
    "draft_share": 0.0,
    "mask_share": 0.0,
    "validate_steps": 1000,
    "save_steps": 1000,
}


@pytest.fixture(scope="module")
def page_set(sources, tmp_path_factory):
    """Return a set of nine small pages, of which one will be held out."""
    folder = tmp_path_factory.mktemp("pages") / "set"
    block = BlockConfig(canvas_px=(64, 128), body_px=(14, 18), lines=(2, 3), anywhere=0.0)
    config = PageConfig(sources / "text", (sources / "fonts",), kind="block", block=block)
    generate(partial(build_page_engine, config), Run(folder, count=9, seed=1, shard_size=9))
    return folder


def test_eight_pages_are_learned_by_heart_and_read_back(page_set, tmp_path):
    """From a set on disk through a run to a checkpoint that writes each page as it is.

    The prompt is the same for all pages: only their pixels tell which text it shall be.
    """
    fields = {
        "name": "pages",
        "seed": 2,
        "precision": "fp32",
        "num_workers": 0,
        "validation_samples": 1,
        "out": str(tmp_path / "run"),
        "model": PAGE_MODEL,
        "data": {"sources": [{"name": "pages", "kind": "shards", "path": str(page_set)}]},
        "stages": [
            {"name": "letters", "objective": "ctc", "steps": 300, **PAGE_STAGE},
            {"name": "read", "objective": "text", "frozen": [], "steps": 600, **PAGE_STAGE},
        ],
    }
    recipe = build_value(Recipe, fields, "recipe")
    final = train(recipe, console=Console(file=io.StringIO()))
    told = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [e["text"] for e in map(json.loads, told) if e["stage"] == "read" and "text" in e]
    print(losses)
    assert losses[0] > 2
    assert losses[-1] < 0.05
    pages = Materials(recipe).sources(recipe.stages[0])["pages"]
    examples = [pages.example(index) for index in range(pages.num_examples)]
    assert len({example.text for example in examples}) == 8
    model, processor = load(final)
    inputs = processor([example.picture for example in examples])
    rows = model.eval().generate(**inputs, do_sample=False)
    read = processor.post_process_image_text_to_text(rows)
    assert read == [example.text for example in examples]
