"""Degraded images: the same bytes for the same numbers, and boxes that stay with their ink."""

import io
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from vary.data.degrade import marks
from vary.data.degrade.engine import Degraded, build_degraded, parse_degrade
from vary.data.degrade.presets import DegradeConfig, degrade
from vary.data.degrade.warp import (
    Affine,
    about_middle,
    grid_field,
    smooth_field,
    warp_image,
    warp_words,
)
from vary.data.engines.base import make_sample
from vary.data.recipe import load_set_recipe
from vary.data.schema import EncodedImage, Sample, Word
from vary.errors import VaryError

SIZE = (320, 400)


def boxes_page(mode="L"):
    """Return a white page of black boxes, well inside, and words with their boxes."""
    image = Image.new(mode, SIZE, "white")
    pen = ImageDraw.Draw(image)
    words = []
    for row in range(8):
        for column in range(4):
            x, y = 50 + column * 58, 60 + row * 36
            pen.rectangle((x, y, x + 39, y + 11), fill="black")
            words.append(Word(0, f"w{row}{column}", x, y, x + 40, y + 12))
    return image, words


@dataclass
class Boxes:
    """An engine whose samples are `boxes_page`, with as many draws as their index."""

    name: str = "boxes"
    mode: str = "L"
    knows_words: bool = True

    def sample(self, index, rng):
        rng.random(index)
        image, words = boxes_page(self.mode)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        encoded = EncodedImage(buffer.getvalue(), f"boxes-{index}.png", *SIZE)
        own = tuple(words) if self.knows_words else None
        return Sample("", (encoded,), "document", "en", "text", "w", words=own, meta='{"a": 1}')

    def length_hint(self, index):
        return 7

    def config(self):
        return {"n": 1}


def dark_outside(image, words):
    """Return how dark it is anywhere outside the boxes, 0-255."""
    grey = np.asarray(image.convert("L")).astype(int)
    for word in words:
        grey[max(0, word.y0) : word.y1, max(0, word.x0) : word.x1] = 255
    return 255 - grey.min()


def ink_inside(image, words):
    """Return the least share of dark pixels in a box."""
    grey = np.asarray(image.convert("L")).astype(int)
    return min(float((grey[w.y0 : w.y1, w.x0 : w.x1] < 128).mean()) for w in words)


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: about_middle(SIZE, degrees=2.5),
        lambda rng: about_middle(SIZE, degrees=-2, scale=0.9, shift_px=(4, -3)),
        lambda rng: about_middle(SIZE, shear_degrees=(3, -3)),
        lambda rng: grid_field(rng, SIZE, 0.15),
        lambda rng: smooth_field(rng, SIZE, 24, 0.7),
        lambda rng: smooth_field(rng, SIZE, 100, 1.5),
    ],
    ids=["turn", "turn-scale-shift", "shear", "grid", "elastic", "bend"],
)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_boxes_move_with_their_ink(make, mode):
    image, words = boxes_page(mode)
    warp = make(np.random.default_rng(4))
    moved = warp_words(words, warp)
    white = 255 if mode == "L" else (255, 255, 255)
    warped = warp_image(image, warp, white)
    assert (warped.mode, warped.size) == (mode, SIZE)
    assert dark_outside(warped, moved) < 70
    assert ink_inside(warped, moved) > 0.55
    assert [word.text for word in moved] == [word.text for word in words]
    assert dark_outside(warped, words) > 128


def test_an_affine_map_and_its_inverse():
    there = about_middle(SIZE, degrees=7, scale=0.8, shear_degrees=(2, 1), shift_px=(3, 5))
    x, y = np.array([0.0, 10, 300]), np.array([5.0, 70, 200])
    back = there.inverse().apply(*there.apply(x, y))
    np.testing.assert_allclose(back, (x, y), atol=1e-9)
    assert Affine(1, 0, 0, 0, 1, 0).apply(x, y)[0] is not None
    middle = about_middle(SIZE, degrees=30).apply(np.array([160.0]), np.array([200.0]))
    np.testing.assert_allclose(middle, [[160], [200]])


