"""What is asked, in words and by a reader, with a recognizer that answers with its question."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoModelForCausalLM

from vary.errors import VaryError
from vary.model.building import add_image_tokens, build_vary
from vary.model.chat import CHATML_END, CHATML_START
from vary.model.tokenizer import train_tokenizer
from vary.read.asking import Ask, in_thousandths, parse_box
from vary.read.page_recognizer import PageReading, PageRecognizer
from vary.read.prompting import page_prompts
from vary.read.reader import Reader
from vary.read.results import DocumentResult
from vary.vocabulary import ViTDetConfig

GOT = {"ocr": " OCR: ", "markdown": " OCR with format: "}
EVERYTHING = ("ocr", "markdown", "chart", "box", "color", "tiles", "together")


class Echo:
    """Answers with the sizes of the pages and the words that it is asked."""

    is_asked = True
    prompt_form = "got"

    def __init__(self, tasks=EVERYTHING, broken=None) -> None:
        self.tasks = tasks
        self.broken = broken
        self.groups: list[int] = []

    def check(self, ask) -> None:
        ask.words(GOT, (1000, 1000))

    def read_pages(self, pages):
        return self.answer([[page] for page in pages], Ask())

    def answer(self, groups, ask):
        self.groups += [len(group) for group in groups]
        if self.broken and any(len(group) == self.broken for group in groups):
            raise VaryError("no room for so many")
        words = [ask.words(GOT, group[0].size, len(group)) for group in groups]
        return [PageReading(f"*{word}*", 0.5) for word in words]


@pytest.fixture
def document(tmp_path, draw_page, write_pdf):
    """Return a function that writes a PDF of pages; None is a blank one, "" a broken one."""

    def make(*words):
        pages = [None if word == "" else draw_page([word] if word else []) for word in words]
        return write_pdf(tmp_path / "pages.pdf", pages)

    return make


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "num_pages", "words"),
    [
        ({}, 1, " OCR: "),
        ({"task": "markdown"}, 1, " OCR with format: "),
        ({"box": (50, 25, 100, 200)}, 1, "[250, 62, 500, 500] OCR: "),
        ({"color": "red"}, 1, "[red]  OCR: "),
        ({"tiles": 4, "task": "markdown"}, 1, " OCR with format upon the patch reference: "),
        ({"together": 3}, 2, " OCR across multi pages: "),
        ({"together": 3}, 1, " OCR: "),
        ({"prompt": "OCR: "}, 1, "OCR: "),
        ({"task": "chart"}, 1, "Convert this chart to python-dict"),
    ],
)
def test_words_of_got(asked, num_pages, words):
    assert Ask(**asked).words(GOT, (200, 400), num_pages) == words


def test_words_of_the_authors_begin_without_a_blank():
    authors = {"ocr": "OCR: "}
    assert Ask(color="red").words(authors, (9, 9)) == "[red] OCR: "
    assert Ask(box=(0, 0, 9, 9)).words(authors, (9, 9)) == "[0, 0, 1000, 1000] OCR: "


def test_words_of_the_paper():
    assert Ask().words({}, (9, 9)) == "Provide the OCR results of this image."
    assert Ask(task="markdown").words({}, (9, 9)) == "Convert the image to markdown format."
    with pytest.raises(VaryError, match="no place for box and tiles"):
        Ask(box=(0, 0, 5, 5), tiles=3).words({}, (9, 9))
    with pytest.raises(VaryError, match="no words for task 'verse'"):
        Ask(task="verse").words({}, (9, 9))


def test_boxes():
    assert parse_box("1,2.5,3,4") == (1, 2.5, 3, 4)
    assert in_thousandths((1, 1, 3, 3), (3, 7)) == [333, 142, 1000, 428]
    with pytest.raises(VaryError, match=r"box 1,2,30,41 reaches beyond .* has 30 x 40 pixels"):
        Ask(box=(1, 2, 30, 41)).check_on((30, 40))
    Ask(box=(0, 0, 30, 40)).check_on((30, 40))


# -- the reader --------------------------------------------------------------------------------


def test_a_reader_asks_what_it_is_told(draw_page):
    reader, page = Reader(Echo()), draw_page(["ink"])
    assert next(reader.read(page)).text == "* OCR: *"
    answer = next(reader.read(page, prompt="What is it?"))
    assert (answer.text, answer.status, answer.decoder) == ("*What is it?*", "ok", "lm")
    assert answer.markdown == answer.text, "as it was written"
    assert next(reader.read(page)).markdown == "\\* OCR: \\*"
    reader.use(Ask(task="markdown", color="blue"))
    assert next(reader.read(page)).markdown == "*[blue]  OCR with format: *"
    assert next(reader.read(page, task="ocr")).text == "* OCR: *"
    assert reader.read_document(page, tiles=3).text == "* OCR upon the patch reference: *\n"


def test_a_box_that_is_not_on_the_page_fails_that_page(draw_page):
    result = next(Reader(Echo()).read(draw_page(["ink"]), box=(0, 0, 5, 10_000)))
    assert result.status == "failed"
    assert "reaches beyond the page" in result.reason


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"task": "markdown"}, "task 'markdown' is not one that model"),
        ({"color": "red"}, "not trained for color; its card names ocr"),
        ({"prompt": "What?", "tiles": 3}, "not trained for tiles"),
    ],
)
def test_what_the_card_does_not_name_is_refused(draw_page, asked, told):
    with pytest.raises(VaryError, match=told):
        Reader(Echo(tasks=("ocr",))).read(draw_page(["ink"]), **asked)
    assert next(Reader(Echo(tasks=("ocr",))).read(draw_page(["ink"]), prompt="What?")).text


def test_pages_are_asked_about_in_even_groups(document, small_pages):
    recognizer = Echo()
    reader = Reader(recognizer, documents=small_pages)
    found = reader.read_document(
        document("one", None, "two", "", "three", "four", "five"), together=4
    )
    assert [page.status for page in found.pages] == [
        "ok", "blank", "together", "failed", "ok", "together", "together",
    ]  # fmt: skip
    assert recognizer.groups == [2, 3]
    first, *_ = found.pages
    assert (first.text, first.confidence) == ("* OCR across multi pages: *", 0.5)
    assert first.reason == "2 pages were read together: this is the text of all"
    assert found.pages[2].reason == "its text is with that of the pages before it"
    assert found.text.count("across multi pages") == 2
    assert isinstance(found, DocumentResult)
    assert "<!-- page 3: together -->" in found.markdown


def test_pages_that_are_read_as_one_fail_as_one(document, small_pages):
    recognizer = Echo(broken=3)
    reader = Reader(recognizer, documents=small_pages)
    found = list(reader.read(document("one", "two", "three", "four", "five"), together=3))
    assert [page.status for page in found] == ["failed"] * 3 + ["ok", "together"]
    assert {page.reason for page in found[:3]} == {"no room for so many"}
    assert recognizer.groups == [3, 2], "no page is asked about otherwise than was wanted"


# -- models of chat forms ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def make():
    """Return a function that gives a recognizer of a chat form, with random weights."""

    def build(form, positions=512, tasks=("ocr", "together", "tiles")):
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .:,?'"
        tokenizer = train_tokenizer(["the harbour lies open to the north"] * 3, 300, letters)
        if form == "template":
            tokenizer.chat_template = (
                "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
                "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
            )
        config = AutoConfig.for_model(
            "llama", vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2,
            num_attention_heads=2, intermediate_size=48, max_position_embeddings=positions,
            bos_token_id=0,
        )  # fmt: skip
        torch.manual_seed(0)
        writer = AutoModelForCausalLM.from_config(config)
        add_image_tokens(writer, tokenizer, more=(CHATML_START, CHATML_END))
        vocabulary = ViTDetConfig(
            image_size=64, patch_size=8, hidden_size=16, num_hidden_layers=1,
            num_attention_heads=2, window_size=3, global_blocks=[0], out_channels=8,
            merge_channels=[12, 20],
        )  # fmt: skip
        rules = [{"mode": "resize", "height": 64, "width": 64}]
        model, processor = build_vary(
            [vocabulary], writer, tokenizer, image_rules=rules, tasks=tasks, prompt_form=form
        )
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.startswith(("projector", "language_model")) and "norm" not in name:
                    parameter.normal_(std=0.5)
        model.generation_config.max_new_tokens = 24
        return PageRecognizer(model.eval(), processor)

    return build


@pytest.mark.parametrize("form", ["qwen", "vicuna", "template", "got"])
def test_an_answer_is_what_the_model_writes_to_the_conversation(make, form, noise_pages):
    recognizer = make(form)
    processor, model = recognizer.processor, recognizer.model
    question = "Where does the harbour lie?"
    found = recognizer.answer([[page] for page in noise_pages], Ask(prompt=question))
    for page, reading in zip(noise_pages, found, strict=True):
        messages = [{"role": "user", "content": f"<image>\n{question}"}]
        inputs = processor([page], messages=[messages])
        row = model.generate(**inputs)[0, inputs["input_ids"].shape[1] :]
        assert reading.written == processor.decode_answers([row.tolist()])[0]
        alone = recognizer.answer([[page]], Ask(prompt=question))[0]
        assert (alone.text, alone.status) == (reading.text, reading.status)
    assert len({reading.written for reading in found}) > 2


@pytest.mark.parametrize(("form", "starts"), [("qwen", 2), ("vicuna", 2), ("got", 1)])
def test_pages_stand_in_one_image_or_in_their_own(make, form, starts, noise_pages):
    processor = make(form).processor
    group = [noise_pages[:2]]
    inputs = page_prompts(processor, group, Ask(prompt="Read.", together=2, tiles=4), GOT)
    start, pad = processor.tokenizer.convert_tokens_to_ids(["<img>", "<imgpad>"])
    row = inputs["input_ids"][0].tolist()
    assert row.count(start) == starts
    tokens = processor.num_image_tokens(64, 64)
    assert row.count(pad) == tokens * len(inputs["pixel_values"])
    assert len(inputs["pixel_values"]) == 4  # two tiles and the whole; one that fits a tile


def test_white_space_around_an_answer_is_none_of_its_lines(make):
    recognizer = make("vicuna")
    tokens = recognizer.processor.encode_plain(["\n\nthe harbour\nlies open\n"])[0]
    end = recognizer.processor.end_id
    logs = [-1.0] * 2 + [-0.1] * (len(tokens) - 2) + [-0.1]
    reading = recognizer._judge([*tokens, end, end], logs)
    assert (reading.text, reading.status) == ("the harbour\nlies open", "ok")
    assert len(reading.line_confidences) == 2
    assert min(reading.line_confidences) > 0.8


def test_every_end_of_the_models_settings_ends_an_answer(make):
    recognizer = make("qwen")
    letter = recognizer.processor.encode_plain(["a"])[0][0]
    recognizer.model.generation_config.eos_token_id = [letter, recognizer.processor.end_id]
    anew = PageRecognizer(recognizer.model, recognizer.processor)
    other = recognizer.processor.encode_plain(["b"])[0]
    assert anew._judge([*other, letter, letter], [-0.1] * 4).status == "ok"
    assert anew._judge([*other, letter, letter], [-0.1] * 4).text == "b"


def test_what_does_not_fit_is_told_before_anything_is_read(make, draw_page):
    reader = Reader(make("qwen", positions=200))
    with pytest.raises(VaryError, match="give fewer pages or tiles, or take a model of more"):
        reader.read(draw_page(["ink"]), prompt="Read.", tiles=12, together=8)
    with pytest.raises(VaryError, match="the conversation has 2 <image>"):
        reader.read(draw_page(["ink"]), prompt="What is <image>?")


def test_tiles_need_pictures_of_one_size(make_page_model):
    recognizer = PageRecognizer(*make_page_model("canvas", language_model="llama"))
    with pytest.raises(VaryError, match="the modes of this one are canvas: leave tiles out"):
        recognizer.check(Ask(prompt="Read.", tiles=3))


def test_arrays_are_pages_too(make):
    page = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    recognizer = make("got")
    ask = Ask(prompt="Read.", tiles=3)
    assert recognizer.answer([[page]], ask) == recognizer.answer([[Image.fromarray(page)]], ask)
