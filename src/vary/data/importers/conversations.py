"""`conversations`: text-only conversations, as ShareGPT and chat services write them.

Layout:  JSON lists or JSON lines of {id, conversations: [{from, value}]}, or of
         {messages: [{role, content}]}; one file, or a folder of ``*.json`` and ``*.jsonl``.
"""

from dataclasses import dataclass, field

from vary.data.importers.base import ImportConfig, ImportEngine
from vary.data.importers.llava import ConversationLayout
from vary.data.importers.records import open_list
from vary.data.importers.turns import OddTurns, TurnRule
from vary.errors import InputError


@dataclass(frozen=True)
class ConversationsConfig(ImportConfig):
    """How conversations are imported.

    Attributes:
        roles: source's role -> user, assistant or system, for roles that are not known.
        odd_turns: ``reject`` or ``mend`` conversations that are not user and assistant in turn.
    """

    language: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    odd_turns: OddTurns = "reject"

    def __post_init__(self) -> None:
        """Refuse roles and orders that there are not.

        Raises:
            VaryError: as told.
        """
        TurnRule(self.roles, self.odd_turns)


def build_conversations_engine(config: ConversationsConfig) -> ImportEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: the source cannot be read, or two of its files share a name.
    """
    source = config.source
    paths = [source]
    if source.is_dir():
        paths = sorted(
            p for suffix in ("json", "jsonl", "ndjson") for p in source.glob(f"*.{suffix}")
        )
        if not paths:
            raise InputError(f"{source}: holds no *.json, *.jsonl or *.ndjson")
    files = [open_list(path, config.encoding) for path in paths]
    rule = TurnRule(config.roles, config.odd_turns)
    layout = ConversationLayout(files, rule, pictures=False, text_only=True)
    return ImportEngine("conversations", config, layout)
