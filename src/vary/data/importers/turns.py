"""Conversations of other data sets as messages: roles, order, placeholders of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from vary.data.engines.base import Reject
from vary.data.schema import Message
from vary.errors import VaryError

IMAGE = "<image>"
QUESTION_PREFIX = "Answer the following questions using a single word or phrase:"
"""What the paper says before the questions of DocVQA and ChartQA."""

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
OddTurns = Literal["reject", "mend"]
# Keys of a turn, as LLaVA and ShareGPT, and as OpenAI have them.
_TURN_KEYS = (("from", "value"), ("role", "content"))


@dataclass(frozen=True)
class TurnRule:
    """How turns are read.

    Attributes:
        roles: source's role -> user, assistant or system; added to `ROLES`.
        odd_turns: ``reject`` conversations that are not user and assistant in turn; ``mend``
            them: what comes before the first user's turn or after the last answer is left out,
            turns of one role that follow each other are joined.
    """

    roles: Mapping[str, str]
    odd_turns: OddTurns = "reject"

    def __post_init__(self) -> None:
        """Refuse roles that there are not.

        Raises:
            VaryError: as told.
        """
        check_roles(self.roles)
        if self.odd_turns not in get_args(OddTurns):
            raise VaryError(f"odd_turns {self.odd_turns!r}: give reject or mend")


@dataclass(frozen=True)
class Turns:
    """A conversation that was read.

    Attributes:
        messages: user and assistant in turn, perhaps after one of the system.
        unmapped: keys of turns that have no place.
        mended: what was changed.
    """

    messages: tuple[Message, ...]
    unmapped: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()


def check_roles(roles: Mapping[str, str]) -> None:
    """Refuse a mapping to roles that there are not.

    Raises:
        VaryError: as told.
    """
    for given, role in roles.items():
        if role not in {"user", "assistant", "system"}:
            raise VaryError(f"role {given!r} -> {role!r}: give user, assistant or system")


def read_turns(turns: Any, rule: TurnRule, place: str) -> Turns:
    """Return the messages of a conversation.

    Args:
        turns: a list of objects with ``from`` and ``value``, or ``role`` and ``content``.
        rule: roles, and what to do with odd orders.
        place: what to call it.

    Raises:
        Reject: there are none, a turn has an unknown role or no text, or their order is odd.
    """
    if not isinstance(turns, list) or not turns:
        raise Reject("no turns", place)
    unmapped: set[str] = set()
    messages = [_message(turn, rule, f"{place}, turn {at}", unmapped) for at, turn in
                enumerate(turns)]  # fmt: skip
    mended: tuple[str, ...] = ()
    if not _in_order(messages):
        order = " ".join(message.role for message in messages[:8])
        if rule.odd_turns == "reject":
            raise Reject("turns in odd order", f"{place}: {order}")
        messages, mended = _put_in_order(messages), ("turns in odd order",)
        if not messages:
            raise Reject("turns in odd order", f"{place}: {order}")
    empty = next((at for at, message in enumerate(messages) if not message.content.strip()), None)
    if empty is not None:
        raise Reject("empty turn", f"{place}, turn {empty} ({messages[empty].role})")
    return Turns(tuple(messages), tuple(sorted(unmapped)), mended)


def place_images(turns: Turns, num_images: int, place: str) -> Turns:
    """Return a conversation with one placeholder for each picture.

    Where there is none at all, they are put before the first user's text; where there are some,
    they stay where they are.

    Raises:
        Reject: there are more or fewer than pictures.
    """
    found = sum(message.content.count(IMAGE) for message in turns.messages)
    if found == num_images:
        return turns
    if found:
        raise Reject(
            "placeholders and pictures differ", f"{place}: {found} {IMAGE}, {num_images} pictures"
        )
    first = next(at for at, message in enumerate(turns.messages) if message.role == "user")
    messages = list(turns.messages)
    messages[first] = Message("user", f"{IMAGE}\n" * num_images + messages[first].content)
    return Turns(tuple(messages), turns.unmapped, (*turns.mended, "placeholder put in"))


def ask(questions: list[tuple[str, str]], *, prefix: str = QUESTION_PREFIX) -> tuple[Message, ...]:
    """Return a conversation on one picture: questions with their answers.

    Args:
        questions: question and answer of each.
        prefix: stands once, before the first question.
    """
    messages = []
    for at, (question, answer) in enumerate(questions):
        before = f"{IMAGE}\n{prefix} ".rstrip(" ") if not at else ""
        space = " " if before and prefix else ""
        messages += [Message("user", before + space + question), Message("assistant", answer)]
    return tuple(messages)


def plain_text(value: Any) -> str | None:
    """Return a text or a number as text without white space around it; None for all else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        return None
    return str(value)


def _message(turn: Any, rule: TurnRule, place: str, unmapped: set[str]) -> Message:
    if not isinstance(turn, dict):
        raise Reject("turn is no object", f"{place}: {type(turn).__name__}")
    who, what = next((keys for keys in _TURN_KEYS if keys[0] in turn), _TURN_KEYS[0])
    if len(turn) > len(_TURN_KEYS[0]):
        unmapped.update(f"turn.{key}" for key in turn if key not in {who, what})
    given = turn.get(who)
    role = (rule.roles.get(given) or ROLES.get(given)) if isinstance(given, str) else None
    if role is None:
        raise Reject("unknown role", f"{place}: {given!r}")
    text = turn.get(what)
    if not isinstance(text, str):
        raise Reject("turn without text", f"{place}: {what} is {type(text).__name__}")
    return Message(role, text)


def _in_order(messages: list[Message]) -> bool:
    roles = [message.role for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    return (
        bool(turns) and len(turns) % 2 == 0 and turns == ["user", "assistant"] * (len(turns) // 2)
    )


def _put_in_order(messages: list[Message]) -> list[Message]:
    """Return a conversation without the turns that have no partner; empty if none is left."""
    first, rest = messages[0], messages
    system = [first] if first.role == "system" else []
    rest = [message for message in messages if message.role != "system"]
    joined: list[Message] = []
    for message in rest:
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(message.role, f"{joined[-1].content}\n\n{message.content}")
        elif joined or message.role == "user":
            joined.append(message)
    if joined and joined[-1].role == "user":
        joined.pop()
    return system + joined if joined else []
