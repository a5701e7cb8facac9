"""The two ways to read a page: cut into lines, or whole."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from PIL import Image

from vary.read.asking import ASK, MARKDOWN, Ask
from vary.read.assembly import assemble_page, assemble_whole_page, join_reasons
from vary.read.cutting import CuttingConfig, PageLayout, cut_page, has_ink, tile_strip
from vary.read.kinds import MOST_SIGNS_ON_A_PHOTO, NATURAL, as_photo, small_picture
from vary.read.marks import find_marks, seen_lines
from vary.read.results import PageResult
from vary.read.turning import has_narrow_tiles, turn_upright

if TYPE_CHECKING:
    from vary.read.page_recognizer import AskedRecognizer, PageReading, WholePageRecognizer
    from vary.read.recognizer import LineRecognizer, Recognition

# Small pages share batches, but only so many wait: each holds its pixels (25 MB at most in grey).
MAX_WAITING_PAGES = 4
# A page of more tiles than that is asked first, by a sample of them, whether it is print.
_MANY_TILES = 600
_SAMPLE_TILES = 200


@dataclass
class Prepared:
    """A page that is ready to be read.

    Attributes:
        size: width and height in pixels.
        pieces: what the recognizer reads: strips, or the page itself; none of a page without ink.
        layout: the page as cut; None where it is read whole.
        turned_deg: by how much the page was turned counter-clockwise to be upright.
        marks: tiles whose drafts show that they are no text, so that they are no pieces: index of
            the tile -> its draft.
        picture: the page made small, where the recognizer tells kinds of pictures.
    """

    size: tuple[int, int]
    pieces: Sequence[Any]
    layout: PageLayout | None = None
    turned_deg: int = 0
    marks: "dict[int, Recognition]" = field(default_factory=dict)
    picture: Image.Image | None = None


class Way(Protocol):
    """What a reader does with a page, and how many pages it may keep waiting.

    Attributes:
        batch_size: pieces that are read together.
        is_joint: whether pages that wait together are read as one, so that they fail as one.
    """

    batch_size: int
    is_joint: ClassVar[bool]

    @property
    def max_waiting(self) -> int:
        """The most pages that wait for others to be read with them."""
        ...

    def prepare(self, image: Image.Image) -> Prepared:
        """Return the page's pieces."""
        ...

    def read(self, pieces: Sequence[Any]) -> list[Any]:
        """Return what stands on each piece."""
        ...

    def result(self, head: dict[str, Any], page: Prepared, found: Sequence[Any]) -> PageResult:
        """Return the page's result from what stands on its pieces.

        Args:
            head: the fields that tell which page it is, and how long it took.
            page: as prepared.
            found: one for each piece.
        """
        ...


def in_batches(
    strips: Sequence[np.ndarray],
    batch_size: int,
    read: "Callable[[Sequence[np.ndarray]], list[Recognition]]",
) -> "list[Recognition]":
    """Return what is read on strips; those of like width share a batch, to pad little."""
    order = sorted(range(len(strips)), key=lambda index: strips[index].shape[1])
    num_batches = math.ceil(len(strips) / batch_size)
    by_index: dict[int, Recognition] = {}
    for batch in np.array_split(np.array(order, dtype=int), num_batches) if strips else ():
        answers = read([strips[index] for index in batch])
        assert len(answers) == len(batch), "a recognizer gives one answer per strip"
        by_index.update(zip(batch.tolist(), answers, strict=True))
    return [by_index[index] for index in range(len(strips))]


def _in_groups(
    pieces: Sequence[Image.Image],
    batch_size: int,
    read: "Callable[[Sequence[Image.Image]], list[PageReading]]",
) -> "list[PageReading]":
    """Return what is read on pages, so many at a time."""
    readings: list[PageReading] = []
    for first in range(0, len(pieces), batch_size):
        batch = pieces[first : first + batch_size]
        answers = read(batch)
        assert len(answers) == len(batch), "a recognizer gives one answer per page"
        readings += answers
    return readings


