"""Samples as conversations, for models that are asked in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from vary.data.questions import question_for, questions_of
from vary.data.schema import Sample
from vary.errors import VaryError
from vary.model.chat import PLACEHOLDER, Conversation
from vary.model.processing import VaryProcessor
from vary.model.tokenizer import IMAGE

Turns = tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class Asked:
    """A conversation in tokens, for training and for measuring.

    Args:
        conversation: what is learned, cut to the room that there is.
        num_images: images of it that are left.
        answer: text of its last answer, as far as it is left.
    """

    conversation: Conversation
    num_images: int
    answer: str

    @property
    def prompt(self) -> tuple[int, ...]:
        """The tokens before the last answer."""
        return self.conversation.tokens[: self.conversation.last_answer]


def turns_of(sample: Sample) -> Turns:
    """Return a sample's conversation, or the paper's question about its picture and its text.

    Empty where the paper has no question for what the sample is.
    """
    if sample.messages:
        return tuple({"role": part.role, "content": part.content} for part in sample.messages)
    questions = questions_of(sample.kind, sample.format, sample.language)
    if not questions:
        return ()
    return ask(question_for(sample.id, questions), sample.text, len(sample.images))


def ask(question: str, answer: str, num_images: int = 1) -> Turns:
    """Return a conversation of one question, behind its pictures, and one answer."""
    content = f"{PLACEHOLDER}\n" * num_images + question
    return ({"role": "user", "content": content}, {"role": "assistant", "content": answer})


def asked(turns: Turns, counts: list[int], processor: VaryProcessor, limit: int) -> Asked | str:
    """Return a conversation in tokens, or why it cannot be learned.

    Args:
        turns: the last one the assistant's.
        counts: vision tokens of each image.
        processor: of a chat form.
        limit: tokens of the longest; what is longer loses its end.
    """
    if turns[-1]["role"] != "assistant":
        return f"the last turn is the {turns[-1]['role']}'s, not an answer"
    try:
        whole = processor.conversation(turns, counts)
    except VaryError as error:
        return f"no conversation: {error}"
    kept = whole.fitted(limit)
    if not kept.tokens:
        return f"longer than the model's positions: {len(whole.tokens)} tokens, {limit} fit"
    # By their tokens, which every form writes; what is cut off ends before an image or behind it.
    left = kept.tokens.count(processor.tokenizer.convert_tokens_to_ids(IMAGE))
    num_images = sum(reached <= left for reached in accumulate(counts))
    answer = processor.decode_answers([list(kept.tokens[kept.last_answer :])])[0]
    return Asked(kept, num_images, answer)
