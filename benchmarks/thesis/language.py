"""The pieces that answers are written in, and a small language model of them.

Captions are words, a piece each; words on pages are letters, with a line's end between two lines.
"""

import torch
from pages import LETTERS
from scenes import COLOUR_NAMES, COUNTS, KINDS, RELATIONS
from torch import Tensor
from transformers import LlamaConfig

from vary.data.engines.natural import SENTENCES

LINE_END = "/"
_SPECIAL = ("<pad>", "<end>", "<img>", "<imgpad>", "</img>", "<hidden>")
PAD, END, IMAGE, PLACE, IMAGE_END, HIDDEN = range(len(_SPECIAL))
SENTENCE_WORDS = tuple(sorted({word for sentence in SENTENCES for word in sentence.split()}))
PIECES = (
    *_SPECIAL, *LETTERS, LINE_END, *COUNTS, *COLOUR_NAMES, *KINDS, *RELATIONS, *SENTENCE_WORDS,
)  # fmt: skip
NUMBERS = {piece: number for number, piece in enumerate(PIECES)}
NO_LOSS = -100


def page_pieces(words: list[str]) -> list[str]:
    """Return the pieces of a page's text."""
    return list(LINE_END.join(words))


def page_text(pieces: list[str]) -> str:
    """Return the text of a page, a space between lines."""
    return "".join(pieces).replace(LINE_END, " ")


def decode(row: Tensor) -> list[str]:
    """Return the pieces that were written before the end."""
    numbers = row.tolist()
    if END in numbers:
        numbers = numbers[: numbers.index(END)]
    return [PIECES[number] for number in numbers]


def prompt(num_tokens: int, batch: int) -> Tensor:
    """Return (batch, num_tokens + 2): the image's places between its marks."""
    row = torch.tensor([IMAGE, *[PLACE] * num_tokens, IMAGE_END])
    return row.expand(batch, -1)


def batch_answers(
    answers: list[list[str]], num_tokens: int, hide: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return inputs and labels (B, S): prompt, answer, end, padded to the right.

    Args:
        answers: pieces of each.
        num_tokens: vision tokens of an image.
        hide: share of the answers' pieces that later ones do not see.
        generator: of the lot.
    """
    longest = max(map(len, answers)) + 1
    ids = torch.full((len(answers), longest), PAD)
    labels = torch.full((len(answers), longest), NO_LOSS)
    for number, answer in enumerate(answers):
        row = torch.tensor([*(NUMBERS[piece] for piece in answer), END])
        ids[number, : len(row)] = labels[number, : len(row)] = row
    ids[torch.rand(ids.shape, generator=generator) < hide] = HIDDEN
    before = prompt(num_tokens, len(answers))
    return (
        torch.cat([before, ids], 1),
        torch.cat([torch.full_like(before, NO_LOSS), labels], 1),
    )


def language_config() -> LlamaConfig:
    """Return the sizes of the language model that all arms have."""
    return LlamaConfig(
        vocab_size=len(PIECES),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        # Attention that starts less even finds its place sooner (as in recipes/nano.yaml).
        initializer_range=0.05,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=END,
    )