def test_strength_zero_touches_nothing_and_draws_nothing():
    image, words = boxes_page()
    rng = np.random.default_rng(1)
    for name in ("paper", "scan"):
        page = degrade(image, words, DegradeConfig(name, 0.0), rng)
        assert page.image.tobytes() == image.tobytes()
        assert list(page.words) == words and page.steps == []
    assert rng.random() == np.random.default_rng(1).random()
    engine = Degraded(Boxes(), DegradeConfig("scan", 0.0))
    assert make_sample(engine, 0, 3) == make_sample(Boxes(), 0, 3)
    assert isinstance(build_degraded(Boxes, DegradeConfig("scan", 0.0)), Boxes)
    assert isinstance(build_degraded(Boxes, None), Boxes)


@pytest.mark.parametrize("name", ["paper", "scan"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_same_index_gives_the_same_bytes(name, mode):
    engine = Degraded(Boxes(mode=mode), DegradeConfig(name, 1.5))
    first = [make_sample(engine, 5, index) for index in range(12)]
    assert first == [make_sample(engine, 5, index) for index in range(12)]
    changed = [make_sample(engine, 6, index) for index in range(12)]
    assert any(a.images != b.images for a, b in zip(first, changed, strict=True))


@pytest.mark.parametrize("name", ["paper", "scan"])
def test_every_step_occurs_and_boxes_hold_the_ink(name):
    image, words = boxes_page()
    steps = set()
    for seed in range(300 if name == "paper" else 60):
        page = degrade(image, words, DegradeConfig(name), np.random.default_rng(seed))
        steps |= set(page.steps)
        assert page.image.size == SIZE and page.image.mode == "L"
        assert len(page.words) == len(words)
        if page.steps:
            grey = np.asarray(page.image).astype(int)
            for word in page.words:
                inside = grey[max(0, word.y0) : word.y1, max(0, word.x0) : word.x1]
                # Words stay dark against what is around them, wherever they went.
                assert np.median(inside) < grey[:30].mean() - 60, (seed, page.steps)
    expected = {
        "paper": {
            "erosion", "dilation", "shear", "shift-scale-rotate", "grid", "elastic", "tones",
            "blur", "noise", "jpeg",
        },
        "scan": {
            "bleed-through", "thicker ink", "thinner ink", "skew", "bend", "low contrast",
            "uneven light", "gutter", "speckles", "blur", "noise", "fax", "jpeg",
        },
    }[name]  # fmt: skip
    assert steps == expected


def test_the_paper_leaves_most_pages_alone():
    image, words = boxes_page()
    config = DegradeConfig("paper")
    degraded = sum(
        bool(degrade(image, words, config, np.random.default_rng(seed)).steps)
        for seed in range(300)
    )
    # One minus the product of the steps' chances to stay out: 0.33.
    assert 70 < degraded < 130


def test_no_word_is_pushed_off_the_image():
    """Ink near the edges: what would cut it is done more weakly, or left out."""
    image = Image.new("L", SIZE, 255)
    words = []
    for x, y in ((4, 4), (255, 4), (4, 376), (255, 376)):
        ImageDraw.Draw(image).rectangle((x, y, x + 60, y + 19), fill=0)
        words.append(Word(0, "w", x, y, x + 61, y + 20))
    skewed = 0
    for own in (words, None):
        for seed in range(16):
            page = degrade(image, own, DegradeConfig("scan", 2.0), np.random.default_rng(seed))
            skewed += "skew" in page.steps
            for word in page.words or ():
                assert word.x0 >= -1 and word.x1 <= SIZE[0] + 1
                assert word.y0 >= -1 and word.y1 <= SIZE[1] + 1
            assert (page.words is None) == (own is None)
    assert 0 < skewed < 32


def test_a_degraded_sample_is_the_same_page_otherwise():
    engine = Degraded(Boxes(), DegradeConfig("scan"))
    assert (engine.name, engine.length_hint(0)) == ("boxes", 7)
    assert engine.config() == {"n": 1, "degrade": {"name": "scan", "strength": 1.0}}
    suffixes = set()
    for index in range(12):
        clean, worn = make_sample(Boxes(), 2, index), make_sample(engine, 2, index)
        assert replace(worn, images=(), words=(), meta="") == replace(
            clean, images=(), words=(), meta=""
        )
        meta = json.loads(worn.meta)
        assert meta["a"] == 1 and meta["degrade"]
        encoded = worn.images[0]
        suffixes.add(encoded.path[-4:])
        with Image.open(io.BytesIO(encoded.bytes)) as picture:
            assert (picture.width, picture.height) == (encoded.width, encoded.height) == SIZE
            assert picture.format == {".png": "PNG", ".jpg": "JPEG"}[encoded.path[-4:]]
        for word in worn.words:
            assert 0 <= word.x0 < word.x1 <= SIZE[0] and 0 <= word.y0 < word.y1 <= SIZE[1]
    assert suffixes == {".png", ".jpg"}


def test_engines_that_know_no_words():
    worn = make_sample(Degraded(Boxes(knows_words=False), DegradeConfig("scan")), 0, 1)
    assert worn.words is None


def test_a_file_from_jpeg_is_what_the_pixels_are():
    image, _ = boxes_page("RGB")
    decoded, file = marks.as_jpeg(image, 60)
    assert np.array_equal(np.asarray(decoded), np.asarray(Image.open(io.BytesIO(file))))


def test_strokes_grow_and_shrink_about_their_middle():
    image = Image.new("L", (21, 21), 255)
    image.paste(0, (8, 8, 13, 13))
    thick = np.asarray(marks.thicken(image, 3)) == 0
    assert (np.flatnonzero(thick.any(0))[[0, -1]] == [7, 13]).all()
    assert thick.sum() == 49
    assert (np.asarray(marks.thin(image, 3)) == 0).sum() == 9
    half = np.asarray(marks.thicken(image, 3, 0.5))
    assert half[7, 10] == 128 and half[10, 10] == 0


def test_a_fax_of_light_ink_on_dark_paper():
    image = Image.new("RGB", (80, 80), (30, 30, 60))
    image.paste((240, 240, 240), (20, 20, 35, 26))
    pixels = np.asarray(marks.as_fax(image, 0.6))
    assert pixels[0, 0].tolist() == [0, 0, 0] and pixels[22, 25].tolist() == [255, 255, 255]


def test_a_fax_of_a_page_in_shadow():
    """A side in deep shadow keeps its words: paper is what is paper there."""
    image, words = boxes_page()
    dim = marks.shade_side(marks.between_tones(image, 40, (230, 230, 230)), 0.6, 0.6, left=True)
    pixels = np.asarray(marks.as_fax(dim, 0.6))
    for word in words:
        assert (pixels[word.y0 : word.y1, word.x0 : word.x1] == 0).mean() > 0.9
    assert (pixels == 0).mean() < 1.3 * (np.asarray(image) == 0).mean()


def test_the_option_of_a_command_line():
    assert parse_degrade(None) is None and parse_degrade("none") is None
    assert parse_degrade("scan") == DegradeConfig("scan")
    assert parse_degrade("paper:0.5") == DegradeConfig("paper", 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fog", "degrade fog: allowed are paper, scan"),
        ("scan:4", "strength 4.0 of degrade scan: give 0 to 3"),
        ("scan:x", "give NAME or NAME:STRENGTH"),
    ],
)
def test_wrong_options_are_named(text, message):
    with pytest.raises(VaryError, match=message):
        parse_degrade(text)


def test_a_recipe_names_its_degradation(tmp_path):
    path = tmp_path / "set.yaml"
    head = "name: a\nengine: blank\ncount: 2\nseed: 1\noptions: {kinds: [paper]}\n"
    path.write_text(head + "degrade: {name: scan, strength: 0.5}\n")
    recipe = load_set_recipe(path)
    assert recipe.degrade == DegradeConfig("scan", 0.5)
    engine = recipe.engine_builder()()
    assert engine.config()["degrade"] == {"name": "scan", "strength": 0.5}
    assert json.loads(make_sample(engine, 1, 0).meta)["degrade"]
    assert load_set_recipe(path, ["degrade.name=paper"]).degrade == DegradeConfig("paper", 0.5)
    path.write_text(head + "degrade: {name: scan, amount: 1}\n")
    with pytest.raises(VaryError, match=r"recipe\.degrade has no key 'amount'"):
        load_set_recipe(path)
    path.write_text(head)
    assert "degrade" not in load_set_recipe(path).engine_builder()().config()


def test_small_print_neither_vanishes_nor_runs_together():
    """Hairlines: a dilation would take them away, an erosion of 3 px would make them blots."""
    image = Image.new("L", SIZE, 255)
    for x in range(40, 280, 4):
        ImageDraw.Draw(image).line((x, 40, x, 360), fill=0)
    ink = int((np.asarray(image) < 128).sum())
    for seed in range(400):
        page = degrade(image, (), DegradeConfig("paper", 1.0), np.random.default_rng(seed))
        assert "dilation" not in page.steps
        if page.steps == ["erosion"]:
            assert (np.asarray(page.image) < 128).sum() < 2.3 * ink
