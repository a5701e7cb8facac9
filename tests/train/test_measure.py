import numpy as np
import pytest
import torch
from rapidfuzz.distance import Levenshtein

from vary.model.modeling import EncodedImages
from vary.read.recognizer import StripRecognizer
from vary.train.lines import LineBatches, build_renderer
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


def test_the_same_lines_are_measured_each_time(tiny, built):
    recipe = tiny()
    lines = LineBatches(build_renderer(recipe.data, held_out=True), recipe.stages[0], 4, 2)
    measure = Measure([lines[0], lines[1]])
    objective = ReadingObjective(*built, recipe.stages[1], "fp32", 1).train()
    first = measure(objective)
    assert set(first) == {"ctc_error", "text_error", "draft_error"}
    assert measure(objective) == first
    assert objective.training
    drafting = ReadingObjective(*built, recipe.stages[0], "fp32", 1)
    assert measure(drafting) == {"ctc_error": first["ctc_error"]}


def test_answers_are_bounded_as_in_reading(tiny, built, monkeypatch):
    recipe = tiny()
    lines = LineBatches(build_renderer(recipe.data, held_out=True), recipe.stages[0], 4, 1)
    bounds = []
    model, processor = built
    generate = model.generate

    def note(*inputs, max_new_tokens, **settings):
        bounds.append(max_new_tokens)
        return generate(*inputs, max_new_tokens=max_new_tokens, **settings)

    monkeypatch.setattr(model, "generate", note)
    objective = ReadingObjective(model, processor, recipe.stages[1], "fp32", 1)
    batch = lines[0]
    Measure([batch])(objective)
    monkeypatch.setattr(StripRecognizer, "__init__", lambda self: None)
    recognizer = StripRecognizer()
    recognizer.model, recognizer.processor = model, processor
    size = torch.tensor([[48, batch["pixels"].shape[2]]])
    tokens = torch.zeros(processor.num_image_tokens(*size[0].tolist()), 32)
    recognizer._write(EncodedImages(tokens, [len(tokens)]), size, [""])
    assert len(bounds) == 3 and len(set(bounds)) == 1


def test_what_is_read_rightly_has_no_errors(tiny, built, monkeypatch):
    recipe = tiny()
    lines = LineBatches(build_renderer(recipe.data, held_out=True), recipe.stages[0], 4, 1)
    batch = lines[0]
    drafts = [(text, [], []) for text in batch["texts"]]
    monkeypatch.setattr("vary.train.measure.decode_greedy", lambda logits, alphabet: drafts)
    objective = ReadingObjective(*built, recipe.stages[0], "fp32", 1)
    assert Measure([batch])(objective) == {"ctc_error": 0.0}
    drafts[0] = (drafts[0][0] + "xx", [], [])
    assert Measure([batch])(objective)["ctc_error"] == 2 / sum(map(len, batch["texts"]))
