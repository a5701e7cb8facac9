"""Lines in reading order as paragraphs, and the target written from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from vary.data.engines.pdf.layer import Box
from vary.data.engines.pdf.letters import is_cjk
from vary.data.engines.pdf.order import Line

# A gap between baselines that is this much larger than usual parts paragraphs.
LOOSE = 1.22
# A gap of so many em always does; and what is taken for usual where nothing tells.
WIDEST, USUAL = 2.7, 1.4
# Type whose size differs by more belongs to another paragraph.
SAME_SIZE = 0.12
# So many distances tell what is usual for a size of type.
FEWEST_STEPS = 4
_ITEM = re.compile(
    r"(?:[•▪■●◦○‣❖➢✓◻❑∙·*–—]|\(?\d{1,3}[.)、]|\(?[a-zA-Z][.)]|\[\d{1,3}\]|（[一二三四五六七八九十\d]+）|"
    r"[一二三四五六七八九十]+、)(?=\s|[\u3400-\u9fff])"
)
# Lines of a table of contents: dots, and the number of a page.
_ENTRY = re.compile(r"(?:[.·…‥]\s?){4,}\s*[\divxlc]+$")
_ENDS = tuple('.!?:;。！？：；”"')
_STOPS = tuple('.!?。！？”"')
_COMMAS = tuple(",，、")
_ADDRESS = re.compile(r"://|\bwww\.|^\W?\w[\w\-]*(?:\.[\w\-]+)+/")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
# Compounds with these are written with a hyphen far oftener than without.
_HYPHENATED = frozenset(
    [
        "all",
        "cross",
        "half",
        "high",
        "long",
        "low",
        "non",
        "quasi",
        "self",
        "short",
        "state",
        "three",
        "two",
        "well",
    ]
)
# Within compounds of three words and more: easy-to-use, state-of-the-art.
_LINKS = frozenset(["a", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "up"])


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
    before: _Column | None = None
    for part in _columns(lines):
        column = _column(part)
        found = _column_paragraphs(column)
        found[0].goes_on = before is not None and _goes_on(before, column)
        paragraphs += found
        before = column
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
    is_number = re.search(r"\d-$", before) and after[0].isalnum() and after.split()[0] not in _LINKS
    if is_number or _breaks_address(before, after):  # pages 3-7, 3-D
        return before + after
    if before.endswith("_-"):  # a long name, broken where it could be
        return before[:-1] + after
    if before.endswith("-") and len(before) > 1 and before[-2].isalpha():
        first = re.search(r"[^\W\d_]+$", before[:-1])
        second = re.match(r"[^\W\d_]+", after)
        if first and second:
            is_link = (first[0] in _LINKS and before[: -1 - len(first[0])].endswith("-")) or (
                second[0] in _LINKS and after[second.end() :].startswith("-")
            )
            is_soft = not is_link and _is_soft(first[0], second[0], known)
            return before[: -1 if is_soft else None] + after
        return before + after if second or after[:1].isdigit() else f"{before} {after}"
    gap = "" if is_cjk(before[-1]) or is_cjk(after[0]) else " "
    return f"{before}{gap}{after}"


def _breaks_address(before: str, after: str) -> bool:
    """Return whether a line ends within an address of the web, at one of its signs."""
    first, second = before.split()[-1:], after.split()[:1]
    if not first or not second or not second[0][0].isalnum():
        return False
    if _ADDRESS.search(first[0]) is None or first[0][-1] not in "/.-_=&?#%":
        return False
    # A sentence may end behind an address, and a word follow it.
    return re.search(r"[\w)][/.\-_=&?#%]+\w", second[0]) is not None


def _is_soft(first: str, second: str, known: frozenset[str]) -> bool:
    """Return whether a hyphen at a line's end is there only because the line ends."""
    whole, hyphenated = f"{first}{second}".lower(), f"{first}-{second}".lower()
    if whole in known or hyphenated in known:
        return whole in known
    if not second[0].islower():
        return False
    return first.lower() not in _HYPHENATED and hyphenated != "so-called"


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


@dataclass
class _Column:
    """Lines of a column, and how they are set.

    Attributes:
        lines: at least one.
        boxes: around each.
        left, right: edges of the running text, pt.
        leading: see `_leading`.
    """

    lines: list[Line]
    boxes: list[Box]
    left: float
    right: float
    leading: dict[int, float]


