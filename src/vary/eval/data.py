"""Pages with their truths: a folder of pictures and texts, Fox's JSON, or a generated set."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vary.data.manifest import MANIFEST_NAME
from vary.data.schema import Sample
from vary.data.shards import iterate_set
from vary.errors import InputError
from vary.eval.metrics.words import contains_chinese
from vary.eval.records import Prompt, clean_text, json_value
from vary.read.inputs import SUFFIXES

META_NAME = "META.json"
IMAGES_FOLDER = "images"
# Where a page lies both as a PDF and as a picture, the picture is what everybody sees alike.
_PICTURES_FIRST = (*(suffix for suffix in SUFFIXES if suffix != ".pdf"), ".pdf")
# Fox's files name their pictures by language only.
_FOX_PAGES = {"en_page_ocr.json": ("en", "en_pdf_png"), "cn_page_ocr.json": ("zh", "cn_pdf_png")}


@dataclass(frozen=True)
class Page:
    """A picture and what stands on it.

    Attributes:
        id: unique in its set.
        image: the picture; relative paths are those of `extract_pictures`.
        truth: what stands there.
        document: what it is a page of; empty if that is not known.
        groups: name of a grouping -> group.
        reason: why it cannot be read, such as a missing picture.
        meta: what else is known of it, that results may be told apart by.
    """

    id: str
    image: str
    truth: str
    document: str = ""
    groups: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


def load_pages(
    data: Path,
    group_by: Iterable[str] = (),
    suffixes: Sequence[str] = (".txt", ".md"),
    form: str = "text",
) -> list[Page]:
    """Return the pages of a data set.

    Args:
        data: a folder with pictures and a text of the same name for each, subfolders too; a file
            of Fox's pages (`en_page_ocr.json`, `cn_page_ocr.json`) or the folder that holds these;
            or a generated set (`vary data`).
        group_by: keys by which results are told apart: of the folder's `META.json`, or of the
            `meta` of a generated set's samples; numbers that are not whole are rounded.
        suffixes: of the texts in a folder; the first that is there counts.
        form: the format that samples of a generated set must have.

    Raises:
        InputError: there is no such data, a picture has no text, two pages share an id, a generated
            set is none of pages in this form, or no page has a key of `group_by`.
    """
    if data.is_file():
        pages = _fox_pages(data)
    elif (data / MANIFEST_NAME).is_file():
        pages = [_page_of(sample, form) for sample in iterate_set(data)]
    elif data.is_dir():
        files = [data / name for name in _FOX_PAGES if (data / name).is_file()]
        pages = [page for file in files for page in _fox_pages(file)]
        pages = pages or _folder_pages(data, suffixes)
    else:
        raise InputError(f"{data}: there is no such file or folder; check --data")
    _check_ids(pages, data)
    pages = _with_meta(pages, data, tuple(group_by))
    return [_with_language(page) for page in pages]


def picture_name(sample_id: str, number: int, suffix: str) -> str:
    """Return the file name of a sample's picture, different for different ids."""
    readable = re.sub(r"[^\w.-]+", "-", sample_id)[:80]
    digest = hashlib.sha256(sample_id.encode()).hexdigest()[:8]
    return f"{readable}-{digest}-{number}{suffix}"


def shard_prompts(make: Callable[[Sample], Prompt], data: Path) -> Iterator[Prompt]:
    """Yield prompts of a generated set, with the paths that `extract_pictures` writes to.

    Args:
        make: gives the prompt of a sample; its id and pictures are put in here.
        data: folder of the set.
    """
    for sample in iterate_set(data):
        yield replace(make(sample), id=sample.id, images=_picture_paths(sample))


