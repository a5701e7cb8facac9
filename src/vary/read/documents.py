"""Documents as sequences of page images: PDFs rendered page by page, images as they are.

Nothing here looks at the text that a PDF carries: what is read is what is seen.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from PIL import Image

from vary.errors import InputError, VaryError
from vary.read.pixels import check_size, from_array, open_image, reduce_to, to_rgb

POINTS_PER_INCH = 72
NO_PAGES = "the PDF has no pages; make it again from its source"
PDF_MARK, PDF_END_MARK = b"%PDF-", b"%%EOF"
MARK_WINDOW_BYTES = 1024  # how far from the start and the end readers look for the marks


@dataclass(frozen=True)
class DocumentConfig:
    """How large pages become.

    Attributes:
        long_side_px: the long side of a rendered PDF page; A4 comes to 169 dpi, at which 10 pt
            text is about 16 px from ascender to descender.
        min_dpi: larger sheets (posters, A3) grow beyond `long_side_px` to keep this.
        max_dpi: smaller sheets (cards, receipts) stop here.
        max_page_pixels: nothing is rendered larger; larger images are shrunk by a whole factor.
        max_image_pixels: larger images are refused before they are decoded; A3 at 600 dpi
            has 70 million.
    """

    long_side_px: int = 1980
    min_dpi: float = 120.0
    max_dpi: float = 300.0
    max_page_pixels: int = 25_000_000
    max_image_pixels: int = 80_000_000


class Document(ABC):
    """Pages to be read, opened one at a time; close it after use, or use it in a `with`.

    Attributes:
        name: what the document is called in results and messages.
        num_pages: at least 1.
        note: what a reader of the result should know, such as frames that are not read.
    """

    name: str
    num_pages: int
    note: str = ""

    @abstractmethod
    def page(self, number: int) -> Image.Image:
        """Return page `number`, counted from 1, as upright 8-bit RGB.

        Raises:
            Exception: of any kind, when this page cannot be decoded; the others may still be.
        """

    def close(self) -> None:
        """Let go of the file."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class PdfDocument(Document):
    """A PDF, rendered by PDFium."""

    def __init__(self, path: Path, config: DocumentConfig) -> None:
        self.name = str(path)
        self.config = config
        _forget_last_error()
        try:
            self._pdf = pdfium.PdfDocument(path)
        except pdfium.PdfiumError as error:
            raise InputError(f"{path}: {_pdf_reason(error)}") from error
        self.num_pages = len(self._pdf)
        if self.num_pages == 0:
            self._pdf.close()
            raise InputError(f"{path}: {NO_PAGES}")
        self._pdf.init_forms()  # so that what was filled in is seen
        if not _ends_as_pdf(path):
            self.note = (
                f"the file has no end mark: it may be cut off, and {self.num_pages} "
                "may not be all of its pages"
            )

    def page(self, number: int) -> Image.Image:
        """Return a page as PDFium draws it, filled-in forms and annotations with it.

        Raises:
            InputError: PDFium cannot load it.
        """
        try:
            page = self._pdf[number - 1]
        except pdfium.PdfiumError as error:
            raise InputError(
                f"the page is damaged ({error}); open the PDF in a viewer and save it again"
            ) from error
        try:
            bitmap = page.render(scale=self._scale(*page.get_size()))
            return bitmap.to_pil().convert("RGB")
        finally:
            page.close()

    def _scale(self, width_pt: float, height_pt: float) -> float:
        config = self.config
        scale = config.long_side_px / max(width_pt, height_pt)
        scale = max(scale, config.min_dpi / POINTS_PER_INCH)
        scale = min(scale, config.max_dpi / POINTS_PER_INCH)
        return min(scale, (config.max_page_pixels / (width_pt * height_pt)) ** 0.5)

    def close(self) -> None:
        """Close the PDF."""
        self._pdf.close()


def _forget_last_error() -> None:
    """Put PDFium's last error at "no such file", which a file that is there does not cause.

    A document of no pages sets no error: the last one, of another document, would be reported.
    """
    pdfium_c.FPDF_LoadDocument(b"\0", None)


def _pdf_reason(error: pdfium.PdfiumError) -> str:
    code = pdfium_c.FPDF_GetLastError()
    if code == pdfium_c.FPDF_ERR_PASSWORD:
        return (
            "the PDF asks for a password; save a copy without one "
            "(in a PDF viewer, or with: qpdf --decrypt --password=... IN OUT)"
        )
    if code == pdfium_c.FPDF_ERR_FILE:
        return NO_PAGES
    return f"the PDF is damaged or truncated ({error}); copy or download it again"


