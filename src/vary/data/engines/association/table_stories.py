"""What a table tells: names in its first column, numbers in the others, as stories for charts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vary.data.engines.association.story import (
    STORY_SIZES,
    Story,
    StoryError,
    StoryKind,
    parse_story,
)

_NUMBER = re.compile(r"^(-|−|–)?\s*([$€£¥￥]?)\s*(\d[\d,]*\.?\d*|\.\d+)\s*([^\d\s.,\-]{0,8})$")
_UNIT_OF_HEAD = re.compile(r"[(（\[]\s*([^()（）\[\]\d]{1,8})\s*[)）\]]\s*$")
# Rows that sum up others belong into no chart.
_TOTALS = {"total", "sum", "all", "合计", "总计", "總計", "小计"}
# Rows or columns of several quantities: one axis cannot show them.
_STATISTICS = re.compile(
    r"(mean|average|median|mode|range|min|max|minimum|maximum|iqr|variance|var|sd|s|n|size|count"
    r"|(st\.?|std\.?|standard) ?(dev\.?|deviation|err\.?|error)|(samp\.?|sample) size"
    r"|平均值|均值|中位数|标准差|方差|最大值|最小值|样本量)",
    re.IGNORECASE,
)
_TIMES = re.compile(
    r"^(\d{4}(年|[-/年]\d{1,2}月?)?|Q[1-4].*|\d{1,2}月"
    r"|(Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|August"
    r"|September|October|November|December)\.? ?\d{0,4}"
    r"|(Mon|Tues?|Wed|Wednes|Thu|Thurs|Fri|Sat|Satur|Sun)(\.|day)?)$"
)
# Cells that hold no number, and say so.
_MISSING = {"", "-", "–", "—", "--", "n/a", "na"}
# Rows of one chart, where a table has more of them; and columns.
_ROWS, _COLUMNS = 10, 4
# Columns are drawn on one axis if the largest values of all are of about one size.
_ONE_SIZE = 8.0


@dataclass(frozen=True)
class FoundTable:
    """A table as it stands in a file.

    Attributes:
        title: its caption, or what stands above it; may be empty.
        rows: cells as texts; the first row is the head.
        source: the file.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    source: str


@dataclass(frozen=True)
class _Column:
    """A column of numbers of one unit; None stands where a row has none."""

    name: str
    unit: tuple[str, str]
    values: tuple[float | None, ...]

    @property
    def largest(self) -> float:
        return max(abs(value) for value in self.values if value is not None)


def stories_of_table(table: FoundTable) -> list[Story]:
    """Return what a table tells, at least one story.

    Columns of one unit and of about one size are drawn together, and each by itself under the
    table's title and its own name. Of a long table, each part of its rows is a chart.

    Raises:
        StoryError: it has no title, no numbers, or is too small for a chart.
    """
    head, categories, columns = _read(table)
    whole = table
    stories: list[Story] = []
    faults: list[StoryError] = []
    for group in _groups(columns):
        if len(columns) > 1 and len(group) == 1 and group[0].name:
            # Not all looks show the title of an axis: the chart's own has to say what is drawn.
            table = replace(whole, title=f"{whole.title}: {group[0].name}")
        rows = [at for at in range(len(categories)) if all(c.values[at] is not None for c in group)]
        for part in _parts(rows, categories, len(group)):
            names = [categories[at] for at in part]
            chosen = [replace(c, values=tuple(c.values[at] for at in part)) for c in group]
            try:
                stories.append(_story(table, head, names, chosen))
            except StoryError as fault:
                faults.append(fault)
    if not stories:
        raise faults[0] if faults else StoryError("too few rows")
    return stories


def _read(table: FoundTable) -> tuple[str, list[str], list[_Column]]:
    """Return what the names are, the names, and the columns of numbers.

    Raises:
        StoryError: there is no title, or there are too few rows or no numbers.
    """
    if len(table.rows) < 4:
        raise StoryError("too few rows")
    if not any(character.isalpha() for character in table.title):
        raise StoryError("no title")
    head, *body = table.rows
    body = [row for row in body if row[0].strip().casefold() not in _TOTALS]
    body = [row for row in body if row[0]]
    numbers = all(row[0].isdigit() for row in body)
    if not head[0] and numbers and not all(_TIMES.match(row[0]) for row in body):
        raise StoryError("rows without names")  # numbers of cases out of a data set
    if sum(bool(_STATISTICS.fullmatch(row[0])) for row in body) > 1:
        raise StoryError("rows of several quantities")
    columns = list(_numeric_columns(head, body))
    if not columns:
        raise StoryError("no column of numbers of one unit")
    return head[0], [row[0] for row in body], columns


