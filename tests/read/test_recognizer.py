"""Strips to text with a tiny model of random weights, and the choice between its two texts."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from vary.errors import VaryError
from vary.model import (
    ImageRule,
    VaryConfig,
    VaryForConditionalGeneration,
    VaryImageProcessor,
    VaryProcessor,
)
from vary.model.tokenizer import END, IMAGE, PAD, train_tokenizer
from vary.read.recognizer import (
    Answer,
    StripRecognizer,
    is_illegible,
    judge,
    load_recognizer,
    mean_certainty,
    pick_device,
    pick_dtype,
)
from vary.read.scoring import TextScore
from vary.vocabulary import ViTDetConfig

ALPHABET = " abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def make(tiny_fields):
    """Return a function that gives a model of random weights, and its processor."""
    sizes, text = tiny_fields["model"]["vocabulary"], tiny_fields["model"]["text"]

    def build(alphabet=ALPHABET, mode="strip", **of_processor):
        tokenizer = train_tokenizer(["the quick brown fox " * 3], 300, ALPHABET)
        ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (END, PAD, IMAGE)}
        vocabulary = ViTDetConfig(**sizes, ctc_alphabet=alphabet)
        own = {
            **text,
            "max_position_embeddings": 512,
            "tie_word_embeddings": False,
            "vocab_size": len(tokenizer),
            "bos_token_id": None,
            "eos_token_id": ids[END],
            "pad_token_id": ids[PAD],
            "initializer_range": 0.3,
        }
        torch.manual_seed(0)
        config = VaryConfig([vocabulary], own, image_token_id=ids[IMAGE], tasks=["ocr"])
        model = VaryForConditionalGeneration(config)
        model.generation_config.eos_token_id = ids[END]
        model.generation_config.pad_token_id = ids[PAD]
        images = VaryImageProcessor([ImageRule(mode, 48, 256, step_px=64)])
        return model.eval(), VaryProcessor(
            images, tokenizer, vocabulary=vocabulary.to_dict(), **of_processor
        )

    return build


@pytest.fixture(scope="module")
def strips():
    rng = np.random.default_rng(0)
    widths = [40, 256, 130, 64, 200, 64, 300, 8]
    return [rng.integers(0, 256, (48, width)).astype(np.uint8) for width in widths]


@pytest.fixture(autouse=True)
def asked_always(monkeypatch):
    """Ask the model about every draft: those of random weights are illegible."""
    monkeypatch.setattr("vary.read.recognizer._LEGIBLE", 0.0)
    monkeypatch.setattr("vary.read.recognizer._MANY_SIGNS", 10_000)


@pytest.mark.parametrize("settings", [{}, {"answer_position": 128}], ids=["counted", "fixed"])
def test_a_strip_is_read_alike_alone_and_among_others(make, strips, settings):
    recognizer = StripRecognizer(*make(**settings))
    together = recognizer.read(strips)
    alone = [recognizer.read([strip])[0] for strip in strips]
    assert [r.text for r in together] == [r.text for r in alone]
    assert [r.draft for r in together] == [r.draft for r in alone]
    assert [r.confidence for r in together] == pytest.approx([r.confidence for r in alone], 1e-3)
    backwards = recognizer.read(strips[::-1])
    assert [r.text for r in backwards[::-1]] == [r.text for r in together]
    assert len({r.draft for r in together}) > len(strips) // 2


@pytest.mark.parametrize("settings", [{}, {"answer_position": 128}], ids=["counted", "fixed"])
def test_the_answers_themselves_do_not_depend_on_neighbours(make, strips, settings):
    """`judge` mostly takes the draft of a random model, so what was written is compared here."""
    model, processor = make(**settings)
    recognizer = StripRecognizer(model, processor)

    def written(some):
        features = processor.image_processor(some)
        sizes = features["image_sizes"]
        with torch.inference_mode():
            encoded = model.encode_images([features["pixel_values"]], sizes)
            return recognizer._write(encoded, sizes, ["fox"] * len(some))

    together = written(strips)
    assert together == [written([strip])[0] for strip in strips]
    assert len({text for text, _ in together}) > 2


def test_an_answer_is_bounded_by_its_own_strip(make, strips, monkeypatch):
    model, processor = make()
    recognizer = StripRecognizer(model, processor)
    letter = processor.encode(["a"])[0][0]

    def endless(self, input_ids, max_new_tokens, **_):
        more = input_ids.new_full((len(input_ids), max_new_tokens), letter)
        return torch.cat([input_ids, more], dim=1)

    monkeypatch.setattr(VaryForConditionalGeneration, "generate", endless)
    features = processor.image_processor(strips[:2])
    encoded = model.encode_images([features["pixel_values"]], features["image_sizes"])
    answers = recognizer._write(encoded, features["image_sizes"], ["", ""])
    assert answers == [("a" * (8 + 64 // 6), False), ("a" * (8 + 256 // 6), False)]


def test_nothing_to_read(make):
    assert StripRecognizer(*make()).read([]) == []


def test_the_draft_alone(make, strips, monkeypatch):
    model, processor = make()
    full = StripRecognizer(model, processor).read(strips)
    monkeypatch.setattr(VaryForConditionalGeneration, "generate", None)
    drafts = StripRecognizer(model, processor, decoder="ctc").read(strips)
    assert [r.draft for r in drafts] == [r.draft for r in full] == [r.text for r in drafts]
    assert {(r.decoder, r.status) for r in drafts} == {("ctc", "ok")}
    assert all(0 <= r.confidence <= 1 for r in drafts)


def test_a_checkpoint_may_say_who_reads(make, strips, tmp_path):
    model, processor = make()
    assert StripRecognizer(model, processor).decoder == "lm"
    model.config.strip_decoder = "ctc"
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert {r.decoder for r in load_recognizer(tmp_path, "cpu").read(strips)} == {"ctc"}
    assert load_recognizer(tmp_path, "cpu", decoder="lm").decoder == "lm"
    with pytest.raises(ValueError, match="strip_decoder must be one of lm, ctc, got 'beam'"):
        VaryConfig(strip_decoder="beam")


def test_the_model_is_not_asked_about_illegible_drafts(make, strips, monkeypatch):
    recognizer = StripRecognizer(*make())
    asked_all = recognizer.read(strips)
    certainties = sorted(recognizer.draft([strip])[0].confidence for strip in strips)
    monkeypatch.setattr("vary.read.recognizer._LEGIBLE", certainties[len(strips) // 2])
    asked = []
    answer = recognizer._answer
    monkeypatch.setattr(
        recognizer, "_answer", lambda *given: asked.extend(given[2]) or answer(*given)
    )
    found = recognizer.read(strips)
    skipped = [r for r in found if r.fallback == "illegible"]
    assert 0 < len(skipped) == len(strips) - len(asked) < len(strips)
    assert all((r.text, r.decoder, r.written) == (r.draft, "ctc", "") for r in skipped)
    for one, other in zip(found, asked_all, strict=True):
        assert one.draft == other.draft
        assert one.fallback == "illegible" or one.text == other.text


@pytest.mark.parametrize(
    ("draft", "certainty", "expected"),
    [
        ("a line of text", 0.6, False),
        ("a line of text", 0.4, True),
        ("s s ( s @ s s s s", 0.9, True),
        ("x + y = z", 0.9, False),
        ("1 2 3 4 5 6 7 82", 0.9, False),
        ("", 1.0, False),
        (" ", 1.0, False),
    ],
)
def test_what_is_illegible(monkeypatch, draft, certainty, expected):
    monkeypatch.undo()
    assert is_illegible(draft, [certainty] * len(draft)) is expected


def test_reading_is_repeatable(make, strips):
    recognizer = StripRecognizer(*make())
    assert recognizer.read(strips) == recognizer.read(strips)


LINE = "the quick brown fox jumps over it"


@pytest.mark.parametrize(
    ("answer", "draft", "ended", "text", "decoder", "confidence"),
    [
        (LINE, LINE, True, LINE, "lm", 0.9),
        (LINE, LINE.replace("q", "g"), True, LINE, "lm", 0.9 * 32 / 33),
        ("", "", True, "", "ctc", 1.0),
        ("", "  ", False, "", "ctc", 1.0),
        ("invented", "", True, "", "ctc", 0.5),
        ("", LINE, True, LINE, "ctc", 0.45),
        (LINE + " over it" * 20, LINE, True, LINE, "ctc", 0.45),
        (LINE, LINE, False, LINE, "ctc", 0.45),
        ("something else altogether", LINE, True, LINE, "ctc", 0.45),
        ("no " * 30, "no " * 30, True, "no " * 30, "lm", 0.9),
    ],
    ids=[
        "agreed",
        "corrected",
        "empty",
        "blank",
        "invented",
        "silent",
        "loop",
        "not ended",
        "unlike",
        "a loop that is printed so",
    ],
)
def test_the_text_to_trust(answer, draft, ended, text, decoder, confidence):
    certainties = [0.9] * len(draft)
    found = judge(Answer(answer, ended, True), draft, certainties)
    assert (found.text, found.decoder, found.status) == (text, decoder, "ok")
    assert found.draft == draft
    assert found.confidence == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("answer", "draft", "ended", "fallback"),
    [
        (LINE, LINE, True, ""),
        ("", "", True, ""),
        (LINE + " over it" * 20, LINE, False, "loop"),
        (LINE, LINE, False, "truncated"),
        ("something else altogether", LINE, True, "unlike"),
        ("invented", "", True, "unlike"),
    ],
)
def test_what_was_wrong_with_the_models_text_is_kept_with_it(answer, draft, ended, fallback):
    found = judge(Answer(answer, ended, True), draft, [0.9] * len(draft))
    assert (found.written, found.fallback) == (answer, fallback)


def test_the_more_probable_text_is_taken():
    wrong = LINE.replace("quick", "quack")
    found = judge(Answer(wrong, ended=True, is_likelier=False), LINE, [0.9] * len(LINE))
    assert (found.text, found.decoder, found.fallback) == (LINE, "ctc", "improbable")
    assert found.written == wrong
    assert found.confidence == pytest.approx(0.9 * 32 / 33)


def test_a_draft_that_the_model_would_write_is_not_written(make, strips, monkeypatch):
    recognizer = StripRecognizer(*make())
    greedy = [TextScore(-1.0, is_greedy=True)] * len(strips)
    monkeypatch.setattr("vary.read.recognizer.score_texts", lambda *_: greedy)
    monkeypatch.setattr(VaryForConditionalGeneration, "generate", None)
    found = recognizer.read(strips)
    assert [r.text for r in found] == [r.draft for r in found]


def test_certainty_is_a_geometric_mean():
    assert mean_certainty([]) == 1.0
    assert mean_certainty([0.25, 1.0]) == pytest.approx(0.5)
    assert mean_certainty([0.0]) == pytest.approx(1e-4)


def test_a_checkpoint_is_read_back(make, tmp_path, strips):
    model, processor = make()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    recognizer = load_recognizer(tmp_path, device="cpu", decoder="ctc")
    assert recognizer.tasks == ("ocr",)
    assert recognizer.strip_size == (48, 256)
    assert recognizer.model.dtype == pick_dtype(torch.device("cpu"))
    recognizer.model.float()
    before = StripRecognizer(model, processor, "ctc").read(strips)
    after = recognizer.read(strips)
    if pick_dtype(torch.device("cpu")) == torch.float32:
        assert after == before
    assert len(after) == len(before)


@pytest.mark.parametrize("settings", [{"alphabet": None}, {"mode": "resize"}])
def test_a_model_that_reads_no_strips_is_refused(make, settings):
    with pytest.raises(VaryError, match="does not read line strips"):
        StripRecognizer(*make(**settings))


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(VaryError, match="holds no checkpoint that can be read"):
        load_recognizer(tmp_path, device="cpu")


def _halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _drop_a_weight(path):
    weights = load_file(path)
    del weights[sorted(weights)[0]]
    save_file(weights, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("model.safetensors", _halve, "can be read"),
        ("model.safetensors", _drop_a_weight, "weights are missing"),
        ("config.json", _halve, "can be read"),
        ("tokenizer.json", _halve, "can be read"),
    ],
)
def test_a_damaged_checkpoint_is_told(make, tmp_path, name, damage, told):
    model, processor = make()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(VaryError, match=told) as caught:
        load_recognizer(tmp_path, device="cpu")
    assert str(tmp_path) in str(caught.value)
    assert "copy it anew, or name another model" in str(caught.value)


def test_devices():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("abacus", "", "cuda:99"):
        with pytest.raises(VaryError, match="use auto, cpu, cuda or mps"):
            pick_device(name)


def test_precision(monkeypatch):
    assert pick_dtype(torch.device("mps")) == torch.float32
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    for probe in probes:
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert pick_dtype(torch.device("cpu")) == torch.float32
    monkeypatch.setattr(torch.cpu, probes[0], lambda: True)
    assert pick_dtype(torch.device("cpu")) == torch.bfloat16
    for probe in probes:  # private in torch: it may go
        monkeypatch.delattr(torch.cpu, probe)
    assert pick_dtype(torch.device("cpu")) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert pick_dtype(torch.device("cuda")) == torch.bfloat16


def test_a_language_model_that_knows_no_drafts_is_refused(make, monkeypatch):
    """As one of a bare language model is, into which vocabularies were merged."""
    model, processor = make()
    monkeypatch.setattr("vary.read.recognizer.DRAFT_START", "<no token of this tokenizer>")
    with pytest.raises(VaryError, match="never shown drafts"):
        StripRecognizer(model, processor, "lm")
    StripRecognizer(model, processor, "ctc")
