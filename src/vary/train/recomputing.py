"""Gradient checkpointing under the name that the installed transformers has for it."""

from transformers import PreTrainedModel


def recompute_activations(model: PreTrainedModel, *, on: bool) -> None:
    """Let a model compute its activations again in the backward pass, or keep them."""
    is_on = any(getattr(part, "gradient_checkpointing", False) for part in model.modules())
    if on == is_on:
        return
    verb = "enable" if on else "disable"
    # transformers 5.23 has a new name, and a warning under the old one that 5.17 knows alone.
    switch = getattr(model, f"activation_checkpointing_{verb}", None)
    (switch or getattr(model, f"gradient_checkpointing_{verb}"))()