def _groups(columns: Sequence[_Column]) -> Iterator[list[_Column]]:
    """Yield columns that one chart shows: those of one unit and size together, then each alone."""
    left = list(columns)
    while left:
        first = left[0]
        like = [column for column in left if _on_one_axis(column, first)]
        for start in range(0, len(like), _COLUMNS):
            group = like[start : start + _COLUMNS]
            if len(group) > 1:
                yield group
        left = [column for column in left if column not in like]
    yield from ([column] for column in columns)


def _on_one_axis(one: _Column, other: _Column) -> bool:
    """Tell whether two columns are of one unit and about one size, and none is a statistic."""
    if one is other:
        return True
    low, high = sorted((one.largest, other.largest))
    statistics = any(_STATISTICS.fullmatch(column.name) for column in (one, other))
    return one.unit == other.unit and high <= _ONE_SIZE * low and not statistics


def _parts(rows: Sequence[int], categories: Sequence[str], columns: int) -> Iterator[Sequence[int]]:
    """Yield rows for a chart each: all, or where they are too many parts of about equal length."""
    ordered = columns == 2 and all(_TIMES.match(categories[at]) for at in rows)
    most = _ROWS if columns == 1 else STORY_SIZES["lines" if ordered else "grouped"][3]
    number = max(1, -(-len(rows) // most))
    for part in range(number):
        yield rows[part * len(rows) // number : (part + 1) * len(rows) // number]


def _story(
    table: FoundTable, head: str, categories: Sequence[str], columns: Sequence[_Column]
) -> Story:
    """Return the story of some columns and rows.

    Raises:
        StoryError: it is too large or too small for a chart.
    """
    if len(categories) < 3:
        raise StoryError("too few rows")
    prefix, suffix = columns[0].unit
    values = [[value for value in c.values if value is not None] for c in columns]
    kind = _kind(categories, values, suffix)
    single = len(columns) == 1
    # A bar chart of numbers that nothing names would leave open what they are.
    title = columns[0].name if single and kind != "pie" else ""
    return parse_story(
        {
            "kind": kind,
            "title": table.title,
            "category_title": head if kind != "pie" else "",
            "value_title": title,
            "prefix": prefix,
            "suffix": suffix,
            "categories": list(categories),
            "series": [
                {"name": "" if single else column.name, "values": row}
                for column, row in zip(columns, values, strict=True)
            ],
            "source": table.source[:60],
        }
    )


def _numeric_columns(head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[_Column]:
    """Yield columns of three numbers or more, of one unit; totals and nameless ones are left."""
    for at in range(1, len(head)):
        letters = any(character.isalpha() for character in head[at])
        if head[at].strip().casefold() in _TOTALS or (
            head[at] and not letters and not _TIMES.match(head[at])
        ):
            continue
        parsed = [_parse(row[at]) for row in body]
        missing = [row[at].strip().casefold() in _MISSING for row in body]
        numbers = [number for number in parsed if number is not None]
        signs = {(prefix, suffix) for prefix, suffix, _ in numbers}
        if len(numbers) + sum(missing) < len(body) or len(numbers) < 3 or len(signs) != 1:
            continue
        prefix, suffix = signs.pop()
        name = head[at]
        told = _UNIT_OF_HEAD.search(name)
        if told and not prefix and not suffix:
            suffix = told.group(1).strip()
            suffix = suffix if suffix == "%" or not suffix.isascii() else f" {suffix}"
            name = name[: told.start()].strip()
        values = tuple(None if number is None else number[2] for number in parsed)
        yield _Column(name, (prefix, suffix), values)


def _parse(cell: str) -> tuple[str, str, float] | None:
    """Return prefix, suffix and value of a cell, None where it is no number."""
    match = _NUMBER.match(cell.strip())
    if match is None:
        return None
    sign, prefix, digits, suffix = match.groups()
    if "," in digits and not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return None
    value = float(digits.replace(",", "")) * (-1 if sign else 1)
    space = " " if suffix and suffix.isascii() and suffix != "%" else ""
    return prefix.replace("￥", "¥"), f"{space}{suffix}", value


def _kind(categories: Sequence[str], values: Sequence[Sequence[float]], suffix: str) -> StoryKind:
    """Return the chart that suits a table; the schema tells whether it fits."""
    ordered = all(_TIMES.match(name) for name in categories)
    if len(values) == 1:
        whole = suffix.strip() == "%" and abs(sum(values[0]) - 100) <= 0.5
        if whole and min(values[0]) > 0 and len(categories) <= STORY_SIZES["pie"][3]:
            return "pie"
        return "line" if ordered and len(categories) >= STORY_SIZES["line"][2] else "bar"
    if ordered and len(values) == 2 and STORY_SIZES["lines"][2] <= len(categories) <= 8:
        return "lines"
    return "grouped"