def _ends_as_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - MARK_WINDOW_BYTES))
        return PDF_END_MARK in file.read()


class ImageDocument(Document):
    """An image file: every frame of a TIFF is a page, of an animation only the first is."""

    def __init__(self, path: Path, config: DocumentConfig) -> None:
        self.name = str(path)
        self.config = config
        self._image = open_image(path, config.max_image_pixels)
        try:
            num_frames = getattr(self._image, "n_frames", 1)
        except Exception as error:  # the chain of frames is broken: as for a broken header
            self._image.close()
            raise InputError(
                f"{path}: the list of frames is damaged or truncated ({error}); "
                "save or copy the file again"
            ) from error
        is_paged = self._image.format == "TIFF"
        self.num_pages = num_frames if is_paged else 1
        if num_frames > 1 and not is_paged and self._image.format != "MPO":
            self.note = f"an animation: only the first of its {num_frames} frames is read"

    def page(self, number: int) -> Image.Image:
        """Return a frame, upright and in 8-bit RGB.

        Raises:
            InputError: it is too large, truncated or damaged.
        """
        if self.num_pages > 1:
            self._image.seek(number - 1)
            check_size(self._image, self.config.max_image_pixels)
        try:
            image = to_rgb(self._image)
        except OSError as error:
            raise InputError(
                f"the pixels are truncated or damaged ({error}); save or copy the file again"
            ) from error
        return reduce_to(image, self.config.max_page_pixels)

    def close(self) -> None:
        """Close the image file."""
        self._image.close()


class PixelDocument(Document):
    """One page that is in memory already."""

    def __init__(self, image: Image.Image, config: DocumentConfig, name: str = "image") -> None:
        self.name = name
        self.num_pages = 1
        self._image = image
        self._config = config
        check_size(image, config.max_image_pixels)

    def page(self, number: int) -> Image.Image:  # noqa: ARG002 - there is one
        """Return the image, upright and in 8-bit RGB."""
        return reduce_to(to_rgb(self._image), self._config.max_page_pixels)


def open_document(
    source: str | Path | Image.Image | np.ndarray, config: DocumentConfig | None = None
) -> Document:
    """Return the pages of a file, told apart by its content, or of an image in memory.

    Raises:
        InputError: the file is missing, empty, locked, damaged, too large or of another kind.
    """
    config = config or DocumentConfig()
    if isinstance(source, np.ndarray):
        source = from_array(source)
    if isinstance(source, Image.Image):
        return PixelDocument(source, config)
    path = Path(source)
    head = _read_head(path)
    return PdfDocument(path, config) if PDF_MARK in head else ImageDocument(path, config)


def _read_head(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path}: a folder is not a document; give one of its files")
    try:
        with path.open("rb") as file:
            head = file.read(MARK_WINDOW_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; check the path") from error
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path}: cannot be opened ({reason}); check its permissions") from error
    if not head:
        raise InputError(f"{path}: the file is empty (0 bytes); copy or download it again")
    return head


def select_pages(pages: str | Sequence[int] | None, document: Document) -> list[int]:
    """Return page numbers, ascending and each once.

    Args:
        pages: None for all; numbers from 1; or a text such as ``1-5``, ``3``, ``2,7-9``, ``4-``.
        document: says how many there are.

    Raises:
        VaryError: the text cannot be understood.
        InputError: a number is beyond the document.
    """
    if pages is None:
        return list(range(1, document.num_pages + 1))
    if isinstance(pages, str):
        ranges = parse_pages(pages)
    else:
        ranges = [(number, number) for number in pages]
    wanted: set[int] = set()
    for first, last in ranges:
        beyond = first if last is None else max(first, last)
        if first < 1 or beyond > document.num_pages:
            raise InputError(
                f"{document.name}: page {first if first < 1 else beyond} was asked for, "
                f"but it has pages 1 to {document.num_pages}; choose among these"
            )
        wanted.update(range(first, (document.num_pages if last is None else last) + 1))
    return sorted(wanted)


def parse_pages(text: str) -> list[tuple[int, int | None]]:
    """Return the ranges of a text such as ``2,7-9,12-``; the end of an open one is None.

    Raises:
        VaryError: the text is of another form.
    """
    ranges: list[tuple[int, int | None]] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,9})\s*(?:(-)\s*(\d{1,9})?\s*)?", part, re.ASCII)
        first, dash, last = found.groups() if found else ("0", None, None)
        start = int(first)
        end = start if not dash else int(last) if last else None
        if start < 1 or (end is not None and end < start):
            raise VaryError(
                f"pages {text!r} are not understood; write 3, 1-5, 2,7-9 or 4- (from 4 on)"
            )
        ranges.append((start, end))
    return ranges
