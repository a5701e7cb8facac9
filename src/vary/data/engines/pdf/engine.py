"""The `pdf` engine: a page of a real PDF, its text in reading order, and boxes of its words."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.guard import Guard
from vary.data.engines.pdf.inventory import Document, Inventory, take_inventory
from vary.data.index import read_drop_list
from vary.data.schema import EncodedImage, Sample, Word
from vary.errors import InputError
from vary.extras import require

SUFFIXES = {"png": "png", "jpeg": "jpg", "webp": "webp"}


class PdfEngine:
    """Makes a sample of each page of some PDFs; pickles, so that workers can have it.

    Args:
        config: what to make.
        inventory: the documents.
        guard: opens them in a process of its own.
    """

    name = "pdf"

    def __init__(self, config: PdfConfig, inventory: Inventory, guard: Guard) -> None:
        self.options = config
        self.inventory = inventory
        self._guard = guard
        self._drop = {} if config.drop is None else read_drop_list(config.drop)
        self._worker_options = config.options()

    @classmethod
    def from_config(cls, config: PdfConfig) -> "PdfEngine":
        """Return the engine, its documents looked into.

        Raises:
            MissingExtraError: PyMuPDF is not installed.
            InputError: a source cannot be read, or there is no PDF.
        """
        require("pymupdf", extra="pdf")
        guard = Guard(config.cpu_s, config.memory_mib)
        return cls(config, take_inventory(config, guard), guard)

    def __len__(self) -> int:
        """Return the number of pages; documents that cannot be read count as one."""
        return len(self.inventory)

    def config(self) -> dict[str, Any]:
        """Return the options, and documents and drop list by their hashes."""
        dropped = None
        if self.options.drop is not None:
            dropped = hashlib.sha256(self.options.drop.read_bytes()).hexdigest()
        return {
            **self.options.options(),
            "documents": self.inventory.digest(),
            "drop": dropped,
            "pymupdf": require("pymupdf", extra="pdf").VersionBind,
        }

    def length_hint(self, index: int) -> int:
        """Return about how many characters a page has; 0 past the last page."""
        if index >= len(self):
            return 0
        document, page = self.inventory.page(index)
        return document.length_hint(page)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return the sample of a page; only its size is drawn by lot.

        Raises:
            Reject: there is no such page, it is on the drop list, or its text does not fit its
                picture or what is asked for.
            InputError: the document is gone, or has changed since it was looked into.
        """
        if index >= len(self):
            raise Reject("no page left", f"the sources have {len(self)}")
        document, page = self.inventory.page(index)
        name = f"{document.place.name}, page {page + 1}"
        key = f"{document.sha256}:{page + 1}"
        if key in self._drop:
            reason, partner = self._drop[key]
            raise Reject(reason, f"{name}; {partner}")
        if document.reason:
            raise Reject(document.reason, f"{document.place.name}: {document.detail}")
        _check_unchanged(document)
        try:
            answer, image = self._guard.ask(self._request(document, page, rng))
        except Reject as reject:
            detail = f"{name}: {reject.detail}" if reject.detail else name
            raise Reject(reject.reason, detail) from None
        width, height = answer["size"]
        origin = {"document": document.sha256, "page": page + 1, "key": key}
        if document.told.origin:
            origin["origin"] = dict(document.told.origin)
        return Sample(
            id="",
            images=(EncodedImage(image, self._image_name(index), width, height),),
            kind="document",
            language="" if self.options.language == "any" else self.options.language,
            format="text",
            text=answer["text"],
            words=tuple(Word(0, *word) for word in answer["words"]),
            source=f"{name}, {document.told.licence}" if document.told.licence else name,
            meta=json.dumps(origin | answer["meta"], sort_keys=True, ensure_ascii=False),
        )

    def _request(self, document: Document, page: int, rng: np.random.Generator) -> dict[str, Any]:
        place = document.place
        long_side = int(
            rng.integers(self.options.long_side_px[0], self.options.long_side_px[1] + 1)
        )
        dpi = None
        if self.options.dpi is not None:
            dpi = int(rng.integers(self.options.dpi[0], self.options.dpi[1] + 1))
        return {
            "do": "page",
            "document": [str(place.path), place.offset, place.size, document.sha256],
            "page": page,
            "long_side_px": long_side,
            "dpi": dpi,
            "config": self._worker_options,
        }

    def _image_name(self, index: int) -> str:
        return f"{self.name}-{index}.{SUFFIXES[self.options.image]}"


def build_pdf_engine(config: PdfConfig) -> PdfEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it."""
    return PdfEngine.from_config(config)


def _check_unchanged(document: Document) -> None:
    """Raise `InputError` where a document's file is not the one that was looked into."""
    path: Path = document.place.path
    try:
        modified_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(
            f"{path}: is gone ({error.strerror}); bring it back, the same command then goes on"
        ) from error
    if modified_ns != document.modified_ns:
        raise InputError(
            f"{path}: has changed since this run began; start it again, into another --out if "
            "the document is another one"
        )
