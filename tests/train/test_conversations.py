"""Training on conversations: the paper's questions, several pictures or none, loss on answers."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from transformers import AutoModelForCausalLM

from vary.checkpoints import find_checkpoint
from vary.data.questions import QUESTIONS
from vary.data.schema import EncodedImage, Message, Sample, write_samples
from vary.data.shard_rows import ShardRows
from vary.errors import VaryError
from vary.model import VaryProcessor
from vary.model.building import add_image_tokens, build_vary
from vary.model.configuration import config_from_dict
from vary.model.tokenizer import train_tokenizer
from vary.strict import build_value
from vary.train.batches import Room, StageBatches, collate
from vary.train.build import build
from vary.train.conversations import ask, asked, turns_of
from vary.train.measure import Measure
from vary.train.objective import ReadingObjective
from vary.train.recipe import Recipe, recipe_to_dict
from vary.train.run import model_room, stage_mixture, train
from vary.train.sources import Materials, ShardSource
from vary.vocabulary import ViTDetConfig

WORDS = "seven ferries and a white harbour"
VOCABULARY = {
    "image_size": [32, 64], "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1,
    "num_attention_heads": 2, "window_size": 3, "global_blocks": [0], "out_channels": 8,
    "merge_channels": [12, 16],
}  # fmt: skip


def picture(seed: int, size: tuple[int, int] = (64, 32)) -> EncodedImage:
    rng = np.random.default_rng(seed)
    file = io.BytesIO()
    Image.fromarray(rng.integers(256, size=size[::-1]).astype(np.uint8)).save(file, format="PNG")
    return EncodedImage(file.getvalue(), "a.png", *size)


def talk(name: str, images: int, *texts: str) -> Sample:
    roles = ["user", "assistant"] * len(texts)
    messages = tuple(Message(role, text) for role, text in zip(roles, texts, strict=False))
    pictures = tuple(picture(seed) for seed in range(images))
    return Sample(name, pictures, "conversation", "en", "answer", "", messages)


PAGE = Sample("page", (picture(7),), "document", "en", "text", "seven ferries")
CHART = Sample("chart", (picture(8),), "chart", "zh", "dict", '{"title": "a"}')
TALKS = [
    PAGE,
    CHART,
    talk("one", 1, "<image>\nWhat?", "a harbour", "And?", "white"),
    talk("two", 2, "<image> and <image>?", "seven ferries"),
    talk("none", 0, "What is it?", "a boat"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model that is asked in words, and sets of samples."""
    folder = tmp_path_factory.mktemp("talk")
    torch.manual_seed(3)
    tokenizer = train_tokenizer([WORDS], 320, "", 4)
    text = {
        "model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "max_position_embeddings": 640, "vocab_size": len(tokenizer),
        "bos_token_id": None, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    language_model = AutoModelForCausalLM.from_config(config_from_dict(text))
    add_image_tokens(language_model, tokenizer, more=["<|im_start|>", "<|im_end|>"])
    rule = {"mode": "resize", "height": 32, "width": 64, "mean": [0.5] * 3, "std": [0.3] * 3}
    model, processor = build_vary(
        [ViTDetConfig(**VOCABULARY)], language_model, tokenizer, image_rules=[rule],
        prompt_form="qwen",
    )  # fmt: skip
    model.save_pretrained(folder / "base")
    processor.save_pretrained(folder / "base")
    for name, samples in {
        "talks": [
            Sample(**{**vars(sample), "id": f"{sample.id}/{n}"})
            for n in range(8)
            for sample in TALKS
        ],
        "silent": [talk(f"none/{n}", 0, "What is it?", "a boat") for n in range(8)],
    }.items():
        (folder / name).mkdir()
        write_samples(samples, folder / name / "part-00000.parquet")
    return folder


@pytest.fixture
def recipe(folder, tmp_path):
    """Return a function that gives the recipe of a run on these sets."""

    def make(**changes) -> Recipe:
        stage = {
            "name": "tune", "objective": "text", "frozen": ["vocabularies.*"], "steps": 4,
            "batch_size": 5, "learning_rate": 1.0e-2, "warmup_steps": 0, "mask_share": 0.0,
            "weight_decay": 0.0, "validate_steps": 4, "save_steps": 4,
        }  # fmt: skip
        fields = {
            "name": "talk", "seed": 1, "precision": "fp32", "num_workers": 0, "out": str(tmp_path),
            "validation_samples": 4, "model": {"base": str(folder / "base")},
            "data": {"sources": [
                {"name": "talks", "kind": "shards", "path": str(folder / "talks")},
                {"name": "silent", "kind": "shards", "path": str(folder / "silent"), "weight": 0},
            ]},
            "stages": [{**stage, **changes}],
        }  # fmt: skip
        return build_value(Recipe, fields, "recipe")

    return make


@pytest.fixture
def parts(recipe):
    """Return a recipe, its model and its processor."""
    made = recipe()
    return made, *build(made, Materials(made))


def example_of(sample: Sample, folder):
    folder.mkdir(exist_ok=True)
    write_samples([sample], folder / "part-00000.parquet")
    return ShardSource("one", ShardRows(folder), np.array([0])).example(0)


def test_samples_are_asked_for_by_the_papers_questions():
    assert turns_of(PAGE)[0]["content"] == "<image>\nProvide the OCR results of this image."
    assert turns_of(CHART)[0]["content"] == "<image>\nConvert this chart to python-dict"
    assert turns_of(PAGE)[1] == {"role": "assistant", "content": "seven ferries"}
    chinese = [
        turns_of(Sample(f"p/{n}", PAGE.images, "document", "zh", "text", "字"))[0]["content"]
        for n in range(40)
    ]
    both = QUESTIONS["document", "text", "zh"]
    assert {question.removeprefix("<image>\n") for question in chinese} == set(both)
    assert turns_of(TALKS[2])[2] == {"role": "user", "content": "And?"}
    assert turns_of(Sample("x", PAGE.images, "chart", "en", "caption", "?")) == ()


def test_the_loss_is_that_of_the_answers_alone(parts, tmp_path):
    """Of each conversation by itself, through the model's own loss, weighted by its tokens."""
    made, model, processor = parts
    examples = {n: example_of(sample, tmp_path / str(n)) for n, sample in enumerate(TALKS)}
    batch = collate(examples, processor)
    assert [len(one) for one in batch["pixels"]] == [1 + 1 + 1 + 2]
    objective = ReadingObjective(model, processor, made.stages[0], "fp32", 1).train()
    found = objective(batch)["text"]
    total, number = 0.0, 0
    for sample in TALKS:
        pictures = [Image.open(io.BytesIO(image.bytes)) for image in sample.images] or None
        turns = list(turns_of(sample))
        inputs = processor(pictures, messages=[turns])
        counts = [2] * len(sample.images)
        labels = torch.tensor([processor.conversation(turns, counts).labels()])
        learned = int((labels != -100).sum())
        answers = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        text = processor.tokenizer.decode(labels[labels != -100])
        assert text.replace(" ", "") == "".join(f"{a}<|im_end|>" for a in answers).replace(" ", "")
        with torch.no_grad():
            total += float(model(**inputs, labels=labels).loss) * learned
        number += learned
    assert batch["counts"] == {"ctc": 0, "text": number}
    assert float(found.detach()) == pytest.approx(total / number, rel=1e-5)


def test_a_batch_without_pictures_trains_what_can_be(parts, tmp_path):
    made, model, processor = parts
    objective = ReadingObjective(model, processor, made.stages[0], "fp32", 1).train()
    batch = collate({0: example_of(TALKS[-1], tmp_path / "none")}, processor)
    assert batch["pixels"] == []
    objective(batch)["loss"].backward()
    for name, part in model.named_parameters():
        assert (part.grad is None) == name.startswith("vocabularies."), name
    assert all(not linear.weight.grad.any() for linear in model.projector.linears)


def test_what_is_too_long_loses_its_end_and_its_pictures(parts, tmp_path):
    _, _, processor = parts
    long = talk("long", 3, "<image>\nWhat?", "white", "<image><image>\nAnd?", "a harbour " * 9)
    example = example_of(long, tmp_path / "long")
    whole = collate({0: example}, processor)
    tokens = len(whole["conversations"][0].conversation.tokens)
    assert whole["pixels"][0].shape[0] == 3
    cut = collate({0: example}, processor, room=Room(tokens=tokens - 5))
    assert cut["pixels"][0].shape[0] == 3 and cut["counts"]["text"] == whole["counts"]["text"] - 5
    asked = whole["conversations"][0]
    first = collate({0: example}, processor, room=Room(tokens=len(asked.prompt)))
    assert first["pixels"][0].shape[0] == 1 and first["texts"] == ["white"]
    none = collate({0: example}, processor, room=Room(tokens=20))
    assert not none["texts"] and "longer than the model's positions" in none["rejects"][0][1]


def test_a_conversation_that_cannot_be_learned_is_named(parts, tmp_path):
    _, _, processor = parts
    odd = {
        "asks": (talk("asks", 0, "What?"), "the last turn is the user's"),
        "blind": (talk("blind", 0, "<image>\nWhat?", "a"), "has 1 <image>, and 0 images"),
        "crowd": (talk("crowd", 2, "<image>\nWhat?", "a"), "has 1 <image>, and 2 images"),
        "what": (Sample("what", PAGE.images, "chart", "en", "caption", "?"), "no question for it"),
    }
    examples = {n: example_of(odd[name][0], tmp_path / name) for n, name in enumerate(odd)}
    batch = collate({**examples, 9: example_of(PAGE, tmp_path / "page")}, processor)
    assert batch["ids"] == ["page"]
    for (name, (_, told)), (found, reason) in zip(odd.items(), batch["rejects"], strict=True):
        assert (name, told in reason) == (found, True), reason


def test_a_run_learns_conversations_and_measures_them(recipe, runs):
    made = recipe(steps=150, batch_size=10, learning_rate=4.0e-3, validate_steps=150)
    final = train(made, console=runs.quiet())
    measured = [entry for entry in runs.entries(made.run_folder) if "text_loss" in entry]
    assert measured[-1]["text_loss"] < 1.0 and "text_error" in measured[-1]
    model, processor = build(recipe(), Materials(made))
    model.load_state_dict(type(model).from_pretrained(final).state_dict())
    talks = [list(turns_of(sample))[:1] for sample in TALKS]
    pictures = [Image.open(io.BytesIO(i.bytes)) for sample in TALKS for i in sample.images]
    batch = processor(pictures, messages=talks)
    written = model.eval().generate(**batch, max_new_tokens=20)
    answers = processor.post_process_image_text_to_text(written)
    assert answers[-1] == "a boat" and sum(
        answer == turns_of(sample)[1]["content"]
        for answer, sample in zip(answers, TALKS, strict=True)
    ) >= 4  # fmt: skip


def test_measuring_counts_tokens_and_characters(parts):
    made, model, processor = parts
    stage = made.stages[0]
    mixture = stage_mixture(made, stage, Materials(made), held_out=True)
    batches = StageBatches(mixture, stage, processor, model_room(model, processor, stage))
    objective = ReadingObjective(model, processor, stage, "fp32", 1)
    found = Measure([batches.batch(0)], room=batches.room)(objective)
    assert set(found) == {"text_loss", "text_error"}
    with torch.no_grad():
        loss = float(objective.eval()(batches.batch(0))["text"])
    assert found["text_loss"] == pytest.approx(loss, rel=1e-5)


def test_the_longest_conversation_is_the_stages_or_the_models(parts, recipe):
    _, model, processor = parts
    assert model_room(model, processor, recipe().stages[0]).tokens == 640
    assert model_room(model, processor, recipe(max_tokens=100).stages[0]).tokens == 100


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": {"base": "a", "ctc_head": True, "text": {"model_type": "opt"}}},
         "leave out model.text, model.ctc_head"),
        ({"model": {"base": "a"}, "init": "b"}, "give one of them"),
    ],
)  # fmt: skip
def test_a_base_is_the_whole_model(fields, told):
    stage = {"name": "a", "objective": "text", "steps": 1, "learning_rate": 1.0, "batch_size": 1}
    with pytest.raises(VaryError, match=told):
        build_value(Recipe, {"name": "x", "data": {}, "stages": [stage], **fields}, "recipe")


