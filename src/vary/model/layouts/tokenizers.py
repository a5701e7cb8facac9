"""Tokenizers of releases, from the files that they come with."""

import base64
import binascii
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from vary.errors import InputError, VaryError
from vary.model.inspection import read_json

WANTED = "tokenizer.json, qwen.tiktoken, or vocab.json with merges.txt"
# What goes along with tokenizer.json. A config.json of a release names a model that is not known.
_BESIDE = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip
# Qwen-1's own pieces before byte pairs, and its special tokens in their order; the last nine are
# those of Qwen-VL, which Vary and GOT took over.
_QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>",
    *(f"<|extra_{number}|>" for number in range(205)),
    "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>",
)  # fmt: skip
_OPT_ROLES = {"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"}


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a release's folder.

    Raises:
        InputError: there is none, or its files are damaged.
    """
    tiktoken = sorted(folder.glob("*.tiktoken"))
    try:
        if (folder / "tokenizer.json").is_file():
            return _from_json(folder)
        if tiktoken:
            return qwen_tokenizer(tiktoken[0])
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return _from_byte_pairs(folder)
    except VaryError:
        raise
    # tokenizers raises bare Exceptions for damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"the tokenizer in {folder} cannot be read: {reason}") from error
    raise InputError(
        f"{folder} has no tokenizer ({WANTED}); give the folder of its language model's tokenizer "
        "as --tokenizer DIR"
    )


def _from_json(folder: Path) -> PreTrainedTokenizerBase:
    with tempfile.TemporaryDirectory() as alone:
        for name in _BESIDE:
            if (folder / name).is_file():
                shutil.copy(folder / name, alone)
        config = Path(alone) / "tokenizer_config.json"
        if config.is_file():
            fields = read_json(config)
            if fields.pop("auto_map", None):  # code of the release's own, which is not run
                fields.pop("tokenizer_class", None)
            config.write_text(json.dumps(fields), encoding="utf-8")
            if "tokenizer_class" in fields:
                return AutoTokenizer.from_pretrained(alone, local_files_only=True)
        return PreTrainedTokenizerFast.from_pretrained(alone, local_files_only=True)


def _from_byte_pairs(folder: Path) -> PreTrainedTokenizerFast:
    """Return a tokenizer of GPT-2's kind, which is OPT's."""
    made = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    roles = dict(_OPT_ROLES)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        fields = read_json(folder / name) if (folder / name).is_file() else {}
        told = {role: _content(fields.get(role)) for role in (*_OPT_ROLES, "unk_token")}
        roles |= {role: token for role, token in told.items() if token is not None}
    absent = sorted({token for token in roles.values() if made.token_to_id(token) is None})
    if absent:
        raise InputError(
            f"{folder / 'vocab.json'} does not hold {', '.join(absent)}, which OPT's tokenizer has "
            "for start, end and padding; copy it anew"
        )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, **roles)
    for token, number in sorted(_added_tokens(folder).items(), key=lambda item: item[1]):
        tokenizer.add_tokens([AddedToken(token, normalized=False)], special_tokens=True)
        if tokenizer.convert_tokens_to_ids(token) != number:
            raise InputError(
                f"{folder} numbers its added token {token} {number}, behind {len(tokenizer) - 1} "
                "others; copy vocab.json and added_tokens.json anew"
            )
    return tokenizer


def _added_tokens(folder: Path) -> dict[str, int]:
    path = folder / "added_tokens.json"
    found = {} if not path.is_file() else dict(read_json(path))
    config = folder / "tokenizer_config.json"
    if config.is_file():
        told = read_json(config).get("added_tokens_decoder", {})
        found |= {str(_content(token)): int(number) for number, token in told.items()}
    return found


def _content(value: Any) -> str | None:
    """Return a special token's text, which may be the field of an object."""
    return value.get("content") if isinstance(value, dict) else value


def qwen_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """Return Qwen-1's tokenizer, with the image tokens of Vary and GOT, from `qwen.tiktoken`.

    Its byte pairs are the ranks of its pieces: of two neighbours those are joined that make the
    piece of lowest rank; a word that is a piece is taken whole.

    Raises:
        InputError: the file holds no ranks.
    """
    ranks = _read_ranks(path)
    letters = _byte_letters()
    names = {piece: "".join(letters[byte] for byte in piece) for piece in ranks}
    merges = [
        (rank, names[piece[:cut]], names[piece[cut:]])
        for piece, rank in ranks.items()
        for cut in range(1, len(piece))
        if piece[:cut] in ranks and piece[cut:] in ranks
    ]
    merges.sort(key=lambda merge: merge[0])
    made = Tokenizer(
        models.BPE(
            {names[piece]: rank for piece, rank in ranks.items()},
            [(left, right) for _, left, right in merges],
            ignore_merges=True,
        )
    )
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(name, normalized=False) for name in _QWEN_SPECIAL])
    if made.token_to_id(_QWEN_SPECIAL[0]) != len(ranks):
        raise InputError(f"{path} does not number its {len(ranks)} pieces from 0; copy it anew")
    end = _QWEN_SPECIAL[0]
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=end,
        pad_token=end,
        additional_special_tokens=list(_QWEN_SPECIAL[1:]),
        clean_up_tokenization_spaces=False,
    )


def _read_ranks(path: Path) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if not line:
            continue
        try:
            piece, rank = line.split()
            ranks[base64.b64decode(piece, validate=True)] = int(rank)
        except (ValueError, binascii.Error) as error:
            raise InputError(
                f"line {number} of {path} is no piece with its rank ({error}); copy it anew"
            ) from error
    if sorted(ranks.values()) != list(range(len(ranks))) or len(ranks) < 256:
        raise InputError(
            f"{path} holds {len(ranks)} pieces, not one for each rank from 0 with all 256 bytes "
            "among them; copy it anew"
        )
    return ranks


def _byte_letters() -> dict[int, str]:
    """Return the letter that stands for each byte in byte-level tokenizers, as GPT-2 has them."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in printed}
    others = (byte for byte in range(256) if byte not in letters)
    return letters | {byte: chr(256 + number) for number, byte in enumerate(others)}


def add_tokens(tokenizer: PreTrainedTokenizerBase, tokens: tuple[str, ...]) -> list[str]:
    """Put a release's tokens behind those that are there, and return which were new."""
    known = set(tokenizer.get_vocab())
    new = [token for token in tokens if token not in known]
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False) for token in new], special_tokens=True
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return new
