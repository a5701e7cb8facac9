"""Micro-batches by number, what is left out of them, and what a stage is measured on."""

import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from vary.data.engines.base import Reject
from vary.data.text_lines import TextLine
from vary.errors import VaryError
from vary.train.batches import NO_BOUNDS, Room, StageBatches, collate, measured_batches
from vary.train.mixture import Mixture
from vary.train.sources import Example

# In a process of its own: the sums and texts of two batches.
OTHER_PROCESS = """
import json, sys, zlib
from pathlib import Path
from vary.train.batches import StageBatches
from vary.train.build import build
from vary.train.recipe import load_recipe
from vary.train.run import stage_mixture
from vary.train.sources import Materials
recipe = load_recipe(Path(sys.argv[1]))
materials = Materials(recipe)
mixture = stage_mixture(recipe, recipe.stages[0], materials)
batches = StageBatches(mixture, recipe.stages[0], build(recipe, materials)[1])
made = [batches[index] for index in (3, 2)]
print(json.dumps([[zlib.crc32(b["pixels"][0].numpy().tobytes()), b["texts"]] for b in made]))
"""


def facts(batch):
    return [zlib.crc32(batch["pixels"][0].numpy().tobytes()), batch["texts"]]


class Choosy:
    """A source that rejects what it is told to."""

    name = "lines"
    num_examples = None

    def __init__(self, refuses=lambda index: False, text="a word"):
        self.refuses = refuses
        self.text = text

    def length_hint(self, index):
        return 128

    def example(self, index):
        if self.refuses(index):
            raise Reject("no font has the glyphs", f"index {index}")
        return Example(f"choosy/{index}", (np.full((48, 128), 255, np.uint8),), self.text)


@pytest.fixture
def of_source(tiny, built):
    """Return a function that gives the batches of a source of our own."""

    def make(source, *overrides, room=NO_BOUNDS):
        stage = tiny(*overrides).stages[0]
        mixture = Mixture({"lines": source}, {"lines": 1.0}, 3, stage.name)
        return StageBatches(mixture, stage, built[1], room)

    return make


def test_a_batch_is_a_function_of_its_number(tiny, batches_of):
    batches = batches_of(tiny())
    first = facts(batches[2])
    assert facts(batches[3]) != first
    assert facts(batches[2]) == first
    assert facts(batches_of(tiny("seed=4"))[2]) != first
    assert facts(batches_of(tiny(), 1)[2]) != first
    assert batches[2]["index"] == 2


