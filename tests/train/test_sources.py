"""Examples by index: drawn lines, engine samples, and rows of sets on disk."""

import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.schema import EncodedImage, Sample, write_samples
from vary.data.shard_rows import ShardRows
from vary.errors import InputError, VaryError
from vary.train.batches import collate
from vary.train.recipe import load_recipe
from vary.train.sources import Materials, ShardSource


def png(size=(40, 20), name="a.png"):
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(256, size=size[::-1])
    Image.fromarray(noise.astype(np.uint8)).save(file, format="PNG")
    return EncodedImage(file.getvalue(), name, *size)


def sample_of(name, text="a word", images=None):
    images = (png(),) if images is None else images
    return Sample(name, images, "document", "en", "text", text)


@pytest.fixture
def lines(tiny, materials):
    """Return the lines of the tiny recipe's first stage."""
    return materials.sources(tiny().stages[0])["lines"]


def same(one, other):
    return one.id == other.id and one.text == other.text and np.array_equal(*pictures(one, other))


def pictures(*examples):
    return [np.asarray(example.picture) for example in examples]


def test_a_line_is_a_function_of_seed_stage_and_index(tiny, lines):
    first = lines.example(7)
    lines.example(8)
    assert same(lines.example(7), first)
    draft, read = tiny().stages
    for other in (
        Materials(tiny()).sources(read)["lines"],
        Materials(tiny("seed=4")).sources(draft)["lines"],
    ):
        assert not same(other.example(7), first)
    assert len({lines.example(index).text for index in range(20)}) > 10


def test_a_line_is_as_wide_as_its_hint(lines):
    hints = [lines.length_hint(index) for index in range(30)]
    assert set(hints) == {128, 256}
    for index in range(30):
        example = lines.example(index)
        assert example.picture.shape == (48, hints[index])
        assert example.text.strip() and example.id == f"lines/draft/3/{index}"