def extract_pictures(data: Path, folder: Path) -> None:
    """Write the pictures of a generated set under a folder; those that are there stay.

    Other data sets have their pictures as files: nothing is written.
    """
    if not (data / MANIFEST_NAME).is_file():
        return
    (folder / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
    for sample in iterate_set(data):
        for image, name in zip(sample.images, _picture_paths(sample), strict=True):
            path = folder / name
            if path.is_file() and path.stat().st_size == len(image.bytes):
                continue
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(image.bytes)
            partial.replace(path)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, without lone surrogates.

    Raises:
        InputError: it cannot be read or is no JSON, see `json_value`.
    """
    try:
        return json_value(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: no JSON in UTF-8 ({error})") from error


def missing_picture(path: Path) -> str:
    """Return why a picture cannot be shown; empty if it is there."""
    return "" if path.is_file() else f"picture {path.name} is missing"


def _page_of(sample: Sample, form: str) -> Page:
    if sample.format != form:
        raise InputError(
            f"sample {sample.id}: a {sample.kind} in the format {sample.format}, not a page as "
            f"{form}; take the task that fits this set"
        )
    paths = _picture_paths(sample)
    if len(paths) != 1:
        raise InputError(
            f"sample {sample.id}: has {len(paths)} pictures; a page has one: give a set of pages"
        )
    groups = {"language": sample.language} if sample.language else {}
    meta = json.loads(sample.meta)
    document = str(meta.get("document", ""))
    return Page(sample.id, paths[0], clean_text(sample.text), document, groups, meta=meta)


def _picture_paths(sample: Sample) -> tuple[str, ...]:
    return tuple(
        f"{IMAGES_FOLDER}/{picture_name(sample.id, number, Path(image.path).suffix)}"
        for number, image in enumerate(sample.images)
    )


def _fox_pages(file: Path) -> list[Page]:
    """Return the pages of one of Fox's files: pictures and two turns, question and answer.

    Source: the Fox benchmark, `focus_benchmark_test`.
    """
    rows = read_json(file)
    language, folder_name = _FOX_PAGES.get(file.name, ("", ""))
    folders = [file.parent / folder_name] if folder_name else []
    folders += [file.parent, file.with_suffix("")]
    pages = []
    for number, row in enumerate(rows if isinstance(rows, list) else ()):
        try:
            name, truth = str(row["image"]), row["conversations"][1]["value"]
        except (KeyError, IndexError, TypeError) as error:
            raise InputError(
                f"{file}, entry {number}: lacks `image` or the answer in `conversations` ({error})"
            ) from error
        found = [folder / name for folder in folders if (folder / name).is_file()]
        path = (found or [folders[0] / name])[0]
        groups = {"language": language} if language else {}
        # Fox's pages are drawn from as many documents; English and Chinese ones are numbered apart.
        pages.append(
            Page(
                f"{file.stem}/{Path(name).stem}",
                str(path.resolve()),
                str(truth),
                groups=groups,
                reason=missing_picture(path),
            )
        )
    if not pages:
        raise InputError(
            f"{file}: no pages; expected a list of objects with `image` and `conversations`, as in "
            "Fox's en_page_ocr.json"
        )
    return pages


def _folder_pages(folder: Path, suffixes: Sequence[str]) -> list[Page]:
    """Return the pages of a folder: each text, and the picture of its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    strange = next((path for path in files if clean_text(str(path)) != str(path)), None)
    if strange is not None:
        raise InputError(f"{clean_text(str(strange))}: its name is no UTF-8; rename it")
    texts, pictures = _by_stem(files, suffixes), _by_stem(files, _PICTURES_FIRST)
    if not texts:
        raise InputError(
            f"{folder}: holds no {' or '.join(suffixes)} files; expected pictures with a text of "
            "the same name each, a generated set, or Fox's JSON"
        )
    _check_folder(folder, pictures, texts)
    return [
        Page(
            stem.relative_to(folder).as_posix(),
            str(pictures[stem].resolve()) if stem in pictures else "",
            _read_text(path),
            reason="" if stem in pictures else f"no picture lies beside {path.name}",
        )
        for stem, path in texts.items()
        if stem in pictures or not _is_note(path)
    ]


def _by_stem(files: Iterable[Path], suffixes: Sequence[str]) -> dict[Path, Path]:
    """Return path without suffix -> the file with the first of the suffixes that is there."""
    found: dict[Path, Path] = {}
    for suffix in reversed(suffixes):
        found |= {path.with_suffix(""): path for path in files if path.suffix.lower() == suffix}
    return dict(sorted(found.items()))


def _is_note(path: Path) -> bool:
    """Return whether a file is about the folder, not a page: its name says so in capitals."""
    return path.stem in {"README", "LICENSE", "LICENCE", "SOURCES", "NOTICE"}


def _check_folder(folder: Path, pictures: Mapping[Path, Path], texts: Mapping[Path, Path]) -> None:
    without = sorted(path.name for stem, path in pictures.items() if stem not in texts)
    if without:
        raise InputError(
            f"{folder}: {len(without)} pictures have no text ({', '.join(without[:5])}"
            f"{', ...' if without[5:] else ''}); add a .txt each (an empty one for a page without "
            "text), or take them out"
        )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason}); convert it") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); allow it") from error


def _check_ids(pages: list[Page], data: Path) -> None:
    twice = [name for name, count in Counter(page.id for page in pages).items() if count > 1]
    if twice:
        raise InputError(
            f"{data}: {len(twice)} ids come twice ({', '.join(twice[:5])}); make them different"
        )


def _with_meta(pages: list[Page], data: Path, group_by: tuple[str, ...]) -> list[Page]:
    """Return the pages with what `META.json` says of them.

    It is a list of objects with `id`, and any of `document` (or `path`, the file it was taken from)
    and `language` (or `lang`); other keys may be grouped by.
    """
    folder = data if data.is_dir() else data.parent
    file = next((f for f in (folder / META_NAME, folder.parent / META_NAME) if f.is_file()), None)
    rows = read_json(file) if file else []
    named = [(str(row["id"]), row) for row in rows if isinstance(row, dict) and "id" in row]
    known = dict(named)
    if len(known) < len(named):
        twice = next(name for name, count in Counter(n for n, _ in named).items() if count > 1)
        raise InputError(f"{file}: id {twice!r} comes twice; keep one of them")
    # A name alone is enough where only one page has it.
    names = Counter(Path(page.id).name for page in pages)
    rows = [
        known.get(page.id)
        or (known.get(Path(page.id).name) if names[Path(page.id).name] == 1 else None)
        or page.meta
        for page in pages
    ]
    absent = [key for key in group_by if not any(key in row for row in rows)]
    if absent:
        raise InputError(
            f"--group-by {', '.join(absent)}: no such key in {file or folder / META_NAME}, a list "
            "of objects with `id` and the keys to group by, nor in the samples' meta"
        )
    return [
        replace(
            page,
            document=page.document or str(row.get("document") or row.get("path") or ""),
            groups={
                **page.groups,
                **_language(row),
                **{key: _group_of(row[key]) for key in group_by if key in row},
            },
        )
        for page, row in zip(pages, rows, strict=True)
    ]


def _group_of(value: Any) -> str:
    return str(round(value)) if isinstance(value, float) else str(value)


def _language(row: Mapping[str, Any]) -> dict[str, str]:
    language = row.get("language") or row.get("lang")
    return {"language": str(language)} if language else {}


def _with_language(page: Page) -> Page:
    """Return the page with a language; a guess of one thing only: whether it holds Chinese."""
    if "language" in page.groups or not page.truth.strip():
        return page
    language = "zh" if contains_chinese(page.truth) else "other"
    return replace(page, groups={**page.groups, "language": language})
