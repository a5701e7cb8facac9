"""Metrics as pure functions."""

from vary.eval.metrics.edit_distance import (
    character_errors,
    collapse_white_space,
    edit_distance,
    remove_white_space,
)

__all__ = ["character_errors", "collapse_white_space", "edit_distance", "remove_white_space"]
