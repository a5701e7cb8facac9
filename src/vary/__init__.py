"""Grow a vision vocabulary for a vision-language model, and read documents with it.

Importing this package imports neither torch nor transformers; ``vary.Reader`` does when it is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vary.read.reader import Reader

__version__ = "0.1.0"
__all__ = ["Reader", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Reader":
        from vary.read.reader import Reader

        return Reader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "Reader"])
