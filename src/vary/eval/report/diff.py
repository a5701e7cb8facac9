"""A truth and an answer side by side, with what differs marked in both."""

from dataclasses import dataclass

from vary.eval.error_split import holds_chinese
from vary.eval.report.markup import Html, join, tag
from vary.extras import require

# Characters of each side that are shown, and that are compared to find what is shown.
MAX_SHOWN, MAX_COMPARED = 6_000, 24_000
# A letter that happens to be right between errors hides more than it tells.
_NO_WORD = 2


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


@dataclass
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
    is_chinese = holds_chinese(truth[:MAX_COMPARED])
    left, right = _side(truth, is_chinese), _side(answer, is_chinese)
    changes = _changes(right.compared, left.compared)
    return SideBySide(
        truth=_marked(left, [change.truth for change in changes], "del"),
        answer=_marked(right, [change.answer for change in changes], "ins"),
        hidden_truth=left.num_more + max(0, len(left.compared) - MAX_SHOWN),
        hidden_answer=right.num_more + max(0, len(right.compared) - MAX_SHOWN),
    )


def shortened(source: str) -> tuple[str, int]:
    """Return the beginning of a text, and how many characters it leaves out."""
    return source[:MAX_SHOWN], max(0, len(source) - MAX_SHOWN)


def _side(source: str, is_chinese: bool) -> _Side:
    """Return a text with runs of white space as one space, or none in Chinese."""
    source = source.strip()
    compared: list[str] = []
    shown: list[str] = []
    for character in source[:MAX_COMPARED]:
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
            changes[-1] = _Change((last.answer[0], new.answer[1]), (last.truth[0], new.truth[1]))
        else:
            changes.append(new)
    return changes


def _is_noise(last: _Change, new: _Change) -> bool:
    """Return whether what is equal between two changes is less than what changes around it."""
    equal = new.truth[0] - last.truth[1]
    sizes = [
        max(change.answer[1] - change.answer[0], change.truth[1] - change.truth[0])
        for change in (last, new)
    ]
    return equal == 0 or (equal <= _NO_WORD and min(sizes) > 1) or equal < min(sizes) // 2


def _marked(side: _Side, spans: list[tuple[int, int]], name: str) -> Html:
    parts: list[object] = []
    end = 0
    for start, stop in spans:
        if start >= MAX_SHOWN:
            break
        if stop == start:
            continue
        stop = min(stop, MAX_SHOWN)  # noqa: PLW2901 - what is shown of it
        parts.append("".join(side.shown[end:start]))
        parts.append(tag(name, _visible(side.shown[start:stop])))
        end = stop
    parts.append("".join(side.shown[end : max(end, MAX_SHOWN)]))
    return join(parts)


def _visible(shown: list[str]) -> str:
    """Return changed text; white space gets a sign where there is nothing else to see."""
    changed = "".join(shown)
    if changed.strip(" \n"):
        return changed
    return changed.replace(" ", "␣").replace("\n", "↵\n")
