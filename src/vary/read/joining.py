"""Texts of tiles -> text of a page."""

import re
from collections.abc import Sequence
from typing import Literal

from vary.read.cutting.layout import PageLayout

_CJK = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_CJK_END = re.compile(f"[{_CJK}\u201c\u201d\u2018\u2019\u2014\u2026]$")
_CJK_START = re.compile(f"^[{_CJK}\u201c\u201d\u2018\u2019\u2014\u2026]")
_HYPHENATED = re.compile(r"[^\W\d_]{2,}-$")
_COMPOUND = re.compile(r"[^\W_]+-[^\W_]*-$")
_HYPHEN = re.compile(r"\w-$")


def _append(text: str, line: str) -> str:
    """Return a paragraph's text with its next line joined to it.

    A hyphen at a line's end is undone when the word before it has no other hyphen, is at least
    two letters, and the next line goes on in a small letter; it is kept (without a space) before
    capitals and digits and in words that already hold a hyphen. Soft hyphens always go. Chinese
    lines are joined without a space.
    """
    if not text or not line:
        return text + line
    if text.endswith("\u00ad"):
        return text[:-1] + line
    if _HYPHEN.search(text):
        undo = _HYPHENATED.search(text) and line[0].islower() and not _COMPOUND.search(text)
        return text[:-1] + line if undo else text + line
    if _CJK_END.search(text) and _CJK_START.search(line):
        return text + line
    if re.search(f"[{_CJK}]$", text) or re.search(f"^[{_CJK}]", line):
        return text + line
    return f"{text} {line}"


def _paragraphs(layout: PageLayout, texts: Sequence[str]) -> list[list[str]]:
    """Return the visual lines' texts by paragraph; empty ones left out."""
    paragraphs: list[list[str]] = []
    last_paragraph = last_line = -1
    for tile, raw in zip(layout.tiles, texts, strict=True):
        text = raw.strip()
        if tile.paragraph != last_paragraph:
            paragraphs.append([])
            last_paragraph, last_line = tile.paragraph, -1
        if not text:
            continue
        if tile.line == last_line:
            paragraphs[-1][-1] += f" {text}"
        else:
            paragraphs[-1].append(text)
        last_line = tile.line
    return [lines for lines in paragraphs if lines]


def join_lines(
    layout: PageLayout,
    texts: Sequence[str],
    style: Literal["lines", "paragraphs"] = "lines",
) -> str:
    """Return the page's text from the texts of its tiles.

    Args:
        layout: the page as cut.
        texts: `texts[i]` is what `layout.tiles[i]` says; empty where nothing was read.
        style: "lines" gives one visual line per line and a blank line between paragraphs, with
            hyphens as printed; "paragraphs" one line per paragraph, hyphenation undone.

    Raises:
        ValueError: texts and tiles differ in number, or the style is unknown.
    """
    if len(texts) != len(layout.tiles):
        message = f"{len(texts)} texts for {len(layout.tiles)} tiles: give one text per tile"
        raise ValueError(message)
    if style not in ("lines", "paragraphs"):
        raise ValueError(f"unknown style {style!r}: use 'lines' or 'paragraphs'")
    paragraphs = _paragraphs(layout, texts)
    if style == "lines":
        return "\n\n".join("\n".join(lines) for lines in paragraphs)
    return "\n\n".join(_joined(lines) for lines in paragraphs)


def _joined(lines: Sequence[str]) -> str:
    text = ""
    for line in lines:
        text = _append(text, line)
    return text


def join_paragraphs(text: str) -> str:
    """Return a page's text with one line per paragraph, hyphenation undone.

    Args:
        text: one visual line per line, empty lines between paragraphs.
    """
    paragraphs: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            paragraphs[-1].append(line.strip())
        elif paragraphs[-1]:
            paragraphs.append([])
    return "\n\n".join(_joined(lines) for lines in paragraphs if lines)
