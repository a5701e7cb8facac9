"""The reader: pages in, text out, by a recognizer of lines or of whole pages.

A page that cannot be read becomes a result that says why; no page is left out.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from PIL import Image

from vary.checkpoints import find_checkpoint
from vary.errors import VaryError
from vary.read.asking import Ask, Asking
from vary.read.assembly import join_reasons
from vary.read.charts.way import Charts
from vary.read.cutting import CuttingConfig
from vary.read.documents import Document, DocumentConfig, open_document, select_pages
from vary.read.results import DocumentResult, PageResult
from vary.read.ways import AskedPages, LineByLine, PagesTogether, Prepared, Way, WholePages

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from vary.read.page_recognizer import AskedRecognizer, WholePageRecognizer
    from vary.read.recognizer import LineRecognizer

DEFAULT_BATCH_SIZE = 32  # lines
# Whole pages: the cache of a large language model takes gigabytes for each.
DEFAULT_PAGE_BATCH_SIZE = 4
DEFAULT_TASK = "ocr"
CHART_TASK = "chart"


@dataclass
class _Page:
    """A page on its way."""

    number: int
    note: str = ""
    seconds: float = 0.0
    prepared: Prepared | None = None
    found: Sequence[Any] = ()
    failure: str = ""

    @property
    def pieces(self) -> Sequence[Any]:
        """What the recognizer is to read."""
        return self.prepared.pieces if self.prepared else ()


# Of the marks that nano finds on photographs of nature four in five are below this, of 399 lines on
# pages three, all of them noise.
MIN_CONFIDENCE = 0.6


class Reader:
    """Reads documents from their pixels.

    Args:
        recognizer: reads strips (`read`) or whole pages (`read_pages`); `tasks` names what it was
            trained for, `strip_size` the height of its strips and the width of the widest.
        batch_size: strips, or whole pages, that go through the model together; None for 32 strips
            or 4 pages.
        model: what the results call the recognizer.
        documents: how large pages are rendered.
        cutting: how pages are cut into lines; None for strips of the recognizer's size. Pages that
            are read whole are not cut.
        min_confidence: a line below this is a mark that is no text (leaves and gravel on a
            photograph): its text is left out, and the page's `reason` counts these. Signs that do
            not go with the page's words are marks as well (`vary.read.marks`). 0 keeps all.
    """

    def __init__(
        self,
        recognizer: "LineRecognizer | WholePageRecognizer",
        *,
        batch_size: int | None = None,
        model: str = "",
        documents: DocumentConfig | None = None,
        cutting: CuttingConfig | None = None,
        min_confidence: float = 0.0,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise VaryError(f"a batch size of {batch_size} reads nothing; give 1 or more")
        if not 0 <= min_confidence <= 1:
            raise VaryError(f"min_confidence is {min_confidence}; give 0 (keeps all) to 1")
        self.recognizer = recognizer
        self.model = model
        self.documents = documents or DocumentConfig()
        self.way: Way
        if _reads_whole_pages(recognizer):
            self.way = WholePages(recognizer, batch_size or DEFAULT_PAGE_BATCH_SIZE, min_confidence)
        else:
            self.way = LineByLine(
                recognizer,
                batch_size or DEFAULT_BATCH_SIZE,
                min_confidence,
                cutting or _cutting_for(recognizer),
            )
        self._pages_way = self.way

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = "nano",
        *,
        device: str = "auto",
        batch_size: int | None = None,
        min_confidence: float | None = None,
    ) -> "Reader":
        """Return a reader with a bundled checkpoint or one of a folder.

        Whether pages are cut into lines or read whole is the checkpoint's. Strips are cut to the
        size that it was trained with.

        Args:
            name_or_path: see `find_checkpoint`.
            device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            batch_size: see `Reader`.
            min_confidence: see `Reader`; None for 0.6 of a model that reads lines, and for 0, which
                keeps all, of one that reads whole pages.

        Raises:
            VaryError: there is no such checkpoint, or no such device.
        """
        path = find_checkpoint(name_or_path)
        from vary.read.recognizer import load_recognizer  # noqa: PLC0415 - imports torch

        recognizer = load_recognizer(path, device)
        if min_confidence is None:
            # Nothing was measured of whole pages that 0.6 would be right for.
            min_confidence = 0.0 if _reads_whole_pages(recognizer) else MIN_CONFIDENCE
        return cls(
            recognizer,
            batch_size=batch_size,
            model=str(name_or_path),
            min_confidence=min_confidence,
        )

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the checkpoint was trained for; `ocr` where it does not say."""
        return tuple(getattr(self.recognizer, "tasks", ())) or (DEFAULT_TASK,)

    @property
    def gives_boxes(self) -> bool:
        """Whether the results tell where lines and words stand."""
        return isinstance(self.way, LineByLine)

    def use_task(self, task: str) -> None:
        """Read by a task from now on; see `use`."""
        self.use(Ask(task=task))

    def use(self, ask: Ask) -> None:
        """Ask this about every page from now on, where `read` is not told otherwise.

        Raises:
            VaryError: see `check`.
        """
        self.way = self._way_for(ask)

    def _way_for(self, ask: Ask) -> Way:
        """Return what is done with pages about which this is asked.

        A model of lines reads charts in another way than pages; of a model of whole pages that is
        asked nothing, the page alone decides what it writes.
        """
        self.check(ask)
        recognizer, way = self.recognizer, self._pages_way
        if isinstance(way, WholePages):
            if not _is_asked(recognizer):
                return way
            kind = PagesTogether if ask.together else AskedPages
            return kind(recognizer, way.batch_size, way.min_confidence, ask)
        if ask.task == CHART_TASK and not _reads_whole_pages(recognizer):
            size = getattr(recognizer, "strip_size", None)
            return Charts(recognizer, way.batch_size, *([size] if size else []))
        return way

    def check(self, ask: Ask) -> None:
        """Refuse what the model was not trained for, or cannot be asked.

        Raises:
            VaryError: naming what it can.
        """
        recognizer, name = self.recognizer, repr(self.model or "in use")
        if not _is_asked(recognizer):
            given = [*(["prompt"] if ask.prompt is not None else []), *ask.features]
            if given:
                raise VaryError(
                    f"model {name} is asked nothing in words, so that it takes no "
                    f"{' and '.join(given)}: leave them out, or choose a model of a chat form "
                    "(GOT-OCR-2.0, Vary-base)"
                )
        missing = [word for word in ask.features if word not in self.tasks]
        if missing:
            raise VaryError(
                f"model {name} was not trained for {', '.join(missing)}; its card names "
                f"{', '.join(self.tasks)}: leave them out, or choose another model"
            )
        if ask.prompt is None:
            self.check_task(ask.task)
        if _is_asked(recognizer):
            recognizer.check(ask)

    def check_task(self, task: str) -> None:
        """Refuse a task that the checkpoint was not trained for.

        Raises:
            VaryError: naming those that it was.
        """
        if task not in self.tasks:
            raise VaryError(
                f"task {task!r} is not one that model {self.model or 'in use'!r} was trained for; "
                f"it knows {', '.join(self.tasks)}: choose one of these, or another model"
            )

    def read(
        self,
        source: str | Path | Image.Image | np.ndarray,
        pages: str | Sequence[int] | None = None,
        **asked: Unpack[Asking],
    ) -> Iterator[PageResult]:
        """Open a document and return an iterator over the results of its pages, in their order.

        Args:
            source: a PDF or image file, or an image: of Pillow, or an array (H, W) or (H, W, 3).
            pages: numbers from 1, a text such as ``1-5``, or None for all.
            **asked: what is asked about them: `task`, or `prompt`, and `box`, `color`, `tiles`,
                `together`, as `vary.read.asking.Ask` has them; without any, what `use` was told.

        Raises:
            InputError: the document cannot be opened, or has no such page. A page that cannot be
                read raises nothing: its result has the status `failed` and says why.
            VaryError: `pages` is not understood, or the model cannot be asked this.
        """
        way = self._way_for(Ask(**asked)) if asked else self.way
        document = open_document(source, self.documents)
        try:
            numbers = select_pages(pages, document)
        except VaryError:
            document.close()
            raise
        return self._read_and_close(document, numbers, way)

    def read_document(
        self,
        source: str | Path | Image.Image | np.ndarray,
        pages: str | Sequence[int] | None = None,
        **asked: Unpack[Asking],
    ) -> DocumentResult:
        """Return all of `read` at once."""
        return DocumentResult.collect(self.read(source, pages, **asked))

    def _read_and_close(
        self, document: Document, numbers: Iterable[int], way: Way
    ) -> Iterator[PageResult]:
        with document:
            yield from _Pass(self.model, document, way).results(numbers)

    def read_pages(self, document: Document, numbers: Iterable[int]) -> Iterator[PageResult]:
        """Yield the results of the pages of an open document, a few pages in memory at a time."""
        return _Pass(self.model, document, self.way).results(numbers)


