"""Tiny models of pages with one or more vocabularies, and sets of samples for them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    CLIPVisionConfig,
    PreTrainedTokenizerFast,
)

from vary.data.schema import EncodedImage, Message, Sample, Word, write_samples
from vary.model import ImageRule
from vary.model.adding import add_vocabulary
from vary.model.building import add_image_tokens, build_vary
from vary.vocabulary import ViTDetConfig

PAGE, CLIP_RULE = ImageRule("resize", 64, 64), ImageRule("resize", 28, 28)
TEXTS = ["the harbour lies open", "in winter ferries wait", "page 47 of 1893", "north by east"]


def clip_config() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=28, patch_size=14,
    )  # fmt: skip


def vitdet_config(**changes) -> ViTDetConfig:
    fields = {
        "image_size": 64, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "window_size": 3, "global_blocks": [0], "out_channels": 8,
        "merge_channels": [12, 20], **changes,
    }  # fmt: skip
    return ViTDetConfig(**fields)


def make_tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<s>", "<pad>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(TEXTS * 3, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def make_model(vocabularies=1, fusion="channel", form="paper", positions=256, enlarged=True):
    """Return a tiny model of pages and its processor."""
    tokenizer = make_tokenizer()
    torch.manual_seed(1)
    language_model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(
            "qwen2", vocab_size=300, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=2, intermediate_size=48, max_position_embeddings=positions,
            bos_token_id=0, pad_token_id=1, eos_token_id=2, tie_word_embeddings=False,
        )
    )  # fmt: skip
    add_image_tokens(language_model, tokenizer)
    if form == "qwen":
        tokenizer.add_special_tokens(
            {"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]},
            replace_extra_special_tokens=False,
        )
        language_model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    parts, rules = [vitdet_config(), clip_config()], [PAGE, CLIP_RULE]
    model, processor = build_vary(
        parts[:vocabularies], language_model, tokenizer, image_rules=rules[:vocabularies],
        fusion=fusion, prompt_form=form,
    )  # fmt: skip
    if enlarged:
        enlarge(model)
    return model.eval(), processor


@torch.no_grad()
def enlarge(model) -> None:
    """Make the initial weights so large that the answer hangs on the image."""
    for name, parameter in model.named_parameters():
        if name.startswith(("language_model", "projector")) and "norm" not in name:
            parameter.normal_(std=0.3)


def add_second(model, processor) -> None:
    """Put CLIP beside what a model has, as `vary merge --model` does."""
    torch.manual_seed(2)
    add_vocabulary(model, processor, clip_config(), CLIP_RULE)


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def encoded(seed: int, size=(40, 60)) -> EncodedImage:
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    return EncodedImage(png(noise), f"{seed}.png", size[1], size[0])


def page_sample(number: int, **changes) -> Sample:
    fields = {
        "id": f"page/{number}", "images": (encoded(number),), "kind": "document", "language": "en",
        "format": "text", "text": TEXTS[number % len(TEXTS)], **changes,
    }  # fmt: skip
    return Sample(**fields)


def talk_sample(number: int) -> Sample:
    return Sample(
        id=f"talk/{number}", images=(encoded(number), encoded(number + 50)), kind="conversation",
        language="en", format="answer", text="",
        messages=(
            Message("user", "<image>\nWhat lies open?"), Message("assistant", "the harbour"),
            Message("user", "<image>\nAnd here?"), Message("assistant", "in winter ferries"),
        ),
    )  # fmt: skip


def write_set(folder: Path, samples) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(list(samples), folder / "part-00000.parquet")
    return folder


def line_picture(text: str, height: int = 48) -> Image.Image:
    font = ImageFont.load_default(30)
    width = round(font.getlength(text)) + 16
    picture = Image.new("L", (width, height), 255)
    ImageDraw.Draw(picture).text((8, 6), text, font=font, fill=0)
    return picture


def line_sample(number: int, text: str, boxes: bool = True) -> Sample:
    """A strip of one line, with the boxes of its words."""
    picture = line_picture(text)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    font = ImageFont.load_default(30)
    words, before = [], ""
    for word in text.split():
        start = 8 + font.getlength(before)
        words.append(Word(0, word, round(start), 0, round(start + font.getlength(word)), 48))
        before += word + " "
    return Sample(
        id=f"line/{number}",
        images=(EncodedImage(buffer.getvalue(), f"{number}.png", *picture.size),),
        kind="document", language="en", format="text", text=text,
        words=tuple(words) if boxes else None, meta=json.dumps({"document": f"book {number}"}),
    )  # fmt: skip


@pytest.fixture
def pages(tmp_path) -> Path:
    return write_set(tmp_path / "pages", map(page_sample, range(12)))
