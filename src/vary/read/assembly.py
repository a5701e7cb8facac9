"""What was read on a page, on its strips or on the whole of it -> the page's result."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vary.read.boxes import PageFrame, place_words
from vary.read.cutting import PageLayout
from vary.read.joining import join_lines, join_paragraphs
from vary.read.loops import find_repeated_lines
from vary.read.marks import find_marks, seen_lines
from vary.read.results import (
    LineResult,
    PageResult,
    Status,
    escape_markdown,
    mean_confidence,
    with_text,
)

if TYPE_CHECKING:
    from vary.read.page_recognizer import PageReading
    from vary.read.recognizer import Recognition

_FALLBACKS = {
    "loop": "looped",
    "truncated": "without an end",
    "unlike": "unlike",
    "improbable": "less probable",
    "illegible": "illegible",
}


def assemble_page(
    head: dict[str, Any],
    layout: PageLayout,
    recognitions: "Sequence[Recognition]",
    *,
    min_confidence: float = 0.0,
    turned_deg: int = 0,
) -> PageResult:
    """Return the result of a page that was cut and read.

    Args:
        head: the fields that tell which page it is, and how long it took.
        layout: the page as cut.
        recognitions: one for each tile.
        min_confidence: see `Reader`.
        turned_deg: by how much the page was turned counter-clockwise before it was cut.
    """
    frame = PageFrame(layout.size, layout.angle_deg, turned_deg)
    where: dict[str, Any] = {
        "size": frame.input_size,
        "angle_deg": layout.angle_deg,
        "turned_deg": turned_deg,
    }
    if not layout.tiles:
        reason = "no ink" if layout.blank else "no text found"
        return PageResult(**head, **where, status="blank", reason=reason)
    marks = find_marks(seen_lines(layout.tiles, recognitions), min_confidence)
    texts = ["" if i in marks else found.text for i, found in enumerate(recognitions)]
    repeats = find_repeated_lines(texts, [_ink_aspect(tile.ink) for tile in layout.tiles])
    for index in repeats:
        texts[index] = ""
    statuses = dict.fromkeys(marks, "ok") | dict.fromkeys(repeats, "loop")
    lines = _lines(layout, recognitions, texts, statuses, frame)
    status, reason = _page_status(lines, len(marks))
    return PageResult(
        **head,
        **where,
        status=status,
        reason=reason,
        text=join_lines(layout, texts, style="lines"),
        markdown=escape_markdown(join_lines(layout, texts, style="paragraphs")),
        confidence=mean_confidence(lines),
        decoder=_page_decoder(lines),
        lines=lines,
        draft=join_lines(layout, [line.draft for line in lines], style="lines"),
        written=join_lines(layout, [line.written for line in lines], style="lines"),
    )


def assemble_whole_page(
    head: dict[str, Any],
    size: tuple[int, int],
    reading: "PageReading | None",
    *,
    min_confidence: float = 0.0,
    as_written: bool = False,
) -> PageResult:
    """Return the result of a page that was read whole; its lines have no boxes.

    Args:
        head: the fields that tell which page it is, and how long it took.
        size: width and height of the page in pixels.
        reading: None for a page without ink, which nobody was asked to read.
        min_confidence: see `Reader`.
        as_written: whether the text is Markdown already; else it is escaped, and its lines joined
            to paragraphs, to become Markdown.
    """
    if reading is None:
        return PageResult(**head, size=size, status="blank", reason="no ink")
    numbered = _numbered_lines(reading)
    left_out = {row for row, line in numbered if line.confidence < min_confidence}
    rows = reading.text.split("\n")
    text = "\n".join("" if row in left_out else line for row, line in enumerate(rows)).strip("\n")
    lines = tuple(
        replace(line, text="" if row in left_out else line.text) for row, line in numbered
    )
    told = bool(with_text(lines))
    return PageResult(
        **head,
        size=size,
        status=reading.status,
        reason=_whole_page_reason(reading, lines, len(left_out)),
        text=text,
        markdown=text if as_written else escape_markdown(join_paragraphs(text)),
        confidence=reading.confidence if told else None,
        decoder="lm" if told else None,
        lines=lines,
        written=reading.written,
    )


def _numbered_lines(reading: "PageReading") -> list[tuple[int, LineResult]]:
    """Return the lines with text, each with its row in the text; the last has the page's status."""
    rows = reading.text.split("\n")
    confidences = reading.line_confidences or (reading.confidence,) * len(rows)
    lines: list[tuple[int, LineResult]] = []
    paragraph, is_gap = -1, True
    for row, (text, confidence) in enumerate(zip(rows, confidences, strict=True)):
        if not text.strip():
            is_gap = True
            continue
        paragraph += is_gap
        is_gap = False
        line = LineResult(
            None, text.strip(), float(confidence), line=len(lines), paragraph=paragraph
        )
        lines.append((row, line))
    if lines:
        row, line = lines[-1]
        lines[-1] = (row, replace(line, status=reading.status))
    return lines


