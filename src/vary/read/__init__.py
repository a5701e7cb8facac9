"""Documents in, text out: opening, cutting into tiles, recognition and results."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vary.read.documents import Document, DocumentConfig, open_document
    from vary.read.reader import Reader
    from vary.read.results import DocumentResult, LineResult, PageResult, render_pages

_HOMES = {
    "Document": "documents",
    "DocumentConfig": "documents",
    "DocumentResult": "results",
    "LineResult": "results",
    "PageResult": "results",
    "Reader": "reader",
    "open_document": "documents",
    "render_pages": "results",
}

__all__ = [
    "Document",
    "DocumentConfig",
    "DocumentResult",
    "LineResult",
    "PageResult",
    "Reader",
    "open_document",
    "render_pages",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
