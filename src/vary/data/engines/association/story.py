"""What a chart tells: title, names and values that belong together, held to a strict schema."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vary.errors import InputError

StoryKind = Literal["bar", "grouped", "stacked", "line", "lines", "pie"]
STORY_KINDS: tuple[StoryKind, ...] = get_args(StoryKind)
# Fewest and most series, fewest and most categories: what a chart shows legibly.
STORY_SIZES: dict[str, tuple[int, int, int, int]] = {
    "bar": (1, 1, 3, 12),
    "grouped": (2, 4, 2, 6),
    "stacked": (2, 4, 3, 7),
    "line": (1, 1, 4, 12),
    "lines": (2, 2, 4, 8),
    "pie": (1, 1, 3, 7),
}
# Fewest and most characters of each text.
TITLE, NAME, AXIS, UNIT, SOURCE = (4, 90), (1, 24), (0, 30), (0, 8), (0, 60)
MOST_DECIMALS = 3
LARGEST_VALUE = 1e9
# Of the largest: a smaller sector, or part of a stack, has no room for its number.
LEAST_SECTOR, LEAST_PART = 0.04, 0.05
_KEYS = (
    "kind", "title", "category_title", "value_title", "prefix", "suffix", "categories", "series",
    "source",
)  # fmt: skip


class StoryError(ValueError):
    """What a story was made of is none.

    Args:
        reason: the class of causes, short, since they are counted.
        detail: what was wrong with this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class StorySeries:
    """Values that belong together, one for each category; the name is empty if there is one."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Story:
    """A chart's content.

    Attributes:
        kind: of the chart that suits it.
        title: of the chart.
        category_title, value_title: what categories and values are; may be empty.
        prefix, suffix: before and after each value: ``$``, ``%``, `` kg``.
        categories: names along the axis, or of the sectors.
        series: at least one.
        source: where it comes from.
    """

    kind: StoryKind
    title: str
    category_title: str
    value_title: str
    prefix: str
    suffix: str
    categories: tuple[str, ...]
    series: tuple[StorySeries, ...]
    source: str = ""

    @property
    def text(self) -> str:
        """All its texts in a row."""
        names = [series.name for series in self.series]
        titles = [self.title, self.category_title, self.value_title, self.prefix, self.suffix]
        return "".join([*titles, *self.categories, *names])


def parse_story(fields: Any) -> Story:
    """Return the story that fields of JSON tell.

    Raises:
        StoryError: a key is missing or unknown, or a value is not of its kind or beyond its bounds.
    """
    if not isinstance(fields, dict):
        raise StoryError("no JSON object", repr(fields)[:80])
    unknown = sorted(set(fields) - set(_KEYS))
    missing = sorted(set(_KEYS) - {"source"} - set(fields))
    if unknown or missing:
        raise StoryError("wrong keys", f"unknown {unknown}, missing {missing}"[:200])
    if fields["kind"] not in STORY_KINDS:
        raise StoryError("unknown kind", repr(fields["kind"])[:80])
    story = Story(
        kind=fields["kind"],
        title=_text(fields["title"], "title", TITLE),
        category_title=_text(fields["category_title"], "category_title", AXIS),
        value_title=_text(fields["value_title"], "value_title", AXIS),
        prefix=_unit(fields["prefix"], "prefix"),
        suffix=_unit(fields["suffix"], "suffix"),
        categories=_names(fields["categories"], "categories"),
        series=_series(fields["series"]),
        source=_text(fields.get("source", ""), "source", SOURCE),
    )
    _check_sizes(story)
    _check_values(story)
    return story


def read_stories(file: Path) -> tuple[Story, ...]:
    """Return the stories of a file of JSON lines.

    Raises:
        InputError: no such file, no story in it, or a line that is none.
    """
    try:
        lines = [line.decode("utf-8") for line in Path(file).read_bytes().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); make it with: vary data stories"
        ) from error
    stories = []
    for number, line in enumerate(lines, start=1):
        try:
            stories.append(parse_story(json.loads(line)))
        except ValueError as error:
            raise InputError(f"{file}, line {number}: {error}") from error
    if not stories:
        raise InputError(f"{file} holds no story; make some with: vary data stories")
    return tuple(stories)


def story_line(story: Story) -> str:
    """Return a story as a line of JSON, without line end."""
    return json.dumps(asdict(story), ensure_ascii=False, allow_nan=False)


def _text(value: Any, name: str, bounds: tuple[int, int]) -> str:
    if not isinstance(value, str):
        raise StoryError("no text", f"{name} is {value!r}"[:100])
    text = " ".join(value.split())
    if not text.isprintable():
        raise StoryError("unprintable characters", f"{name} {text!r}"[:100])
    if not bounds[0] <= len(text) <= bounds[1]:
        raise StoryError(
            "text too long or too short",
            f"{name} {text[:40]!r} has {len(text)} characters, allowed are {bounds[0]}-{bounds[1]}",
        )
    return text


def _unit(value: Any, name: str) -> str:
    """Return what stands at a number; a space between them stays."""
    text = _text(value, name, UNIT)
    if any(character.isdigit() or character in ".,-" for character in text):
        raise StoryError("digits in a unit", f"{name} {text!r}")
    return f" {text}" if name == "suffix" and str(value).startswith(" ") and text else text


def _names(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise StoryError("no list", f"{name} is {value!r}"[:100])
    names = tuple(_text(part, f"a name of {name}", NAME) for part in value)
    _check_different(names, name)
    return names


def _series(value: Any) -> tuple[StorySeries, ...]:
    if not isinstance(value, list) or not value:
        raise StoryError("no list", f"series is {value!r}"[:100])
    found = []
    for part in value:
        if not isinstance(part, dict) or set(part) != {"name", "values"}:
            raise StoryError("wrong keys", f"a series is {part!r}"[:150])
        if not isinstance(part["values"], list):
            raise StoryError("no list", f"values are {part['values']!r}"[:100])
        values = tuple(_number(number) for number in part["values"])
        least = 0 if len(value) == 1 else 1
        found.append(StorySeries(_text(part["name"], "a series' name", (least, 30)), values))
    _check_different([series.name for series in found], "series")
    return tuple(found)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StoryError("no number", repr(value)[:60])
    if not math.isfinite(value) or abs(value) > LARGEST_VALUE:
        raise StoryError("number out of bounds", repr(value)[:60])
    if round(value, MOST_DECIMALS) != value:
        raise StoryError("too many decimals", repr(value)[:60])
    return float(value)


def _check_different(names: Sequence[str], what: str) -> None:
    keys = ["".join(name.split()).casefold() for name in names]
    if len(set(keys)) < len(keys):
        raise StoryError("a name stands twice", f"{what} {', '.join(names)}"[:150])


def _check_sizes(story: Story) -> None:
    least_series, most_series, least, most = STORY_SIZES[story.kind]
    if not least_series <= len(story.series) <= most_series:
        raise StoryError("wrong number of series", f"{len(story.series)} for kind {story.kind}")
    if not least <= len(story.categories) <= most:
        raise StoryError(
            "wrong number of categories", f"{len(story.categories)} for kind {story.kind}"
        )
    for series in story.series:
        if len(series.values) != len(story.categories):
            raise StoryError(
                "values and categories differ in number",
                f"{len(series.values)} values, {len(story.categories)} categories",
            )


def _check_values(story: Story) -> None:
    values = [value for series in story.series for value in series.values]
    if not any(values):
        raise StoryError("all values are 0")
    if story.kind in {"pie", "stacked"} and min(values) <= 0:
        raise StoryError("a part is not more than 0", f"kind {story.kind}")
    if story.kind == "pie":
        total = sum(values)
        if story.suffix.strip() == "%" and abs(total - 100) > 0.5:
            raise StoryError("shares do not add up to 100 %", f"{total:g}")
        if min(values) < LEAST_SECTOR * total:
            raise StoryError("a sector is too small", f"{min(values):g} of {total:g}")
    if story.kind == "stacked":
        columns = zip(*(series.values for series in story.series), strict=True)
        if min(values) < LEAST_PART * max(map(sum, columns)):
            raise StoryError("a part is too small", f"{min(values):g}")


def parse_answer(text: str) -> Story:
    """Return the story of a language model's answer: a JSON object, in a code fence or not.

    Of several objects, as of models that think aloud, the first that is a story counts.

    Raises:
        StoryError: there is no such object, or none is a story; told is what the last one lacks.
    """
    wrong = StoryError("no JSON in the answer", " ".join(text.split())[:100])
    for candidate in _objects(text):
        try:
            return parse_story(candidate)
        except StoryError as error:
            wrong = error
    raise wrong


def _objects(text: str) -> Iterator[Any]:
    """Yield the JSON objects of a text, the outermost ones, in order."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield found
        at = text.find("{", end)
