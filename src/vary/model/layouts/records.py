"""What an import remembers for an export, and an export tells a later import."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vary.errors import InputError
from vary.model.card import README_FILE
from vary.model.images import ImageRule
from vary.model.inspection import read_json
from vary.model.layouts.matching import Plan
from vary.model.layouts.tables import Layout

RECORD_FILE = "import.json"
TOLD_FILE = "vary.json"
UNUSED_FILE = "unused.safetensors"
GENERATION_FILE = "generation_config.json"


@dataclass
class Record:
    """Where a checkpoint comes from.

    Args:
        layout: of the release.
        prefix: before all names.
        source: its file or folder, by name.
        has_head: whether a head was stored though it is the embeddings.
        config: its config.json.
        unused: names of the tensors in `unused.safetensors`.
    """

    layout: str
    prefix: str
    source: str = ""
    has_head: bool = True
    config: dict[str, Any] | None = None
    unused: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, plan: Plan, config: dict[str, Any] | None, source: Path, has_head: bool
    ) -> "Record":
        """Return the record of an import."""
        name = source.resolve().name
        return cls(plan.layout.name, plan.prefix, name, has_head, config, list(plan.unused))


@dataclass
class Told:
    """What an export of ours says of itself, which the layout has no place for.

    Args:
        layout: that it is in.
        prompt_form: see `VaryProcessor`.
        tasks: see `VaryConfig`.
        questions: see `VaryConfig`.
        rules: image rules.
    """

    layout: str = ""
    prompt_form: str | None = None
    tasks: list[str] = field(default_factory=list)
    questions: dict[str, str] = field(default_factory=dict)
    rules: list[ImageRule] = field(default_factory=list)


def write_record(folder: Path, record: Record) -> None:
    """Write `import.json`."""
    _write(folder / RECORD_FILE, dataclasses.asdict(record))


def read_record(folder: Path, layout: Layout) -> Record:
    """Return the record of a checkpoint that came from this layout, and a plain one otherwise.

    Raises:
        InputError: it is damaged.
    """
    path = folder / RECORD_FILE
    fields = read_json(path) if path.is_file() else {}
    if fields.get("layout") == layout.name:
        return _build(Record, path, fields)
    return Record(layout.name, layout.root, has_head=layout.has_head)


def write_told(folder: Path, told: Told) -> None:
    """Write `vary.json`."""
    fields = dataclasses.asdict(dataclasses.replace(told, rules=[]))
    _write(folder / TOLD_FILE, {**fields, "rules": [rule.to_dict() for rule in told.rules]})


def read_told(folder: Path, layout: str) -> Told:
    """Return what a folder says of itself, nothing where it is no export of ours.

    Raises:
        InputError: it is damaged.
    """
    path = folder / TOLD_FILE
    fields = read_json(path) if path.is_file() else {}
    if fields.get("layout") != layout:
        return Told()
    rules = [_build(ImageRule, path, rule) for rule in fields.pop("rules", [])]
    return _build(Told, path, {**fields, "rules": rules})


def _build(kind: Any, path: Path, fields: Any) -> Any:
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); copy it anew, or take it away") from error


def _write(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_readme(folder: Path, source: Path, layout: Layout, origin: dict[str, Any]) -> None:
    """Write the card of an imported model."""
    fields: dict[str, Any] = {
        "library_name": "transformers", "pipeline_tag": "image-text-to-text", "tags": ["vary"],
    }  # fmt: skip
    fields |= {name: origin[name] for name in ("license", "language") if origin[name]}
    rights = origin["license"] or "not told by the release's files: see where it comes from"
    text = (
        f"---\n{yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)}---\n\n"
        f"# {source.resolve().name}\n\n"
        f"Weights of {layout.title}, taken in by `vary import` (layout `{layout.name}`). They are "
        "the release's, bit for bit; `vary export` writes them back.\n\n"
        f"Licence: {rights}.\n"
    )
    if origin["data"]:
        text += f"\n## Trained on\n\n{origin['data']}\n"
    (folder / README_FILE).write_text(text, encoding="utf-8")