@dataclass
class _Pass:
    """One way through the pages of a document."""

    model: str
    document: Document
    way: Way

    def results(self, numbers: Iterable[int]) -> Iterator[PageResult]:
        """Yield the results of pages, a few in memory at a time."""
        wanted = list(numbers)
        if isinstance(self.way, PagesTogether):
            self.way = self.way.evened(len(wanted))
        waiting: list[_Page] = []
        for index, number in enumerate(wanted):
            # Told once: it belongs to the document.
            waiting.append(self._prepare(number, note="" if index else self.document.note))
            num_pieces = sum(len(page.pieces) for page in waiting)
            if num_pieces >= self.way.batch_size or len(waiting) >= self.way.max_waiting:
                yield from self._finish(waiting)
                waiting = []
        yield from self._finish(waiting)

    def _prepare(self, number: int, note: str) -> _Page:
        page = _Page(number, note)
        start = time.perf_counter()
        try:
            page.prepared = self.way.prepare(self.document.page(number))
        except Exception as error:  # one page must not stop the others: the result says why
            page.failure = _reason(error)
        page.seconds = time.perf_counter() - start
        return page

    def _finish(self, pages: list[_Page]) -> Iterator[PageResult]:
        readable = [page for page in pages if page.pieces]
        try:
            self._recognize(readable)
        except Exception as error:
            # Whose fault it was shows when each page goes alone, if it may.
            for page in readable:
                if self.way.is_joint:
                    page.failure = _reason(error)
                else:
                    self._recognize_alone(page)
        for page in pages:
            yield self._result(page)

    def _recognize_alone(self, page: _Page) -> None:
        try:
            self._recognize([page])
        except Exception as error:
            page.failure = _reason(error)

    def _recognize(self, pages: Sequence[_Page]) -> None:
        if not pages:
            return
        start = time.perf_counter()
        pieces = [piece for page in pages for piece in page.pieces]
        found = self.way.read(pieces)
        seconds_per_piece = (time.perf_counter() - start) / max(1, len(pieces))
        for page in pages:
            count = len(page.pieces)
            page.found, found = found[:count], found[count:]
            page.seconds += seconds_per_piece * count

    def _result(self, page: _Page) -> PageResult:
        head: dict[str, Any] = {
            "input": self.document.name,
            "page": page.number,
            "num_pages": self.document.num_pages,
            "seconds": page.seconds,
            "model": self.model,
        }
        if not page.failure:
            try:
                assert page.prepared is not None
                result = self.way.result(head, page.prepared, page.found)
                return replace(result, reason=join_reasons([page.note, result.reason]))
            except Exception as error:  # joining is ours, but a page that breaks it is not lost
                page.failure = _reason(error)
        return PageResult(**head, status="failed", reason=join_reasons([page.note, page.failure]))


def _reads_whole_pages(
    recognizer: "LineRecognizer | WholePageRecognizer",
) -> "TypeIs[WholePageRecognizer]":
    return hasattr(recognizer, "read_pages")


def _is_asked(recognizer: Any) -> "TypeIs[AskedRecognizer]":
    """Whether a model is asked in words."""
    return bool(getattr(recognizer, "is_asked", False))


def _cutting_for(recognizer: "LineRecognizer") -> CuttingConfig:
    size = getattr(recognizer, "strip_size", None)
    if size is None:
        return CuttingConfig()
    height_px, width_px = size
    return CuttingConfig(strip_height_px=height_px, strip_max_width_px=width_px)


def _reason(error: Exception) -> str:
    """Return what went wrong in a line; errors that are not ours say their kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, VaryError) else f"{type(error).__name__}: {text}".rstrip(": ")
