"""Stories without a language model: from tables in Markdown, HTML, CSV and LaTeX files."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

from vary.data.engines.association.story import Story, StoryError
from vary.data.engines.association.table_stories import FoundTable, stories_of_table
from vary.data.engines.association.tex_tables import tables_of_tex
from vary.data.engines.latex.running_text import is_chinese
from vary.errors import InputError

SUFFIXES = (".csv", ".tsv", ".md", ".markdown", ".txt", ".html", ".htm")
TEX_SUFFIX = ".tex"
# A file of more bytes is no text with tables that somebody wrote.
MOST_BYTES = 32 * 2**20
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_CAPTION = re.compile(r"^\s*(?:#+\s*|(?:table|表)\s*[\d.\-]*\s*[:：.]\s*|:\s+|\*\*)", re.IGNORECASE)


def stories_of_folder(folder: Path, language: str = "") -> tuple[list[Story], Counter[str]]:
    """Return the stories that a folder's tables tell, and why other tables tell none.

    Args:
        folder: where the files lie, subfolders too.
        language: ``zh`` takes tables with Chinese in them, another those without; empty: all.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        endings = ", ".join((*SUFFIXES, TEX_SUFFIX))
        raise InputError(f"no folder {folder}; give one with tables in {endings} files")
    stories: list[Story] = []
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    for table in _tables_of_folder(folder, reasons):
        try:
            found = stories_of_table(table)
        except StoryError as error:
            reasons[error.reason] += 1
            continue
        if language and any(map(is_chinese, found[0].text)) != (language == "zh"):
            reasons["another language"] += 1
            continue
        new = [story for story in found if _key(story) not in seen]
        if not new:
            reasons["the same table again"] += 1
        seen.update(map(_key, new))
        stories += new
    return stories, reasons


def _key(story: Story) -> str:
    return f"{story.title}{story.categories}{story.series}"


def _tables_of_folder(folder: Path, reasons: Counter[str]) -> Iterator[FoundTable]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        try:
            yield from tables_of_file(path)
        except (InputError, csv.Error) as error:
            reasons[f"unreadable file ({type(error).__name__})"] += 1
    yield from tables_of_tex(folder, reasons)


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
