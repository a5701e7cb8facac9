"""What the columns of image-text pairs are called, by those who release them."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

# A caption's usual length, for those that cannot be looked at cheaply.
CAPTION_CHARACTERS = 60
# The first that is there counts: LAION-COCO's best caption before the text of the web page.
CAPTION_COLUMNS = ("caption", "top_caption", "text", "TEXT", "Caption")
PICTURE_COLUMNS = ("jpg", "jpeg", "png", "webp", "image", "image_bytes", "bytes")
STATUS_COLUMNS = ("status", "error_message")
# Column -> what it is called in `meta`.
META_COLUMNS = {
    "url": "url", "URL": "url", "key": "key", "uid": "key", "license": "licence",
    "LICENSE": "licence", "similarity": "similarity", "top_similarity": "similarity",
    "punsafe": "punsafe", "pwatermark": "pwatermark",
}  # fmt: skip


def pick_caption(columns: Mapping[str, Any], caption_key: str) -> Any:
    """Return the caption among the columns of a row; None where there is none."""
    name = caption_column(columns, caption_key)
    return None if name is None else columns[name]


def caption_column(columns: Iterable[str], caption_key: str) -> str | None:
    """Return which column holds the caption."""
    names = set(columns)
    wanted = (caption_key,) if caption_key else CAPTION_COLUMNS
    return next((name for name in wanted if name in names), None)


def kept_columns(
    columns: Mapping[str, Any], caption_key: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what of a row goes into `meta`, and the columns that have no place."""
    meta = {
        ours: columns[name]
        for name, ours in META_COLUMNS.items()
        if columns.get(name) is not None and is_json(columns[name])
    }
    return meta, unmapped_columns(columns, caption_key)


def unmapped_columns(columns: Iterable[str], caption_key: str) -> tuple[str, ...]:
    """Return the columns that have no place in a sample."""
    names = list(columns)
    known = {caption_column(names, caption_key), *META_COLUMNS, *STATUS_COLUMNS, *PICTURE_COLUMNS}
    return tuple(name for name in names if name not in known)


def is_json(value: Any) -> bool:
    """Return whether a value can stand in JSON as it is."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int | bool)
