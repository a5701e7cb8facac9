"""The inputs of a batch: folders searched, names for the outputs, what is done already."""

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vary.errors import InputError, VaryError
from vary.read.results import write_beside

SUFFIXES = (
    *(".pdf", ".png", ".apng", ".jpg", ".jpeg", ".jfif", ".jp2", ".webp"),
    *(".tif", ".tiff", ".gif", ".bmp", ".pbm", ".pgm", ".ppm"),
)
ERRORS_FILE = "errors.jsonl"
OUTPUTS_FILE = "outputs.jsonl"
_RECORD_FIELDS = {
    *("output", "input", "bytes", "mtime_ns", "settings"),
    *("output_bytes", "output_sha256", "failed_pages"),
}


@dataclass(frozen=True)
class Failure:
    """Why an input, or one page of it, was not read."""

    input: str
    reason: str
    page: int | None = None

    def to_json(self) -> str:
        """Return one line of `errors.jsonl`."""
        return json.dumps(
            {"input": self.input, "page": self.page, "reason": self.reason}, ensure_ascii=False
        )


def expand_inputs(inputs: Sequence[Path]) -> tuple[list[Path], list[Failure]]:
    """Return the files to be read, each once and folders searched, and the inputs without any.

    A folder gives the files under it, at any depth, whose name ends as those of documents do and
    does not start with a dot, in the order of their paths; links to folders are followed. A file is
    taken whatever its name.
    """
    files: dict[Path, Path] = {}
    failures: list[Failure] = []
    for path in inputs:
        if path.is_dir():
            found, unread = _search(path)
            failures += unread
            if not found and not unread:
                reason = f"{path}: nothing readable in this folder; looked for {' '.join(SUFFIXES)}"
                failures.append(Failure(str(path), reason))
        elif path.exists():
            found = [path]
        else:
            reason = f"{path}: there is no such file or folder; check the path"
            failures.append(Failure(str(path), reason))
            found = []
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values()), failures


