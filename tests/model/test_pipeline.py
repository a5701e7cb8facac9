"""transformers' pipeline over a saved model: whole pages, lists of pictures, batches."""

import re

import pytest
import torch
from PIL import Image
from transformers import pipeline

from vary.model.building import add_image_tokens, build_vary
from vary.vocabulary import ViTDetConfig

POSITIONS = 320  # beyond the 256 new tokens at which a pipeline stops by itself


@pytest.fixture
def pages() -> list[Image.Image]:
    """Three pictures of noise of unequal sizes."""
    generator = torch.Generator().manual_seed(3)
    sizes = [(40, 90, 3), (64, 64, 3), (100, 30, 3)]
    return [
        Image.fromarray(torch.randint(255, size, dtype=torch.uint8, generator=generator).numpy())
        for size in sizes
    ]


@pytest.fixture(params=["paper", "code"])
def model_folder(request, make_opt, opt_tokenizer, tmp_path):
    """A saved model that never ends its answers by itself."""
    language_model = make_opt(max_position_embeddings=POSITIONS)
    add_image_tokens(language_model, opt_tokenizer)
    vocabulary = ViTDetConfig(
        image_size=64,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        window_size=3,
        global_blocks=[0],
        out_channels=8,
        merge_channels=[12, 20],
    )
    torch.manual_seed(0)
    model, processor = build_vary(
        [vocabulary], language_model, opt_tokenizer, prompt_form=request.param
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("projector", "language_model")) and "norm" not in name:
                parameter.normal_(std=0.5)
        model.get_output_embeddings().weight[opt_tokenizer.eos_token_id] = 0
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def reader(model_folder):
    return pipeline("image-text-to-text", model=str(model_folder))


def direct_texts(reader, pages, **settings) -> list[str]:
    """Return what `generate` writes on each page by itself."""
    texts = []
    for page in pages:
        inputs = reader.processor(page)
        rows = reader.model.generate(**inputs, **settings)[:, inputs["input_ids"].shape[1] :]
        texts.extend(reader.processor.decode_answers(rows))
    return texts


def test_a_page_is_written_to_its_end(reader, pages):
    (answer,) = reader(pages[0], text="", return_tensors=True)
    (tokens,) = answer["generated_token_ids"][None].tolist()
    assert len(tokens) == POSITIONS


def test_answers_to_a_list_are_those_to_each(reader, pages):
    settings = {"max_new_tokens": 12}
    expected = direct_texts(reader, pages, **settings)
    assert len(set(expected)) == len(pages)
    together = reader(pages, text=["", "", ""], **settings)
    assert [answer["generated_text"] for answer in together] == expected
    assert reader(pages[1], text="", **settings)[0]["generated_text"] == expected[1]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_batches_of_pages(reader, pages, batch_size):
    settings = {"max_new_tokens": 12}
    items = ({"images": page, "text": ""} for page in pages)
    answers = reader(items, batch_size=batch_size, **settings)
    texts = [answer["generated_text"] for (answer,) in answers]
    assert texts == direct_texts(reader, pages, **settings)


def test_only_the_answer_comes_back(reader, pages):
    (answer,) = reader(pages[0], text="", max_new_tokens=12)
    assert not re.search("<img|</s>|<pad>", answer["generated_text"])
    assert answer["input_text"] == ""
