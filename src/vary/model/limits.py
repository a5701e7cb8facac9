"""Bounds that training, measuring and reading share."""

# A piece is at least about this wide.
_MIN_PIECE_PX = 6


def max_answer_tokens(width_px: int) -> int:
    """Return how many tokens the answer for a strip of this width may have, its end included."""
    return 8 + width_px // _MIN_PIECE_PX
