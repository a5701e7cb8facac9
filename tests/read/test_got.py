"""GOT-OCR-2.0 in Hugging Face's layout reads as transformers' own classes do.

On the same weights the prompts have the same tokens, the pictures the same pixels, and what is
written is the same, token by token; and so is the text that `vary read` shows.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import (
    GotOcr2Config,
    GotOcr2ForConditionalGeneration,
    GotOcr2Processor,
    PreTrainedTokenizerFast,
)
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from typer.testing import CliRunner

from vary.cli.main import app
from vary.model.inspection import checkpoint_info
from vary.model.layouts.importing import import_weights
from vary.read.asking import Ask
from vary.read.page_recognizer import PageReading, PageRecognizer
from vary.read.prompting import page_prompts
from vary.read.reader import Reader
from vary.read.recognizer import load_recognizer

SIDE, TOKENS, NEW_TOKENS = 64, 4, 40
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|extra_0|>", "<ref>", "</ref>", "<box>",
    "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>",
]  # fmt: skip
END = "<|im_end|>"
TEXTS = ["the harbour lies open to the north, OCR with format", "12 ferries wait", "页面上的文字"]
VISION = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": SIDE,
    "patch_size": 8, "output_channels": 16, "window_size": 3, "global_attn_indexes": [1],
    "mlp_dim": 192,
}  # fmt: skip


def make_tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(TEXTS * 3, trainer)
    made.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[0],
        pad_token=SPECIAL[0],
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=True,
    )


@torch.no_grad()
def randomise(module: nn.Module) -> None:
    """Give every parameter values of the scale that trained ones have.

    The language model's layers are strong beside its embeddings: else it repeats one token.
    """
    generator = torch.Generator().manual_seed(0)
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "rel_pos" in name:
            values *= 0.5
        elif "norm" in name:
            values = values * 0.1 + (1 if name.endswith("weight") else 0)
        elif name.endswith("bias"):
            values *= 0.1
        elif "pos_embed" not in name and parameter.dim() > 1:
            values *= parameter[0].numel() ** -0.5 * (2.5 if "language_model.layers" in name else 1)
        parameter.copy_(values)


@dataclass
class Got:
    """Transformers' model and processor, and the folder of ours with the same weights."""

    model: GotOcr2ForConditionalGeneration
    processor: GotOcr2Processor
    folder: Path
    pages: list[Image.Image]
    tokens: int
    known: dict[str, tuple[list[int], str]] = field(default_factory=dict)

    def inputs(self, pages: Any, **asked: Any) -> Any:
        made = self.processor(pages, return_tensors="pt", num_image_tokens=self.tokens, **asked)
        return {name: made[name] for name in ("input_ids", "attention_mask", "pixel_values")}

    def writes(self, pages: Any, **asked: Any) -> tuple[list[int], str]:
        """Return the tokens that transformers writes, as its documentation has it, and the text."""
        key = f"{pages} {asked}"
        if key in self.known:
            return self.known[key]
        inputs = self.inputs(pages, **asked)
        row = self.model.generate(
            **inputs,
            do_sample=False,
            tokenizer=self.processor.tokenizer,
            stop_strings=END,
            max_new_tokens=NEW_TOKENS,
        )[0, inputs["input_ids"].shape[1] :]
        text = self.processor.decode(row, skip_special_tokens=True)
        return self.known.setdefault(key, (row.tolist(), text))


def draw_page(width: int, height: int, seed: int) -> Image.Image:
    """Return a page of words on a background of noise, which no two pages share."""
    rng = np.random.Generator(np.random.PCG64(seed))
    page = Image.fromarray(rng.integers(150, 256, (height, width, 3), dtype=np.uint8))
    drawing = ImageDraw.Draw(page)
    for row in range(8, height - 20, 24):
        words = f"page {seed}, line {row}: the harbour lies open"
        drawing.text((10, row), words, fill="black", font=ImageFont.load_default(16))
    return page