def _column(lines: list[Line]) -> _Column:
    boxes = [line.box for line in lines]
    # Rows of tables, numbers of formulas and notes in the margin say nothing of the text's edge.
    text = [box for line, box in zip(lines, boxes, strict=True) if not line.is_row] or boxes
    middle = sorted(box[2] for box in text)[len(text) // 2]
    text = [box for box in text if box[0] < middle] or text
    left, right = min(box[0] for box in text), max(box[2] for box in text)
    return _Column(lines, boxes, left, right, _leading(lines))


def _column_paragraphs(column: _Column) -> list[Paragraph]:
    """Return the paragraphs of a column."""
    paragraphs = [Paragraph([column.lines[0]])]
    for at in range(1, len(column.lines)):
        last, line = column.lines[at - 1 : at + 1]
        is_close = not _is_loose(last, line, column.leading)
        is_row = line.is_row or last.is_row or _ENTRY.search(last.text) is not None
        is_item = _is_item(column, at)
        is_deliberate = _is_deliberate(last, line, column)
        if is_close and not (is_row or is_item or is_deliberate or _is_indented(column, at)):
            paragraphs[-1].lines.append(line)
            continue
        # Short lines one below the other are a listing, verse, or an address.
        is_short = is_deliberate and len(paragraphs[-1].lines) == 1
        is_tight = is_row or is_item or (is_short and not last.text.endswith(_STOPS))
        paragraphs.append(Paragraph([line], tight=is_tight and is_close))
    return paragraphs


def _is_item(column: _Column, at: int) -> bool:
    """Return whether a line begins an item: with a bullet, or a number that is not its text's."""
    last, line = column.lines[at - 1 : at + 1]
    found = _ITEM.match(line.text)
    if found is None:
        return False
    if not any(character.isalnum() for character in found[0]):
        return True
    # A citation or a number in mid-sentence may come to stand where a line begins.
    hangs = column.boxes[at][0] < column.boxes[at - 1][0] - 0.8 * line.size
    ends = _ENDS if found[0][0] == "[" else (*_ENDS, *_COMMAS)
    return hangs or last.text.endswith(ends) or _is_deliberate(last, line, column)


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
    return step > min(LOOSE * usual, WIDEST) if usual else step > 2


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) <= SAME_SIZE * max(one.size, other.size)


def _is_deliberate(last: Line, line: Line, column: _Column) -> bool:
    """Return whether a line was begun though its first word fitted on the one before."""
    box, before = line.box, last.box
    first = line.segments[0].pieces[0].box
    room = column.right - before[2]
    if room < first[2] - first[0] + 0.5 * line.size:
        return False
    # Centred lines are broken where it looks well.
    middle = (column.left + column.right) / 2
    centred = (abs((x[0] + x[2]) / 2 - middle) < line.size for x in (box, before))
    is_centred = all(centred) and before[0] > column.left + line.size
    # Ragged text leaves some room at every line, so a little of it says nothing.
    needed = 4 * line.size if not last.text.endswith(_ENDS) else line.size
    return not is_centred and room > first[2] - first[0] + needed


def _is_indented(column: _Column, at: int) -> bool:
    """Return whether a line begins further right than the lines around it, as paragraphs do."""
    last, line = column.lines[at - 1 : at + 1]
    before, left = column.boxes[at - 1][0], column.boxes[at][0]
    # What goes on with a sentence hangs from an item or a term.
    is_within = line.text[0].islower() and not last.text.endswith(_ENDS)
    if is_within or last.text.endswith(_COMMAS) or _ITEM.match(last.text):
        return False
    if not 0.8 * line.size < left - before < 4 * line.size:
        return False
    return at + 1 == len(column.boxes) or left - column.boxes[at + 1][0] > 0.8 * line.size


def _goes_on(before: _Column, column: _Column) -> bool:
    """Return whether the first line of a column is of the paragraph that ended the one before."""
    last, line = before.lines[-1], column.lines[0]
    if not _same_size(last, line) or last.text.endswith(_ENDS) or last.is_row or line.is_row:
        return False
    # A running head and a page number stand off the text; the next column begins further up.
    step = (line.baseline - last.baseline) / line.size
    if step > LOOSE * (before.leading[0] or column.leading[0] or USUAL):
        return False
    if _is_deliberate(last, line, before):
        return False
    start = line.text[0]
    return start.islower() or (
        is_cjk(start) and is_cjk(last.text[-1]) and not _ITEM.match(line.text)
    )
