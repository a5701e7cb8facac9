import io
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.natural import SENTENCES, NaturalConfig, build_natural_engine
from vary.data.shards import Run, generate
from vary.errors import InputError, VaryError


def photo(path, size=(96, 72), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    photo(root / "b.jpg", (2000, 1000))
    photo(root / "a" / "c.JPG", format="JPEG")
    photo(root / "d.png")
    (root / "e.jpg").write_bytes(b"none")
    (root / "f.jpg").write_bytes((root / "b.jpg").read_bytes()[:5000])
    photo(root / "g.gif", (20, 20))
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.jpg").write_bytes(b"x")
    return root


def build(folder, **options):
    return build_natural_engine(NaturalConfig(photos=folder, **options))


def test_each_photo_is_a_sample_or_a_named_reject(folder, tmp_path):
    engine = build(folder)
    assert engine.names == ["a/c.JPG", "b.jpg", "d.png", "e.jpg", "f.jpg", "g.gif"]
    first, second, third = (make_sample(engine, 1, index) for index in range(3))
    assert first.images[0].bytes == (folder / "a" / "c.JPG").read_bytes()
    assert (second.images[0].width, second.images[0].height) == (1024, 512)
    assert third.images[0].bytes == (folder / "d.png").read_bytes()
    assert (first.kind, first.format, first.language, first.source) == (
        "natural", "caption", "en", "a/c.JPG",
    )  # fmt: skip
    manifest = generate(lambda: engine, Run(tmp_path / "set", 7, 1, 4))
    assert manifest.rejects == {
        "broken picture": 1, "not a picture": 1, "past the end of the source": 1, "too small": 1,
    }  # fmt: skip


def test_the_five_sentences_come_by_lot_and_alike_each_time(folder):
    engine = build(folder)
    texts = Counter(make_sample(engine, seed, 0).text for seed in range(200))
    assert set(texts) == set(SENTENCES)
    assert min(texts.values()) > 20
    assert make_sample(engine, 3, 0) == make_sample(build(folder), 3, 0)
    assert abs(engine.length_hint(0) - 22) < 5


def test_every_photo_is_encoded_anew_where_asked(folder):
    engine = build(folder, own_bytes=False, max_side_px=80, quality=50, min_side_px=20)
    sample = make_sample(engine, 1, 2)
    assert sample.images[0].path == "d.jpg"
    with Image.open(io.BytesIO(sample.images[0].bytes)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (80, 60), "RGB")


def test_photos_in_mixed_order_are_the_same_ones(folder):
    engine = build(folder, order="mixed")
    assert sorted(engine.order) == list(range(6))
    assert list(engine.order) != list(range(6))
    assert list(build(folder, order="mixed").order) == list(engine.order)


@pytest.fixture
def coco(tmp_path):
    """COCO's layout; the second photo of the list is not there, the third has no name."""
    root = tmp_path / "coco"
    for number in (1, 3):
        photo(root / "train2017" / f"{number:012d}.jpg")
    photo(root / "train2017" / "not-listed.jpg")
    images = [
        {"id": 1, "file_name": "000000000001.jpg", "license": 4},
        {"id": 2, "file_name": "000000000002.jpg", "license": 4},
        {"id": 8},
        {"id": 3, "file_name": "000000000003.jpg", "license": 99, "mood": "sad"},
    ]
    whole = {"licenses": [{"id": 4, "name": "CC BY 2.0"}], "images": images,
             "annotations": [{"id": 1, "segmentation": [[1.5, 2]]}]}  # fmt: skip
    path = root / "annotations" / "instances_train2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(whole))
    return root


def test_photos_of_coco_with_their_licence_and_what_is_missing(coco):
    engine = build(coco, annotations=coco / "annotations" / "instances_train2017.json",
                   licence="unknown")  # fmt: skip
    assert len(engine) == 4
    sample = make_sample(engine, 1, 0)
    assert sample.source == "000000000001.jpg; CC BY 2.0"
    assert json.loads(sample.meta) == {
        "photo": "000000000001.jpg", "image_id": "1", "licence": "CC BY 2.0",
    }  # fmt: skip
    with pytest.raises(Reject, match=r"missing picture: 000000000002\.jpg"):
        make_sample(engine, 1, 1)
    with pytest.raises(Reject, match=r"picture without a name: .* images entry 2"):
        make_sample(engine, 1, 2)
    last = make_sample(engine, 1, 3)
    assert last.source == "000000000003.jpg; unknown"
    assert json.loads(last.meta)["unmapped"] == ["image.mood"]


def test_photos_that_hold_text_are_dropped_by_annotations(coco, tmp_path):
    texts = {
        "imgs": {"1": {"id": 1}, "3": {"id": 3}},
        "anns": {
            "10": {"image_id": 1, "legibility": "legible", "utf8_string": "STOP"},
            "11": {"image_id": 1, "legibility": "legible"},
            "12": {"image_id": 3, "legibility": "illegible"},
        },
    }
    path = tmp_path / "cocotext.v2.json"
    path.write_text(json.dumps(texts))
    folder = coco / "train2017"
    engine = build(folder, text_annotations=path)
    with pytest.raises(Reject, match=r"holds text: 000000000001\.jpg: 2 legible"):
        make_sample(engine, 1, 0)
    assert json.loads(make_sample(engine, 1, 1).meta)["texts"] == 0
    assert "texts" not in json.loads(make_sample(engine, 1, 2).meta)
    kept = build(folder, text_annotations=path, max_texts=2)
    assert json.loads(make_sample(kept, 1, 0).meta)["texts"] == 2
    assert len(kept.config()["text_annotations"]) == 64
    path.write_text(json.dumps({"anns": {"1": {"legibility": "legible"}}}))
    with pytest.raises(InputError, match="has no image_id"):
        build(folder, text_annotations=path)


def test_configuration_follows_the_photos_not_their_place(folder, tmp_path):
    config = build(folder).config()
    assert config["photos"]["number"] == 6
    assert str(tmp_path) not in json.dumps(config)
    moved = folder.rename(tmp_path / "elsewhere")
    assert build(moved).config() == config
    photo(moved / "h.jpg")
    assert build(moved).config() != config


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"order": "random"}, "order 'random'"),
        ({"max_texts": -1}, "max_texts -1"),
        ({"quality": 500}, "quality 500"),
        ({"max_side_px": 10}, "max_side_px 10"),
    ],
)
def test_wrong_options_are_named(folder, options, told):
    with pytest.raises(VaryError, match=told):
        NaturalConfig(photos=folder, **options)


def test_folders_without_photos_are_named(tmp_path, coco):
    with pytest.raises(InputError, match="no photo folder"):
        build(tmp_path / "none")
    with pytest.raises(InputError, match="holds no photos"):
        build(coco / "annotations")
    (tmp_path / "a.json").write_text('{"images": []}')
    with pytest.raises(InputError, match='lists no "images"'):
        build(coco, annotations=tmp_path / "a.json")
