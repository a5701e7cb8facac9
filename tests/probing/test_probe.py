"""Light readers: what they are given, what they learn, what is said, and how a probe goes on."""

import copy
import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionModel

from vary.data.schema import Word
from vary.errors import InputError, VaryError
from vary.model import ImageRule, TowerVocabulary
from vary.model.sources import Source
from vary.probing import reading
from vary.probing.features import PATCHES, TOKENS, compute_features, picture_key, vocabulary_key
from vary.probing.items import load_items
from vary.probing.lines import learned_alphabet, lines_of, split_lines
from vary.probing.probe import run_probe
from vary.probing.probe_outcome import probe_outcome
from vary.probing.reading import Budget, Lesson, Reading, read_lines
from vary.probing.verdicts import advice_for, groups_of, judge
from vary.probing.views import BlindView, CeilingView, VocabularyView
from vary.vocabulary import ViTDetVocabulary

from .conftest import clip_config, line_sample, page_sample, vitdet_config, write_set

STRIP = {
    "image_size": (48, 1536), "patch_size": (16, 8), "window_size": (3, 8), "positions": "slice",
}  # fmt: skip
STRIP_RULE = ImageRule("strip", 48, 1536, step_px=128)
SMALL = Budget(steps=8, batch_size=4, width=16)


def lines_in_words(count: int = 24, letters: str = "abcd") -> list[str]:
    rng = np.random.default_rng(4)
    return [" ".join("".join(rng.choice(list(letters), 4)) for _ in range(3)) for _ in range(count)]


def strip_source(name: str = "strips", seed: int = 3) -> Source:
    torch.manual_seed(seed)
    return Source(name, ViTDetVocabulary(vitdet_config(**STRIP)).eval(), STRIP_RULE)


@pytest.fixture
def strips(tmp_path):
    samples = [line_sample(number, text) for number, text in enumerate(lines_in_words())]
    return load_items([write_set(tmp_path / "lines", samples)])


def lines_and_pictures(items):
    pictures = [item.read()[0] for item in items]
    lines = [
        line
        for number, (item, picture) in enumerate(zip(items, pictures, strict=True))
        for line in lines_of(item, number, picture.size)
    ]
    return lines, pictures


def test_lines_are_cut_between_words(tmp_path):
    text = "The harbour lies open to the north"
    (item,) = load_items([write_set(tmp_path / "set", [line_sample(0, text)])])
    pieces = lines_of(item, 7, item.sizes[0])
    assert " ".join(piece.text for piece in pieces) == text
    assert all(len(piece.text) <= 16 for piece in pieces) and len(pieces) > 2
    for piece, following in itertools.pairwise(pieces):
        assert piece.box[2] <= following.box[0] and piece.box[1:4:2] == (0, 48)
    for piece in pieces:
        assert piece.picture == 7 and piece.unit == "book 0" and piece.script == "Latin"
        assert "".join(p.character for p in piece.places) == piece.text.replace(" ", "")
        assert all(piece.box[0] < p.x < piece.box[2] for p in piece.places)


def test_lines_of_a_page_and_of_strips_without_boxes(tmp_path):
    words = (
        Word(0, "one", 10, 10, 60, 30),
        Word(0, "two", 70, 12, 120, 30),
        Word(0, "漢", 10, 50, 30, 70),
    )
    page = page_sample(0, text="one two\n\n漢", words=words)
    strip = line_sample(1, "no boxes here", boxes=False)
    bare = page_sample(2, text="two\nlines")
    empty = page_sample(3, text=" ")
    items = load_items([write_set(tmp_path / "set", [page, strip, bare, empty])])
    first, second = lines_of(items[0], 0, items[0].sizes[0])
    assert (first.text, first.box) == ("one two", (10, 10, 120, 30))
    assert (second.text, second.script) == ("漢", "Han")
    (whole,) = lines_of(items[1], 1, items[1].sizes[0])
    assert whole.text == "no boxes here" and whole.box[2:] == items[1].sizes[0]
    with pytest.raises(InputError, match="nobody knows where its lines stand"):
        lines_of(items[2], 2, items[2].sizes[0])
    with pytest.raises(InputError, match="no text"):
        lines_of(items[3], 3, items[3].sizes[0])


