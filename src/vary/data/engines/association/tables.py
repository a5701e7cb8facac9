"""Stories without a language model: from tables that stand in files, by Markdown, HTML or CSV."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from vary.data.engines.association.story import (
    STORY_SIZES,
    Story,
    StoryError,
    StoryKind,
    parse_story,
)
from vary.errors import InputError

SUFFIXES = (".csv", ".tsv", ".md", ".markdown", ".txt", ".html", ".htm")
# A file of more bytes is no text with tables that somebody wrote.
MOST_BYTES = 32 * 2**20
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_CAPTION = re.compile(r"^\s*(?:#+\s*|(?:table|表)\s*[\d.\-]*\s*[:：.]\s*|:\s+|\*\*)", re.IGNORECASE)
_NUMBER = re.compile(r"^(-|−|–)?\s*([$€£¥￥]?)\s*(\d[\d,]*\.?\d*|\.\d+)\s*([^\d\s.,\-]{0,8})$")
_UNIT_OF_HEAD = re.compile(r"[(（\[]\s*([^()（）\[\]\d]{1,8})\s*[)）\]]\s*$")
# Rows that sum up others belong into no chart.
_TOTALS = {"total", "sum", "all", "合计", "总计", "總計", "小计"}
_TIMES = re.compile(
    r"^(\d{4}(年|[-/年]\d{1,2}月?)?|Q[1-4].*|\d{1,2}月|[A-Z][a-z]{2,8}\.? ?\d{0,4})$"
)


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


def stories_of_folder(folder: Path) -> tuple[list[Story], Counter[str]]:
    """Return the stories that a folder's tables tell, and why other tables tell none.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give one with tables in {', '.join(SUFFIXES)} files")
    stories: list[Story] = []
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        try:
            tables = list(tables_of_file(path))
        except (InputError, csv.Error) as error:
            reasons[f"unreadable file ({type(error).__name__})"] += 1
            continue
        for table in tables:
            try:
                story = story_of_table(table)
            except StoryError as error:
                reasons[error.reason] += 1
                continue
            key = f"{story.title}{story.categories}{story.series}"
            if key in seen:
                reasons["the same table again"] += 1
                continue
            seen.add(key)
            stories.append(story)
    return stories, reasons


def tables_of_file(path: Path) -> Iterator[FoundTable]:
    """Yield the tables of a file, by its suffix.

    Raises:
        InputError: it cannot be read, is no text, or is too large.
    """
    text = _read(path)
    suffix = path.suffix.lower()
    if suffix in {".csv", ".tsv"}:
        rows = list(csv.reader(io.StringIO(text), delimiter="\t" if suffix == ".tsv" else ","))
        title = re.sub(r"[_\-]+", " ", path.stem).strip()
        yield FoundTable(title, _cleaned(rows), path.name)
        return
    if suffix in {".html", ".htm"} or "<table" in text.lower():
        parser = _HtmlTables()
        parser.feed(text)
        for caption, rows in parser.tables:
            yield FoundTable(caption, _cleaned(rows), path.name)
    if suffix not in {".html", ".htm"}:
        yield from _markdown_tables(text, path.name)


def story_of_table(table: FoundTable) -> Story:
    """Return what a table tells: names in its first column, numbers in the others.

    Raises:
        StoryError: it has no title, no numbers, or is too large or too small for a chart.
    """
    if len(table.rows) < 4:
        raise StoryError("too few rows")
    if not any(character.isalpha() for character in table.title):
        raise StoryError("no title")
    head, *body = table.rows
    body = [row for row in body if row[0].strip().casefold() not in _TOTALS]
    columns = _numeric_columns(head, body)
    if not columns:
        raise StoryError("no column of numbers of one unit")
    units = Counter(unit for _, unit, _ in columns)
    unit = units.most_common(1)[0][0]
    columns = [column for column in columns if column[1] == unit]
    names, values = [name for name, _, _ in columns], [row for _, _, row in columns]
    categories = [row[0] for row in body]
    kind = _kind(categories, values, unit[1])
    single = len(names) == 1
    return parse_story(
        {
            "kind": kind,
            "title": table.title,
            "category_title": head[0] if kind != "pie" else "",
            "value_title": names[0] if single and kind != "pie" else "",
            "prefix": unit[0],
            "suffix": unit[1],
            "categories": categories,
            "series": [
                {"name": "" if single else name, "values": row}
                for name, row in zip(names, values, strict=True)
            ],
            "source": table.source[:60],
        }
    )


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} has more than {MOST_BYTES} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InputError(f"{path} is neither UTF-8 nor GB 18030")


