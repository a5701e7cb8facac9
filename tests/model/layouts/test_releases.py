"""What an imported release is asked, and what its card says."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vary.errors import InputError
from vary.model import VaryConfig, VaryForConditionalGeneration, VaryProcessor
from vary.model.inspection import checkpoint_info
from vary.model.layouts.exporting import export_weights
from vary.model.layouts.importing import import_weights
from vary.model.layouts.tokenizers import load_tokenizer

IMAGE = "<img>" + "<imgpad>" * 4 + "</img>"
CHATML = (
    "<|im_start|>system\nYou should follow the instructions carefully and explain your answers in "
    "detail.<|im_end|><|im_start|>user\n{}<|im_end|><|im_start|>assistant\n"
)
VICUNA = (
    "</s>A chat between a curious user and an artificial intelligence assistant. The assistant "
    "gives helpful, detailed, and polite answers to the user's questions. USER: {} ASSISTANT:"
)
PROMPTS = {
    "vary-tiny": f"</s>{IMAGE}\n",
    "vary-tiny-600k": "<imgpad>" * 4 + "</s>OCR: ",
    "onechart": VICUNA.format(
        f"{IMAGE}Convert the key information of the chart to a python dict:\n"
    ),
    "got": CHATML.format(f"{IMAGE}\n OCR: "),  # with the blank that transformers has
    "got-hf": CHATML.format(f"{IMAGE}\n OCR: "),
}
ENDS = {"vary-tiny-600k": "\n", "got": "<|im_end|>", "got-hf": "<|im_end|>"}


@pytest.mark.parametrize("layout", PROMPTS)
def test_a_picture_alone_is_asked_as_the_release_is(ours, layout):
    processor = VaryProcessor.from_pretrained(ours(layout))
    ids = processor(np.zeros((30, 40, 3), np.uint8))["input_ids"][0]
    assert processor.tokenizer.decode(ids) == PROMPTS[layout]
    end = processor.tokenizer.decode([processor.end_id])
    assert end == ENDS.get(layout, "</s>")
    model = VaryForConditionalGeneration.from_pretrained(ours(layout))
    assert model.generation_config.eos_token_id == processor.end_id
    assert ids.tolist().count(model.config.image_token_id) == 4


def test_vary_toy_is_asked_in_conversations(ours):
    processor = VaryProcessor.from_pretrained(ours("vary-toy"))
    question = VaryConfig.from_pretrained(ours("vary-toy")).questions["ocr"]
    assert question == "Provide the ocr results of this image."
    turns = [{"role": "user", "content": f"<image>\n{question}"}]
    ids = processor(images=[np.zeros((30, 40, 3), np.uint8)], messages=[turns])["input_ids"][0]
    assert processor.tokenizer.decode(ids) == CHATML.format(f"{IMAGE}\n{question}")


def test_what_ends_an_answer_goes_in_and_out(releases, tmp_path):
    folder = Path(shutil.copytree(releases("got").folder, tmp_path / "got"))
    told = {"eos_token_id": [290, 3], "max_new_tokens": 40}
    (folder / "generation_config.json").write_text(json.dumps(told))
    import_weights(folder, tmp_path / "ours")
    settings = VaryForConditionalGeneration.from_pretrained(tmp_path / "ours").generation_config
    processor = VaryProcessor.from_pretrained(tmp_path / "ours")
    assert settings.eos_token_id == [processor.end_id, 290, 3]
    assert settings.max_new_tokens == 40
    export_weights(tmp_path / "ours", "got", tmp_path / "back")
    import_weights(tmp_path / "back", tmp_path / "again")
    again = VaryForConditionalGeneration.from_pretrained(tmp_path / "again").generation_config
    assert again.to_dict() == settings.to_dict()


def test_an_imported_model_writes(ours):
    folder = ours("vary-tiny-600k")
    model, processor = (
        kind.from_pretrained(folder) for kind in (VaryForConditionalGeneration, VaryProcessor)
    )
    rng = np.random.Generator(np.random.PCG64(0))
    inputs = processor([rng.integers(0, 256, (50, 40, 3), np.uint8) for _ in range(2)])
    rows = model.eval().generate(**inputs, max_new_tokens=5)
    texts = processor.post_process_image_text_to_text(rows[:, inputs["input_ids"].shape[1] :])
    assert len(texts) == 2


@pytest.mark.parametrize("layout", ["vary-tiny", "onechart", "vary-toy", "got-hf"])
def test_a_folder_tells_what_is_in_it(ours, layout):
    info = checkpoint_info(ours(layout))
    assert info["problems"] == []
    assert info["tokens_per_image"] == 4
    assert info["tasks"]
    record = json.loads((ours(layout) / "import.json").read_text())
    assert record["layout"] == layout
    assert f"layout `{layout}`" in (ours(layout) / "README.md").read_text()


def test_pieces_of_qwen_1s_tokenizer_are_those_of_lowest_rank(releases):
    """Held to the rule itself: of two neighbours join those whose piece has the lowest rank."""
    tokenizer = load_tokenizer(releases("got").folder)
    letters = {token: number for token, number in tokenizer.get_vocab().items() if number < 290}
    merged = max(letters, key=len)
    assert len(merged) > 3

    def join(word: str) -> list[str]:
        parts = [word] if word in letters else list(word)
        while True:
            pairs = [a + b for a, b in itertools.pairwise(parts)]
            known = [(letters[pair], place) for place, pair in enumerate(pairs) if pair in letters]
            if not known:
                return parts
            place = min(known)[1]
            parts[place : place + 2] = [pairs[place]]

    words = ["theatre", "wintering", "harbours", "the", "northern", "ferriess"]
    for word in words:
        assert tokenizer.tokenize(word) == join(word)
    text = "It's 1893: e\u0301 文字\r\n  <|im_end|> and <imgpad>!"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text.replace("e\u0301", "\u00e9")
    assert ids.count(tokenizer.convert_tokens_to_ids("<imgpad>")) == 1
    assert [tokenizer.convert_tokens_to_ids(t) for t in ("<|endoftext|>", "<imgpad>")] == [290, 506]
    assert tokenizer.tokenize("1893") == list("1893")  # digits alone


def test_opts_added_tokens_have_their_numbers(releases):
    tokenizer = load_tokenizer(releases("onechart").folder)
    ids = tokenizer("</s><img><Number>a</s>", add_special_tokens=False)["input_ids"]
    names = ["</s>", "<img>", "<Number>", "a", "</s>"]
    assert ids == tokenizer.convert_tokens_to_ids(names)
    assert tokenizer.eos_token == tokenizer.bos_token == "</s>"
    assert torch.tensor(ids).max() == len(tokenizer) - 1


def test_the_authors_own_folders_are_not_taken_for_ours(releases):
    with pytest.raises(InputError, match=r"is one of the Vary authors', .* vary import .* --out"):
        checkpoint_info(releases("vary-tiny").folder)
