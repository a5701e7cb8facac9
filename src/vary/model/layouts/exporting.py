"""Checkpoints of ours in the layouts of other releases."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, cat
from transformers import PreTrainedConfig

from vary.checkpoints import CONFIG_FILE
from vary.errors import VaryError
from vary.model.configuration import VaryConfig
from vary.model.folders import check_is_free, whole_folder
from vary.model.images import VaryImageProcessor
from vary.model.inspection import checkpoint_info, read_config, read_json, weight_files
from vary.model.layouts.configs import differences, their_config, their_image_processor
from vary.model.layouts.files import SUFFIXES, WeightFiles, write_file, write_folder
from vary.model.layouts.matching import embeddings_name, shorten, table_name
from vary.model.layouts.records import (
    GENERATION_FILE,
    UNUSED_FILE,
    Record,
    Told,
    read_record,
    write_told,
)
from vary.model.layouts.renaming import Place
from vary.model.layouts.tables import HEAD, Layout, find_layout
from vary.model.processing import VaryProcessor
from vary.vocabulary import ViTDetConfig

_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja",
)  # fmt: skip


@dataclass
class Exported:
    """What came of an export.

    Args:
        out: the file or folder.
        layout: that it is in.
        tensors: how many were written.
        left_out: our names of tensors that the layout has no place for.
        given_back: names of tensors that our model has no use for, kept since the import.
    """

    out: Path
    layout: str
    tensors: int
    left_out: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)


@dataclass
class Checkpoint:
    """A folder of ours, and what its import remembers.

    Args:
        folder: its place.
        layout: that it shall be in.
        config: its own.
        files: its tensors.
        record: of the import, or a plain one.
        kept: tensors that our model has no use for.
    """

    folder: Path
    layout: Layout
    config: PreTrainedConfig
    files: WeightFiles
    record: Record
    kept: WeightFiles

    @property
    def names(self) -> dict[str, str]:
        """Names in the folder by those of the tables."""
        return {table_name(name): name for name in self.files}

    @property
    def is_tied(self) -> bool:
        """Whether the head is the embeddings, which the folder then holds once."""
        return self.layout.language_model is not None and HEAD not in self.names


def export_weights(folder: Path, layout_name: str, out: Path) -> Exported:
    """Write a checkpoint of ours in the layout of a release; the inverse of `import_weights`.

    Args:
        folder: a checkpoint or vocabulary folder of ours.
        layout_name: see `vary.model.layouts.tables`.
        out: a weights file by its suffix, and otherwise a new folder, which takes configuration and
            tokenizer along. It is there whole or not at all.

    Raises:
        VaryError: a model that the layout has no place for, or that cannot be told by the file
            alone.
    """
    layout = find_layout(layout_name)
    check_is_free(out)
    checkpoint = _open(folder, layout)
    _check_parts(checkpoint)
    places, left_out = _places(checkpoint)
    shapes = _shapes(checkpoint)
    config = their_config(layout, checkpoint.config, checkpoint.record.config)
    is_file = out.suffix in SUFFIXES
    _check_it_comes_back(checkpoint, shapes, config, is_file)
    tensors = _tensors(checkpoint, places)
    number = len(places) + len(checkpoint.kept) + _is_head_added(checkpoint)
    with whole_folder(out.with_name(f".{out.name}.folder") if is_file else out) as beside:
        if is_file:
            write_file(tensors, beside / out.name)
            out.parent.mkdir(parents=True, exist_ok=True)
            (beside / out.name).rename(out)
        else:
            write_folder(tensors, beside)
            _write_beside(checkpoint, config, beside)
    if is_file:
        out.with_name(f".{out.name}.folder").rmdir()
    return Exported(out, layout.name, number, left_out, list(checkpoint.kept))


def _check_it_comes_back(
    checkpoint: Checkpoint,
    shapes: dict[str, tuple[int, ...]],
    config: dict[str, Any],
    is_file: bool,
) -> None:
    """Refuse what an import would make something else of.

    Raises:
        VaryError: the points are named.
    """
    layout, own = checkpoint.layout, checkpoint.config
    by_folder = differences(layout, own, shapes, config)
    wrong = differences(layout, own, shapes, None) if is_file else by_folder
    if wrong:
        hint = "" if by_folder else "; name a folder as --out, whose config.json tells it"
        raise VaryError(
            f"{checkpoint.folder} would not come back as it is from layout {layout.name}: "
            f"{'; '.join(wrong)}{hint}"
        )


def _open(folder: Path, layout: Layout) -> Checkpoint:
    raw = read_json(folder / CONFIG_FILE)
    config = read_config(folder, raw)
    info = checkpoint_info(folder)
    if config is None or not isinstance(config, VaryConfig | ViTDetConfig):
        raise VaryError(
            f"{folder} holds a model of type {raw.get('model_type')!r}, none of ours; vary import "
            "takes releases of others in"
        )
    if info["problems"]:
        raise VaryError(f"{folder} cannot be exported: {'; '.join(info['problems'])}")
    record = read_record(folder, layout)
    kept = folder / UNUSED_FILE
    given = [kept] if record.unused and kept.is_file() else []
    if record.unused and not given:
        raise VaryError(
            f"{folder} lacks {UNUSED_FILE}, which its import wrote ({len(record.unused)} tensors "
            f"of the release, such as {record.unused[0]}); copy it anew"
        )
    files = WeightFiles(weight_files(folder))
    return Checkpoint(folder, layout, config, files, record, WeightFiles(given))


def _check_parts(checkpoint: Checkpoint) -> None:
    """Refuse a model that is not made of the parts of the layout.

    Raises:
        VaryError: both sides are named.
    """
    layout, config = checkpoint.layout, checkpoint.config
    wanted = [*layout.vocabularies, *([layout.language_model] if layout.language_model else [])]
    found = [_kind(config)]
    if isinstance(config, VaryConfig):
        found = [*map(_kind, config.vocabularies), config.text_config.model_type]
    like = ["qwen2" if part == "qwen" else part for part in wanted]
    if found != like:
        hint = ""
        if layout.language_model is None:
            hint = f"; take its vocabulary out first: vary extract {checkpoint.folder} --out DIR"
        raise VaryError(
            f"layout {layout.name} holds {' and '.join(wanted)}, {checkpoint.folder} is made of "
            f"{' and '.join(found)}{hint}"
        )
    if not isinstance(config, VaryConfig):
        return
    widths = set(config.channel_widths)
    if config.fusion != "channel" or config.added or len(widths) > 1:
        raise VaryError(
            f"layout {layout.name} has vocabularies side by side in equal shares of the width; "
            f"{checkpoint.folder} has fusion {config.fusion}, widths {config.channel_widths}"
            + (f", and {len(config.added)} added" if config.added else "")
        )


def _kind(config: PreTrainedConfig) -> str:
    if isinstance(config, ViTDetConfig):
        return "vitdet"
    network = getattr(config, "network", None)
    kind = config.model_type if network is None else network.model_type
    return "clip" if kind == "clip_vision_model" else str(kind)


def _places(checkpoint: Checkpoint) -> tuple[dict[str, list[str]], list[str]]:
    """Return our names by the name of their tensor, in order of its parts; and what is left out.

    Raises:
        VaryError: tensors without a place in the layout, or parts of unequal size.
    """
    layout = checkpoint.layout
    parts: dict[str, dict[int, str]] = {}
    left_out: list[str] = []
    lost: list[str] = []
    for name in checkpoint.names:
        place = None if layout.is_ours_alone(name) else layout.renaming.to_theirs(name)
        if place is None:
            (left_out if layout.is_ours_alone(name) else lost).append(name)
            continue
        parts.setdefault(place.name, {})[place.part] = name
        if len(parts[place.name]) == place.parts:
            _check_equal(checkpoint, place, list(parts[place.name].values()))
    if lost:
        raise VaryError(
            f"layout {layout.name} has no place for {len(lost)} tensors of {checkpoint.folder}: "
            f"{shorten(lost)}"
        )
    return {
        name: [own for _, own in sorted(found.items())] for name, found in parts.items()
    }, left_out


def _check_equal(checkpoint: Checkpoint, place: Place, names: list[str]) -> None:
    shapes = [checkpoint.files.shapes[checkpoint.names[name]] for name in names]
    if len(set(shapes)) > 1:
        raise VaryError(
            f"layout {checkpoint.layout.name} keeps {', '.join(names)} in one tensor, "
            f"{place.name}, in equal parts; here they are {', '.join(map(str, shapes))} (fewer "
            "heads for keys than for queries, which Qwen-1 does not have)"
        )


def _shapes(checkpoint: Checkpoint) -> dict[str, tuple[int, ...]]:
    return {own: checkpoint.files.shapes[name] for own, name in checkpoint.names.items()}


def _is_head_added(checkpoint: Checkpoint) -> bool:
    """Return whether the layout stores the head though it is the embeddings."""
    kept = checkpoint.layout.renaming.to_theirs(HEAD)
    is_kept = kept is not None and checkpoint.record.prefix + kept.name in checkpoint.kept
    return checkpoint.is_tied and checkpoint.record.has_head and not is_kept


def _tensors(checkpoint: Checkpoint, places: dict[str, list[str]]) -> Iterator[tuple[str, Tensor]]:
    """Yield their tensors one after another, and what was kept beside since the import."""
    prefix = checkpoint.record.prefix
    for name, owned in places.items():
        tensors = [checkpoint.files[checkpoint.names[own]] for own in owned]
        yield prefix + name, tensors[0] if len(tensors) == 1 else cat(tensors)
    if _is_head_added(checkpoint):
        head = checkpoint.layout.renaming.to_theirs(HEAD)
        assert head is not None
        own = checkpoint.names[embeddings_name(checkpoint.layout)]
        yield prefix + head.name, checkpoint.files[own].clone()
    for name in checkpoint.kept:
        yield name, checkpoint.kept[name]


def _write_beside(checkpoint: Checkpoint, config: dict[str, Any], out: Path) -> None:
    """Write configuration, image rules, prompt form and tokenizer."""
    if config:
        _write_json(out / CONFIG_FILE, config)
    folder, layout = checkpoint.folder, checkpoint.layout
    told = Told(layout.name)
    if layout.language_model is None:
        told.rules = VaryImageProcessor.from_pretrained(folder, local_files_only=True).rules
    else:
        processor = VaryProcessor.from_pretrained(folder, local_files_only=True)
        told.rules = processor.image_processor.rules
        told.prompt_form = processor.prompt_form
        told.tasks = list(checkpoint.config.tasks)
        told.questions = dict(checkpoint.config.questions)
        for name in (*_TOKENIZER_FILES, GENERATION_FILE):
            if (folder / name).is_file():
                shutil.copy(folder / name, out)
    write_told(out, told)
    image_processor = their_image_processor(layout, told.rules[0])
    if image_processor:
        _write_json(out / "preprocessor_config.json", image_processor)


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
