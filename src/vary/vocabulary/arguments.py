"""Keyword arguments that transformers passes to everything, told from misspelt ones."""

from collections.abc import Iterable


def refuse_unknown(function: str, given: Iterable[str], accepted: Iterable[str]) -> None:
    """Refuse names that a function neither has nor accepts for transformers' sake.

    Args:
        function: its name, for the message.
        given: names of the further keyword arguments that it got.
        accepted: those that transformers passes, and that change nothing here.

    Raises:
        TypeError: a name is not among them.
    """
    unknown = [name for name in given if name not in set(accepted)]
    if unknown:
        raise TypeError(
            f"{function} got an unexpected keyword argument {', '.join(map(repr, unknown))}; "
            f"besides its own it takes only {', '.join(accepted)}, which change nothing"
        )