def test_whole_documents_are_held_out(strips):
    lines, _ = lines_and_pictures(strips)
    split = split_lines(lines)
    learned = {lines[number].unit for number in split.learned}
    held = {lines[number].unit for number in split.held_out}
    assert learned and held and not learned & held
    assert sorted((*split.learned, *split.held_out)) == list(range(len(lines)))
    assert learned_alphabet([lines[number] for number in split.learned], 3) == " abcd"
    with pytest.raises(InputError, match="1 documents"):
        split_lines([line for line in lines if line.unit == lines[0].unit])


def test_tokens_are_kept_and_go_on(strips, tmp_path):
    source, folder = strip_source(), tmp_path / "features"
    _, pictures = lines_and_pictures(strips)
    keys = [picture_key(picture) for picture in pictures]
    reads = [lambda p=p: p for p in pictures]
    whole, reasons = compute_features(source, reads, keys, folder)
    assert not any(reasons)
    with torch.inference_mode():
        pixels = source.rule.pixels(pictures[5])
        given = source.rule.normalise(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
        output = source.network(given)
    wanted = {TOKENS: output.last_hidden_state[0], PATCHES: output.patch_features[0].flatten(0, 1)}
    for name, values in wanted.items():
        assert np.allclose(whole[name].tokens(5), values.numpy(), atol=1e-2)
        grid = whole[name].grids[5]
        assert grid.size == len(values)
        # The right end of the picture lies where the strip's white begins.
        own = pictures[5].width / pixels.shape[1] * grid.columns
        assert grid.scale[0] * pictures[5].width == pytest.approx(own)
    store = next(folder.glob("*-tokens"))
    values, index = (store / "values.f16").read_bytes(), (store / "index.jsonl").read_text()
    # A kill in the middle: half a picture's tokens, half a line.
    (store / "values.f16").write_bytes(values[: len(values) // 2 + 3])
    (store / "index.jsonl").write_text(index[:-20])
    calls = []
    again, _ = compute_features(
        source, [lambda p=p: calls.append(1) or p for p in pictures], keys, folder
    )
    assert 0 < len(calls) < len(pictures)
    for number in range(len(pictures)):
        assert np.array_equal(again[TOKENS].tokens(number), whole[TOKENS].tokens(number))
    calls.clear()
    compute_features(source, [lambda p=p: calls.append(1) or p for p in pictures], keys, folder)
    assert not calls


def test_other_weights_are_another_vocabulary():
    one = strip_source()
    other = copy.deepcopy(one)
    assert vocabulary_key(one) == vocabulary_key(other)
    with torch.no_grad():
        other.network.net_3.weight[0, 0, 0, 0] += 1
    assert vocabulary_key(one) != vocabulary_key(other)
    other = Source("strips", one.network, ImageRule("strip", 48, 1536, step_px=64))
    assert vocabulary_key(one) != vocabulary_key(other)


def test_where_a_cut_picture_is_not_seen(tmp_path):
    tower = TowerVocabulary.from_network(CLIPVisionModel(clip_config()).eval())
    crop = Source("clip", tower, ImageRule("crop", 28, 28, resize_px=28))
    picture = Image.new("L", (200, 50), 255)
    found, _ = compute_features(crop, [lambda: picture], ["a"], tmp_path)
    grid = found[TOKENS].grids[0]
    places = [x * grid.scale[0] + grid.shift[0] for x in (0, 100, 200)]
    assert places[0] < 0 and places[1] == pytest.approx(1) and places[2] > grid.columns
    assert PATCHES not in found


def test_what_a_vocabulary_cannot_take_is_told(tmp_path):
    page = Source(
        "page",
        ViTDetVocabulary(vitdet_config(positions="slice")).eval(),
        ImageRule("canvas", 128, 128, step_px=8),
    )
    big, small = Image.new("L", (120, 100)), Image.new("L", (40, 20))
    found, reasons = compute_features(page, [lambda: big, lambda: small], ["a", "b"], tmp_path)
    assert "larger than 64x64" in reasons[0] and not reasons[1]
    assert found[TOKENS].grids[0] is None and found[TOKENS].grids[1].size == 2


def test_a_line_is_looked_for_where_it_stands(strips, tmp_path):
    lines, pictures = lines_and_pictures(strips)
    keys = [picture_key(picture) for picture in pictures]
    found, _ = compute_features(strip_source(), [lambda p=p: p for p in pictures], keys, tmp_path)
    view, rng = VocabularyView(found[PATCHES], lines), np.random.default_rng(0)
    for number in (0, 3):
        line, given = lines[number], view.line(number, rng)
        grid = found[PATCHES].grids[line.picture]
        assert given.index.shape == (line.columns, 4) and given.seen.all()
        tokens, width = found[PATCHES].tokens(line.picture), line.box[2] - line.box[0]
        across = line.box[0] + (np.arange(line.columns) + 0.5) / line.columns * width
        columns = (across * grid.scale[0]).astype(int)
        for height, row in enumerate((0, 1, 1, 2)):  # four heights in three rows of patches
            taken = given.tokens[given.index[:, height]]
            assert np.array_equal(taken, tokens[row * grid.columns + columns])
    blind = BlindView(found[PATCHES], lines)
    assert not np.array_equal(blind.line(0, rng).tokens, view.line(0, rng).tokens)


def test_a_reader_learns_what_it_sees_and_not_what_it_does_not(strips, tmp_path):
    lines, pictures = lines_and_pictures(strips)
    split = split_lines(lines)
    lesson = Lesson(lines, split, learned_alphabet([lines[n] for n in split.learned], 3))
    budget = Budget(steps=70, batch_size=8, width=32, learning_rate=1e-2)
    keys = [picture_key(picture) for picture in pictures]
    found, _ = compute_features(strip_source(), [lambda p=p: p for p in pictures], keys, tmp_path)
    readings = {
        "blind": read_lines(BlindView(found[TOKENS], lines), lesson, budget, tmp_path / "b"),
        "ceiling": read_lines(CeilingView(lines), lesson, budget, tmp_path / "c"),
    }
    readings["sharp"] = readings["ceiling"]
    (group,) = [g for g in groups_of(lines, readings, lesson.alphabet) if g.script == "Latin"]
    assert group.ceiling.value > 0.9 and group.blind.value < 0.5
    assert group.num_characters == sum(len(lines[n].text.replace(" ", "")) for n in split.held_out)
    assert group.seen("sharp").share.value == 1.0
    sizes = [readings[name].parameters for name in ("blind", "ceiling")]
    assert sizes[0][0] - sizes[0][1] == sizes[1][0] - sizes[1][1]  # all but the first linear


def test_a_stopped_reader_goes_on_exactly(strips, tmp_path, monkeypatch):
    lines, _ = lines_and_pictures(strips)
    split = split_lines(lines)
    lesson = Lesson(lines, split, " abcd")
    whole = read_lines(CeilingView(lines), lesson, SMALL, tmp_path / "whole")
    monkeypatch.setattr(reading, "_SAVE_SECONDS", -1.0)

    def stop(stage, done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_lines(CeilingView(lines), lesson, SMALL, tmp_path / "part", stop)
    steps = []
    part = read_lines(
        CeilingView(lines),
        lesson,
        SMALL,
        tmp_path / "part",
        lambda _, done, total: steps.append(done),
    )
    assert steps == [5, 6, 7, 8]  # the fourth was saved, the fifth was not
    assert (part.texts, part.loss) == (whole.texts, whole.loss)
    assert not list(tmp_path.glob("part.pt*"))
    kept = read_lines(CeilingView(lines), lesson, SMALL, tmp_path / "part", stop)
    assert kept.texts == part.texts and kept.parameters == part.parameters


def test_a_probe_of_two_vocabularies(strips, tmp_path, monkeypatch):
    sources = [strip_source("one"), strip_source("two", seed=9)]
    found = run_probe(strips, sources, tmp_path / "out", SMALL)
    assert list(found.readings) == [
        "one", "one, before merging", "two", "two, before merging", "blind", "ceiling",
    ]  # fmt: skip
    assert sum(found.num_lines) == 24 and found.alphabet == " abcd"
    (group,) = found.groups
    assert [seen.reader for seen in group.readers] == list(found.readings)[:4]
    outcome = probe_outcome(found)
    assert all(line.startswith("Latin: ") for line in outcome.lines) and len(outcome.lines) == 2
    json.dumps(outcome.values, allow_nan=False)
    assert outcome.values["thresholds"] == {"prompt": 0.95, "LoRA": 0.8, "second phase": 0.4}
    assert any("0.95" in note and "0.8" in note for note in outcome.notes)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    monkeypatch.setattr(reading, "_Training", None)  # nothing is trained again
    again = run_probe(strips, sources, tmp_path / "out", SMALL)
    assert again.readings == found.readings
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(VaryError, match="given twice"):
        run_probe(strips, [sources[0], sources[0]], tmp_path / "out", SMALL)


def test_data_without_lines(tmp_path):
    bare = load_items(
        [write_set(tmp_path / "bare", [page_sample(n, text="a\nb") for n in range(3)])]
    )
    with pytest.raises(
        InputError, match=r"nobody knows where its lines stand.*\(3\).*vary data page"
    ):
        run_probe(bare, [strip_source()], tmp_path / "out", SMALL)
    rare = [line_sample(n, text) for n, text in enumerate(("abc", "def", "ghi"))]
    items = load_items([write_set(tmp_path / "rare", rare)])
    with pytest.raises(InputError, match="no character occurs 3 times"):
        run_probe(items, [strip_source()], tmp_path / "out2", SMALL)
    photos = [page_sample(n, images=(), text="") for n in range(2)]
    items = load_items([write_set(tmp_path / "photos", photos)])
    with pytest.raises(InputError, match="no line of text can be read: no picture"):
        run_probe(items, [strip_source()], tmp_path / "out3", SMALL)


def judged(strips, tokens, patches, blind=0.0, ceiling=1.0, characters=None):
    """Return what is said where readers read these shares of every line."""
    lines, _ = lines_and_pictures(strips)
    numbers = range(len(lines))

    def read(share):
        # The first letters of each line are right, the others are not there.
        texts = {n: lines[n].text[: round(share * len(lines[n].text))] for n in numbers}
        return Reading(texts, 0.0, 0.0, (0, 0))

    readings = {
        "v": read(tokens),
        "v, patches": read(patches),
        "blind": read(blind),
        "ceiling": read(ceiling),
    }
    (group,) = groups_of(lines, readings, " abcd" if characters is None else characters)
    return judge(group, "v", "v", "v, patches"), group


@pytest.mark.parametrize(
    ("tokens", "patches", "advice", "words"),
    [
        (1.0, 1.0, "prompt", "sees them: 1.00 [1.00, 1.00] of what can be read. Prompt"),
        (0.86, 1.0, "LoRA", "sees nearly all"),
        (0.6, 0.6, "second phase", "sees them in part"),
        (0.1, 0.2, "first phase", "cannot see them"),
        (0.1, 1.0, "second phase", "v sees them, but its tokens do not hand them on"),
        (0.1, 0.6, "second phase", "v sees them in part, but its tokens do not hand them on"),
        (0.6, 0.9, "second phase", "with the merging convolutions trained too"),
    ],
)
def test_advice(strips, tokens, patches, advice, words):
    verdict, _ = judged(strips, tokens, patches)
    assert verdict.advice == advice and words in verdict.words


def test_what_cannot_be_said(strips):
    verdict, group = judged(strips, 1.0, 1.0, characters="")
    assert verdict.advice == "unknown" and "0 held-out characters; 100 are needed" in verdict.words
    assert group.num_rare > 200
    verdict, _ = judged(strips, 0.3, 0.3, blind=0.2, ceiling=0.3)
    assert "hardly above guessing" in verdict.words
    assert advice_for(None) == "unknown"


def test_guessing_is_no_seeing(strips):
    verdict, group = judged(strips, 0.5, 0.5, blind=0.5)
    assert group.seen("v").share.value == 0.0 and verdict.advice == "first phase"
