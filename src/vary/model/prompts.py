"""What stands around image and answer, by name: the paper's, the authors' code's, and chats."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from vary.errors import VaryError
from vary.model.chat import CHAT_FORMS, ChatForm


@dataclass(frozen=True)
class PromptForm:
    """What is written around the image and the answer.

    The image itself is always `<img>`, its placeholders, `</img>`; the answer is closed by the
    tokenizer's end token.

    Args:
        name: as it is saved with a processor.
        has_start: whether the tokenizer's start token comes first.
        after_image: text behind `</img>`.
        after_answer: text between the answer and the end token.

    Source: paper 3.2 (`paper`) and the authors' training code (`code`).
    """

    name: str
    has_start: bool = False
    after_image: str = ""
    after_answer: str = ""

    def start_tokens(self, tokenizer: PreTrainedTokenizerBase) -> list[int]:
        """Return the tokens before `<img>`.

        OPT's start token is its end token, `</s>`; a tokenizer without one starts so too.
        """
        if not self.has_start:
            return []
        start = tokenizer.bos_token_id
        return [tokenizer.eos_token_id if start is None else start]


FORMS = {
    form.name: form
    for form in (
        PromptForm("paper"),
        PromptForm("code", has_start=True, after_image="\n", after_answer="\n"),
    )
}


def find_form(name: str) -> PromptForm:
    """Return the form of a name; a chat form has its words in `find_chat_form`, and none here.

    Raises:
        VaryError: there is none; the known ones are listed.
    """
    if name in CHAT_FORMS:
        return PromptForm(name)
    if name not in FORMS:
        known = ", ".join([*FORMS, *CHAT_FORMS])
        raise VaryError(f"unknown prompt_form {name!r}; known are {known}")
    return FORMS[name]


def find_chat_form(name: str) -> ChatForm | None:
    """Return the chat form of a name, None where pictures are not asked in words."""
    return CHAT_FORMS.get(name)
