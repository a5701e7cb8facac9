"""Lines in reading order as paragraphs, and the target written from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from vary.data.engines.pdf.letters import is_cjk
from vary.data.engines.pdf.order import Line

# A gap between baselines that is this much larger than usual parts paragraphs.
LOOSE = 1.22
# Type whose size differs by more belongs to another paragraph.
SAME_SIZE = 0.12
# So many distances tell what is usual for a size of type.
FEWEST_STEPS = 4
_ITEM = re.compile(
    r"(?:[•▪■●◦○‣❖➢✓◻❑∙·*–—]|\(?\d{1,3}[.)、]|\(?[a-zA-Z][.)]|\[\d{1,3}\]|（[一二三四五六七八九十\d]+）|"
    r"[一二三四五六七八九十]+、)(?=\s|[\u3400-\u9fff])"
)
_ENDS = tuple('.!?:;。！？：；”"')
_HYPHENS = ("-", "\u2010")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# Compounds with these are written with a hyphen far oftener than without.
_HYPHENATED = frozenset(
    {"all", "cross", "ex", "half", "high", "long", "low", "non", "quasi", "self"}
)
_HYPHENATED_TOO = frozenset({"short", "so", "state", "well"})


@dataclass
class Paragraph:
    """Lines that belong together.

    Attributes:
        lines: at least one.
        tight: whether it follows the one before without a blank line: items, rows of a table.
        goes_on: whether it is the same paragraph as the one before, in another column.
    """

    lines: list[Line]
    tight: bool = False
    goes_on: bool = False


def cut_paragraphs(lines: Sequence[Line]) -> list[Paragraph]:
    """Return the lines of a page as paragraphs."""
    paragraphs: list[Paragraph] = []
    for column in _columns(lines):
        paragraphs += _column_paragraphs(column, paragraphs[-1] if paragraphs else None)
    return paragraphs


def target_text(paragraphs: Sequence[Paragraph], target: Literal["lines", "paragraphs"]) -> str:
    """Return the text of a page.

    Args:
        paragraphs: in reading order.
        target: ``lines``: a visual line per line, hyphens kept, a blank line between paragraphs;
            ``paragraphs``: a paragraph per line, its line breaks taken back, and the hyphens that
            only they brought. Items and rows of tables follow each other without a blank line.
    """
    known = _known_words(paragraphs) if target == "paragraphs" else frozenset()
    text = ""
    for paragraph in paragraphs:
        lines = [line.text for line in paragraph.lines]
        if target == "lines":
            part = "\n".join(lines)
        else:
            part = lines[0]
            for line in lines[1:]:
                part = join_lines(part, line, known)
        if not text:
            text = part
        elif paragraph.goes_on:
            text = join_lines(text, part, known) if target == "paragraphs" else f"{text}\n{part}"
        else:
            text += ("\n" if paragraph.tight else "\n\n") + part
    return text


def join_lines(before: str, after: str, known: frozenset[str]) -> str:
    """Return two lines of a paragraph as one.

    A hyphen between letters at the end of the first goes if the second begins with a small
    letter, unless the word is known with it; it stays before capitals and digits. Scripts without
    spaces are joined without one.

    Args:
        before: the line above.
        after: the line below.
        known: words that stand on the page within lines, in small letters.
    """
    if before.endswith(_HYPHENS) and len(before) > 1 and before[-2].isalpha():
        first = re.search(r"[^\W\d_]+$", before[:-1])
        second = re.match(r"[^\W\d_]+", after)
        if first and second:
            return before[: -1 if _is_soft(first[0], second[0], known) else None] + after
        return before + after if second or after[:1].isdigit() else f"{before} {after}"
    if is_cjk(before[-1]) or is_cjk(after[0]):
        return before + after
    return f"{before} {after}"


def _is_soft(first: str, second: str, known: frozenset[str]) -> bool:
    """Return whether a hyphen at a line's end is there only because the line ends."""
    whole, hyphenated = f"{first}{second}".lower(), f"{first}-{second}".lower()
    if whole in known or hyphenated in known:
        return whole in known
    if not second[0].islower():
        return False
    return first.lower() not in _HYPHENATED | _HYPHENATED_TOO


