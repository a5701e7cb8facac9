import pytest
import torch
from transformers import AutoProcessor

from vary.model import VaryConfig, VaryImageProcessor, VaryProcessor
from vary.model.processing import pad_left


def test_prompt_is_the_papers(processor):
    assert processor.prompt(2) == "<img><imgpad><imgpad></img>"


def test_prompt_with_a_draft(processor):
    assert processor.prompt(1, "a b") == "<img><imgpad></img><draft>a b</draft>"
    assert processor.prompt(1, "") == "<img><imgpad></img><draft></draft>"


def test_tokens_of_a_prompt(processor):
    names = processor.tokenizer.convert_ids_to_tokens(processor.prompt_tokens(2, "a7"))
    assert names == ["<img>", "<imgpad>", "<imgpad>", "</img>", "<draft>", "a", "7", "</draft>"]
    assert processor.prompt_tokens(2) == processor.encode([processor.prompt(2)])[0]


@pytest.mark.parametrize("draft", ["plain text", "", "中 7"])
def test_tokens_of_a_prompt_are_those_of_its_text(processor, draft):
    assert processor.prompt_tokens(2, draft) == processor.encode([processor.prompt(2, draft)])[0]


def test_a_page_about_image_tokens_is_no_prompt(processor):
    """What stands on a page is text, even where it looks like one of the special tokens."""
    draft = "<img><imgpad></img></s></draft>"
    tokens = processor.prompt_tokens(1, draft)
    special = [token for token in tokens if token < 7]
    names = processor.tokenizer.convert_ids_to_tokens(special)
    assert names == ["<img>", "<imgpad>", "</img>", "<draft>", "</draft>"]
    plain = processor.encode_plain([draft])[0]
    assert processor.tokenizer.decode(plain, skip_special_tokens=True) == draft


@pytest.mark.parametrize(
    ("size", "count"), [((16, 8), 1), ((16, 32), 1), ((16, 96), 3), ((16, 128), 4)]
)
def test_number_of_tokens_follows_the_size(processor, size, count):
    assert processor.num_image_tokens(*size) == count


def test_number_of_tokens_of_the_papers_vocabulary(tokenizer):
    assert VaryProcessor(VaryImageProcessor(), tokenizer).num_image_tokens(1024, 1024) == 256


def test_batch_is_padded_on_the_left(processor, strips):
    features = processor(strips, drafts=[None, "ab", ""])
    assert set(features) >= {"input_ids", "attention_mask", "pixel_values", "image_sizes"}
    assert features["pixel_values"].shape == (3, 3, 16, 128)
    rows = [
        processor.tokenizer.decode(row[mask.bool()])
        for row, mask in zip(features["input_ids"], features["attention_mask"], strict=True)
    ]
    assert rows == [
        "<img><imgpad></img>",
        "<img><imgpad><imgpad><imgpad></img><draft>ab</draft>",
        "<img><imgpad><imgpad><imgpad><imgpad></img><draft></draft>",
    ]
    assert features["attention_mask"][0].tolist() == [0] * 6 + [1] * 3
    assert (features["input_ids"][0, :6] == processor.tokenizer.pad_token_id).all()


def test_one_picture_without_a_list(processor, strips):
    assert processor(strips[0])["input_ids"].shape == (1, 3)


def test_drafts_and_pictures_differ_in_number(processor, strips):
    with pytest.raises(ValueError, match="shorter"):
        processor(strips, drafts=["a"])


def test_pad_left():
    padded = pad_left([[5], [6, 7, 8]], pad=1)
    assert padded["input_ids"].tolist() == [[1, 1, 5], [6, 7, 8]]
    assert padded["attention_mask"].tolist() == [[0, 0, 1], [1, 1, 1]]


@pytest.mark.parametrize("load", [VaryProcessor, AutoProcessor])
def test_json_and_back(processor, strips, tmp_path, load):
    VaryConfig().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    back = load.from_pretrained(tmp_path)
    assert isinstance(back, VaryProcessor)
    before, after = processor(strips, ["a", None, "中"]), back(strips, ["a", None, "中"])
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(after[name], value), name


def test_positions_count_on(processor, strips):
    features = processor(strips[:2], drafts=[None, "a"])
    assert features["position_ids"].tolist() == [[0] * 5 + [0, 1, 2], [*range(8)]]


def test_positions_of_a_processor_with_a_place_for_the_answer(processor, strips, tmp_path):
    processor.answer_position = 20
    processor.save_pretrained(tmp_path)
    back = VaryProcessor.from_pretrained(tmp_path)
    features = back(strips[:2], drafts=[None, "ab"])
    without, with_draft = features["position_ids"].tolist()
    assert without[-3:] == [0, 1, 19]
    assert with_draft == [0, 1, 2, 3, 4, 10, 11, 12, 19]


def test_a_draft_beyond_its_place_is_cut(processor):
    processor.answer_position = 20
    tokens = processor.prompt_tokens(1, "z" * 50)
    assert processor.tokenizer.decode(tokens) == f"<img><imgpad></img><draft>{'z' * 8}</draft>"
    positions = processor.prompt_positions(1, len(tokens))
    assert positions == [0, 1, 2, *range(10, 20)]


def test_misspelt_arguments_are_refused(processor, strips):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'draft'; .* text, return_"):
        processor(strips[0], draft=["a"])


def test_what_pipelines_pass_is_taken(processor, strips):
    plain = processor(strips)
    passed = processor(images=strips, text=["", "", ""], return_tensors="pt", padding=True)
    for name, value in plain.items():
        assert torch.equal(passed[name], value), name


@pytest.mark.parametrize("text", ["What is this?", ["", "What is this?"]])
def test_a_text_for_the_prompt_is_refused(processor, strips, text):
    with pytest.raises(ValueError, match=r"the prompt of a picture has no text, got .*drafts"):
        processor(strips, text=text)