def test_no_line_is_cut_off(lines):
    """A word wider than the strip would be trained with letters that do not stand there."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        line = lines.renderer.draw_whole(rng, 128, 1000)
        assert line.words[-1][2] <= min(128, line.strip.shape[1])


def test_lines_go_to_other_processes(lines):
    lines.length_hint(5)
    assert same(pickle.loads(pickle.dumps(lines)).example(5), lines.example(5))


def test_a_source_of_lines_may_have_options_of_its_own(tiny):
    fields = '{name: "lines", kind: "line", options: {em_px: [10, 12]}}'
    recipe = tiny(f"data.sources=[{fields}]")
    small = Materials(recipe).sources(recipe.stages[0])["lines"]
    assert small.renderer.config.em_px == (10.0, 12.0)
    assert recipe.data.line.em_px != (10.0, 12.0)


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("line", "{em_pxx: [10, 12]}", "has no key 'em_pxx'; did you mean em_px"),
        ("line", "{em_px: 10}", "em_px must be a list, got 10"),
        ("block", "{dpii: [72, 80]}", "has no key 'dpii'; did you mean dpi"),
        ("page", "{language: en}", "has no key 'language'"),
        ("page", "{dpi: 72}", "dpi must be a list, got 72"),
    ],
)
def test_options_that_do_not_fit_are_told_with_their_place(tiny, kind, options, told):
    recipe = tiny(f'data.sources=[{{name: "mine", kind: "{kind}", options: {options}}}]')
    with pytest.raises(VaryError, match=r"data\.sources\.mine\.options") as error:
        Materials(recipe).sources(recipe.stages[0])
    assert told in str(error.value)


def test_blocks_are_a_function_of_seed_stage_and_index(tiny):
    recipe = tiny('data.sources=[{name: "blocks", kind: "block"}]')
    one, other = (Materials(recipe).sources(stage)["blocks"] for stage in recipe.stages)
    again = Materials(recipe).sources(recipe.stages[0])["blocks"]
    made = [examples(source) for source in (one, again, other)]
    assert made[0] and all(map(same, made[0], made[1]))
    assert [example.text for example in made[0]] != [example.text for example in made[2]]
    assert all(one.length_hint(index) > 0 for index in range(6))


def examples(source):
    found = []
    for index in range(6):
        try:
            found.append(source.example(index))
        except Reject:
            continue
    return found


def test_held_out_examples_share_neither_font_nor_text(tiny, materials, lines):
    held = materials.sources(tiny().stages[0], held_out=True)["lines"]
    files = [{face.path.name for face in s.renderer.fonts.faces} for s in (lines, held)]
    assert files == [{"learned.ttf"}, {"held.ttf"}]
    texts = [{p.text for p in s.renderer.texts.corpus.paragraphs} for s in (lines, held)]
    assert all(texts) and not texts[0] & texts[1]


def write_set(folder, samples):
    folder.mkdir()
    write_samples(samples, folder / "part-00000.parquet")
    return folder


def test_a_set_gives_its_samples(tmp_path):
    samples = [sample_of(f"s/{n}", "a" * (n + 1), (png((40 + n, 20)),)) for n in range(5)]
    rows = ShardRows(write_set(tmp_path / "set", samples))
    source = ShardSource("set", rows, np.array([3, 1]))
    assert source.num_examples == 2
    assert [source.length_hint(index) for index in (0, 1)] == [4, 2]
    example = source.example(0)
    assert (example.id, example.text, example.picture.size) == ("s/3", "aaaa", (43, 20))


BAD = {
    "none": (sample_of("none", images=()), "not one image: none has 0"),
    "two": (sample_of("two", images=(png(), png())), "not one image: two has 2"),
    "silent": (sample_of("silent", text=""), "no text: silent"),
    "broken": (
        sample_of("broken", images=(replace(png(), bytes=png().bytes[:400]),)),
        "image cannot be read: broken",
    ),
    "noise": (
        sample_of("noise", images=(EncodedImage(b"noise", "a.png", 4, 4),)),
        "image cannot be read: noise",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_sample_that_cannot_be_learned_from_is_rejected_with_its_name(tmp_path, name, built):
    sample, told = BAD[name]
    source = ShardSource("set", ShardRows(write_set(tmp_path / "set", [sample])), np.array([0]))
    try:
        batch = collate({0: source.example(0)}, built[1])
    except Reject as reject:
        assert str(reject).startswith(told)
    else:
        assert batch["rejects"] == [(name, told)]
        assert not batch["texts"]


SET = 'data.sources=[{{name: "mine", kind: "shards", path: "{}"}}]'


def test_a_set_without_a_path_is_told_with_the_way_out(tiny):
    recipe = tiny(SET.format(""))
    with pytest.raises(VaryError, match="source mine has no set") as error:
        Materials(recipe).sources(recipe.stages[0])
    assert "data.sources.mine.path=FOLDER" in str(error.value)
    assert "data.sources.mine.weight=0" in str(error.value)


def test_a_source_of_no_weight_need_not_be_there(tiny):
    recipe = tiny(
        'data.sources=[{name: "lines", kind: "line"}, {name: "s", kind: "shards", weight: 0}]'
    )
    assert list(Materials(recipe).sources(recipe.stages[0])) == ["lines"]


def test_a_set_has_a_part_held_out(tiny, tmp_path):
    samples = [sample_of(f"s/{n}", f"text {n}") for n in range(200)]
    recipe = tiny(SET.format(write_set(tmp_path / "set", samples)), "data.text=''")
    materials = Materials(recipe)
    parts = [materials.sources(recipe.stages[0], held_out=held)["mine"] for held in (False, True)]
    learned, held = (set(part.members.tolist()) for part in parts)
    assert not learned & held and len(learned | held) == 200 and 1 <= len(held) <= 12
    assert not materials.draws and materials.told() == []
    assert sorted(materials.plain_texts()) == sorted(f"text {n}" for n in learned)
    assert set(materials.alphabet) == set("text 0123456789")


def test_a_recipe_without_text_is_told(tiny):
    recipe = tiny("data.text=''")
    with pytest.raises(VaryError, match=r"data\.text=FOLDER"):
        Materials(recipe).sources(recipe.stages[0])


@pytest.mark.parametrize("key", ["text", "fonts", "set"])
def test_missing_text_fonts_or_sets_are_named(recipe_file, tmp_path, key):
    value = tmp_path if key == "text" else f"[{tmp_path}]"
    override = SET.format(tmp_path) if key == "set" else f"data.{key}={value}"
    recipe = load_recipe(recipe_file, [override])
    with pytest.raises(InputError, match=str(tmp_path)):
        Materials(recipe).sources(recipe.stages[0])


def test_lines_in_two_languages_need_text_in_both(tiny):
    sources = "[{name: en, kind: line}, {name: zh, kind: line, language: zh}]"
    recipe = tiny(f"data.sources={sources}", "data.alphabet=zh")
    with pytest.raises(InputError, match="no paragraph for lines in 'zh'"):
        Materials(recipe).sources(recipe.stages[0])


def test_the_alphabet_of_lines_is_the_recipes(tiny):
    assert "的" in Materials(tiny("data.alphabet=zh")).alphabet
    assert "的" not in Materials(tiny()).alphabet
    with pytest.raises(InputError, match="no alphabet 'none'"):
        _ = Materials(tiny("data.alphabet=none")).alphabet