def _known_words(paragraphs: Sequence[Paragraph]) -> frozenset[str]:
    """Return the words within the lines of a page, not those at their ends."""
    words: set[str] = set()
    for paragraph in paragraphs:
        for line in paragraph.lines:
            found = _WORD.findall(line.text.lower())
            words.update(found[1:-1])
    return frozenset(words)


def _columns(lines: Sequence[Line]) -> list[list[Line]]:
    columns: list[list[Line]] = []
    for line in lines:
        if columns and columns[-1][-1].column == line.column:
            columns[-1].append(line)
        else:
            columns.append([line])
    return columns


def _column_paragraphs(lines: list[Line], before: Paragraph | None) -> list[Paragraph]:
    """Return the paragraphs of a column; the first may go on with the one before."""
    boxes = [line.box for line in lines]
    left = min(box[0] for box in boxes)
    right = max(box[2] for box in boxes)
    leading = _leading(lines)
    paragraphs = [Paragraph([lines[0]])]
    if before is not None:
        paragraphs[0].goes_on = _goes_on(before.lines[-1], lines[0])
    for at in range(1, len(lines)):
        line, last = lines[at], lines[at - 1]
        is_row = line.is_row or last.is_row
        is_item = _ITEM.match(line.text) is not None
        is_loose = _is_loose(last, line, leading)
        following = boxes[at + 1] if at + 1 < len(lines) else None
        if (
            is_row
            or is_item
            or is_loose
            or _is_deliberate(last, line, left, right)
            or (
                _ITEM.match(last.text) is None
                and _is_indented(boxes[at - 1], boxes[at], following, line.size)
            )
        ):
            paragraphs.append(Paragraph([line], tight=(is_row or is_item) and not is_loose))
        else:
            paragraphs[-1].lines.append(line)
    return paragraphs


def _leading(lines: list[Line]) -> dict[int, float]:
    """Return the usual distance of baselines over the size of the type, by that size.

    Key 0 has that of all lines, and 0 where there is none: a listing is often set wider than
    the text around it, and its lines are not paragraphs for that.
    """
    steps: dict[int, list[float]] = {0: []}
    for before, after in pairwise(lines):
        step = (after.baseline - before.baseline) / after.size
        if _same_size(before, after) and 0.8 < step < 3:
            steps[0].append(step)
            steps.setdefault(_size_class(after), []).append(step)
    return {
        size: float(np.quantile(found, 0.3)) if found else 0.0
        for size, found in steps.items()
        if not size or len(found) >= FEWEST_STEPS
    }


def _size_class(line: Line) -> int:
    return max(1, round(2 * line.size))


def _is_loose(last: Line, line: Line, leading: dict[int, float]) -> bool:
    """Return whether white space or another size of type parts two lines."""
    if not _same_size(last, line):
        return True
    step = (line.baseline - last.baseline) / line.size
    usual = leading.get(_size_class(line), leading[0])
    return step > LOOSE * usual if usual else step > 2


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= SAME_SIZE * max(one.size, other.size)


def _is_deliberate(last: Line, line: Line, left: float, right: float) -> bool:
    """Return whether a line was begun though its first word fitted on the one before."""
    box, before = line.box, last.box
    first = line.segments[0].pieces[0].box
    room = right - before[2]
    if room < first[2] - first[0] + 0.5 * line.size:
        return False
    # Centred lines are broken where it looks well.
    middle = (left + right) / 2
    centred = (abs((x[0] + x[2]) / 2 - middle) < line.size for x in (box, before))
    is_centred = all(centred) and before[0] > left + line.size
    # Ragged text leaves some room at every line, so a little of it says nothing.
    needed = 4 * line.size if not last.text.endswith(_ENDS) else line.size
    return not is_centred and room > first[2] - first[0] + needed


def _is_indented(
    before: tuple[float, ...],
    box: tuple[float, ...],
    after: tuple[float, ...] | None,
    size: float,
) -> bool:
    """Return whether a line begins further right than the lines around it."""
    step = box[0] - before[0]
    return 0.8 * size < step < 4 * size and (after is None or box[0] - after[0] > 0.8 * size)


def _goes_on(last: Line, line: Line) -> bool:
    """Return whether the first line of a column is of the paragraph that ended the one before."""
    if not _same_size(last, line) or last.text.endswith(_ENDS):
        return False
    start = line.text[0]
    return start.islower() or (
        is_cjk(start) and is_cjk(last.text[-1]) and not _ITEM.match(line.text)
    )
