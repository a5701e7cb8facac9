"""`llava`: conversations on pictures, as LLaVA releases them (instruct 80k, CC665k, pretraining).

Layout:  a JSON list (or JSON lines) of {id, image, conversations: [{from, value}]}; `image` may be
         a list, or missing where the conversation is of text alone.
Source:  https://huggingface.co/datasets/liuhaotian/LLaVA-Instruct-150K, data cards there.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vary.data.engines.base import Reject
from vary.data.importers.base import Entry, ImportConfig, ImportEngine, Picture, target_length
from vary.data.importers.records import JsonRecords, open_list
from vary.data.importers.turns import OddTurns, TurnRule, place_images, plain_text, read_turns
from vary.errors import InputError

CONVERSATION_KEYS = ("conversations", "messages", "conversation", "items")
ID_KEYS = ("id", "question_id", "conversation_id")
IMAGE_KEYS = ("image", "images")
# Kept beside the conversation: who wrote it.
META_KEYS = ("model", "source", "dataset", "lang", "language")


@dataclass(frozen=True)
class LlavaConfig(ImportConfig):
    """How LLaVA's conversations are imported.

    Attributes:
        roles: source's role -> user, assistant or system, for roles that are not known.
        odd_turns: ``reject`` or ``mend`` conversations that are not user and assistant in turn.
        text_only: take conversations without a picture, too.
    """

    roles: dict[str, str] = field(default_factory=dict)
    odd_turns: OddTurns = "reject"
    text_only: bool = True

    def __post_init__(self) -> None:
        """Refuse roles and orders that there are not.

        Raises:
            VaryError: as told.
        """
        TurnRule(self.roles, self.odd_turns)


class ConversationLayout:
    """Conversations in one or several files.

    Args:
        files: their entries.
        rule: how turns are read.
        pictures: whether entries may name pictures.
        text_only: whether entries may have none.
    """

    def __init__(
        self, files: list[JsonRecords], rule: TurnRule, *, pictures: bool, text_only: bool
    ) -> None:
        self.files = files
        self.rule = rule
        self.pictures = pictures
        self.text_only = text_only
        self.starts = np.cumsum([0, *map(len, files)])

    def __len__(self) -> int:
        """Return how many conversations there are."""
        return int(self.starts[-1])

    def inputs(self) -> dict[str, str]:
        """Return file name -> hash."""
        return {records.file.path.name: records.file.sha256 for records in self.files}

    def length_hint(self, index: int) -> int:
        """Return how many characters the answers have."""
        try:
            return target_length(self.entry(index))
        except Reject:
            return 0

    def entry(self, index: int, rng: np.random.Generator | None = None) -> Entry:
        """Return a conversation.

        Raises:
            Reject: it cannot be mapped.
        """
        del rng
        number = int(np.searchsorted(self.starts, index, side="right")) - 1
        records, at = self.files[number], index - int(self.starts[number])
        value, place = records.entry(at), records.place(at)
        key = next((key for key in CONVERSATION_KEYS if key in value), CONVERSATION_KEYS[0])
        names = _picture_names(value, place)
        if names and not self.pictures:
            raise Reject("names a picture", f"{place}: {names[0]}; import it as llava")
        if not names and not self.text_only:
            raise Reject("names no picture", place)
        turns = place_images(read_turns(value.get(key), self.rule, place), len(names), place)
        known = {key, *ID_KEYS, *IMAGE_KEYS, *META_KEYS}
        given = next((value[name] for name in ID_KEYS if name in value), None)
        return Entry(
            source_id=plain_text(given) or str(at),
            source=records.file.path.name,
            kind="conversation",
            format="answer",
            messages=turns.messages,
            pictures=tuple(map(Picture, names)),
            meta={name: value[name] for name in META_KEYS if value.get(name)},
            unmapped=(*(name for name in value if name not in known), *turns.unmapped),
            mended=turns.mended,
        )


def build_llava_engine(config: LlavaConfig) -> ImportEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: the source cannot be read.
    """
    if config.source.is_dir():
        raise InputError(f"{config.source}: is a folder; give the JSON file, and images for it")
    records = open_list(config.source, config.encoding)
    rule = TurnRule(config.roles, config.odd_turns)
    layout = ConversationLayout([records], rule, pictures=True, text_only=config.text_only)
    return ImportEngine("llava", config, layout)


def _picture_names(value: dict[str, Any], place: str) -> list[str]:
    """Return the names of an entry's pictures: none, one or a list.

    Raises:
        Reject: what stands there is no name.
    """
    given = next((value[key] for key in IMAGE_KEYS if value.get(key)), None)
    if given is None:
        return []
    names = given if isinstance(given, list) else [given]
    wrong = next((name for name in names if not isinstance(name, str) or not name.strip()), None)
    if wrong is not None:
        raise Reject("picture without a name", f"{place}: {type(wrong).__name__}")
    return names
