import pytest
from transformers import AutoTokenizer

from vary.model.tokenizer import SPECIAL_TOKENS, train_tokenizer

TRICKY = [
    "",
    " ",
    "a",
    "the harbour lies open",
    "  two  spaces at both ends  ",
    "tab\there\nand\r\nlines\n",
    "1893 and 3.14159e-05",
    "naïve café, “quotes” – dashes…",
    "中文：这是一行字。",
    "日本語とかな 한국어",
    "😀👩‍👩‍👧 flag 🇩🇪",
    "عربي עברית",
    "e\u0301 combining, \u200b zero width, \ufeff mark",
    "<0x41> is no byte",
    "a</s>b <imgpad> <draft>",
    "\x00\x01\x7f",
    "∑∂∇∫ α→ω",
    "x" * 200,
]


@pytest.mark.parametrize("text", TRICKY, ids=range(len(TRICKY)))
def test_text_and_back(tokenizer, text):
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_saved_and_loaded_it_writes_the_same(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    back = AutoTokenizer.from_pretrained(tmp_path)
    assert len(back) == len(tokenizer)
    assert back.padding_side == "left"
    assert (back.eos_token, back.pad_token) == ("</s>", "<pad>")
    for text in [*TRICKY, "<img><imgpad></img>"]:
        ids = back(text, add_special_tokens=False)["input_ids"]
        assert ids == tokenizer(text, add_special_tokens=False)["input_ids"]
        assert back.decode(ids) == text


def test_special_tokens_come_first_and_are_one_piece(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(7))
    for token in SPECIAL_TOKENS:
        ids = tokenizer(f"a{token}b", add_special_tokens=False)["input_ids"]
        assert tokenizer.convert_ids_to_tokens(ids) == ["a", token, "b"]


def test_special_tokens_are_left_out_of_the_text(tokenizer):
    ids = tokenizer("<img><imgpad></img>a</s><pad>", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "a"


def test_nothing_is_added(tokenizer):
    assert tokenizer("a")["input_ids"] == tokenizer("a", add_special_tokens=False)["input_ids"]


def test_every_byte_has_a_piece(tokenizer):
    pieces = tokenizer.get_vocab()
    assert all(f"<0x{number:02X}>" in pieces for number in range(256))


@pytest.mark.parametrize("longest", [2, 4])
def test_pieces_are_short_and_spaces_lead(longest):
    texts = ["the harbour lies open to the north, the harbour"] * 5
    made = train_tokenizer(texts, 420, "abcdefghijklmnopqrstuvwxyz ,", max_piece_chars=longest)
    pieces = [p for p in made.get_vocab() if p not in SPECIAL_TOKENS and not p.startswith("<0x")]
    assert 1 < max(map(len, pieces)) <= longest
    assert all("▁" not in piece[1:] for piece in pieces)


def test_digits_stand_alone():
    made = train_tokenizer(["in 1893 and 1893 and 1893"] * 9, 400, "abcdefghij 0123456789")
    ids = made("1893", add_special_tokens=False)["input_ids"]
    assert made.convert_ids_to_tokens(ids) == list("1893")
    pieces = [p for p in made.get_vocab() if not p.startswith("<0x")]
    assert all(len(p) == 1 for p in pieces if any(c.isdigit() for c in p))


def test_alphabet_is_known_whether_it_occurs_or_not():
    made = train_tokenizer(["abc"], 300, "abcß中 ")
    ids = made("ß中", add_special_tokens=False)["input_ids"]
    assert made.convert_ids_to_tokens(ids) == ["ß", "中"]


def test_characters_beyond_the_alphabet_get_no_piece():
    made = train_tokenizer(["abc " * 9 + "εεε δ"], 300, "abc ")
    ids = made("δ", add_special_tokens=False)["input_ids"]
    assert made.convert_ids_to_tokens(ids) == ["<0xCE>", "<0xB4>"]


def test_training_is_repeatable():
    texts = ["the harbour lies open to the north", "in winter the ferries wait"]
    first, second = (train_tokenizer(texts, 350, "abcdefghij ") for _ in range(2))
    assert first.get_vocab() == second.get_vocab()
