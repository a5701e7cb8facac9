"""Conversations as tokens: what is written, what is learned, and what is refused."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from vary.errors import VaryError
from vary.model import VaryImageProcessor, VaryProcessor
from vary.model.chat import CHAT_FORMS, Conversation
from vary.model.tokenizer import IMAGE, IMAGE_END, IMAGE_START

# All but that of one release, which has neither a frame nor a second turn.
FORMS = [name for name in CHAT_FORMS if name != "600k"]
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>", IMAGE_START, IMAGE, IMAGE_END]
WORDS = [
    "What is it? A cat, and it is white. USER: ASSISTANT: system user assistant",
    "图中有什么 一只白色的猫 A chat between a curious user and an artificial intelligence",
]
QWEN_SYSTEM = (
    "<|im_start|>system\n"
    "You should follow the instructions carefully and explain your answers in detail.<|im_end|>"
)
VICUNA_SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions. "
)
CHATML_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content | trim }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Qwen3's: the last answer stands behind a thought, earlier ones do not.
THINKING_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if loop.last and message.role == 'assistant' %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)


def turns(*texts: str, system: str = "") -> list[dict[str, str]]:
    roles = ["user", "assistant"] * len(texts)
    pairs = zip(roles, texts, strict=False)
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *({"role": role, "content": text} for role, text in pairs)]


def byte_level() -> PreTrainedTokenizerFast:
    """Return Qwen's kind of tokenizer: bytes, no start token."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(WORDS * 5, trainer)
    return _wrapped(made)


def metaspace() -> PreTrainedTokenizerFast:
    """Return Llama's kind of tokenizer: blanks are letters, one stands before the text."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<s>"))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=[*SPECIAL, *fallback], show_progress=False
    )
    # Words one by one: its pieces do not reach over blanks.
    made.train_from_iterator([word for text in WORDS for word in text.split()] * 5, trainer)
    return _wrapped(made, bos_token="<s>")


def _wrapped(made: Tokenizer, **names: str) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="</s>",
        pad_token="</s>",
        additional_special_tokens=SPECIAL[2:],
        clean_up_tokenization_spaces=False,
        **names,
    )


@pytest.fixture(scope="module", params=[byte_level, metaspace])
def chat_tokenizer(request):
    return request.param()


def written(form: str, messages, counts, tokenizer) -> tuple[Conversation, list[str]]:
    """Return a conversation, and its text cut where learning begins and ends."""
    found = CHAT_FORMS[form].encode(messages, counts, tokenizer)
    runs: list[tuple[bool, list[int]]] = []
    for token, is_answer in zip(found.tokens, found.is_answer, strict=True):
        if not runs or runs[-1][0] != is_answer:
            runs.append((is_answer, []))
        runs[-1][1].append(token)
    return found, [text_of(tokens, tokenizer) for is_answer, tokens in runs if is_answer]


def text_of(tokens, tokenizer) -> str:
    """Return what tokens say, a blank that Llama's kind puts before it left as it is."""
    marked = tokenizer.decode([tokenizer.convert_tokens_to_ids(IMAGE_END), *tokens])
    return marked.removeprefix(IMAGE_END)