def _whole_page_reason(
    reading: "PageReading", lines: Sequence[LineResult], num_left_out: int
) -> str:
    reasons = []
    if reading.status == "loop":
        reasons.append("a repetition was cut" + (f" behind line {len(lines)}" if lines else ""))
    if reading.status == "truncated":
        reasons.append("the text is longer than what may be written: it has no end")
    if num_left_out:
        reasons.append(f"{num_left_out} line{'s' if num_left_out > 1 else ''} of low confidence")
    if not with_text(lines):
        reasons.append("no text found")
    return join_reasons(reasons)


def _lines(
    layout: PageLayout,
    recognitions: "Sequence[Recognition]",
    texts: Sequence[str],
    statuses: dict[int, str],
    frame: PageFrame,
) -> tuple[LineResult, ...]:
    """Return the lines with the page's own choice of text, and of status where it made one."""
    lines = []
    for index, (tile, found) in enumerate(zip(layout.tiles, recognitions, strict=True)):
        line = LineResult(
            box=frame.to_input(tile.ink),
            text=texts[index],
            confidence=_told_confidence(found),
            decoder=found.decoder,
            status=statuses.get(index, found.status),
            line=tile.line,
            paragraph=tile.paragraph,
            draft=found.draft,
            # Recognizers that do not draft and write have neither.
            written=getattr(found, "written", ""),
            fallback=getattr(found, "fallback", ""),
            words=place_words(layout, tile, found, texts[index], frame),
        )
        lines.append(line)
    return tuple(lines)


def _told_confidence(found: "Recognition") -> float:
    """Return a line's confidence, calibrated where the recognizer knows how."""
    told = getattr(found, "told", None)
    return float(found.confidence if told is None else told)


def _page_decoder(lines: Sequence[LineResult]) -> str | None:
    lengths = Counter[str]()
    for line in with_text(lines):
        lengths[line.decoder] += len(line.text)
    return max(sorted(lengths, reverse=True), key=lengths.__getitem__) if lengths else None


def _page_status(lines: Sequence[LineResult], num_marks: int) -> tuple[Status, str]:
    loops = [line.line + 1 for line in lines if line.status == "loop"]
    truncated = [line.line + 1 for line in lines if line.status == "truncated"]
    reasons = []
    if loops:
        reasons.append(f"a repetition was cut in line {_numbers(loops)}")
    if truncated:
        reasons.append(f"the text is longer than what may be written in line {_numbers(truncated)}")
    reasons.append(_told_fallbacks(lines))
    if num_marks:
        reasons.append(
            "1 mark that is no text" if num_marks == 1 else f"{num_marks} marks that are no text"
        )
    if not with_text(lines):
        reasons.append("no text found")
    status: Status = "loop" if loops else "truncated" if truncated else "ok"
    return status, join_reasons(reasons)


def _told_fallbacks(lines: Iterable[LineResult]) -> str:
    """Return how many lines the language model lost, and how; empty if none."""
    counts = Counter(line.fallback for line in with_text(lines) if line.fallback)
    if not counts:
        return ""
    total = counts.total()
    how = ", ".join(f"{counts[kind]} {told}" for kind, told in _FALLBACKS.items() if counts[kind])
    return f"{total} line{'s' if total > 1 else ''} by the CTC head: {how}"


def _numbers(numbers: Iterable[int], at_most: int = 10) -> str:
    distinct = sorted(set(numbers))
    more = f" and {len(distinct) - at_most} more" if len(distinct) > at_most else ""
    return ", ".join(str(number) for number in distinct[:at_most]) + more


def _ink_aspect(ink: tuple[int, int, int, int]) -> float:
    x0, y0, x1, y1 = ink
    return max(1, x1 - x0) / max(1, y1 - y0)


def join_reasons(reasons: Iterable[str]) -> str:
    """Return what there is to say, in one line."""
    return "; ".join(reason for reason in reasons if reason)
