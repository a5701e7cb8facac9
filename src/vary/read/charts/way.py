"""The way to read a chart: its texts as strips, their roles by geometry, the dict."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from vary.read.charts.numbers import figures_of
from vary.read.charts.seen import SeenChart, see_chart
from vary.read.charts.table import read_table
from vary.read.charts.texts import Reading, Text
from vary.read.results import LineResult, PageResult
from vary.read.ways import MAX_WAITING_PAGES, Prepared, in_batches

if TYPE_CHECKING:
    from vary.read.recognizer import LineRecognizer, Recognition

PREFIX = "The dict of the chart is: "
_INDENT = 4
_WAY_OUT = "read it as a page, with task ocr"


@dataclass
class PreparedChart(Prepared):
    """A chart whose texts are found; its pieces are their strips."""

    seen: SeenChart | None = None


@dataclass
class Charts:
    """Finds the texts of a chart, has them read, and writes its dict.

    Args:
        recognizer: reads strips; if it has `draft`, which may be told the characters to expect,
            numbers are read as such.
        batch_size: strips that go through the model together.
        strip_size: height of the strips, and width of the widest.
    """

    recognizer: "LineRecognizer"
    batch_size: int
    strip_size: tuple[int, int] = (48, 1536)
    is_joint: ClassVar[bool] = False

    @property
    def max_waiting(self) -> int:
        """A few: it is strips that fill a batch."""
        return MAX_WAITING_PAGES

    def prepare(self, image: Image.Image) -> PreparedChart:
        """Return the strips of a chart's texts."""
        seen = see_chart(image, self.strip_size)
        return PreparedChart(image.size, seen.strips, seen=seen)

    def read(self, pieces: Sequence[np.ndarray]) -> list[Reading]:
        """Return what stands on strips; what may be a number is read as a number too."""
        draft = getattr(self.recognizer, "draft", None)
        found = in_batches(pieces, self.batch_size, draft or self.recognizer.read)
        figures = [""] * len(pieces)
        if draft is not None:
            for only, members in _by_figures(found).items():
                numbers = [pieces[index] for index in members]
                told = in_batches(numbers, self.batch_size, partial(draft, only=only))
                for index, number in zip(members, told, strict=True):
                    figures[index] = number.text
        return [
            Reading(one.text, float(one.confidence), figure)
            for one, figure in zip(found, figures, strict=True)
        ]

    def result(self, head: dict[str, Any], page: Prepared, found: Sequence[Reading]) -> PageResult:
        """Return the page's result: the dict, or why there is none."""
        assert isinstance(page, PreparedChart)
        assert page.seen is not None
        if not page.pieces:
            return PageResult(**head, size=page.size, status="blank", reason="no text found")
        texts = page.seen.texts(found)
        table = read_table(page.seen.canvas, texts)
        lines = _lines(texts, page.seen.scale)
        if not table.data:
            reason = f"no chart that can be read: {table.reason}; {_WAY_OUT}"
            return PageResult(**head, size=page.size, status="failed", reason=reason, lines=lines)
        text = chart_text(table.title, table.data)
        return PageResult(
            **head,
            size=page.size,
            status="ok",
            reason=table.reason,
            text=text,
            markdown=text,
            confidence=table.confidence,
            decoder="ctc",
            lines=lines,
        )


def chart_text(title: str, data: Any) -> str:
    """Return a chart's dict as the paper writes it: valid Python and valid JSON."""
    chart = {"title": title, "data": data}
    return PREFIX + json.dumps(chart, ensure_ascii=False, indent=_INDENT)


def _by_figures(found: "Sequence[Recognition]") -> dict[str, list[int]]:
    """Return which strips may be numbers, by the characters that each may have."""
    out: dict[str, list[int]] = {}
    for index, one in enumerate(found):
        figures = figures_of(one.text)
        if figures:
            out.setdefault(figures, []).append(index)
    return out


def _lines(texts: Sequence[Text], scale: float) -> tuple[LineResult, ...]:
    """Return the texts of a chart as lines, from top to bottom, in pixels of the picture."""
    ordered = sorted(texts, key=lambda text: (text.box[1], text.box[0]))
    lines = []
    for number, text in enumerate(ordered):
        x0, y0, x1, y1 = (round(side * scale) for side in text.box)
        line = LineResult((x0, y0, x1, y1), text.text, text.confidence, "ctc", "ok", number, number)
        lines.append(line)
    return tuple(lines)