def make_got(here: Path, vision: dict[str, Any], width: int, tokens: int) -> Got:
    """Write transformers' model and processor into a folder, and ours beside."""
    tokenizer = make_tokenizer()
    heads = width // 64
    config = GotOcr2Config(
        vision_config=vision,
        text_config={
            "model_type": "qwen2", "vocab_size": len(tokenizer), "hidden_size": width,
            "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": heads,
            "num_key_value_heads": heads, "max_position_embeddings": 8192,
            "tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": None,
            "pad_token_id": None,
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<imgpad>"),
        image_seq_length=tokens,
    )  # fmt: skip
    model = GotOcr2ForConditionalGeneration(config).eval()
    randomise(model)
    with torch.no_grad():  # so that some answers come to an end, and others do not
        model.get_output_embeddings().weight[tokenizer.convert_tokens_to_ids(END)] *= 1.6
    side = config.vision_config.image_size
    images = GotOcr2ImageProcessorPil(size={"height": side, "width": side})
    for part in (model, tokenizer, images):
        part.save_pretrained(here / "theirs")
    import_weights(here / "theirs", here / "ours")
    settings = here / "ours" / "generation_config.json"
    written = json.loads(settings.read_text(encoding="utf-8"))
    settings.write_text(json.dumps({**written, "max_new_tokens": NEW_TOKENS}), encoding="utf-8")
    pages = [draw_page(*size) for size in ((200, 150, 1), (130, 220, 2), (300, 90, 3))]
    return Got(model, GotOcr2Processor(images, tokenizer), here / "ours", pages, tokens)


@pytest.fixture(scope="module")
def got(tmp_path_factory) -> Got:
    here = tmp_path_factory.mktemp("got")
    made = make_got(here, VISION, 64, TOKENS)
    for number, page in enumerate(made.pages):
        page.copy().save(here / f"{number}.png")
    first, *others = made.pages
    first.save(here / "all.tif", save_all=True, append_images=others)
    return made


@pytest.fixture(scope="module")
def recognizer(got):
    return load_exact(got)


def load_exact(got) -> PageRecognizer:
    """Return our model in float32, as transformers' is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vary.read.recognizer.pick_dtype", lambda _: torch.float32)
        return load_recognizer(got.folder, "cpu")


@dataclass
class Kind:
    """A kind of prompt: what `vary read` is asked, and what transformers' processor."""

    asked: dict[str, Any] = field(default_factory=dict)
    theirs: dict[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        box = {"box": ",".join(map(str, self.asked["box"]))} if "box" in self.asked else {}
        given = {**self.asked, **box}
        return [word for name, value in given.items() for word in (f"--{name}", str(value))]


BOX = [31, 20, 119, 77]
TILES = {"crop_to_patches": True, "max_patches": 6}
KINDS = {
    "plain": Kind(),
    "format": Kind({"task": "markdown"}, {"format": True}),
    "box": Kind({"box": BOX}, {"box": BOX}),
    "box with format": Kind({"box": BOX, "task": "markdown"}, {"box": BOX, "format": True}),
    "colour": Kind({"color": "red"}, {"color": "red"}),
    "colour with format": Kind(
        {"color": "blue", "task": "markdown"}, {"color": "blue", "format": True}
    ),
    "tiles": Kind({"tiles": 6}, TILES),
    "tiles with format": Kind({"tiles": 6, "task": "markdown"}, {**TILES, "format": True}),
    "box and colour": Kind({"box": BOX, "color": "green"}, {"box": BOX, "color": "green"}),
}
TOGETHER = {
    "pages": Kind({"together": 3}, {"multi_page": True}),
    "pages with format": Kind(
        {"together": 3, "task": "markdown"}, {"multi_page": True, "format": True}
    ),
    "pages in tiles": Kind({"together": 3, "tiles": 6}, {"multi_page": True, **TILES}),
}


def theirs(kind: Kind) -> dict[str, Any]:
    """Return the options of transformers' processor, which changes the box that it is given."""
    return {name: list(value) if name == "box" else value for name, value in kind.theirs.items()}


def answer(recognizer, pages, ask) -> tuple[list[int], PageReading]:
    """Return the tokens that our model writes, and what the reader makes of them."""
    rows: list[list[int]] = []
    inner = recognizer.model.generate

    def generate(**inputs):
        made = inner(**inputs)
        rows.extend(made[:, inputs["input_ids"].shape[1] :].tolist())
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognizer.model, "generate", generate)
        (found,) = recognizer.answer([pages], ask)
    (row,) = rows
    return row, found


def check(got, recognizer, pages, kind) -> str:
    """Compare prompt, pixels, tokens and text of a group of pages; return the text."""
    given = [pages] if "multi_page" in kind.theirs else pages[0]
    inputs = got.inputs(given, **theirs(kind))
    ask = Ask(**kind.asked)
    ours = page_prompts(recognizer.processor, [pages], ask, recognizer.model.config.questions)
    assert ours["input_ids"].tolist() == inputs["input_ids"].tolist()
    assert ours["attention_mask"].tolist() == inputs["attention_mask"].tolist()
    assert ours["pixel_values"].shape == inputs["pixel_values"].shape
    assert (ours["pixel_values"] - inputs["pixel_values"]).abs().max() < 1e-5
    written, text = got.writes(given, **theirs(kind))
    row, found = answer(recognizer, pages, ask)
    assert row == written
    assert found.written == text.strip()
    return text


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_page_is_read_as_transformers_reads_it(got, recognizer, kind):
    texts = [check(got, recognizer, [page], kind) for page in got.pages[1:]]
    assert len(set(texts)) == len(texts), "the answers hang on the pages"


@pytest.mark.parametrize("kind", TOGETHER.values(), ids=TOGETHER)
def test_pages_are_read_together_as_transformers_reads_them(got, recognizer, kind):
    for number in (2, 3):
        check(got, recognizer, got.pages[:number], kind)


@pytest.mark.slow
def test_a_page_is_read_alike_at_the_size_of_the_release(tmp_path):
    """The whole encoder, 1024 px and 256 tokens a picture, a language model as wide as GOT's."""
    got = make_got(tmp_path, {}, 1024, 256)
    assert got.model.config.vision_config.image_size == 1024
    check(got, load_exact(got), [draw_page(1240, 700, 4)], KINDS["box with format"])


def test_what_is_asked_is_told_apart(got):
    """Else the tests above would see nothing."""
    kinds = {**KINDS, **TOGETHER}
    given = {name: [got.pages] if name in TOGETHER else got.pages[1] for name in kinds}
    written = {tuple(got.writes(given[name], **theirs(kind))[0]) for name, kind in kinds.items()}
    assert len(written) > len(kinds) // 2
    ends = {row[-1] == got.processor.tokenizer.convert_tokens_to_ids(END) for row in written}
    assert ends == {True, False}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_command_shows_the_text_that_transformers_decodes(got, monkeypatch, kind):
    monkeypatch.setattr("vary.read.recognizer.pick_dtype", lambda _: torch.float32)
    page = got.folder.parent / "1.png"
    command = ["read", str(page), "--model", str(got.folder), "--device", "cpu", *kind.options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == got.writes(got.pages[1], **theirs(kind))[1].strip()


def test_a_question_is_answered_as_transformers_answers_it(got, monkeypatch):
    """Its processor takes the whole prompt as text, the picture's place in it."""
    monkeypatch.setattr("vary.read.recognizer.pick_dtype", lambda _: torch.float32)
    text = (
        "<|im_start|>system\nYou should follow the instructions carefully and explain your answers "
        "in detail.<|im_end|><|im_start|>user\n<img><imgpad></img>\nWhere is the harbour?<|im_end|>"
        "<|im_start|>assistant\n"
    )
    expected = got.writes(got.pages[1], text=text)[1].strip()
    page, asked = got.folder.parent / "1.png", "Where is the harbour?"
    command = ["read", str(page), "--model", str(got.folder), "--device", "cpu", "--prompt", asked]
    assert CliRunner().invoke(app, command).stdout.strip() == expected
    shown = checkpoint_info(got.folder)["prompt"]["text"]
    assert (
        shown
        == text.replace("<imgpad>", "<imgpad> x 4").replace(asked, "QUESTION") + f"ANSWER{END}"
    )


def test_pages_of_a_document_are_shown_as_one(got, monkeypatch):
    """The first has the text, the others say so; all are there under their numbers."""
    monkeypatch.setattr("vary.read.recognizer.pick_dtype", lambda _: torch.float32)
    document = got.folder.parent / "all.tif"
    reader = Reader.from_pretrained(got.folder, device="cpu")
    pages = list(reader.read(document, together=3))
    assert [page.page for page in pages] == [1, 2, 3]
    assert [page.status for page in pages[1:]] == ["together"] * 2
    expected = got.writes([got.pages], multi_page=True)[1]
    assert [page.text for page in pages] == [expected.strip(), "", ""]
    assert pages[0].reason.startswith("3 pages were read together: this is the text of all")
    two_and_one = list(reader.read(document, together=2))
    assert [page.status == "together" for page in two_and_one] == [False, True, False]
    assert two_and_one[0].text == got.writes([got.pages[:2]], multi_page=True)[1].strip()
    assert two_and_one[2].text == got.writes(got.pages[2])[1].strip()
    alone = [got.writes(page)[1].strip() for page in got.pages]
    assert [page.text for page in reader.read(document)] == alone
