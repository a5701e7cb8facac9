"""Errors of texts, and what of a model is measured."""

import numpy as np
import pytest
import torch
from rapidfuzz.distance import Levenshtein

from vary.model.modeling import EncodedImages
from vary.read.recognizer import StripRecognizer
from vary.train.batches import Room, measured_batches
from vary.train.measure import Measure, character_errors
from vary.train.objective import ReadingObjective


@pytest.mark.parametrize(
    ("prediction", "truth", "wrong"),
    [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3)],
)
def test_errors_of_known_lines(prediction, truth, wrong):
    assert character_errors(prediction, truth) == wrong


def test_errors_are_those_of_rapidfuzz():
    rng = np.random.default_rng(0)
    for _ in range(300):
        lengths = rng.integers(0, 30, size=2)
        one, other = ("".join(rng.choice(list("abcde 漢字"), size=n)) for n in lengths)
        assert character_errors(one, other) == Levenshtein.distance(one, other)


@pytest.fixture
def lines(tiny, batches_of, built):
    """Return a function that gives held-out lines in batches of four."""
    mixture = batches_of(tiny(), held_out=True).mixture
    return lambda count: measured_batches(mixture, built[1], count, 4)


def test_the_same_lines_are_measured_each_time(tiny, built, lines):
    recipe = tiny()
    measure = Measure(lines(8))
    objective = ReadingObjective(*built, recipe.stages[1], "fp32", 1).train()
    first = measure(objective)
    assert set(first) == {"ctc_error", "text_error", "draft_error"}
    assert measure(objective) == first
    assert objective.training
    prefixed = Measure(lines(8), "goal_")(objective)
    assert prefixed == {f"goal_{name}": error for name, error in first.items()}
    drafting = ReadingObjective(*built, recipe.stages[0], "fp32", 1)
    assert measure(drafting) == {"ctc_error": first["ctc_error"]}


def test_answers_are_bounded_as_in_reading(tiny, built, lines, monkeypatch):
    recipe = tiny()
    bounds = []
    model, processor = built
    generate = model.generate

    def note(*inputs, max_new_tokens, **settings):
        bounds.append(max_new_tokens)
        return generate(*inputs, max_new_tokens=max_new_tokens, **settings)

    monkeypatch.setattr(model, "generate", note)
    objective = ReadingObjective(model, processor, recipe.stages[1], "fp32", 1)
    (batch,) = lines(4)
    Measure([batch])(objective)
    monkeypatch.setattr(StripRecognizer, "__init__", lambda self: None)
    recognizer = StripRecognizer()
    recognizer.model, recognizer.processor = model, processor
    size = torch.tensor([[48, batch["pixels"][0].shape[3]]])
    tokens = torch.zeros(processor.num_image_tokens(*size[0].tolist()), 32)
    recognizer._write(EncodedImages(tokens, [len(tokens)]), size, [""])
    assert len(bounds) == 3 and len(set(bounds)) == 1


def test_what_is_read_rightly_has_no_errors(tiny, built, lines, monkeypatch):
    recipe = tiny()
    (batch,) = lines(4)
    drafts = [(text, [], []) for text in batch["texts"]]
    monkeypatch.setattr("vary.train.measure.decode_greedy", lambda logits, alphabet: drafts)
    objective = ReadingObjective(*built, recipe.stages[0], "fp32", 1)
    assert Measure([batch])(objective) == {"ctc_error": 0.0}
    drafts[0] = (drafts[0][0] + "xx", [], [])
    assert Measure([batch])(objective)["ctc_error"] == 2 / sum(map(len, batch["texts"]))


def test_whole_pages_may_be_answered_with_half_as_much_again(tiny, built, lines, monkeypatch):
    """Only a strip says by its width how long its text may be."""
    (batch,) = lines(4)
    bounds = []
    model, processor = built

    def note(input_ids, max_new_tokens, **_):
        bounds.append(max_new_tokens)
        return input_ids

    monkeypatch.setattr(model, "generate", note)
    objective = ReadingObjective(model, processor, tiny().stages[1], "fp32", 1)
    monkeypatch.setattr(objective.rules[0], "mode", "resize")
    Measure([batch])(objective)
    longest = max(map(len, batch["answers"]))
    assert bounds == [longest + longest // 2 + 16]
    Measure([batch], room=Room(answer_tokens=20))(objective)
    assert bounds[1:] == [20]  # never beyond the model's positions


def test_lines_of_several_sources_are_measured_apart_too(tiny, built, lines):
    batches = lines(8)
    objective = ReadingObjective(*built, tiny().stages[0], "fp32", 1)
    whole = Measure(batches)(objective)["ctc_error"]
    for batch in batches:
        batch["ids"] = [f"{'ab'[at % 2]}/{name}" for at, name in enumerate(batch["ids"])]
    apart = Measure(batches)(objective)
    assert set(apart) == {"ctc_error", "ctc_error_a", "ctc_error_b"}
    assert apart["ctc_error"] == whole
    texts = {
        name: sum(len(text) for part in batches for text in part["texts"][at::2])
        for at, name in enumerate(("ctc_error_a", "ctc_error_b"))
    }
    mean = sum(apart[name] * count for name, count in texts.items()) / sum(texts.values())
    assert mean == pytest.approx(whole)
