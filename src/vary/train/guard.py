"""Tells a step that must not be taken: a loss or gradient that is no number, or a sudden jump."""

import math
from collections import deque

# Steps of like lengths differ: one of full pages may cost many times one of single words. So a loss
# is held against the largest of so many steps; before that many there is no telling what is usual.
_HISTORY = 50
# A loss near zero doubles easily; what counts is what it costs.
_LEAST_JUMP = 0.5


class RunDiverged(RuntimeError):  # noqa: N818 - a state of the run, named as what it is
    """Training went astray: the step is not taken, and the weights from before are kept."""


class Guard:
    """Watches the losses of a stage.

    Args:
        max_jump: how many times the largest of the last steps' losses a loss may be; 0 for any.
    """

    def __init__(self, max_jump: float) -> None:
        self.max_jump = max_jump
        self._losses: deque[float] = deque(maxlen=_HISTORY)

    def history(self) -> list[float]:
        """Return the losses that are remembered."""
        return list(self._losses)

    def remember(self, losses: list[float]) -> None:
        """Take up the losses of an earlier start."""
        self._losses.extend(losses)

    def fault(self, loss: float, grad_norm: float) -> str:
        """Return what is wrong with a step, or an empty string; a sound loss is remembered.

        Args:
            loss: of the step.
            grad_norm: norm of its gradient, before clipping.
        """
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(grad_norm):
            return f"the gradient's norm is {grad_norm}"
        if self.max_jump and len(self._losses) == _HISTORY:
            largest = max(self._losses)
            if loss > self.max_jump * largest and loss > largest + _LEAST_JUMP:
                return (
                    f"the loss jumped to {loss:.3f} from {largest:.3f}, the largest of the last "
                    f"{_HISTORY} steps (max_jump {self.max_jump:g})"
                )
        self._losses.append(loss)
        return ""