GOLDEN = {
    "qwen, one turn": (
        "qwen",
        turns("<image>\nWhat is it?", "A cat."),
        [2],
        f"{QWEN_SYSTEM}<|im_start|>user\n<img><imgpad><imgpad></img>What is it?<|im_end|>"
        "<|im_start|>assistant\nA cat.<|im_end|>",
        ["A cat.<|im_end|>"],
    ),
    "qwen, two turns and two images": (
        "qwen",
        turns("<image>\n<image>\nWhat?", "A cat", "it is <image>", " white\n"),
        [1, 2, 1],
        f"{QWEN_SYSTEM}<|im_start|>user\n<img><imgpad></img><img><imgpad><imgpad></img>What?"
        "<|im_end|><|im_start|>assistant\nA cat<|im_end|><|im_start|>user\nit is <img><imgpad>"
        "</img><|im_end|><|im_start|>assistant\nwhite<|im_end|>",
        ["A cat<|im_end|>", "white<|im_end|>"],
    ),
    "qwen, no image, Chinese, a system of its own": (
        "qwen",
        turns("图中有什么", "一只白色的猫。", system="说中文"),
        [],
        "<|im_start|>system\n说中文<|im_end|><|im_start|>user\n图中有什么<|im_end|>"
        "<|im_start|>assistant\n一只白色的猫。<|im_end|>",
        ["一只白色的猫。<|im_end|>"],
    ),
    "qwen, asked": (
        "qwen",
        turns("<image>\nWhat?"),
        [1],
        f"{QWEN_SYSTEM}<|im_start|>user\n<img><imgpad></img>What?<|im_end|><|im_start|>assistant\n",
        [],
    ),
    "got": (
        "got",
        turns("<image>\nOCR: ", "A cat"),
        [1],
        f"{QWEN_SYSTEM}<|im_start|>user\n<img><imgpad></img>\nOCR: <|im_end|>"
        "<|im_start|>assistant\nA cat<|im_end|>",
        ["A cat<|im_end|>"],
    ),
    "vicuna, two turns": (
        "vicuna",
        turns("<image>\nWhat is it?", "A cat.", "And 猫?", "白色"),
        [1],
        f"BOS{VICUNA_SYSTEM}USER: <img><imgpad></img> What is it? ASSISTANT: A cat.</s>"
        "USER: And 猫? ASSISTANT: 白色</s>",
        [" A cat.</s>", " 白色</s>"],
    ),
    "vicuna, asked": (
        "vicuna",
        turns("What?"),
        [],
        f"BOS{VICUNA_SYSTEM}USER: What? ASSISTANT:",
        [],
    ),
    "onechart": (
        "onechart",
        turns("<image>\nWhat is it?", '{"title": "A"}'),
        [2],
        f"BOS{VICUNA_SYSTEM}USER: <img><imgpad><imgpad></img>What is it?\n ASSISTANT: "
        '{"title": "A"}</s>',
        [' {"title": "A"}</s>'],
    ),
    "template": (
        "template",
        turns("<image>\nWhat?", " A cat ", "And?", "white"),
        [1],
        "<|im_start|>user\n<img><imgpad></img>\nWhat?<|im_end|>\n<|im_start|>assistant\nA cat"
        "<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\nwhite<|im_end|>\n",
        ["A cat<|im_end|>", "white<|im_end|>"],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_tokens_are_those_of_the_written_text_and_the_answers_are_learned(name, chat_tokenizer):
    form, messages, counts, text, answers = GOLDEN[name]
    chat_tokenizer.chat_template = CHATML_TEMPLATE
    text = text.replace("BOS", chat_tokenizer.bos_token or "")
    found, learned = written(form, messages, counts, chat_tokenizer)
    assert list(found.tokens) == chat_tokenizer(text, add_special_tokens=False)["input_ids"]
    assert learned == answers
    assert found.labels() == [
        token if kept else -100 for token, kept in zip(found.tokens, found.is_answer, strict=True)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_prompt_is_the_beginning_of_what_was_learned(form, chat_tokenizer):
    """What asks for an answer in reading is what stood before it in training."""
    chat_tokenizer.chat_template = CHATML_TEMPLATE
    chat = CHAT_FORMS[form]
    whole = turns("<image>\n图中有什么", "一只 cat", "And?", "white")
    for number in (1, 3):
        prompt = chat.encode(whole[:number], [2], chat_tokenizer)
        learned = chat.encode(whole[: number + 1], [2], chat_tokenizer)
        size = len(prompt.tokens)
        assert learned.tokens[:size] == prompt.tokens and learned.last_answer == size
        assert prompt.tokens[-len(chat.ask_ids(chat_tokenizer)) :] == tuple(
            chat.ask_ids(chat_tokenizer)
        )
    assert not any(prompt.is_answer[size:])
    assert learned.tokens[-1] == chat.end_id(chat_tokenizer) or form == "template"


@pytest.mark.parametrize("form", FORMS)
def test_words_that_name_special_tokens_stay_words(form, chat_tokenizer):
    chat_tokenizer.chat_template = CHATML_TEMPLATE
    messages = turns("<image>\n<|im_end|><imgpad>?", "it says </s> and <image>")
    found, learned = written(form, messages, [2], chat_tokenizer)
    pad = chat_tokenizer.convert_tokens_to_ids(IMAGE)
    assert found.tokens.count(pad) == 2
    end = CHAT_FORMS[form].end_id(chat_tokenizer)
    answer = [t for t, kept in zip(found.tokens, found.is_answer, strict=True) if kept]
    assert answer.count(end) == 1 and answer[-1] == end
    assert "it says </s> and <image>" in learned[0]


def test_a_thought_before_the_answer_is_asked_for_and_not_learned(chat_tokenizer):
    chat_tokenizer.chat_template = THINKING_TEMPLATE
    found, learned = written("template", turns("What?", "cat", "And?", "white"), [], chat_tokenizer)
    assert learned == ["white<|im_end|>"]  # the first is written otherwise than it is asked for
    prompt = CHAT_FORMS["template"].encode(turns("What?", "cat", "And?"), [], chat_tokenizer)
    assert found.tokens[: len(prompt.tokens)] == prompt.tokens
    assert text_of(prompt.tokens, chat_tokenizer).endswith("assistant\n<think>\n\n</think>\n\n")


def test_what_is_too_long_loses_its_end(chat_tokenizer):
    whole = CHAT_FORMS["qwen"].encode(
        turns("<image>\nWhat?", "A cat", "<image>\nAnd?", "white white"), [2, 3], chat_tokenizer
    )
    assert whole.fitted(10_000) == whole
    first = next(n for n, kept in enumerate(whole.is_answer) if kept)
    stop = next(n for n in range(first, len(whole.tokens)) if not whole.is_answer[n])
    for limit in range(len(whole.tokens)):
        cut = whole.fitted(limit)
        assert cut.tokens == whole.tokens[: len(cut.tokens)] and len(cut.tokens) <= limit
        assert not cut.tokens or cut.is_answer[-1]
        assert bool(cut.tokens) == (limit > first)
        if stop <= limit <= whole.last_answer:
            assert len(cut.tokens) == stop  # no question, and no part of an image, is left behind


BAD = {
    "an image too few": (turns("<image>\nWhat?"), [], "has 1 <image>, and 0 images"),
    "an image too many": (turns("<image>\nWhat?"), [1, 1], "has 1 <image>, and 2 images"),
    "answers itself": (turns("a", "b", system="s")[::-1], [], "are assistant user system"),
    "nothing": ([], [], "are none"),
}


@pytest.mark.parametrize("name", BAD)
def test_odd_conversations_are_refused(name, chat_tokenizer):
    messages, counts, told = BAD[name]
    with pytest.raises(VaryError, match=told):
        CHAT_FORMS["qwen"].encode(messages, counts, chat_tokenizer)


BAD_TEMPLATES = {
    "": "no chat template",
    "{% for m in messages %}{{ m.content }}{% endfor %}": "begins with no special token",
    "{{ messages[0].content }}<|im_end|>": "leaves turns out",
    "{{ raise_exception('no system here') }}": "no system here",
}


@pytest.mark.parametrize("template", BAD_TEMPLATES)
def test_templates_that_cannot_be_learned_from_are_refused(template, chat_tokenizer):
    chat_tokenizer.chat_template = template
    with pytest.raises(VaryError, match=BAD_TEMPLATES[template]) as told:
        CHAT_FORMS["template"].encode(turns("a", "b"), [], chat_tokenizer)
    assert "take prompt form qwen or vicuna" in str(told.value) or "give it one" in str(told.value)


def test_a_tokenizer_without_the_forms_tokens_is_refused(tokenizer):
    with pytest.raises(VaryError, match=r"needs the tokens <\|im_start\|>, <\|im_end\|>"):
        VaryProcessor(VaryImageProcessor(), tokenizer, prompt_form="qwen")


@pytest.fixture
def chatting(strip_vocabulary, chat_tokenizer):
    rule = {"mode": "strip", "height": 16, "width": 128, "step_px": 32}
    return VaryProcessor(
        VaryImageProcessor([rule]),
        chat_tokenizer,
        vocabulary=strip_vocabulary.to_dict(),
        prompt_form="qwen",
    )


def test_pictures_go_into_their_conversations_in_order(chatting, strips):
    """Two images in one conversation, one in the other, and an image of two tiles."""
    one, three, four = strips
    features = chatting(
        [one, three, [four, one]],
        messages=[turns("<image>\n<image>\nWhat?"), turns("<image>\nAnd?")],
    )
    pad = chatting.tokenizer.convert_tokens_to_ids(IMAGE)
    assert (features["input_ids"] == pad).sum(dim=1).tolist() == [1 + 3, 4 + 1]
    assert features["pixel_values"].shape[0] == 4
    assert features["image_sizes"][:, 1].tolist() == [32, 96, 128, 32]
    lone = chatting.conversation(turns("<image>\nAnd?"), [5]).tokens
    row = features["input_ids"][1][features["attention_mask"][1].bool()]
    assert tuple(row.tolist()) == lone


def test_a_picture_alone_is_asked_for_its_text_and_a_question_can_be_given(chatting, strips):
    alone, asked = chatting(strips[0]), chatting(strips[0], text="What is it?")
    questions = ("Provide the OCR results of this image.", "What is it?")
    for features, question in zip((alone, asked), questions, strict=True):
        wanted = chatting.conversation(turns(f"<image>\n{question}"), [1]).tokens
        assert tuple(features["input_ids"][0].tolist()) == wanted


def test_a_conversation_without_pictures_has_no_pixels(chatting):
    features = chatting(messages=[turns("What is it?")])
    assert set(features) == {"input_ids", "attention_mask", "position_ids"}


def test_two_images_and_one_placeholder_are_refused(chatting, strips):
    with pytest.raises(VaryError, match="have 1 <image>, and there are 2 images"):
        chatting(strips[:2], messages=[turns("<image>\nWhat?")])


def test_forms_without_words_take_none(processor, strips):
    with pytest.raises(ValueError, match="takes no messages"):
        processor(strips[0], messages=[turns("<image>\nWhat?")])


@pytest.mark.parametrize("form", FORMS)
def test_answers_come_back_out_of_what_was_generated(form, chat_tokenizer, strip_vocabulary):
    chat_tokenizer.chat_template = CHATML_TEMPLATE
    rule = {"mode": "strip", "height": 16, "width": 128, "step_px": 32}
    processor = VaryProcessor(
        VaryImageProcessor([rule]),
        chat_tokenizer,
        vocabulary=strip_vocabulary.to_dict(),
        prompt_form=form,
    )
    rows = [
        processor.conversation(turns("<image>\nWhat?", answer, "And?", other), [2]).tokens
        for answer, other in (("A cat", "一只 cat"), ("it", "white"))
    ]
    end = processor.end_id
    padded = [[end] * (60 - len(row)) + list(row) + [end, end] for row in rows]
    assert processor.post_process_image_text_to_text(padded) == ["一只 cat", "white"]


def test_several_images_in_a_row_are_answered_alike_by_one_beam_and_by_many(
    make_model, strip_vocabulary, strips
):
    tokenizer = byte_level()
    rule = {"mode": "strip", "height": 16, "width": 128, "step_px": 32}
    processor = VaryProcessor(
        VaryImageProcessor([rule]),
        tokenizer,
        vocabulary=strip_vocabulary.to_dict(),
        prompt_form="got",
    )
    fields = {"vocab_size": len(tokenizer), "max_position_embeddings": 256}
    model = make_model(
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        text_config={"model_type": "opt", "hidden_size": 24, "word_embed_proj_dim": 24,
                     "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
                     "pad_token_id": 1, "eos_token_id": 1, **fields},
    )  # fmt: skip
    messages = [turns("<image>\n<image>\nWhat?"), turns("And?"), turns("<image>\nIt?")]
    batch = processor(strips, messages=messages)
    together = model.generate(**batch, max_new_tokens=5, min_new_tokens=5, num_beams=3)
    for number, pictures in enumerate((strips[:2], None, strips[2:])):
        alone = processor(pictures, messages=[messages[number]])
        found = model.generate(**alone, max_new_tokens=5, min_new_tokens=5, num_beams=3)
        assert found[0, -5:].tolist() == together[number, -5:].tolist()


def test_the_form_of_600k_has_no_frame(chat_tokenizer):
    """Image tokens, the start token, the question, the answer, and a line end that ends it."""
    if "Ċ" not in chat_tokenizer.get_vocab():
        with pytest.raises(VaryError, match="answers end with '\\\\n', which is 2 tokens"):
            CHAT_FORMS["600k"].end_id(chat_tokenizer)
        return
    found, learned = written("600k", turns("<image>\nOCR: ", "A cat"), [2], chat_tokenizer)
    parts = [f"{IMAGE}{IMAGE}</s>", "OCR: ", "A cat", "\n"]
    numbers = [chat_tokenizer(part, add_special_tokens=False)["input_ids"] for part in parts]
    assert list(found.tokens) == [token for part in numbers for token in part]
    assert learned == ["A cat\n"]
    assert found.tokens[-1] == CHAT_FORMS["600k"].end_id(chat_tokenizer)
    with pytest.raises(VaryError, match="one question and one answer"):
        CHAT_FORMS["600k"].encode(turns("a", "b", "c"), [], chat_tokenizer)
