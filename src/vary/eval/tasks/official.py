"""Reading the files that data sets are released as, which are not always as they should be."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from vary.errors import InputError
from vary.eval.data import missing_picture
from vary.eval.records import clean_json, without_doubles

QUESTION_PREFIX = "Answer the following questions using a single word or phrase:"
"""What the paper asks before the questions of DocVQA and ChartQA."""


def read_release(path: Path) -> Any:
    """Return what a released JSON file holds, lone surrogates replaced.

    NaN, which other tools write for a missing value, is read: one such value is the fault of its
    own entry.

    Raises:
        InputError: it cannot be read, is no JSON, or an object has a key twice.
    """
    try:
        text = path.read_text("utf-8-sig")
        return clean_json(json.loads(text, object_pairs_hook=without_doubles))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON in UTF-8 ({error})") from error


def release_file(data: Path, patterns: Sequence[str], what: str) -> Path:
    """Return the file of a release that is meant: the one given, or the only one in a folder.

    Args:
        data: a file, or a folder that holds one.
        patterns: what such files are called.
        what: how to call it in an error.

    Raises:
        InputError: there is none, or there are several.
    """
    if data.is_file():
        return data
    if not data.is_dir():
        raise InputError(f"{data}: there is no such file or folder; check --data")
    found = sorted({path for pattern in patterns for path in data.glob(pattern)})
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"{data}: holds no {what} ({', '.join(patterns)}); check --data")
    names = ", ".join(path.name for path in found)
    raise InputError(f"{data}: holds several files of questions ({names}); give one as --data")


def plain_text(value: Any) -> str | None:
    """Return a text or a number as text, None for all else, NaN among it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return str(value)


def shown(value: Any) -> str:
    """Return how an error names a value that is none."""
    return "missing" if value is None else f"no text but {json.dumps(value)[:40]}"


def find_picture(folders: Iterable[Path], name: Any) -> tuple[tuple[str, ...], str]:
    """Return the picture's path, as a tuple of one, and why it cannot be shown.

    Args:
        folders: where it may lie; the first that has it counts.
        name: what the release calls it, with or without a folder.

    Returns: no path where the name is none, or leads out of the folders; an empty reason where
        the picture is there.
    """
    if not isinstance(name, str) or not name.strip():
        return (), f"the name of its picture is {shown(name)}"
    inner = PurePosixPath(name.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts or "\x00" in name or ":" in inner.parts[0]:
        return (), f"picture {name!r} lies outside of the data"
    places = [folder / part for folder in folders for part in (inner, inner.name)]
    path = next((place for place in places if place.is_file()), places[0])
    return (str(path.resolve()),), missing_picture(path)