def _search(folder: Path) -> tuple[list[Path], list[Failure]]:
    """Return the documents in a folder, and the folders in it that may not be looked into."""
    found: list[Path] = []
    failures: list[Failure] = []
    seen = {os.path.realpath(folder)}

    def fail(error: OSError) -> None:
        reason = f"{error.filename}: this folder cannot be read ({error.strerror or error})"
        failures.append(Failure(str(error.filename), f"{reason}; allow it, or leave it out"))

    for root, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        inside = sorted(name for name in folders if not name.startswith("."))
        folders[:] = []
        for name in inside:  # each folder once, or a link to one above would never end
            real = os.path.realpath(Path(root) / name)
            if real not in seen:
                seen.add(real)
                folders.append(name)
        found += [
            Path(root) / name
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return sorted(found), failures


def output_names(files: Sequence[Path], suffix: str) -> dict[Path, str]:
    """Return a name for the output of every file, different for each and free of their order.

    Args:
        files: no file twice.
        suffix: of the outputs, such as ``.txt``.

    The name is the file's without its ending; where two would have the same, with its ending
    (``report.pdf.txt``); where that is the same too, with as many of the folders above as needed
    (``may-report.pdf.txt``).
    """
    reserved = {ERRORS_FILE.removesuffix(suffix), OUTPUTS_FILE.removesuffix(suffix)}
    names = {file: file.stem for file in files}
    for depth in range(max((len(file.resolve().parts) for file in files), default=0) + 1):
        counts = Counter(name.casefold() for name in names.values())
        taken = {name for name, count in counts.items() if count > 1} | reserved
        clashing = [file for file, name in names.items() if name.casefold() in taken]
        if not clashing:
            break
        for file in clashing:
            parts = file.resolve().parts
            names[file] = "-".join(part.strip("/\\:") for part in parts[-1 - depth :])
    assert len({name.casefold() for name in names.values()}) == len(names), names
    return {file: name + suffix for file, name in names.items()}


def checkpoint_digest(folder: Path) -> str:
    """Return what tells the checkpoint in a folder from others: a hash of its files' content.

    Raises:
        VaryError: a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")]):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.name} {content}\n".encode())
    except OSError as error:
        raise VaryError(f"{folder}: this model cannot be read ({error}); allow it") from error
    return digest.hexdigest()


class OutputFolder:
    """Where the outputs of a batch go, and what is known of those that lie there.

    `outputs.jsonl` names the input, its size and time, the settings that every output came from,
    and the output's own size and hash; `errors.jsonl` names what failed in the last run, and is not
    there if nothing did.

    Args:
        folder: is made if it is not there.
        settings: what the text depends on besides the input: model and its weights, task, pages,
            format.

    Raises:
        VaryError: nothing can be written there.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            self._records = self._load_records()
            (folder / ERRORS_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise VaryError(
                f"--out {folder}: cannot be written to ({error.strerror or error}); "
                "give a folder that can, or one that is not there yet"
            ) from error

    def _load_records(self) -> dict[str, list[dict[str, Any]]]:
        """Return the records of every output, the latest last."""
        path = self.folder / OUTPUTS_FILE
        if not path.exists():
            return {}
        text = path.read_text(encoding="utf-8", errors="replace")
        if text and not text.endswith("\n"):  # a run was stopped while it wrote the last line
            self._append(OUTPUTS_FILE, "")
        records: dict[str, list[dict[str, Any]]] = {}
        for line in text.splitlines():
            try:
                record = json.loads(line)
                if record.keys() >= _RECORD_FIELDS:
                    records.setdefault(record["output"], []).append(record)
            except (ValueError, AttributeError, TypeError):
                continue
        return records

    def is_done(self, name: str, source: Path) -> bool:
        """Tell whether the output is there already and whole.

        Raises:
            InputError: what is there came from another input, by other settings, or not from here.
        """
        path = self.folder / name
        if not path.exists():
            return False
        records = self._records.get(name)
        way_out = "give another --out, or --overwrite"
        if not records:
            told = f"{source}: {path} is there already, and {OUTPUTS_FILE} does not know it"
            raise InputError(f"{told}; {way_out}")
        *earlier, record = records
        wanted = self._origin(name, source)
        if any(record[field] != value for field, value in wanted.items()):
            raise InputError(
                f"{source}: {path} is there already, from {_difference(record, wanted)}; {way_out}"
            )
        content = _content(path.read_bytes())
        if content == _content_of(record):
            return not record["failed_pages"]
        # A record is written before its file: a run may have stopped in between.
        if content in map(_content_of, earlier):
            return False
        raise InputError(f"{source}: {path} was changed since it was written; {way_out}")

    def write(self, name: str, source: Path, text: str, failed_pages: Iterable[int] = ()) -> Path:
        """Write an output, whole or not at all, and return its path."""
        record = {
            **self._origin(name, source),
            **_content(text.encode()),
            "failed_pages": list(failed_pages),
        }
        self._append(OUTPUTS_FILE, json.dumps(record, ensure_ascii=False))
        self._records.setdefault(name, []).append(record)
        path = self.folder / name
        write_beside(text, path)
        return path

    def write_picture(self, name: str, picture: Image.Image) -> None:
        """Write a picture that goes with an output, whole or not at all."""
        path = self.folder / name
        part = path.with_name(path.name + ".part")
        picture.save(part, format="PNG")
        part.replace(path)

    def add_failure(self, failure: Failure) -> None:
        """Add a line to `errors.jsonl`."""
        self._append(ERRORS_FILE, failure.to_json())

    def _append(self, name: str, line: str) -> None:
        with (self.folder / name).open("a", encoding="utf-8", newline="\n") as file:
            file.write(line + "\n")

    def _origin(self, name: str, source: Path) -> dict[str, Any]:
        """Return what an output is made from."""
        state = source.stat()
        return {
            "output": name,
            "input": str(source.resolve()),
            "bytes": state.st_size,
            "mtime_ns": state.st_mtime_ns,
            "settings": self.settings,
        }


def _content(data: bytes) -> dict[str, Any]:
    return {"output_bytes": len(data), "output_sha256": hashlib.sha256(data).hexdigest()}


def _content_of(record: dict[str, Any]) -> dict[str, Any]:
    return {field: record[field] for field in ("output_bytes", "output_sha256")}


def _difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    if old.get("input") != new["input"]:
        return f"another input ({old.get('input')})"
    if old.get("settings") != new["settings"]:
        return f"other settings ({old.get('settings')})"
    return "an earlier state of this input"
