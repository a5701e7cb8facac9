r"""Conversations as tokens: the forms of Qwen and Vicuna, and any tokenizer's own chat template.

A conversation is a list of turns, `{"role": "user", "content": "<image>\nWhat is this?"}`, with
`<image>` where an image stands. What is learned is the assistant's turns with the token that ends
them, and nothing else.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Literal

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from vary.errors import VaryError
from vary.model.tokenizer import IMAGE, IMAGE_END, IMAGE_START

Messages = Sequence[Mapping[str, str]]

PLACEHOLDER = "<image>"
"""Where an image stands in a turn; one white space behind it belongs to it."""
DEFAULT_QUESTION = "Provide the OCR results of this image."
"""What a picture alone is asked (paper 3.3.2)."""
CHATML_START, CHATML_END = "<|im_start|>", "<|im_end|>"
_CHATML_SYSTEM = "You should follow the instructions carefully and explain your answers in detail."
_VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions."
)
_IMAGE_AND_SPACE = re.compile(re.escape(PLACEHOLDER) + r"[ \n]?")
NOT_LEARNED = -100
"""A label that no loss is taken of."""
# Private characters that no page holds; a template is filled with them in the place of the turns.
_MARK_START, _MARK_END = "\ue0f0", "\ue0f1"
_MARK = re.compile(f"{_MARK_START}(\\d+){_MARK_END}")

# Frame: written by the form, names of special tokens are these tokens. Text: taken as it stands.
PieceKind = Literal["frame", "text"]


@dataclass(frozen=True)
class Piece:
    """A part of a written conversation.

    Args:
        text: the characters.
        kind: ``frame`` or ``text``.
        is_answer: whether it is learned.
    """

    text: str
    kind: PieceKind = "frame"
    is_answer: bool = False


@dataclass(frozen=True)
class Conversation:
    """Tokens of a conversation.

    Args:
        tokens: in order.
        is_answer: of each, whether it is learned: the assistant's words and what ends its turns.
    """

    tokens: tuple[int, ...]
    is_answer: tuple[bool, ...]

    def fitted(self, limit: int) -> "Conversation":
        """Return the conversation cut off after so many tokens, and behind its last answer.

        What follows the last answer teaches nothing: a question without its answer, or a part of
        an image. Where no answer is left, the conversation is empty.
        """
        kept = min(limit, len(self.tokens))
        while kept and not self.is_answer[kept - 1]:
            kept -= 1
        return Conversation(self.tokens[:kept], self.is_answer[:kept])

    @property
    def last_answer(self) -> int:
        """Where the last answer begins; the number of tokens where there is none."""
        place = len(self.tokens)
        while place and not self.is_answer[place - 1]:
            place -= 1
        if not place:
            return len(self.tokens)
        while place and self.is_answer[place - 1]:
            place -= 1
        return place

    def labels(self) -> list[int]:
        """Return the tokens where they are learned, `NOT_LEARNED` elsewhere."""
        pairs = zip(self.tokens, self.is_answer, strict=True)
        return [token if is_answer else NOT_LEARNED for token, is_answer in pairs]

    def learned(self) -> list[int]:
        """Return the tokens that are learned alone."""
        return list(compress(self.tokens, self.is_answer))


@dataclass(frozen=True)
class ChatForm:
    """How a conversation is written.

    Args:
        name: as it is saved with a processor.
        write: messages -> pieces; images are still placeholders in the user's text. Where the last
            turn is the user's, what asks for the answer stands at the end.
        end_token: text of the token that ends an answer; None for the one that the tokenizer's
            template has, or its end token.
        after_image: what follows an image that text follows.
        tokens: special tokens that the tokenizer must have.
        question: what a picture alone is asked.
        has_frame: whether `<img>` and `</img>` stand around an image's tokens and something around
            an answer; without it question and answer are tokenised apart.

    Source: the authors' conversation templates "mpt" (`qwen`) and "v1" (`vicuna`); the others are
    those of the releases they are named after.
    """

    name: str
    write: Callable[[Messages, PreTrainedTokenizerBase], list[Piece]]
    end_token: str | None = None
    after_image: str = ""
    tokens: tuple[str, ...] = ()
    question: str = DEFAULT_QUESTION
    has_frame: bool = True

    def end_id(self, tokenizer: PreTrainedTokenizerBase) -> int:
        """Return the token that ends an answer.

        Raises:
            VaryError: the tokenizer has none.
        """
        self.check(tokenizer)
        text = self.end_token or (_template_end(tokenizer) if self.name == "template" else None)
        if text is None and tokenizer.eos_token_id is None:
            raise VaryError(f"prompt form {self.name}: the tokenizer has no end token (eos_token)")
        if text is None:
            return int(tokenizer.eos_token_id)
        numbers = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(numbers) != 1:
            raise VaryError(
                f"prompt form {self.name}: answers end with {text!r}, which is {len(numbers)} "
                "tokens of this tokenizer and must be one; give the tokenizer of the release"
            )
        return int(numbers[0])

    def ask_ids(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Return the tokens between question and answer; where none are, the usual question's."""
        self.check(tokenizer)
        pieces = self.write([{"role": "user", "content": "?"}], tokenizer)
        place = max(number for number, piece in enumerate(pieces) if piece.kind == "text")
        before = "".join(piece.text for piece in pieces[: place + 1])
        whole = "".join(piece.text for piece in pieces)
        encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        between = [token for token, (_, stop) in pairs if stop > len(before)]
        return between or list(
            tokenizer(self.after_image + self.question, add_special_tokens=False)["input_ids"]
        )

    def check(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Refuse a tokenizer that conversations of this form cannot be written with.

        Raises:
            VaryError: special tokens, the chat template or offsets are missing.
        """
        # One by one: the whole vocabulary is a large dictionary, made anew for each conversation.
        unknown = (None, tokenizer.unk_token_id)
        missing = [t for t in self.tokens if tokenizer.convert_tokens_to_ids(t) in unknown]
        if missing:
            raise VaryError(
                f"prompt form {self.name} needs the tokens {', '.join(missing)}, which the "
                "tokenizer does not have: add them (vary merge --llm does), or take prompt form "
                "vicuna, or template where the language model has a chat template"
            )
        if self.name == "template" and not tokenizer.chat_template:
            raise VaryError(
                "prompt form template: the tokenizer has no chat template; give it one "
                "(chat_template.jinja beside tokenizer.json), or take prompt form qwen or vicuna"
            )
        if not tokenizer.is_fast:
            raise VaryError(
                f"prompt form {self.name} needs a tokenizer with offsets (tokenizer.json), not "
                f"{type(tokenizer).__name__}: save it with transformers as a fast one"
            )

    def encode(
        self, messages: Messages, counts: Sequence[int], tokenizer: PreTrainedTokenizerBase
    ) -> Conversation:
        """Return the tokens of a conversation, and which of them are learned.

        Words are taken as they stand: `</s>` on a page is four letters, not the end token.

        Args:
            messages: user and assistant in turn, perhaps after one of the system.
            counts: vision tokens of each image, in order.
            tokenizer: with image tokens.

        Raises:
            VaryError: turns in odd order, or as many images as there are not placeholders.
        """
        self.check(tokenizer)
        _check_turns(messages)
        _check_images(messages, counts)
        numbers = iter(counts)
        pieces = [
            part
            for piece in self.write(messages, tokenizer)
            for part in self._with_images(piece, numbers)
        ]
        return (_tokens_of if self.has_frame else _piece_by_piece)(pieces, tokenizer)

    def _with_images(self, piece: Piece, counts: Iterator[int]) -> list[Piece]:
        """Return a piece with image tokens in the place of placeholders."""
        if piece.kind == "frame" or piece.is_answer:
            return [piece]
        parts: list[Piece] = []
        at = 0
        for found in _IMAGE_AND_SPACE.finditer(piece.text):
            after = self.after_image if found.end() < len(piece.text) else ""
            image = IMAGE * next(counts)
            image = f"{IMAGE_START}{image}{IMAGE_END}" if self.has_frame else image
            parts += [Piece(piece.text[at : found.start()], "text"), Piece(image), Piece(after)]
            at = found.end()
        return [part for part in [*parts, Piece(piece.text[at:], "text")] if part.text]


def num_placeholders(messages: Messages) -> int:
    """Return how many images a conversation has: those in the turns of user and system."""
    return sum(
        message["content"].count(PLACEHOLDER)
        for message in messages
        if message["role"] != "assistant"
    )


def _check_images(messages: Messages, counts: Sequence[int]) -> None:
    found = num_placeholders(messages)
    if found != len(counts):
        raise VaryError(
            f"the conversation has {found} {PLACEHOLDER}, and {len(counts)} images belong to it: "
            f"write one {PLACEHOLDER} for each image into the user's turns"
        )


def _check_turns(messages: Messages) -> None:
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    wanted = ["user", "assistant"] * (len(turns) // 2 + 1)
    if not turns or turns != wanted[: len(turns)]:
        raise VaryError(
            f"the turns of a conversation are {' '.join(roles) or 'none'}; they must be user and "
            "assistant in turn, after one of the system at most"
        )


def _chatml(messages: Messages, _: PreTrainedTokenizerBase) -> list[Piece]:
    pieces: list[Piece] = []
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": _CHATML_SYSTEM}, *messages]
    for message in messages:
        is_answer = message["role"] == "assistant"
        pieces += [
            Piece(f"{CHATML_START}{message['role']}\n"),
            Piece(_words(message), "text", is_answer),
            Piece(CHATML_END, is_answer=is_answer),
        ]
    if messages[-1]["role"] == "user":
        pieces.append(Piece(f"{CHATML_START}assistant\n"))
    return pieces


def _vicuna(
    messages: Messages, tokenizer: PreTrainedTokenizerBase, behind_question: str = ""
) -> list[Piece]:
    asks = Piece(f"{behind_question} ASSISTANT:")
    pieces = [Piece(tokenizer.bos_token or "")]
    system = _VICUNA_SYSTEM
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"], messages[1:]
    pieces += [Piece(system, "text"), Piece(" ")]
    for message in messages:
        if message["role"] == "user":
            pieces += [Piece("USER: "), Piece(message["content"], "text"), asks]
        else:
            end = Piece(tokenizer.eos_token or "", is_answer=True)
            pieces += [Piece(f" {_words(message)}", "text", is_answer=True), end]
    return pieces


def _bare(messages: Messages, _: PreTrainedTokenizerBase) -> list[Piece]:
    """Write a question and its answer with nothing around them, as Vary-tiny-600k has them."""
    if len(messages) > 2 or messages[0]["role"] == "system":
        raise VaryError(
            "prompt form 600k has one question and one answer, and no system: "
            f"{' '.join(message['role'] for message in messages)} were given"
        )
    pieces = [Piece(messages[0]["content"], "text")]
    for message in messages[1:]:
        pieces += [Piece(_words(message), "text", True), Piece("\n", is_answer=True)]
    return pieces


def _template(messages: Messages, tokenizer: PreTrainedTokenizerBase) -> list[Piece]:
    """Write a conversation by the tokenizer's own template.

    The template is filled with marks, so that words of the turns cannot be taken for its own. An
    earlier answer that it writes otherwise than it asks for one (as Qwen3 does, which asks behind
    an empty thought) is written so, and not learned.
    """
    marked = [
        {"role": message["role"], "content": f"{_MARK_START}{number}{_MARK_END}"}
        for number, message in enumerate(messages)
    ]
    asks = messages[-1]["role"] == "user"
    text = _render(marked, tokenizer, asks)
    parts = _MARK.split(text)
    if [int(number) for number in parts[1::2]] != list(range(len(messages))):
        raise VaryError(
            "prompt form template: the tokenizer's chat template leaves turns out or repeats them "
            f"({len(messages)} turns: {' '.join(message['role'] for message in messages)}); take "
            "prompt form qwen or vicuna"
        )
    pieces = [Piece(parts[0])]
    before = parts[0]
    for number, (message, frame) in enumerate(zip(messages, parts[2::2], strict=True)):
        if message["role"] != "assistant":
            pieces += [Piece(message["content"], "text"), Piece(frame)]
        else:
            end = _end_in(frame, tokenizer)
            learned = before == _render(marked[:number], tokenizer, True)
            pieces += [
                Piece(_words(message), "text", learned),
                Piece(frame[:end], is_answer=learned),
                Piece(frame[end:]),
            ]
        before += f"{_MARK_START}{number}{_MARK_END}{frame}"
    return pieces


def _render(messages: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase, asks: bool) -> str:
    try:
        rendered = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=asks, enable_thinking=False
        )
    except TemplateError as error:
        roles = " ".join(message["role"] for message in messages)
        raise VaryError(
            f"prompt form template: the tokenizer's chat template refuses the turns {roles} "
            f"({error}); take prompt form qwen or vicuna"
        ) from error
    return str(rendered)


def _end_in(frame: str, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return where the token that ends an answer is over, in what follows the answer.

    Raises:
        VaryError: no special token follows it, so that the answer would never end.
    """
    start = len(frame) - len(frame.lstrip())
    known = [str(token) for token in tokenizer.get_added_vocab()]
    found = [token for token in known if token and frame.startswith(token, start)]
    if not found:
        raise VaryError(
            "prompt form template: the tokenizer's chat template ends an answer with "
            f"{frame[:20]!r}, which begins with no special token, so that no answer would end; "
            "take prompt form qwen or vicuna"
        )
    return start + max(map(len, found))


def _template_end(tokenizer: PreTrainedTokenizerBase) -> str:
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    ends = [piece.text for piece in _template(turns, tokenizer) if piece.is_answer]
    if not ends:
        raise VaryError(
            "prompt form template: the tokenizer's chat template asks for an answer otherwise than "
            "it writes one, so that none can be learned; take prompt form qwen or vicuna"
        )
    return ends[-1].strip()


def _words(message: Mapping[str, str]) -> str:
    """Return an answer without white space around it, which would melt into the form's own."""
    content = message["content"]
    return content.strip() if message["role"] == "assistant" else content


def _tokens_of(pieces: Sequence[Piece], tokenizer: PreTrainedTokenizerBase) -> Conversation:
    """Return the tokens of written pieces.

    All are tokenised as one text, as in the authors' code. Only where words of a turn are the name
    of a special token are frame and words tokenised one by one, so that words stay words.
    """
    special = [token for token in tokenizer.get_added_vocab() if token]
    texts = [piece.text for piece in pieces if piece.kind == "text"]
    if any(token in text for text in texts for token in special):
        return _piece_by_piece(pieces, tokenizer)
    whole = "".join(piece.text for piece in pieces)
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    learned: list[bool] = []
    for piece in pieces:
        learned += [piece.is_answer] * len(piece.text)
    # A token belongs to where it ends: the blank before a word is a part of its token.
    flags = [stop > start and learned[stop - 1] for start, stop in encoded["offset_mapping"]]
    return Conversation(tuple(encoded["input_ids"]), tuple(flags))


def _piece_by_piece(pieces: Sequence[Piece], tokenizer: PreTrainedTokenizerBase) -> Conversation:
    tokens: list[int] = []
    flags: list[bool] = []
    for piece in pieces:
        if not piece.text:
            continue
        is_text = piece.kind == "text"
        own = tokenizer(piece.text, add_special_tokens=False, split_special_tokens=is_text)
        tokens += own["input_ids"]
        flags += [piece.is_answer] * len(own["input_ids"])
    return Conversation(tuple(tokens), tuple(flags))


_CHATML_TOKENS = (CHATML_START, CHATML_END)
CHAT_FORMS = {
    form.name: form
    for form in (
        ChatForm("qwen", _chatml, CHATML_END, tokens=_CHATML_TOKENS),
        ChatForm("vicuna", _vicuna, after_image=" "),
        ChatForm("template", _template, after_image="\n"),
        ChatForm("got", _chatml, CHATML_END, "\n", _CHATML_TOKENS, question=" OCR: "),
        ChatForm(
            "onechart",
            partial(_vicuna, behind_question="\n"),
            question="Convert the key information of the chart to a python dict:",
        ),
        ChatForm("600k", _bare, "\n", "</s>", question="OCR: ", has_frame=False),
    )
}
