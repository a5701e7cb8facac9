"""Names and tensors from one layout to another, by one table that is read both ways."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

NUMBER = "{}"


@dataclass(frozen=True)
class Rename:
    """A beginning of a name, in their layout and in ours.

    What follows the beginning is kept. `{}` stands for a number, the same on both sides.

    Args:
        theirs: such as `h.{}.attn.c_attn.`.
        ours: what it is called here. Several where their tensor is ours, of equal size, one below
            the other (query, key and value).
    """

    theirs: str
    ours: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a tensor of ours stands in their layout.

    Args:
        name: their tensor's.
        part: which of its equal parts along the first axis, from 0.
        parts: into how many it is cut.
    """

    name: str
    part: int = 0
    parts: int = 1

    def take(self, tensor: Tensor) -> Tensor:
        """Return this part of their tensor, in memory of its own where it is only a part."""
        return tensor if self.parts == 1 else tensor.chunk(self.parts)[self.part].clone()

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """Return the part's shape; that of the whole where it cannot be cut evenly."""
        if self.parts == 1 or not whole or whole[0] % self.parts:
            return whole
        return (whole[0] // self.parts, *whole[1:])


def rename(theirs: str, *ours: str) -> Rename:
    """Return a row of a table."""
    return Rename(theirs, ours)


def under(theirs: str, ours: str, rows: Iterable[Rename]) -> tuple[Rename, ...]:
    """Return the rows of a part, put under prefixes."""
    return tuple(
        Rename(theirs + row.theirs, tuple(ours + name for name in row.ours)) for row in rows
    )


class Renaming:
    """A table of renames, read both ways. Of several that fit, the longest is taken.

    Args:
        rows: the table.
    """

    def __init__(self, rows: Sequence[Rename]) -> None:
        self._to_ours = [
            (_compile(row.theirs), row) for row in sorted(rows, key=lambda row: -len(row.theirs))
        ]
        each = [(name, part, row) for row in rows for part, name in enumerate(row.ours)]
        each.sort(key=lambda found: -len(found[0]))
        self._to_theirs = [(_compile(name), part, row) for name, part, row in each]

    def to_ours(self, name: str) -> tuple[str, ...] | None:
        """Return what a tensor of theirs is called here, None where it has no place."""
        for pattern, row in self._to_ours:
            found = pattern.match(name)
            if found:
                return tuple(_fill(ours, found, name) for ours in row.ours)
        return None

    def to_theirs(self, name: str) -> Place | None:
        """Return where a tensor of ours stands in their layout, None where it has no place."""
        for pattern, part, row in self._to_theirs:
            found = pattern.match(name)
            if found:
                return Place(_fill(row.theirs, found, name), part, len(row.ours))
        return None


def begins_with(name: str, beginning: str) -> bool:
    """Return whether a name begins so; `{}` stands for a number."""
    return _compile(beginning).match(name) is not None


def _compile(beginning: str) -> re.Pattern[str]:
    return re.compile(re.escape(beginning).replace(re.escape(NUMBER), r"(\d+)"))


def _fill(beginning: str, found: re.Match[str], name: str) -> str:
    return beginning.format(*found.groups()) + name[found.end() :]