@dataclass
class LineByLine:
    """Cuts pages into strips of one line each.

    Args:
        recognizer: reads strips; if it has `draft`, which gives worse readings sooner, dirt is
            told from print by it; if it has `kinds`, photos are told from pages.
        batch_size: strips that go through the model together.
        min_confidence: see `Reader`.
        cutting: how pages are cut.
    """

    recognizer: "LineRecognizer"
    batch_size: int
    min_confidence: float
    cutting: CuttingConfig
    is_joint: ClassVar[bool] = False

    @property
    def max_waiting(self) -> int:
        """A few: it is lines that fill a batch."""
        return MAX_WAITING_PAGES

    def prepare(self, image: Image.Image) -> Prepared:
        """Return the page's strips, upright, without those that are marks for sure."""
        layout = cut_page(image, self.cutting)
        picture = small_picture(image) if getattr(self.recognizer, "kinds", ()) else None
        draft = getattr(self.recognizer, "draft", None)
        turned_deg = 0
        if draft is not None:
            layout, turned_deg = turn_upright(image, layout, draft, self.cutting)
        strips = [tile_strip(layout, tile, self.cutting) for tile in layout.tiles]
        if draft is not None and self._is_dirt(layout, strips, draft):
            nothing = replace(layout, tiles=layout.tiles[:0])
            return Prepared(layout.size, [], nothing, turned_deg, picture=picture)
        # Where drafts are all that is read, drafting first would read twice.
        reads_once = getattr(self.recognizer, "decoder", "") == "ctc" or not self.min_confidence
        if draft is None or reads_once or not has_narrow_tiles(layout.tiles):
            return Prepared(layout.size, strips, layout, turned_deg, picture=picture)
        drafts = in_batches(strips, self.batch_size, draft)
        found = find_marks(seen_lines(layout.tiles, drafts), self.min_confidence)
        marks = {index: drafts[index] for index in found}
        pieces = [strip for index, strip in enumerate(strips) if index not in marks]
        return Prepared(layout.size, pieces, layout, turned_deg, marks, picture)

    def _is_dirt(
        self,
        layout: PageLayout,
        strips: Sequence[np.ndarray],
        draft: "Callable[[Sequence[np.ndarray]], list[Recognition]]",
    ) -> bool:
        """Whether a page of very many tiles has none of print among the widest, and some others.

        A form of dotted lines is cut into thousands, all of which would be read for nothing.
        """
        if len(strips) <= _MANY_TILES or not self.min_confidence:
            return False
        by_width = sorted(range(len(strips)), key=lambda index: -strips[index].shape[1])
        step = (len(strips) - _SAMPLE_TILES // 2) / (_SAMPLE_TILES // 2)
        others = (_SAMPLE_TILES // 2 + int(i * step) for i in range(_SAMPLE_TILES // 2))
        sample = [*by_width[: _SAMPLE_TILES // 2], *(by_width[place] for place in others)]
        drafts = in_batches([strips[index] for index in sample], self.batch_size, draft)
        seen = seen_lines([layout.tiles[index] for index in sample], drafts)
        return not any(line.is_print for line in seen)

    def read(self, pieces: Sequence[np.ndarray]) -> "list[Recognition]":
        """Return the recognitions of strips."""
        return in_batches(pieces, self.batch_size, self.recognizer.read)

    def result(
        self, head: dict[str, Any], page: Prepared, found: "Sequence[Recognition]"
    ) -> PageResult:
        """Return the page's result from what stands on its strips."""
        assert page.layout is not None
        rest = iter(found)
        tiles = range(len(page.layout.tiles))
        all_found = [page.marks[i] if i in page.marks else next(rest) for i in tiles]
        result = assemble_page(
            head,
            page.layout,
            all_found,
            min_confidence=self.min_confidence,
            turned_deg=page.turned_deg,
        )
        has_words = sum(map(str.isalnum, result.text)) > MOST_SIGNS_ON_A_PHOTO
        is_asked = page.picture is not None and self.min_confidence and not page.layout.blank
        if not is_asked or has_words:
            return result
        kind = self.recognizer.picture_kind(page.picture)  # type: ignore[attr-defined]
        return as_photo(result) if kind == NATURAL else result


@dataclass
class WholePages:
    """Gives pages to the model as they are, but for those without ink.

    Args:
        recognizer: reads pages.
        batch_size: pages that go through the model together.
        min_confidence: see `Reader`.
    """

    recognizer: "WholePageRecognizer"
    batch_size: int
    min_confidence: float
    is_joint: ClassVar[bool] = False

    @property
    def max_waiting(self) -> int:
        """Twice a batch, since every second page of a scan may be blank."""
        return 2 * self.batch_size

    def prepare(self, image: Image.Image) -> Prepared:
        """Return the page itself, or nothing of a page without ink."""
        return Prepared(image.size, [image] if has_ink(image) else [])

    def read(self, pieces: Sequence[Image.Image]) -> "list[PageReading]":
        """Return the readings of pages, in batches."""
        return _in_groups(pieces, self.batch_size, self.recognizer.read_pages)

    def result(
        self, head: dict[str, Any], page: Prepared, found: "Sequence[PageReading]"
    ) -> PageResult:
        """Return the page's result from what the model wrote."""
        reading = found[0] if found else None
        return assemble_whole_page(head, page.size, reading, min_confidence=self.min_confidence)


@dataclass
class AskedPages:
    """Asks about each page by itself, but for those without ink.

    Args:
        recognizer: answers.
        batch_size: pages that go through the model together.
        min_confidence: see `Reader`.
        ask: what is asked.
    """

    recognizer: "AskedRecognizer"
    batch_size: int
    min_confidence: float
    ask: Ask
    is_joint: ClassVar[bool] = False

    @property
    def max_waiting(self) -> int:
        """See `WholePages`."""
        return 2 * self.batch_size

    def prepare(self, image: Image.Image) -> Prepared:
        """Return the page itself, or nothing of a page without ink.

        Raises:
            VaryError: the page has no place for the box that is asked about.
        """
        self.ask.check_on(image.size)
        return Prepared(image.size, [image] if has_ink(image) else [])

    def read(self, pieces: Sequence[Image.Image]) -> list[Any]:
        """Return the answers about pages, in batches: a `PageReading` for each."""

        def answer(pages: Sequence[Image.Image]) -> "list[PageReading]":
            return self.recognizer.answer([[page] for page in pages], self.ask)

        return _in_groups(pieces, self.batch_size, answer)

    def result(self, head: dict[str, Any], page: Prepared, found: Sequence[Any]) -> PageResult:
        """Return the page's result from what the model wrote.

        Markdown, and answers to a question, are left as they were written.
        """
        reading = found[0] if found else None
        return assemble_whole_page(
            head,
            page.size,
            reading,
            min_confidence=self.min_confidence,
            as_written=self.ask.task in (ASK, MARKDOWN),
        )


@dataclass
class PagesTogether(AskedPages):
    """Asks about several pages as one, but for those without ink.

    The answer is the first page's; the others say that they were read with it. `batch_size` is the
    number of pages in one prompt.
    """

    is_joint: ClassVar[bool] = True

    def evened(self, num_pages: int) -> "PagesTogether":
        """Return the way with as many prompts as so many pages need, of about equal length."""
        most = self.ask.together or 1
        num_prompts = max(1, math.ceil(num_pages / most))
        return replace(self, batch_size=max(1, math.ceil(num_pages / num_prompts)))

    @property
    def max_waiting(self) -> int:
        """As many as are asked about together, blank ones counted."""
        return self.batch_size

    def read(self, pieces: Sequence[Image.Image]) -> list[Any]:
        """Return the answer with the number of its pages, and None for each page but the first."""
        answers = self.recognizer.answer([pieces], self.ask)
        assert len(answers) == 1, "a recognizer gives one answer per group"
        return [(answers[0], len(pieces)), *[None] * (len(pieces) - 1)]

    def result(self, head: dict[str, Any], page: Prepared, found: Sequence[Any]) -> PageResult:
        """Return the first page's result with the answer, and of others where it stands."""
        if not found:
            return super().result(head, page, ())
        if found[0] is None:
            reason = "its text is with that of the pages before it"
            return PageResult(**head, size=page.size, status="together", reason=reason)
        reading, num_pages = found[0]
        result = super().result(head, page, [reading])
        if num_pages == 1:
            return result
        reason = f"{num_pages} pages were read together: this is the text of all"
        return replace(result, reason=join_reasons([reason, result.reason]))
