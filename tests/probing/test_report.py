"""What a model loses without a vocabulary: exactly nothing on day 0, much where it reads by it."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

import vary.probing.report as module
from vary.checkpoints import find_checkpoint
from vary.data.decoding import decode
from vary.data.schema import EncodedImage, Word
from vary.errors import InputError, VaryError
from vary.probing.ablation import WHOLE, Variant, encode, see
from vary.probing.answers import CTC, CTC_TEXT, GENERATED, LM, error_of
from vary.probing.chunks import strips_of
from vary.probing.effects import effects_of, findings_of
from vary.probing.items import load_items
from vary.probing.report import Folder, Measured, Options, load_model, measure
from vary.probing.report_outcome import report_outcome

from .conftest import (
    add_second,
    encoded,
    line_picture,
    line_sample,
    make_model,
    page_sample,
    talk_sample,
    write_set,
)

TALKS = [talk_sample(number) for number in range(4)]


class Checkpoint:
    """A model and its folder."""

    def __init__(self, folder, model, processor):
        self.folder, self.model, self.processor = folder, model, processor
        model.save_pretrained(folder)
        processor.save_pretrained(folder)

    def measure(self, items, out, **options):
        folder = Folder(out, self.folder, items, Options(**options))
        return measure(self.model, self.processor, items, folder)


@pytest.fixture
def checkpoint(tmp_path):
    return lambda *made: Checkpoint(tmp_path / "model", *made)


def by_name(effects):
    return {(e.vocabulary, e.how, e.score): e for e in effects if e.group != "all"}


def test_a_sum_merged_model_loses_exactly_nothing_on_day_0(checkpoint, pages, tmp_path):
    model, processor = make_model()
    add_second(model, processor)
    merged = checkpoint(model, processor)
    found, left_out = merged.measure(load_items([pages]), tmp_path / "out", generate=True)
    assert len(found) == 12 and not left_out
    effects = by_name(effects_of(found, 2))
    for how in ("zeroed", "shuffled"):
        for score in (LM, GENERATED):
            assert effects[1, how, score].is_identical
            assert effects[1, how, score].difference.value == 0.0
        assert not effects[0, how, LM].is_identical
    says = {f.vocabulary: f for f in findings_of(list(effects.values()), LM)}
    assert says[1].use == "exactly nothing" and "not one bit" in says[1].words
    assert says[0].use != "exactly nothing"
    with torch.no_grad():
        model.projector.linears[1].weight.normal_(std=0.3)
    trained = Checkpoint(tmp_path / "trained", model, processor)
    found, _ = trained.measure(load_items([pages]), tmp_path / "out2")
    assert not by_name(effects_of(found, 2))[1, "zeroed", LM].is_identical


def test_nano_reads_by_its_vocabulary(tmp_path):
    texts = [
        "The harbour lies open to the north", "Measure twice and cut once", "Page 47 of 1893",
        "Seventeen lanterns hung", "It is 5 o'clock",
    ]  # fmt: skip
    strips = write_set(tmp_path / "set", [line_sample(n, text) for n, text in enumerate(texts)])
    folder = find_checkpoint("nano")
    model, processor = load_model(folder, torch.device("cpu"), torch.float32)
    items = load_items([strips])
    found, _ = measure(model, processor, items, Folder(tmp_path / "out", folder, items, Options()))
    whole = [one.cells["whole"] for one in found]
    blind = [one.cells["1 zeroed"] for one in found]
    assert all(cells[CTC_TEXT][0] < 0.1 for cells in whole)
    assert all(cells[CTC_TEXT][0] == 1.0 for cells in blind)
    assert all(
        a[CTC][0] / a[CTC][1] + 3 < b[CTC][0] / b[CTC][1] for a, b in zip(whole, blind, strict=True)
    )
    outcome = report_outcome("nano", model.config, found, {})
    assert outcome.values["main_score"] == CTC
    assert outcome.lines[0].startswith("without vocabulary 1 (vary_vitdet): document (en) +")
    assert "read through it" in outcome.lines[0]
    assert outcome.picture["png"].startswith(b"\x89PNG") and b"<svg" in outcome.picture["svg"]


@pytest.mark.parametrize("fusion", ["channel", "sum", "sequence"])
def test_zeroed_is_that_share_alone(fusion):
    model, processor = make_model(2, fusion)
    seen = [see(model, processor, [page_picture(1)])]
    whole = encode(model, seen, WHOLE).tokens
    spoiled = encode(model, seen, Variant(1, "zeroed")).tokens
    with torch.inference_mode():
        first = model.projector.linears[0](seen[0].tokens[0][0])
    if fusion == "channel":
        assert torch.equal(spoiled[:, :12], whole[:, :12]) and not spoiled[:, 12:].any()
    elif fusion == "sequence":
        assert torch.equal(spoiled[:4], whole[:4]) and not spoiled[4:].any()
    else:
        assert torch.equal(spoiled, first) and not torch.equal(whole, first)
    assert torch.equal(encode(model, seen, WHOLE).tokens, whole)  # the hook is gone


def page_picture(seed):
    return decode(encoded(seed))


def test_shuffled_takes_one_vocabulary_of_another_image():
    model, processor = make_model(2)
    own, other = (see(model, processor, [page_picture(seed)]) for seed in (1, 2))
    mixed = own.with_other(1, other)
    fused = encode(model, [mixed], Variant(1, "shuffled")).tokens
    assert torch.equal(fused[:, :12], encode(model, [own], WHOLE).tokens[:, :12])
    assert torch.equal(fused[:, 12:], encode(model, [other], WHOLE).tokens[:, 12:])


def test_the_loss_is_that_of_the_model(checkpoint, pages, tmp_path):
    model, processor = make_model()
    items = load_items([pages], 3)
    found, _ = checkpoint(model, processor).measure(items, tmp_path / "out")
    for item, one in zip(
        sorted(items, key=lambda i: i.id), sorted(found, key=lambda f: f.id), strict=True
    ):
        inputs = processor(item.read())
        answer = torch.tensor(processor.answer_tokens([item.text]))
        prompt = inputs.pop("input_ids")
        for name in ("attention_mask", "position_ids"):
            inputs.pop(name)
        labels = torch.cat([torch.full_like(prompt, -100), answer], 1)
        loss = model(torch.cat([prompt, answer], 1), labels=labels, **inputs).loss
        nats, tokens = one.cells["whole"][LM]
        assert tokens == answer.numel() and nats / tokens == pytest.approx(loss.item(), rel=1e-5)


def test_batches_change_nothing_to_speak_of(checkpoint, pages, tmp_path):
    one = checkpoint(*make_model(2))
    items = load_items([pages])
    alone, _ = one.measure(items, tmp_path / "alone", batch_size=1)
    together, _ = one.measure(items, tmp_path / "together", batch_size=5)
    for a, b in zip(alone, together, strict=True):
        assert a.id == b.id and a.cells.keys() == b.cells.keys()
        for name in a.cells:
            assert a.cells[name][LM] == pytest.approx(b.cells[name][LM], rel=1e-4)


def test_conversations_of_several_images_and_turns(checkpoint, tmp_path):
    model, processor = make_model(2, form="qwen")
    talks = write_set(tmp_path / "talks", TALKS)
    found, left_out = checkpoint(model, processor).measure(
        load_items([talks]), tmp_path / "out", generate=True
    )
    assert not left_out
    sample = TALKS[0]
    turns = [{"role": part.role, "content": part.content} for part in sample.messages]
    learned = sum(processor.conversation(turns, [4, 4]).is_answer)
    for one in found:
        assert one.group == "conversation (en)"
        assert set(one.cells) == {"whole", "1 zeroed", "1 shuffled", "2 zeroed", "2 shuffled"}
        assert one.cells["whole"][LM][1] == learned
        assert 0 <= one.cells["whole"][GENERATED][0] <= 1
    asked = write_set(tmp_path / "asked", [page_sample(1), page_sample(2)])
    found, _ = Checkpoint(tmp_path / "again", model, processor).measure(
        load_items([asked]), tmp_path / "out2"
    )
    assert len(found) == 2  # a page is asked the paper's question


def test_one_bad_sample_stops_no_other(checkpoint, tmp_path):
    broken = page_sample(20, images=(EncodedImage(b"no picture", "x.png", 60, 40),))
    silent = page_sample(21, images=())
    long = page_sample(22, text="the harbour " * 300)
    talk = talk_sample(0)
    samples = [*map(page_sample, range(4)), broken, silent, long, talk]
    folder = write_set(tmp_path / "mixed", samples)
    found, left_out = checkpoint(*make_model()).measure(load_items([folder]), tmp_path / "out")
    assert [one.id for one in sorted(found, key=lambda f: f.id)] == [f"page/{n}" for n in range(4)]
    reasons = " ".join(left_out)
    assert sum(left_out.values()) == 4
    for part in ("cannot be decoded", "no picture", "position", "2 pictures"):
        assert part in reasons
    with pytest.raises(InputError, match="no picture"):
        only = load_items([write_set(tmp_path / "none", [silent])])
        checkpoint(*make_model()).measure(only, tmp_path / "none-out")


def test_a_stopped_report_goes_on(checkpoint, pages, tmp_path, monkeypatch):
    one = checkpoint(*make_model())
    items, out = load_items([pages]), tmp_path / "out"
    whole, _ = one.measure(items, tmp_path / "whole")
    real, calls = module._Bench.measure, []

    def stop_at_second(self, chunk):
        calls.append(len(chunk))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, chunk)

    monkeypatch.setattr(module._Bench, "measure", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        one.measure(items, out)
    file = out / "responses.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == calls[0] == 8
    file.write_bytes(b"".join(lines) + b'{"id": "page/9", "un')
    monkeypatch.setattr(module._Bench, "measure", real)
    again, _ = one.measure(items, out)
    assert again == whole
    assert file.read_bytes().startswith(b"".join(lines)) and b'"un\n' not in file.read_bytes()
    monkeypatch.setattr(module._Bench, "measure", None)  # nothing is left to measure
    assert one.measure(items, out)[0] == whole
    with pytest.raises(VaryError, match="other: generate"):
        Folder(out, one.folder, items, Options(generate=True))
    with pytest.raises(VaryError, match="other: samples"):
        Folder(out, one.folder, items[:3], Options())


def test_images_of_unequal_tokens_are_not_exchanged(tmp_path):
    folder = find_checkpoint("nano")
    model, processor = load_model(folder, torch.device("cpu"), torch.float32)
    lines = [line_sample(0, "A"), line_sample(1, "The harbour lies open to the north")]
    items = load_items([write_set(tmp_path / "set", lines)])
    found, _ = measure(model, processor, items, Folder(tmp_path / "o", folder, items, Options()))
    assert all("1 shuffled" not in one.cells and "1 zeroed" in one.cells for one in found)
    report_outcome("nano", model.config, found, {})  # a report without shuffled figures


def test_strips_are_cut_out_of_pages(tmp_path):
    first, second = (line_sample(n, text) for n, text in enumerate(["The harbour", "lies open"]))
    page = Image.new("L", (400, 120), 255)
    words = []
    for row, sample in enumerate((first, second)):
        page.paste(line_picture(sample.text), (20, 10 + 50 * row))
        words += [
            Word(0, w.text, w.x0 + 20, 20 + 50 * row, w.x1 + 20, 48 + 50 * row)
            for w in sample.words
        ]

    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    image = EncodedImage(buffer.getvalue(), "p.png", *page.size)
    sample = page_sample(0, images=(image,), text="The harbour\nlies open", words=tuple(words))
    (item,) = load_items([write_set(tmp_path / "set", [sample])])
    strips = strips_of(item)
    assert [strip.text for strip in strips] == ["The harbour", "lies open"]
    assert all(strip.read()[0].size == strip.sizes[0] for strip in strips)
    assert np.asarray(strips[1].read()[0]).min() == 0
    with pytest.raises(InputError, match="without boxes"):
        bare = load_items([write_set(tmp_path / "bare", [page_sample(0, text="a\nb")])])
        strips_of(bare[0])


def test_half_a_model_is_refused(tmp_path):
    model, processor = make_model(2)
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    processor.image_processor.rules = processor.image_processor.rules[:1]
    processor.save_pretrained(folder)
    with pytest.raises(VaryError, match="2 vocabularies and image rules for 1"):
        load_model(folder, torch.device("cpu"), torch.float32)
    (folder / "model.safetensors").write_bytes(b"half")
    with pytest.raises(VaryError, match="no model of ours that can be read"):
        load_model(folder, torch.device("cpu"), torch.float32)


def measured(number, whole, zeroed, shuffled, group="document (en)"):
    cells = {"whole": whole, "1 zeroed": zeroed, "1 shuffled": shuffled}
    return Measured(
        f"{group}{number}", f"{group}{number}", group,
        {name: {LM: (value, 10.0)} for name, value in cells.items()},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zeroed", "shuffled", "use"),
    [
        (lambda n: 20 + n % 3, lambda n: 30 + n % 3, "uses"),
        (lambda n: 20 + n % 3, lambda n: 10 + 0.001 * (n % 2), "needs its place"),
        (lambda n: 10 + 0.001 * (n % 2), lambda n: 10 + 0.001 * (n % 2), "does not use"),
        (lambda n: 5 + n % 3, lambda n: 10, "harms"),
        (lambda n: 10 + 9 * (-1) ** n, lambda n: 10 + 9 * (-1) ** n, "unsure"),
        (lambda n: 10, lambda n: 10, "exactly nothing"),
    ],
)
def test_what_is_said_of_a_vocabulary(zeroed, shuffled, use):
    found = [measured(n, 10.0, float(zeroed(n)), float(shuffled(n))) for n in range(24)]
    (finding,) = findings_of(effects_of(found, 1), LM)
    assert finding.use == use


def test_one_document_gives_no_interval():
    (finding,) = findings_of(effects_of([measured(0, 10.0, 20.0, 30.0)], 1), LM)
    assert finding.use == "unsure" and "too few documents to say anything (1; 5" in finding.words
    two_kinds = [measured(n, 10.0, 20.0, 30.0, kind) for kind in ("a", "b") for n in range(3)]
    assert [f.group for f in findings_of(effects_of(two_kinds, 1), LM)] == ["all", "a", "b"]


def test_errors_by_format():
    assert error_of("abcd", "abcd", "text") == 0 and error_of("abxd", "abcd", "text") == 0.25
    chart = json.dumps({"title": "t", "data": {"a": "1", "b": "2"}})
    wrong = json.dumps({"title": "t", "data": {"a": "1", "b": "9"}})
    assert error_of(chart, chart, "dict") == 0 and error_of(wrong, chart, "dict") == 0.5
    assert error_of("no dict", chart, "dict") == 1
    assert error_of("a red ball", "a red ball", "caption") == 0
