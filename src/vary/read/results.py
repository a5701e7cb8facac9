"""What reading gives, and the forms it is written in."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Status = Literal["ok", "blank", "photo", "truncated", "loop", "together", "failed"]
Format = Literal["txt", "md", "json", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)
PAGE_BREAK = "\f"
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class WordResult:
    """A word and where it stands.

    Attributes:
        text: between white space; an ideograph, a kana or a wide mark is a word by itself.
        box: x0, y0, x1, y1 of its ink, half-open, in pixels of the page as it came.
        confidence: 0 to 1: how probable it is that all of its characters are right.
        certainties: how probable that is of each.
    """

    text: str
    box: Box
    confidence: float
    certainties: tuple[float, ...] = ()


@dataclass(frozen=True)
class LineResult:
    """The text of one tile (a line, or a part of a long one), or one line of a whole page's text.

    Attributes:
        box: x0, y0, x1, y1 of the ink, half-open, in pixels of the page as it came, before it was
            turned; None from a model that reads whole pages, which does not say where a line
            stands.
        text: what stands there.
        confidence: 0 to 1.
        decoder: `lm`, or `ctc` where the language model's text was not used.
        status: `ok`, `truncated` (the text is longer than what may be written) or `loop`; of a
            whole page the last line has the page's.
        line: number of the visual line on the page, from 0; parts of a long line share it.
        paragraph: number of the paragraph on the page, from 0.
        draft: what the CTC head alone read.
        written: what the language model alone wrote, whether its text was used or not.
        fallback: why it was not: `loop`, `truncated`, `unlike` (the draft), `improbable`; else
            empty.
        words: of the text, from left to right; none of a line without box or text.
    """

    box: Box | None
    text: str
    confidence: float
    decoder: str = "lm"
    status: str = "ok"
    line: int = 0
    paragraph: int = 0
    draft: str = ""
    written: str = ""
    fallback: str = ""
    words: tuple[WordResult, ...] = ()


@dataclass(frozen=True)
class PageResult:
    """One page, read or not.

    Attributes:
        input: the document's path, or what stands for it.
        page: number in the document, from 1.
        num_pages: of the document, however many were asked for.
        status: `ok`; `blank` (no ink, or none that may be text: not sent to the model); `photo` (a
            photo on which no words were found; the reason is what the paper's model says of one);
            `truncated` (a line's text, or the whole page's, was longer than what may be written);
            `loop` (a repetition was cut at its start); `together` (read in one with the pages
            before it, of which the first has the text of all); `failed`.
        reason: why it is not `ok`, or what else to know; empty for most pages.
        text: one visual line per line, an empty line between paragraphs.
        markdown: paragraphs as lines of their own, hyphens at line ends undone.
        confidence: mean of the lines' by characters, of a page read whole that of its tokens; None
            for a page without text.
        decoder: who wrote most of the characters, `lm` or `ctc`; None for a page without.
        seconds: spent on this page.
        size: width and height in pixels of the page as it came, to which all boxes refer: of a
            PDF's page as it was rendered; (0, 0) if it failed early.
        turned_deg: 90, 180 or 270 if the page lay on its side or upside down and was turned
            counter-clockwise by that.
        angle_deg: skew that was taken out of the turned page, counter-clockwise.
        lines: in reading order.
        draft: the page's text by the CTC head alone, in the form of `text`.
        written: the page's text by the language model alone, in the form of `text`; of a page read
            whole all that it wrote, a repetition too.
        model: what read it.
    """

    input: str
    page: int
    num_pages: int
    status: Status
    reason: str = ""
    text: str = ""
    markdown: str = ""
    confidence: float | None = None
    decoder: str | None = None
    seconds: float = 0.0
    size: tuple[int, int] = (0, 0)
    turned_deg: int = 0
    angle_deg: float = 0.0
    lines: tuple[LineResult, ...] = ()
    draft: str = ""
    written: str = ""
    model: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the page as plain values, without what belongs to the document."""
        told = with_text(self.lines)
        return {
            "page": self.page,
            "status": self.status,
            "reason": self.reason,
            "text": self.text,
            "confidence": None if self.confidence is None else round(self.confidence, 4),
            "decoder": self.decoder,
            "decoders": dict(sorted(Counter(line.decoder for line in told).items())),
            "seconds": round(self.seconds, 3),
            "size": list(self.size),
            "turned_deg": self.turned_deg,
            "angle_deg": round(self.angle_deg, 3),
            "lines": [_line_dict(line) for line in self.lines],
        }


def _line_dict(line: LineResult) -> dict[str, Any]:
    return {
        "line": line.line,
        "paragraph": line.paragraph,
        "box": None if line.box is None else list(line.box),
        "text": line.text,
        "confidence": round(line.confidence, 4),
        "decoder": line.decoder,
        "status": line.status,
        "fallback": line.fallback,
        "words": [
            {"text": word.text, "box": list(word.box), "confidence": round(word.confidence, 4)}
            for word in line.words
        ],
    }


def mean_confidence(lines: Sequence[LineResult]) -> float | None:
    """Return the mean confidence by characters; None without text."""
    told = with_text(lines)
    if not told:
        return None
    weighted = sum(len(line.text) * line.confidence for line in told)
    return weighted / sum(len(line.text) for line in told)


def with_text(lines: Iterable[LineResult]) -> list[LineResult]:
    """Return the lines that say something."""
    return [line for line in lines if line.text.strip()]


@dataclass(frozen=True)
class DocumentResult:
    """The pages of one document that were asked for, in order, none left out."""

    input: str
    num_pages: int
    pages: tuple[PageResult, ...]

    @classmethod
    def collect(cls, pages: Iterable[PageResult]) -> "DocumentResult":
        """Return the result of reading to the end.

        Raises:
            ValueError: there is not one page.
        """
        read = tuple(pages)
        if not read:
            raise ValueError("a document has at least one page; got none")
        return cls(read[0].input, read[0].num_pages, read)

    @property
    def failed_pages(self) -> tuple[int, ...]:
        """Numbers of the pages that could not be read."""
        return tuple(page.page for page in self.pages if page.status == "failed")

    @property
    def text(self) -> str:
        """The text of all pages, form feeds between them."""
        return self.render("txt")

    @property
    def markdown(self) -> str:
        """The Markdown of all pages, each under a comment with its number."""
        return self.render("md")

    def render(self, form: Format) -> str:
        """Return the document as `txt`, `md`, `json` or `jsonl`."""
        return "".join(render_pages(self.pages, form))

    def write(self, path: Path, form: Format) -> None:
        """Write the document beside `path` and rename it, so that no half of a file is left."""
        write_beside(self.render(form), path)


def write_beside(text: str, path: Path) -> None:
    """Write a whole file or none."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def render_pages(pages: Iterable[PageResult], form: Format) -> Iterator[str]:
    """Yield a document piece by piece while its pages come in.

    Args:
        pages: of one document.
        form: `txt`: form feeds between pages; `md`: a comment with its number before each page;
            `json`: one object; `jsonl`: one object per page.

    Raises:
        ValueError: another form.
    """
    renderers = {"txt": _txt, "md": _md, "json": _json, "jsonl": _jsonl}
    if form not in renderers:
        raise ValueError(f"unknown format {form!r}; known are {', '.join(FORMATS)}")
    return renderers[form](pages)


def _txt(pages: Iterable[PageResult]) -> Iterator[str]:
    for index, page in enumerate(pages):
        if index:
            yield PAGE_BREAK
        if page.text:
            yield page.text.rstrip("\n") + "\n"


def _md(pages: Iterable[PageResult]) -> Iterator[str]:
    for index, page in enumerate(pages):
        if index:
            yield "\n"
        state = "" if page.status == "ok" else f": {page.status}"
        if page.status == "failed":
            state += f": {page.reason.replace('--', '- -')}"
        if state or page.num_pages > 1:
            yield f"<!-- page {page.page}{state} -->\n"
            yield "\n" if page.markdown else ""
        if page.markdown:
            yield page.markdown.rstrip("\n") + "\n"


def _json(pages: Iterable[PageResult]) -> Iterator[str]:
    head: dict[str, Any] = {}
    read = []
    for page in pages:
        head = {"input": page.input, "model": page.model, "num_pages": page.num_pages}
        read.append(page.to_dict())
    yield json.dumps({**head, "pages": read}, ensure_ascii=False, indent=1) + "\n"


def _jsonl(pages: Iterable[PageResult]) -> Iterator[str]:
    for page in pages:
        head = {"input": page.input, "model": page.model, "num_pages": page.num_pages}
        yield json.dumps({**head, **page.to_dict()}, ensure_ascii=False) + "\n"


_MARKS = re.compile(r"[\\*`]|<(?=[A-Za-z/!?])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
_LEADING_MARKS = re.compile(r"^(?=#{1,6}(\s|$)|>)", re.MULTILINE)
_RULES = re.compile(r"^(?=([-=_])([ \t]*\1)*[ \t]*$)", re.MULTILINE)


def escape_markdown(text: str) -> str:
    """Return text in which Markdown sees no emphasis, code, HTML, headings, quotes or rules.

    Numbers and dashes at the start of a line stay: what looks like a list is one.
    """
    lines = "\n".join(line.strip() for line in text.split("\n"))
    escaped = _MARKS.sub(lambda found: "\\" + found.group(), lines)
    return _RULES.sub(r"\\", _LEADING_MARKS.sub(r"\\", escaped))
