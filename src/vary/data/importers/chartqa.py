"""`chartqa`: questions on charts, as ChartQA releases them.

Layout:  `train/train_human.json`, `train/train_augmented.json` (imgname, query, label), pictures in
         `train/png/`, tables in `train/tables/` where they are there; `val` and `test` alike.
Source:  https://github.com/vis-nlp/ChartQA (GPL-3.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vary.data.engines.base import Reject
from vary.data.importers.base import ImportConfig, ImportEngine
from vary.data.importers.pictures import PictureFolders
from vary.data.importers.questions import Question, QuestionLayout
from vary.data.importers.records import JsonRecords, open_list
from vary.data.importers.turns import plain_text
from vary.errors import InputError, VaryError

HALVES = ("human", "augmented")
SPLITS = ("train", "val", "test")
# A table of more than this is no table of a chart.
_MAX_TABLE_BYTES = 2**20
_META = ("chart_complexity", "question_complexity", "type")
_KNOWN = frozenset({"imgname", "query", "label", *_META})


@dataclass(frozen=True)
class ChartQaConfig(ImportConfig):
    """How ChartQA is imported.

    Attributes:
        split: ``train``, ``val`` or ``test``, where the source holds several; empty: the one there.
        halves: the questions that people asked, those made from texts, or both.
        tables: keep a chart's table in `meta`, where the release has it.
        by_picture: all questions on a chart as one conversation, instead of one sample each.
    """

    split: str = ""
    halves: tuple[str, ...] = HALVES
    tables: bool = True
    by_picture: bool = False

    def __post_init__(self) -> None:
        """Refuse halves and splits that there are not.

        Raises:
            VaryError: as told.
        """
        if not self.halves or set(self.halves) - set(HALVES):
            raise VaryError(f"halves {', '.join(self.halves) or 'none'}: give {', '.join(HALVES)}")
        if self.split and self.split not in SPLITS:
            raise VaryError(f"split {self.split!r}: give {', '.join(SPLITS)}")

    @property
    def folders(self) -> PictureFolders:
        """Where pictures are looked for."""
        folder = _split_files(self)[0].parent
        return PictureFolders(self.images or [folder / name for name in ("png", "images", "")])


def build_chartqa_engine(config: ChartQaConfig) -> ImportEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: the source cannot be read, or holds several splits and none is named.
    """
    files = [open_list(path, config.encoding) for path in _split_files(config)]
    layout = QuestionLayout(files, Reader(config.tables), "chart", by_picture=config.by_picture)
    return ImportEngine("chartqa", config, layout)


@dataclass(frozen=True)
class Reader:
    """Reads entries of ChartQA.

    Args:
        tables: look for the charts' tables.
    """

    tables: bool

    def __call__(self, records: JsonRecords, at: int) -> Question:
        """Return a question.

        Raises:
            Reject: it has no text, picture or answer.
        """
        value, place = records.entry(at), records.place(at)
        picture, question = value.get("imgname"), plain_text(value.get("query"))
        if not isinstance(picture, str) or not picture.strip():
            raise Reject("picture without a name", place)
        if not question:
            raise Reject("no question", place)
        label = value.get("label")
        # Copies of the release have the answer in a list.
        answer = plain_text(label[0] if isinstance(label, list) and label else label)
        if not answer:
            raise Reject("no answer", place)
        stem = records.file.path.stem
        meta: dict[str, Any] = {key: value[key] for key in _META if value.get(key)}
        meta["half"] = next((half for half in HALVES if half in stem), "")
        table = self._table(records.file.path.parent / "tables", picture)
        if table:
            meta["table"] = table
        return Question(
            source_id=f"{stem}/{at}",
            picture=picture,
            question=question,
            answer=answer,
            meta=meta,
            unmapped=tuple(key for key in value if key not in _KNOWN),
        )

    def _table(self, folder: Path, picture: str) -> str:
        path = folder / f"{Path(picture).stem}.csv"
        if not self.tables or not path.is_file() or path.stat().st_size > _MAX_TABLE_BYTES:
            return ""
        return path.read_text(encoding="utf-8", errors="replace")


def _split_files(config: ChartQaConfig) -> Sequence[Path]:
    """Return the files of the halves of one split.

    Raises:
        InputError: there is none, several, or one half is missing.
    """
    source = config.source
    if source.is_file():
        return [source]
    for folder in (source, source / config.split) if config.split else (source,):
        splits = [config.split] if config.split else SPLITS
        there = [s for s in splits if any((folder / f"{s}_{h}.json").is_file() for h in HALVES)]
        if len(there) > 1:
            raise InputError(f"{folder}: holds {', '.join(there)}; give split")
        if there:
            files = [folder / f"{there[0]}_{half}.json" for half in config.halves]
            missing = [path.name for path in files if not path.is_file()]
            if missing:
                raise InputError(
                    f"{folder}: lacks {', '.join(missing)}; bring it, or give the other half alone"
                )
            return files
    inner = [name for name in SPLITS if (source / name).is_dir()]
    hint = f"give split ({', '.join(inner)})" if inner else "expected train_human.json and so on"
    raise InputError(f"{source}: holds no questions of ChartQA; {hint}")