def _cleaned(rows: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """Return rows of equal length, without empty ones, cells without marks of their language."""
    kept = [tuple(_plain(cell) for cell in row) for row in rows]
    kept = [row for row in kept if any(row)]
    width = len(kept[0]) if kept else 0
    return tuple(row for row in kept if len(row) == width)


def _plain(cell: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell)  # links
    return " ".join(re.sub(r"[*_`]{1,3}|\\(?=\|)", "", text).split())


def _markdown_tables(text: str, source: str) -> Iterator[FoundTable]:
    """Yield pipe tables; a rule under the head is not asked for where all rows begin with a bar."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and lines[end].count("|") >= 2:
            end += 1
        if end - at >= 3:
            rows = [
                re.split(r"(?<!\\)\|", line.strip().strip("|"))
                for line in lines[at:end]
                if not _RULE.match(line)
            ]
            yield FoundTable(_title_above(lines, at), _cleaned(rows), source)
        at = end + 1


def _title_above(lines: Sequence[str], at: int) -> str:
    """Return a caption or heading next above a line, or a short line that ends with a colon."""
    for line in reversed(lines[max(at - 3, 0) : at]):
        text = line.strip()
        if not text:
            continue
        is_caption = bool(_CAPTION.match(text)) or (len(text) <= 90 and text[-1] in ":：")
        return _plain(_CAPTION.sub("", text)).rstrip(":： #*") if is_caption else ""
    return ""


def _numeric_columns(
    head: Sequence[str], body: Sequence[Sequence[str]]
) -> list[tuple[str, tuple[str, str], list[float]]]:
    """Return name, unit and values of the columns that hold numbers of one unit each."""
    found = []
    for at in range(1, len(head)):
        parsed = [_parse(row[at]) for row in body]
        units = {unit for unit in parsed if unit is not None}
        signs = {(prefix, suffix) for prefix, suffix, _ in units}
        if len(signs) != 1 or any(unit is None for unit in parsed):
            continue
        prefix, suffix = signs.pop()
        name = head[at]
        told = _UNIT_OF_HEAD.search(name)
        if told and not prefix and not suffix:
            suffix = told.group(1).strip()
            suffix = suffix if suffix == "%" or not suffix.isascii() else f" {suffix}"
            name = name[: told.start()].strip()
        values = [unit[2] for unit in parsed if unit is not None]
        found.append((name, (prefix, suffix), values))
    return found


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


class _HtmlTables(HTMLParser):
    """Collects the tables of a page: caption and cells; tables within tables are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._depth = 0
        self._rows: list[list[str]] = []
        self._caption = ""
        self._heading = ""
        self._into: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self._rows, self._caption = [], ""
        elif tag in {"h1", "h2", "h3", "h4", "h5", "h6"} and not self._depth:
            self._heading, self._into = "", "heading"
        elif self._depth != 1:
            return
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"} and self._rows:
            # A cell over several columns or rows would shift the others.
            spans = any(name in {"colspan", "rowspan"} and value != "1" for name, value in attrs)
            self._rows[-1] += [""] * (2 if spans else 1)
            self._into = "cell"
        elif tag == "caption":
            self._into = "caption"

    def handle_endtag(self, tag: str) -> None:
        """End what was begun."""
        if tag in {"td", "th", "caption", "h1", "h2", "h3", "h4", "h5", "h6"}:
            self._into = None
        elif tag == "table" and self._depth:
            self._depth -= 1
            if not self._depth:
                self.tables.append((self._caption.strip() or self._heading.strip(), self._rows))

    def handle_data(self, data: str) -> None:
        """Take the text of a cell, caption or heading."""
        if self._into == "cell":
            self._rows[-1][-1] += data
        elif self._into == "caption":
            self._caption += data
        elif self._into == "heading":
            self._heading += data
