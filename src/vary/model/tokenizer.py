"""A small tokenizer for a small model: short pieces, every character, and bytes for the rest."""

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END, PAD, IMAGE_START, IMAGE, IMAGE_END = "</s>", "<pad>", "<img>", "<imgpad>", "</img>"
DRAFT_START, DRAFT_END = "<draft>", "</draft>"
SPECIAL_TOKENS = (END, PAD, IMAGE_START, IMAGE, IMAGE_END, DRAFT_START, DRAFT_END)


def train_tokenizer(
    texts: Iterable[str], vocabulary_size: int, alphabet: str, max_piece_chars: int = 4
) -> PreTrainedTokenizerFast:
    """Return a byte-pair tokenizer trained on texts.

    Pieces are short, so that one piece is about as wide as a vision token; a space belongs to the
    piece behind it; digits stand alone; what is in no piece is written in bytes.

    Args:
        texts: lines or paragraphs.
        vocabulary_size: pieces in all, special tokens and 256 bytes among them.
        alphabet: characters that are a piece each, whether they occur or not.
        max_piece_chars: longest piece. The trainer counts bytes of UTF-8, and the sign for a space,
            `▁`, is three of them: with 4, a piece that begins with a space has one more letter, and
            one of accented letters has two.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="never", split=True),
            pre_tokenizers.Split(Regex(r"[0-9]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Fuse(), decoders.Replace("▁", " ")]
    )
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*SPECIAL_TOKENS, *bytes_],
        initial_alphabet=sorted(set(alphabet.replace(" ", "")) | {"▁"}),
        # One more for the `▁`; one too many, and harmless, where the alphabet holds a space.
        limit_alphabet=len(set(alphabet)) + 1,
        max_token_length=max_piece_chars,
        show_progress=False,
    )
    # Of characters beyond the limit the trainer would keep some, by chance.
    known = frozenset(alphabet) | {" "}
    tokenizer.train_from_iterator((_only(text, known) for text in texts), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=_without_byte_specials(tokenizer),
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        extra_special_tokens=[IMAGE_START, IMAGE, IMAGE_END, DRAFT_START, DRAFT_END],
        clean_up_tokenization_spaces=False,
    )


def _only(text: str, known: frozenset[str]) -> str:
    """Return a text with spaces in the place of characters that are not known."""
    return "".join(character if character in known else " " for character in text)


def _without_byte_specials(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer with byte pieces as ordinary ones, so that decoding keeps them."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["content"] in SPECIAL_TOKENS]
    return Tokenizer.from_str(json.dumps(state))
