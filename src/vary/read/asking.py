"""What a model is asked about a page, and in which words: a task, a region, a question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from vary.data.questions import questions_of
from vary.errors import VaryError

COLORS = ("red", "green", "blue")
# What GOT-OCR-2.0 learned in its third stage: up to so many tiles, two to eight pages in a prompt.
MAX_TILES = 12
MAX_TOGETHER = 8
OCR, MARKDOWN, ASK = "ocr", "markdown", "ask"
# Task -> what a sample of the kind is called where questions are kept.
_PAPER = {
    OCR: ("document", "text"),
    MARKDOWN: ("document", "markdown"),
    "chart": ("chart", "dict"),
}
_COLON = ":"


class Asking(TypedDict, total=False):
    """The fields of an `Ask`, as keyword arguments."""

    task: str
    prompt: str | None
    box: Sequence[float] | None
    color: str | None
    tiles: int | None
    together: int | None


@dataclass(frozen=True)
class Ask:
    """What is asked about every page.

    Attributes:
        task: one of those that the model was trained for.
        prompt: a question in one's own words, instead of a task; for models of a chat form.
        box: x0, y0, x1, y1 in pixels of the page, of which alone the text is wanted.
        color: of the box drawn on the page, of which alone the text is wanted: one of `COLORS`.
        tiles: give a page as up to so many tiles, and the whole page behind them.
        together: give up to so many pages in one prompt.

    Raises:
        VaryError: values that are not known, or that do not go together.
    """

    task: str = OCR
    prompt: str | None = None
    box: Sequence[float] | None = None
    color: str | None = None
    tiles: int | None = None
    together: int | None = None

    def __post_init__(self) -> None:
        if self.prompt is not None:
            _check_prompt(self.prompt, self.task)
            object.__setattr__(self, "task", ASK)
            if self.box or self.color:
                raise VaryError(
                    "box and color are words that a task is asked with; a prompt of your own has "
                    "its own words: leave out one or the other"
                )
        elif self.task == ASK:
            raise VaryError("task ask needs a question; give it as prompt")
        if self.box is not None:
            object.__setattr__(self, "box", _checked_box(self.box))
        if self.color is not None and self.color not in COLORS:
            raise VaryError(f"color {self.color!r} is not known; choose among {', '.join(COLORS)}")
        _check_number("tiles", self.tiles, 1, MAX_TILES)
        _check_number("together", self.together, 2, MAX_TOGETHER)
        if self.together and self.box:
            raise VaryError(
                "a box is on one page, and together reads several as one: leave out one of them"
            )

    @property
    def features(self) -> tuple[str, ...]:
        """What is asked for besides task and prompt, by the names that a model's card has."""
        names = ("box", "color", "tiles", "together")
        return tuple(name for name in names if getattr(self, name) is not None)

    def check_on(self, size: tuple[int, int]) -> None:
        """Refuse a page on which the box is not.

        Raises:
            VaryError: both sizes are named.
        """
        if self.box and (self.box[2] > size[0] or self.box[3] > size[1]):
            raise VaryError(
                f"box {','.join(f'{side:g}' for side in self.box)} reaches beyond the page, which "
                f"has {size[0]} x {size[1]} pixels; give x0,y0,x1,y1 in these"
            )

    def words(self, questions: Mapping[str, str], size: tuple[int, int], num_pages: int = 1) -> str:
        """Return the question in words.

        Args:
            questions: task -> words, of models that were not asked in the paper's.
            size: width and height of the page in pixels.
            num_pages: in this prompt.

        Raises:
            VaryError: there are no words for what is asked.

        Source: paper 3.3.2; box, colour, tiles and pages as GOT-OCR-2.0 was asked.
        """
        if self.prompt is not None:
            return self.prompt
        words = questions.get(self.task)
        if words is None:
            kind = _PAPER.get(self.task)
            words = questions_of(*kind, "")[0] if kind else None
        if words is None:
            raise VaryError(
                f"the model's card has no words for task {self.task!r} (questions in config.json); "
                "ask in your own, with prompt"
            )
        return self._with_features(words, size, num_pages) if self.features else words

    def _with_features(self, words: str, size: tuple[int, int], num_pages: int) -> str:
        """Return a question as GOT-OCR-2.0 is asked it: ``[red] OCR upon the ...: ``."""
        stem = words.rstrip().removesuffix(_COLON)
        if stem == words.rstrip():
            raise VaryError(
                f"the words {words!r} have no place for {' and '.join(self.features)}, as "
                f"GOT-OCR-2.0's have, which end with {_COLON!r}: ask in your own, with prompt"
            )
        before = f"[{self.color}] " if self.color else ""
        if self.box:
            before += str(in_thousandths(self.box, size)) + ("" if words.startswith(" ") else " ")
        several = " across multi pages" if num_pages > 1 else ""
        tiled = " upon the patch reference" if self.tiles else ""
        return f"{before}{stem}{several}{tiled}{words[len(stem) :]}"


def in_thousandths(box: Sequence[float], size: tuple[int, int]) -> list[int]:
    """Return a box in thousandths of the page's width and height, rounded down as GOT's is."""
    return [int(side / size[place % 2] * 1000) for place, side in enumerate(box)]


def parse_box(text: str) -> tuple[float, ...]:
    """Return the numbers of a text such as ``40,60,900,380``.

    Raises:
        VaryError: it is something else.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise VaryError(f"box {text!r} is not understood; {_BOX}") from error


_BOX = "give x0,y0,x1,y1 in pixels of the page, such as 40,60,900,380"


def _checked_box(box: Sequence[float]) -> tuple[float, ...]:
    sides = tuple(box)
    if len(sides) != 4 or not (0 <= sides[0] < sides[2] and 0 <= sides[1] < sides[3]):
        raise VaryError(f"box {','.join(map(str, sides))} is none; {_BOX}")
    return sides


def _check_prompt(prompt: str, task: str) -> None:
    if task not in (OCR, ASK):
        raise VaryError(
            f"prompt and task {task} are two questions; give a prompt with task ask, or none"
        )
    if not prompt.strip():
        raise VaryError("the prompt is empty; write the question")


def _check_number(name: str, number: int | None, least: int, most: int) -> None:
    if number is not None and not least <= number <= most:
        raise VaryError(f"{name} is {number}; give {least} to {most}")