def test_a_base_that_was_not_copied_whole_is_told(folder, recipe, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(folder / "base", half)
    (path,) = half.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-1000])
    made = recipe()
    made = replace(made, model=replace(made.model, base=str(half)))
    with pytest.raises(VaryError, match=r"half is not whole .* copy it anew"):
        build(made, Materials(made))


@pytest.mark.slow
def test_devices_in_shares_learn_what_one_does(
    recipe, runs, command_file, tmp_path, log_every_step
):
    """A device's part of a step may be conversations without a picture, or none at all."""
    changes = {"steps": 8, "batch_size": 3, "micro_batches": 4, "validate_steps": 8}
    one = replace(recipe(**changes, save_steps=8), out=str(tmp_path / "one"))
    train(one, console=runs.quiet())
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe_to_dict(one)), encoding="utf-8")
    given = (file, f"out={tmp_path / 'two'}", "sharding=fsdp2")
    done = runs.command(command_file, *given, devices=2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert max(runs.farthest(tmp_path / "two", tmp_path / "one")) < 1e-4
    measured = [runs.entries(tmp_path / name, "text_loss")[-1] for name in ("one", "two")]
    assert measured[1]["text_loss"] == pytest.approx(measured[0]["text_loss"], abs=1e-4)


def test_pictures_are_kept_under_a_form_without_a_frame():
    """Vary-tiny-600k's has neither `<img>` nor `</img>` to count."""
    processor = VaryProcessor.from_pretrained(find_checkpoint("nano"), prompt_form="600k")
    told = asked(ask("OCR: ", "a harbour"), [3], processor, 100)
    assert (told.num_images, told.answer) == (1, "a harbour")
