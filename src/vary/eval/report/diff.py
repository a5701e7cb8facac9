"""A truth and an answer side by side, with what differs marked in both.

Text that stands in the wrong place is compared with the place where it belongs: it is marked as
moved, and only what is wrong in it is marked as missing or added.
"""

from dataclasses import dataclass
from itertools import groupby

from vary.eval.error_split import segments_in_order
from vary.eval.segments import Segment, holds_chinese
from vary.extras import require
from vary.markup import Html, join, tag

# Characters of each side that are shown, and that are compared to find what is shown.
MAX_SHOWN, MAX_COMPARED = 6_000, 24_000
# A letter that happens to be right between errors hides more than it tells.
_NO_WORD = 2
_RIGHT, _MOVED, _WRONG = range(3)


@dataclass(frozen=True)
class SideBySide:
    """Two texts as markup, and how many characters of each are not shown."""

    truth: Html
    answer: Html
    hidden_truth: int
    hidden_answer: int


@dataclass(frozen=True)
class _Side:
    """A text as it is compared, and what is shown for each of its characters."""

    compared: str
    shown: list[str]
    num_more: int


@dataclass(frozen=True)
class _Change:
    """Characters that differ: of the answer, and of the truth. One of the two may be empty."""

    answer: tuple[int, int]
    truth: tuple[int, int]


def side_by_side(answer: str, truth: str) -> SideBySide:
    """Return both texts with their own lines; white space counts as in `vary.eval.error_split`.

    Text that only the truth has is marked in it as missing, text that only the answer has is marked
    there as added. White space is made visible where it is all that differs.

    Raises:
        MissingExtraError: rapidfuzz is not installed.
    """
    truth, answer = truth.strip(), answer.strip()
    is_chinese = holds_chinese(truth[:MAX_COMPARED])
    left, right = _side(truth, is_chinese), _side(answer, is_chinese)
    segments = segments_in_order(answer[:MAX_COMPARED], truth[:MAX_COMPARED])
    # The answer's characters in the truth's order; -1 is a space between segments.
    order: list[int] = []
    for segment in segments:
        if order and not is_chinese and right.compared[order[-1]] != " ":
            order.append(-1)
        order.extend(range(segment.start, segment.end))
    ordered = "".join(right.compared[at] if at >= 0 else " " for at in order)
    changes = _changes(ordered, left.compared)
    return SideBySide(
        truth=_marked(left, _truth_states(left, segments, changes), "del"),
        answer=_marked(right, _answer_states(right, segments, changes, order), "ins"),
        hidden_truth=left.num_more + max(0, len(left.compared) - MAX_SHOWN),
        hidden_answer=right.num_more + max(0, len(right.compared) - MAX_SHOWN),
    )


def shortened(source: str) -> tuple[str, int]:
    """Return the beginning of a text, and how many characters it leaves out."""
    return source[:MAX_SHOWN], max(0, len(source) - MAX_SHOWN)


def _side(source: str, is_chinese: bool) -> _Side:
    """Return a text with runs of white space as one space, or none in Chinese."""
    compared: list[str] = []
    shown: list[str] = []
    for character in source[:MAX_COMPARED].strip():
        if not character.isspace():
            compared.append(character)
            shown.append(character)
        elif is_chinese or compared[-1] == " ":
            # The space is shown after what stands before it, a line feed rather than a blank.
            shown[-1] = _with_space(shown[-1], character)
        else:
            compared.append(" ")
            shown.append("\n" if character in "\n\r" else " ")
    return _Side("".join(compared), shown, max(0, len(source) - MAX_COMPARED))


def _with_space(before: str, space: str) -> str:
    if space in "\n\r":
        return before.rstrip(" \n") + "\n"
    return before if before[-1:].isspace() else before + " "


def _changes(answer: str, truth: str) -> list[_Change]:
    levenshtein = require("rapidfuzz.distance.Levenshtein", extra="eval")
    changes: list[_Change] = []
    for code in levenshtein.opcodes(answer, truth):
        if code.tag == "equal":
            continue
        new = _Change((code.src_start, code.src_end), (code.dest_start, code.dest_end))
        if changes and _is_noise(changes[-1], new):
            last = changes[-1]
            new = _Change((last.answer[0], new.answer[1]), (last.truth[0], new.truth[1]))
            changes[-1] = new
        else:
            changes.append(new)
    return [_trimmed(change, answer, truth) for change in changes]


def _trimmed(change: _Change, answer: str, truth: str) -> _Change:
    """Return a change without what both sides begin and end with: joined changes may have such."""
    (start, end), (truth_start, truth_end) = change.answer, change.truth
    while start < end and truth_start < truth_end and answer[end - 1] == truth[truth_end - 1]:
        end, truth_end = end - 1, truth_end - 1
    while start < end and truth_start < truth_end and answer[start] == truth[truth_start]:
        start, truth_start = start + 1, truth_start + 1
    return _Change((start, end), (truth_start, truth_end))


def _is_noise(last: _Change, new: _Change) -> bool:
    """Return whether what is equal between two changes is less than what changes around it."""
    equal = new.truth[0] - last.truth[1]
    sizes = [
        max(change.answer[1] - change.answer[0], change.truth[1] - change.truth[0])
        for change in (last, new)
    ]
    return equal == 0 or (equal <= _NO_WORD and min(sizes) > 1) or equal < min(sizes) // 2


def _truth_states(side: _Side, segments: list[Segment], changes: list[_Change]) -> list[int]:
    states = [_RIGHT] * len(side.compared)
    for segment in segments:
        if segment.is_moved:
            states[segment.truth_start : segment.truth_end] = [_MOVED] * segment.length
    for change in changes:
        start, end = change.truth
        states[start:end] = [_WRONG] * (end - start)
    return states


def _answer_states(
    side: _Side, segments: list[Segment], changes: list[_Change], order: list[int]
) -> list[int]:
    states = [_RIGHT] * len(side.compared)
    edges = set()
    for segment in segments:
        edges |= {segment.start, segment.end - 1}
        if segment.is_moved:
            states[segment.start : segment.end] = [_MOVED] * (segment.end - segment.start)
    for change in changes:
        for at in order[slice(*change.answer)]:
            # Whether a space goes with the text before or after it is nothing to mark.
            if at >= 0 and not (len(segments) > 1 and at in edges and side.compared[at] == " "):
                states[at] = _WRONG
    return states


def _marked(side: _Side, states: list[int], name: str) -> Html:
    parts: list[object] = []
    places = range(min(len(states), MAX_SHOWN))
    for state, run in groupby(places, key=lambda at: states[at]):
        shown = "".join(side.shown[at] for at in run)
        if state == _WRONG:
            parts.append(tag(name, _visible(shown)))
        elif state == _MOVED:
            parts.append(tag("span", shown, class_="moved"))
        else:
            parts.append(shown)
    return join(parts)


def _visible(changed: str) -> str:
    """Return changed text; white space gets a sign where there is nothing else to see."""
    if changed.strip(" \n"):
        return changed
    return changed.replace(" ", "␣").replace("\n", "↵\n")
