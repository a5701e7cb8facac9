"""What a document holds: how many pages, and about how much text they have."""

from typing import Any

# Pages looked at for the length of their text: so few that long documents cost no more.
LOOKED_AT = 24
# More pages than any document has; one that says so lies.
MOST_PAGES = 1_000_000


def scan_document(document: Any) -> dict[str, Any]:
    """Return the number of pages that can be loaded, and characters of some of them.

    Args:
        document: PyMuPDF's.

    Returns:
        ``pages``, ``looked_at`` (page numbers) and ``characters`` (of those).
    """
    pages = _loadable(document, min(document.page_count, MOST_PAGES))
    step = max(1, -(-pages // LOOKED_AT))
    numbers = list(range(0, pages, step))
    return {
        "pages": pages,
        "looked_at": numbers,
        "characters": [_characters(document, number) for number in numbers],
    }


def _loadable(document: Any, claimed: int) -> int:
    """Return how many pages there are where a document claims too many, by halving."""
    if claimed == 0 or _loads(document, claimed - 1):
        return claimed
    low, high = 0, claimed - 1
    while low < high:
        middle = (low + high) // 2
        if _loads(document, middle):
            low = middle + 1
        else:
            high = middle
    # A document none of whose pages loads keeps one, which is rejected in its turn.
    return max(low, 1)


def _loads(document: Any, number: int) -> bool:
    try:
        document.load_page(number)
    except MemoryError:
        raise
    except Exception:  # the library has no class of its own for what it throws here
        return False
    return True


def _characters(document: Any, number: int) -> int:
    try:
        text = document.load_page(number).get_text("text")
    except MemoryError:
        raise
    except Exception:
        return 0
    return len(" ".join(text.split()))
