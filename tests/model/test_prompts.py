"""Golden sequences of tokens: the paper's form of a prompt and that of the authors' code."""

import pytest
import torch
from transformers import AutoProcessor

from vary.errors import VaryError
from vary.model import VaryConfig, VaryImageProcessor, VaryProcessor
from vary.model.building import add_image_tokens
from vary.model.prompts import FORMS, find_form

# `Ċ` is a newline and `Ġ` a space, as GPT-2's and OPT's tokenizers write them.
GOLDEN = {
    "paper": (
        ["<img>", "<imgpad>", "<imgpad>", "</img>"],
        ["the", "Ġharbour", "</s>"],
    ),
    "code": (
        ["</s>", "<img>", "<imgpad>", "<imgpad>", "</img>", "Ċ"],
        ["the", "Ġharbour", "Ċ", "</s>"],
    ),
}


@pytest.fixture
def make_processor(opt_tokenizer, make_opt):
    """Return a function that gives a processor with OPT's kind of tokenizer."""

    def make(prompt_form: str, **fields) -> VaryProcessor:
        add_image_tokens(make_opt(), opt_tokenizer, drafts=True)
        return VaryProcessor(VaryImageProcessor(), opt_tokenizer, prompt_form=prompt_form, **fields)

    return make


def test_the_forms():
    assert list(FORMS) == list(GOLDEN)


@pytest.mark.parametrize("form", GOLDEN)
def test_tokens_of_prompt_and_answer(make_processor, form):
    processor = make_processor(form)
    before, after = GOLDEN[form]
    name = processor.tokenizer.convert_ids_to_tokens
    assert name(processor.prompt_tokens(2)) == before
    assert name(processor.answer_tokens(["the harbour"])[0]) == after


@pytest.mark.parametrize("form", GOLDEN)
def test_the_papers_page_in_either_form(make_processor, form):
    prompt = make_processor(form).prompts([(1024, 1024)])["input_ids"][0]
    assert len(prompt) == {"paper": 258, "code": 260}[form]


TEXTS = ["the harbour", "", "ends in a newline\n", "\n", "two\n\n", "a</s>b <imgpad>", " 7 "]


@pytest.mark.parametrize("form", GOLDEN)
def test_answers_and_back(make_processor, form):
    processor = make_processor(form)
    rows = processor.answer_tokens(TEXTS)
    assert processor.decode_answers(rows) == TEXTS
    pad, end = processor.tokenizer.pad_token_id, processor.tokenizer.eos_token_id
    assert [row.count(end) for row in rows] == [1] * len(TEXTS)
    longest = max(map(len, rows))
    padded = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    assert processor.decode_answers(padded) == TEXTS
    assert processor.post_process_image_text_to_text(padded) == TEXTS


@pytest.mark.parametrize("form", GOLDEN)
def test_prompts_are_left_out_of_what_was_generated(make_processor, form):
    processor = make_processor(form)
    drafts = [None, "the</img>", "", None, "x", None, None]
    prompts = processor.prompts([(1024, 1024)] * len(TEXTS), drafts)["input_ids"].tolist()
    answers = processor.answer_tokens(TEXTS)
    rows = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    assert processor.post_process_image_text_to_text(rows) == TEXTS
    assert processor.post_process_image_text_to_text(prompts) == [""] * len(TEXTS)
    (raw,) = processor.post_process_image_text_to_text(rows[:1], skip_special_tokens=False)
    assert "<img><imgpad><imgpad>" in raw
    assert raw.endswith("</s>")


def test_an_answer_that_was_cut_off_stays_as_it_is(make_processor):
    processor = make_processor("code")
    (row,) = processor.answer_tokens(["the\n"])
    assert processor.decode_answers([row[:-1]]) == ["the\n\n"]
    assert processor.decode_answers([row]) == ["the\n"]


@pytest.mark.parametrize("load", [VaryProcessor, AutoProcessor])
def test_the_form_is_saved(make_processor, tmp_path, load):
    VaryConfig().save_pretrained(tmp_path)
    make_processor("code").save_pretrained(tmp_path)
    back = load.from_pretrained(tmp_path)
    assert back.prompt_form == "code"
    assert back.tokenizer.convert_ids_to_tokens(back.prompt_tokens(2)) == GOLDEN["code"][0]


def test_positions_of_a_form_with_more_around_the_image(make_processor):
    processor = make_processor("code", answer_position=20)
    tokens = processor.prompt_tokens(2, "the")
    assert processor.prompt_positions(2, len(tokens)) == [*range(6), 10, 11, 19]
    with pytest.raises(ValueError, match=r"starts at 10 .* at most 6 fit"):
        processor.prompt_positions(7, 12)


def test_a_tokenizer_without_a_start_token_starts_with_its_end(tokenizer):
    assert tokenizer.bos_token_id is None
    assert find_form("code").start_tokens(tokenizer) == [tokenizer.eos_token_id]


def test_an_unknown_form(tokenizer):
    with pytest.raises(VaryError, match="unknown prompt_form 'papers'; known are paper, code"):
        VaryProcessor(VaryImageProcessor(), tokenizer, prompt_form="papers")
