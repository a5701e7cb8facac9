"""The CTC loss over thousands of characters, at the cost of those that stand on the line.

A line of 40 characters needs the probabilities of some 30 classes, and of the others their sum
alone. PyTorch's loss wants the logarithms of all of them in full precision, and its backward pass
goes over them four times; with 6,600 characters that was a sixth of a training step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# Fills the places of lines with fewer classes: no probability, and no gradient that is no number.
_NEVER = -1e4


def ctc_loss_sum(logits: Tensor, lengths: Tensor, targets: list[Tensor]) -> Tensor:
    """Return the CTC loss of all lines together, in nats; lines too long for their columns give 0.

    The value and the gradient are those of `torch.nn.functional.ctc_loss` over the logarithms of
    the softmax, with ``reduction="sum"`` and ``zero_infinity=True``.

    Args:
        logits: (L, columns, classes), class 0 the blank; in any precision.
        lengths: (L,) columns of each line.
        targets: the classes of each line's characters, (characters,) long each.
    """
    loss: Tensor = _CTCLoss.apply(logits, lengths, targets)
    return loss


class _CTCLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, lengths: Tensor, targets: list[Tensor]) -> Tensor:
        classes, places = _classes_of(targets, logits.device)
        # A line at a time: its scores in full precision then stay in the cache.
        totals = torch.stack([line.float().logsumexp(-1) for line in logits])
        index = classes[:, None].expand(-1, logits.shape[1], -1)
        known = logits.gather(2, index.clamp(min=0)).float() - totals[..., None]
        scores = known.masked_fill(index < 0, _NEVER).transpose(0, 1)
        wants_gradient = ctx.needs_input_grad[0]
        with torch.enable_grad():
            scores = scores.detach().requires_grad_(wants_gradient)
            loss = F.ctc_loss(
                scores,
                torch.cat(places).to(logits.device),
                lengths,
                torch.tensor([len(line) for line in targets], device=logits.device),
                reduction="sum",
                zero_infinity=True,
            )
        if wants_gradient:
            # PyTorch's gradient is that for the logits behind the logarithms: probability less the
            # share of the paths. So it is right for the classes at hand, and for the others it is
            # their probability.
            (of_known,) = torch.autograd.grad(loss, scores)
            ctx.save_for_backward(logits, lengths, totals, classes, of_known.transpose(0, 1))
        return loss.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        logits, lengths, totals, classes, of_known = ctx.saved_tensors
        gradient = torch.zeros_like(logits)
        for number, length in enumerate(lengths.tolist()):
            here = of_known[number, :length]
            if not here.any():  # no path of the line fits into its columns
                continue
            line = (logits[number, :length].float() - totals[number, :length, None]).exp_()
            present = classes[number] >= 0
            line[:, classes[number][present]] = here[:, present]
            gradient[number, :length] = line.mul_(upstream)
        return gradient, None, None


def _classes_of(targets: list[Tensor], device: torch.device) -> tuple[Tensor, list[Tensor]]:
    """Return classes, (L, most), the blank first and -1 behind the last, and targets by place."""
    found, places = [], []
    for line in targets:
        classes, place = line.unique(return_inverse=True)
        found.append(F.pad(classes, (1, 0)))
        places.append(place + 1)
    padded = torch.nn.utils.rnn.pad_sequence(found, batch_first=True, padding_value=-1)
    return padded.to(device), places