def test_another_process_makes_the_same_batches(tiny, batches_of, recipe_file):
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(recipe_file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    batches = batches_of(tiny())
    assert json.loads(done.stdout) == [facts(batches[3]), facts(batches[2])]


def test_a_batch_says_what_it_holds(tiny, batches_of, built):
    batch = batches_of(tiny())[0]
    (pixels,), (sizes,) = batch["pixels"], batch["sizes"]
    assert pixels.dtype == torch.uint8
    assert tuple(pixels.shape[1:3]) == (3, 48) and len(pixels) == len(batch["texts"])
    assert sizes[:, 0].unique().tolist() == [48] and sizes[:, 1].max() == pixels.shape[3]
    assert batch["counts"]["ctc"] == sum(map(len, batch["texts"]))
    assert batch["counts"]["text"] == sum(map(len, batch["answers"]))
    end = built[1].tokenizer.eos_token_id
    assert all(answer[-1] == end for answer in batch["answers"])
    assert built[1].decode_answers(batch["answers"]) == batch["texts"]
    assert len(set(batch["ids"])) == len(batch["numbers"]) == len(batch["texts"])
    assert batch["rejects"] == []


@pytest.mark.parametrize("parts", [2, 4])
def test_the_parts_of_a_step_are_the_step(tiny, batches_of, parts):
    size = ("stages.draft.batch_px=0", "stages.draft.batch_size=6")
    whole = batches_of(tiny(*size))
    shared = batches_of(tiny(*size, f"stages.draft.micro_batches={parts}"))
    assert len(shared) == parts * len(whole) == 4 * parts
    for step in range(4):
        of_parts = [shared[step * parts + part] for part in range(parts)]
        assert max(map(len, (b["ids"] for b in of_parts))) == -(-6 // parts)
        ids = [name for batch in of_parts for name in batch["ids"]]
        assert sorted(ids) == sorted(whole[step]["ids"]) and len(ids) == 6
        texts = {**dict(zip(whole[step]["ids"], whole[step]["texts"], strict=True))}
        for batch in of_parts:
            assert [texts[name] for name in batch["ids"]] == batch["texts"]


def test_workers_make_the_same_batches(tiny, batches_of):
    batches = batches_of(tiny())
    loader = DataLoader(batches, batch_size=1, collate_fn=lambda b: b[0], num_workers=2)
    assert [facts(batch) for batch in loader] == [facts(batches[n]) for n in range(4)]


def test_more_parts_than_samples_leaves_some_empty(of_source):
    batches = of_source(Choosy(), "stages.draft.batch_px=128", "stages.draft.micro_batches=2")
    full, empty = batches[0], batches[1]
    assert len(full["texts"]) == 1
    assert empty["texts"] == empty["pixels"] == [] and empty["counts"] == {"ctc": 0, "text": 0}


def test_rejected_samples_are_left_out_and_named(of_source):
    batches = of_source(Choosy(lambda index: index % 4 == 1), "stages.draft.batch_px=1024")
    batch = batches[0]
    assert len(batch["texts"]) + len(batch["rejects"]) == 8
    assert 1 <= len(batch["rejects"]) < 8
    for name, reason in batch["rejects"]:
        place = int(name.removeprefix("draft/lines/"))
        assert place % 4 == 1
        assert reason == f"no font has the glyphs: index {place}"


def test_a_source_that_rejects_everything_is_told(of_source):
    batches = of_source(Choosy(lambda index: True), "stages.draft.steps=2000")
    with pytest.raises(VaryError, match="stage draft: source lines gave none of 100") as error:
        [batches.batch(number) for number in range(200)]
    assert "100 times: no font has the glyphs" in str(error.value)
    assert "weight 0" in str(error.value)


def test_what_ends_a_run_comes_out_of_a_worker_as_it_is(of_source):
    batches = of_source(Choosy(lambda index: True), "stages.draft.steps=2000")
    loader = DataLoader(batches, batch_size=1, num_workers=2, collate_fn=lambda given: given[0])
    error = next(batch for batch in loader if isinstance(batch, VaryError))
    assert str(error).startswith("stage draft: source lines gave none of 100 samples")


def test_a_source_whose_answers_are_all_too_long_gives_nothing(of_source):
    batches = of_source(Choosy(lambda index: False), "stages.draft.steps=2000")
    batches.room = Room(answer_tokens=1)
    with pytest.raises(VaryError, match=r"none of 100 samples \(100 times: longer"):
        [batches.batch(number) for number in range(200)]


def test_a_strip_with_a_character_that_ctc_does_not_know_is_named(built):
    white = np.full((48, 128), 255, np.uint8)
    given = {1: Example("odd", (white,), "q\u4e2d"), 2: Example("even", (white,), "q")}
    batch = collate(given, built[1], room=Room(alphabet="pq"))
    assert batch["ids"] == ["even"]
    assert batch["rejects"] == [("odd", "not in the CTC alphabet: \u4e2d")]


def test_a_source_that_rejects_much_is_let_go_on(of_source):
    """Once it gave something, it is the samples that are at fault."""
    batches = of_source(Choosy(lambda index: index > 3), "stages.draft.steps=2000")
    made = [batches[number] for number in range(100)]
    assert sum(len(batch["texts"]) for batch in made) == 4
    assert sum(len(batch["rejects"]) for batch in made) > 150


def test_an_answer_longer_than_the_positions_is_rejected_by_name(built):
    white = np.full((48, 128), 255, np.uint8)
    given = {5: Example("long", (white,), "qx" * 40), 9: Example("short", (white,), "q")}
    batch = collate(given, built[1], room=Room(answer_tokens=20))
    assert (batch["ids"], batch["numbers"]) == (["short"], [9])
    ((name, reason),) = batch["rejects"]
    assert name == "long" and "longer than the model's positions: " in reason
    assert collate(given, built[1])["ids"] == ["long", "short"]


def test_characters_of_pages_are_those_of_the_lines_that_are_learned(built, monkeypatch):
    """Whatever else a batch holds: else the parts of a step would not add up to the whole."""
    monkeypatch.setattr(built[1].image_processor.rules[0], "mode", "resize")
    white = np.full((48, 256), 255, np.uint8)
    lines = (TextLine("abc", 2, 2, 60, 20), TextLine("a\u4e2d", 2, 24, 60, 44))
    some = Example("some", (white,), "abc\na\u4e2d", lines)
    none = Example("none", (white,), "\u4e2d\u4e2d", lines[1:])
    room = Room(alphabet="abc")
    both, first, second = (
        collate(dict(enumerate(given)), built[1], room=room)
        for given in ([some, none], [some], [none])
    )
    assert [len(of_one) for of_one in both["lines"]] == [1, 0]
    assert [batch["counts"]["ctc"] for batch in (both, first, second)] == [3, 3, 0]


def test_measured_samples_are_the_first_in_batches_of_like_lengths(tiny, batches_of, built):
    mixture = batches_of(tiny(), held_out=True).mixture
    batches = measured_batches(mixture, built[1], 10, 4)
    assert [len(batch["texts"]) for batch in batches] == [4, 4, 2]
    numbers = [number for batch in batches for number in batch["numbers"]]
    assert sorted(numbers) == list(range(10))
    hints = [mixture.length_hint(number) for number in numbers]
    assert hints == sorted(hints)


def test_measuring_leaves_out_what_cannot_be_made(built):
    mixture = Mixture({"lines": Choosy(lambda i: i % 2 == 0)}, {"lines": 1.0}, 3, "draft")
    assert sum(len(b["texts"]) for b in measured_batches(mixture, built[1], 8, 4)) == 4


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Choosy(lambda index: True), "no font has the glyphs"),
        (Choosy(text="qx" * 40), "longer than the model's positions"),
    ],
)
def test_nothing_to_measure_with_is_told(built, source, told):
    mixture = Mixture({"lines": source}, {"lines": 1.0}, 3, "draft")
    with pytest.raises(VaryError, match="stage draft: no held-out sample could be made") as error:
        measured_batches(mixture, built[1], 8, 4, room=Room(answer_tokens=20))
    assert told in str(error.value)
