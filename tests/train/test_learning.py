"""Eight lines are learned by heart, first by the vocabulary, then by the language model."""

import pytest
import torch

from vary.train.build import build
from vary.train.objective import ReadingObjective


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
