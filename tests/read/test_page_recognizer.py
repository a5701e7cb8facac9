"""Whole pages to text with tiny models of random weights, and with answers that are given."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoModelForCausalLM

from vary.errors import VaryError
from vary.model import VaryForConditionalGeneration
from vary.read.page_recognizer import _LONGEST_LOOP_CHARS, PageRecognizer
from vary.read.reader import Reader
from vary.read.recognizer import StripRecognizer, load_recognizer
from vary.vocabulary import ViTDetConfig, ViTDetVocabulary

KINDS = {
    "paper": {},
    "code": {"prompt_form": "code", "end_scale": 2.5},
    "canvas": {"mode": "canvas", "language_model": "llama", "answer_position": 20},
    "canvas, counted on": {"mode": "canvas", "end_scale": 2.5},
    "two vocabularies": {"num_vocabularies": 2, "end_scale": 2.5},
    "with a CTC head": {"mode": "canvas", "ctc_alphabet": "abc"},
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_a_page_is_read_alike_alone_and_among_others(make_page_model, noise_pages, settings):
    recognizer = PageRecognizer(*make_page_model(**settings))
    together = recognizer.read_pages(noise_pages)
    alone = [recognizer.read_pages([page])[0] for page in noise_pages]
    assert [r.written for r in together] == [r.written for r in alone]
    assert [r.text for r in together] == [r.text for r in alone]
    assert [r.status for r in together] == [r.status for r in alone]
    assert [r.confidence for r in together] == pytest.approx([r.confidence for r in alone], 1e-3)
    backwards = recognizer.read_pages(noise_pages[::-1])
    assert [r.text for r in backwards[::-1]] == [r.text for r in together]
    assert len({r.written for r in together}) > len(noise_pages) // 2


@pytest.mark.parametrize("form", ["paper", "code"])
def test_what_generate_writes_is_read(make_page_model, noise_pages, form):
    model, processor = make_page_model(prompt_form=form)
    for page, found in zip(
        noise_pages, PageRecognizer(model, processor).read_pages(noise_pages), strict=True
    ):
        inputs = processor(page)
        rows = model.generate(**inputs)[:, inputs["input_ids"].shape[1] :]
        assert processor.decode_answers(rows) == [found.written]


def test_the_confidence_is_the_mean_probability_of_the_tokens(make_page_model, noise_pages):
    """As one pass over prompt and answer gives it."""
    model, processor = make_page_model()
    found = PageRecognizer(model, processor).read_pages(noise_pages)
    seen = set()
    for page, reading in zip(noise_pages, found, strict=True):
        inputs = processor(page)
        start = inputs["input_ids"].shape[1]
        row = model.generate(**inputs)
        inputs.pop("attention_mask"), inputs.pop("position_ids"), inputs.pop("input_ids")
        with torch.inference_mode():
            scores = model(input_ids=row, **inputs).logits[0, start - 1 : -1].log_softmax(-1)
        logs = scores.gather(1, row[0, start:, None])
        if reading.status != "loop":
            assert reading.confidence == pytest.approx(float(logs.mean().exp()), 1e-3)
        seen.add(reading.status)
    assert seen >= {"ok", "truncated"}


# -- how long an answer may be -----------------------------------------------------------------


@pytest.mark.parametrize("language_model", ["opt", "llama"])
def test_an_answer_without_an_end_stops_at_the_last_position(
    make_page_model, noise_pages, language_model
):
    model, processor = make_page_model(language_model=language_model, end_scale=0)
    recognizer = PageRecognizer(model, processor)
    assert recognizer.max_tokens == 96 - 6
    for found in recognizer.read_pages(noise_pages):
        assert found.status in ("truncated", "loop")


def test_the_room_begins_at_the_answers_position(make_page_model, noise_pages):
    model, processor = make_page_model("canvas", answer_position=30, end_scale=0)
    recognizer = PageRecognizer(model, processor)
    assert recognizer.max_tokens == 96 - 30
    assert len(recognizer.read_pages(noise_pages)) == len(noise_pages)


def test_the_models_own_settings_may_say_less(make_page_model, monkeypatch):
    model, processor = make_page_model()
    model.generation_config.max_new_tokens = 7
    assert PageRecognizer(model, processor).max_tokens == 7
    model.generation_config.max_new_tokens = None
    assert PageRecognizer(model, processor).max_tokens == 90


def test_settings_of_generation_do_not_change_what_is_read(make_page_model, noise_pages):
    model, processor = make_page_model()
    recognizer = PageRecognizer(model, processor)
    before = recognizer.read_pages(noise_pages)
    settings = model.generation_config
    settings.do_sample, settings.num_beams, settings.return_dict_in_generate = True, 3, True
    settings.eos_token_id = None
    assert recognizer.read_pages(noise_pages) == before


def test_a_prompt_that_leaves_no_room_is_refused(make_page_model):
    model, processor = make_page_model()
    processor.answer_position = 96
    with pytest.raises(VaryError, match="takes 96 positions, the language model has 96"):
        PageRecognizer(model, processor)
    processor.answer_position = 8
    with pytest.raises(VaryError, match="cannot write the prompt of a page"):
        PageRecognizer(model, processor)


# -- given answers -----------------------------------------------------------------------------


@pytest.fixture
def given(make_page_model, monkeypatch):
    """Return a function that reads pages with given answers, one token after the other.

    An answer is a list of texts with the probability of each of their tokens; it ends where None
    stands last, else it goes on with its last token.
    """
    model, processor = make_page_model(positions=4000)
    end = processor.tokenizer.eos_token_id
    steps = []

    def read(*answers, pad=None):
        scripts = []
        for answer in answers:
            script = [
                (token, probability)
                for text, probability in (part for part in answer if part)
                for token in processor.encode_plain([text])[0]
            ]
            scripts.append(script + [(end, 0.9)] * (answer[-1] is None))

        def generate(self, input_ids, max_new_tokens, logits_processor, stopping_criteria, **own):
            rows = input_ids
            going = torch.ones(len(rows), dtype=torch.bool)
            for step in range(max_new_tokens):
                scores = torch.zeros(len(rows), model.config.text_config.vocab_size)
                for row, script in zip(scores, scripts, strict=True):
                    token, probability = script[min(step, len(script) - 1)]
                    row[:] = math.log((1 - probability) / (len(row) - 1))
                    row[token] = math.log(probability)
                chosen = logits_processor(rows, scores).argmax(-1)
                chosen = torch.where(
                    going, chosen, torch.tensor(own["pad_token_id"] if pad is None else pad)
                )
                rows = torch.cat([rows, chosen[:, None]], dim=1)
                going &= (chosen != own["eos_token_id"]) & ~stopping_criteria(rows, None)
                steps.append(step)
                if not going.any():
                    break
            return rows

        monkeypatch.setattr(VaryForConditionalGeneration, "generate", generate)
        page = Image.new("RGB", (64, 64))
        steps.clear()
        return PageRecognizer(model, processor).read_pages([page] * len(answers))

    read.steps, read.processor = steps, processor
    return read


def test_each_line_has_the_confidence_of_its_tokens(given):
    short, long = given(
        [("a head\n", 0.5), ("\n", 0.25), ("the text", 0.25), None],
        [("the harbour lies open to the north", 0.81), None],
    )
    assert (short.text, short.status) == ("a head\n\nthe text", "ok")
    assert short.line_confidences[:2] == pytest.approx([0.5, 0.25])
    assert 0.25 < short.line_confidences[2] < 0.9  # its end is a token too
    assert short.confidence < 0.5
    assert (long.text, len(long.line_confidences)) == ("the harbour lies open to the north", 1)
    assert long.confidence == pytest.approx(0.81, abs=0.02)
    assert long.line_confidences[0] == pytest.approx(long.confidence)


def test_a_text_without_an_end_is_truncated(given):
    text = " ".join(f"the harbour lies open to the north of {n}" for n in range(900))
    (found,) = given([(text, 0.9)])
    assert (found.status, len(given.steps)) == ("truncated", 4000 - 6)
    assert text.startswith(found.text)
    assert found.written == found.text


PHRASE = "the harbour lies open to the north; "


def test_a_loop_is_cut_at_its_start_and_has_no_say(given):
    fresh, looping = given(
        [("a first line\n", 0.5), None], [("a first line\n", 0.5), (PHRASE * 9, 0.999), None]
    )
    assert fresh.status == "ok"
    assert (looping.status, looping.text) == ("loop", "a first line\n" + PHRASE.strip())
    assert looping.written == "a first line\n" + PHRASE * 9
    assert len(looping.line_confidences) == 2
    (once,) = given([("a first line\n", 0.5), (PHRASE.strip(), 0.999), None])
    assert looping.confidence == pytest.approx(once.confidence, abs=0.01)


@pytest.mark.parametrize("padding", ["<pad>", "</s>", "x"])
def test_a_loop_without_an_end_is_stopped_and_its_neighbours_go_on(given, padding):
    """Whatever a stopped row is padded with."""
    text = " ".join(f"{n} of the harbour" for n in range(200))
    pad = given.processor.tokenizer.convert_tokens_to_ids(padding)
    looping, other = given([(PHRASE * 400, 0.9)], [(text, 0.9), None], pad=pad)
    assert (looping.status, looping.text) == ("loop", PHRASE.strip())
    assert _LONGEST_LOOP_CHARS < len(looping.written) < _LONGEST_LOOP_CHARS + 1000
    assert (other.status, other.text) == ("ok", text)
    assert given([(PHRASE * 400, 0.9)])[0] == looping
    assert len(given.steps) < 1500


def test_what_is_repeated_in_the_middle_stays(given):
    text = PHRASE * 20 + "and then it goes on"
    (found,) = given([(text, 0.9), None])
    assert (found.status, found.text) == ("ok", text)


def test_an_empty_answer(given):
    (found,) = given([None])
    assert (found.text, found.status, found.line_confidences) == ("", "ok", (pytest.approx(0.9),))


def test_nothing_to_read(make_page_model):
    assert PageRecognizer(*make_page_model()).read_pages([]) == []


def test_probabilities_that_are_no_numbers_are_told(make_page_model, noise_pages):
    model, processor = make_page_model()
    with torch.no_grad():
        model.get_output_embeddings().weight.fill_(float("nan"))
    with pytest.raises(VaryError, match="probabilities are no numbers"):
        PageRecognizer(model, processor).read_pages(noise_pages[:1])


# -- checkpoints -------------------------------------------------------------------------------


def saved(folder, model, processor):
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_a_checkpoint_of_whole_pages_is_read_back(
    make_page_model, noise_pages, tmp_path, settings, monkeypatch
):
    monkeypatch.setattr("vary.read.recognizer.pick_dtype", lambda device: torch.float32)
    model, processor = make_page_model(**settings)
    recognizer = load_recognizer(saved(tmp_path, model, processor), "cpu")
    assert isinstance(recognizer, PageRecognizer)
    assert recognizer.tasks == ("ocr",)
    before = PageRecognizer(model, processor)
    assert recognizer.max_tokens == before.max_tokens
    texts = [found.written for found in recognizer.read_pages(noise_pages)]
    assert texts == [found.written for found in before.read_pages(noise_pages)]
    with pytest.raises(VaryError, match="decoder 'ctc' is for models that read line strips"):
        load_recognizer(tmp_path, "cpu", decoder="ctc")


def test_its_reader_keeps_all_lines_and_reads_four_pages_at_once(make_page_model, tmp_path):
    reader = Reader.from_pretrained(saved(tmp_path, *make_page_model()), device="cpu")
    assert (reader.way.batch_size, reader.way.min_confidence) == (4, 0.0)
    nano = Reader.from_pretrained("nano", device="cpu")
    assert isinstance(nano.recognizer, StripRecognizer)
    assert (nano.way.batch_size, nano.way.min_confidence) == (32, 0.6)


def test_a_vocabulary_by_itself_is_told(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTDetConfig(
        image_size=64, window_size=3, global_blocks=[0], merge_channels=[12, 20], **sizes
    )
    ViTDetVocabulary(config).save_pretrained(tmp_path)
    with pytest.raises(VaryError, match=r"a vocabulary by itself.*vary_vitdet, [\d,]+ param") as e:
        load_recognizer(tmp_path, "cpu")
    assert str(tmp_path) in str(e.value)
    assert f"vary info {tmp_path}" in str(e.value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ('{"model_type": "opt"}', "another model.*model type opt"),
        ('{"model_type": "made_up"}', "another model.*model type made_up"),
        ('{"model_type": "opt", "hidden_size": "many"}', "another model.*model type opt"),
        ('{"architectures": []}', "holds no checkpoint that can be read"),
        ("[]", "holds no checkpoint that can be read"),
    ],
)
def test_another_model_is_told(tmp_path, fields, told):
    (tmp_path / "config.json").write_text(fields)
    with pytest.raises(VaryError, match=told):
        load_recognizer(tmp_path, "cpu")


def test_another_models_parameters_are_told(tmp_path):
    config = AutoConfig.for_model("gpt2", n_embd=8, n_layer=1, n_head=1, vocab_size=50)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(VaryError, match=f"gpt2, {model.num_parameters():,} parameters"):
        load_recognizer(tmp_path, "cpu")


def test_a_model_without_its_processor_is_told(make_page_model, tmp_path):
    make_page_model()[0].save_pretrained(tmp_path)
    with pytest.raises(VaryError, match=r"without its processor \(processor_config.json is miss"):
        load_recognizer(tmp_path, "cpu")


def test_parts_that_do_not_go_together_are_refused(make_page_model):
    model, processor = make_page_model(num_vocabularies=2)
    with pytest.raises(VaryError, match="2 vocabularies and image rules for 1"):
        PageRecognizer(model, make_page_model()[1])
    model.config.image_token_id = None
    with pytest.raises(VaryError, match="has no image_token_id"):
        PageRecognizer(model, processor)
    model, processor = make_page_model()
    processor.tokenizer.eos_token = None
    with pytest.raises(VaryError, match="has no end token"):
        PageRecognizer(model, processor)
    model, processor = make_page_model()
    processor.image_processor.rules[0].mode = "strip"
    with pytest.raises(VaryError, match="reads line strips"):
        PageRecognizer(model, processor)


def test_arrays_are_pages_too(make_page_model, noise_pages):
    recognizer = PageRecognizer(*make_page_model())
    arrays = [np.asarray(page) for page in noise_pages]
    assert recognizer.read_pages(arrays) == recognizer.read_pages(noise_pages)
